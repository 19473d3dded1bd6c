ALTER TABLE clusters DROP COLUMN labels;
