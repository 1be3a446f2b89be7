DROP INDEX accounts_created_at;
DROP INDEX accounts_deleted_at;
