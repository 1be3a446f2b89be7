-- Byte by byte, as everywhere else: what a system's own order is changes with its C library,
-- and an index made by the old one then finds no longer what is there.
ALTER TABLE accounts
    ALTER COLUMN groups TYPE TEXT COLLATE "C";
ALTER TABLE sessions
    ALTER COLUMN end_reason TYPE TEXT COLLATE "C";
ALTER TABLE links
    ALTER COLUMN id TYPE TEXT COLLATE "C",
    ALTER COLUMN account_id TYPE TEXT COLLATE "C",
    ALTER COLUMN session_id TYPE TEXT COLLATE "C";
ALTER TABLE work_items
    ALTER COLUMN id TYPE TEXT COLLATE "C",
    ALTER COLUMN account_id TYPE TEXT COLLATE "C",
    ALTER COLUMN title TYPE TEXT COLLATE "C";
ALTER TABLE idempotency_keys
    ALTER COLUMN account_id TYPE TEXT COLLATE "C",
    ALTER COLUMN key TYPE TEXT COLLATE "C",
    ALTER COLUMN resource_id TYPE TEXT COLLATE "C";
ALTER TABLE files
    ALTER COLUMN id TYPE TEXT COLLATE "C",
    ALTER COLUMN account_id TYPE TEXT COLLATE "C",
    ALTER COLUMN name TYPE TEXT COLLATE "C",
    ALTER COLUMN name_key TYPE TEXT COLLATE "C",
    ALTER COLUMN description TYPE TEXT COLLATE "C",
    ALTER COLUMN search_key TYPE TEXT COLLATE "C",
    ALTER COLUMN media_type TYPE TEXT COLLATE "C";
ALTER TABLE shelves
    ALTER COLUMN account_id TYPE TEXT COLLATE "C";
ALTER TABLE stray_blobs
    ALTER COLUMN id TYPE TEXT COLLATE "C",
    ALTER COLUMN account_id TYPE TEXT COLLATE "C";
ALTER TABLE shares
    ALTER COLUMN id TYPE TEXT COLLATE "C",
    ALTER COLUMN file_id TYPE TEXT COLLATE "C",
    ALTER COLUMN account_id TYPE TEXT COLLATE "C",
    ALTER COLUMN password_hash TYPE TEXT COLLATE "C";
