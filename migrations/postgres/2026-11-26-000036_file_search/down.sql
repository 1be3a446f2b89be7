DROP INDEX IF EXISTS files_search;
