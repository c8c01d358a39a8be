-- Joins with local tables, and the costs that choose between plans.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\i :setup
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
CREATE TABLE people (email text, id text, n int);
INSERT INTO people VALUES ('ada@acme.com', '00000000-0000-4000-8000-000000000001', 1),
  ('grace@acme.com', '00000000-0000-4000-8000-000000000002', 2), ('nobody@acme.com', 'x', 3), (NULL, NULL, 4);
ANALYZE people;
-- lookup joins have a test of their own
SET pylon_fdw.enable_lookup_join = off;

-- ====================================================================
-- A few local rows: one request for each of their keys
-- ====================================================================
SELECT p.n, c.name FROM people p JOIN contacts c ON c.email = p.email ORDER BY n;
\echo `$ctl take`
SELECT p.n, c.name FROM people p JOIN contacts c ON c.id = p.id ORDER BY n;
\echo `$ctl take`
SELECT p.n, c.name FROM people p LEFT JOIN contacts c ON c.email = p.email AND c.portal_role = 'admin' ORDER BY n;
\echo `$ctl take`
SELECT n FROM people p WHERE EXISTS (SELECT FROM contacts c WHERE c.email = p.email) ORDER BY n;
\echo `$ctl take`
SELECT n FROM people p WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.email = p.email) ORDER BY n;
\echo `$ctl take`
-- keys that come again are not asked again where the answer is still in hand
SELECT count(c.name) FROM (SELECT email FROM people, generate_series(1, 3) WHERE email = 'ada@acme.com' OFFSET 0) p,
  LATERAL (SELECT name FROM contacts WHERE contacts.email = p.email OFFSET 0) c;
\echo `$ctl take`
-- a subquery for each row
SELECT n, (SELECT name FROM contacts c WHERE c.id = p.id) FROM people p ORDER BY n;
\echo `$ctl take`
-- all keys at once
SELECT name FROM contacts WHERE email = ANY (ARRAY(SELECT email FROM people ORDER BY n)) ORDER BY name;
\echo `$ctl take`

-- ====================================================================
-- Many local rows: all contacts, in as few requests as that takes
-- ====================================================================
INSERT INTO people SELECT 'nobody' || n || '@acme.com', 'x' || n, n FROM generate_series(5, 1000) n;
ANALYZE people;
SELECT p.n, c.name FROM people p JOIN contacts c ON c.email = p.email ORDER BY n;
\echo `$ctl take`
-- statistics tell more than the guess for a new table
SELECT reltuples FROM pg_class WHERE oid = 'contacts'::regclass;
ANALYZE contacts;
\echo `$ctl take`
SELECT reltuples FROM pg_class WHERE oid = 'contacts'::regclass;
SELECT attname, n_distinct FROM pg_stats WHERE tablename = 'contacts' AND attname IN ('id', 'portal_role') ORDER BY attname;

-- ====================================================================
-- What the planner may choose from
-- ====================================================================
-- of columns that equal the same key, the one that can be searched is asked for, in any order
\echo `$ctl add '{"id":"same","name":"Sam","email":"sam@acme.com","avatar_url":"sam@acme.com"}'`
CREATE TEMP TABLE key AS SELECT 'sam@acme.com' AS email UNION ALL SELECT 'ada@acme.com';
ANALYZE key;
\echo `$ctl clear`
SELECT c.name FROM key k JOIN contacts c ON c.avatar_url = k.email AND c.email = k.email;
\echo `$ctl take`
SELECT c.name FROM key k JOIN contacts c ON c.email = k.email AND c.avatar_url = k.email;
\echo `$ctl take`
-- what stays local of a condition makes the scan no cheaper
CREATE FUNCTION pg_temp.magnitude(clause text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) SELECT * FROM fresh WHERE ' || clause INTO plan;
  RETURN round(log((plan->0->'Plan'->>'Total Cost')::numeric), 1);
END $$;
CREATE FOREIGN TABLE fresh (email text, avatar_url text, name text) SERVER pylon OPTIONS (estimated_contacts '1000000');
SELECT pg_temp.magnitude($$name LIKE '%a%' OR email LIKE '%b%'$$) =
       pg_temp.magnitude($$(name LIKE '%a%' AND avatar_url = 'x') OR (email LIKE '%b%' AND avatar_url = 'y')$$) AS same;

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
DROP TABLE people;
