/*-------------------------------------------------------------------------
 *
 * callbacks.h
 *		The callbacks of the foreign data wrapper.
 *
 * IDENTIFICATION
 *		fdw/query/callbacks.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CALLBACKS_H
#define PYLON_CALLBACKS_H

#include "foreign/fdwapi.h"

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

/* async.c */
extern bool pylonIsForeignPathAsyncCapable(ForeignPath *path);
extern void pylonForeignAsyncRequest(AsyncRequest *request);
extern void pylonForeignAsyncConfigureWait(AsyncRequest *request);
extern void pylonForeignAsyncNotify(AsyncRequest *request);

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

/* explain.c */
extern void pylonExplainForeignModify(ModifyTableState *mtstate,
									  ResultRelInfo *rinfo,
									  List *fdw_private, int subplan_index,
									  struct ExplainState *es);
extern void pylonExplainForeignScan(ForeignScanState *node,
									struct ExplainState *es);

/* analyze.c */
extern bool pylonAnalyzeForeignTable(Relation relation,
									 AcquireSampleRowsFunc *func,
									 BlockNumber *totalpages);

/* import.c */
extern List *pylonImportForeignSchema(ImportForeignSchemaStmt *stmt,
									  Oid serverOid);

#endif							/* PYLON_CALLBACKS_H */
