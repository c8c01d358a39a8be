/*-------------------------------------------------------------------------
 *
 * filter_plan.c
 *		A planned filter as the planner sees it: which of several equal
 *		conditions it is made of, how many objects it lets through, in how
 *		many requests, and keys that a join adds.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "filter/filter.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"

static bool can_push(PlannerInfo *root, Relation table, RelOptInfo *rel,
					 RestrictInfo *rinfo, PylonCase case_sensitive);
static double count_values(PlannerInfo *root, Node *value);

/*
 * The clause, or if it can't be pushed and stands for columns that are all
 * equal, one with another of them that can. Which of them is compared with
 * the other relation was for core to choose; that they are equal is checked
 * here.
 */
RestrictInfo *
filter_searchable_clause(PlannerInfo *root, Relation table, RelOptInfo *rel,
						 RestrictInfo *rinfo, PylonCase case_sensitive)
{
	bool		is_left;
	Oid			type;
	ListCell   *lc;

	if (rinfo->parent_ec == NULL || rinfo->left_em == NULL ||
		!is_opclause(rinfo->clause) || can_push(root, table, rel, rinfo, case_sensitive))
		return rinfo;
	is_left = bms_equal(rinfo->left_em->em_relids, rel->relids);
	type = (is_left ? rinfo->left_em : rinfo->right_em)->em_datatype;
	foreach(lc, compat_eclass_members(rinfo->parent_ec, rel->relids))
	{
		EquivalenceMember *member = lfirst(lc);
		RestrictInfo *variant;
		OpExpr	   *op;

		if (member->em_datatype != type ||
			!bms_equal(member->em_relids, rel->relids))
			continue;
		variant = makeNode(RestrictInfo);
		*variant = *rinfo;
		variant->norm_selec = -1;
		op = copyObject((OpExpr *) rinfo->clause);
		lfirst(list_nth_cell(op->args, is_left ? 0 : 1)) = member->em_expr;
		variant->clause = (Expr *) op;
		if (can_push(root, table, rel, variant, case_sensitive))
			return variant;
	}
	return rinfo;
}

static bool
can_push(PlannerInfo *root, Relation table, RelOptInfo *rel,
		 RestrictInfo *rinfo, PylonCase case_sensitive)
{
	return filter_plan(root, table, rel, list_make1(rinfo), case_sensitive)->pushed != NIL;
}

/*
 * The key that a join condition (something = field of the objects in "rel")
 * can be looked up by, or NULL. Allocated in the current memory context.
 */
FilterJoinKey *
filter_plan_join_key(PlannerInfo *root, Relation table, RelOptInfo *rel,
					 RestrictInfo *rinfo, PylonCase case_sensitive)
{
	OpExpr	   *op;
	FilterPlan *plan;
	FilterJoinKey *key;
	List	   *node;
	const PylonField *field;
	int			list_operator;
	bool		swapped;

	rinfo = filter_searchable_clause(root, table, rel, rinfo, case_sensitive);
	op = (OpExpr *) rinfo->clause;
	if (!IsA(op, OpExpr) || list_length(op->args) != 2)
		return NULL;
	plan = filter_plan(root, table, rel, list_make1(rinfo), case_sensitive);
	if (plan->filter == NIL)
		return NULL;
	node = lsecond(plan->filter);
	if (intVal(linitial(node)) != FILTER_EQUALS)
		return NULL;
	field = object_searched_field(object_of_table(table), strVal(list_nth(node, FilterNodeField)));
	/* One of a list is looked for in that. */
	list_operator = intVal(list_nth(node, FilterNodeFlags)) & FILTER_NODE_WITHIN ?
		FIELD_CONTAINS : FIELD_IN;
	if (!(field->operators & list_operator))
		return NULL;
	swapped = !bms_is_member(rel->relid, pull_varnos(root, linitial(op->args)));
	key = palloc(sizeof(FilterJoinKey));
	key->node = node;
	key->inner = swapped ? lsecond(op->args) : linitial(op->args);
	key->outer = swapped ? linitial(op->args) : lsecond(op->args);
	/* Of a condition that says more, or otherwise, the operands are no keys. */
	if (!equal(key->outer, linitial(plan->values)))
		return NULL;

	intVal(list_nth(node, FilterNodeTest)) = FILTER_KEYS;
	intVal(list_nth(node, FilterNodeFlags)) &= ~FILTER_NODE_LOOKUP;
	intVal(list_nth(node, FilterNodeValue)) = -1;
	return key;
}

/* Are texts of the key equal if they differ in case? */
bool
filter_key_ignores_case(FilterJoinKey *key)
{
	return (intVal(list_nth(key->node, FilterNodeFlags)) & FILTER_NODE_FOLD) != 0;
}

/* Adds the condition that an object has one of the keys of a lookup join. */
void
filter_add_keys(FilterPlan *plan, List *node)
{
	if (plan->filter == NIL)
		plan->filter = list_make1(makeInteger(FILTER_AND));
	plan->filter = lappend(plan->filter, copyObject(node));
}

/* Is the filter's list of keys given to it by a lookup join? */
bool
filter_has_keys(List *filter)
{
	ListCell   *lc;

	if (filter == NIL)
		return false;
	for_each_from(lc, filter, 1)
	{
		if (intVal(linitial(lfirst(lc))) == FILTER_KEYS)
			return true;
	}
	return false;
}

/* Does the filter name one id, so that GET by the id answers it? */
bool
filter_is_lookup(List *filter)
{
	ListCell   *lc;

	if (filter == NIL)
		return false;
	for_each_from(lc, filter, 1)
	{
		List	   *node = lfirst(lc);

		if (IsA(list_nth(node, FilterNodeField), String) &&
			intVal(list_nth(node, FilterNodeFlags)) & FILTER_NODE_LOOKUP)
			return true;
	}
	return false;
}

/*
 * At most how many objects the filter lets through, for the planner: an id
 * belongs to one object, an address rarely to more.
 */
double
filter_max_rows(PlannerInfo *root, FilterPlan *plan)
{
	double		rows = INFINITY;
	ListCell   *lc;

	if (plan->filter == NIL)
		return rows;
	for_each_from(lc, plan->filter, 1)
	{
		List	   *node = lfirst(lc);
		int			test = intVal(linitial(node));
		int			flags;

		if (test != FILTER_EQUALS && test != FILTER_IN)
			continue;
		flags = intVal(list_nth(node, FilterNodeFlags));
		if ((flags & FILTER_NODE_UNIQUE) && !(flags & FILTER_NODE_FOLD))
			rows = Min(rows, count_values(root, list_nth(plan->values,
														 intVal(list_nth(node, FilterNodeValue)))));
	}
	return rows;
}

/* How long the list is that decides about the number of searches; 1 for none. */
double
filter_max_values(PlannerInfo *root, FilterPlan *plan)
{
	double		shortest = INFINITY;
	ListCell   *lc;

	if (plan->filter == NIL)
		return 1;
	for_each_from(lc, plan->filter, 1)
	{
		List	   *node = lfirst(lc);

		if (intVal(linitial(node)) == FILTER_IN)
			shortest = Min(shortest,
						   count_values(root, list_nth(plan->values,
													   intVal(list_nth(node, FilterNodeValue)))));
	}
	return isinf(shortest) ? 1 : shortest;
}

/* The number of values, or a guess where it isn't known; 1 for no array. */
static double
count_values(PlannerInfo *root, Node *value)
{
	if (!OidIsValid(get_base_element_type(exprType(value))))
		return 1;
	return compat_estimate_array_length(root, value);
}
