/*-------------------------------------------------------------------------
 *
 * repeat.c
 *		Scans that may be started over with the same request.
 *
 * Such a scan keeps its rows from the first start on, which costs time and
 * memory: where the plan doesn't show that a loop is around it, none are kept.
 *
 * IDENTIFICATION
 *		fdw/query/repeat.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "query/repeat.h"

static bool is_in_loop(ForeignScanState *node);
static Bitmapset *computed_once(const Plan *plan);
static bool has_parameter(Node *node, void *context);

/*
 * Is the scan one that may be started over, and then with the same request?
 * That can't be told before where it depends on the loop that does so.
 */
bool
repeat_is_likely(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;

	return ((eflags & EXEC_FLAG_REWIND) != 0 || is_in_loop(node)) &&
		!has_parameter((Node *) plan->fdw_exprs, NULL);
}

/*
 * Does the scan depend on a parameter that a loop sets? Others are the values
 * of subqueries that are computed once, and those without a type by which
 * EvalPlanQual starts a plan over.
 */
static bool
is_in_loop(ForeignScanState *node)
{
	const PlannedStmt *statement = node->ss.ps.state->es_plannedstmt;
	Bitmapset  *params = bms_copy(node->ss.ps.plan->extParam);
	int			param = -1;
	ListCell   *lc;

	params = bms_del_members(params, computed_once(statement->planTree));
	foreach(lc, statement->subplans)
		params = bms_del_members(params, computed_once(lfirst(lc)));
	while ((param = bms_next_member(params, param)) >= 0)
	{
		if (OidIsValid(list_nth_oid(statement->paramExecTypes, param)))
			return true;
	}
	return false;
}

/* The parameters whose values are computed for a query as a whole; NULL has none. */
static Bitmapset *
computed_once(const Plan *plan)
{
	Bitmapset  *params = NULL;
	ListCell   *lc;
	ListCell   *lc2;

	if (plan == NULL)
		return NULL;
	foreach(lc, plan->initPlan)
	{
		foreach(lc2, lfirst_node(SubPlan, lc)->setParam)
			params = bms_add_member(params, lfirst_int(lc2));
	}
	return params;
}

/* Is there a value that may be another one in the next round of a loop? */
static bool
has_parameter(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		return true;
	return expression_tree_walker(node, has_parameter, context);
}
