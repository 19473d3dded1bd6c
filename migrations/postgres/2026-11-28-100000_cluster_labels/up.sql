-- What several clusters are chosen by at once: labels, as a JSON object.
-- The same as in ../../sqlite.

ALTER TABLE clusters ADD COLUMN labels TEXT COLLATE "C" NOT NULL DEFAULT '{}';
