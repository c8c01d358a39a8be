-- Which conditions become which requests. The request stands below each query.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\i :setup
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
CREATE TABLE copy AS SELECT * FROM contacts;
\echo `$ctl take`

-- ====================================================================
-- One contact by its id
-- ====================================================================
SELECT name FROM contacts WHERE id = '00000000-0000-4000-8000-000000000001';
\echo `$ctl take`
SELECT name FROM contacts WHERE '00000000-0000-4000-8000-000000000002' = id AND email = 'grace@acme.com';
\echo `$ctl take`
SELECT name FROM contacts WHERE id = '00000000-0000-4000-8000-000000000002' AND name = 'Ada Lovelace';
\echo `$ctl take`
-- no such contact
SELECT name FROM contacts WHERE id = '00000000-0000-4000-8000-00000000ffff';
\echo `$ctl take`
-- an external id finds a contact in the API, but not in SQL
SELECT name FROM contacts WHERE id = 'crm-ada';
\echo `$ctl take`
-- any text can be asked for, except what a path can't hold
SELECT name FROM contacts WHERE id = 'a/b?limit=1#%41 ü';
\echo `$ctl take`
SELECT name FROM contacts WHERE id = '';
SELECT name FROM contacts WHERE id = '.';
SELECT name FROM contacts WHERE id = '..';
\echo `$ctl count`
SELECT name FROM contacts WHERE id = '...';
\echo `$ctl take`

-- ====================================================================
-- Equality
-- ====================================================================
SELECT name FROM contacts WHERE email = 'ada@acme.com';
\echo `$ctl take`
SELECT name FROM contacts WHERE account_id = '00000000-0000-4000-a000-000000000002' ORDER BY name;
\echo `$ctl take`
SELECT name FROM contacts WHERE email = 'ada@acme.com' AND account_id = '00000000-0000-4000-a000-000000000001';
\echo `$ctl take`
-- quotes, backslashes and other languages come through
SELECT name FROM contacts WHERE email = E'"\\/ü漢\t';
\echo `$ctl take`
-- pushed in part
SELECT name FROM contacts WHERE email = 'ada@acme.com' AND portal_role = 'admin';
\echo `$ctl take`
-- an empty string is NULL in the table, so it equals nothing
SELECT name FROM contacts WHERE email = '';
\echo `$ctl count`

-- ====================================================================
-- Lists
-- ====================================================================
SELECT name FROM contacts WHERE email IN ('ada@acme.com', 'grace@acme.com', 'ada@acme.com', NULL, '') ORDER BY name;
\echo `$ctl take`
SELECT name FROM contacts WHERE id = ANY ('{00000000-0000-4000-8000-000000000002,00000000-0000-4000-8000-000000000001}') ORDER BY name;
\echo `$ctl take`
SELECT name FROM contacts WHERE email = ANY (ARRAY(SELECT email FROM copy WHERE name = 'Grace Hopper'));
\echo `$ctl take`
-- nothing to ask for
SELECT name FROM contacts WHERE id = ANY ('{}');
SELECT name FROM contacts WHERE email = ANY (NULL::text[]);
SELECT name FROM contacts WHERE email = ANY (ARRAY[NULL]);
SELECT name FROM contacts WHERE email = NULL;
SELECT name FROM contacts WHERE email = (SELECT NULL::text);
\echo `$ctl count`

-- a long list goes in batches, each value once; several are in flight, in no order
SELECT count(*), count(DISTINCT id) FROM contacts
 WHERE id = ANY (ARRAY(SELECT id FROM copy ORDER BY id LIMIT 250));
\echo `$ctl take | cut -c 1-85 | LC_ALL=C sort`
SELECT count(*) FROM contacts
 WHERE email = ANY (ARRAY(SELECT lower(email) FROM copy, generate_series(1, 3) WHERE email IS NOT NULL ORDER BY copy.id LIMIT 300));
\echo `$ctl take | cut -c 1-54`
-- an API that ignores case finds a contact in several batches; it comes once
\echo `$ctl set case_sensitive=off`
ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '1');
SELECT name, email FROM contacts WHERE email = ANY ('{ada@acme.com,Ada@Acme.com,ADA@ACME.COM}') ORDER BY name;
\echo `$ctl take | LC_ALL=C sort`
ALTER SERVER pylon OPTIONS (DROP lookup_batch_size);
\echo `$ctl set case_sensitive=on`
-- of two long lists, the shorter one is sent; the other is checked here
ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '2');
SELECT name FROM contacts
 WHERE email IN ('ada@acme.com', 'grace@acme.com', 'alan@acme.com', 'x')
   AND id IN ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000003', '00000000-0000-4000-8000-000000000004')
 ORDER BY name;
\echo `$ctl take | LC_ALL=C sort`
-- a long list beside a short one
SELECT name FROM contacts
 WHERE email IN ('ada@acme.com', 'grace@acme.com', 'alan@acme.com')
   AND account_id = '00000000-0000-4000-a000-000000000001' ORDER BY name;
\echo `$ctl take | LC_ALL=C sort`
ALTER SERVER pylon OPTIONS (DROP lookup_batch_size);

-- ====================================================================
-- Values: parameters, stable functions, subqueries, other tables
-- ====================================================================
PREPARE by_email(text) AS SELECT name FROM contacts WHERE email = $1;
SET plan_cache_mode = force_custom_plan;
EXECUTE by_email('alan@acme.com');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_email('alan@acme.com');
EXPLAIN (COSTS OFF) EXECUTE by_email('alan@acme.com');
\echo `$ctl take`
PREPARE by_list(text[], int) AS SELECT name FROM contacts WHERE email = ANY ($1) ORDER BY name LIMIT $2;
EXECUTE by_list('{alan@acme.com,ada@acme.com}', 1);
EXECUTE by_list(NULL, 1);
RESET plan_cache_mode;
\echo `$ctl take`
SELECT name FROM contacts WHERE email = 'ada@' || lower('ACME.com');
SELECT name FROM contacts WHERE email = current_setting('application_name');
SELECT name FROM contacts WHERE email = (SELECT max(email) FROM copy WHERE email LIKE 'ada@acme%');
\echo `$ctl take`
-- a volatile function has another value for each row
SELECT count(*) FROM contacts WHERE email = random()::text;
\echo `$ctl take`
-- a lateral subquery asks once a row
SELECT l.email, c.name FROM (VALUES ('ada@acme.com'), ('alan@acme.com')) l(email),
  LATERAL (SELECT name FROM contacts WHERE contacts.email = l.email OFFSET 0) c;
\echo `$ctl take`

-- ====================================================================
-- What isn't pushed: right rows, all pages
-- ====================================================================
CREATE COLLATION regress_ignore_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FOREIGN TABLE folded (id text, email text COLLATE regress_ignore_case) SERVER pylon;
EXPLAIN (COSTS OFF) SELECT * FROM folded WHERE email = 'ada@acme.com';
SELECT email FROM folded WHERE email = 'ada@acme.com' ORDER BY id;
\echo `$ctl take`
SELECT email FROM contacts WHERE email COLLATE regress_ignore_case = 'ada@acme.com' ORDER BY id;
\echo `$ctl take`
EXPLAIN (COSTS OFF) SELECT * FROM contacts WHERE email = name;
EXPLAIN (COSTS OFF) SELECT * FROM contacts WHERE email = 'a' OR avatar_url = 'b';
EXPLAIN (COSTS OFF) SELECT * FROM contacts WHERE portal_role = 'admin';

-- ====================================================================
-- LIMIT
-- ====================================================================
SELECT name FROM contacts LIMIT 2;
SELECT name FROM contacts OFFSET 2 LIMIT 2;
\echo `$ctl take`
SELECT count(*) FROM (SELECT FROM contacts LIMIT 1500) s;
\echo `$ctl take`
SELECT name FROM contacts LIMIT 0;
\echo `$ctl count`
-- where a subplan computes it, the scan doesn't know it
SELECT count(*) FROM (SELECT FROM contacts LIMIT CASE WHEN 1 IN (SELECT generate_series(1, 3)) THEN 2 ELSE 1 END) s;
\echo `$ctl take`
-- not below a sort, nor where rows are dropped here; there no page is read ahead
SELECT name FROM contacts ORDER BY id LIMIT 1;
\echo `$ctl take`
SELECT name FROM contacts WHERE name ~ '^[G]' LIMIT 1;
\echo `$ctl take`
SELECT EXISTS (SELECT FROM contacts);
\echo `$ctl take`
-- where the filter lets through more than SQL wants, a short page may not do
SELECT name FROM contacts WHERE name LIKE '%race%' LIMIT 1;
SELECT name FROM contacts WHERE name LIKE 'Grace%' LIMIT 1;
\echo `$ctl take`
SELECT name FROM contacts WHERE name LIKE '%no such\%' LIMIT 1;
SELECT name FROM contacts WHERE name LIKE '%no such%\\' LIMIT 1;
SELECT count(*) FROM (SELECT FROM contacts WHERE name LIKE '%%' LIMIT 1) s;
SELECT count(*) FROM (SELECT FROM contacts WHERE custom_fields @> '{"regions": []}' LIMIT 1) s;
SELECT name FROM contacts WHERE custom_fields ? 'notes' AND
  ((custom_fields ? 'seats' AND (custom_fields ? 'none' OR name LIKE '%no such%')) OR name LIKE '%nor such%') LIMIT 1;
\echo `$ctl take`
PREPARE first(int) AS SELECT name FROM contacts LIMIT $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE first(1);
RESET plan_cache_mode;
\echo `$ctl take`

-- ====================================================================
-- Nothing is asked before a row is
-- ====================================================================
EXPLAIN (COSTS OFF) SELECT * FROM contacts;
BEGIN;
DECLARE unread CURSOR FOR SELECT name FROM contacts;
CLOSE unread;
DECLARE halfread CURSOR FOR SELECT name FROM contacts;
FETCH 1 FROM halfread;
\echo `$ctl take`
CLOSE halfread;
COMMIT;
SELECT name FROM contacts WHERE false;
\echo `$ctl count`

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
DROP COLLATION regress_ignore_case;
DROP TABLE copy;
