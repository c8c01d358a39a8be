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
 * to their order, which SQL doesn't define.
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
#include "pylon_fdw.h"
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
static bool find_servers(PlanState *plan, void *servers);
static bool writes_to(ModifyTableState *write, List *servers);
static bool is_on(Relation table, List *servers);
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
	List	   *servers = NIL;
	ListCell   *lc;

	if (previous_hook != NULL)
		previous_hook(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) ||
		(query->operation == CMD_SELECT && !query->plannedstmt->hasModifyingCTE))
		return;

	(void) find_servers(query->planstate, &servers);
	foreach(lc, query->estate->es_subplanstates)
		(void) find_servers(lfirst(lc), &servers);
	if (servers == NIL)
		return;
	if (IsA(query->planstate, ModifyTableState) &&
		writes_to((ModifyTableState *) query->planstate, servers))
		spool_rows(outerPlanState(query->planstate));
	foreach(lc, query->estate->es_auxmodifytables)
	{
		if (writes_to(lfirst(lc), servers))
			spool_rows(outerPlanState(lfirst(lc)));
	}
}

/* Adds the servers that a plan reads to the list of OIDs in "servers". */
static bool
find_servers(PlanState *plan, void *servers)
{
	ForeignScanState *scan = (ForeignScanState *) plan;

	/* One of a subplan that isn't used is NULL. */
	if (plan == NULL)
		return false;
	if (IsA(plan, ForeignScanState) &&
		scan->fdwroutine->GetForeignPaths == pylonGetForeignPaths)
	{
		ForeignTable *table = GetForeignTable(RelationGetRelid(scan->ss.ss_currentRelation));

		*(List **) servers = list_append_unique_oid(*(List **) servers, table->serverid);
	}
	return planstate_tree_walker(plan, find_servers, servers);
}

/* Can rows come to tables of one of the servers? */
static bool
writes_to(ModifyTableState *write, List *servers)
{
	Relation	root = write->rootResultRelInfo->ri_RelationDesc;
	bool		found = is_on(root, servers);
	List	   *partitions = NIL;
	ListCell   *lc;

	for (int i = 0; i < write->mt_nrels && !found; i++)
		found = is_on(write->resultRelInfo[i].ri_RelationDesc, servers);

	/* Rows may be routed to a partition that nobody has named. */
	if (!found && root->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		partitions = find_all_inheritors(RelationGetRelid(root), AccessShareLock, NULL);
	foreach(lc, partitions)
	{
		Relation	partition = table_open(lfirst_oid(lc), NoLock);

		found |= is_on(partition, servers);
		table_close(partition, NoLock);
	}
	return found;
}

static bool
is_on(Relation table, List *servers)
{
	return table->rd_rel->relkind == RELKIND_FOREIGN_TABLE &&
		list_member_oid(servers, GetForeignTable(RelationGetRelid(table))->serverid);
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
