DROP TABLE stray_blobs;
DROP TABLE shelves;
DROP TABLE files;
