-- How many accounts have a part of a name is estimated from a sample of names. In the default
-- sample of 100, one name stands for 1,000 of 100,000 accounts: a search that finds fifty then
-- reads all accounts in their order, because the planner expects to be done soon.
ALTER TABLE accounts
    ALTER username_key SET STATISTICS 1000,
    ALTER email_key SET STATISTICS 1000,
    ALTER email SET STATISTICS 1000;
ANALYZE accounts (username_key, email_key, email);
