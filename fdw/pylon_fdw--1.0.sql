-- complain if this file is sourced in psql, rather than by CREATE EXTENSION
\echo Use "CREATE EXTENSION pylon_fdw" to load this file. \quit

CREATE FUNCTION pylon_fdw_handler()
RETURNS fdw_handler
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;

CREATE FUNCTION pylon_fdw_validator(text[], oid)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;

CREATE FOREIGN DATA WRAPPER pylon_fdw
HANDLER pylon_fdw_handler
VALIDATOR pylon_fdw_validator;

CREATE FUNCTION pylon_fdw_version()
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION pylon_fdw_version() IS
'version of the loaded library';

CREATE FUNCTION pylon_fdw_ping(server name,
	OUT organization text,
	OUT token_name text,
	OUT base_url text,
	OUT latency_ms double precision)
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION pylon_fdw_ping(name) IS
'asks the API whose token the current user has for a server';

CREATE FUNCTION pylon_fdw_stats(
	OUT server_name text,
	OUT requests bigint,
	OUT retries bigint,
	OUT rate_limited bigint,
	OUT rate_limit_wait_ms double precision,
	OUT bytes_sent bigint,
	OUT bytes_received bigint,
	OUT contacts_read bigint,
	OUT contacts_created bigint,
	OUT contacts_updated bigint,
	OUT contacts_deleted bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION pylon_fdw_stats() IS
'what this session has asked of each server';

CREATE FUNCTION pylon_fdw_stats_reset()
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION pylon_fdw_stats_reset() IS
'sets the counters of this session back to zero';
