/*-------------------------------------------------------------------------
 *
 * spool.c
 *		What a statement reads from a server that it writes to is read
 *		before the first write.
 *
 * A write shows in whatever is read later: on pages that are still to come,
 * in the look-ups of a join, in a second scan of the same table. A statement
 * must not see its own writes, so all rows that its ModifyTable will get are
 * computed and stored before that gets the first one. This is done from
 * outside, when the executor has set up the statement, because only a whole
 * plan tells what is read; it doesn't matter then how the plan reads.
 *
 * What several writing parts of one statement (WITH) do to each other is left
 * to their order, which SQL doesn't define, but for an object that two of
 * them find: the first one writes it (modify.c).
 *
 * By the same look at the plan, its scans of such a server are told not to
 * believe a search that may lag behind what this session has written.
 *
 * IDENTIFICATION
 *		fdw/spool.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "compat.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "lib/ilist.h"
#include "nodes/nodeFuncs.h"
#include "plan.h"
#include "scan.h"
#include "spool.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

/* The rows of a plan below a ModifyTable. Lives as long as the query. */
typedef struct Spool
{
	dlist_node	node;			/* of "spools" */
	bool		listed;
	PlanState  *plan;
	ExecProcNodeMtd compute;	/* gives the plan's next row */
	Tuplestorestate *rows;		/* NULL before the first row is wanted */
	TupleTableSlot *stored;
	TupleTableSlot *result;		/* of the kind that the plan gives */
	MemoryContextCallback callback;
} Spool;

static void start_executor(QueryDesc *query, int eflags);
static bool find_scans(PlanState *plan, void *scans);
static Oid	server_of(ForeignScanState *scan);
static bool writes_to(ModifyTableState *write, List *scans);
static bool distrust_scans(Relation table, List *scans);
static void spool_rows(PlanState *plan);
static TupleTableSlot *next_row(PlanState *plan);
static void compute_rows(Spool *spool);
static Spool *find_spool(PlanState *plan);
static void end_spool(Datum spool);
static void forget_spool(void *spool);

static ExecutorStart_hook_type previous_hook = NULL;
static dlist_head spools = DLIST_STATIC_INIT(spools);

void
spool_install_hook(void)
{
	previous_hook = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}

/* A statement is set up: finds its writes to servers that it reads, too. */
static void
start_executor(QueryDesc *query, int eflags)
{
	List	   *scans = NIL;
	ListCell   *lc;

	if (previous_hook != NULL)
		previous_hook(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) ||
		(query->operation == CMD_SELECT && !query->plannedstmt->hasModifyingCTE))
		return;

	(void) find_scans(query->planstate, &scans);
	foreach(lc, query->estate->es_subplanstates)
		(void) find_scans(lfirst(lc), &scans);
	if (scans == NIL)
		return;
	if (IsA(query->planstate, ModifyTableState) &&
		writes_to((ModifyTableState *) query->planstate, scans))
		spool_rows(outerPlanState(query->planstate));
	foreach(lc, query->estate->es_auxmodifytables)
	{
		if (writes_to(lfirst(lc), scans))
			spool_rows(outerPlanState(lfirst(lc)));
	}
}

/* Adds the scans of objects in a plan to the list in "scans". */
static bool
find_scans(PlanState *plan, void *scans)
{
	/* One of a subplan that isn't used is NULL. */
	if (plan == NULL)
		return false;
	if (IsA(plan, ForeignScanState) &&
		plan_is_ours(((ForeignScanState *) plan)->fdwroutine))
		*(List **) scans = lappend(*(List **) scans, plan);
	return planstate_tree_walker(plan, find_scans, scans);
}

static Oid
server_of(ForeignScanState *scan)
{
	return GetForeignTable(RelationGetRelid(scan->ss.ss_currentRelation))->serverid;
}

/* Can rows come to tables of a server that is scanned? Tells the scans. */
static bool
writes_to(ModifyTableState *write, List *scans)
{
	Relation	root = write->rootResultRelInfo->ri_RelationDesc;
	bool		found = distrust_scans(root, scans);
	List	   *partitions = NIL;
	ListCell   *lc;

	for (int i = 0; i < write->mt_nrels; i++)
		found |= distrust_scans(write->resultRelInfo[i].ri_RelationDesc, scans);

	/* Rows may be routed to a partition that nobody has named. */
	if (root->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		partitions = find_all_inheritors(RelationGetRelid(root), AccessShareLock, NULL);
	foreach(lc, partitions)
	{
		Relation	partition = table_open(lfirst_oid(lc), NoLock);

		found |= distrust_scans(partition, scans);
		table_close(partition, NoLock);
	}
	return found;
}

/* Tells the scans of the server that has the table; false if there is none. */
static bool
distrust_scans(Relation table, List *scans)
{
	bool		found = false;
	Oid			serverid;
	ListCell   *lc;

	if (table->rd_rel->relkind != RELKIND_FOREIGN_TABLE)
		return false;
	serverid = GetForeignTable(RelationGetRelid(table))->serverid;
	foreach(lc, scans)
	{
		if (server_of(lfirst(lc)) != serverid)
			continue;
		scan_distrust(lfirst(lc));
		found = true;
	}
	return found;
}

/* From now on, the plan gives its first row when it has computed the last. */
static void
spool_rows(PlanState *plan)
{
	EState	   *estate = plan->state;
	MemoryContext before = MemoryContextSwitchTo(estate->es_query_cxt);
	Spool	   *spool = palloc0(sizeof(Spool));
	TupleDesc	row = ExecGetResultType(plan);

	spool->plan = plan;
	spool->compute = plan->ExecProcNodeReal;
	spool->stored = ExecInitExtraTupleSlot(estate, row, &TTSOpsMinimalTuple);
	spool->result = ExecInitExtraTupleSlot(estate, row, ExecGetResultSlotOps(plan, NULL));
	RegisterExprContextCallback(CreateExprContext(estate), end_spool, PointerGetDatum(spool));
	spool->callback.func = forget_spool;
	spool->callback.arg = spool;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &spool->callback);
	dlist_push_head(&spools, &spool->node);
	spool->listed = true;
	ExecSetExecProcNode(plan, next_row);
	MemoryContextSwitchTo(before);
}

/* Stands in the place of the plan's own function. */
static TupleTableSlot *
next_row(PlanState *plan)
{
	Spool	   *spool = find_spool(plan);
	MemoryContext before;
	bool		found;

	if (spool->rows == NULL)
		compute_rows(spool);
	before = MemoryContextSwitchTo(plan->state->es_query_cxt);
	found = tuplestore_gettupleslot(spool->rows, true, false, spool->stored);
	MemoryContextSwitchTo(before);
	return found ? ExecCopySlot(spool->result, spool->stored) :
		ExecClearTuple(spool->result);
}

static void
compute_rows(Spool *spool)
{
	MemoryContext before = MemoryContextSwitchTo(spool->plan->state->es_query_cxt);

	spool->rows = tuplestore_begin_heap(false, false, work_mem);
	MemoryContextSwitchTo(before);
	for (;;)
	{
		TupleTableSlot *row = spool->compute(spool->plan);

		if (TupIsNull(row))
			return;
		tuplestore_puttupleslot(spool->rows, row);
		CHECK_FOR_INTERRUPTS();
	}
}

/* A plan has no place for what belongs to others, so they are in a list. */
static Spool *
find_spool(PlanState *plan)
{
	dlist_iter	iter;

	dlist_foreach(iter, &spools)
	{
		Spool	   *spool = dlist_container(Spool, node, iter.cur);

		if (spool->plan == plan)
			return spool;
	}
	elog(ERROR, "the rows of a write have no spool");
}

/* The query has ended. */
static void
end_spool(Datum arg)
{
	Spool	   *spool = (Spool *) DatumGetPointer(arg);

	ExecClearTuple(spool->stored);
	if (spool->rows != NULL)
		tuplestore_end(spool->rows);
	spool->rows = NULL;
	forget_spool(spool);
}

/* The query's memory goes away, after an error perhaps. */
static void
forget_spool(void *arg)
{
	Spool	   *spool = arg;

	if (spool->listed)
		dlist_delete(&spool->node);
	spool->listed = false;
}
