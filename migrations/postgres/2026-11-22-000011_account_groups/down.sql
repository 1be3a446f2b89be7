ALTER TABLE accounts DROP COLUMN version;
ALTER TABLE accounts DROP COLUMN groups;
