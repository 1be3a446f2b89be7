ALTER TABLE invitations DROP COLUMN maker_id;
