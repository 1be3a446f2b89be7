CREATE INDEX accounts_created_at ON accounts (created_at, id);
CREATE INDEX accounts_deleted_at ON accounts (deleted_at) WHERE deleted_at IS NOT NULL;
