/*-------------------------------------------------------------------------
 *
 * lookup_plan.c
 *		From the path of a lookup join to its plan.
 *
 * The plan is a CustomScan whose children are the plan of the other side and,
 * for each foreign table, a ForeignScan whose filter has a place for the keys.
 * lookup_path.c decides when there is one, and lookup_join.c executes it.
 *
 * IDENTIFICATION
 *		fdw/query/lookup_plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "query/lookup_join.h"
#include "query/lookup_plan.h"
#include "query/plan_private.h"

/*
 * Where the rows may not all be wanted, the first batch has at least so many
 * keys: a request takes as long for ten as for one, and some find nothing.
 */
#define FIRST_BATCH 10

static Plan *plan_lookup_join(PlannerInfo *root, RelOptInfo *rel,
							  CustomPath *best_path, List *tlist,
							  List *clauses, List *custom_plans);
static void split_clauses(RelOptInfo *joinrel, JoinType jointype,
						  List *restrictlist, List **join, List **other);
static void split_sides(PlannerInfo *root, List *keys, List **joinquals,
						List **outerquals);
static List *order_by_security(List *restrictlist);
static List *joined_tlist(Plan *outer, List *columns, List *used);
static List *append_columns(List *tlist, List *exprs, List *used);
static Node *lookup_plan_adopt(Node *node, void *sources);

const		CustomPathMethods lookup_path_methods = {
	.CustomName = LOOKUP_JOIN_NAME,
	.PlanCustomPath = plan_lookup_join,
};

/*
 * The plan, whose scan tuple is the columns of the other side and then those
 * of the objects; all expressions see it.
 */
static Plan *
plan_lookup_join(PlannerInfo *root, RelOptInfo *rel, CustomPath *best_path,
				 List *tlist, List *clauses, List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	JoinType	jointype = intVal(list_nth(best_path->custom_private, LookupPathJoinType));
	List	   *exprs = list_copy(list_nth(best_path->custom_private, LookupPathKeys));
	List	   *used;
	List	   *joinquals;
	List	   *outerquals;
	List	   *otherquals;

	split_clauses(rel, jointype,
				  list_nth(best_path->custom_private, LookupPathClauses),
				  &joinquals, &otherquals);
	split_sides(root, exprs, &joinquals, &outerquals);
	/* The tlist is yet to come where core will put a projection on top. */
	used = list_concat_copy(rel->reltarget->exprs, otherquals);
	used = list_concat(pull_var_clause((Node *) used,
									   PVC_RECURSE_AGGREGATES |
									   PVC_RECURSE_WINDOWFUNCS |
									   PVC_INCLUDE_PLACEHOLDERS),
					   pull_var_clause((Node *) used,
									   PVC_RECURSE_AGGREGATES |
									   PVC_RECURSE_WINDOWFUNCS |
									   PVC_RECURSE_PLACEHOLDERS));

	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = otherquals;
	scan->flags = best_path->flags;
	scan->custom_plans = custom_plans;
	scan->custom_scan_tlist = joined_tlist(linitial(custom_plans),
										   list_nth(best_path->custom_private,
													LookupPathColumns),
										   used);
	scan->custom_exprs = (List *)
		lookup_plan_adopt((Node *) list_concat(list_concat(exprs, outerquals), joinquals),
						  get_tlist_exprs(scan->custom_scan_tlist, true));
	scan->custom_private = list_make3(makeInteger(jointype),
									  makeInteger(lookup_first_batch(root, &best_path->path)),
									  makeInteger(list_length(outerquals)));
	scan->methods = &lookup_join_methods;
	return (Plan *) scan;
}

/* Conditions of the join, and of an outer join's result. */
static void
split_clauses(RelOptInfo *joinrel, JoinType jointype, List *restrictlist,
			  List **join, List **other)
{
	restrictlist = order_by_security(restrictlist);
	*other = NIL;
	if (IS_OUTER_JOIN(jointype))
		extract_actual_join_clauses(restrictlist, joinrel->relids, join, other);
	else
		*join = extract_actual_clauses(restrictlist, false);
}

/* Takes those of the join's conditions that don't look at objects. */
static void
split_sides(PlannerInfo *root, List *keys, List **joinquals, List **outerquals)
{
	Relids		inner = pull_varnos(root, linitial(keys));
	List	   *rest = NIL;
	ListCell   *lc;

	*outerquals = NIL;
	foreach(lc, *joinquals)
	{
		if (bms_overlap(pull_varnos(root, lfirst(lc)), inner) ||
			contain_volatile_functions(lfirst(lc)))
			rest = lappend(rest, lfirst(lc));
		else
			*outerquals = lappend(*outerquals, lfirst(lc));
	}
	*joinquals = rest;
}

/* What may leak comes after what decides who may see the row. */
static List *
order_by_security(List *restrictlist)
{
	List	   *ordered = NIL;
	ListCell   *lc;

	for (Index level = 0; list_length(ordered) < list_length(restrictlist); level++)
	{
		foreach(lc, restrictlist)
		{
			if (lfirst_node(RestrictInfo, lc)->security_level == level)
				ordered = lappend(ordered, lfirst(lc));
		}
	}
	return ordered;
}

/*
 * The columns of the other side's plan and those of the objects, as the
 * expressions above the join know them: from 16 on these say by which outer
 * joins they may have become NULL.
 */
static List *
joined_tlist(Plan *outer, List *columns, List *used)
{
	List	   *tlist = append_columns(NIL, get_tlist_exprs(outer->targetlist, true), used);

	return append_columns(tlist, columns, used);
}

static List *
append_columns(List *tlist, List *exprs, List *used)
{
	ListCell   *lc;

	foreach(lc, exprs)
		tlist = lappend(tlist,
						makeTargetEntry((Expr *) lookup_plan_adopt((Node *) lfirst(lc), used),
										list_length(tlist) + 1, NULL, false));
	return tlist;
}

/* Puts a variable of "sources" (a List) in the place of each that is the same. */
static Node *
lookup_plan_adopt(Node *node, void *sources)
{
	ListCell   *lc;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var) || IsA(node, PlaceHolderVar))
	{
		foreach(lc, (List *) sources)
		{
			Node	   *source = lfirst(lc);

			if (nodeTag(source) != nodeTag(node))
				continue;
			if (IsA(node, Var) ?
				((Var *) source)->varno == ((Var *) node)->varno &&
				((Var *) source)->varattno == ((Var *) node)->varattno :
				((PlaceHolderVar *) source)->phid == ((PlaceHolderVar *) node)->phid)
				return copyObject(source);
		}
	}
	return expression_tree_mutator(node, lookup_plan_adopt, sources);
}

/*
 * The size of the first batch where the query may end before all rows are
 * read, 0 where it won't. Some keys find no object, hence twice the LIMIT.
 */
int
lookup_first_batch(PlannerInfo *root, Path *path)
{
	Query	   *parse = root->parse;

	if (root->tuple_fraction <= 0 || parse->hasAggs || parse->hasWindowFuncs ||
		parse->groupClause != NIL || parse->distinctClause != NIL ||
		!pathkeys_contained_in(root->query_pathkeys, path->pathkeys))
		return 0;
	return (int) Max(FIRST_BATCH, Min(2 * root->limit_tuples, INT_MAX));
}
