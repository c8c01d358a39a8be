/*-------------------------------------------------------------------------
 *
 * functions.c
 *		SQL functions that tell of the server and of what was done.
 *
 * IDENTIFICATION
 *		fdw/query/functions.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "api/pylon_api.h"
#include "catalog/pg_foreign_server.h"
#include "compat.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "query/plan.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(pylon_fdw_ping);
PG_FUNCTION_INFO_V1(pylon_fdw_stats);
PG_FUNCTION_INFO_V1(pylon_fdw_stats_reset);

static bool is_ours(ForeignServer *server);
static void check_may_ping(ForeignServer *server, Oid userid);
static void set_text(Datum *value, bool *null, const char *text);

/*
 * pylon_fdw_ping(server name): who the current user's token is, in one
 * request. Errors are those of any request.
 */
Datum
pylon_fdw_ping(PG_FUNCTION_ARGS)
{
	ForeignServer *server = GetForeignServerByName(NameStr(*PG_GETARG_NAME(0)), false);
	PylonConnection *connection;
	PylonMe    *me;
	double		latency;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!is_ours(server))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is not one of pylon_fdw", server->servername)));
	check_may_ping(server, GetUserId());
	connection = connection_open(server->serverid, GetUserId(), NIL, NULL,
								 psprintf("ping server \"%s\"", server->servername));
	me = pylon_me(connection, &latency);

	set_text(&values[0], &nulls[0], me->organization);
	set_text(&values[1], &nulls[1], me->token_name);
	set_text(&values[2], &nulls[2], connection->options.base_url);
	values[3] = Float8GetDatum(latency);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* Is the wrapper of "server" made with this module's handler? */
static bool
is_ours(ForeignServer *server)
{
	Oid			handler = GetForeignDataWrapper(server->fdwid)->fdwhandler;

	return OidIsValid(handler) && plan_is_ours(GetFdwRoutine(handler));
}

/* pylon_fdw_stats(): a row per server that this session has asked. */
Datum
pylon_fdw_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, session_list())
	{
		PylonSession *session = lfirst(lc);
		const PylonCounters *counters = &session->counters;
		ForeignServer *server = GetForeignServerExtended(session->serverid,
														 FSV_MISSING_OK);
		bool		nulls[11] = {false};
		Datum		values[11];

		if (server == NULL ||	/* dropped since */
			!(session->used || counters->requests > 0))
			continue;
		values[0] = CStringGetTextDatum(server->servername);
		values[1] = Int64GetDatum(counters->requests);
		values[2] = Int64GetDatum(counters->retries);
		values[3] = Int64GetDatum(counters->rate_limited);
		values[4] = Float8GetDatum(counters->rate_limit_wait);
		values[5] = Int64GetDatum(counters->bytes_sent);
		values[6] = Int64GetDatum(counters->bytes_received);
		values[7] = Int64GetDatum(counters->rows_read);
		values[8] = Int64GetDatum(counters->rows_created);
		values[9] = Int64GetDatum(counters->rows_updated);
		values[10] = Int64GetDatum(counters->rows_deleted);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* pylon_fdw_stats_reset(): all counters of this session are 0 again. */
Datum
pylon_fdw_stats_reset(PG_FUNCTION_ARGS)
{
	session_reset_counters();
	PG_RETURN_VOID();
}

/*
 * A mapping of one's own is leave to use the token in it. That of PUBLIC is
 * for tables that one may read, or with USAGE on the server for anything.
 */
static void
check_may_ping(ForeignServer *server, Oid userid)
{
	AclResult	result;

	if (SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(userid),
							  ObjectIdGetDatum(server->serverid)))
		return;
	result = compat_foreign_server_aclcheck(server->serverid, userid, ACL_USAGE);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FOREIGN_SERVER, server->servername);
}

static void
set_text(Datum *value, bool *null, const char *text)
{
	*null = text == NULL;
	*value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}
