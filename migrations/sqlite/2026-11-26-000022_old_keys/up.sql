-- 1 where the key of the address was written by an older version of Doorward, as it is when that
-- one still inserts a row; NULL where it has the form of today.
ALTER TABLE accounts ADD COLUMN old_keys BIGINT DEFAULT 1;
CREATE INDEX accounts_old_keys ON accounts (created_at, id) WHERE old_keys IS NOT NULL;
