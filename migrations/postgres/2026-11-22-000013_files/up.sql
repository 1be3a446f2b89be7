CREATE TABLE files (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    description TEXT,
    search_key TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    thumbnail BYTEA,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX files_account_id_description ON files (account_id, description);
CREATE INDEX files_account_id_created_at ON files (account_id, created_at, id);
CREATE INDEX files_account_id_name_key ON files (account_id, name_key, id);
CREATE INDEX files_account_id_bytes ON files (account_id, bytes, id);
CREATE TABLE shelves (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    files BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    files_max BIGINT,
    bytes_max BIGINT
);
CREATE TABLE stray_blobs (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT,
    bytes BIGINT NOT NULL,
    draft TEXT,
    ends_at BIGINT NOT NULL
);
CREATE INDEX stray_blobs_account_id ON stray_blobs (account_id);
CREATE INDEX stray_blobs_ends_at ON stray_blobs (ends_at);
