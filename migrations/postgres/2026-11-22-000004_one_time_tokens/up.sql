CREATE TABLE one_time_tokens (
    hash BYTEA NOT NULL PRIMARY KEY,
    purpose TEXT COLLATE "C" NOT NULL,
    ends_at BIGINT NOT NULL
);
