ALTER TABLE signing_keys DROP COLUMN active_at;
