-- Whether a program holds the tokens of the session. Nobody knows it of those that are there.
ALTER TABLE sessions ADD COLUMN program BOOLEAN NOT NULL DEFAULT FALSE;
