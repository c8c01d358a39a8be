-- EXPLAIN and EXPLAIN ANALYZE, in every format.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\set contacts 1200
\i :setup
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;

-- Shows a plan without what differs between versions and runs.
CREATE FUNCTION show(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE query LOOP
    line := regexp_replace(line, 'bytes=\d+', 'bytes=N');
    line := regexp_replace(line, '("?Bytes"?: )\d+', '\1N');
    line := regexp_replace(line, '<Bytes>\d+', '<Bytes>N');
    line := regexp_replace(line, 'rows=(\d+)(\.00)?', 'rows=\1');
    CONTINUE WHEN line ~ '^ *(Planning|Execution|Query Identifier|Buffers|Index Searches)';
    RETURN NEXT line;
  END LOOP;
END $$;
-- The part of a structured plan that is ours.
CREATE FUNCTION show_pylon(query text, key text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE query INTO plan;
  RETURN jsonb_path_query_first(plan::jsonb, ('$.**."' || key || '"')::jsonpath);
END $$;

-- ====================================================================
-- Without ANALYZE nothing is asked of the API
-- ====================================================================
EXPLAIN (COSTS OFF) SELECT name FROM contacts;
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE id = '00000000-0000-4000-8000-000000000001';
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE email = 'ada@acme.com';
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE email IN ('ada@acme.com', 'grace@acme.com') AND account_id = 'a';
EXPLAIN (VERBOSE, COSTS OFF) SELECT name FROM contacts WHERE email = 'ada@acme.com';
PREPARE p(text, text[]) AS SELECT name FROM contacts WHERE email = $1 AND account_id = ANY ($2);
PREPARE by_id(text) AS SELECT name FROM contacts WHERE id = $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE p('ada@acme.com', '{a,b}');
EXPLAIN (COSTS OFF) EXECUTE by_id('x');
RESET plan_cache_mode;
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE email = lower(current_setting('application_name'));
\echo `$ctl count`

-- ====================================================================
-- ANALYZE says what it took
-- ====================================================================
SELECT show('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT name FROM contacts');
SELECT show('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT name FROM contacts WHERE email = ''ada@acme.com''');
SELECT show('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT name FROM contacts WHERE email = ANY (ARRAY[NULL])');
\echo `$ctl fault '{"kind":"status","status":429,"headers":{"X-Retry-After":"0"}}'`
\echo `$ctl fault '{"kind":"status","status":503}'`
SELECT show_pylon('EXPLAIN (ANALYZE, FORMAT JSON) SELECT name FROM contacts LIMIT 5', 'Pylon Calls') - '{Bytes,Rate-Limit Wait}'::text[] AS calls;
SELECT show_pylon('EXPLAIN (FORMAT JSON) SELECT name FROM contacts WHERE email = ''ada@acme.com''', 'Pylon Filter') AS filter;
SELECT line FROM show('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, FORMAT YAML) SELECT name FROM contacts LIMIT 5') AS t(text),
  regexp_split_to_table(text, '\n') line WHERE line ~ 'Pylon|Requests|Pages|Contacts|Retries|Wait|Bytes';
SELECT line FROM show('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, FORMAT XML) SELECT name FROM contacts LIMIT 5') AS t(text),
  regexp_split_to_table(text, '\n') line WHERE line ~ 'Pylon|Requests|Pages|Contacts|Retries|Wait|Bytes';

-- ====================================================================
-- As it will be sent
-- ====================================================================
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE id = 'a/b ?é%';
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE id = '.';
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE id = '..';
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE id = '';
PREPARE by_fields(jsonb) AS SELECT name FROM contacts WHERE custom_fields @> $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE by_fields('{"tier": "gold"}');
RESET plan_cache_mode;
-- a list that is too long goes in batches where all must hold, else not at all
ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '2');
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE email IN ('a', 'b', 'c') AND id IN ('a', 'b', 'c', 'd') AND name LIKE '%x%';
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE email IN ('a', 'b', 'c') OR id = 'x';
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE email IN ('a', 'b', 'b') OR id = 'x';
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE email NOT IN ('a', 'b', 'c');
ALTER SERVER pylon OPTIONS (DROP lookup_batch_size);

-- ====================================================================
-- Costs are counted in requests
-- ====================================================================
CREATE FUNCTION cost(query text, OUT startup numeric, OUT total numeric, OUT rows numeric) LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  startup := plan->0->'Plan'->>'Startup Cost';
  total := plan->0->'Plan'->>'Total Cost';
  rows := plan->0->'Plan'->>'Plan Rows';
END $$;
-- one request, and 11 of them for the 10000 contacts that a new table is taken to have
SELECT round(startup, -3) AS startup, round(total, -3) AS total, rows FROM cost('SELECT name FROM contacts');
SELECT round(startup, -3) AS startup, round(total, -3) AS total, rows FROM cost('SELECT name FROM contacts WHERE id = ''x''');
-- one, too, with a list that would take three: that is checked here
SELECT round(total, -3) AS total, rows FROM cost('SELECT name FROM contacts WHERE id = ''x'' AND email = ANY ('''
  || (SELECT array_agg('c' || n || '@acme.com') FROM generate_series(1, 250) n)::text || ''')');
SELECT rows FROM cost('SELECT name FROM contacts WHERE email = ''x''');
SELECT rows FROM cost('SELECT name FROM contacts WHERE email IN (''x'', ''y'', ''z'')');
ALTER FOREIGN TABLE contacts OPTIONS (ADD estimated_contacts '1000000', ADD page_size '500');
ALTER SERVER pylon OPTIONS (ADD request_cost '10');
SELECT round(startup, -1) AS startup, rows FROM cost('SELECT name FROM contacts');

-- ====================================================================
-- Writes: what is sent, of which columns; and what it took
-- ====================================================================
\echo `$ctl clear`
EXPLAIN (COSTS OFF) INSERT INTO contacts (name, email) VALUES ('New', 'new@new.example');
EXPLAIN (COSTS OFF) INSERT INTO contacts (email, name) SELECT n || '@new.example', 'New' FROM generate_series(1, 3) n;
EXPLAIN (COSTS OFF) UPDATE contacts SET name = 'Ada King', portal_role = 'member' WHERE email = 'ada@acme.com';
EXPLAIN (COSTS OFF) DELETE FROM contacts WHERE email = 'ada@acme.com';
CREATE TABLE by_role (portal_role text, id text, name text, email text) PARTITION BY LIST (portal_role);
CREATE FOREIGN TABLE admins PARTITION OF by_role FOR VALUES IN ('admin') SERVER pylon;
CREATE FOREIGN TABLE members (email text, name text, id text, portal_role text) SERVER pylon;
ALTER TABLE by_role ATTACH PARTITION members FOR VALUES IN ('member');
EXPLAIN (COSTS OFF) UPDATE by_role SET name = 'Ada King' WHERE email = 'ada@acme.com';
EXPLAIN (COSTS OFF) DELETE FROM by_role WHERE portal_role = 'admin' AND email = 'ada@acme.com';
\echo `$ctl count`
SELECT show('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
  INSERT INTO contacts (name, email) VALUES (''A'', ''a@new.example''), (''B'', ''b@new.example'')');
SELECT show('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
  UPDATE contacts SET name = ''C'' WHERE email = ANY (''{a@new.example,b@new.example}'')');
SELECT show('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) UPDATE contacts SET name = ''C'' WHERE email = ''a@new.example''');
SELECT show_pylon('EXPLAIN (ANALYZE, FORMAT JSON) DELETE FROM contacts WHERE email = ''a@new.example''', 'Pylon Calls') - '{Bytes,Rate-Limit Wait}'::text[] AS calls;
SELECT show_pylon('EXPLAIN (FORMAT JSON) UPDATE contacts SET name = ''C'', email = ''c@new.example''', 'Pylon Columns') AS columns;
SET pylon_fdw.dry_run = on;
SET client_min_messages = warning;
SELECT show('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) DELETE FROM contacts WHERE email = ''b@new.example''');
RESET client_min_messages;
RESET pylon_fdw.dry_run;
\echo `$ctl count`
-- the partitions have their columns in another order each
WITH w AS (UPDATE by_role SET name = 'King'
  WHERE tableoid = 'admins'::regclass AND email = 'ada@acme.com' OR tableoid = 'members'::regclass AND email = 'grace@acme.com'
  RETURNING tableoid::regclass AS t, name, email) SELECT * FROM w ORDER BY email;
WITH w AS (DELETE FROM by_role
  WHERE tableoid = 'admins'::regclass AND email = 'ada@acme.com' OR tableoid = 'members'::regclass AND email = 'grace@acme.com'
  RETURNING tableoid::regclass AS t, name, email) SELECT * FROM w ORDER BY email;
DROP TABLE by_role;

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
DROP FUNCTION show, show_pylon, cost;
