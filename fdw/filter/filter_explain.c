/*-------------------------------------------------------------------------
 *
 * filter_explain.c
 *		What EXPLAIN shows of a filter.
 *
 * Constants are evaluated as they are when the filter is sent; what isn't known
 * before the query runs stands as SQL ($1).
 *
 * IDENTIFICATION
 *		fdw/filter/filter_explain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "filter/filter_run.h"
#include "nodes/nodeFuncs.h"
#include "utils/ruleutils.h"

static void describe_search(FilterState *state, List *filters,
							FilterDescription *description);
static PylonFilter *describe_node(FilterState *state, FilterNode *node,
								  List *filter, List *values,
								  List *deparse_context);
static bool contains_param(Node *node, void *context);
static PylonFilter *describe_value(FilterState *state, FilterNode *node,
								   Expr *expr);

/*
 * What EXPLAIN shows: what this session would ask, as far as constants and
 * what the server has refused decide about that. "keys" are those of a lookup
 * join, as SQL. In the current memory context.
 */
FilterDescription *
filter_describe(const PylonObject *object, List *filter, List *values,
				List *deparse_context, const char *keys, int batch_size,
				PylonSession *session)
{
	FilterDescription *description = palloc0(sizeof(FilterDescription));
	FilterState *state = filter_begin(object, filter, values, NIL, batch_size, session);
	List	   *filters = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	if (keys != NULL)
		state->join_keys = list_make1(pstrdup(keys));
	description->object = object;
	description->request = FILTER_LIST;
	if (filter == NIL)
		return description;
	forboth(lc, state->root->children, lc2, list_copy_tail(filter, 1))
	{
		FilterNode *node = lfirst(lc);
		PylonFilter *described;

		state->evaluation.in_path = filter_names_one(node);
		state->evaluation.problem = REASON_UNKNOWN;
		described = describe_node(state, node, lfirst(lc2), values, deparse_context);
		if (state->evaluation.in_path && described != &filter_never &&
			described != &filter_always)
		{
			int			place = intVal(list_nth(lfirst(lc2), FilterNodeValue));

			description->id = described->value;
			description->id_is_sql = !IsA(list_nth(values, place), Const);
		}
		filters = lappend(filters, described);
		description->problems = lappend(description->problems, described == &filter_always ?
										unconstify(char *, state->evaluation.problem) : NULL);
	}
	describe_search(state, filters, description);
	return description;
}

static void
describe_search(FilterState *state, List *filters,
				FilterDescription *description)
{
	PylonFilter *whole;
	ListCell   *lc;
	ListCell   *lc2;

	if (description->id == NULL)
	{
		filter_find_split(state);
		if (state->split != NULL)
			filters = lcons(filter_make_list(state, state->split->texts), filters);
	}
	whole = filter_fit(filter_combine("and", filters), &state->evaluation.exact);
	if (whole == &filter_never)
		description->request = FILTER_NOTHING;
	else if (description->id != NULL)
		description->request = FILTER_ID;
	else
	{
		if (whole != &filter_always)
			description->request = FILTER_SEARCH;
		description->filter = whole;
		description->left_out = state->evaluation.left_out;
	}
	forboth(lc, state->root->children, lc2, description->problems)
	{
		if (whole == &filter_never || lfirst(lc) == state->split)
			lfirst(lc2) = NULL;
	}
}

static PylonFilter *
describe_node(FilterState *state, FilterNode *node, List *filter,
			  List *values, List *deparse_context)
{
	List	   *described = NIL;
	Node	   *value;
	char	   *sql;
	PylonFilter *leaf;
	ListCell   *lc;
	ListCell   *lc2;

	if (node->test == FILTER_AND || node->test == FILTER_OR)
	{
		forboth(lc, node->children, lc2, list_copy_tail(filter, 1))
			described = lappend(described, describe_node(state, lfirst(lc), lfirst(lc2),
														 values, deparse_context));
		return filter_combine(filter_operator_name(node), described);
	}
	if (node->test == FILTER_KEYS)
		return filter_evaluate_keys(state);
	if (intVal(list_nth(filter, FilterNodeValue)) < 0)
		return filter_test(&state->evaluation, node, (Datum) 0);
	value = list_nth(values, intVal(list_nth(filter, FilterNodeValue)));
	if (IsA(value, Const))
		return ((Const *) value)->constisnull ? filter_test_null(&state->evaluation, node) :
			filter_test(&state->evaluation, node, ((Const *) value)->constvalue);
	if (node->flags & FILTER_NODE_NULLS)
		return &filter_always;
	/* What a JSON value names, and of which kind it is, must be known. */
	if ((node->test == FILTER_JSON || node->test == FILTER_MEMBER ||
		 node->test == FILTER_MEMBER_HAS || node->test == FILTER_HOLDS_IDS) &&
		!contains_param(value, NULL))
		return describe_value(state, node, (Expr *) value);
	sql = deparse_expression(value, deparse_context, false, false);
	leaf = filter_make_leaf(&state->evaluation, node->field,
							filter_operator_name(node), NULL, NIL);
	if (leaf == &filter_always)
		return leaf;
	/* "has all" and "any" ask for each element by itself. */
	if ((OidIsValid(node->element) && node->test != FILTER_HAS_ALL &&
		 !(node->flags & FILTER_NODE_ANY)) || node->test == FILTER_NOT_EQUALS)
		leaf->values = list_make1(sql);
	else
		leaf->value = sql;
	if (node->test == FILTER_JSON)
		leaf->field = NULL;
	return leaf;
}

/* Depends an expression on what isn't known before it is executed? */
static bool
contains_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return IsA(node, Param) || IsA(node, SubPlan) ||
		expression_tree_walker(node, contains_param, context);
}

/* What is asked with the value of a stable expression, as of now. */
static PylonFilter *
describe_value(FilterState *state, FilterNode *node, Expr *expr)
{
	EState	   *estate = CreateExecutorState();
	bool		null;
	Datum		value = ExecEvalExprSwitchContext(ExecInitExpr(expr, NULL),
												  GetPerTupleExprContext(estate), &null);
	PylonFilter *filter = null ? filter_test_null(&state->evaluation, node) :
		filter_test(&state->evaluation, node, value);

	FreeExecutorState(estate);
	return filter;
}
