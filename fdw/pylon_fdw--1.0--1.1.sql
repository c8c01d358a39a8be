-- complain if this file is sourced in psql, rather than by ALTER EXTENSION
\echo Use "ALTER EXTENSION pylon_fdw UPDATE TO '1.1'" to load this file. \quit

CREATE FUNCTION pylon_fdw_check(server name,
	OUT "check" text,
	OUT ok boolean,
	OUT detail text,
	OUT hint text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;

COMMENT ON FUNCTION pylon_fdw_check(name) IS
'how far the current user gets with a server, a row a step, with what helps at the one that fails';

DROP FUNCTION pylon_fdw_stats();

CREATE FUNCTION pylon_fdw_stats(
	OUT server_name text,
	OUT object text,
	OUT requests bigint,
	OUT retries bigint,
	OUT rate_limited bigint,
	OUT rate_limit_wait_ms double precision,
	OUT bytes_sent bigint,
	OUT bytes_received bigint,
	OUT rows_read bigint,
	OUT rows_created bigint,
	OUT rows_updated bigint,
	OUT rows_deleted bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pylon_fdw_stats_1_1'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION pylon_fdw_stats() IS
'what this session has asked of each server, object by object';

COMMENT ON FOREIGN DATA WRAPPER pylon_fdw IS
'contacts and accounts of a Pylon workspace (usepylon.com) as foreign tables';

COMMENT ON FUNCTION pylon_fdw_handler() IS
'gives the callbacks of the foreign data wrapper pylon_fdw';

COMMENT ON FUNCTION pylon_fdw_validator(text[], oid) IS
'checks options of servers, user mappings, foreign tables and columns of pylon_fdw';
