DROP TABLE shelf_totals;
