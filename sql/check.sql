-- pylon_fdw_check(server): where does it end, and what helps?
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\i :setup
-- times, ports and the user's name differ from run to run
CREATE FUNCTION checked(server name, OUT step text, OUT ok boolean, OUT detail text, OUT hint text) RETURNS SETOF record
	LANGUAGE sql AS $$
	SELECT "check", ok, regexp_replace(regexp_replace(replace(detail, '"' || session_user || '"', '"me"'),
			'\d+\.\d ms', '# ms', 'g'), '(127\.0\.0\.1:|port )\d+', '\1#', 'g'), hint
	FROM pylon_fdw_check(server) $$;

-- ====================================================================
-- All is well: four requests
-- ====================================================================
\x on
SELECT * FROM checked('pylon');
\echo `$ctl take`
-- what the rate limit leaves, as the API says
\echo `$ctl set rate_limit=20`
SELECT step, detail FROM checked('pylon') WHERE detail ~ 'rate limit';
\echo `$ctl set rate_limit=0`
\echo `$ctl clear`

-- ====================================================================
-- options: is there such a server?
-- ====================================================================
SELECT * FROM checked('pilon');
CREATE FOREIGN DATA WRAPPER regress_no_handler;
CREATE SERVER regress_other FOREIGN DATA WRAPPER regress_no_handler;
SELECT * FROM checked('regress_other');
SELECT * FROM checked(NULL);

-- ====================================================================
-- mapping and token
-- ====================================================================
CREATE ROLE "regress_Pylon guest";
SET ROLE "regress_Pylon guest";
SELECT * FROM checked('pylon');
RESET ROLE;
CREATE USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (api_token 'sample-token');
SET ROLE "regress_Pylon guest";
SELECT * FROM checked('pylon') WHERE NOT ok;
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER pylon TO "regress_Pylon guest";
SET ROLE "regress_Pylon guest";
SELECT bool_and(ok), string_agg(detail, '; ') FILTER (WHERE step = 'mapping') AS mapping FROM checked('pylon');
RESET ROLE;
DROP USER MAPPING FOR PUBLIC SERVER pylon;
SET ROLE "regress_Pylon guest";
SELECT * FROM checked('pylon') WHERE NOT ok;
RESET ROLE;
CREATE USER MAPPING FOR "regress_Pylon guest" SERVER pylon;
REVOKE USAGE ON FOREIGN SERVER pylon FROM "regress_Pylon guest";
SET ROLE "regress_Pylon guest";
SELECT * FROM checked('pylon') WHERE NOT ok;
RESET ROLE;
ALTER USER MAPPING FOR "regress_Pylon guest" SERVER pylon OPTIONS (api_token_file '/no/such/file');
SET ROLE "regress_Pylon guest";
SELECT * FROM checked('pylon') WHERE NOT ok;
RESET ROLE;
\echo `$ctl clear`

-- ====================================================================
-- dns, connect, tls
-- ====================================================================
DO $$ BEGIN FOR i IN 1 .. 10 LOOP EXECUTE format('CREATE SERVER s%s FOREIGN DATA WRAPPER pylon_fdw', i); END LOOP; END $$;
SELECT ok, detail, hint ~ '^Servers of pylon_fdw: ("\w+", ){9}"\w+" and 1 more\.$' AS hint FROM pylon_fdw_check('nobody');
DO $$ BEGIN FOR i IN 1 .. 10 LOOP EXECUTE format('DROP SERVER s%s', i); END LOOP; END $$;
CREATE SERVER nowhere FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://nosuch.invalid');
CREATE USER MAPPING FOR CURRENT_USER SERVER nowhere OPTIONS (api_token 'x');
SELECT step, ok, hint FROM checked('nowhere');
ALTER SERVER nowhere OPTIONS (SET base_url 'http://127.0.0.1:1');
SELECT step, ok, hint FROM checked('nowhere');
SELECT step, detail FROM checked('nowhere') WHERE step = 'dns';
ALTER SERVER nowhere OPTIONS (SET base_url 'http://localhost:1');
SELECT step, ok, detail ~ '^localhost (was found|is [0-9.:]+), # ms$' AS told FROM checked('nowhere') WHERE step = 'dns';
-- a port that speaks no TLS
SELECT replace(:'api', 'http:', 'https:') AS tls_api \gset
ALTER SERVER nowhere OPTIONS (SET base_url :'tls_api', ADD connect_timeout '5min');
SELECT step, ok, hint FROM checked('nowhere');
ALTER SERVER nowhere OPTIONS (ADD ca_file '/no/such/file');
SELECT * FROM checked('nowhere');
\echo `$ctl take`

-- ====================================================================
-- authentication
-- ====================================================================
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token 'wrong-token');
SELECT * FROM checked('pylon') WHERE NOT ok;
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token 'eu-token');
SELECT * FROM checked('pylon') WHERE NOT ok;
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token 'no-permission');
SELECT * FROM checked('pylon') WHERE NOT ok;
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token 'sample-token');
\echo `$ctl take`
-- what doesn't work is not tried again
\echo `$ctl fault '{"kind":"status","status":429,"headers":{"X-Retry-After":"7"},"body":"{\"errors\":[\"slow down\"],\"code\":\"rate_limited\"}"}'`
SELECT * FROM checked('pylon') WHERE NOT ok;
\echo `$ctl fault '{"kind":"html"}'`
SELECT * FROM checked('pylon') WHERE NOT ok;
\echo `$ctl fault '{"kind":"close"}'`
SELECT * FROM checked('pylon') WHERE NOT ok;
\echo `$ctl fault '{"kind":"no_http"}'`
SELECT step, hint FROM checked('pylon') WHERE NOT ok;
\echo `$ctl take`
-- names that the answer lacks
\echo `$ctl fault '{"kind":"wrong_shape","match":"GET /me","body":{"data":{"id":{"a":1},"name":5}}}'`
SELECT * FROM checked('pylon') WHERE step = 'authentication';
\echo `$ctl clear`

-- ====================================================================
-- contacts and custom_fields
-- ====================================================================
\echo `$ctl fault '{"kind":"status","match":"GET /contacts","status":403,"body":"{\"errors\":[\"No contacts for you.\"],\"request_id\":\"r-1\"}"}'`
SELECT * FROM checked('pylon') WHERE step >= 'contacts';
\echo `$ctl fault '{"kind":"close","match":"GET /contacts"}'`
SELECT * FROM checked('pylon') WHERE NOT ok;
\echo `$ctl fault '{"kind":"wrong_shape","match":"GET /custom-fields","body":{"data":7}}'`
SELECT * FROM checked('pylon') WHERE NOT ok;
-- one contact that is larger than what is read
ALTER SERVER pylon OPTIONS (ADD max_response_size '100kB');
\echo `$ctl fault '{"kind":"huge","match":"GET /contacts","bytes":200000}'`
SELECT * FROM checked('pylon') WHERE NOT ok;
ALTER SERVER pylon OPTIONS (DROP max_response_size);
\echo `$ctl fault '{"kind":"hollow","match":"GET /contacts"}'`
SELECT * FROM checked('pylon') WHERE step IN ('contacts', 'custom_fields');
\echo `$ctl take`
-- a server that knows no accounts
\echo `$ctl set accounts=off`
SELECT * FROM checked('pylon') WHERE step IN ('accounts', 'custom_fields');
\echo `$ctl take`
\echo `$ctl set accounts=on`
\echo `$ctl clear`
\echo `$ctl reset contacts=0`
\echo `$ctl replace '[]'`
\echo `$ctl custom-fields '[]'`
SELECT * FROM checked('pylon') WHERE step IN ('contacts', 'custom_fields');

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
DROP FOREIGN DATA WRAPPER regress_no_handler CASCADE;
DROP FUNCTION checked;
DROP ROLE "regress_Pylon guest";
