CREATE TABLE one_time_tokens (
    hash BLOB NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    ends_at BIGINT NOT NULL
);
