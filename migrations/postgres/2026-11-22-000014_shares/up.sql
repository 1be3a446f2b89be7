CREATE TABLE shares (
    id TEXT NOT NULL PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    password_hash TEXT,
    downloads BIGINT NOT NULL,
    downloads_max BIGINT,
    last_used_at BIGINT,
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX shares_file_id ON shares (file_id, created_at, id);
CREATE INDEX shares_account_id ON shares (account_id);
CREATE INDEX shares_ends_at ON shares (ends_at);
