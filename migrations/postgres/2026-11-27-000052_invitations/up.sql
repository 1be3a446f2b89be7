-- Links to create an account with.
CREATE TABLE invitations (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    -- NULL: for any address.
    email TEXT COLLATE "C",
    role TEXT COLLATE "C" NOT NULL,
    groups TEXT COLLATE "C" NOT NULL,
    uses BIGINT NOT NULL,
    uses_max BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX invitations_ends_at ON invitations (ends_at);
