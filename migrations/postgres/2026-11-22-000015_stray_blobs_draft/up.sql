ALTER TABLE stray_blobs DROP COLUMN draft;
