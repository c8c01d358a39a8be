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
#include "filter/filter_operand.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* What a field must take for a test (FIELD_...). */
static const int required_operators[] =
{
	[FILTER_EQUALS] = FIELD_EQUALS,
	[FILTER_IN] = FIELD_IN,
	[FILTER_NOT_EQUALS] = FIELD_NOT_IN,
	[FILTER_NOT_IN] = FIELD_NOT_IN,
	[FILTER_LIKE] = FIELD_STRING_CONTAINS,
	[FILTER_PREFIX] = FIELD_STRING_CONTAINS,
	[FILTER_SUBSTRING] = FIELD_STRING_CONTAINS,
	[FILTER_SET] = FIELD_IS_SET,
	[FILTER_UNSET] = FIELD_IS_SET,
	[FILTER_HAS] = FIELD_CONTAINS,
	[FILTER_HAS_ALL] = FIELD_CONTAINS,
	[FILTER_HAS_ANY] = FIELD_CONTAINS,
	[FILTER_JSON] = FIELD_CONTAINS,
};

static bool filter_asks(List *node);
static List *plan_condition(FilterContext *context, Node *node, bool negated);
static List *plan_expression(FilterContext *context, Node *node, bool negated);
static List *plan_boolean(FilterContext *context, BoolExpr *expr, bool negated);
static List *plan_operator(FilterContext *context, OpExpr *op, bool negated);
static List *plan_comparison(FilterContext *context, OpExpr *op,
							 Node *left, Node *right);
static bool is_position(Node *node);
static List *plan_position(FilterContext *context, OpExpr *op);
static List *plan_array_operator(FilterContext *context, OpExpr *op);
static List *plan_json_operator(FilterContext *context, OpExpr *op,
								bool negated);
static List *plan_built_json(FilterContext *context, Node *json);
static List *plan_member(FilterContext *context, const char *slug, Node *value);
static List *plan_list(FilterContext *context, ScalarArrayOpExpr *op,
					   bool negated);
static List *plan_null_test(FilterContext *context, NullTest *test,
							bool negated);
static List *plan_flag(FilterContext *context, Node *node, bool value);
static const char *test_problem(const FilterOperand *operand, FilterTest test,
								Oid collation);
static List *test_value(FilterContext *context, const FilterOperand *operand,
						FilterTest test, Oid collation, Node *value);
static bool may_be_null(Node *value);
static List *make_node(FilterContext *context, const FilterOperand *operand,
					   FilterTest test, Node *value);
static List *give_up(FilterContext *context, const char *reason);

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
	switch (nodeTag(node))
	{
		case T_BoolExpr:
			return plan_boolean(context, (BoolExpr *) node, negated);
		case T_OpExpr:
			return plan_operator(context, (OpExpr *) node, negated);
		case T_ScalarArrayOpExpr:
			return plan_list(context, (ScalarArrayOpExpr *) node, negated);
		case T_NullTest:
			return plan_null_test(context, (NullTest *) node, negated);
		case T_BooleanTest:
			{
				BooleanTest *test = (BooleanTest *) node;

				/* IS NOT TRUE and the like are true of NULL, too. */
				if (negated ||
					(test->booltesttype != IS_TRUE && test->booltesttype != IS_FALSE))
					return give_up(context, REASON_NEGATION);
				return plan_condition(context, (Node *) test->arg,
									  test->booltesttype == IS_FALSE);
			}
		case T_FuncExpr:
			{
				FuncExpr   *func = (FuncExpr *) node;
				FilterOperand operand;

				if (func->funcid != F_STARTS_WITH)
					return give_up(context, REASON_EXPRESSION);
				if (negated)
					return give_up(context, REASON_NEGATION);
				if (!operand_find(context, linitial(func->args), &operand))
					return NIL;
				return test_value(context, &operand, FILTER_PREFIX,
								  func->inputcollid, lsecond(func->args));
			}
		case T_Var:
			return plan_flag(context, node, !negated);
		default:
			return give_up(context, REASON_EXPRESSION);
	}
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
	context->covered = (Node *) (is_and ? make_ands_explicit(covered) : make_orclause(covered));
	if (list_length(children) == 1)
		return linitial(children);
	return list_concat(list_make1(makeInteger(is_and ? FILTER_AND : FILTER_OR)),
					   children);
}

static List *
plan_operator(FilterContext *context, OpExpr *op, bool negated)
{
	Oid			function = get_opcode(op->opno);
	Node	   *left;
	Node	   *right;

	if (list_length(op->args) != 2)
		return give_up(context, REASON_EXPRESSION);
	if (function == F_JSONB_EXISTS || function == F_JSONB_CONTAINS ||
		function == F_JSONB_CONTAINED)
		return plan_json_operator(context, op, negated);

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
	return plan_comparison(context, op, left, right);
}

/* field = value, field <> value, field LIKE value, field ^@ value */
static List *
plan_comparison(FilterContext *context, OpExpr *op, Node *left, Node *right)
{
	FilterOperand operand;
	Oid			opno = op->opno;
	FilterTest	test;
	bool		fold;

	if (!operand_find(context, left, &operand))
	{
		const char *reason = context->reason;
		Node	   *swap = left;

		opno = get_commutator(opno);
		if (!OidIsValid(opno) || !operand_find(context, right, &operand))
			return give_up(context, operand_scanned_column(context, right) ?
						   context->reason : reason);
		right = swap;
	}
	if (!operand_test(&operand, opno, &test, &fold))
		return give_up(context, operand_is_text(operand.type) ?
					   REASON_EXPRESSION : REASON_TYPE);
	if (fold && !operand_fold_case(context, &operand, test, op->inputcollid))
		return NIL;
	return test_value(context, &operand, test, op->inputcollid, right);
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
	return test_value(context, &operand, FILTER_SUBSTRING,
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
	return test_value(context, &operand,
					  function == F_ARRAYOVERLAP ? FILTER_HAS_ANY : FILTER_HAS_ALL,
					  op->inputcollid, swapped ? left : right);
}

/* custom_fields ? slug, custom_fields @> json, json <@ custom_fields */
static List *
plan_json_operator(FilterContext *context, OpExpr *op, bool negated)
{
	Oid			function = get_opcode(op->opno);
	bool		swapped = function == F_JSONB_CONTAINED;
	Node	   *column = swapped ? lsecond(op->args) : linitial(op->args);
	Node	   *value = swapped ? linitial(op->args) : lsecond(op->args);
	FilterOperand operand = {0};
	List	   *members;

	if (!operand_is_custom_fields(context, column))
		return give_up(context, REASON_EXPRESSION);
	operand.flags = FILTER_NODE_CUSTOM;
	operand.field = "";
	operand.entry = context->object->custom_field;
	operand.operators = operand.entry->operators;
	if (function == F_JSONB_EXISTS)
	{
		if (!IsA(value, Const) || ((Const *) value)->constisnull)
			return give_up(context, REASON_VALUE);
		operand.field = TextDatumGetCString(((Const *) value)->constvalue);
		if (!object_slug_is_searchable(context->object, operand.field))
			return give_up(context, REASON_SLUG);
		return make_node(context, &operand,
						 negated ? FILTER_UNSET : FILTER_SET, NULL);
	}
	if (negated)
		return give_up(context, REASON_NEGATION);
	members = plan_built_json(context, value);
	return members != NIL ? members :
		test_value(context, &operand, FILTER_JSON, DEFAULT_COLLATION_OID, value);
}

/*
 * custom_fields @> jsonb_build_object(slug, value, ...), the values of which
 * needn't be known yet to tell what will be asked. NIL if that is nothing.
 */
static List *
plan_built_json(FilterContext *context, Node *json)
{
	FuncExpr   *func = (FuncExpr *) json;
	List	   *slugs = NIL;
	List	   *children = NIL;
	bool		wide = false;

	if (!IsA(json, FuncExpr) || func->funcid != F_JSONB_BUILD_OBJECT_ANY ||
		func->funcvariadic || list_length(func->args) % 2 != 0)
		return NIL;
	/* Of members with the same key the last one counts. */
	for (int i = list_length(func->args) - 2; i >= 0; i -= 2)
	{
		char	   *slug = operand_constant_text(list_nth(func->args, i));
		List	   *child;

		/* It may be the name of another one. */
		if (slug == NULL)
			return NIL;
		if (list_member(slugs, makeString(slug)))
			continue;
		slugs = lappend(slugs, makeString(slug));
		child = plan_member(context, slug, list_nth(func->args, i + 1));
		if (child != NIL)
			children = lcons(child, children);
		else
			wide = true;
	}
	if (children == NIL)
		return NIL;
	if (wide)
		intVal(list_nth(linitial(children), FilterNodeFlags)) |= FILTER_NODE_WIDE;
	return list_length(children) == 1 ? linitial(children) :
		lcons(makeInteger(FILTER_AND), children);
}

/* A member with this value, which is a text or an array of texts. */
static List *
plan_member(FilterContext *context, const char *slug, Node *value)
{
	FilterOperand operand = {.flags = FILTER_NODE_CUSTOM};
	Oid			type = exprType(value);

	operand.type = type == TEXTARRAYOID ? TEXTARRAYOID : TEXTOID;
	if ((type != TEXTOID && type != VARCHAROID && type != UNKNOWNOID && type != TEXTARRAYOID) ||
		!operand_of_slug(context, slug, &operand))
		return NIL;
	return test_value(context, &operand, type == TEXTARRAYOID ? FILTER_HAS_ALL : FILTER_EQUALS,
					  DEFAULT_COLLATION_OID, value);
}

/* field = ANY (array), field <> ALL (array), value = ANY (list) */
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
		return test_value(context, &operand, FILTER_HAS, op->inputcollid, left);
	}
	if (!operand_find(context, left, &operand))
		return NIL;
	if (!operand_test(&operand, opno, &test, &fold) ||
		!(any ? test == FILTER_EQUALS : test == FILTER_NOT_EQUALS))
		return give_up(context, REASON_EXPRESSION);
	if (fold && !operand_fold_case(context, &operand, test, op->inputcollid))
		return NIL;
	return test_value(context, &operand, any ? FILTER_IN : FILTER_NOT_IN,
					  op->inputcollid, right);
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
		!operand_extracted(context, arg, &operand))
		return give_up(context, context->reason);
	if (!(operand.operators & FIELD_IS_SET))
		return give_up(context, REASON_FIELD);
	return make_node(context, &operand, unset ? FILTER_UNSET : FILTER_SET, NULL);
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
		return make_node(context, &operand, FILTER_SET, NULL);
	}
	return make_node(context, &operand, FILTER_EQUALS,
					 (Node *) makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
										CStringGetTextDatum(value ? "true" : "false"),
										false, false));
}

/* ------------------------------------------------------------------------
 * Making nodes
 * ------------------------------------------------------------------------
 */

static List *
test_value(FilterContext *context, const FilterOperand *operand, FilterTest test,
		   Oid collation, Node *value)
{
	FilterOperand nulls;
	const char *problem = test_problem(operand, test, collation);

	if (problem != NULL)
		return give_up(context, problem);
	if (bms_is_member(context->rel->relid, pull_varnos(context->root, value)) ||
		contain_subplans(value) || contain_volatile_functions(value))
		return give_up(context, REASON_VALUE);
	if ((test != FILTER_NOT_EQUALS && test != FILTER_NOT_IN) ||
		!operand->entry->is_prose || context->case_sensitive == CASE_HEEDED)
		return make_node(context, operand, test, value);
	/* An API that ignores case would leave out what differs just in case. */
	if (!may_be_null(value))
		return give_up(context, REASON_EXACT);
	nulls = *operand;
	nulls.flags |= FILTER_NODE_NULLS;
	return make_node(context, &nulls, test, value);
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
	if (test == FILTER_JSON)
		return NULL;
	if (on_list ? !operand_is_list(type) :
		!operand_is_text(type) && !(type == UUIDOID && !operand->entry->is_prose))
		return REASON_TYPE;
	if (negative && (operand->flags & FILTER_NODE_FOLD))
		return REASON_NEGATION;
	return NULL;
}

static List *
make_node(FilterContext *context, const FilterOperand *operand, FilterTest test,
		  Node *value)
{
	int			flags = operand->flags | (context->case_sensitive == CASE_HEEDED ? 0 : FILTER_NODE_LOOSE);
	int			place = -1;
	List	   *node;

	flags |= operand->entry->is_id ? FILTER_NODE_ID : 0;
	flags |= operand->entry->is_prose ? FILTER_NODE_PROSE : 0;
	flags |= operand->entry->is_unique ? FILTER_NODE_UNIQUE : 0;
	if (test == FILTER_EQUALS && operand->entry->is_id && !(flags & FILTER_NODE_FOLD))
		flags |= FILTER_NODE_LOOKUP;
	if (value != NULL)
	{
		place = list_length(context->values);
		context->values = lappend(context->values, copyObject(value));
	}
	node = list_make5(makeInteger(test),
					  makeString(pstrdup(operand->field)),
					  makeInteger(flags),
					  makeInteger(operand->attnum),
					  makeInteger(operand->max_length));
	node = lappend(node, makeInteger(operand->collation));
	return lappend(node, makeInteger(place));
}

static List *
give_up(FilterContext *context, const char *reason)
{
	context->reason = reason;
	return NIL;
}
