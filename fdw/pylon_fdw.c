/*-------------------------------------------------------------------------
 *
 * pylon_fdw.c
 *		Foreign data wrapper for the objects of Pylon (usepylon.com).
 *
 * The module's entry: settings, and the handler with its table of
 * callbacks. callbacks.h says which file each of them lives in.
 *
 * IDENTIFICATION
 *		fdw/pylon_fdw.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "compat.h"
#include "fmgr.h"
#include "object/object.h"
#include "query/callbacks.h"
#include "query/dry_run.h"
#include "query/extent.h"
#include "query/lookup_join.h"
#include "query/plan.h"
#include "query/plan_stats.h"
#include "query/spool.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "wire/connection.h"
#include "wire/http.h"

PYLON_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(pylon_fdw_handler);
PG_FUNCTION_INFO_V1(pylon_fdw_version);

void		_PG_init(void);

void
_PG_init(void)
{
	DefineCustomIntVariable("pylon_fdw.progress_interval",
							"Sends a notice on long work, at most this often.",
							"Zero turns these notices off.",
							&pylon_progress_interval,
							0, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	dry_run_define();
	DefineCustomBoolVariable("pylon_fdw.enable_lookup_join",
							 "Enables the planner's use of lookup joins.",
							 NULL,
							 &pylon_enable_lookup_join,
							 true,
							 PGC_USERSET, GUC_EXPLAIN,
							 NULL, NULL, NULL);
	MarkGUCPrefixReserved("pylon_fdw");
	option_objects = object_names;
	http_check_library();
	RegisterCustomScanMethods(&lookup_join_methods);
	lookup_install_hook();
	plan_stats_install_hook();
	spool_install();
	extent_install_hook();
}

/* The callbacks that the server calls. */
Datum
pylon_fdw_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = pylonGetForeignRelSize;
	routine->GetForeignPaths = pylonGetForeignPaths;
	routine->GetForeignPlan = pylonGetForeignPlan;

	routine->BeginForeignScan = pylonBeginForeignScan;
	routine->IterateForeignScan = pylonIterateForeignScan;
	routine->ReScanForeignScan = pylonReScanForeignScan;
	routine->EndForeignScan = pylonEndForeignScan;

	routine->IsForeignPathAsyncCapable = pylonIsForeignPathAsyncCapable;
	routine->ForeignAsyncRequest = pylonForeignAsyncRequest;
	routine->ForeignAsyncConfigureWait = pylonForeignAsyncConfigureWait;
	routine->ForeignAsyncNotify = pylonForeignAsyncNotify;

	routine->IsForeignRelUpdatable = pylonIsForeignRelUpdatable;
	routine->AddForeignUpdateTargets = pylonAddForeignUpdateTargets;
	routine->PlanForeignModify = pylonPlanForeignModify;
	routine->BeginForeignModify = pylonBeginForeignModify;
	routine->EndForeignModify = pylonEndForeignModify;
	routine->BeginForeignInsert = pylonBeginForeignInsert;
	routine->EndForeignInsert = pylonEndForeignInsert;
	routine->GetForeignModifyBatchSize = pylonGetForeignModifyBatchSize;
	routine->ExecForeignInsert = pylonExecForeignInsert;
	routine->ExecForeignBatchInsert = pylonExecForeignBatchInsert;
	routine->ExecForeignUpdate = pylonExecForeignUpdate;
	routine->ExecForeignDelete = pylonExecForeignDelete;

	routine->ExplainForeignScan = pylonExplainForeignScan;
	routine->ExplainForeignModify = pylonExplainForeignModify;
	routine->AnalyzeForeignTable = pylonAnalyzeForeignTable;
	routine->ImportForeignSchema = pylonImportForeignSchema;

	PG_RETURN_POINTER(routine);
}

/* The version of the loaded library. */
Datum
pylon_fdw_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(PYLON_FDW_VERSION));
}
