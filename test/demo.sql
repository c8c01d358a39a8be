\getenv token PYLON_API_TOKEN
\set ECHO all
-- ====================================================================
-- Set-up: four statements, and the contacts are a table
-- ====================================================================
CREATE EXTENSION pylon_fdw;
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url :'base_url', updatable :'updatable');
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token :'token');
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;

\d contacts
SELECT organization, token_name, base_url FROM pylon_fdw_ping('pylon');

-- ====================================================================
-- Reading.  The examples are taken from the contacts themselves.
-- ====================================================================
SELECT count(*), count(email) AS with_email, count(DISTINCT account_id) AS accounts FROM contacts;
SELECT name, email, portal_role FROM contacts LIMIT 5;

SELECT coalesce(min(id), '') AS some_id, coalesce(min(email), '') AS some_email
	FROM (SELECT id, email FROM contacts WHERE email IS NOT NULL LIMIT 1) c \gset
\echo some_id = :some_id, some_email = :some_email

-- The API looks for the address, and PostgreSQL checks what it found.
SELECT name, email FROM contacts WHERE email = :'some_email';
EXPLAIN (COSTS OFF) SELECT name, email FROM contacts WHERE email = :'some_email';

-- A contact by its id, and several of them: one request each.
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE id = :'some_id';
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE id IN (:'some_id', 'one', 'another');

-- A pattern goes to the API as far as that understands it; what stays here has its reason in VERBOSE.
SELECT name, email FROM contacts WHERE email LIKE 'a%@%.com' ORDER BY email LIMIT 5;
EXPLAIN (VERBOSE, COSTS OFF) SELECT name FROM contacts WHERE email LIKE 'a%@%.com' AND portal_role = 'admin';

-- Custom fields are jsonb: slug to text, or to an array of texts.  Here those of the first contacts.
SELECT name, jsonb_pretty(custom_fields) AS custom_fields FROM contacts WHERE custom_fields <> '{}' LIMIT 1;
SELECT key AS slug, count(*) AS contacts, count(DISTINCT value) AS different_values
	FROM (SELECT custom_fields FROM contacts LIMIT 999) c, jsonb_each(custom_fields)
	GROUP BY key ORDER BY count(*) DESC, key LIMIT 10;
SELECT coalesce(min(key), 'tier') AS some_slug, coalesce(min(value), 'gold') AS some_value
	FROM (SELECT key, value FROM contacts, jsonb_each_text(custom_fields) WHERE value !~ '^[[{]' LIMIT 1) c \gset
\echo some_slug = :some_slug, some_value = :some_value
SELECT count(*) FROM contacts WHERE custom_fields->>:'some_slug' = :'some_value';
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE custom_fields->>:'some_slug' = :'some_value';

-- With a LIMIT no more contacts are asked for than needed.  ANALYZE shows what the API had to do.
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT name FROM contacts LIMIT 10;

-- ====================================================================
-- Joining with a local table: only its addresses are asked for
-- ====================================================================
CREATE TEMP TABLE orders AS
	SELECT email, 10 * row_number() OVER () AS amount
	FROM (SELECT email FROM contacts WHERE email IS NOT NULL LIMIT 20) c;
ANALYZE orders;
SELECT c.name, o.amount FROM orders o JOIN contacts c USING (email) ORDER BY o.amount DESC LIMIT 5;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF)
	SELECT c.name, o.amount FROM orders o JOIN contacts c USING (email);

-- ====================================================================
-- What all this has cost
-- ====================================================================
\x on
SELECT * FROM pylon_fdw_stats();
