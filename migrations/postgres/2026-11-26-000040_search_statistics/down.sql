ALTER TABLE accounts
    ALTER username_key SET STATISTICS -1,
    ALTER email_key SET STATISTICS -1,
    ALTER email SET STATISTICS -1;
