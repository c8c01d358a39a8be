/*-------------------------------------------------------------------------
 *
 * filter_make.c
 *		Nodes of a planned filter: may this be asked of a field?
 *
 * IDENTIFICATION
 *		fdw/filter/filter_make.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "filter/filter_make.h"
#include "filter/filter_pattern.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* What a field must take for a test (FIELD_...): any of these. */
static const int required_operators[] =
{
	[FILTER_EQUALS] = FIELD_EQUALS,
	[FILTER_IN] = FIELD_IN,
	[FILTER_NOT_EQUALS] = FIELD_NOT_IN,
	[FILTER_NOT_IN] = FIELD_NOT_IN,
	[FILTER_LIKE] = FIELD_STRING_CONTAINS,
	[FILTER_REGEX] = FIELD_STRING_CONTAINS,
	[FILTER_PREFIX] = FIELD_STRING_CONTAINS,
	[FILTER_SUBSTRING] = FIELD_STRING_CONTAINS,
	[FILTER_SET] = FIELD_IS_SET,
	[FILTER_UNSET] = FIELD_IS_SET,
	[FILTER_HAS] = FIELD_CONTAINS,
	[FILTER_HAS_ALL] = FIELD_CONTAINS,
	[FILTER_HAS_ANY] = FIELD_CONTAINS,
	[FILTER_JSON] = FIELD_CONTAINS,
	[FILTER_MEMBER] = FIELD_EQUALS | FIELD_CONTAINS,
	[FILTER_MEMBER_HAS] = FIELD_CONTAINS,
	[FILTER_HOLDS_IDS] = FIELD_HOLDS_ID,
};

static const char *test_problem(const FilterOperand *operand, FilterTest test,
								Oid collation);
static bool asks_for_nearly_all(const FilterContext *context,
								const FilterOperand *operand, FilterTest test);
static bool is_of_a_row(Node *node, void *root);
static bool is_of_an_init_plan(const PlannerInfo *root, int param);
static const PlannerInfo *init_plan_of(const PlannerInfo *root, int param);
static bool may_be_null(Node *value);

/* A node for a test of a field with a value, if the API can be asked that. */
List *
make_value_test(FilterContext *context, const FilterOperand *operand,
				FilterTest test, Oid collation, Node *value)
{
	FilterOperand nulls;
	const char *problem;

	/* Of a text, a part of which equals the value, that is a part. */
	if (operand->flags & FILTER_NODE_PART && test == FILTER_EQUALS)
		test = FILTER_SUBSTRING;
	problem = test_problem(operand, test, collation);
	if (problem != NULL)
		return give_up(context, problem);
	if (bms_is_member(context->rel->relid, pull_varnos(context->root, value)) ||
		contain_subplans(value) || contain_volatile_functions(value))
		return give_up(context, REASON_VALUE);
	if (asks_for_nearly_all(context, operand, test) && is_of_a_row(value, context->root))
		return give_up(context, REASON_ROWS);
	if (test == FILTER_REGEX && IsA(value, Const) && !may_be_null(value) &&
		!(operand->flags & FILTER_NODE_ANY) &&
		filter_regex_pattern(TextDatumGetCString(((Const *) value)->constvalue)) == NULL)
		return give_up(context, REASON_REGEX);
	if ((test != FILTER_NOT_EQUALS && test != FILTER_NOT_IN) ||
		!operand->entry->is_prose || context->case_sensitive == CASE_HEEDED)
		return make_test(context, operand, test, value);
	/* An API that ignores case would leave out what differs just in case. */
	if (!may_be_null(value))
		return give_up(context, REASON_EXACT);
	nulls = *operand;
	nulls.flags |= FILTER_NODE_NULLS;
	return make_test(context, &nulls, test, value);
}

/*
 * May so much come that it isn't to be asked again with each value? The rows
 * of a scan that is started over with the same request are kept instead.
 */
static bool
asks_for_nearly_all(const FilterContext *context, const FilterOperand *operand,
					FilterTest test)
{
	/* Where case counts for SQL alone, just NULL decides: nothing is asked. */
	if (test == FILTER_NOT_EQUALS || test == FILTER_NOT_IN)
		return !operand->entry->is_prose || context->case_sensitive == CASE_HEEDED;
	return test == FILTER_REGEX ||
		operand->flags & (FILTER_NODE_NULL_UNSET | FILTER_NODE_NULL_ALL);
}

/* May the value be another one each time that the scan is started again? */
static bool
is_of_a_row(Node *node, void *root)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		return !is_of_an_init_plan(root, ((Param *) node)->paramid);
	return IsA(node, Var) || expression_tree_walker(node, is_of_a_row, root);
}

/*
 * Is the parameter the result of a subquery that needs no row of the query? It
 * needs none of its own query, but may need one of a query further out. What
 * it could need counts: which of that it does isn't told before plans are
 * finished. What subqueries before it could need is among that.
 */
static bool
is_of_an_init_plan(const PlannerInfo *root, int param)
{
	const PlannerInfo *subquery = init_plan_of(root, param);
	int			outer = -1;

	if (subquery == NULL)
		return false;
	while ((outer = bms_next_member(subquery->outer_params, outer)) >= 0)
	{
		if (init_plan_of(root, outer) == NULL)
			return false;
	}
	return true;
}

/* The subquery whose result, computed before the query's own rows, a parameter is; or NULL. */
static const PlannerInfo *
init_plan_of(const PlannerInfo *root, int param)
{
	ListCell   *lc;

	for (; root != NULL; root = root->parent_root)
	{
		foreach(lc, root->init_plans)
		{
			SubPlan    *subplan = lfirst_node(SubPlan, lc);

			if (list_member_int(subplan->setParam, param))
				return list_nth(root->glob->subroots, subplan->plan_id - 1);
		}
	}
	return NULL;
}

/* May it be NULL, or an array that holds a NULL? */
static bool
may_be_null(Node *value)
{
	Const	   *constant = (Const *) value;

	return !IsA(value, Const) || constant->constisnull ||
		(OidIsValid(get_base_element_type(constant->consttype)) &&
		 array_contains_nulls(DatumGetArrayTypeP(constant->constvalue)));
}

/* NULL if the API's answer is a superset of SQL's, else the reason why not. */
static const char *
test_problem(const FilterOperand *operand, FilterTest test, Oid collation)
{
	bool		negative = test == FILTER_NOT_EQUALS || test == FILTER_NOT_IN;
	bool		on_list = test == FILTER_HAS || test == FILTER_HAS_ALL ||
		test == FILTER_HAS_ANY;
	Oid			type = operand->type;

	if ((operand->operators & required_operators[test]) == 0)
		return REASON_FIELD;
	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		return REASON_COLLATION;
	if (test == FILTER_JSON || test == FILTER_HOLDS_IDS || operand->member)
		return NULL;
	if (on_list ? !operand_is_list(type) :
		!operand_is_text(type) && !(type == UUIDOID && !operand->entry->is_prose))
		return REASON_TYPE;
	if (negative && (operand->flags & (FILTER_NODE_FOLD | FILTER_NODE_PART)))
		return REASON_NEGATION;
	return NULL;
}

/* A node for a test of a field, whose value is an expression or NULL. */
List *
make_test(FilterContext *context, const FilterOperand *operand, FilterTest test,
		  Node *value)
{
	int			flags = operand->flags | (context->case_sensitive == CASE_HEEDED ? 0 : FILTER_NODE_LOOSE);
	int			place = -1;
	List	   *node;

	flags |= operand->entry->is_id ? FILTER_NODE_ID : 0;
	flags |= operand->entry->is_prose ? FILTER_NODE_PROSE : 0;
	flags |= operand->entry->is_unique ? FILTER_NODE_UNIQUE : 0;
	flags |= operand->entry->within != NULL ? FILTER_NODE_WITHIN | FILTER_NODE_WIDE : 0;
	if (test == FILTER_EQUALS && operand->entry->is_id && !(flags & FILTER_NODE_FOLD))
		flags |= FILTER_NODE_LOOKUP;
	if (value != NULL)
	{
		place = list_length(context->values);
		context->values = lappend(context->values, copyObject(value));
	}
	node = list_make5(makeInteger(test),
					  makeString(pstrdup(operand->entry->within != NULL ?
										 operand->entry->within->name : operand->field)),
					  makeInteger(flags),
					  makeInteger(operand->attnum),
					  makeInteger(operand->max_length));
	node = lappend(node, makeInteger(operand->collation));
	return lappend(node, makeInteger(place));
}

/* FILTER_AND or FILTER_OR of some nodes; NIL of none. */
List *
make_compound(FilterTest test, List *children)
{
	return list_length(children) < 2 ? (children != NIL ? linitial(children) : NIL) :
		lcons(makeInteger(test), children);
}

/* More comes than what the condition of this node lets through. */
void
widen_node(List *node)
{
	while (intVal(linitial(node)) == FILTER_AND || intVal(linitial(node)) == FILTER_OR)
		node = lsecond(node);
	intVal(list_nth(node, FilterNodeFlags)) |= FILTER_NODE_WIDE;
}

/* No node, and why. */
List *
give_up(FilterContext *context, const char *reason)
{
	context->reason = reason;
	return NIL;
}
