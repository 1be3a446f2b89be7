-- When the owner showed that they receive mail at the account's address.
ALTER TABLE accounts ADD COLUMN email_verified_at BIGINT;

-- Whose token it is, the address that it is about, and the state of the account that it depends on.
ALTER TABLE one_time_tokens ADD COLUMN account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE;
ALTER TABLE one_time_tokens ADD COLUMN email TEXT;
ALTER TABLE one_time_tokens ADD COLUMN bound_to BLOB;
-- A sign-up that waits for its address; encrypted.
ALTER TABLE one_time_tokens ADD COLUMN sealed BLOB;
-- Sign-in by mail: the browser that asked, and the wrong codes that were typed there.
ALTER TABLE one_time_tokens ADD COLUMN browser BLOB;
ALTER TABLE one_time_tokens ADD COLUMN wrong_codes BIGINT NOT NULL DEFAULT 0;
CREATE INDEX one_time_tokens_account ON one_time_tokens (account_id, purpose);
CREATE INDEX one_time_tokens_browser ON one_time_tokens (browser);
CREATE INDEX one_time_tokens_ends_at ON one_time_tokens (ends_at);

-- Requests of visitors who may have an account or not: answered by mail, by a job.
CREATE TABLE mail_requests (
    id TEXT NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX mail_requests_created_at ON mail_requests (created_at);

-- Messages that were not sent yet, and those that could not be sent.
CREATE TABLE mail_messages (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    recipient TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    -- When it is tried next; NULL once it is not tried any more.
    due_at BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    -- While its content is on the way to the mail server.
    sending_at BIGINT,
    problem TEXT
);
CREATE INDEX mail_messages_due_at ON mail_messages (due_at);
CREATE INDEX mail_messages_account ON mail_messages (account_id);

-- Work that one server does at a time.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    ends_at BIGINT NOT NULL
);
INSERT INTO leases (name, holder, ends_at) VALUES ('mail', '', 0);
