-- A statement doesn't see its own writes, however it reads.
\getenv abs_srcdir PG_ABS_SRCDIR
\set contacts 20
\set setup :abs_srcdir '/test/regress/setup.psql'
\i :setup
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
ALTER SERVER pylon OPTIONS (ADD page_size '2');
CREATE TABLE pairs (email text, partner text);
INSERT INTO pairs VALUES ('grace@acme.com', 'alan@acme.com'), ('alan@acme.com', 'grace@acme.com');
ANALYZE pairs;

-- ====================================================================
-- Two tables of the server that swap: nested loops, look-ups, hash joins
-- ====================================================================
SET pylon_fdw.enable_lookup_join = off;
WITH w AS (UPDATE contacts a SET name = b.name FROM pairs JOIN contacts b ON b.email = pairs.partner
  WHERE a.email = pairs.email RETURNING a.email, a.name) SELECT * FROM w ORDER BY email;
RESET pylon_fdw.enable_lookup_join;
WITH w AS (UPDATE contacts a SET name = b.name FROM pairs JOIN contacts b ON b.email = pairs.partner
  WHERE a.email = pairs.email RETURNING a.email, a.name) SELECT * FROM w ORDER BY email;
SET enable_nestloop = off;
SET pylon_fdw.enable_lookup_join = off;
WITH w AS (UPDATE contacts a SET name = b.name FROM pairs JOIN contacts b ON b.email = pairs.partner
  WHERE a.email = pairs.email RETURNING a.email, a.name) SELECT * FROM w ORDER BY email;
RESET enable_nestloop;
RESET pylon_fdw.enable_lookup_join;
-- a query in the place of a value
WITH w AS (UPDATE contacts a SET name = (SELECT b.name FROM contacts b JOIN pairs ON b.email = pairs.partner WHERE pairs.email = a.email)
  WHERE a.email IN ('grace@acme.com', 'alan@acme.com') RETURNING a.email, a.name) SELECT * FROM w ORDER BY email;
\! eval $ctl clear

-- ====================================================================
-- Several scans of one table
-- ====================================================================
INSERT INTO contacts (name) SELECT name || '-1' FROM contacts UNION ALL SELECT name || '-2' FROM contacts;
SELECT count(*) FROM contacts;
WITH w AS (INSERT INTO contacts (name) SELECT name || '-3' FROM contacts WHERE name LIKE '%-1'
  UNION ALL SELECT name || '-4' FROM contacts WHERE name LIKE '%-1%' RETURNING name)
  SELECT right(name, 4) AS r, count(*) FROM w GROUP BY 1 ORDER BY 1;
DELETE FROM contacts WHERE name LIKE '%-1%' OR name LIKE '%-2';
SELECT count(*) FROM contacts;
INSERT INTO contacts (name) SELECT c.name || '-' || x FROM generate_series(1, 3) x,
  LATERAL (SELECT name FROM contacts WHERE name >= left(x::text, 0) LIMIT 1000) c;
SELECT count(*) FROM contacts;
DELETE FROM contacts WHERE name LIKE '%-1' OR name LIKE '%-2' OR name LIKE '%-3';
-- how many come before, in the order of the names
SELECT count(*) FROM contacts WHERE name LIKE 'zz%';
UPDATE contacts SET name = 'zz' || (SELECT count(*) FROM contacts c WHERE c.name >= contacts.name)
  WHERE email LIKE '%@acme.com';
SELECT count(*) AS n, count(DISTINCT name) AS names, bool_and(substr(name, 3)::int <= 20) AS within FROM contacts WHERE name LIKE 'zz%';
-- rows that are routed, and a part of a statement that writes
CREATE TABLE routed (id text, name text, email text) PARTITION BY LIST (email);
CREATE TABLE routed_local PARTITION OF routed DEFAULT;
CREATE FOREIGN TABLE routed_away PARTITION OF routed FOR VALUES IN (NULL) SERVER pylon;
SELECT count(*) AS before FROM contacts \gset
WITH w AS (INSERT INTO routed (name, email) SELECT 'routed ' || name, NULLIF(email, email) FROM contacts RETURNING 1)
  SELECT count(*) = :before AS each_once FROM w;
SELECT count(*) = 2 * :before AS twice FROM contacts;

-- ====================================================================
-- Who waits for whom: what reads the server that is written to, wherever it stands
-- ====================================================================
SELECT option_value AS url FROM pg_options_to_table((SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'pylon')) WHERE option_name = 'base_url' \gset
CREATE SERVER other FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url :'url');
CREATE FOREIGN TABLE others (id text, name text, email text) SERVER other OPTIONS (object 'contacts');
CREATE FUNCTION spools(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (COSTS OFF, FORMAT JSON) ' || query INTO plan;
  RETURN (SELECT count(*) FROM regexp_matches(plan::text, 'Pylon Spool', 'g'));
END $$;
SELECT spools('INSERT INTO contacts (name) SELECT name FROM contacts') AS same, spools('INSERT INTO contacts (name) SELECT name FROM others') AS other;
SELECT spools('INSERT INTO contacts (name) SELECT email FROM pairs WHERE partner IN (SELECT email FROM contacts OFFSET 0)') AS same,
  spools('INSERT INTO contacts (name) SELECT email FROM pairs WHERE partner IN (SELECT email FROM others OFFSET 0)') AS other;
SELECT spools('INSERT INTO contacts (name) SELECT (SELECT max(c.name) FROM contacts c WHERE c.email > pairs.email) FROM pairs') AS same,
  spools('INSERT INTO contacts (name) SELECT (SELECT max(c.name) FROM others c WHERE c.email > pairs.email) FROM pairs') AS other;

-- ====================================================================
-- What isn't read isn't held back
-- ====================================================================
SET client_min_messages = error;
INSERT INTO contacts (name) SELECT 'number ' || 100 / (341 - i) FROM generate_series(1, 400) i;
RESET client_min_messages;
SELECT count(*) > 0 AS some_were_created FROM contacts WHERE name LIKE 'number %';
-- a query that stops early leaves nothing behind
DO $$
DECLARE n text;
BEGIN
  EXECUTE 'INSERT INTO contacts (name) SELECT name FROM contacts WHERE email = ''grace@acme.com'' RETURNING name' INTO n;
  RAISE NOTICE '%', n;
END $$;
