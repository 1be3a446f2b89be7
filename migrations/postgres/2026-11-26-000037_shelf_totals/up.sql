-- How much there is on all shelves, in parts by the first digit of the account's id.
CREATE TABLE shelf_totals (
    part TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    files BIGINT NOT NULL,
    bytes BIGINT NOT NULL
);
INSERT INTO shelf_totals (part, files, bytes) VALUES
    ('0', 0, 0), ('1', 0, 0), ('2', 0, 0), ('3', 0, 0), ('4', 0, 0), ('5', 0, 0),
    ('6', 0, 0), ('7', 0, 0), ('8', 0, 0), ('9', 0, 0), ('a', 0, 0), ('b', 0, 0),
    ('c', 0, 0), ('d', 0, 0), ('e', 0, 0), ('f', 0, 0);
UPDATE shelf_totals SET
    files = COALESCE((SELECT SUM(shelves.files) FROM shelves WHERE substr(account_id, 1, 1) = part), 0),
    bytes = COALESCE((SELECT SUM(shelves.bytes) FROM shelves WHERE substr(account_id, 1, 1) = part), 0);
