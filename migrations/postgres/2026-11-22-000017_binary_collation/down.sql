ALTER TABLE accounts
    ALTER COLUMN groups TYPE TEXT COLLATE "default";
ALTER TABLE sessions
    ALTER COLUMN end_reason TYPE TEXT COLLATE "default";
ALTER TABLE links
    ALTER COLUMN id TYPE TEXT COLLATE "default",
    ALTER COLUMN account_id TYPE TEXT COLLATE "default",
    ALTER COLUMN session_id TYPE TEXT COLLATE "default";
ALTER TABLE work_items
    ALTER COLUMN id TYPE TEXT COLLATE "default",
    ALTER COLUMN account_id TYPE TEXT COLLATE "default",
    ALTER COLUMN title TYPE TEXT COLLATE "default";
ALTER TABLE idempotency_keys
    ALTER COLUMN account_id TYPE TEXT COLLATE "default",
    ALTER COLUMN key TYPE TEXT COLLATE "default",
    ALTER COLUMN resource_id TYPE TEXT COLLATE "default";
ALTER TABLE files
    ALTER COLUMN id TYPE TEXT COLLATE "default",
    ALTER COLUMN account_id TYPE TEXT COLLATE "default",
    ALTER COLUMN name TYPE TEXT COLLATE "default",
    ALTER COLUMN name_key TYPE TEXT COLLATE "default",
    ALTER COLUMN description TYPE TEXT COLLATE "default",
    ALTER COLUMN search_key TYPE TEXT COLLATE "default",
    ALTER COLUMN media_type TYPE TEXT COLLATE "default";
ALTER TABLE shelves
    ALTER COLUMN account_id TYPE TEXT COLLATE "default";
ALTER TABLE stray_blobs
    ALTER COLUMN id TYPE TEXT COLLATE "default",
    ALTER COLUMN account_id TYPE TEXT COLLATE "default";
ALTER TABLE shares
    ALTER COLUMN id TYPE TEXT COLLATE "default",
    ALTER COLUMN file_id TYPE TEXT COLLATE "default",
    ALTER COLUMN account_id TYPE TEXT COLLATE "default",
    ALTER COLUMN password_hash TYPE TEXT COLLATE "default";
