-- A full-text index of trigrams that answers any part of a name in the order of the list. A row
-- of it stands for a place: the time an account was made, from 1970 to 3058, and the first 28
-- bits of its id. Accounts at one place share a row, as do those from before or after that time.
ALTER TABLE accounts ADD COLUMN place INTEGER GENERATED ALWAYS AS (
    CASE
        WHEN created_at < 0 THEN 0
        WHEN created_at > 34359738367 THEN 9223372036854775807
        ELSE (created_at << 28)
            + ((instr('0123456789abcdef', substr(id, 1, 1)) - 1) << 24)
            + ((instr('0123456789abcdef', substr(id, 2, 1)) - 1) << 20)
            + ((instr('0123456789abcdef', substr(id, 3, 1)) - 1) << 16)
            + ((instr('0123456789abcdef', substr(id, 4, 1)) - 1) << 12)
            + ((instr('0123456789abcdef', substr(id, 5, 1)) - 1) << 8)
            + ((instr('0123456789abcdef', substr(id, 6, 1)) - 1) << 4)
            + (instr('0123456789abcdef', substr(id, 7, 1)) - 1)
    END
) VIRTUAL;
CREATE INDEX accounts_place ON accounts (place);
CREATE INDEX accounts_role ON accounts (role, created_at, id);

-- Each name between char(1), an address with a domain in Unicode in both ways; then char(2), the first letter of the role, and 1 when disabled,
-- else 0; then each group between char(3). None of these characters can be in a name.
CREATE VIEW account_terms AS
SELECT
    place,
    group_concat(
        char(1) || coalesce(username_key, '') || char(1) || coalesce(email_key, '') || char(1)
        || iif(lower(email) <> email_key, lower(email) || char(1), '')
        || char(2) || substr(role, 1, 1) || (disabled_at IS NOT NULL)
        || char(3) || replace(groups, ' ', char(3)) || char(3),
        ''
    ) AS terms
FROM accounts
WHERE deleted_at IS NULL
GROUP BY place;

-- Not detail = none: with secure-delete, SQLite 3.53 then loses terms of a row that is replaced.
CREATE VIRTUAL TABLE account_search USING fts5(
    terms, tokenize = 'trigram case_sensitive 1', detail = column, columnsize = 0
);
CREATE VIRTUAL TABLE account_search_terms USING fts5vocab(account_search, instance);
-- A deleted name leaves nothing in the index, as nowhere in the file.
INSERT INTO account_search (account_search, rank) VALUES ('secure-delete', 1);
INSERT INTO account_search (rowid, terms) SELECT place, terms FROM account_terms ORDER BY place;

CREATE TRIGGER account_search_insert AFTER INSERT ON accounts BEGIN
    DELETE FROM account_search WHERE rowid = NEW.place;
    INSERT INTO account_search (rowid, terms)
    SELECT place, terms FROM account_terms WHERE place = NEW.place;
END;
CREATE TRIGGER account_search_delete AFTER DELETE ON accounts WHEN OLD.deleted_at IS NULL BEGIN
    DELETE FROM account_search WHERE rowid = OLD.place;
    INSERT INTO account_search (rowid, terms)
    SELECT place, terms FROM account_terms WHERE place = OLD.place;
END;
CREATE TRIGGER account_search_update
AFTER UPDATE OF id, created_at, username_key, email, email_key, role, groups, disabled_at, deleted_at ON accounts
WHEN OLD.place IS NOT NEW.place
    OR OLD.username_key IS NOT NEW.username_key
    OR OLD.email IS NOT NEW.email
    OR OLD.email_key IS NOT NEW.email_key
    OR OLD.role IS NOT NEW.role
    OR OLD.groups IS NOT NEW.groups
    OR (OLD.disabled_at IS NULL) IS NOT (NEW.disabled_at IS NULL)
    OR (OLD.deleted_at IS NULL) IS NOT (NEW.deleted_at IS NULL)
BEGIN
    DELETE FROM account_search WHERE rowid IN (OLD.place, NEW.place);
    INSERT INTO account_search (rowid, terms)
    SELECT place, terms FROM account_terms WHERE place IN (OLD.place, NEW.place);
END;
