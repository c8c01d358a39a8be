/*-------------------------------------------------------------------------
 *
 * pylon_fdw.h
 *		The callbacks of the foreign data wrapper, and what a plan carries
 *		from one to the next.
 *
 * IDENTIFICATION
 *		fdw/pylon_fdw.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FDW_H
#define PYLON_FDW_H

#include "connection.h"
#include "filter.h"
#include "foreign/fdwapi.h"

/* What LIMIT lets a scan know of how many rows will be read. */
typedef enum ScanLimit
{
	SCAN_ALL,					/* all of them */
	SCAN_LIMITED,				/* no more than a value that is computed */
	SCAN_OPEN,					/* it may end anywhere */
} ScanLimit;

/*
 * Members of a ForeignScan's fdw_private, all of them copyable nodes.
 * fdw_exprs holds the values of the filter and, after these, the LIMIT's
 * count and offset (one or both of them).
 */
typedef enum ScanPrivateIndex
{
	ScanPrivateFilter,			/* List, see filter.h */
	ScanPrivateValues,			/* Integer: how many values the filter has */
	ScanPrivateAttnums,			/* IntList: columns to fill in */
	ScanPrivateLimit,			/* Integer: ScanLimit */
	ScanPrivateLocal,			/* List of Integer: places of quals not pushed */
	ScanPrivateReasons,			/* List of String: why not */
} ScanPrivateIndex;

/* plan.c */
extern void pylonGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel,
								   Oid foreigntableid);
extern void pylonGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel,
								 Oid foreigntableid);
extern ForeignScan *pylonGetForeignPlan(PlannerInfo *root,
										RelOptInfo *baserel,
										Oid foreigntableid,
										ForeignPath *best_path, List *tlist,
										List *scan_clauses, Plan *outer_plan);

/* scan.c */
extern void pylonBeginForeignScan(ForeignScanState *node, int eflags);
extern TupleTableSlot *pylonIterateForeignScan(ForeignScanState *node);
extern void pylonReScanForeignScan(ForeignScanState *node);
extern void pylonEndForeignScan(ForeignScanState *node);
extern bool scan_takes_keys(PlanState *node);
extern void scan_set_keys(ForeignScanState *node, List *keys, bool all);
extern void scan_send(ForeignScanState *node);
extern bool scan_is_unfiltered(ForeignScanState *node);
extern bool scan_keys_are_refused(ForeignScanState *node);
extern FilterKeyKind scan_key_kind(ForeignScanState *node, const char *key);
extern bool scan_ignores_case(ForeignScanState *node);
extern int	scan_batch_size(ForeignScanState *node);
extern void scan_distrust(ForeignScanState *node);
extern const PylonCounters *scan_counters(ForeignScanState *node);
extern void scan_set_asynchronous(ForeignScanState *node, int turn);
extern bool scan_is_waiting(ForeignScanState *node);
extern bool scan_is_ready(ForeignScanState *node);

/* async.c */
extern bool pylonIsForeignPathAsyncCapable(ForeignPath *path);
extern void pylonForeignAsyncRequest(AsyncRequest *request);
extern void pylonForeignAsyncConfigureWait(AsyncRequest *request);
extern void pylonForeignAsyncNotify(AsyncRequest *request);

/* spool.c */
extern void spool_install_hook(void);

/* modify.c */
extern int	pylonIsForeignRelUpdatable(Relation rel);
extern void pylonAddForeignUpdateTargets(PlannerInfo *root, Index rtindex,
										 RangeTblEntry *target_rte,
										 Relation target_relation);
extern List *pylonPlanForeignModify(PlannerInfo *root, ModifyTable *plan,
									Index resultRelation, int subplan_index);
extern void pylonBeginForeignModify(ModifyTableState *mtstate,
									ResultRelInfo *rinfo, List *fdw_private,
									int subplan_index, int eflags);
extern void pylonEndForeignModify(EState *estate, ResultRelInfo *rinfo);
extern void pylonBeginForeignInsert(ModifyTableState *mtstate,
									ResultRelInfo *rinfo);
extern void pylonEndForeignInsert(EState *estate, ResultRelInfo *rinfo);
extern int	pylonGetForeignModifyBatchSize(ResultRelInfo *rinfo);
extern TupleTableSlot *pylonExecForeignInsert(EState *estate,
											  ResultRelInfo *rinfo,
											  TupleTableSlot *slot,
											  TupleTableSlot *planSlot);
extern TupleTableSlot **pylonExecForeignBatchInsert(EState *estate,
													ResultRelInfo *rinfo,
													TupleTableSlot **slots,
													TupleTableSlot **planSlots,
													int *numSlots);
extern TupleTableSlot *pylonExecForeignUpdate(EState *estate,
											  ResultRelInfo *rinfo,
											  TupleTableSlot *slot,
											  TupleTableSlot *planSlot);
extern TupleTableSlot *pylonExecForeignDelete(EState *estate,
											  ResultRelInfo *rinfo,
											  TupleTableSlot *slot,
											  TupleTableSlot *planSlot);

extern const PylonCounters *modify_counters(ResultRelInfo *rinfo);
extern List *modify_assigned(List *fdw_private);

/* explain.c */
extern void pylonExplainForeignModify(ModifyTableState *mtstate,
									  ResultRelInfo *rinfo,
									  List *fdw_private, int subplan_index,
									  struct ExplainState *es);
extern void pylonExplainForeignScan(ForeignScanState *node,
									struct ExplainState *es);
extern void explain_lookup_join(CustomScan *plan, List *lookups,
								List *ancestors, struct ExplainState *es);
extern void explain_scan_requests(List *scans, List *context,
								  const char *keys, struct ExplainState *es);
extern void explain_scan_calls(List *scans, struct ExplainState *es);

/* analyze.c */
extern bool pylonAnalyzeForeignTable(Relation relation,
									 AcquireSampleRowsFunc *func,
									 BlockNumber *totalpages);

/* import.c */
extern List *pylonImportForeignSchema(ImportForeignSchemaStmt *stmt,
									  Oid serverOid);

#endif							/* PYLON_FDW_H */
