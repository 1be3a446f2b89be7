CREATE INDEX sessions_living ON sessions (account_id, ended_at, created_at);
