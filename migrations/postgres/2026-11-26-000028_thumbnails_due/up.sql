CREATE TABLE thumbnails_due (
    file_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    bytes BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL
);
CREATE INDEX thumbnails_due_account_id ON thumbnails_due (account_id, due_at);
-- Images that got no thumbnail while the server had too much to do.
INSERT INTO thumbnails_due (file_id, account_id, bytes, attempts, due_at)
    SELECT id, account_id, bytes, 0, 0 FROM files
    WHERE thumbnail IS NULL
        AND media_type IN ('image/png', 'image/jpeg', 'image/gif', 'image/webp')
        AND bytes <= 12000000;
