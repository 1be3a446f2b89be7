-- On pages, files may have the same description; the API and the tutorial look for it first.
DROP INDEX files_account_id_description;
CREATE INDEX files_account_id_description ON files (account_id, description);
