-- As for the names of accounts. Without the extension, a search reads an account's files.
DO $$
DECLARE
    home TEXT;
BEGIN
    SELECT nspname INTO home FROM pg_extension
    JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm';
    IF home IS NOT NULL THEN
        EXECUTE format(
            'CREATE INDEX files_search ON files USING gin (search_key %I.gin_trgm_ops) WITH (gin_pending_list_limit = 256)',
            home
        );
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'no index of trigrams: %', SQLERRM;
END
$$;
