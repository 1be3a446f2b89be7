DROP TRIGGER account_search_update;
DROP TRIGGER account_search_delete;
DROP TRIGGER account_search_insert;
DROP TABLE account_search_terms;
DROP TABLE account_search;
DROP VIEW account_terms;
DROP INDEX accounts_role;
DROP INDEX accounts_place;
ALTER TABLE accounts DROP COLUMN place;
