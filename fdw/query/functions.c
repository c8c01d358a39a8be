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
PG_FUNCTION_INFO_V1(pylon_fdw_stats_reset);

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
