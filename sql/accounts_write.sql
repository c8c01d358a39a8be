-- INSERT and UPDATE of accounts: what is sent, and what comes of it.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\set contacts 20
\i :setup
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
ALTER FOREIGN TABLE accounts ADD plan text OPTIONS (custom_field 'plan'), ADD seats integer OPTIONS (custom_field 'seats');
-- in the order of the rows, so that the log is the same each time
ALTER SERVER pylon OPTIONS (ADD max_concurrent_requests '1');
SET timezone = 'UTC';
\set acme '00000000-0000-4000-a000-000000000001'

-- ====================================================================
-- INSERT
-- ====================================================================
INSERT INTO accounts (name) VALUES ('New One')
  RETURNING length(id) AS id, name, type, primary_domain, domains, tags, is_disabled, created_at IS NOT NULL AS created, custom_fields;
INSERT INTO accounts (name, type, primary_domain, domains, tags, owner_id, external_ids, logo_url, custom_fields, seats)
  VALUES ('New Two', 'partner', 'two.example', '{one.example,two.example}', '{new,eu}', '00000000-0000-4000-b000-000000000003',
          '[{"external_id": "two", "label": "crm"}]', 'https://two.example/logo.png', '{"plan": "team"}', 7)
  RETURNING type, primary_domain, domains, tags, owner_id, owner_email, external_ids, logo_url, plan, seats;
-- of domains without a primary one the first is that, and a primary one alone is the only one
INSERT INTO accounts (name, domains) VALUES ('New Three', '{three.example,drei.example}') RETURNING primary_domain, domains;
INSERT INTO accounts (name, primary_domain) VALUES ('New Four', 'four.example') RETURNING primary_domain, domains;
INSERT INTO accounts (name, primary_domain, domains) VALUES ('New Five', 'five.example', '{}') RETURNING primary_domain, domains;
INSERT INTO accounts (name, primary_domain, domains) VALUES ('New Six', NULL, '{}') RETURNING primary_domain, domains;
COPY accounts (name, domains) FROM stdin;
Copied 1	{copied1.example}
Copied 2	\N
\.
\echo `$ctl take`
-- refused before anything is sent
INSERT INTO accounts (primary_domain) VALUES ('nameless.example');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO accounts (name, primary_domain, domains) VALUES ('A', 'a.example', '{b.example}');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO accounts (name, is_disabled) VALUES ('A', false);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO accounts (name, id) VALUES ('A', 'b');
INSERT INTO accounts (name, created_at) VALUES ('A', now());
INSERT INTO accounts (name, owner_email) VALUES ('A', 'a@b.example');
INSERT INTO accounts (name, crm_settings) VALUES ('A', '{}');
INSERT INTO accounts (name, tags) VALUES ('A', '{a,NULL}');
INSERT INTO accounts (name, tags) VALUES ('A', '{{a,b},{c,d}}');
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl count`
-- refused by the API
SET client_min_messages = error;
INSERT INTO accounts (name, type) VALUES ('A', 'prospect');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO accounts (name, domains) VALUES ('Third', '{third.example}'), ('Acme again', '{ACME.com}');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO accounts (name, external_ids) VALUES ('Acme again', '[{"external_id": "acme"}]');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO accounts (name, domains) VALUES ('Acme again', '{acme.com}'), ('Fourth', '{fourth.example}') ON CONFLICT DO NOTHING;
RESET client_min_messages;
\echo `$ctl take`

-- ====================================================================
-- UPDATE: the differences, and nothing else
-- ====================================================================
UPDATE accounts SET name = 'Acme Corp', type = 'partner', tags = '{eu,new}', logo_url = 'https://acme.com/new.png' WHERE id = :'acme'
  RETURNING name, type, tags, logo_url, updated_at > created_at AS touched;
UPDATE accounts SET name = name, type = type, domains = domains, primary_domain = primary_domain, tags = tags, owner_id = owner_id,
  external_ids = external_ids, is_disabled = is_disabled, custom_fields = custom_fields, updated_at = updated_at WHERE id = :'acme';
UPDATE accounts SET owner_id = '00000000-0000-4000-b000-000000000003' WHERE id = :'acme' RETURNING owner_id, owner_email;
UPDATE accounts SET owner_id = NULL WHERE id = :'acme' RETURNING owner_id, owner_email;
UPDATE accounts SET is_disabled = true WHERE id = :'acme' RETURNING is_disabled;
UPDATE accounts SET is_disabled = false, plan = 'team', custom_fields = custom_fields - 'notes' WHERE id = :'acme'
  RETURNING is_disabled, plan, custom_fields ? 'notes' AS notes;
UPDATE accounts SET tags = '{}', external_ids = NULL, logo_url = NULL WHERE id = :'acme' RETURNING tags, external_ids, logo_url;
UPDATE accounts SET tags = NULL, external_ids = '[]' WHERE id = :'acme' RETURNING tags, external_ids;
UPDATE accounts SET external_ids = '[{"external_id": "acme", "label": "crm"}]', seats = seats + 1 WHERE id = :'acme' RETURNING external_ids, seats;
\echo `$ctl take`

-- ====================================================================
-- Domains and the primary one, which is always sent with them
-- ====================================================================
-- another of them
UPDATE accounts SET primary_domain = 'acme.example' WHERE id = :'acme' RETURNING primary_domain, domains;
-- a new one: none is lost
UPDATE accounts SET primary_domain = 'acme.test' WHERE name = 'Acme Corp' RETURNING primary_domain, domains;
-- one more, and the primary one stays
UPDATE accounts SET domains = domains || '{acme.org}'::text[] WHERE name = 'Acme Corp' RETURNING primary_domain, domains;
-- without the primary one the first takes its place
UPDATE accounts SET domains = '{acme.org,acme.com}' WHERE name = 'Acme Corp' RETURNING primary_domain, domains;
-- both
UPDATE accounts SET domains = '{acme.com,acme.example}', primary_domain = 'acme.example' WHERE name = 'Acme Corp' RETURNING primary_domain, domains;
-- spelled otherwise
UPDATE accounts SET primary_domain = 'ACME.com' WHERE name = 'Acme Corp' RETURNING primary_domain, domains;
-- all taken away, in three ways, and one given back
UPDATE accounts SET domains = '{}' WHERE name = 'Acme Corp' RETURNING primary_domain, domains;
UPDATE accounts SET primary_domain = 'acme.com' WHERE name = 'Acme Corp' RETURNING primary_domain, domains;
UPDATE accounts SET domains = NULL, primary_domain = NULL WHERE name = 'Acme Corp' RETURNING primary_domain, domains;
UPDATE accounts SET domains = '{acme.com,acme.example}', primary_domain = NULL WHERE name = 'Acme Corp' RETURNING primary_domain, domains;
-- the one before isn't lost where the answer doesn't have it in the list
\echo `$ctl add-accounts '[{"id":"old-1","name":"Old 1","domain":"old.example"},{"id":"old-2","name":"Old 2","domains":["b.example"],"primary_domain":"a.example"}]'`
UPDATE accounts SET primary_domain = 'new.example' WHERE id = 'old-1' RETURNING primary_domain, domains;
UPDATE accounts SET primary_domain = 'b.example' WHERE id = 'old-2' RETURNING primary_domain, domains;
-- nothing instead of nothing
UPDATE accounts SET domains = NULL WHERE name LIKE 'O''Neill%' RETURNING primary_domain, domains;
UPDATE accounts SET domains = '{}', primary_domain = '' WHERE name LIKE 'O''Neill%' RETURNING primary_domain, domains;
\echo `$ctl take`
-- in conflict, or without the other
UPDATE accounts SET domains = '{acme.org}', primary_domain = 'acme.net' WHERE name = 'Acme Corp';
\echo :LAST_ERROR_SQLSTATE
UPDATE accounts SET domains = '{}', primary_domain = 'acme.net' WHERE name = 'Acme Corp';
\echo :LAST_ERROR_SQLSTATE
UPDATE accounts SET primary_domain = NULL WHERE name = 'Acme Corp';
\echo :LAST_ERROR_SQLSTATE
CREATE FOREIGN TABLE part (id text, name text, site text OPTIONS (field 'primary_domain')) SERVER pylon OPTIONS (object 'accounts');
UPDATE part SET site = 'acme.net' WHERE name = 'Acme Corp';
\echo :LAST_ERROR_SQLSTATE
UPDATE part SET site = site, name = 'Acme' WHERE name = 'Acme Corp' RETURNING name, site;
INSERT INTO part (name, site) VALUES ('Part', 'part.example') RETURNING name, site;
ALTER FOREIGN TABLE part ALTER site TYPE text[], ALTER site OPTIONS (SET field 'domains');
UPDATE part SET site = '{acme.net}' WHERE name = 'Acme';
INSERT INTO part (name, site) VALUES ('Part 2', '{part2.example}') RETURNING name, site;
-- a field that two columns show
CREATE FOREIGN TABLE twice (id text, name text, list text[] OPTIONS (field 'domains'), json jsonb OPTIONS (field 'domains'),
  site text OPTIONS (field 'primary_domain'), also text OPTIONS (field 'primary_domain'), disabled text OPTIONS (field 'is_disabled'))
  SERVER pylon OPTIONS (object 'accounts');
UPDATE twice SET list = '{acme.com,acme.org}', json = '["acme.com", "acme.org"]' WHERE name = 'Acme' RETURNING list, site;
UPDATE twice SET list = '{acme.com}', json = '["acme.com", "acme.net"]' WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
UPDATE twice SET site = 'acme.org', also = 'acme.net' WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
UPDATE twice SET site = 'acme.org', disabled = 'yes' WHERE name = 'Acme' RETURNING json, also, disabled;
UPDATE twice SET disabled = 'perhaps' WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
UPDATE twice SET list = '{acme.com,acme.example}', site = 'acme.com', disabled = 'off' WHERE name = 'Acme';
\echo `$ctl take`

-- ====================================================================
-- What can't be written
-- ====================================================================
UPDATE accounts SET name = NULL WHERE name = 'Acme';
UPDATE accounts SET is_disabled = NULL WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
UPDATE accounts SET created_at = '2020-01-01', name = 'X' WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
UPDATE accounts SET parent_account_id = id WHERE name = 'Acme';
UPDATE accounts SET type = 'community' WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
UPDATE accounts SET type = NULL WHERE name = 'Acme';
-- something that a row refers to isn't there, but the row is
\echo `$ctl fault '{"kind":"status","status":404,"body":"{\"errors\":[\"User not found!\"]}","match":"PATCH /accounts"}'`
UPDATE accounts SET owner_id = 'nobody' WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"status","status":404,"body":"{\"errors\":[\"Account not found!\"]}","match":"PATCH /contacts"}'`
UPDATE contacts SET account_id = 'nobody' WHERE email = 'ada@acme.com';
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"status","status":404,"body":"{\"errors\":[\"Account not found!\"]}","match":"POST /contacts$"}'`
INSERT INTO contacts (name, email, account_id) VALUES ('N', 'n@nobody.example', 'nobody');
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"status","status":404,"body":"{\"errors\":[\"Account not found!\"]}","match":"PATCH /accounts"}'`
UPDATE accounts SET owner_id = 'nobody' WHERE name = 'Acme';
-- what the API ignores (the warning of what remains comes before or after the error; see below)
SET client_min_messages = error;
\echo `$ctl set ignore_fields=owner_id,tags,is_disabled,account_type,primary_domain`
UPDATE accounts SET owner_id = 'x' WHERE name = 'Globex' AND primary_domain = 'globex.com';
\echo :LAST_ERROR_SQLSTATE
UPDATE accounts SET tags = '{x}' WHERE primary_domain = 'globex.com';
UPDATE accounts SET is_disabled = true WHERE primary_domain = 'globex.com';
UPDATE accounts SET type = 'partner' WHERE primary_domain = 'globex.com';
UPDATE accounts SET domains = '{globex.org}' WHERE primary_domain = 'globex.com';
UPDATE accounts SET primary_domain = 'globex.org' WHERE primary_domain = 'globex.com';
INSERT INTO accounts (name, type) VALUES ('Ignored', 'partner');
\echo `$ctl set ignore_fields= clear_works=none`
UPDATE accounts SET owner_id = NULL WHERE primary_domain = 'globex.com';
UPDATE accounts SET domains = '{}' WHERE primary_domain = 'globex.com';
\echo `$ctl set clear_works=all`
RESET client_min_messages;

-- ====================================================================
-- DELETE, TRUNCATE, MERGE
-- ====================================================================
\echo `$ctl clear`
DELETE FROM accounts WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
EXPLAIN DELETE FROM accounts;
\echo :LAST_ERROR_SQLSTATE
CREATE VIEW regress_view AS SELECT id, name FROM accounts;
DELETE FROM regress_view WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE regress_all (LIKE accounts) PARTITION BY LIST (type);
ALTER TABLE regress_all ATTACH PARTITION accounts DEFAULT;
DELETE FROM regress_all WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
UPDATE regress_all SET name = name || '!' WHERE name = 'Acme' RETURNING name;
UPDATE regress_view SET name = 'Acme' WHERE name = 'Acme!' RETURNING name;
INSERT INTO regress_all (name, type) VALUES ('Routed', 'internal') RETURNING tableoid::regclass, name;
ALTER TABLE regress_all DETACH PARTITION accounts;
DROP TABLE regress_all;
PREPARE gone AS DELETE FROM accounts WHERE id = $1;
EXECUTE gone ('x');
WITH d AS (DELETE FROM accounts WHERE name = 'Acme' RETURNING id) SELECT * FROM d;
\set VERBOSITY sqlstate
TRUNCATE accounts;
MERGE INTO accounts a USING (SELECT 'x' AS id) s ON a.id = s.id WHEN MATCHED THEN DELETE;
\set VERBOSITY default
SELECT pg_relation_is_updatable('accounts', false), pg_relation_is_updatable('regress_view', false), pg_relation_is_updatable('contacts', false);
SELECT is_updatable, is_insertable_into FROM information_schema.views WHERE table_name = 'regress_view';
ALTER FOREIGN TABLE accounts OPTIONS (ADD updatable 'false');
UPDATE accounts SET name = 'X' WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE accounts OPTIONS (DROP updatable);
-- contacts can be deleted as before, and with accounts beside them
DELETE FROM contacts c USING accounts a WHERE a.id = c.account_id AND a.name = 'Acme' AND c.email = 'alan@acme.com' RETURNING c.name, a.name;
\echo `$ctl take`

-- ====================================================================
-- Dry run, rollback, statistics
-- ====================================================================
\c
ALTER SERVER pylon OPTIONS (SET max_concurrent_requests '4');
SET pylon_fdw.dry_run = on;
INSERT INTO accounts (name, domains) VALUES ('Dry', '{dry.example}') RETURNING name, domains;
UPDATE accounts SET domains = domains || '{acme.dry}'::text[] WHERE name = 'Acme' RETURNING domains;
RESET pylon_fdw.dry_run;
BEGIN;
UPDATE accounts SET tags = '{a}' WHERE name = 'Acme';
INSERT INTO accounts (name) VALUES ('Left');
UPDATE contacts SET name = 'Ada' WHERE email = 'ada@acme.com';
ROLLBACK;
-- from one to the other, both ways
UPDATE contacts c SET custom_fields = c.custom_fields || jsonb_build_object('notes', a.name) FROM accounts a
  WHERE a.id = c.account_id AND a.name = 'Acme' RETURNING c.email, c.custom_fields->>'notes' AS notes;
WITH written AS (
  UPDATE accounts a SET seats = n FROM (SELECT account_id, count(*) AS n FROM contacts WHERE account_id IS NOT NULL GROUP BY 1) c
    WHERE c.account_id = a.id AND a.name IN ('Acme', 'Globex') RETURNING a.name, a.seats)
SELECT * FROM written ORDER BY name;
EXPLAIN (COSTS OFF) UPDATE accounts SET name = 'X' WHERE id = 'y';
SELECT server_name, object, requests > 0 AS asked, rows_read > 0 AS read, rows_created, rows_updated, rows_deleted FROM pylon_fdw_stats();
SELECT organization FROM pylon_fdw_ping('pylon');
SELECT object, requests FROM pylon_fdw_stats() WHERE object IS NULL;

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
