-- Trigrams do not answer a search for one or two letters. What an account can be found by has
-- these letters and pairs of letters.
CREATE OR REPLACE FUNCTION account_letters(username_key TEXT, email_key TEXT, email TEXT)
RETURNS TEXT[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(DISTINCT substr(name, at, size))
    FROM unnest(ARRAY[username_key, email_key, email]) AS name,
        generate_series(1, length(name)) AS at,
        generate_series(1, 2) AS size
$$;
CREATE INDEX accounts_letters ON accounts
    USING gin (account_letters(username_key, email_key, email)) WITH (gin_pending_list_limit = 256);
