ALTER TABLE sessions DROP COLUMN end_reason;
ALTER TABLE sessions DROP COLUMN last_seen_at;
ALTER TABLE sessions DROP COLUMN verified_at;
