-- Every failure: its SQLSTATE, what failed, what the API said, what to do.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\set contacts 1200
\i :setup
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
-- no waiting in this file
ALTER SERVER pylon OPTIONS (ADD max_retries '0', ADD max_retry_wait '0');

-- ====================================================================
-- The API refuses
-- ====================================================================
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token 'wrong-token');
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token 'eu-token');
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token 'no-permission');
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
ALTER USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (SET api_token 'sample-token');
\echo `$ctl clear`
\echo `$ctl fault '{"kind":"status","status":400,"body":"{\"errors\":[\"Bad.\"],\"request_id\":\"r-1\"}"}'`
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"status","status":404,"body":"{\"errors\":[\"Not found!\"],\"request_id\":\"r-2\"}"}'`
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"status","status":429,"headers":{"X-Retry-After":"7"},"body":"{\"errors\":[\"slow down\"],\"code\":\"rate_limited\"}"}'`
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"status","status":500,"body":"{\"errors\":[\"Oh no.\"],\"request_id\":\"r-3\"}"}'`
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE

-- ====================================================================
-- The answer is none of the API
-- ====================================================================
\echo `$ctl fault '{"kind":"status","status":502,"body":"<html>\n<body>Bad Gateway</body></html>"}'`
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"redirect","location":"https://example.com/"}'`
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"status","status":200,"body":"welcome"}'`
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"status","status":200,"body":"[1,2]"}'`
SELECT name FROM contacts LIMIT 1;
\echo `$ctl fault '{"kind":"status","status":200,"body":"{\"data\":\"none\"}"}'`
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"status","status":200,"body":"{\"data\":[1]}"}'`
SELECT name FROM contacts LIMIT 1;
\echo `$ctl fault '{"kind":"status","status":200,"body":"{\"data\":[{\"id\":\"x\",\"name\":{\"first\":\"A\"}}]}"}'`
SELECT name FROM contacts LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"status","status":200,"body":"{\"data\":[{\"id\":\"x\",}]}"}'`
SELECT name FROM contacts LIMIT 1;
\echo `$ctl fault '{"kind":"status","status":200,"body":"{\"data\":[]} {}"}'`
SELECT name FROM contacts LIMIT 1;
-- nothing at all, and an object without any of what we look for, are empty pages or errors
\echo `$ctl fault '{"kind":"status","status":200,"body":""}'`
SELECT name FROM contacts LIMIT 1;
\echo `$ctl fault '{"kind":"status","status":200,"body":"{}"}'`
SELECT name FROM contacts LIMIT 1;
\echo `$ctl fault '{"kind":"repeat_cursor","match":"GET /contacts?limit=300&cursor="}'`
ALTER SERVER pylon OPTIONS (ADD page_size '300');
SELECT count(*) FROM contacts;
\echo :LAST_ERROR_SQLSTATE
ALTER SERVER pylon OPTIONS (DROP page_size, ADD max_response_size '100kB');
\echo `$ctl take`
SELECT count(*) FROM contacts;
\echo :LAST_ERROR_SQLSTATE
ALTER SERVER pylon OPTIONS (DROP max_response_size);

-- ====================================================================
-- Text that PostgreSQL can't hold spoils just the column that shows it
-- ====================================================================
\echo `$ctl fault '{"kind":"nul_escape"}'`
SELECT count(id) FROM contacts;
\echo `$ctl fault '{"kind":"nul_escape"}'`
SELECT max(name) FROM contacts;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"bad_utf8"}'`
SELECT max(name) FROM contacts;
\echo :LAST_ERROR_SQLSTATE

-- ====================================================================
-- No connection, and a lost one
-- ====================================================================
\set VERBOSITY terse
\set SHOW_CONTEXT never
CREATE SERVER closed FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://127.0.0.1:1', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER closed OPTIONS (api_token 'x');
CREATE FOREIGN TABLE unreachable (id text) SERVER closed;
SELECT * FROM unreachable;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM pylon_fdw_ping('closed');
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"cut"}'`
SELECT count(*) FROM contacts;
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"reset"}'`
SELECT count(*) FROM contacts;
\echo :LAST_ERROR_SQLSTATE
ALTER SERVER pylon OPTIONS (ADD request_timeout '200ms');
\echo `$ctl fault '{"kind":"slow","delay":2}'`
SELECT count(*) FROM contacts;
\echo :LAST_ERROR_SQLSTATE
ALTER SERVER pylon OPTIONS (DROP request_timeout);
-- and all is well again
SELECT count(*) FROM contacts;

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
