-- The budgets that are not full: when each is full again, in milliseconds.
CREATE TABLE limits (
    key BYTEA NOT NULL PRIMARY KEY,
    budget TEXT COLLATE "C" NOT NULL,
    full_at BIGINT NOT NULL
);
CREATE INDEX limits_full_at ON limits (full_at);

-- Passwords of shares have budgets.
ALTER TABLE shares DROP COLUMN tries_end_at;
ALTER TABLE shares DROP COLUMN tries;
