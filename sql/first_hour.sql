-- The first hour: what people type first, what the answer is, and what helps.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\set contacts 1200
\i :setup
SET client_min_messages = warning;
DROP SERVER pylon CASCADE;
RESET client_min_messages;
CREATE ROLE regress_ada SUPERUSER;
CREATE ROLE regress_grace;
SET ROLE regress_ada;

-- ====================================================================
-- "I have a URL and a token. What are the options called?"
-- ====================================================================
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (url 'https://api.usepylon.com');
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (host 'api.usepylon.com');
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_uri 'https://api.usepylon.com');
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (api_token 'sample-token');
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (token 'sample-token');
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (timeout '10s');
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (request_timeout '10');
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'api.usepylon.com');
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://api.usepylon.com');
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://ada:secret@api.usepylon.com');
-- the sample API stands in for Pylon
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url :'api');

-- ====================================================================
-- "Where are the contacts?"
-- ====================================================================
SELECT name FROM contacts LIMIT 1;
SELECT name FROM pylon.contacts LIMIT 1;
IMPORT FOREIGN SCHEMA pylon FROM SERVER pilon INTO public;
IMPORT FOREIGN SCHEMA public FROM SERVER pylon INTO public;
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO crm;
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public OPTIONS (custom_field 'columns');
IMPORT FOREIGN SCHEMA pylon LIMIT TO (contact) FROM SERVER pylon INTO public;
IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER pylon INTO public;
IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER pylon INTO public;

-- ====================================================================
-- "Nobody has asked me for the token."
-- ====================================================================
SELECT name FROM contacts LIMIT 1;
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (token 'sample-token');
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_key 'sample-token');
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (user 'ada', password 'sample-token');
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (base_url 'https://api.usepylon.com');
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token 'Bearer sample-token');
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token '"sample-token"');
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token E'sample-token\n');
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token '…');
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token '');
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon;
SELECT name FROM contacts LIMIT 1;
-- in a file: where?
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (token_file 'pylon_token');
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token_file 'pylon_token');
SELECT name FROM contacts LIMIT 1;
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token_file '/etc');
SELECT name FROM contacts LIMIT 1;
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (ADD api_token 'sample-token');

-- ====================================================================
-- "It doesn't like my token."
-- ====================================================================
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (DROP api_token_file, api_token 'YOUR_TOKEN');
SELECT name FROM contacts LIMIT 1;
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token 'eu-token');
SELECT name FROM contacts LIMIT 1;
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token 'no-permission');
SELECT name FROM contacts LIMIT 1;
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token 'sample-token');
SELECT name FROM contacts LIMIT 1;

-- ====================================================================
-- "It is somewhere else."
-- ====================================================================
SELECT :'api' || '/v1' AS with_path \gset
ALTER SERVER pylon OPTIONS (SET base_url :'with_path');
SELECT name FROM contacts LIMIT 1;
ALTER SERVER pylon OPTIONS (SET base_url :'api');

-- ====================================================================
-- "Let me look around."
-- ====================================================================
SELECT mail FROM contacts;
SELECT tier FROM contacts;
SELECT custom_fields.tier FROM contacts;
SELECT custom_fields->>'tier' AS tier FROM contacts LIMIT 1;
CREATE FOREIGN TABLE people (id text, full_name text) SERVER pylon;
SELECT full_name FROM people;
CREATE FOREIGN TABLE people2 (id text, full_name text OPTIONS (column_name 'name')) SERVER pylon OPTIONS (table_name 'contacts');
CREATE FOREIGN TABLE people2 (id text, full_name text OPTIONS (column_name 'name')) SERVER pylon;
ALTER FOREIGN TABLE people ALTER full_name OPTIONS (field 'name');
SELECT full_name FROM people LIMIT 1;
TABLE contacts LIMIT -1;

-- ====================================================================
-- "Now I write something."
-- ====================================================================
INSERT INTO contacts (id, name) VALUES ('ada', 'Ada');
INSERT INTO contacts (email) VALUES ('ada@acme.com');
INSERT INTO contacts (name, email) VALUES ('Ada', 'ada@acme.com');
UPDATE contacts SET account_external_ids = '[]' WHERE email = 'ada@acme.com';
SET pylon_fdw.dryrun = on;
SET pylon_fdw.dry_run = yes_please;
SET pylon_fdw.dry_run = on;
UPDATE contacts SET name = 'Ada L.' WHERE email = 'ada@acme.com';
RESET pylon_fdw.dry_run;
BEGIN;
INSERT INTO contacts (name, email) VALUES ('New', 'new@acme.com');
ROLLBACK;
TRUNCATE contacts;

-- ====================================================================
-- "And a colleague?"
-- ====================================================================
SET ROLE regress_grace;
SELECT name FROM contacts LIMIT 1;
SELECT name FROM pylon_fdw_ping('pylon') p(name);
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token 'sample-token');
SET ROLE regress_ada;
GRANT SELECT ON contacts TO regress_grace;
SET ROLE regress_grace;
SELECT name FROM contacts LIMIT 1;
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token 'sample-token');
SET ROLE regress_ada;
GRANT USAGE ON FOREIGN SERVER pylon TO regress_grace;
SET ROLE regress_grace;
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token 'sample-token');
SELECT name FROM contacts LIMIT 1;
UPDATE contacts SET name = 'Ada' WHERE email = 'ada@acme.com';
-- a view is read as its owner
SET ROLE regress_ada;
CREATE ROLE regress_owner;
CREATE VIEW names AS SELECT name FROM contacts;
ALTER VIEW names OWNER TO regress_owner;
GRANT SELECT ON names TO regress_grace;
GRANT SELECT ON contacts TO regress_owner;
SET ROLE regress_grace;
SELECT name FROM names LIMIT 1;

RESET ROLE;

-- ====================================================================
-- "What has come with the extension?"
-- ====================================================================
-- \dx+, \dew+ and \df+ tell of each object; this shows those that they say nothing of
SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
	WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pylon_fdw') AND deptype = 'e'
	AND obj_description(objid, classid::regclass::name) IS NULL;

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
DROP ROLE regress_ada, regress_grace, regress_owner;
