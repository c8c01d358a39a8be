-- Options: names, values, privileges.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\i :setup

-- ====================================================================
-- Unknown names, with the closest known one
-- ====================================================================
CREATE SERVER bad FOREIGN DATA WRAPPER pylon_fdw OPTIONS (page_sizes '10');
\echo :LAST_ERROR_SQLSTATE
CREATE SERVER bad FOREIGN DATA WRAPPER pylon_fdw OPTIONS (host 'localhost');
CREATE USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (token 'x');
CREATE FOREIGN TABLE bad (id text OPTIONS (fields 'id')) SERVER pylon;
CREATE FOREIGN TABLE bad (id text) SERVER pylon OPTIONS (base_url 'https://api.usepylon.com');
ALTER FOREIGN DATA WRAPPER pylon_fdw OPTIONS (ADD page_size '10');
CREATE SERVER bad FOREIGN DATA WRAPPER pylon_fdw OPTIONS (dbname 'pylon');
ALTER FOREIGN DATA WRAPPER pylon_fdw OPTIONS (ADD dbname 'pylon');

-- ====================================================================
-- Bad values: option, value and range
-- ====================================================================
ALTER SERVER pylon OPTIONS (ADD page_size '0');
\echo :LAST_ERROR_SQLSTATE
ALTER SERVER pylon OPTIONS (ADD page_size '1000');
ALTER SERVER pylon OPTIONS (ADD page_size 'many');
ALTER SERVER pylon OPTIONS (ADD page_size '5.5');
ALTER SERVER pylon OPTIONS (ADD max_retries '0x3');
ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '1000');
ALTER SERVER pylon OPTIONS (ADD max_concurrent_requests '65');
ALTER SERVER pylon OPTIONS (ADD connect_timeout '10 parsecs');
ALTER SERVER pylon OPTIONS (ADD request_timeout '0');
ALTER SERVER pylon OPTIONS (ADD max_retries '21');
ALTER SERVER pylon OPTIONS (ADD max_retry_wait '-1s');
ALTER SERVER pylon OPTIONS (ADD connect_timeout '10');
ALTER SERVER pylon OPTIONS (ADD max_retry_wait ' 0x1e ');
ALTER SERVER pylon OPTIONS (ADD max_response_size '1e6');
\echo :LAST_ERROR_SQLSTATE
ALTER SERVER pylon OPTIONS (ADD max_response_size '2GB');
ALTER SERVER pylon OPTIONS (ADD updatable 'perhaps');
ALTER SERVER pylon OPTIONS (ADD case_sensitive '2');
ALTER SERVER pylon OPTIONS (ADD request_cost '-1');
ALTER SERVER pylon OPTIONS (ADD request_cost 'NaN');
ALTER SERVER pylon OPTIONS (ADD ca_file '');
CREATE FOREIGN TABLE bad (id text) SERVER pylon OPTIONS (estimated_contacts '0');
CREATE FOREIGN TABLE bad (id text OPTIONS (readonly 'x')) SERVER pylon;
CREATE FOREIGN TABLE bad (id text OPTIONS (custom_field '')) SERVER pylon;
CREATE FOREIGN TABLE bad (id text OPTIONS (field 'id', custom_field 'x')) SERVER pylon;
CREATE FOREIGN TABLE bad (id text OPTIONS (custom_field 'x', field_type 'formula')) SERVER pylon;
CREATE FOREIGN TABLE bad (id text OPTIONS (custom_field 'x', field_type '')) SERVER pylon;
\echo :LAST_ERROR_SQLSTATE

-- Good values; only 0 needs no unit
ALTER SERVER pylon OPTIONS (ADD page_size '500', ADD lookup_batch_size '50',
	ADD max_concurrent_requests '64', ADD connect_timeout '1500ms', ADD request_timeout '2min',
	ADD max_retries '0', ADD max_retry_wait '0', ADD max_response_size ' 1.5 MB ', ADD updatable 'off',
	ADD case_sensitive 'false', ADD request_cost '0.5');
ALTER SERVER pylon OPTIONS (DROP page_size, DROP lookup_batch_size,
	DROP max_concurrent_requests, DROP connect_timeout, DROP request_timeout,
	DROP max_retries, DROP max_retry_wait, DROP max_response_size, DROP updatable,
	DROP case_sensitive, DROP request_cost);

-- ====================================================================
-- base_url: where the token may go
-- ====================================================================
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://api.usepylon.com');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://127.0.0.1.example.com');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://user:secret@api.usepylon.com');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://api.usepylon.com/?x=1');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'api.usepylon.com');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'file:///etc/passwd');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://');
-- Nothing empty, no second reading of a host
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://h/#');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://h/?');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://@h/');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https:///h');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://h\@api.usepylon.com');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://127.0.0.1.5');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://127.1');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://127.0.0.01');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://0x7f000001');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://128.0.0.1');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://%6cocalhost');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://localhost.example.com');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://[::1].example.com');
CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://[::2]');
CREATE SERVER s0 FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://LocalHost');
DROP SERVER s0;
CREATE SERVER s0 FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://127.255.0.1:80/x');
DROP SERVER s0;

CREATE SERVER s1 FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://localhost:1/prefix/');
CREATE SERVER s2 FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://[::1]:1');
CREATE SERVER s3 FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://pylon.example.com');
CREATE SERVER s4 FOREIGN DATA WRAPPER pylon_fdw;

-- ====================================================================
-- Tokens: never shown, even when refused
-- ====================================================================
CREATE USER MAPPING FOR CURRENT_USER SERVER s1 OPTIONS (api_token E'secret\nX-Other: 1');
\echo :LAST_ERROR_SQLSTATE
CREATE USER MAPPING FOR CURRENT_USER SERVER s1 OPTIONS (api_token 'secret ');
CREATE USER MAPPING FOR CURRENT_USER SERVER s1 OPTIONS (api_token E'sec\x01ret');
CREATE USER MAPPING FOR CURRENT_USER SERVER s1 OPTIONS (api_token E'sec\x7fret');
CREATE USER MAPPING FOR CURRENT_USER SERVER s1 OPTIONS (api_token '');
CREATE USER MAPPING FOR CURRENT_USER SERVER s1 OPTIONS (api_token 'x', api_token_file '/x');

-- ====================================================================
-- Privileges
-- ====================================================================
CREATE ROLE regress_pylon_user;
GRANT USAGE ON FOREIGN DATA WRAPPER pylon_fdw TO regress_pylon_user;
GRANT USAGE ON FOREIGN SERVER pylon TO regress_pylon_user;
SET ROLE regress_pylon_user;
CREATE SERVER u FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://pylon.example.com');
\echo :LAST_ERROR_SQLSTATE
CREATE SERVER u FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://localhost');
CREATE SERVER u FOREIGN DATA WRAPPER pylon_fdw OPTIONS (ca_file '/etc/ssl/certs/ca.pem');
CREATE SERVER u FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'https://api.eu.usepylon.com/');
ALTER SERVER u OPTIONS (SET base_url 'https://api.usepylon.com');
CREATE USER MAPPING FOR CURRENT_USER SERVER u OPTIONS (api_token_file '/etc/passwd');
\echo :LAST_ERROR_SQLSTATE
CREATE USER MAPPING FOR CURRENT_USER SERVER u OPTIONS (api_token 'my-own');
RESET ROLE;
GRANT pg_read_server_files TO regress_pylon_user;
SET ROLE regress_pylon_user;
ALTER USER MAPPING FOR CURRENT_USER SERVER u OPTIONS (DROP api_token, ADD api_token_file '/no/such/file');
IMPORT FOREIGN SCHEMA pylon FROM SERVER u INTO public;
RESET ROLE;
CREATE FOREIGN TABLE of_user (id text) SERVER u;
GRANT SELECT ON of_user TO regress_pylon_user;
SET ROLE regress_pylon_user;
SELECT * FROM of_user;
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;

-- Without a mapping, and with an empty one
CREATE FOREIGN TABLE nobody (id text) SERVER s4;
GRANT SELECT ON nobody TO regress_pylon_user;
SET ROLE regress_pylon_user;
SELECT * FROM nobody;
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
CREATE USER MAPPING FOR regress_pylon_user SERVER s4;
SET ROLE regress_pylon_user;
SELECT * FROM nobody;
\echo :LAST_ERROR_SQLSTATE
EXPLAIN (COSTS OFF) SELECT * FROM nobody;
RESET ROLE;

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
DROP OWNED BY regress_pylon_user;
DROP ROLE regress_pylon_user;
