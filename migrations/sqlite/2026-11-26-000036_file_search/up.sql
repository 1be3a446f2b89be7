-- A search reads what it compares from the index alone, and no row: those are long.
CREATE INDEX files_search ON files (account_id, search_key, id);
