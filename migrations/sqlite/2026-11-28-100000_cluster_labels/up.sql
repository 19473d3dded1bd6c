-- What several clusters are chosen by at once: labels, as a JSON object.
-- The same as in ../../postgres.

ALTER TABLE clusters ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
