ALTER TABLE sessions DROP COLUMN program;
