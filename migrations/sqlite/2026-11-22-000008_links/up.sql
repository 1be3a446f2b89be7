CREATE TABLE links (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    session_id TEXT,
    ends_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX links_account_id ON links (account_id);
CREATE INDEX links_ends_at ON links (ends_at);
