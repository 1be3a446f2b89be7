-- NULL in the rows of links that are signed tokens.
ALTER TABLE shares ADD COLUMN token_hash BLOB;
ALTER TABLE shares ADD COLUMN begins TEXT;
CREATE UNIQUE INDEX shares_token_hash ON shares (token_hash);
