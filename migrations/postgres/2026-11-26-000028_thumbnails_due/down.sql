DROP TABLE thumbnails_due;
