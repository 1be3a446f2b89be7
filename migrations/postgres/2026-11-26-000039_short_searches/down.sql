DROP INDEX accounts_letters;
DROP FUNCTION account_letters(TEXT, TEXT, TEXT);
