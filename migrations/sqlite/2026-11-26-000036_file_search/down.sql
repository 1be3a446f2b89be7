DROP INDEX files_search;
