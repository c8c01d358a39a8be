/*-------------------------------------------------------------------------
 *
 * jit.c
 *		JIT compilation is decided about without the costs of requests.
 *
 * Core compiles the expressions of a plan that costs more than
 * jit_above_cost. Here that would be a hundred requests, which take seconds
 * of waiting but hardly any of the CPU time that compiling could save; and
 * nothing is sent before it is done. So what a plan costs without its scans
 * of contacts is held against the same settings.
 *
 * IDENTIFICATION
 *		fdw/jit.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "jit/jit.h"
#include "lookup_join.h"
#include "nodes/plannodes.h"
#include "plan.h"
#include "pylon_fdw.h"

static void start_executor(QueryDesc *query, int eflags);
static int	jit_flags(int flags, Cost cost);
static Cost scan_costs(Plan *plan);
static Cost scan_costs_of(List *plans);
static bool is_contacts(ForeignScan *scan);

static ExecutorStart_hook_type previous_hook = NULL;

/*
 * The executor's hook, not the planner's: a session's first statement on
 * contacts is being planned already when it loads this module.
 */
void
jit_install_hook(void)
{
	previous_hook = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}

static void
start_executor(QueryDesc *query, int eflags)
{
	PlannedStmt *stmt = query->plannedstmt;

	if (stmt->jitFlags & PGJIT_PERFORM)
	{
		Cost		cost = stmt->planTree->total_cost -
			scan_costs(stmt->planTree) - scan_costs_of(stmt->subplans);

		/* It may be a cached one, which is not ours to change. */
		query->plannedstmt = palloc(sizeof(PlannedStmt));
		*query->plannedstmt = *stmt;
		query->plannedstmt->jitFlags = jit_flags(stmt->jitFlags, cost);
	}
	if (previous_hook != NULL)
		previous_hook(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
}

/* Those of the flags that core would set for these costs. */
static int
jit_flags(int flags, Cost cost)
{
	if (cost <= jit_above_cost)
		return PGJIT_NONE;
	if (cost <= jit_optimize_above_cost)
		flags &= ~PGJIT_OPT3;
	if (cost <= jit_inline_above_cost)
		flags &= ~PGJIT_INLINE;
	return flags;
}

/* How much of the costs of a plan is that of scans of contacts below it. */
static Cost
scan_costs(Plan *plan)
{
	Cost		costs;

	if (plan == NULL)
		return 0;
	switch (nodeTag(plan))
	{
		case T_ForeignScan:
			return is_contacts((ForeignScan *) plan) ? plan->total_cost : 0;
		case T_CustomScan:
			costs = scan_costs_of(((CustomScan *) plan)->custom_plans);
			/* The scans of a lookup join are those of a single batch. */
			if (((CustomScan *) plan)->methods == &lookup_join_methods)
				costs = plan->total_cost -
					((Plan *) linitial(((CustomScan *) plan)->custom_plans))->total_cost +
					scan_costs(linitial(((CustomScan *) plan)->custom_plans));
			break;
		case T_NestLoop:
			costs = scan_costs(plan->lefttree) +
				scan_costs(plan->righttree) * Max(plan->lefttree->plan_rows, 1);
			break;
		case T_Append:
			costs = scan_costs_of(((Append *) plan)->appendplans);
			break;
		case T_MergeAppend:
			costs = scan_costs_of(((MergeAppend *) plan)->mergeplans);
			break;
		case T_SubqueryScan:
			costs = scan_costs(((SubqueryScan *) plan)->subplan);
			break;
		default:
			costs = scan_costs(plan->lefttree) + scan_costs(plan->righttree);
			break;
	}
	/* Above it may be a LIMIT, say, or Memoize. */
	return Min(costs, plan->total_cost);
}

static Cost
scan_costs_of(List *plans)
{
	Cost		costs = 0;
	ListCell   *lc;

	foreach(lc, plans)
		costs += scan_costs(lfirst(lc));
	return costs;
}

static bool
is_contacts(ForeignScan *scan)
{
	return OidIsValid(scan->fs_server) &&
		GetFdwRoutineByServerId(scan->fs_server)->GetForeignPaths == pylonGetForeignPaths;
}
