/*-------------------------------------------------------------------------
 *
 * extent.c
 *		Which scans are certain to be read to their end.
 *
 * What will certainly be needed may be asked for before it is wanted, several
 * requests at a time. A request that nobody wants in the end is one too many,
 * though: so a scan counts as read to its end only if the statement is run to
 * its end at once, and no node above the scan may stop before. Where a node
 * isn't known here, it may.
 *
 * A scan that is started over with another key for each row, and left at the
 * first match, doesn't even have its next page asked for ahead; nor has one of
 * a query that is run once, for some rows, as by PL/pgSQL's SELECT INTO.
 *
 * The hook is called for each run of any query of a session that has this library
 * loaded; it looks at those that have a scan of ours.
 *
 * IDENTIFICATION
 *		fdw/query/extent.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "executor/executor.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "query/extent.h"
#include "query/lookup_join.h"
#include "query/plan.h"
#include "query/scan.h"
#include "query/spool.h"
#include "tcop/dest.h"
#include "tcop/pquery.h"

/* A node whose children are looked at. */
typedef struct Parent
{
	PlanState  *node;
	bool		whole;			/* it is read to its end */
	bool		once;			/* no more rows are wanted after some */
} Parent;

static void note_extent(QueryDesc *query, ScanDirection direction,
						uint64 count COMPAT_RUN_ONCE);
static bool is_run_once(const QueryDesc *query);
static void mark(PlanState *node, bool whole, bool once);
static bool mark_child(PlanState *child, void *parent);
static bool reads_child_whole(const Parent *parent, PlanState *child);
static bool reads_side_whole(const Parent *parent, PlanState *child);
static bool stops_at_match(const Parent *parent, PlanState *child);
static SubPlanState *find_subplan(PlanState *node, PlanState *child);
static bool reads_subplan_whole(const SubPlan *subplan);
static bool starts_with_outer(const HashJoinState *join);

static ExecutorRun_hook_type previous_hook = NULL;

void
extent_install_hook(void)
{
	previous_hook = ExecutorRun_hook;
	ExecutorRun_hook = note_extent;
}

/* A query is run: to its end where no number of rows is given. */
static void
note_extent(QueryDesc *query, ScanDirection direction, uint64 count COMPAT_RUN_ONCE)
{
	if (scan_is_part_of(query->estate))
		mark(query->planstate, count == 0, count != 0 && is_run_once(query));
	if (previous_hook != NULL)
		previous_hook(query, direction, count COMPAT_PASS_ONCE);
	else
		standard_ExecutorRun(query, direction, count COMPAT_PASS_ONCE);
}

/* So is one that SPI runs, but for a cursor's: that is run again for the next rows. */
static bool
is_run_once(const QueryDesc *query)
{
	return query->dest->mydest == DestSPI &&
		(ActivePortal == NULL || ActivePortal->queryDesc != query);
}

/* Tells the scans of ours in a plan, if they are certain to be read whole, or likely not to be. */
static void
mark(PlanState *node, bool whole, bool once)
{
	Parent		parent = {.node = node,.whole = whole,.once = once};

	check_stack_depth();
	if (IsA(node, ForeignScanState) && plan_is_ours(((ForeignScanState *) node)->fdwroutine))
	{
		if (whole)
			scan_read_whole((ForeignScanState *) node);
		else if (once)
			scan_read_late((ForeignScanState *) node);
	}
	if (whole && IsA(node, CustomScanState) && lookup_join_is((CustomScanState *) node))
		lookup_join_read_whole((CustomScanState *) node);
	/* Its subquery stands elsewhere, and may have other readers. */
	if (whole && IsA(node, CteScanState))
		mark(((CteScanState *) node)->cteplanstate, true, once);
	(void) planstate_tree_walker(node, mark_child, &parent);
}

static bool
mark_child(PlanState *child, void *parent)
{
	if (stops_at_match(parent, child) && IsA(child, ForeignScanState) &&
		plan_is_ours(((ForeignScanState *) child)->fdwroutine) &&
		!bms_is_empty(child->plan->extParam))
		scan_may_stop((ForeignScanState *) child, false);
	mark(child, reads_child_whole(parent, child), ((Parent *) parent)->once);
	return false;
}

/* Once a node has begun with a child, will it read that to its end? */
static bool
reads_child_whole(const Parent *parent, PlanState *child)
{
	PlanState  *node = parent->node;
	SubPlanState *subplan = find_subplan(node, child);

	if (subplan != NULL)
		return reads_subplan_whole(subplan->subplan);
	switch (nodeTag(node))
	{
		case T_HashState:
		case T_ModifyTableState:
		case T_SortState:
			return true;
		case T_AggState:
			return parent->whole || ((AggState *) node)->aggstrategy == AGG_PLAIN ||
				((AggState *) node)->aggstrategy == AGG_HASHED;
		case T_CustomScanState:
			return spool_is((CustomScanState *) node) ||
				(parent->whole && lookup_join_is((CustomScanState *) node));
		case T_HashJoinState:
		case T_NestLoopState:
			return reads_side_whole(parent, child);
		case T_WindowAggState:
			return parent->whole && ((WindowAggState *) node)->runcondition == NULL;
		case T_AppendState:
		case T_GroupState:
		case T_IncrementalSortState:
		case T_LockRowsState:
		case T_MaterialState:
		case T_MergeAppendState:
		case T_ProjectSetState:
		case T_RecursiveUnionState:
		case T_ResultState:
		case T_SetOpState:
		case T_SubqueryScanState:
		case T_UniqueState:
			return parent->whole;
		default:
			return false;
	}
}

/* The same of the sides of a join. */
static bool
reads_side_whole(const Parent *parent, PlanState *child)
{
	JoinState  *join = (JoinState *) parent->node;
	bool		is_inner = child == innerPlanState(parent->node);

	if (IsA(join, HashJoinState))
		return is_inner || (parent->whole && !starts_with_outer((HashJoinState *) join));
	return parent->whole && !stops_at_match(parent, child);
}

/* Is a child one that a loop leaves at the first row that joins? */
static bool
stops_at_match(const Parent *parent, PlanState *child)
{
	JoinState  *join = (JoinState *) parent->node;

	return IsA(join, NestLoopState) && child == innerPlanState(parent->node) &&
		(join->single_match || join->jointype == JOIN_ANTI);
}

/*
 * Does a hash join look whether its outer side has a row at all, before it
 * knows whether that may find a match? If none may, it reads no further.
 */
static bool
starts_with_outer(const HashJoinState *join)
{
	return join->hj_NullInnerTupleSlot == NULL && join->hj_NullOuterTupleSlot == NULL &&
		outerPlanState(join)->plan->startup_cost < innerPlanState(join)->plan->total_cost;
}

/* The subplan of a node's expressions that a child is; NULL if it is none. */
static SubPlanState *
find_subplan(PlanState *node, PlanState *child)
{
	ListCell   *lc;

	foreach(lc, node->initPlan)
	{
		if (((SubPlanState *) lfirst(lc))->planstate == child)
			return lfirst(lc);
	}
	foreach(lc, node->subPlan)
	{
		if (((SubPlanState *) lfirst(lc))->planstate == child)
			return lfirst(lc);
	}
	return NULL;
}

/* A single value is looked for to the end, as a second one is an error. */
static bool
reads_subplan_whole(const SubPlan *subplan)
{
	switch (subplan->subLinkType)
	{
		case EXPR_SUBLINK:
		case ROWCOMPARE_SUBLINK:
		case MULTIEXPR_SUBLINK:
		case ARRAY_SUBLINK:
			return true;
		default:
			return subplan->useHashTable;
	}
}
