CREATE TABLE accounts (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    username TEXT COLLATE "C",
    username_key TEXT COLLATE "C" UNIQUE,
    email TEXT COLLATE "C",
    email_key TEXT COLLATE "C" UNIQUE,
    name TEXT COLLATE "C",
    password_hash TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
