DROP INDEX shares_token_hash;
ALTER TABLE shares DROP COLUMN begins;
ALTER TABLE shares DROP COLUMN token_hash;
