DROP INDEX accounts_old_keys;
ALTER TABLE accounts DROP COLUMN old_keys;
