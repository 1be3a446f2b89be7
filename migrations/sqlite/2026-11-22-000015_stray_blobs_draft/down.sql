ALTER TABLE stray_blobs ADD COLUMN draft TEXT;
