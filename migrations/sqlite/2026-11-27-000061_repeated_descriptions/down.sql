UPDATE files SET description = NULL WHERE EXISTS (
    SELECT 1 FROM files AS other
    WHERE other.account_id = files.account_id AND other.description = files.description AND other.id < files.id
);
DROP INDEX files_account_id_description;
CREATE UNIQUE INDEX files_account_id_description ON files (account_id, description);
