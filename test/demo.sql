\getenv token PYLON_API_TOKEN
\set ECHO all
-- ====================================================================
-- Four statements, and Pylon is two tables
-- ====================================================================
CREATE EXTENSION pylon_fdw;
CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw
	OPTIONS (base_url :'base_url', updatable :'updatable');
CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token :'token');
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;

-- Does it work?  If not, the last row says where it ends, and "hint" what helps.
SELECT "check", ok, left(detail, 70) AS detail FROM pylon_fdw_check('pylon');

-- ====================================================================
-- Who are they?
-- ====================================================================
\d contacts
SELECT name, type, primary_domain, created_at::date AS since FROM accounts LIMIT 5;
SELECT count(*) AS contacts, count(email) AS with_address, count(DISTINCT account_id) AS accounts
	FROM contacts;

-- Custom fields are jsonb: slug to text, or to an array of texts.  A look at some of them:
SELECT key AS slug, count(*) AS contacts, min(value) AS for_example
	FROM (SELECT custom_fields FROM contacts LIMIT 999) c, jsonb_each_text(custom_fields)
	GROUP BY key ORDER BY count(*) DESC, key LIMIT 5;

-- ====================================================================
-- Find somebody
-- ====================================================================
-- The examples are taken from the contacts themselves.
SELECT coalesce(min(id), '') AS some_id, coalesce(min(email), '') AS some_email,
	coalesce(left(split_part(min(email), '@', 2), 4), '') AS some_text
	FROM (SELECT id, email FROM contacts WHERE email IS NOT NULL LIMIT 1) c \gset
SELECT name, email, portal_role FROM contacts WHERE email = :'some_email';
SELECT name, email FROM contacts WHERE email LIKE '%' || :'some_text' || '%' ORDER BY email LIMIT 5;
SELECT coalesce(min(key), 'tier') AS some_slug, coalesce(min(value), 'gold') AS some_value
	FROM (SELECT key, value FROM contacts, jsonb_each_text(custom_fields)
		WHERE value ~ '^[[:alnum:]]' LIMIT 1) c \gset
\echo some_slug = :some_slug, some_value = :some_value
SELECT count(*) FROM contacts WHERE custom_fields->>:'some_slug' = :'some_value';

-- ====================================================================
-- Why was that fast?
-- ====================================================================
-- Pylon looks for the address, and PostgreSQL checks what it found: one request, not all contacts.
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF)
	SELECT name, email FROM contacts WHERE email = :'some_email';
EXPLAIN (COSTS OFF) SELECT name FROM contacts WHERE id = :'some_id';
-- What stays here has its reason in VERBOSE.
EXPLAIN (VERBOSE, COSTS OFF)
	SELECT name FROM contacts WHERE email LIKE '%' || :'some_text' || '%' AND portal_role = 'admin';
-- With a LIMIT no more contacts are asked for than needed.
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF)
	SELECT name FROM contacts LIMIT 10;

-- ====================================================================
-- Who is up for renewal, and whom do we ask?
-- ====================================================================
-- What billing knows is a table of our own.  Here it is made up, for some of the accounts.
CREATE TABLE billing AS
	SELECT id AS account_id, (ARRAY['starter', 'team', 'enterprise'])[1 + n % 3] AS plan,
		50 * (1 + n * 37 % 40) AS monthly, date '2026-12-01' + n * 53 % 180 AS renews_on
	FROM (SELECT id, (row_number() OVER ())::int AS n FROM accounts LIMIT 90) a;
ANALYZE billing;

-- Billing says when, the accounts who, and the contacts whom to ask.
CREATE VIEW renewals AS
	SELECT b.renews_on, b.plan, b.monthly, a.name AS customer, count(c.id) AS people,
		coalesce(min(c.email) FILTER (WHERE c.portal_role = 'admin'), min(c.email)) AS ask
	FROM billing b JOIN accounts a ON a.id = b.account_id
		LEFT JOIN contacts c ON c.account_id = b.account_id
	GROUP BY b.account_id, b.renews_on, b.plan, b.monthly, a.name;
SELECT * FROM renewals WHERE renews_on < '2026-12-20' ORDER BY renews_on, monthly DESC;

-- Only these accounts and their contacts were asked for, in a request each.
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF)
	SELECT a.name, c.email
	FROM billing b JOIN accounts a ON a.id = b.account_id
		LEFT JOIN contacts c ON c.account_id = b.account_id
	WHERE b.renews_on < '2026-12-20';

-- ====================================================================
-- For the dashboard: how much renews when, and how many people it is about
-- ====================================================================
SELECT to_char(renews_on, 'YYYY-MM') AS month, count(*) AS customers, sum(monthly) AS monthly,
		sum(monthly) FILTER (WHERE plan = 'enterprise') AS of_enterprises,
		sum(people) AS people, repeat('*', sum(people)::int / 10) AS " "
	FROM renewals GROUP BY month ORDER BY month;

