-- How the owner of the session proved their account, as in tokens (RFC 8176).
ALTER TABLE sessions ADD COLUMN amr TEXT NOT NULL DEFAULT 'pwd';
