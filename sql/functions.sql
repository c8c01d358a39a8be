-- Functions and settings.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\set contacts 1200
\i :setup
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;

-- ====================================================================
-- pylon_fdw_version(): the library is that of the extension
-- ====================================================================
SELECT pylon_fdw_version() = extversion AS same FROM pg_extension WHERE extname = 'pylon_fdw';

-- ====================================================================
-- pylon_fdw_ping(server)
-- ====================================================================
SELECT organization, token_name, base_url = :'api' AS base_url, latency_ms::text ~ '^\d+(\.\d)?$' AS latency FROM pylon_fdw_ping('pylon');
\echo `$ctl take`
SELECT * FROM pylon_fdw_ping('nosuch');
SELECT * FROM pylon_fdw_ping(NULL);
CREATE FOREIGN DATA WRAPPER regress_no_handler;
CREATE SERVER regress_other FOREIGN DATA WRAPPER regress_no_handler;
SELECT * FROM pylon_fdw_ping('regress_other');
\echo :LAST_ERROR_SQLSTATE
DROP FOREIGN DATA WRAPPER regress_no_handler CASCADE;
\echo `$ctl fault '{"kind":"status","status":200,"body":"{\"data\":[]}"}'`
SELECT * FROM pylon_fdw_ping('pylon');
\echo :LAST_ERROR_SQLSTATE
-- as the current user: one's own mapping, or that of PUBLIC with USAGE on the server
CREATE ROLE regress_pylon_guest;
SET ROLE regress_pylon_guest;
SELECT * FROM pylon_fdw_ping('pylon');
RESET ROLE;
CREATE USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (api_token 'wrong-token');
SET ROLE regress_pylon_guest;
SELECT * FROM pylon_fdw_ping('pylon');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER pylon TO regress_pylon_guest;
SET ROLE regress_pylon_guest;
SELECT * FROM pylon_fdw_ping('pylon');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER pylon FROM regress_pylon_guest;
CREATE USER MAPPING FOR regress_pylon_guest SERVER pylon OPTIONS (api_token 'sample-token');
SET ROLE regress_pylon_guest;
SELECT organization FROM pylon_fdw_ping('pylon');
RESET ROLE;

-- ====================================================================
-- pylon_fdw_stats(): of this session, by server and object
-- ====================================================================
\c
SET pylon_fdw.dry_run = on;
INSERT INTO contacts (name) VALUES ('Nobody');
RESET pylon_fdw.dry_run;
SELECT * FROM pylon_fdw_stats();
SELECT count(*) FROM contacts;
SELECT server_name, object, requests, retries, rate_limited, rate_limit_wait_ms, bytes_sent > 300 AS sent,
       bytes_received > 500000 AS received, rows_read, rows_created, rows_updated, rows_deleted
  FROM pylon_fdw_stats();
\echo `$ctl fault '{"kind":"status","status":429,"headers":{"X-Retry-After":"0.1"}}'`
\echo `$ctl fault '{"kind":"status","status":503,"headers":{"Retry-After":"0"}}'`
SELECT name FROM contacts LIMIT 1;
SELECT server_name, object, requests, retries, rate_limited, rate_limit_wait_ms >= 100 AS waited, rows_read FROM pylon_fdw_stats();
SELECT pylon_fdw_stats_reset();
SELECT * FROM pylon_fdw_stats();
-- a server that was not asked is not there
\c
EXPLAIN (COSTS OFF) SELECT name FROM contacts;
SELECT name FROM contacts WHERE id = '';
SELECT * FROM pylon_fdw_stats();
SELECT pylon_fdw_stats_reset();
SELECT * FROM pylon_fdw_stats();

-- ====================================================================
-- pylon_fdw.progress_interval
-- ====================================================================
SHOW pylon_fdw.progress_interval;
\set VERBOSITY sqlstate
SET pylon_fdw.progress_interval = '-1s';
\set VERBOSITY default
SET pylon_fdw.no_such = 1;
SET pylon_fdw.progress_interval = '1h';
SELECT count(*) FROM contacts;
SET pylon_fdw.progress_interval = '1s';
\echo `$ctl fault '{"kind":"status","status":429,"headers":{"X-Retry-After":"1.2"}}'`
SELECT count(*) FROM contacts;

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
DROP ROLE regress_pylon_guest;
