/*-------------------------------------------------------------------------
 *
 * functions.c
 *		SQL functions that tell what this session has done.
 *
 * IDENTIFICATION
 *		fdw/query/functions.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"
#include "wire/session.h"

PG_FUNCTION_INFO_V1(pylon_fdw_stats);
PG_FUNCTION_INFO_V1(pylon_fdw_stats_1_1);
PG_FUNCTION_INFO_V1(pylon_fdw_stats_reset);

static void put_counters(FunctionCallInfo fcinfo, Oid serverid,
						 bool by_object, const PylonNouns *nouns,
						 const PylonCounters *counters);

/*
 * pylon_fdw_stats(): a row per server and object that this session has asked,
 * and one without object for what is of none, such as pylon_fdw_ping().
 */
Datum
pylon_fdw_stats_1_1(PG_FUNCTION_ARGS)
{
	ListCell   *lc;
	ListCell   *lc2;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, session_list())
	{
		PylonSession *session = lfirst(lc);

		foreach(lc2, session->uses)
		{
			PylonUse   *use = lfirst(lc2);

			if (session_is_used(use))
				put_counters(fcinfo, session->serverid, true, use->nouns, &use->counters);
		}
	}
	return (Datum) 0;
}

/* The same as version 1.0 declares it: a row per server. */
Datum
pylon_fdw_stats(PG_FUNCTION_ARGS)
{
	ListCell   *lc;
	ListCell   *lc2;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, session_list())
	{
		PylonSession *session = lfirst(lc);
		PylonCounters sum = {0};
		bool		used = false;

		foreach(lc2, session->uses)
		{
			PylonUse   *use = lfirst(lc2);

			used |= session_is_used(use);
			session_add_counters(&sum, &use->counters);
		}
		if (used)
			put_counters(fcinfo, session->serverid, false, NULL, &sum);
	}
	return (Datum) 0;
}

/* A row of either, unless the server was dropped since. */
static void
put_counters(FunctionCallInfo fcinfo, Oid serverid, bool by_object, const PylonNouns *nouns,
			 const PylonCounters *counters)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ForeignServer *server = GetForeignServerExtended(serverid, FSV_MISSING_OK);
	bool		nulls[12] = {false};
	Datum		values[12];
	int			n = 0;

	if (server == NULL)
		return;
	values[n++] = CStringGetTextDatum(server->servername);
	if (by_object)
	{
		nulls[n] = nouns == NULL;
		values[n++] = nouns == NULL ? (Datum) 0 : CStringGetTextDatum(nouns->many);
	}
	values[n++] = Int64GetDatum(counters->requests);
	values[n++] = Int64GetDatum(counters->retries);
	values[n++] = Int64GetDatum(counters->rate_limited);
	values[n++] = Float8GetDatum(counters->rate_limit_wait);
	values[n++] = Int64GetDatum(counters->bytes_sent);
	values[n++] = Int64GetDatum(counters->bytes_received);
	values[n++] = Int64GetDatum(counters->rows_read);
	values[n++] = Int64GetDatum(counters->rows_created);
	values[n++] = Int64GetDatum(counters->rows_updated);
	values[n++] = Int64GetDatum(counters->rows_deleted);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* pylon_fdw_stats_reset(): all counters of this session are 0 again. */
Datum
pylon_fdw_stats_reset(PG_FUNCTION_ARGS)
{
	session_reset_counters();
	PG_RETURN_VOID();
}
