DROP INDEX IF EXISTS accounts_names;
DROP INDEX accounts_groups;
DROP INDEX accounts_disabled;
DROP INDEX accounts_active;
DROP INDEX accounts_role;
