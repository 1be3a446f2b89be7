-- Each event has an HMAC over the HMAC of the event before it and its own columns.
CREATE TABLE audit_events (
    seq INTEGER NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    result TEXT NOT NULL,
    account_id TEXT,
    target TEXT,
    session_id TEXT,
    address TEXT,
    user_agent TEXT,
    request_id TEXT,
    details TEXT NOT NULL,
    mac BLOB NOT NULL
);
CREATE INDEX audit_events_at ON audit_events (at, seq);
CREATE INDEX audit_events_account_id ON audit_events (account_id, at, seq);
CREATE INDEX audit_events_actor ON audit_events (actor, at, seq);
CREATE INDEX audit_events_action ON audit_events (action, at, seq);
-- One row: the newest event, and the last one that was pruned, sealed by another HMAC.
CREATE TABLE audit_head (
    id BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    mac BLOB NOT NULL,
    pruned_seq BIGINT NOT NULL,
    pruned_mac BLOB NOT NULL,
    seal BLOB NOT NULL
);
INSERT INTO audit_head (id, seq, mac, pruned_seq, pruned_mac, seal) VALUES (1, 0, x'', 0, x'', x'');
