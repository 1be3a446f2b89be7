-- Each event has an HMAC over the HMAC of the event before it and its own columns.
CREATE TABLE audit_events (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    result TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C",
    target TEXT COLLATE "C",
    session_id TEXT COLLATE "C",
    address TEXT COLLATE "C",
    user_agent TEXT COLLATE "C",
    request_id TEXT COLLATE "C",
    details TEXT COLLATE "C" NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX audit_events_at ON audit_events (at, seq);
CREATE INDEX audit_events_account_id ON audit_events (account_id, at, seq);
CREATE INDEX audit_events_actor ON audit_events (actor, at, seq);
CREATE INDEX audit_events_action ON audit_events (action, at, seq);
-- One row: the newest event, and the last one that was pruned, sealed by another HMAC.
CREATE TABLE audit_head (
    id BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    pruned_seq BIGINT NOT NULL,
    pruned_mac BYTEA NOT NULL,
    seal BYTEA NOT NULL
);
INSERT INTO audit_head (id, seq, mac, pruned_seq, pruned_mac, seal) VALUES (1, 0, '', 0, '', '');
