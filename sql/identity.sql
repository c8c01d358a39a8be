-- Which contact is written, and that it is written once.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\set contacts 20
\i :setup
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
ALTER SERVER pylon OPTIONS (ADD max_concurrent_requests '1');
CREATE TABLE leads (name text, email text, role text);
INSERT INTO leads VALUES ('Xenia', 'ada@acme.com', 'admin'), ('Ada Lovelace', 'ada@acme.com', 'member'), ('Nobody', 'nobody@acme.com', NULL);
ANALYZE leads;
\set ada '00000000-0000-4000-8000-000000000001'
\set grace '00000000-0000-4000-8000-000000000002'

-- ====================================================================
-- System columns: every contact would have the same
-- ====================================================================
\! eval $ctl clear
SELECT ctid, name FROM contacts;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT name FROM contacts WHERE ctid = '(0,0)';
SELECT name FROM contacts WHERE ctid::text IS NOT NULL;
SELECT name FROM contacts WHERE email = 'ada@acme.com' OR xmin::text = '0';
SELECT xmin FROM contacts;
SELECT xmax FROM contacts WHERE id = :'ada';
SELECT cmin, cmax FROM contacts;
SELECT c.name FROM contacts c ORDER BY c.ctid;
SELECT count(*) FROM contacts GROUP BY xmin;
SELECT count(*), max(name) FROM contacts HAVING max(ctid) IS NOT NULL;
SELECT count(DISTINCT ctid) FROM contacts;
SELECT row_number() OVER (PARTITION BY ctid ORDER BY name) FROM contacts;
SELECT length(ctid::text) FROM contacts;
SELECT (SELECT c.ctid) FROM contacts c;
SELECT (SELECT max(l.name) FROM leads l WHERE l.ctid = c.ctid) FROM contacts c;
SELECT name FROM leads l WHERE EXISTS (SELECT FROM contacts c WHERE c.ctid = l.ctid);
SELECT name FROM leads l WHERE l.ctid IN (SELECT ctid FROM contacts);
SELECT name FROM leads l WHERE l.ctid NOT IN (SELECT ctid FROM contacts);
SELECT l.name FROM leads l JOIN contacts c ON c.ctid = l.ctid;
SELECT l.name FROM leads l JOIN contacts c ON c.email = l.email AND c.xmin <> l.xmin;
SELECT l.name FROM leads l LEFT JOIN contacts c ON c.email = l.email AND c.ctid = '(0,0)';
SELECT l.name FROM leads l FULL JOIN contacts c ON c.email = l.email AND c.ctid = l.ctid;
SELECT s.t FROM contacts c, LATERAL (SELECT c.ctid AS t OFFSET 0) s;
SELECT g FROM contacts c, unnest(ARRAY[c.ctid]) g;
SELECT s.t FROM (SELECT ctid AS t, name FROM contacts OFFSET 0) s;
WITH s AS MATERIALIZED (SELECT ctid AS t FROM contacts) SELECT * FROM s;
SELECT ctid FROM contacts UNION ALL SELECT ctid FROM leads;
SELECT t FROM (SELECT ctid AS t FROM leads UNION ALL SELECT ctid FROM contacts) u WHERE t = '(0,0)';
SELECT name FROM contacts c WHERE c.ctid = ANY (ARRAY(SELECT d.ctid FROM contacts d));
EXPLAIN SELECT name FROM contacts WHERE ctid = '(0,0)';
EXPLAIN (COSTS OFF) UPDATE contacts SET name = 'All' WHERE ctid = '(0,0)';
-- as Adminer, PostgREST and jOOQ write to a few rows
UPDATE contacts SET name = 'All' WHERE ctid = '(0,0)';
UPDATE contacts SET name = 'All' WHERE ctid IN (SELECT ctid FROM contacts WHERE email = 'ada@acme.com' LIMIT 1);
DELETE FROM contacts WHERE ctid IN (SELECT ctid FROM contacts WHERE email = 'ada@acme.com' LIMIT 1);
DELETE FROM contacts WHERE contacts.ctid IN (SELECT contacts.ctid FROM contacts ORDER BY email FETCH NEXT 1 ROWS ONLY);
DELETE FROM contacts USING (SELECT ctid AS row_id FROM contacts ORDER BY id LIMIT 1) x WHERE contacts.ctid = x.row_id;
WITH affected AS (SELECT id, ctid AS t FROM contacts ORDER BY id LIMIT 1)
  UPDATE contacts SET name = 'All' FROM affected WHERE contacts.ctid = affected.t RETURNING 1;
DELETE FROM contacts a USING contacts b WHERE a.ctid < b.ctid AND a.email = b.email;
-- what a write returns and checks
INSERT INTO contacts (name) VALUES ('Returned') RETURNING ctid;
INSERT INTO contacts (name) VALUES ('Returned') RETURNING xmin::text || name;
UPDATE contacts SET name = 'Returned' WHERE id = :'ada' RETURNING ctid;
UPDATE contacts SET name = ctid::text WHERE id = :'ada';
DELETE FROM contacts WHERE id = :'ada' RETURNING name, xmax;
DELETE FROM leads l USING contacts c WHERE c.email = l.email RETURNING c.ctid;
MERGE INTO leads l USING contacts c ON l.email = c.email WHEN MATCHED THEN UPDATE SET name = c.ctid::text;
CREATE VIEW checked AS SELECT * FROM contacts WHERE ctid::text IS NOT NULL WITH CHECK OPTION;
INSERT INTO checked (name) VALUES ('Checked');
SELECT name FROM checked;
-- behind views, functions and prepared statements
CREATE VIEW rows_of_contacts AS SELECT ctid AS row_id, name FROM contacts;
SELECT name FROM rows_of_contacts WHERE row_id = '(0,0)';
UPDATE rows_of_contacts SET name = 'All' WHERE row_id = '(0,0)';
CREATE FUNCTION row_ids() RETURNS SETOF tid LANGUAGE sql STABLE AS 'SELECT ctid FROM contacts';
SELECT * FROM row_ids();
SELECT name FROM leads WHERE ctid IN (SELECT row_ids());
PREPARE by_row(tid) AS DELETE FROM contacts WHERE ctid = $1;
EXECUTE by_row('(0,0)');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_row('(0,0)');
RESET plan_cache_mode;
COPY (SELECT ctid FROM contacts) TO STDOUT;
CREATE TABLE copied AS SELECT ctid AS t FROM contacts;
DECLARE row_ids CURSOR WITH HOLD FOR SELECT ctid FROM contacts;
\echo `$ctl take`

-- what isn't shown harms nobody; tableoid is known
SELECT name FROM rows_of_contacts WHERE name LIKE 'Ada%';
SELECT tableoid::regclass, name FROM contacts WHERE id = :'ada';
SELECT name FROM contacts WHERE id = :'ada' AND tableoid = 'contacts'::regclass;
SELECT c FROM (SELECT c FROM contacts c WHERE id = :'ada') s WHERE (s.c).name = 'Ada Lovelace' AND false;
SELECT name FROM contacts WHERE id = :'ada' FOR UPDATE;
SELECT l.ctid, c.name FROM leads l JOIN contacts c ON c.email = l.email ORDER BY 1 FOR SHARE;
INSERT INTO contacts (name) VALUES ('Of a table') RETURNING tableoid::regclass;
-- local rows have theirs, also in the same query
BEGIN;
UPDATE leads SET name = upper(leads.name) FROM contacts c WHERE c.email = leads.email AND leads.ctid = '(0,1)' RETURNING leads.ctid IS NOT NULL, leads.name;
ROLLBACK;

-- ====================================================================
-- Children of a local table
-- ====================================================================
CREATE TABLE people (id text, name text, email text);
CREATE TABLE local_people () INHERITS (people);
CREATE FOREIGN TABLE pylon_people () INHERITS (people) SERVER pylon;
INSERT INTO local_people VALUES ('local', 'Local', 'local@acme.com');
SELECT ctid, name FROM people;
SELECT name FROM people WHERE ctid = '(0,1)';
SELECT p.name FROM people p JOIN leads l ON l.ctid = p.ctid;
UPDATE people SET name = 'All' WHERE ctid = '(0,1)';
UPDATE people SET name = 'All' WHERE id = 'local' RETURNING ctid;
DELETE FROM people WHERE ctid IN (SELECT ctid FROM people LIMIT 1);
SELECT p.ctid, p.name FROM people p FOR UPDATE;
SELECT name FROM people p ORDER BY p.ctid FOR UPDATE;
SELECT p.name FROM people p JOIN leads l ON l.ctid = p.ctid FOR UPDATE OF p;
SELECT p.name FROM people p WHERE ctid = '(0,1)' FOR UPDATE;
SELECT s.t FROM people p, LATERAL (SELECT p.ctid AS t OFFSET 0) s FOR UPDATE OF p;
SELECT ctid, name FROM ONLY people;
SELECT ctid, name FROM local_people;
-- what the planner itself wants of them
SELECT name FROM people WHERE id IN ('local', :'grace') ORDER BY name FOR UPDATE;
SELECT p.name, l.email FROM people p LEFT JOIN leads l ON l.email = p.email WHERE p.id IN ('local', :'grace') ORDER BY 1 FOR UPDATE OF p;
WITH u AS (UPDATE people SET name = name || '!' WHERE id IN ('local', :'grace') RETURNING tableoid::regclass, name) SELECT * FROM u ORDER BY name;
UPDATE leads SET name = p.name FROM people p WHERE p.email = leads.email RETURNING leads.name;
DELETE FROM leads USING people p WHERE p.email = leads.email AND leads.role = 'admin' RETURNING p.tableoid::regclass, leads.name;
MERGE INTO leads l USING people p ON l.email = p.email WHEN MATCHED THEN UPDATE SET name = upper(l.name);
DELETE FROM people WHERE id = 'local' RETURNING name;
TRUNCATE leads;
INSERT INTO leads VALUES ('Xenia', 'ada@acme.com', 'admin'), ('Ada Lovelace', 'ada@acme.com', 'member'), ('Nobody', 'nobody@acme.com', NULL);

CREATE TABLE clients (id text, name text, email text, tier text) PARTITION BY LIST (tier);
CREATE FOREIGN TABLE clients_gold (id text, name text, email text, tier text OPTIONS (custom_field 'tier')) SERVER pylon;
ALTER TABLE clients ATTACH PARTITION clients_gold FOR VALUES IN ('gold');
CREATE TABLE clients_none PARTITION OF clients FOR VALUES IN ('none');
INSERT INTO clients VALUES ('1', 'None', 'none@acme.com', 'none') RETURNING ctid, name;
SELECT ctid, name FROM clients WHERE tier = 'none';
SELECT ctid, name FROM clients;
SELECT name FROM clients WHERE tier = 'none' FOR UPDATE;
SELECT name FROM clients WHERE tier = 'none' AND ctid = '(0,1)';
UPDATE leads SET name = leads.name FROM clients c WHERE c.email = leads.email;
UPDATE clients SET name = 'None at all' WHERE tier = 'none' RETURNING ctid, name;
\! eval $ctl clear
INSERT INTO clients (name, tier) VALUES ('Gold', 'gold') RETURNING ctid, name;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl take`
INSERT INTO clients (name, tier) VALUES ('Gold', 'gold') RETURNING tableoid::regclass, name;
MERGE INTO clients c USING leads l ON l.email = c.email WHEN MATCHED THEN DELETE;

\set VERBOSITY default

-- ====================================================================
-- Once
-- ====================================================================
\! eval $ctl reset contacts=20
\! eval $ctl clear
DISCARD ALL;
-- one of two rows counts, as PostgreSQL does it
UPDATE contacts c SET name = v.n, portal_role = v.r
  FROM (VALUES ('Xenia', 'admin'), ('Ada Lovelace', 'member')) v(n, r) WHERE c.email = 'ada@acme.com'
  RETURNING c.name, c.portal_role, v.n = c.name AND v.r = c.portal_role AS of_one_row;
\! eval $ctl take
DELETE FROM contacts c USING (VALUES (1), (2), (3)) v(n) WHERE c.email = 'grace@acme.com' RETURNING c.name, v.n;
\! eval $ctl take | grep -v search
-- nothing to send is as good as sent
UPDATE contacts c SET name = v.n FROM (VALUES (1, 'Alan Turing'), (2, 'Somebody')) v(o, n) WHERE c.email = 'alan@acme.com' RETURNING c.name;
-- gone is gone
\! eval $ctl fault "'{\"kind\":\"status\",\"status\":404,\"match\":\"PATCH\",\"body\":{\"errors\":[\"Contact not found!\"]}}'"
\! eval $ctl clear
UPDATE contacts c SET name = v.n FROM (VALUES ('Some'), ('Somebody')) v(n) WHERE c.email = 'alan@acme.com' RETURNING c.name;
\! eval $ctl take | grep -v search
-- no trigger fires for what isn't written
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE '% % %', TG_WHEN, TG_OP, coalesce(NEW.name, OLD.name);
  RETURN NULL;
END $$;
CREATE TRIGGER told AFTER UPDATE OR DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION tell();
UPDATE contacts c SET name = 'Conan ' || v.n FROM generate_series(1, 1) v(n), generate_series(1, 2) w WHERE c.email = 'o''brien@globex.com';
DROP TRIGGER told ON contacts;
-- two foreign tables of one workspace, two parts of one statement
CREATE FOREIGN TABLE same (id text, name text, email text) SERVER pylon;
\! eval $ctl clear
WITH a AS (UPDATE contacts SET name = 'By a' WHERE email = 'zoe@globex.com' RETURNING name),
     b AS (UPDATE same SET name = 'By b' WHERE email = 'zoe@globex.com' RETURNING name)
  SELECT count(*) FROM (SELECT * FROM a UNION ALL SELECT * FROM b) s;
WITH a AS (DELETE FROM contacts WHERE email = 'zoe@globex.com' RETURNING name)
  UPDATE same SET name = 'By c' WHERE email = 'zoe@globex.com' RETURNING name;
\! eval $ctl take | cut -d ' ' -f 1 | sort | uniq -c | sed 's/^ *//'
CREATE TABLE both_tables (id text, name text, email text);
CREATE FOREIGN TABLE first_child () INHERITS (both_tables) SERVER pylon;
CREATE FOREIGN TABLE second_child () INHERITS (both_tables) SERVER pylon;
WITH u AS (UPDATE both_tables SET name = 'Once' WHERE id = :'ada' RETURNING name) SELECT count(*), min(name) FROM u;
SELECT count(*) FROM both_tables WHERE id = :'ada';
-- shown instead of sent
SET pylon_fdw.dry_run = on;
UPDATE contacts c SET name = v.n FROM (VALUES (1, 'Dry'), (2, 'Dry')) v(o, n) WHERE c.id = :'ada' RETURNING c.name;
DELETE FROM contacts c USING (VALUES (1), (2)) v(n) WHERE c.id = :'ada' RETURNING c.name;
RESET pylon_fdw.dry_run;
-- the next statement writes it again
PREPARE rename(text) AS UPDATE contacts SET name = $1 WHERE id = '00000000-0000-4000-8000-000000000001' RETURNING name;
EXECUTE rename('Once more');
EXECUTE rename('And again');
DO $$
BEGIN
  FOR i IN 1 .. 2 LOOP
    UPDATE contacts SET name = 'Loop ' || i WHERE id = '00000000-0000-4000-8000-000000000001';
  END LOOP;
END $$;
EXECUTE rename('Loop 2');

-- ====================================================================
-- An id that is kept as it is
-- ====================================================================
CREATE FOREIGN TABLE by_char (id char(40), name text) SERVER pylon;
CREATE FOREIGN TABLE by_bpchar (id bpchar, name text) SERVER pylon;
CREATE FOREIGN TABLE by_name (id name, name text) SERVER pylon;
CREATE FOREIGN TABLE by_integer (id integer, name text) SERVER pylon;
CREATE FOREIGN TABLE by_short (id varchar(35), name text) SERVER pylon;
CREATE DOMAIN short_id AS varchar(20);
CREATE FOREIGN TABLE by_domain (id short_id, name text) SERVER pylon;
CREATE FOREIGN TABLE by_bytea (id bytea, name text) SERVER pylon;
\! eval $ctl clear
UPDATE by_char SET name = 'x';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM by_char;
UPDATE by_bpchar SET name = 'x';
UPDATE by_name SET name = 'x';
DELETE FROM by_integer;
UPDATE by_short SET name = 'x';
UPDATE by_domain SET name = 'x';
DELETE FROM by_bytea;
\echo `$ctl take`
-- it can be read and inserted all the same
SELECT name FROM by_char WHERE id = :'ada';
INSERT INTO by_name (name) VALUES ('By name') RETURNING name;
-- one column of several is enough
CREATE FOREIGN TABLE by_either (short char(40) OPTIONS (field 'id'), long varchar(36) OPTIONS (field 'id'), name text) SERVER pylon;
UPDATE by_either SET name = 'Either' WHERE long = :'ada' RETURNING short = long, name;
CREATE FOREIGN TABLE by_uuid (id uuid, name text) SERVER pylon;
UPDATE by_uuid SET name = 'By uuid' WHERE id = upper(:'ada')::uuid RETURNING name;
-- as a part of a path these are something else
\! eval $ctl add "'[{\"id\":\"..\",\"name\":\"Up\"},{\"id\":\".\",\"name\":\"Here\"},{\"id\":\"\",\"name\":\"None\"}]'"
\! eval $ctl clear
UPDATE contacts SET name = 'Above' WHERE name = 'Up';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM contacts WHERE name = 'Here';
DELETE FROM contacts WHERE name = 'None';
\! eval $ctl take | grep -v search

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
DROP TABLE people, both_tables, clients, leads CASCADE;
DROP DOMAIN short_id;
DROP FUNCTION tell, row_ids;
