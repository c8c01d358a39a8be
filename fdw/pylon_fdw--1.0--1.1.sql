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
