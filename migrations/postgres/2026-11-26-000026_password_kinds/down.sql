DROP INDEX accounts_password_kind;
ALTER TABLE accounts DROP COLUMN password_kind;
