CREATE INDEX accounts_role ON accounts (role, created_at, id);
CREATE INDEX accounts_active ON accounts (created_at, id)
    WHERE disabled_at IS NULL AND deleted_at IS NULL;
CREATE INDEX accounts_disabled ON accounts (created_at, id)
    WHERE disabled_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX accounts_groups ON accounts USING gin (string_to_array(groups, ' '))
    WHERE groups <> '';

-- Trigrams answer any part of a name. Where the extension may not be created, a search reads
-- the rows until its time is over. It is put where every schema of the database finds it.
DO $$
DECLARE
    home TEXT;
BEGIN
    SELECT nspname INTO home FROM pg_extension
    JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm';
    IF home IS NULL THEN
        CREATE EXTENSION pg_trgm WITH SCHEMA public;
        home := 'public';
    END IF;
    EXECUTE format(
        'CREATE INDEX accounts_names ON accounts USING gin (username_key %1$I.gin_trgm_ops, email_key %1$I.gin_trgm_ops, email %1$I.gin_trgm_ops) WITH (gin_pending_list_limit = 256)',
        home
    );
EXCEPTION
    WHEN insufficient_privilege OR undefined_file OR undefined_object OR undefined_function
        OR feature_not_supported OR invalid_schema_name OR object_not_in_prerequisite_state THEN
        RAISE NOTICE 'no index of trigrams: %', SQLERRM;
END
$$;
