-- SQLite compares text byte by byte unless it is told otherwise.
SELECT 1;
