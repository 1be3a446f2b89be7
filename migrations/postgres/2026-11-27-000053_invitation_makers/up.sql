-- The administrator who made it; NULL: a command, or an earlier version.
ALTER TABLE invitations ADD COLUMN maker_id TEXT COLLATE "C";
