-- INSERT, UPDATE and DELETE: what is sent, and what comes of it.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\set contacts 20
\i :setup
CREATE FOREIGN TABLE contacts (
  id text, account_id text, name text, email text, emails text[], avatar_url text, portal_role text,
  phone_numbers text[], external_ids jsonb, custom_fields jsonb,
  seats integer OPTIONS (custom_field 'seats'),
  vip boolean OPTIONS (custom_field 'vip'),
  renewal date OPTIONS (custom_field 'renewal'),
  regions text[] OPTIONS (custom_field 'regions'),
  salesforce text OPTIONS (custom_field 'contact.salesforce.Contact_ID_for_Pylon__c', readonly 'true')
) SERVER pylon;
-- in the order of the rows, so that the log is the same each time
ALTER SERVER pylon OPTIONS (ADD max_concurrent_requests '1');

-- ====================================================================
-- INSERT
-- ====================================================================
INSERT INTO contacts (name, email) VALUES ('New One', 'one@new.example')
  RETURNING length(id) AS id, name, email, emails, portal_role, custom_fields;
INSERT INTO contacts (name, account_id, phone_numbers, external_ids, custom_fields, seats, vip, renewal, regions)
  VALUES ('New Two', '00000000-0000-4000-a000-000000000001', '{15550100}', '[{"external_id": "x-2", "label": "crm"}]',
          '{"tier": "gold", "notes": "a \"b\" ü"}', 7, true, '2027-03-01', '{eu,us}')
  RETURNING account_id, phone_numbers, external_ids, custom_fields;
INSERT INTO contacts (name, email) SELECT 'Bulk ' || n, 'bulk' || n || '@new.example' FROM generate_series(1, 3) n;
COPY contacts (name, email) FROM stdin;
Copied 1	copied1@new.example
Copied 2	\N
\.
\echo `$ctl take`
-- refused before anything is sent
INSERT INTO contacts (email) VALUES ('nameless@new.example');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO contacts (name) VALUES ('First'), (NULL);
INSERT INTO contacts (name, id) VALUES ('A', 'b');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO contacts (name, emails) VALUES ('A', '{a@b.c}');
INSERT INTO contacts (name, salesforce) VALUES ('A', 'x');
INSERT INTO contacts (name, custom_fields, seats) VALUES ('A', '{"seats": 1}', 2);
INSERT INTO contacts (name, custom_fields) VALUES ('A', '{"tier": {"a": 1}}');
\echo `$ctl count`
-- refused by the API (the warning of what remains comes before or after the error; see below)
SET client_min_messages = error;
INSERT INTO contacts (name, email) VALUES ('Ada again', 'ada@acme.com');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO contacts (name, email) VALUES ('Third', 'third@new.example'), ('Ada again', 'ada@acme.com');
INSERT INTO contacts (name, email) VALUES ('Ada again', 'ada@acme.com'), ('Fourth', 'fourth@new.example') ON CONFLICT DO NOTHING;
INSERT INTO contacts (name, phone_numbers) VALUES ('Five', '{49-1}');
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl take`

-- ====================================================================
-- UPDATE: the differences, and nothing else
-- ====================================================================
UPDATE contacts SET name = 'Ada King', avatar_url = 'https://acme.com/ada.png' WHERE email = 'ada@acme.com' RETURNING name, email;
UPDATE contacts SET name = name, email = email WHERE email LIKE '%@acme.com';
UPDATE contacts SET account_id = NULL WHERE id = '00000000-0000-4000-8000-000000000001' RETURNING account_id;
UPDATE contacts SET emails = '{ada@acme.com,countess@acme.com}' WHERE id = '00000000-0000-4000-8000-000000000001' RETURNING email, emails;
UPDATE contacts SET email = 'countess@acme.com', emails = '{ada@acme.com,countess@acme.com,a@k.example}'
 WHERE id = '00000000-0000-4000-8000-000000000001' RETURNING email, emails;
UPDATE contacts SET custom_fields = (custom_fields || '{"tier": "silver", "seats": 30, "vip": true}') - 'mrr'
 WHERE name = 'Grace Hopper' RETURNING custom_fields;
UPDATE contacts SET custom_fields = (custom_fields || '{"notes": null}') - 'regions' WHERE name = 'Grace Hopper' RETURNING custom_fields;
UPDATE contacts SET seats = 31, vip = NULL, renewal = '2028-01-01', regions = '{apac}' WHERE name = 'Grace Hopper'
  RETURNING custom_fields, seats, vip, renewal, regions;
UPDATE contacts c SET portal_role = v.role FROM (VALUES ('bulk1@new.example', 'admin'), ('bulk2@new.example', 'member')) v(email, role)
 WHERE c.email = v.email RETURNING c.email, portal_role;
\echo `$ctl take | grep -v search | sed 's/contacts.[0-9a-f-]* /contacts.. /'`
UPDATE contacts SET id = 'x' WHERE name = 'Grace Hopper';
\echo :LAST_ERROR_SQLSTATE
UPDATE contacts SET salesforce = 'x' WHERE name = 'Grace Hopper';
UPDATE contacts SET name = NULL WHERE name = 'Grace Hopper';
\echo :LAST_ERROR_SQLSTATE
UPDATE contacts SET seats = 1, custom_fields = '{"seats": "2"}' WHERE name = 'Grace Hopper';
-- what the API ignores is found out
\echo `$ctl set ignore_fields=avatar_url,seats`
UPDATE contacts SET avatar_url = 'https://acme.com/grace.png' WHERE name = 'Grace Hopper';
\echo :LAST_ERROR_SQLSTATE
UPDATE contacts SET custom_fields = '{"unknown": "x"}' WHERE name = 'Alan Turing';
\echo `$ctl set ignore_fields= normalise_email=on`
UPDATE contacts SET email = 'GRACE@acme.com' WHERE name = 'Grace Hopper' RETURNING email;
\echo `$ctl set normalise_email=off patch_answer=no_data`
UPDATE contacts SET email = 'grace@acme.com' WHERE name = 'Grace Hopper' RETURNING email;
\echo `$ctl set patch_answer=full`
-- gone in the meantime
\echo `$ctl fault '{"kind":"status","status":404,"match":"PATCH","body":"{\"errors\":[\"Contact not found!\"]}"}'`
UPDATE contacts SET name = 'Nobody' WHERE name = 'Grace Hopper';

-- ====================================================================
-- DELETE
-- ====================================================================
DELETE FROM contacts WHERE email LIKE 'bulk%' RETURNING name, email, portal_role;
\echo `$ctl fault '{"kind":"status","status":404,"match":"DELETE","body":"{\"errors\":[\"Contact not found!\"]}"}'`
DELETE FROM contacts WHERE name = 'Copied 1';
DELETE FROM contacts USING (VALUES ('Copied 1'), ('Copied 2')) v(name) WHERE contacts.name = v.name;
SELECT count(*) FROM contacts WHERE name LIKE 'Copied%';

RESET client_min_messages;

-- ====================================================================
-- Pylon has no transactions
-- ====================================================================
BEGIN;
INSERT INTO contacts (name) VALUES ('In doubt');
SAVEPOINT s;
UPDATE contacts SET name = 'Still in doubt' WHERE name = 'In doubt';
ROLLBACK TO s;
DELETE FROM contacts WHERE name = 'Still in doubt';
COMMIT;
BEGIN;
INSERT INTO contacts (name) VALUES ('In doubt');
ROLLBACK;
DO $$
BEGIN
  DELETE FROM contacts WHERE name = 'In doubt';
  RAISE EXCEPTION 'no';
EXCEPTION WHEN OTHERS THEN
  NULL;
END $$;
\echo `$ctl clear`

-- ====================================================================
-- A dry run, and tables that aren't to be written
-- ====================================================================
SET pylon_fdw.dry_run = on;
INSERT INTO contacts (name, custom_fields) VALUES ('Dry', '{"tier": "gold"}') RETURNING name, id;
UPDATE contacts SET name = 'Dry' WHERE id = '00000000-0000-4000-8000-000000000001' RETURNING name;
DELETE FROM contacts WHERE id = '00000000-0000-4000-8000-000000000001';
RESET pylon_fdw.dry_run;
\echo `$ctl take`
ALTER FOREIGN TABLE contacts OPTIONS (ADD updatable 'false');
INSERT INTO contacts (name) VALUES ('A');
\echo :LAST_ERROR_SQLSTATE
UPDATE contacts SET name = 'A';
DELETE FROM contacts;
TRUNCATE contacts;
ALTER FOREIGN TABLE contacts OPTIONS (DROP updatable);
START TRANSACTION READ ONLY;
DELETE FROM contacts;
ROLLBACK;
CREATE FOREIGN TABLE no_id (name text) SERVER pylon;
DELETE FROM no_id;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl count`

-- ====================================================================
-- Children, partitions, privileges of columns
-- ====================================================================
CREATE TABLE everybody (id text, name text, email text);
CREATE FOREIGN TABLE in_pylon () INHERITS (everybody) SERVER pylon;
INSERT INTO everybody VALUES ('local', 'Local', NULL);
WITH w AS (UPDATE everybody SET name = 'Inherited' WHERE id IN ('local', '00000000-0000-4000-8000-000000000004')
  RETURNING tableoid::regclass AS t, id, name) SELECT * FROM w ORDER BY id DESC;
WITH w AS (DELETE FROM everybody WHERE id IN ('local', '00000000-0000-4000-8000-000000000004') RETURNING tableoid::regclass AS t, name)
  SELECT * FROM w ORDER BY t;
CREATE TABLE by_role (portal_role text, id text, name text) PARTITION BY LIST (portal_role);
CREATE TABLE none PARTITION OF by_role FOR VALUES IN ('none');
CREATE FOREIGN TABLE admins PARTITION OF by_role FOR VALUES IN ('admin') SERVER pylon;
INSERT INTO by_role (portal_role, name) VALUES ('none', 'N'), ('admin', 'A') RETURNING tableoid::regclass, name;
-- a row moves into a table that the UPDATE doesn't write otherwise, but not into one that it does
UPDATE by_role SET portal_role = 'admin' WHERE portal_role = 'none' RETURNING tableoid::regclass, name;
INSERT INTO by_role (portal_role, name) VALUES ('none', 'M');
UPDATE by_role SET portal_role = 'admin' WHERE name = 'M';
\echo `$ctl take | sed 's/contacts.[0-9a-f-]* /contacts.. /'`
CREATE ROLE regress_pylon_writer;
GRANT SELECT, UPDATE (name) ON contacts TO regress_pylon_writer;
CREATE USER MAPPING FOR regress_pylon_writer SERVER pylon OPTIONS (api_token 'sample-token');
SET ROLE regress_pylon_writer;
UPDATE contacts SET name = 'Conan' WHERE id = '00000000-0000-4000-8000-000000000005' RETURNING name;
UPDATE contacts SET email = 'conan@globex.com' WHERE id = '00000000-0000-4000-8000-000000000005';
DELETE FROM contacts;
RESET ROLE;

SET client_min_messages = warning;
DROP TABLE everybody, by_role CASCADE;
DROP EXTENSION pylon_fdw CASCADE;
DROP ROLE regress_pylon_writer;
