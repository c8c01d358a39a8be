-- Rows saved as a whole, by a web form for example, and rows written through
-- a view with CHECK OPTION.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\set contacts 10
\i :setup
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
ALTER SERVER pylon OPTIONS (ADD max_concurrent_requests '1');

-- ====================================================================
-- The statements of a web form (Adminer): all columns are assigned, and all
-- are asked for
-- ====================================================================
UPDATE "contacts" SET
"id" = '00000000-0000-4000-8000-000000000002',
"account_id" = '00000000-0000-4000-a000-000000000001',
"name" = 'Grace B. Hopper',
"email" = 'grace@acme.com',
"emails" = '{grace@acme.com,hopper@navy.example}',
"avatar_url" = NULL,
"portal_role" = 'member',
"portal_role_id" = NULL,
"phone_numbers" = '{15550100,15550101}',
"primary_phone_number" = '15550101',
"external_ids" = NULL,
"account_external_id" = 'acme',
"account_external_ids" = '[{"label": "crm", "external_id": "acme"}]',
"integration_user_ids" = NULL,
"custom_fields" = '{"vip": "false", "tier": "silver", "notes": "", "seats": "5", "regions": ["us"]}'
WHERE "id" = '00000000-0000-4000-8000-000000000002' AND "account_id" = '00000000-0000-4000-a000-000000000001' AND "name" = 'Grace Hopper' AND "email" = 'grace@acme.com' AND "emails" = '{grace@acme.com,hopper@navy.example}' AND "portal_role" = 'member' AND "phone_numbers" = '{15550100,15550101}' AND "primary_phone_number" = '15550101' AND "account_external_id" = 'acme' AND "account_external_ids" = '[{"label": "crm", "external_id": "acme"}]' AND "custom_fields" = '{"vip": "false", "tier": "silver", "notes": "", "seats": "5", "regions": ["us"]}' AND "avatar_url" IS NULL AND "portal_role_id" IS NULL AND "external_ids" IS NULL AND "integration_user_ids" IS NULL
RETURNING name;
INSERT INTO "contacts" ("id", "account_id", "name", "email", "emails", "avatar_url", "portal_role", "portal_role_id", "phone_numbers", "primary_phone_number", "external_ids", "account_external_id", "account_external_ids", "integration_user_ids", "custom_fields")
VALUES ('', NULL, 'New One', 'new@one.example', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL) RETURNING name;
DELETE FROM "contacts"
WHERE "email" = 'new@one.example' AND "name" = 'New One' AND "portal_role" = 'no_access' AND "custom_fields" = '{}' AND "account_id" IS NULL AND "avatar_url" IS NULL RETURNING name;
\echo `$ctl take | grep -v ^GET | grep -v search | sed 's/DELETE .*/DELETE .../'`
-- what an ORM does with a row that it has read
PREPARE save(text, text, text, jsonb) AS UPDATE contacts SET id = $1, name = $2, email = $3, custom_fields = $4 WHERE id = $1;
EXECUTE save('00000000-0000-4000-8000-000000000003', 'Alan Turing', 'alan@acme.com', '{}');
SET plan_cache_mode = force_generic_plan;
EXECUTE save('00000000-0000-4000-8000-000000000003', 'Alan M. Turing', 'alan@acme.com', '{}');
RESET plan_cache_mode;
\echo `$ctl take`
-- another id
UPDATE contacts SET id = 'x', name = 'Nobody' WHERE id = '00000000-0000-4000-8000-000000000003';
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
-- no row, no error
UPDATE contacts SET id = 'x' WHERE id = 'nobody';
\echo `$ctl take`

-- ====================================================================
-- WITH CHECK OPTION: nothing is sent of a row that violates it
-- ====================================================================
CREATE VIEW acme AS SELECT * FROM contacts WHERE email LIKE '%@acme.com';
CREATE VIEW members AS SELECT * FROM acme WHERE portal_role = 'member' AND avatar_url IS NULL WITH CHECK OPTION;
CREATE VIEW gold AS SELECT * FROM contacts WHERE custom_fields->>'tier' = 'gold' WITH CHECK OPTION;
CREATE TABLE domains (domain text);
INSERT INTO domains VALUES ('acme.com');
CREATE VIEW known AS SELECT * FROM contacts WHERE split_part(email, '@', 2) IN (SELECT domain FROM domains) WITH CHECK OPTION;
UPDATE members SET name = 'Grace Hopper' WHERE email = 'grace@acme.com' RETURNING name;
UPDATE members SET avatar_url = '' WHERE email = 'grace@acme.com' RETURNING avatar_url IS NULL AS none;
\echo `$ctl take | grep -v search`
UPDATE members SET name = 'x', portal_role = 'admin' WHERE email = 'grace@acme.com';
\echo :LAST_ERROR_SQLSTATE
UPDATE members SET email = 'grace@elsewhere.example' WHERE email = 'grace@acme.com';
UPDATE gold SET custom_fields = custom_fields || '{"tier": "silver"}';
UPDATE known SET email = 'grace@elsewhere.example' WHERE email = 'grace@acme.com';
\echo `$ctl take | grep PATCH`
-- a row before it is written all the same, and the error says so
SET client_min_messages = error;
UPDATE gold SET name = name || '!', custom_fields = custom_fields || jsonb_build_object('tier', CASE name WHEN 'Ada Lovelace' THEN 'gold' ELSE 'silver' END);
\echo `$ctl take | grep PATCH`
-- of a new contact, conditions are checked before that look at what is sent
INSERT INTO members (name, email, portal_role) VALUES ('N', 'n@elsewhere.example', 'member');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO members (name, email, portal_role) VALUES ('N', 'n@acme.com', 'admin');
INSERT INTO known (name, email) VALUES ('N', 'n@elsewhere.example');
\echo `$ctl take | grep POST..contacts.{`
-- and the others after: that role is a default of the API, these fields may have some
INSERT INTO members (name, email) VALUES ('N', 'n@acme.com');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO gold (name, custom_fields) VALUES ('N', '{"tier": "silver"}');
INSERT INTO members (name, email, portal_role) VALUES ('M', 'm@acme.com', 'member') RETURNING name;
INSERT INTO known (name, email) VALUES ('K', 'k@acme.com') RETURNING name;
\echo `$ctl take | grep POST..contacts.{`
RESET client_min_messages;

SET client_min_messages = warning;
DROP TABLE domains CASCADE;
DROP EXTENSION pylon_fdw CASCADE;
