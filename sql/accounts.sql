-- The second object: accounts. What is read and asked; sql/accounts_write.sql has what is written.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\set contacts 400
\i :setup
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
\d accounts
\echo `$ctl take`

-- ====================================================================
-- What the columns show
-- ====================================================================
SET timezone = 'UTC';
SELECT * FROM accounts WHERE id = '00000000-0000-4000-a000-000000000001' \gx
SELECT name, type, primary_domain, domains, tags, owner_id, owner_email, external_ids, is_disabled
  FROM accounts WHERE id < '00000000-0000-4000-a000-000000000009' AND id > '00000000-0000-4000-a000' ORDER BY id;
\echo `$ctl take`
-- absent, null and "" are NULL, an empty list is none; what was called "domain" counts where there is nothing else
\setenv shapes '[{"id":"a","name":"A","domain":"old.example","tags":[],"owner":null,"is_disabled":true},{"id":"b","name":"B","domain":"old.example","primary_domain":"","domains":null,"tags":null,"owner":{"id":"u"},"created_at":""},{"id":"c","name":"C","domain":"old.example","primary_domain":"new.example","domains":["new.example"],"owner":{"id":"","email":"u@x.example"},"updated_at":"2026-01-02T03:04:05.678901Z","custom_fields":{"plan":{"value":"team"},"products":{"value":"","values":["chat"]}}}]'
\echo `$ctl replace-accounts "$shapes"`
SELECT id, primary_domain, domains, tags, owner_id, owner_email, is_disabled, created_at, updated_at, crm_settings, custom_fields
  FROM accounts;
-- a value that doesn't fit is its type's own error
\echo `$ctl replace-accounts '[{"id":"a-1","name":"A","created_at":"last year","is_disabled":"perhaps","tags":["x",7]}]'`
SELECT id, tags FROM accounts;
SELECT created_at FROM accounts;
\echo :LAST_ERROR_SQLSTATE
SELECT is_disabled FROM accounts;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl reset contacts=400`

-- ====================================================================
-- Which object a table shows
-- ====================================================================
CREATE FOREIGN TABLE customers (id text, name text) SERVER pylon OPTIONS (object 'companies');
\echo :LAST_ERROR_SQLSTATE
CREATE FOREIGN TABLE customers (id text, name text) SERVER pylon OPTIONS (object 'accounts');
EXPLAIN (COSTS OFF) SELECT name FROM customers;
-- a cached plan follows the option
PREPARE by_name AS SELECT name FROM customers WHERE name = 'Acme';
EXECUTE by_name;
ALTER FOREIGN TABLE customers OPTIONS (SET object 'contacts');
EXECUTE by_name;
ALTER FOREIGN TABLE customers OPTIONS (DROP object);
EXECUTE by_name;
ALTER FOREIGN TABLE customers OPTIONS (ADD object 'accounts');
EXECUTE by_name;
\echo `$ctl take`
DEALLOCATE by_name;
-- without the option, the name says it, for contacts as before there were accounts
ALTER FOREIGN TABLE customers OPTIONS (DROP object);
EXPLAIN (COSTS OFF) SELECT name FROM customers;
-- an imported table is still the same when it has another name
BEGIN;
ALTER FOREIGN TABLE accounts RENAME TO partners;
EXPLAIN (COSTS OFF) SELECT name FROM partners;
ALTER FOREIGN TABLE contacts RENAME TO accounts;
EXPLAIN (COSTS OFF) SELECT name FROM accounts;
ROLLBACK;
-- a table that showed contacts under this name
CREATE SCHEMA regress_old;
CREATE FOREIGN TABLE regress_old.accounts (id text, email text) SERVER pylon;
SELECT * FROM regress_old.accounts;
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE regress_old.accounts OPTIONS (ADD object 'contacts');
SELECT email FROM regress_old.accounts WHERE email = 'ada@acme.com';
-- and fields of the other object
CREATE FOREIGN TABLE regress_old.people (id text, site text OPTIONS (field 'primary_domain')) SERVER pylon;
SELECT * FROM regress_old.people;
ALTER FOREIGN TABLE regress_old.people OPTIONS (ADD object 'contacts');
SELECT * FROM regress_old.people;
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE regress_old.people OPTIONS (SET object 'accounts');
SELECT site FROM regress_old.people WHERE site = 'acme.com';
\echo `$ctl take`
SET client_min_messages = warning;
DROP SCHEMA regress_old CASCADE;
DROP FOREIGN TABLE customers;
RESET client_min_messages;

-- ====================================================================
-- IMPORT: each table its own custom fields, of those that are asked for
-- ====================================================================
DROP FOREIGN TABLE accounts, contacts;
IMPORT FOREIGN SCHEMA pylon LIMIT TO (accounts) FROM SERVER pylon INTO public OPTIONS (custom_fields 'columns');
\d accounts
\echo `$ctl take`
SELECT name, plan, seats, is_trial, renewal_date, products, tags, tags_2 FROM accounts WHERE plan = 'enterprise' AND seats = 250;
\echo `$ctl take`
DROP FOREIGN TABLE accounts;
IMPORT FOREIGN SCHEMA pylon EXCEPT (accounts) FROM SERVER pylon INTO public OPTIONS (custom_fields 'both');
\echo `$ctl take`
DROP FOREIGN TABLE contacts;
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public OPTIONS (custom_fields 'both');
\echo `$ctl take`
DROP FOREIGN TABLE accounts, contacts;

-- ====================================================================
-- What can be searched; each clause also on a local copy
-- ====================================================================
CREATE DOMAIN regress_text AS text;
CREATE FOREIGN TABLE accounts (
  id text, name text, type text, primary_domain text, domains text[], tags text[], owner_id text, owner_email text,
  external_ids jsonb, crm_settings jsonb, is_disabled boolean, created_at timestamptz, custom_fields jsonb,
  key uuid OPTIONS (field 'id'),
  hosts varchar(99)[] OPTIONS (field 'domains'),
  sites regress_text[] OPTIONS (field 'domains'),
  labels text OPTIONS (field 'tags'),
  known_as text OPTIONS (field 'external_ids'),
  owner uuid OPTIONS (field 'owner_id'),
  plan text OPTIONS (custom_field 'plan'),
  products text[] OPTIONS (custom_field 'products', field_type 'multiselect')
) SERVER pylon;
\echo `$ctl add-accounts '[{"id":"00000000-0000-4000-a000-00000000f001","name":"  Blank ","domains":["acme.com "],"primary_domain":"acme.com ","tags":["eu "," x"],"external_ids":[]},{"id":"00000000-0000-4000-a000-00000000f002","name":"Empty","tags":[""],"domains":[],"external_ids":[{"external_id":"acme","label":"second"},{"external_id":"x-9"}]}]'`
CREATE TABLE copy AS SELECT * FROM accounts;
CREATE FUNCTION test(clause text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  plan json;
  lost bigint;
  found bigint;
BEGIN
  EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT id FROM accounts WHERE ' || clause INTO plan;
  plan := plan->0->'Plan';
  EXECUTE format('SELECT count(f.id), (SELECT count(*) FROM copy WHERE %1$s) - count(c.id)
                  FROM (SELECT id FROM accounts WHERE %1$s) f LEFT JOIN (SELECT id FROM copy WHERE %1$s) c USING (id)',
                 clause) INTO found, lost;
  RETURN NEXT clause;
  RETURN NEXT '    ' || coalesce(plan->>'Pylon Request', 'nothing') || coalesce(' ' || (plan->>'Pylon Filter'), '');
  RETURN QUERY SELECT '    local: ' || value FROM json_array_elements_text(plan->'Pylon Local Filter');
  RETURN NEXT '    rows: ' || found || CASE WHEN lost <> 0 THEN ' DIFFERENT' ELSE '' END;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT test($$id = '00000000-0000-4000-a000-000000000001'$$);
SELECT test($$key = '00000000-0000-4000-a000-000000000001'$$);
-- an external id is no id
SELECT test($$id = 'acme'$$);
SELECT test($$id IN ('00000000-0000-4000-a000-000000000001', '00000000-0000-4000-a000-00000000f001', 'nobody')$$);
SELECT test($$name = 'Acme'$$);
SELECT test($$name IN ('Acme', 'Globex')$$);
SELECT test($$name <> 'Acme'$$);
SELECT test($$name LIKE 'Acme%'$$);
SELECT test($$name LIKE '%\%\_%'$$);
SELECT test($$name ILIKE 'acme'$$);
-- domains: the primary one is one of them
SELECT test($$'acme.com' = ANY (domains)$$);
SELECT test($$domains && '{acme.example,globex.com}'$$);
SELECT test($$domains @> '{acme.com,acme.example}'$$);
SELECT test($$'{acme.com}' <@ domains$$);
SELECT test($$domains <@ '{acme.com}'$$);
SELECT test($$domains @> '{}'$$);
SELECT test($$domains && '{}'$$);
SELECT test($$domains = '{acme.com}'$$);
SELECT test($$domains IS NULL$$);
SELECT test($$NOT 'acme.com' = ANY (domains)$$);
SELECT test($$hosts && '{acme.com}'$$);
-- as an array of text, which changes no element
SELECT test($$'acme.com' = ANY (hosts)$$);
SELECT test($$hosts::text[] @> '{acme.com,acme.example}'$$);
SELECT test($$'acme.com' = ANY (sites)$$);
SELECT test($$'acme' = ANY (hosts::varchar(4)[])$$);
SELECT test($$primary_domain = 'acme.com'$$);
SELECT test($$primary_domain = 'acme.example'$$);
SELECT test($$primary_domain IN ('acme.com', 'acme.example', 'globex.com')$$);
SELECT test($$primary_domain <> 'acme.com'$$);
SELECT test($$primary_domain LIKE '%.com'$$);
SELECT test($$primary_domain IS NULL$$);
SELECT test($$primary_domain = ''$$);
SELECT test($$primary_domain = 'acme.test'$$);
SELECT test($$lower(primary_domain) = 'acme.test'$$);
SELECT test($$primary_domain = 'acme.com' OR name = 'Globex'$$);
SELECT test($$primary_domain IS NOT DISTINCT FROM 'acme.com'$$);
SELECT test($$primary_domain IS NOT DISTINCT FROM current_setting('regress.unset', true)$$);
SELECT test($$coalesce(primary_domain, '') = 'acme.com'$$);
SELECT test($$left(primary_domain, 4) IN ('acme', 'glob')$$);
SELECT test($$split_part(primary_domain, '.', 2) = 'com'$$);
SELECT test($$primary_domain::varchar(4) = 'acme'$$);
-- tags; an empty text may be one
SELECT test($$'eu' = ANY (tags)$$);
SELECT test($$'' = ANY (tags)$$);
SELECT test($$tags && '{"",eu}'$$);
SELECT test($$tags @> '{""}'$$);
SELECT test($$tags @> '{"",""}' AND name LIKE '%mpty'$$);
SELECT test($$tags @> '{eu,enterprise}' AND NOT is_disabled$$);
SELECT test($$tags @> ARRAY['eu', NULL]$$);
SELECT test($$tags && ARRAY['eu', NULL]$$);
SELECT test($$labels = '["eu"]'$$);
SELECT test($$labels LIKE '%eu%'$$);
-- the owner
SELECT test($$owner_id = '00000000-0000-4000-b000-000000000001'$$);
SELECT test($$owner = '00000000-0000-4000-b000-000000000001'$$);
SELECT test($$owner_id IN ('00000000-0000-4000-b000-000000000001', '00000000-0000-4000-b000-000000000006')$$);
SELECT test($$owner_id <> '00000000-0000-4000-b000-000000000001'$$);
SELECT test($$owner_id NOT IN ('00000000-0000-4000-b000-000000000001', NULL)$$);
SELECT test($$owner_id IS NULL$$);
SELECT test($$owner_id IS NOT NULL$$);
SELECT test($$NOT owner_id IS NULL$$);
SELECT test($$owner_id IS DISTINCT FROM '00000000-0000-4000-b000-000000000001'$$);
SELECT test($$owner_id IS NULL OR owner_id = '00000000-0000-4000-b000-000000000001'$$);
SELECT test($$owner_id IS NOT DISTINCT FROM current_setting('regress.unset', true)$$);
SELECT test($$coalesce(owner_id, '') = '00000000-0000-4000-b000-000000000001'$$);
SELECT test($$owner_email = 'owner1@sample.example'$$);
-- external ids
SELECT test($$external_ids @> '[{"external_id": "acme"}]'$$);
SELECT test($$'[{"external_id": "acme"}]' <@ external_ids$$);
SELECT test($$external_ids @> '[{"external_id": "acme", "label": "crm"}]'$$);
SELECT test($$external_ids @> '[{"external_id": "acme"}, {"external_id": "x-9"}]'$$);
SELECT test($$external_ids @> jsonb_build_array(jsonb_build_object('external_id', 'acme'))$$);
SELECT test($$external_ids @> '[{"label": "crm"}]'$$);
SELECT test($$external_ids @> '[{"external_id": 7}]'$$);
SELECT test($$external_ids @> '[{"external_id": ""}]'$$);
SELECT test($$external_ids @> '{"external_id": "acme"}'$$);
SELECT test($$external_ids @> '[]'$$);
SELECT test($$external_ids @> '"acme"'$$);
SELECT test($$NOT external_ids @> '[{"external_id": "acme"}]'$$);
SELECT test($$external_ids IS NULL$$);
SELECT test($$external_ids IS NOT NULL$$);
SELECT test($$external_ids = '[{"external_id": "acme", "label": "crm"}]'$$);
SELECT test($$external_ids ? 'acme'$$);
SELECT test($$known_as = 'acme'$$);
SELECT test($$crm_settings @> '{"details": [{"source": "hubspot", "id": "8001"}]}'$$);
-- nothing else can be
SELECT test($$type = 'customer'$$);
SELECT test($$is_disabled$$);
SELECT test($$is_disabled IS NOT TRUE$$);
SELECT test($$created_at < '2025-03-02'$$);
-- custom fields as for contacts; one may have the name of a field
SELECT test($$custom_fields->>'plan' = 'enterprise' AND products && '{chat}'$$);
SELECT test($$plan IS NULL AND custom_fields ? 'seats'$$);
SELECT test($$custom_fields->>'tags' = 'not the tags'$$);
-- where the API ignores case
ALTER SERVER pylon OPTIONS (ADD case_sensitive 'false');
\echo `$ctl set case_sensitive=off`
SELECT test($$lower(primary_domain) = 'acme.test'$$);
SELECT test($$lower(primary_domain) IN ('acme.test', 'acme.com')$$);
SELECT test($$name ILIKE 'ACME'$$);
SELECT test($$'eu' = ANY (tags)$$);
SELECT test($$primary_domain = 'acme.test'$$);
SELECT test($$external_ids @> '[{"external_id": "acme"}]'$$);
ALTER SERVER pylon OPTIONS (DROP case_sensitive);
\echo `$ctl set case_sensitive=on`
-- a long list falls into several searches; no account comes twice
ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '2');
SELECT test($$primary_domain IN ('acme.com', 'globex.com', 'acme.example', 'globex.example', 'labs.acme.com')$$);
SELECT test($$'eu' = ANY (tags) AND tags && '{eu,enterprise,EU}'$$);
ALTER SERVER pylon OPTIONS (DROP lookup_batch_size);
\echo `$ctl clear`
SELECT name FROM accounts WHERE primary_domain = ANY ('{acme.com,globex.com,acme.example,acme.com}') ORDER BY name;
\echo `$ctl take`
-- 400: the filter is left out, the rows stay right, and what was refused isn't tried again
\echo `$ctl set refuse_name_filter=on`
SELECT id FROM accounts WHERE name = 'Acme';
SELECT id FROM accounts WHERE name = 'Acme' AND primary_domain = 'acme.com';
\echo `$ctl take`
\echo `$ctl set refuse_name_filter=off`
\pset format aligned
\pset tuples_only off
\c
SET timezone = 'UTC';

-- ====================================================================
-- Whole rows, system columns, ANALYZE
-- ====================================================================
DROP FOREIGN TABLE accounts;
DROP TABLE copy;
DROP DOMAIN regress_text;
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
SELECT (a).name, (a).domains FROM (SELECT a FROM accounts a WHERE name = 'Acme') s;
SELECT ctid FROM accounts;
\echo :LAST_ERROR_SQLSTATE
SELECT tableoid::regclass FROM accounts WHERE name = 'Acme';
\echo `$ctl take`
ANALYZE accounts;
SELECT reltuples FROM pg_class WHERE oid = 'accounts'::regclass;
\echo `$ctl take`

-- ====================================================================
-- Joined with contacts: the fewest requests
-- ====================================================================
\c
DROP FOREIGN TABLE accounts, contacts;
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
CREATE TABLE plans (domain text PRIMARY KEY, plan text);
INSERT INTO plans VALUES ('acme.com', 'gold'), ('globex.com', 'silver'), ('nobody.example', 'none');
ANALYZE plans;
SELECT a.name, count(*) FROM contacts c JOIN accounts a ON a.id = c.account_id
  WHERE c.email IN ('ada@acme.com', 'grace@acme.com', 'zoe@globex.com') GROUP BY 1 ORDER BY 1;
\echo `$ctl take`
SELECT c.email FROM contacts c JOIN accounts a ON a.id = c.account_id WHERE a.name = 'Acme' ORDER BY 1;
\echo `$ctl take`
SELECT p.plan, c.email FROM plans p JOIN accounts a ON a.primary_domain = p.domain JOIN contacts c ON c.account_id = a.id ORDER BY 2;
\echo `$ctl take`
SELECT p.plan, a.name FROM plans p LEFT JOIN accounts a ON a.primary_domain = p.domain ORDER BY 1;
\echo `$ctl take`
SELECT a.name FROM accounts a WHERE a.tags @> '{eu}' AND NOT EXISTS (SELECT FROM contacts c WHERE c.account_id = a.id) ORDER BY 1;
\echo `$ctl take`
EXPLAIN (COSTS OFF) SELECT a.name, c.email FROM contacts c JOIN accounts a ON a.id = c.account_id
  WHERE c.email IN ('ada@acme.com', 'grace@acme.com', 'zoe@globex.com');
EXPLAIN (COSTS OFF) SELECT c.email FROM contacts c JOIN accounts a ON a.id = c.account_id WHERE a.name = 'Acme';

-- ====================================================================
-- A server without accounts
-- ====================================================================
\c
\echo `$ctl set accounts=off`
SELECT name FROM accounts;
\echo :LAST_ERROR_SQLSTATE
SELECT name FROM accounts WHERE name = 'Acme';
\echo :LAST_ERROR_SQLSTATE
SELECT name FROM accounts WHERE id = '00000000-0000-4000-a000-000000000001';
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM contacts;
SELECT name FROM accounts WHERE id = '00000000-0000-4000-a000-000000000001';
\echo `$ctl take`
\echo `$ctl set accounts=on`
-- an id that no account has is known by the API's own words
SELECT name FROM accounts WHERE id = 'nobody';
\echo `$ctl take`
-- else their list tells, once
\c
\echo `$ctl fault '{"kind":"status","status":404,"body":"{\"errors\":[\"Nicht gefunden\"]}","match":"GET /accounts/nobody","times":2}'`
SELECT name FROM accounts WHERE id = 'nobody';
SELECT name FROM accounts WHERE id = 'nobody';
\echo `$ctl take`

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
DROP TABLE plans;
DROP FUNCTION test;
