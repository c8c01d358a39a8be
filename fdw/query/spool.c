/*-------------------------------------------------------------------------
 *
 * spool.c
 *		What a statement reads from a server that it writes to is read
 *		before the first write.
 *
 * A write shows in whatever is read later: on pages that are still to come,
 * in the look-ups of a join, in a second scan of the same table. A statement
 * must not see its own writes, so all rows that its ModifyTable will get are
 * computed and stored before that gets the first one, by a node of ours
 * between the two. It stands only where the query reads a server that it
 * writes to; it doesn't matter how the plan reads.
 *
 * What several writing parts of one statement (WITH) do to each other is left
 * to their order, which SQL doesn't define, but for an object that two of
 * them find: the first one writes it (modify.c).
 *
 * The scans of such a server below the node are told not to believe a search
 * that may lag behind what this session has written.
 *
 * IDENTIFICATION
 *		fdw/query/spool.c
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
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "query/plan.h"
#include "query/plan_note.h"
#include "query/scan.h"
#include "query/spool.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#define SPOOL_NAME "Pylon Spool"

/* The node while it is executed. */
typedef struct Spool
{
	CustomScanState css;
	Tuplestorestate *rows;		/* NULL before the first row is wanted */
	TupleTableSlot *stored;
	SpoolEnd	end;
} Spool;

static void add_spools(PlannerInfo *root, UpperRelationKind stage,
					   RelOptInfo *input, RelOptInfo *output, void *extra);
static List *written_servers(PlannerInfo *root, ModifyTablePath *write);
static List *add_server(List *servers, Oid relid);
static Path *make_path(RelOptInfo *rel, Path *rows, List *servers);
static Plan *make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
					   List *tlist, List *clauses, List *custom_plans);
static Node *resolve_row_identity(Node *node, void *root);
static Node *create_state(CustomScan *plan);
static void begin_spool(CustomScanState *node, EState *estate, int eflags);
static bool distrust_scans(PlanState *plan, void *servers);
static TupleTableSlot *next_row(CustomScanState *node);
static void compute_rows(Spool *spool);
static void end_spool(CustomScanState *node);
static void rescan_spool(CustomScanState *node);

static create_upper_paths_hook_type previous_hook = NULL;

static const CustomPathMethods path_methods = {
	.CustomName = SPOOL_NAME,
	.PlanCustomPath = make_plan,
};

static const CustomScanMethods scan_methods = {
	.CustomName = SPOOL_NAME,
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods exec_methods = {
	.CustomName = SPOOL_NAME,
	.BeginCustomScan = begin_spool,
	.ExecCustomScan = next_row,
	.EndCustomScan = end_spool,
	.ReScanCustomScan = rescan_spool,
};

/*
 * The planner's hook for the last step of a query, as the library is loaded:
 * that may be in the middle of planning the first statement on objects.
 */
void
spool_install(void)
{
	RegisterCustomScanMethods(&scan_methods);
	previous_hook = create_upper_paths_hook;
	create_upper_paths_hook = add_spools;
}

/* Is a node one that reads all rows before it gives the first one? */
bool
spool_is(const CustomScanState *node)
{
	return node->methods == &exec_methods;
}

/* ------------------------------------------------------------------------
 * Planning
 * ------------------------------------------------------------------------
 */

/* Puts a spool below each write of the query to a server that it reads. */
static void
add_spools(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
		   RelOptInfo *output, void *extra)
{
	ListCell   *lc;

	if (previous_hook != NULL)
		previous_hook(root, stage, input, output, extra);
	if (stage != UPPERREL_FINAL || root->parse->commandType == CMD_SELECT ||
		!plan_notes_exist())
		return;
	foreach(lc, output->pathlist)
	{
		ModifyTablePath *write = lfirst(lc);
		List	   *servers;

		if (!IsA(write, ModifyTablePath))
			continue;
		servers = written_servers(root, write);
		if (plan_reads(root, servers))
			write->subpath = make_path(output, write->subpath, servers);
	}
}

/* The servers of all foreign tables of ours to which rows can come, as OIDs. */
static List *
written_servers(PlannerInfo *root, ModifyTablePath *write)
{
	RangeTblEntry *target = planner_rt_fetch(root->parse->resultRelation, root);
	List	   *servers = NIL;
	ListCell   *lc;

	foreach(lc, write->resultRelations)
		servers = add_server(servers, planner_rt_fetch(lfirst_int(lc), root)->relid);
	/* Rows may be routed to a partition that nobody has named. */
	if (target->relkind == RELKIND_PARTITIONED_TABLE)
	{
		foreach(lc, find_all_inheritors(target->relid, AccessShareLock, NULL))
			servers = add_server(servers, lfirst_oid(lc));
	}
	return servers;
}

static List *
add_server(List *servers, Oid relid)
{
	if (get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE ||
		!plan_is_ours(GetFdwRoutineByRelId(relid)))
		return servers;
	return list_append_unique_oid(servers, GetForeignServerIdByRelId(relid));
}

static Path *
make_path(RelOptInfo *rel, Path *rows, List *servers)
{
	CustomPath *path = makeNode(CustomPath);

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rows->pathtarget;
	path->path.rows = rows->rows;
	path->path.startup_cost = path->path.total_cost = rows->total_cost;
	path->custom_paths = list_make1(rows);
	path->custom_private = servers;
	path->methods = &path_methods;
	return &path->path;
}

static Plan *
make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		  List *clauses, List *custom_plans)
{
	CustomScan *plan = makeNode(CustomScan);

	tlist = (List *) resolve_row_identity((Node *) tlist, root);
	plan->scan.plan.targetlist = tlist;
	plan->custom_scan_tlist = copyObject(tlist);
	plan->custom_plans = custom_plans;
	plan->custom_private = path->custom_private;
	plan->methods = &scan_methods;
	return &plan->scan.plan;
}

/*
 * Of several tables, what identifies a row is a variable that only Append
 * can carry. Up here the table's name in EXPLAIN is all that depends on it, so
 * the variable of one of the tables does.
 */
static Node *
resolve_row_identity(Node *node, void *root)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varno == ROWID_VAR)
	{
		RowIdentityVarInfo *identity = list_nth(((PlannerInfo *) root)->row_identity_vars,
												((Var *) node)->varattno - 1);
		Var		   *var = copyObject(identity->rowidvar);

		var->varno = bms_next_member(identity->rowidrels, -1);
		return (Node *) var;
	}
	return expression_tree_mutator(node, resolve_row_identity, root);
}

/* ------------------------------------------------------------------------
 * Execution
 * ------------------------------------------------------------------------
 */

static Node *
create_state(CustomScan *plan)
{
	Spool	   *spool = (Spool *) newNode(sizeof(Spool), T_CustomScanState);

	spool->css.methods = &exec_methods;
	return (Node *) spool;
}

static void
begin_spool(CustomScanState *node, EState *estate, int eflags)
{
	Spool	   *spool = (Spool *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	List	   *servers = plan->custom_private;
	ListCell   *lc;

	node->custom_ps = list_make1(ExecInitNode(linitial(plan->custom_plans), estate, eflags));
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	spool->stored = ExecInitExtraTupleSlot(estate, node->ss.ss_ScanTupleSlot->tts_tupleDescriptor,
										   &TTSOpsMinimalTuple);
	(void) distrust_scans(linitial(node->custom_ps), servers);
	foreach(lc, estate->es_subplanstates)
		(void) distrust_scans(lfirst(lc), servers);
}

/* What is to be done after the last row of a spool; NULL for another plan. */
SpoolEnd *
spool_end(PlanState *plan)
{
	return plan != NULL && IsA(plan, CustomScanState) &&
		((CustomScanState *) plan)->methods == &exec_methods ? &((Spool *) plan)->end : NULL;
}

/* Tells the scans of these servers in a plan. */
static bool
distrust_scans(PlanState *plan, void *servers)
{
	ForeignScanState *scan = (ForeignScanState *) plan;

	/* One of a subplan that isn't used is NULL. */
	if (plan == NULL)
		return false;
	if (IsA(plan, ForeignScanState) && plan_is_ours(scan->fdwroutine) &&
		list_member_oid(servers,
						GetForeignServerIdByRelId(RelationGetRelid(scan->ss.ss_currentRelation))))
		scan_distrust(scan);
	return planstate_tree_walker(plan, distrust_scans, servers);
}

static TupleTableSlot *
next_row(CustomScanState *node)
{
	Spool	   *spool = (Spool *) node;
	TupleTableSlot *row = node->ss.ss_ScanTupleSlot;
	MemoryContext before;
	bool		found;

	if (spool->rows == NULL)
		compute_rows(spool);
	before = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	found = tuplestore_gettupleslot(spool->rows, true, false, spool->stored);
	MemoryContextSwitchTo(before);
	if (!found && spool->end.callback != NULL)
		spool->end.callback(spool->end.arg);
	return found ? ExecCopySlot(row, spool->stored) : ExecClearTuple(row);
}

static void
compute_rows(Spool *spool)
{
	PlanState  *plan = linitial(spool->css.custom_ps);
	MemoryContext before = MemoryContextSwitchTo(plan->state->es_query_cxt);

	spool->rows = tuplestore_begin_heap(false, false, work_mem);
	spool->end.rows = 0;
	MemoryContextSwitchTo(before);
	for (;;)
	{
		TupleTableSlot *row = ExecProcNode(plan);

		if (TupIsNull(row))
			return;
		tuplestore_puttupleslot(spool->rows, row);
		spool->end.rows++;
		CHECK_FOR_INTERRUPTS();
	}
}

static void
end_spool(CustomScanState *node)
{
	Spool	   *spool = (Spool *) node;

	if (spool->rows != NULL)
		tuplestore_end(spool->rows);
	ExecEndNode(linitial(node->custom_ps));
}

/*
 * A ModifyTable is never started over, but a local row of it that another
 * transaction has changed is computed anew, each time by the same plan
 * (EvalPlanQual). ExecReScan knows nothing of custom_ps: it is told here what
 * has changed, lest a hash table or a sort below goes on with the last row.
 */
static void
rescan_spool(CustomScanState *node)
{
	Spool	   *spool = (Spool *) node;
	PlanState  *plan = linitial(node->custom_ps);

	if (spool->rows != NULL)
		tuplestore_end(spool->rows);
	spool->rows = NULL;
	if (node->ss.ps.chgParam != NULL)
		UpdateChangedParamSet(plan, node->ss.ps.chgParam);
	/* Else its first ExecProcNode does it. */
	if (plan->chgParam == NULL)
		ExecReScan(plan);
}
