ALTER TABLE signing_keys ADD COLUMN active_at BIGINT NOT NULL DEFAULT 0;
UPDATE signing_keys SET active_at = created_at;
