-- Links to create an account with.
CREATE TABLE invitations (
    id TEXT NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    -- NULL: for any address.
    email TEXT,
    role TEXT NOT NULL,
    groups TEXT NOT NULL,
    uses BIGINT NOT NULL,
    uses_max BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX invitations_ends_at ON invitations (ends_at);
