/*-------------------------------------------------------------------------
 *
 * lookup_join.c
 *		Execution of a lookup join: each row of the other side with the objects
 *		that have its key.
 *
 * lookup_batch.c reads that side in batches and looks up the objects, by scans
 * that are children of this node. Here the rows are joined, in their order.
 *
 * What is joined is decided by the conditions of the join, checked on each
 * pair; the table just has to find at least the pairs that satisfy them.
 * All expressions see the columns of both sides as one tuple.
 *
 * IDENTIFICATION
 *		fdw/query/lookup_join.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "compat.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "nodes/nodeFuncs.h"
#include "query/explain.h"
#include "query/lookup_batch.h"
#include "query/lookup_join.h"
#include "query/plan_private.h"
#include "query/scan.h"
#include "utils/lsyscache.h"

static Node *create_state(CustomScan *scan);
static void lookup_join_begin(CustomScanState *node, EState *estate, int eflags);
static void begin_children(LookupJoin *join, CustomScan *plan, EState *estate,
						   int eflags);
static void begin_side(LookupJoin *join, LookupSide *side, int first, Node *key);
static void begin_lookups(LookupJoin *join, EState *estate);
static TupleTableSlot *lookup_join_execute(CustomScanState *node);
static void lookup_join_end(CustomScanState *node);
static void lookup_join_rescan(CustomScanState *node);
static bool depends_on_changes(LookupJoin *join);
static void lookup_join_explain(CustomScanState *node, List *ancestors, ExplainState *es);
static bool join_row(LookupJoin *join);
static bool next_pair(LookupJoin *join);

const CustomScanMethods lookup_join_methods = {
	.CustomName = LOOKUP_JOIN_NAME,
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods lookup_exec_methods = {
	.CustomName = LOOKUP_JOIN_NAME,
	.BeginCustomScan = lookup_join_begin,
	.ExecCustomScan = lookup_join_execute,
	.EndCustomScan = lookup_join_end,
	.ReScanCustomScan = lookup_join_rescan,
	.ExplainCustomScan = lookup_join_explain,
};

static Node *
create_state(CustomScan *scan)
{
	LookupJoin *join = (LookupJoin *) newNode(sizeof(LookupJoin), T_CustomScanState);

	join->css.methods = &lookup_exec_methods;
	return (Node *) join;
}

/* Prepares all children and expressions; asks nothing. */
static void
lookup_join_begin(CustomScanState *node, EState *estate, int eflags)
{
	LookupJoin *join = (LookupJoin *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	int			nouter = intVal(list_nth(plan->custom_private, LookupPrivateOtherQuals));

	join->jointype = intVal(list_nth(plan->custom_private, LookupPrivateJoinType));
	join->first_size = intVal(list_nth(plan->custom_private, LookupPrivateFirstBatch));
	begin_children(join, plan, estate, eflags);
	begin_side(join, &join->other, 0, list_nth(plan->custom_exprs, LookupExprKey));
	begin_side(join, &join->inner, ExecGetResultType(join->outer)->natts,
			   list_nth(plan->custom_exprs, LookupExprInnerKey));
	join->outerqual = ExecInitQual(list_truncate(list_copy_tail(plan->custom_exprs, LookupExprQuals), nouter),
								   (PlanState *) node);
	join->joinqual = ExecInitQual(list_copy_tail(plan->custom_exprs, LookupExprQuals + nouter),
								  (PlanState *) node);
	/* The condition on the key is one of these; others may turn it round. */
	join->one_will_do = (join->jointype == JOIN_SEMI || join->jointype == JOIN_ANTI) &&
		list_length(plan->custom_exprs) == LookupExprQuals + nouter + 1;
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		begin_lookups(join, estate);
}

/* The first plan is that of the other side; all others scan objects. */
static void
begin_children(LookupJoin *join, CustomScan *plan, EState *estate, int eflags)
{
	ListCell   *lc;

	foreach(lc, plan->custom_plans)
		join->css.custom_ps = lappend(join->css.custom_ps,
									  ExecInitNode(lfirst(lc), estate, eflags));
	join->outer = linitial(join->css.custom_ps);
	join->scans = list_copy_tail(join->css.custom_ps, 1);
	foreach(lc, join->scans)
	{
		PlanState  *scan = lookup_behind_gate(lfirst(lc));

		if (scan_takes_keys(scan))
			join->lookups = lappend(join->lookups, scan);
	}
}

static void
begin_side(LookupJoin *join, LookupSide *side, int first, Node *key)
{
	Oid			function;
	bool		varlena;

	side->first = first;
	side->key = ExecInitExpr((Expr *) key, &join->css.ss.ps);
	getTypeOutputInfo(exprType(key), &function, &varlena);
	fmgr_info(function, &side->output);
}

/* What takes more than to explain the join. */
static void
begin_lookups(LookupJoin *join, EState *estate)
{
	ListCell   *lc;

	join->context = AllocSetContextCreate(estate->es_query_cxt, "pylon_fdw lookup join",
										  ALLOCSET_DEFAULT_SIZES);
	join->batch_size = INT_MAX;
	join->most_ahead = 1;
	foreach(lc, join->lookups)
	{
		join->batch_size = Min(join->batch_size, filter_batch_size(scan_filter(lfirst(lc))));
		join->most_ahead = Max(join->most_ahead, scan_max_requests(lfirst(lc)));
	}
	join->ignores_case = filter_ignores_case(scan_filter(linitial(join->lookups)));
	/* Then equal texts may not be equal to the condition. */
	join->one_will_do &= !join->ignores_case;
	if (join->one_will_do)
	{
		foreach(lc, join->lookups)
			scan_may_stop(lfirst(lc), true);
	}
	join->outer_slot = ExecInitExtraTupleSlot(estate, ExecGetResultType(join->outer),
											  &TTSOpsMinimalTuple);
	join->inner_slot = ExecInitExtraTupleSlot(estate, ExecGetResultType(linitial(join->scans)),
												&TTSOpsMinimalTuple);
}

/* The next row of the result, in the slot that core projects to. */
static TupleTableSlot *
lookup_join_execute(CustomScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	if (!join_row(join))
		return ExecClearTuple(node->ss.ps.ps_ProjInfo == NULL ? slot :
							  node->ss.ps.ps_ProjInfo->pi_state.resultslot);
	return node->ss.ps.ps_ProjInfo == NULL ? slot : ExecProject(node->ss.ps.ps_ProjInfo);
}

static void
lookup_join_end(CustomScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;
	ListCell   *lc;

	if (join->context != NULL)
	{
		lookup_release(join);
		MemoryContextDelete(join->context);
	}
	foreach(lc, node->custom_ps)
		ExecEndNode(lfirst(lc));
}

/* Is a node a lookup join? */
bool
lookup_join_is(const CustomScanState *node)
{
	return node->methods == &lookup_exec_methods;
}

/* From now on, a lookup join is certain to be read to its end. */
void
lookup_join_read_whole(CustomScanState *node)
{
	((LookupJoin *) node)->whole = true;
}

/*
 * The next row is the first one again. What was looked up stays known,
 * unless the objects depend on a parameter that has changed.
 */
static void
lookup_join_rescan(CustomScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;
	ListCell   *lc;

	if (node->ss.ps.chgParam != NULL)
	{
		foreach(lc, node->custom_ps)
			UpdateChangedParamSet(lfirst(lc), node->ss.ps.chgParam);
	}
	if (join->context == NULL)
		return;					/* just explained */
	lookup_forget(join, depends_on_changes(join) || node->ss.ps.state->es_epq_active != NULL);
	if (join->outer->chgParam == NULL)
		ExecReScan(join->outer);
}

/* Do the objects depend on a parameter that has changed? */
static bool
depends_on_changes(LookupJoin *join)
{
	ListCell   *lc;

	foreach(lc, join->scans)
	{
		if (((PlanState *) lfirst(lc))->chgParam != NULL)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------------
 * Joining
 * ------------------------------------------------------------------------
 */

/* Puts the next row into the slot of the scan tuple; false after the last. */
static bool
join_row(LookupJoin *join)
{
	PlanState  *ps = &join->css.ss.ps;

	for (;;)
	{
		ResetExprContext(ps->ps_ExprContext);
		if (!join->has_outer && !lookup_next_row(join))
			return false;
		if (!next_pair(join))
			continue;
		if (ExecQual(ps->qual, ps->ps_ExprContext))
			return true;
		InstrCountFiltered1(ps, 1);
	}
}

/*
 * The next object that joins with the row of the other side or, where no
 * object does, the row alone if the join wants that. False if there is
 * nothing more for that row.
 */
static bool
next_pair(LookupJoin *join)
{
	ExprContext *econtext = join->css.ss.ps.ps_ExprContext;

	while (lookup_table_fetch(&join->matches, join->inner_slot))
	{
		CHECK_FOR_INTERRUPTS();
		/* Who got the last row may have made the slot's values its own. */
		lookup_fill(join, &join->other, join->outer_slot);
		lookup_fill(join, &join->inner, join->inner_slot);
		if (!ExecQual(join->joinqual, econtext))
		{
			ResetExprContext(econtext);
			continue;
		}
		join->matched = true;
		if (join->jointype == JOIN_ANTI || join->jointype == JOIN_SEMI)
			join->has_outer = false;	/* one object decides */
		return join->jointype != JOIN_ANTI;
	}
	join->has_outer = false;
	if (join->matched || (join->jointype != JOIN_LEFT && join->jointype != JOIN_ANTI))
		return false;
	lookup_fill(join, &join->other, join->outer_slot);
	lookup_fill_nulls(join, &join->inner);
	return true;
}

/* ------------------------------------------------------------------------
 * EXPLAIN
 * ------------------------------------------------------------------------
 */

/* What is looked up and how, and with ANALYZE how often. */
static void
lookup_join_explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	LookupJoin *join = (LookupJoin *) node;

	explain_lookup_join((CustomScan *) node->ss.ps.plan, join->lookups, ancestors, es);
	if (!es->analyze)
		return;
	ExplainPropertyUInteger("Pylon Batches", NULL, join->batches, es);
	ExplainPropertyUInteger("Pylon Keys", NULL, join->keys, es);
	explain_scan_counters(join->lookups, es);
}
