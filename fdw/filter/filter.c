/*-------------------------------------------------------------------------
 *
 * filter.c
 *		Which SQL conditions can be pushed: expressions to a filter tree.
 *
 * Runs at plan time. A condition is translated if there is a filter that
 * lets through at least every object for which SQL finds it true; it is
 * checked again by the executor in any case. Values stay expressions, which
 * filter_run.c evaluates when the scan starts.
 *
 * NOT is carried down to the leaves, where only what has an operator of its
 * own can be negated. Of an AND, what can be pushed is, and the rest stays
 * local; of an OR, each branch must be, or hold, something that can.
 *
 * IDENTIFICATION
 *		fdw/filter/filter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "filter/filter.h"
#include "filter/filter_json.h"
#include "filter/filter_make.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Which argument of a COALESCE takes its place, and in how many of them. */
typedef struct CoalesceChoice
{
	int			argument;
	int			count;
} CoalesceChoice;

static bool filter_asks(List *node);
static List *plan_condition(FilterContext *context, Node *node, bool negated);
static List *plan_expression(FilterContext *context, Node *node, bool negated);
static Node *without_default(FilterContext *context, Node *node, bool negated);
static Node *choose_argument(Node *node, void *context);
static List *plan_boolean_test(FilterContext *context, BooleanTest *test,
							   bool negated);
static List *plan_function(FilterContext *context, FuncExpr *func, bool negated);
static List *plan_boolean(FilterContext *context, BoolExpr *expr, bool negated);
static List *plan_operator(FilterContext *context, OpExpr *op, bool negated);
static List *plan_comparison(FilterContext *context, OpExpr *op);
static bool is_position(Node *node);
static List *plan_position(FilterContext *context, OpExpr *op);
static List *plan_array_operator(FilterContext *context, OpExpr *op);
static List *plan_list(FilterContext *context, ScalarArrayOpExpr *op,
					   bool negated);
static List *plan_null_test(FilterContext *context, NullTest *test,
							bool negated);
static List *plan_flag(FilterContext *context, Node *node, bool value);

/*
 * Translates those of "clauses" (RestrictInfos, all of which must hold) that
 * can be pushed for a scan of "rel". Allocated in the current memory context.
 */
FilterPlan *
filter_plan(PlannerInfo *root, Relation table, RelOptInfo *rel, List *clauses,
			PylonCase case_sensitive)
{
	FilterPlan *plan = palloc0(sizeof(FilterPlan));
	FilterContext context = {.root = root,.table = table,.object = object_of_table(table),
	.rel = rel,.case_sensitive = case_sensitive};
	List	   *children = NIL;
	int			place = 0;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		List	   *node;

		if (rinfo->pseudoconstant)
			continue;			/* core evaluates it before the scan */
		node = plan_condition(&context, (Node *) rinfo->clause, false);
		if (node != NIL)
		{
			if (intVal(linitial(node)) == FILTER_AND)
				children = list_concat(children, list_copy_tail(node, 1));
			else
				children = lappend(children, node);
		}
		while (list_length(plan->places) < list_length(children))
			plan->places = lappend(plan->places, makeInteger(place));
		if (filter_asks(node))
			plan->pushed = lappend(plan->pushed,
								   equal(context.covered, rinfo->clause) ?
								   (Node *) rinfo : context.covered);
		else
		{
			plan->local = lappend(plan->local, makeInteger(place));
			plan->reasons = lappend(plan->reasons,
									makeString(pstrdup(node != NIL ? REASON_EXACT : context.reason)));
		}
		place++;
	}
	if (children != NIL)
		plan->filter = list_concat(list_make1(makeInteger(FILTER_AND)), children);
	plan->values = context.values;
	return plan;
}

/*
 * Is something asked of the API? Not where just NULL decides. Of an AND, one
 * part does for that, of an OR it takes all.
 */
static bool
filter_asks(List *node)
{
	bool		is_or;
	ListCell   *lc;

	if (node == NIL)
		return false;
	if (intVal(linitial(node)) != FILTER_AND && intVal(linitial(node)) != FILTER_OR)
		return !(intVal(list_nth(node, FilterNodeFlags)) & FILTER_NODE_NULLS);
	is_or = intVal(linitial(node)) == FILTER_OR;
	for_each_from(lc, node, 1)
	{
		if (filter_asks(lfirst(lc)) != is_or)
			return !is_or;
	}
	return is_or;
}

/* ------------------------------------------------------------------------
 * From expressions to nodes; NIL where one can't be pushed
 * ------------------------------------------------------------------------
 */

/*
 * A node for "node is true", or with "negated", for "node is false". What is
 * given up leaves no values behind.
 */
static List *
plan_condition(FilterContext *context, Node *node, bool negated)
{
	int			nvalues = list_length(context->values);
	List	   *result;

	check_stack_depth();
	context->reason = REASON_EXPRESSION;
	context->covered = NULL;
	result = plan_expression(context, node, negated);
	if (result == NIL)
		context->values = list_truncate(context->values, nvalues);
	if (context->covered == NULL)
		context->covered = negated ? (Node *) make_notclause((Expr *) node) : node;
	return result;
}

static List *
plan_expression(FilterContext *context, Node *node, bool negated)
{
	Node	   *plain = without_default(context, node, negated);

	if (plain != node)
		return plan_condition(context, plain, negated);
	switch (nodeTag(node))
	{
		case T_BoolExpr:
			return plan_boolean(context, (BoolExpr *) node, negated);
		case T_OpExpr:
			return plan_operator(context, (OpExpr *) node, negated);
		case T_DistinctExpr:
			/* IS NOT DISTINCT FROM; what is distinct may be NULL. */
			if (!negated)
				return give_up(context, REASON_NEGATION);
			return plan_comparison(context, (OpExpr *) node);
		case T_ScalarArrayOpExpr:
			return plan_list(context, (ScalarArrayOpExpr *) node, negated);
		case T_NullTest:
			return plan_null_test(context, (NullTest *) node, negated);
		case T_BooleanTest:
			return plan_boolean_test(context, (BooleanTest *) node, negated);
		case T_FuncExpr:
			return plan_function(context, (FuncExpr *) node, negated);
		case T_Var:
			return plan_flag(context, node, !negated);
		default:
			return give_up(context, REASON_EXPRESSION);
	}
}

/*
 * The condition with "f" in place of coalesce(f, default), if it can't be
 * true (or with "negated", false) of the default; else as it is.
 */
static Node *
without_default(FilterContext *context, Node *node, bool negated)
{
	CoalesceChoice choice = {.argument = 1};
	Const	   *truth;

	if (!IsA(node, OpExpr) && !IsA(node, ScalarArrayOpExpr) &&
		!IsA(node, FuncExpr) && !IsA(node, CoalesceExpr))
		return node;
	truth = (Const *) choose_argument(node, &choice);
	if (choice.count != 1)
		return node;
	truth = (Const *) eval_const_expressions(context->root, (Node *) truth);
	if (!IsA(truth, Const) ||
		(!truth->constisnull && DatumGetBool(truth->constvalue) != negated))
		return node;
	choice.argument = 0;
	return choose_argument(node, &choice);
}

/* The same with one of the two arguments in place of each COALESCE. */
static Node *
choose_argument(Node *node, void *context)
{
	CoalesceChoice *choice = context;
	CoalesceExpr *coalesce = (CoalesceExpr *) node;

	if (node == NULL || IsA(node, Var) || IsA(node, Const))
		return node;
	if (!IsA(node, CoalesceExpr) || list_length(coalesce->args) != 2)
		return expression_tree_mutator(node, choose_argument, context);
	choice->count++;
	return list_nth(coalesce->args, choice->argument);
}

static List *
plan_boolean_test(FilterContext *context, BooleanTest *test, bool negated)
{
	/* IS NOT TRUE and the like are true of NULL, too. */
	if (negated ||
		(test->booltesttype != IS_TRUE && test->booltesttype != IS_FALSE))
		return give_up(context, REASON_NEGATION);
	return plan_condition(context, (Node *) test->arg,
						  test->booltesttype == IS_FALSE);
}

/* starts_with(field, value), and the functions behind operators of jsonb */
static List *
plan_function(FilterContext *context, FuncExpr *func, bool negated)
{
	FilterOperand operand;

	if (filter_json_is_operator(func->funcid))
		return filter_json_operator(context, func->funcid, func->args, negated);
	if (func->funcid != F_STARTS_WITH)
		return give_up(context, REASON_EXPRESSION);
	if (negated)
		return give_up(context, REASON_NEGATION);
	if (!operand_find(context, linitial(func->args), &operand))
		return NIL;
	return make_value_test(context, &operand, FILTER_PREFIX,
						   func->inputcollid, lsecond(func->args));
}

/* AND, OR and NOT; negation turns one of the first two into the other. */
static List *
plan_boolean(FilterContext *context, BoolExpr *expr, bool negated)
{
	bool		is_and = (expr->boolop == AND_EXPR) != negated;
	List	   *children = NIL;
	List	   *covered = NIL;
	const char *reason = NULL;
	ListCell   *lc;

	if (expr->boolop == NOT_EXPR)
		return plan_condition(context, linitial(expr->args), !negated);
	foreach(lc, expr->args)
	{
		List	   *child = plan_condition(context, lfirst(lc), negated);

		if (child != NIL)
		{
			children = lappend(children, child);
			covered = lappend(covered, context->covered);
			continue;
		}
		reason = context->reason;
		if (!is_and)
			return NIL;
	}
	if (children == NIL)
		return give_up(context, reason);
	if (reason != NULL)
		widen_node(linitial(children));
	context->covered = (Node *) (is_and ? make_ands_explicit(covered) : make_orclause(covered));
	return make_compound(is_and ? FILTER_AND : FILTER_OR, children);
}

static List *
plan_operator(FilterContext *context, OpExpr *op, bool negated)
{
	Oid			function = get_opcode(op->opno);
	Node	   *left;
	Node	   *right;

	if (list_length(op->args) != 2)
		return give_up(context, REASON_EXPRESSION);
	if (filter_json_is_operator(function))
		return filter_json_operator(context, function, op->args, negated);

	left = linitial(op->args);
	right = lsecond(op->args);
	if (negated)
	{
		OpExpr	   *inverse = makeNode(OpExpr);

		*inverse = *op;
		inverse->opno = get_negator(op->opno);
		if (!OidIsValid(inverse->opno))
			return give_up(context, REASON_NEGATION);
		return plan_operator(context, inverse, false);
	}
	if (function == F_ARRAYCONTAINS || function == F_ARRAYCONTAINED ||
		function == F_ARRAYOVERLAP)
		return plan_array_operator(context, op);
	if (is_position(left) || is_position(right))
		return plan_position(context, op);
	return plan_comparison(context, op);
}

/*
 * field = value, field <> value, field LIKE value, field ^@ value, field IS
 * NOT DISTINCT FROM value
 */
static List *
plan_comparison(FilterContext *context, OpExpr *op)
{
	FilterOperand operand;
	Node	   *value = lsecond(op->args);
	Oid			opno = op->opno;
	FilterTest	test;
	bool		fold;

	if (!operand_find(context, linitial(op->args), &operand))
	{
		const char *reason = context->reason;

		opno = get_commutator(opno);
		if (!OidIsValid(opno) || !operand_find(context, value, &operand))
			return give_up(context, operand_scanned_column(context, value) ?
						   context->reason : reason);
		value = linitial(op->args);
	}
	if (!operand_test(&operand, opno, &test, &fold))
		return give_up(context, operand_is_text(operand.type) ?
					   REASON_EXPRESSION : REASON_TYPE);
	if (fold && !operand_fold_case(context, &operand, test, op->inputcollid))
		return NIL;
	if (IsA(op, DistinctExpr))
		operand.flags |= (operand.operators & FIELD_IS_SET) ?
			FILTER_NODE_NULL_UNSET : FILTER_NODE_NULL_ALL;
	return make_value_test(context, &operand, test, op->inputcollid, value);
}

/* strpos(...) or position(...) of texts */
static bool
is_position(Node *node)
{
	return IsA(node, FuncExpr) &&
		(((FuncExpr *) node)->funcid == F_STRPOS ||
		 ((FuncExpr *) node)->funcid == F_POSITION_TEXT_TEXT);
}

/* strpos(field, value) > 0, in any of the ways to write that */
static List *
plan_position(FilterContext *context, OpExpr *op)
{
	Node	   *left = linitial(op->args);
	Node	   *right = lsecond(op->args);
	Oid			function = get_opcode(op->opno);
	FuncExpr   *position;
	Const	   *bound;
	FilterOperand operand;

	if (IsA(left, Const))
	{
		Node	   *swap = left;

		left = right;
		right = swap;
		function = get_opcode(get_commutator(op->opno));
	}
	position = (FuncExpr *) left;
	bound = (Const *) right;
	if (!is_position(left) || !IsA(right, Const) || bound->constisnull ||
		bound->consttype != INT4OID)
		return give_up(context, REASON_EXPRESSION);
	if (!((function == F_INT4GT && DatumGetInt32(bound->constvalue) == 0) ||
		  (function == F_INT4NE && DatumGetInt32(bound->constvalue) == 0) ||
		  (function == F_INT4GE && DatumGetInt32(bound->constvalue) == 1)))
		return give_up(context, REASON_EXPRESSION);
	if (!operand_find(context, linitial(position->args), &operand))
		return NIL;
	return make_value_test(context, &operand, FILTER_SUBSTRING,
						   position->inputcollid, lsecond(position->args));
}

/* list @> array, array <@ list, list && array */
static List *
plan_array_operator(FilterContext *context, OpExpr *op)
{
	Node	   *left = linitial(op->args);
	Node	   *right = lsecond(op->args);
	Oid			function = get_opcode(op->opno);
	FilterOperand operand;
	bool		swapped = operand_scanned_column(context, left) == NULL;

	if (swapped ? function == F_ARRAYCONTAINS : function == F_ARRAYCONTAINED)
		return give_up(context, REASON_EXPRESSION);
	if (!operand_find(context, swapped ? right : left, &operand))
		return NIL;
	return make_value_test(context, &operand,
						   function == F_ARRAYOVERLAP ? FILTER_HAS_ANY : FILTER_HAS_ALL,
						   op->inputcollid, swapped ? left : right);
}

/*
 * field = ANY (array), field LIKE ANY (array), field <> ALL (array), value =
 * ANY (list)
 */
static List *
plan_list(FilterContext *context, ScalarArrayOpExpr *op, bool negated)
{
	Node	   *left = linitial(op->args);
	Node	   *right = lsecond(op->args);
	Oid			opno = negated ? get_negator(op->opno) : op->opno;
	bool		any = op->useOr != negated;
	FilterOperand operand;
	FilterTest	test;
	bool		fold;

	if (!OidIsValid(opno))
		return give_up(context, REASON_NEGATION);
	if (any && operand_scanned_column(context, right) != NULL)
	{
		if (get_opcode(opno) != F_TEXTEQ)
			return give_up(context, REASON_EXPRESSION);
		if (!operand_find(context, right, &operand))
			return NIL;
		return make_value_test(context, &operand, FILTER_HAS, op->inputcollid, left);
	}
	if (!operand_find(context, left, &operand))
		return NIL;
	if (!operand_test(&operand, opno, &test, &fold) ||
		(any ? test == FILTER_NOT_EQUALS : test != FILTER_NOT_EQUALS))
		return give_up(context, REASON_EXPRESSION);
	if (fold && !operand_fold_case(context, &operand, test, op->inputcollid))
		return NIL;
	if (!any)
		test = FILTER_NOT_IN;
	else if (test == FILTER_EQUALS && !(operand.flags & FILTER_NODE_PART))
		test = FILTER_IN;
	else
		operand.flags |= FILTER_NODE_ANY;
	return make_value_test(context, &operand, test, op->inputcollid, right);
}

/* IS NULL and IS NOT NULL of a custom field, whatever the column's type */
static List *
plan_null_test(FilterContext *context, NullTest *test, bool negated)
{
	bool		unset = (test->nulltesttype == IS_NULL) != negated;
	Node	   *arg = operand_strip_relabel((Node *) test->arg);
	FilterOperand operand = {0};
	Var		   *column = operand_scanned_column(context, arg);

	if (test->argisrow)
		return give_up(context, REASON_EXPRESSION);
	if (column != NULL ? !operand_of_column(context, column, &operand) :
		!operand_extracted(context, arg, &operand) && !operand_member(context, arg, &operand))
		return give_up(context, context->reason);
	if (!(operand.operators & FIELD_IS_SET))
		return give_up(context, REASON_FIELD);
	return make_test(context, &operand, unset ? FILTER_UNSET : FILTER_SET, NULL);
}

/*
 * A boolean custom field that is "value". One of another type may hold "yes"
 * or "1", which boolean reads, too: that it is set is all that is known then.
 */
static List *
plan_flag(FilterContext *context, Node *node, bool value)
{
	Var		   *column = operand_scanned_column(context, node);
	FilterOperand operand = {0};

	if (column == NULL || !operand_of_column(context, column, &operand) ||
		!(operand.flags & FILTER_NODE_CUSTOM))
		return give_up(context, REASON_FIELD);
	if (operand.custom_type == NULL || strcmp(operand.custom_type, "boolean") != 0)
	{
		operand.flags |= FILTER_NODE_WIDE;
		return make_test(context, &operand, FILTER_SET, NULL);
	}
	return make_test(context, &operand, FILTER_EQUALS,
					 (Node *) makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
										CStringGetTextDatum(value ? "true" : "false"),
										false, false));
}
