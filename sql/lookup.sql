-- Lookup joins: the keys of many rows in one request.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\i :setup
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public OPTIONS (custom_fields 'both');
CREATE TABLE copies AS SELECT * FROM contacts;
CREATE TABLE visitors (n int PRIMARY KEY, email text, id text, name text, account_id text, tier text);
INSERT INTO visitors SELECT row_number() OVER (ORDER BY id), email, id, name, account_id, tier
  FROM copies ORDER BY id LIMIT 700;
INSERT INTO visitors SELECT 1000 + g, 'nobody' || g || '@acme.com', 'no-' || g, 'Nobody', NULL, 'none'
  FROM generate_series(1, 50) g;
INSERT INTO visitors VALUES (2001, NULL, NULL, NULL, NULL, NULL), (2002, '', '', '', '', NULL),
  (2003, 'ADA@ACME.COM', NULL, NULL, NULL, 'GOLD'), (2004, 'ada@acme.com', '..', 'Ada Lovelace', 'x', 'gold');
ANALYZE visitors;
ALTER FOREIGN TABLE contacts OPTIONS (estimated_contacts '1000000');
\! eval $ctl clear

-- ====================================================================
-- One request for many rows
-- ====================================================================
SELECT p.n, c.name FROM visitors p JOIN contacts c ON c.email = p.email WHERE p.n <= 3 ORDER BY n;
\echo `$ctl take`
SELECT p.n, c.name FROM visitors p LEFT JOIN contacts c ON c.id = p.id WHERE p.n IN (1, 2, 1001, 2001, 2002) ORDER BY n;
\echo `$ctl take`
SELECT n FROM visitors p WHERE n > 2000 AND EXISTS (SELECT FROM contacts c WHERE c.email = p.email) ORDER BY n;
\echo `$ctl take`
SELECT n FROM visitors p WHERE n > 2000 AND NOT EXISTS (SELECT FROM contacts c WHERE c.email = p.email) ORDER BY n;
\echo `$ctl take`
-- contacts for which there is a row
SELECT name FROM contacts WHERE email IN (SELECT email FROM visitors WHERE n <= 2) ORDER BY name;
\echo `$ctl take`
-- each key once, and no request for NULL and what no contact can have
SELECT count(*) FROM generate_series(1, 5), visitors p JOIN contacts c ON c.account_id = p.account_id WHERE p.n <= 4;
\echo `$ctl take`
SELECT p.n, c.name FROM visitors p LEFT JOIN contacts c ON c.id = p.id WHERE n IN (2001, 2002) ORDER BY n;
\echo `$ctl count`
-- conditions on the contacts go along, others are checked here
SELECT p.n, c.email FROM visitors p LEFT JOIN contacts c
  ON c.name = p.name AND c.email LIKE '%@acme.com' AND p.n % 2 = 1 AND c.portal_role IS NOT NULL
  WHERE p.n <= 3 ORDER BY n;
\echo `$ctl take`
-- no request for rows that can't join whatever the contact
SELECT p.n, c.name FROM visitors p LEFT JOIN contacts c ON c.email = p.email AND p.n > 2 AND c.name > 'A'
  WHERE p.n <= 3 ORDER BY n;
\echo `$ctl take`
-- custom fields
SELECT p.n, count(*) FROM visitors p JOIN contacts c USING (tier) WHERE n > 2000 GROUP BY n ORDER BY n;
\echo `$ctl take`
SELECT p.n, count(*) FROM visitors p JOIN contacts c ON c.custom_fields->>'tier' = p.tier WHERE n > 2000 GROUP BY n ORDER BY n;
\echo `$ctl take`

-- ====================================================================
-- EXPLAIN
-- ====================================================================
EXPLAIN (COSTS off) SELECT p.n, c.name FROM visitors p JOIN contacts c ON p.email = c.email AND c.name > p.name
  WHERE c.email LIKE '%@acme.com' AND c.portal_role = 'admin';
EXPLAIN (COSTS off, VERBOSE) SELECT p.n, c FROM visitors p LEFT JOIN contacts c ON c.email = p.email AND c.portal_role = 'x';
EXPLAIN (COSTS off) SELECT FROM visitors p WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.custom_fields->>'tier' = lower(p.tier));
EXPLAIN (COSTS off) SELECT name FROM contacts WHERE email IN (SELECT email FROM visitors);
EXPLAIN (COSTS off) UPDATE contacts c SET name = p.name FROM visitors p WHERE p.email = c.email;
\! eval $ctl count
-- of two keys, the one that fewer contacts have in common
EXPLAIN (COSTS off) SELECT FROM visitors p JOIN contacts c ON c.name = p.name AND c.id = p.id \g |grep Key
EXPLAIN (COSTS off) SELECT FROM visitors p JOIN contacts c ON c.id = p.id AND c.account_id = p.account_id;
-- what is volatile is evaluated once for each pair of rows
CREATE SEQUENCE pairs;
SELECT count(c.id) FROM visitors p LEFT JOIN contacts c ON c.id = p.id AND nextval('pairs') > 0 WHERE p.n <= 20;
SELECT last_value FROM pairs;
DROP SEQUENCE pairs;
\! eval $ctl clear
-- as machines read it, without what differs between versions
CREATE FUNCTION explain_node(query text) RETURNS TABLE (key text, value jsonb) LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, TIMING off, SUMMARY off, FORMAT json) ' || query INTO plan;
  RETURN QUERY SELECT e.key, CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value - 'Bytes' ELSE e.value END FROM jsonb_each(plan #> '{0,Plan}') e
    WHERE e.key ~ '^(Pylon|Custom|Join|Plan Rows)' ORDER BY e.key;
END $$;
SELECT * FROM explain_node('SELECT c.name FROM visitors p JOIN contacts c ON c.email = p.email WHERE p.n < 300')
  WHERE key <> 'Plan Rows';
SELECT count(*) FROM visitors WHERE n < 300 AND email IS NOT NULL;
SELECT count(DISTINCT email) FROM visitors WHERE n < 300;
SET pylon_fdw.enable_lookup_join = off;
\! eval $ctl clear
SELECT p.n, c.name FROM visitors p JOIN contacts c ON c.email = p.email WHERE p.n <= 2;
\echo `$ctl take`
RESET pylon_fdw.enable_lookup_join;

-- without ANALYZE the planner knows that hardly two contacts share an address or an id
SELECT value::int BETWEEN 500 AND 1000 AS by_email FROM explain_node('SELECT p.n FROM visitors p JOIN contacts c ON c.email = p.email')
  WHERE key = 'Plan Rows';
SELECT value::int BETWEEN 500 AND 1000 AS by_id FROM explain_node('SELECT p.n FROM visitors p JOIN contacts c ON c.id = p.id')
  WHERE key = 'Plan Rows';

-- ====================================================================
-- The same rows as from a local table
-- ====================================================================
CREATE FUNCTION same(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  plan text := '';
  line text;
  got text[];
  wanted text[];
  missing bigint;
  extra bigint;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
    plan := plan || line;
  END LOOP;
  EXECUTE format('SELECT array_agg(q::text) FROM (%s) q', query) INTO got;
  -- the copy may be read in any way
  PERFORM set_config('enable_hashjoin', 'on', true);
  EXECUTE format('SELECT array_agg(q::text) FROM (%s) q', replace(query, 'contacts', 'copies')) INTO wanted;
  SELECT count(*) INTO missing FROM (SELECT unnest(wanted) EXCEPT ALL SELECT unnest(got)) x;
  SELECT count(*) INTO extra FROM (SELECT unnest(got) EXCEPT ALL SELECT unnest(wanted)) x;
  RETURN format('%s lookup joins, %s rows, %s missing, %s too many',
    regexp_count(plan, 'Pylon Lookup Join'), coalesce(cardinality(got), 0), missing, extra);
END $$;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT same('SELECT p.n, c.name FROM visitors p JOIN contacts c ON c.email = p.email');
SELECT same('SELECT p.n, c.name FROM visitors p LEFT JOIN contacts c ON c.email = p.email');
SELECT same('SELECT p.n, c.name FROM contacts c RIGHT JOIN visitors p ON p.email = c.email AND c.name > ''M''');
SELECT same('SELECT p.n, c.name FROM visitors p LEFT JOIN contacts c ON c.email = p.email AND p.n % 2 = 0 AND length(c.name) > p.n % 20');
SELECT same('SELECT p.n, c.name FROM visitors p LEFT JOIN contacts c ON c.email = p.email WHERE c.id IS NULL');
SELECT same('SELECT p.n, c.name FROM visitors p LEFT JOIN contacts c ON c.email = p.email WHERE coalesce(c.name, ''x'') > ''m''');
SELECT same('SELECT p.n, c.m FROM visitors p LEFT JOIN (SELECT *, coalesce(name, ''none'') AS m FROM contacts) c ON c.email = p.email');
SELECT same('SELECT n FROM visitors p WHERE EXISTS (SELECT FROM contacts c WHERE c.email = p.email AND c.name >= p.name)');
SELECT same('SELECT n FROM visitors p WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.email = p.email AND c.name > p.name)');
SELECT same('SELECT email FROM contacts WHERE account_id IN (SELECT account_id FROM visitors WHERE n < 20)');
SELECT same('SELECT p, c, c.tableoid > 0 AS t FROM visitors p LEFT JOIN contacts c ON c.id = p.id AND c.name = p.name');
SELECT same('SELECT 1 AS one FROM visitors p JOIN contacts c ON c.name = p.name');
SELECT same('SELECT p.n, c.id, d.id AS d FROM visitors p LEFT JOIN contacts c ON c.email = p.email LEFT JOIN contacts d ON d.id = c.id AND d.name = p.name');
SELECT same('SELECT p.n, c.id FROM visitors p LEFT JOIN visitors q ON q.n = p.n + 100 LEFT JOIN contacts c ON c.email = q.email');
SELECT same('SELECT p.n, c.id FROM visitors p LEFT JOIN (contacts c JOIN visitors q ON q.id = c.id) ON c.email = p.email AND q.n > 5');
SELECT same('SELECT p.n, c.id, c.m FROM visitors p LEFT JOIN LATERAL (SELECT *, p.n + 1 AS m FROM contacts WHERE contacts.email = p.email) c ON c.m > 5');
SELECT same('SELECT p.n, c.name FROM (SELECT max(n) AS n, email FROM visitors GROUP BY email) p JOIN contacts c USING (email)');
SELECT same('SELECT v.x, c.name FROM (VALUES (''ada@acme.com''), (''ADA@ACME.COM''), (NULL), (''''), (''ada@acme.com'')) v (x) LEFT JOIN contacts c ON c.email = v.x');
-- rescans: of the same keys, and with parameters
SELECT same('SELECT p.n, x.* FROM visitors p, LATERAL (SELECT c.name, q.n AS m FROM visitors q JOIN contacts c ON c.email = q.email WHERE q.n BETWEEN p.n AND p.n + 1) x WHERE p.n < 30');
SELECT same('SELECT p.n, (SELECT string_agg(c.name, '','' ORDER BY c.id) FROM visitors q JOIN contacts c ON c.email = q.email AND c.name > p.name WHERE q.n < 5) AS s FROM visitors p WHERE p.n < 10');
SELECT same('SELECT p.n, (SELECT count(*) FROM visitors q LEFT JOIN contacts c ON c.account_id = q.account_id AND c.name LIKE left(p.name, 1) || ''%'' WHERE q.n < 5) AS s FROM visitors p WHERE p.n < 10');
-- sides that are known to be empty
SELECT same('SELECT p.n, c.name FROM visitors p LEFT JOIN (SELECT * FROM contacts WHERE false) c ON c.email = p.email');
SELECT same('SELECT p.n, c.name FROM visitors p LEFT JOIN contacts c ON c.email = p.email AND 1 = 0');
SELECT same('SELECT p.n, c.name FROM (SELECT * FROM visitors WHERE false) p LEFT JOIN contacts c ON c.email = p.email');
SELECT same('SELECT p.n FROM visitors p WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.email = p.email AND false)');
SELECT regexp_replace(same('SELECT p.n, c.name FROM visitors p JOIN contacts c ON c.email = p.email AND now() > ''2020-01-01'''), '^.*joins, ', '') AS same;
SELECT regexp_replace(same('SELECT p.n, c.name FROM visitors p JOIN contacts c ON c.email = p.email AND now() < ''2020-01-01'''), '^.*joins, ', '') AS same;
-- conditions without columns, which core checks once above a scan of contacts
SELECT same('SELECT p.n, c.name FROM visitors p LEFT JOIN (SELECT * FROM contacts WHERE now() > ''2020-01-01'') c ON c.email = p.email');
SELECT same('SELECT p.n, c.name FROM visitors p LEFT JOIN (SELECT * FROM contacts WHERE now() < ''2020-01-01'') c ON c.email = p.email');
SELECT same('SELECT p.n, u.src FROM visitors p JOIN (SELECT email, ''a'' AS src FROM contacts UNION ALL SELECT email, name FROM contacts) u
  ON u.email = p.email WHERE u.src >= coalesce(current_setting(''pylon.src'', true), ''a'')');
SELECT same('SELECT p.n, (SELECT count(*) FROM visitors q LEFT JOIN (SELECT * FROM contacts WHERE p.n % 2 = 0) c ON c.email = q.email AND c.name > p.name WHERE q.n < 5) AS s FROM visitors p WHERE p.n < 10');
-- of the branches of which only one is wanted, the others are not asked
\! eval $ctl clear
SET pylon.src = 'b';
SELECT p.n, u.src FROM visitors p JOIN (SELECT email, 'a' AS src FROM contacts UNION ALL SELECT email, 'b' FROM contacts) u
  ON u.email = p.email WHERE u.src = current_setting('pylon.src') AND p.n <= 3 ORDER BY n;
\echo `$ctl take`
RESET pylon.src;
-- little memory, small pages and lists
SET work_mem = '64kB';
ALTER SERVER pylon OPTIONS (lookup_batch_size '30', page_size '7');
SELECT same('SELECT p.n, c FROM visitors p LEFT JOIN contacts c ON c.account_id = p.account_id');
SELECT same('SELECT p.n, q.n AS m, c.name FROM visitors p, visitors q JOIN contacts c ON c.id = q.id WHERE p.n < 3');
ALTER SERVER pylon OPTIONS (DROP lookup_batch_size, DROP page_size);
RESET work_mem;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_nestloop;

-- ====================================================================
-- Requests
-- ====================================================================
\! eval $ctl clear
SELECT count(*) FROM visitors p JOIN contacts c ON c.email = p.email;
SELECT count(DISTINCT email) FROM visitors WHERE email <> '';
\! eval $ctl take | wc -l
-- with a LIMIT the first batch is small, and the order is kept
SELECT p.n, c.name FROM visitors p JOIN contacts c ON c.email = p.email ORDER BY n LIMIT 3;
\echo `$ctl take`
SELECT p.n, c.name FROM visitors p LEFT JOIN contacts c ON c.id = p.id ORDER BY p.name DESC, p.n LIMIT 2;
\echo `$ctl take`
SELECT p.n FROM visitors p JOIN contacts c ON c.email = p.email LIMIT 0;
\! eval $ctl count
-- a cursor that isn't read to its end
BEGIN;
DECLARE c CURSOR FOR SELECT p.n, c.name FROM visitors p JOIN contacts c ON c.email = p.email WHERE p.n < 400;
FETCH 2 FROM c;
\! eval $ctl take | wc -l
MOVE ALL FROM c;
\! eval $ctl take | wc -l
COMMIT;
-- keys that were answered aren't asked for again
SELECT count(*), count(c) FROM generate_series(1, 3) g, LATERAL
  (SELECT c.id AS c FROM visitors p LEFT JOIN contacts c ON c.id = p.id WHERE p.n <= g * 4 OFFSET 0) x;
\echo `$ctl take`
-- generic plans
PREPARE r(int, text) AS SELECT count(c.id) FROM visitors p LEFT JOIN contacts c ON c.email = p.email AND c.email LIKE $2 WHERE p.n <= $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE r(3, '%@acme.com');
\echo `$ctl take`
EXECUTE r(2, 'ada%');
\echo `$ctl take`
RESET plan_cache_mode;

-- ====================================================================
-- What the API refuses, and what it can't be asked
-- ====================================================================
\! eval $ctl set custom_operators=equals
SELECT count(*), count(c.id) FROM visitors p LEFT JOIN contacts c ON c.tier = p.tier WHERE p.n > 600;
\! eval $ctl take | cut -c 1-60
\! eval $ctl set custom_operators=all
\c
SET pylon_fdw.progress_interval = 0;
-- '[' may be the beginning of a list
SELECT p.t, c.name FROM (VALUES ('["gold"]'), ('gold')) p (t) JOIN contacts c ON c.tier = p.t ORDER BY 1, 2 LIMIT 1;
\! eval $ctl take | cut -c 1-60

-- ====================================================================
-- Writes
-- ====================================================================
BEGIN;
CREATE TABLE renamed AS SELECT email, 'New ' || n AS name FROM visitors WHERE n <= 3;
UPDATE contacts c SET name = r.name FROM renamed r WHERE r.email = c.email RETURNING c.email, c.name;
COMMIT;
\echo `$ctl take`
DELETE FROM contacts c USING visitors p WHERE p.id = c.id AND p.n BETWEEN 3 AND 4 RETURNING c.email, p.n;
\echo `$ctl take`
-- those that aren't there yet
INSERT INTO contacts (name, email)
  SELECT p.name, p.email FROM visitors p LEFT JOIN contacts c ON c.email = p.email WHERE p.n IN (1, 2, 1001) AND c.id IS NULL
  RETURNING name, email;
\! eval $ctl take | LC_ALL=C sort
-- all is read before the first write, so no contact is written twice
CREATE TABLE moves AS SELECT n, 'mover' || n || '@acme.com' AS old, 'mover' || n + 1 || '@acme.com' AS new FROM generate_series(1, 30) n;
ANALYZE moves;
INSERT INTO contacts (name, email) SELECT 'Mover', old FROM moves;
\! eval $ctl clear
ALTER SERVER pylon OPTIONS (lookup_batch_size '10');
EXPLAIN (COSTS off) UPDATE contacts c SET email = m.new FROM moves m WHERE m.old = c.email;
UPDATE contacts c SET email = m.new FROM moves m WHERE m.old = c.email;
\! eval $ctl take | cut -d / -f 1-2 | sort | uniq -c | sed 's/^ *//'
ALTER SERVER pylon OPTIONS (DROP lookup_batch_size);
-- a join whose local side is written
UPDATE visitors p SET name = c.name FROM contacts c WHERE c.email = p.email AND p.n <= 2 RETURNING p.n, p.name;
\echo `$ctl take`
SELECT p.n, c.name FROM visitors p JOIN contacts c ON c.email = p.email WHERE p.n <= 2 ORDER BY n FOR UPDATE OF p;
\! eval $ctl clear

-- ====================================================================
-- Two servers
-- ====================================================================
CREATE SERVER other FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url :'api');
CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (api_token 'sample-token');
CREATE FOREIGN TABLE others (id text, email text, name text) SERVER other OPTIONS (estimated_contacts '1000000');
EXPLAIN (COSTS off) SELECT FROM visitors p JOIN contacts c ON c.email = p.email LEFT JOIN others o ON o.id = c.id;
SELECT p.n, c.name, o.name FROM visitors p JOIN contacts c ON c.email = p.email LEFT JOIN others o ON o.id = c.id
  WHERE p.n <= 2 ORDER BY n;
\echo `$ctl take`
-- a foreign table with children
CREATE TABLE more_visitors () INHERITS (contacts);
INSERT INTO more_visitors SELECT * FROM copies WHERE email = 'grace@acme.com';
SELECT count(*) FROM visitors p JOIN contacts c ON c.email = p.email WHERE p.n = 2;
DROP TABLE more_visitors;
