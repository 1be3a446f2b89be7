ALTER TABLE shares DROP COLUMN tries_end_at;
ALTER TABLE shares DROP COLUMN tries;
