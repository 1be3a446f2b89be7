ALTER TABLE accounts ADD COLUMN password_kind TEXT COLLATE "C";
UPDATE accounts SET password_kind = 'own:' || CAST(substr(password_hash, 18, 2) AS INTEGER)
WHERE password_hash LIKE 'bcrypt-hs384:$2b$__$%';
CREATE INDEX accounts_password_kind ON accounts (password_kind);
