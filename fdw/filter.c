/*-------------------------------------------------------------------------
 *
 * filter.c
 *		Which SQL conditions can be pushed: expressions to a filter tree.
 *
 * Runs at plan time. A condition is translated if there is a filter that
 * lets through at least every contact for which SQL finds it true; it is
 * checked again by the executor in any case. Values stay expressions, which
 * filter_run.c evaluates when the scan starts.
 *
 * NOT is carried down to the leaves, where only what has an operator of its
 * own can be negated. Of an AND, what can be pushed is, and the rest stays
 * local; of an OR, each branch must be, or hold, something that can.
 *
 * IDENTIFICATION
 *		fdw/filter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "contact.h"
#include "filter.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* What translating a condition needs to know of the scan. */
typedef struct FilterContext
{
	PlannerInfo *root;
	Relation	table;
	RelOptInfo *rel;
	PylonCase	case_sensitive;
	List	   *values;
	Node	   *covered;		/* what of the last one was pushed */
	const char *reason;			/* why the last one couldn't be */
} FilterContext;

/* The part of a condition that the API knows: a field, or a custom field. */
typedef struct Operand
{
	const char *field;
	int			operators;		/* FIELD_... */
	int			flags;			/* FILTER_NODE_... */
	AttrNumber	attnum;
	int			max_length;
	Oid			type;			/* base type of the column */
	bool		citext;			/* compared by the operators of citext */
	Oid			collation;		/* by which case is folded */
	const char *custom_type;	/* in the API, NULL where it isn't known */
} Operand;

/* Built-in functions behind the operators that compare a field with a value. */
static const struct
{
	Oid			function;
	FilterTest	test;
}			comparisons[] =

{
	{F_TEXTEQ, FILTER_EQUALS},
	{F_UUID_EQ, FILTER_EQUALS},
	{F_ENUM_EQ, FILTER_EQUALS},
	{F_TEXTNE, FILTER_NOT_EQUALS},
	{F_UUID_NE, FILTER_NOT_EQUALS},
	{F_ENUM_NE, FILTER_NOT_EQUALS},
	{F_TEXTLIKE, FILTER_LIKE},
	{F_STARTS_WITH, FILTER_PREFIX},
};

/* The same for citext, whose operators have no fixed OIDs. */
static const struct
{
	const char *name;
	FilterTest	test;
}			citext_comparisons[] =

{
	{"=", FILTER_EQUALS},
	{"<>", FILTER_NOT_EQUALS},
	{"~~", FILTER_LIKE},
	{"~~*", FILTER_LIKE},
};

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

/* Why a condition stays local, as EXPLAIN VERBOSE says it. */
#define REASON_EXPRESSION	"not a comparison that the API knows"
#define REASON_FIELD		"the API can't search this field that way"
#define REASON_VALUE		"the other side depends on the row or is volatile"
#define REASON_COLLATION	"the collation calls different texts equal"
#define REASON_TYPE			"the column's type compares in another way than the API"
#define REASON_CASE			"needs option case_sensitive 'false'"
#define REASON_EXACT		"needs option case_sensitive 'true'"
#define REASON_NEGATION		"the API can't negate it"
#define REASON_SLUG			"the slug is empty or the name of a field"

static bool asks(List *node);
static List *plan_condition(FilterContext *context, Node *node, bool negated);
static List *plan_expression(FilterContext *context, Node *node, bool negated);
static List *plan_boolean(FilterContext *context, BoolExpr *expr, bool negated);
static List *plan_operator(FilterContext *context, OpExpr *op, bool negated);
static List *plan_comparison(FilterContext *context, OpExpr *op,
							 Node *left, Node *right);
static bool fold_case(FilterContext *context, Operand *operand,
					  FilterTest test, Oid collation);
static bool is_position(Node *node);
static List *plan_position(FilterContext *context, OpExpr *op);
static List *plan_array_operator(FilterContext *context, OpExpr *op);
static List *plan_json_operator(FilterContext *context, OpExpr *op,
								bool negated);
static List *plan_list(FilterContext *context, ScalarArrayOpExpr *op,
					   bool negated);
static List *plan_null_test(FilterContext *context, NullTest *test,
							bool negated);
static List *plan_flag(FilterContext *context, Node *node, bool value);
static bool find_operand(FilterContext *context, Node *node, Operand *operand);
static bool find_extracted(FilterContext *context, Node *node,
						   Operand *operand);
static Oid	called_function(Node *node, List **args);
static char *constant_text(Node *node);
static char *constant_member(Node *node);
static bool set_slug(FilterContext *context, const char *slug,
					 Operand *operand);
static void restrict_to_type(Operand *operand, int operators);
static bool set_column(FilterContext *context, Var *column, Operand *operand);
static bool is_custom_fields(FilterContext *context, Node *node);
static Var *scanned_column(FilterContext *context, Node *node);
static Node *strip_relabel(Node *node);
static bool is_text_type(Oid type);
static bool is_list_type(Oid type);
static bool is_citext(Oid type);
static FilterTest find_test(const Operand *operand, Oid opno, bool *fold);
static bool can_test(FilterContext *context, const Operand *operand,
					 FilterTest test, Oid collation);
static List *test_value(FilterContext *context, const Operand *operand,
						FilterTest test, Oid collation, Node *value);
static bool may_be_null(Node *value);
static List *make_node(FilterContext *context, const Operand *operand,
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
	FilterContext context = {root, table, rel, case_sensitive, NIL, NULL, NULL};
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
		if (asks(node))
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

/* Is something asked of the API? NULL may decide without. */
static bool
asks(List *node)
{
	ListCell   *lc;

	if (node == NIL)
		return false;
	if (intVal(linitial(node)) != FILTER_AND && intVal(linitial(node)) != FILTER_OR)
		return !(intVal(list_nth(node, FilterNodeFlags)) & FILTER_NODE_NULLS);
	for_each_from(lc, node, 1)
	{
		if (asks(lfirst(lc)) != (intVal(linitial(node)) == FILTER_OR))
			return intVal(linitial(node)) == FILTER_AND;
	}
	return intVal(linitial(node)) == FILTER_OR;
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
				Operand		operand;

				if (func->funcid != F_STARTS_WITH)
					return give_up(context, REASON_EXPRESSION);
				if (negated)
					return give_up(context, REASON_NEGATION);
				if (!find_operand(context, linitial(func->args), &operand))
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
	Operand		operand;
	Oid			opno = op->opno;
	FilterTest	test;
	bool		fold;

	if (!find_operand(context, left, &operand))
	{
		const char *reason = context->reason;
		Node	   *swap = left;

		opno = get_commutator(opno);
		if (!OidIsValid(opno) || !find_operand(context, right, &operand))
			return give_up(context, scanned_column(context, right) ?
						   context->reason : reason);
		right = swap;
	}
	test = find_test(&operand, opno, &fold);
	if (test == FILTER_AND)
		return give_up(context, is_text_type(operand.type) ?
					   REASON_EXPRESSION : REASON_TYPE);
	if (fold && !fold_case(context, &operand, test, op->inputcollid))
		return NIL;
	return test_value(context, &operand, test, op->inputcollid, right);
}

/*
 * The comparison ignores case: is that how the API compares? citext folds by
 * the database's collation where it is compared, and else as ILIKE does.
 */
static bool
fold_case(FilterContext *context, Operand *operand, FilterTest test, Oid collation)
{
	if (context->case_sensitive != CASE_IGNORED)
	{
		context->reason = REASON_CASE;
		return false;
	}
	operand->flags |= FILTER_NODE_FOLD;
	operand->collation = operand->citext && test != FILTER_LIKE ? DEFAULT_COLLATION_OID : collation;
	return true;
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
	Operand		operand;

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
	if (!find_operand(context, linitial(position->args), &operand))
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
	Operand		operand;
	bool		swapped = scanned_column(context, left) == NULL;

	if (swapped ? function == F_ARRAYCONTAINS : function == F_ARRAYCONTAINED)
		return give_up(context, REASON_EXPRESSION);
	if (!find_operand(context, swapped ? right : left, &operand))
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
	Operand		operand = {0};

	if (!is_custom_fields(context, column))
		return give_up(context, REASON_EXPRESSION);
	operand.flags = FILTER_NODE_CUSTOM;
	operand.field = "";
	operand.operators = contact_field_operators(operand.field);
	if (function == F_JSONB_EXISTS)
	{
		if (!IsA(value, Const) || ((Const *) value)->constisnull)
			return give_up(context, REASON_VALUE);
		operand.field = TextDatumGetCString(((Const *) value)->constvalue);
		if (!contact_slug_is_searchable(operand.field))
			return give_up(context, REASON_SLUG);
		return make_node(context, &operand,
						 negated ? FILTER_UNSET : FILTER_SET, NULL);
	}
	if (negated)
		return give_up(context, REASON_NEGATION);
	return test_value(context, &operand, FILTER_JSON, DEFAULT_COLLATION_OID, value);
}

/* field = ANY (array), field <> ALL (array), value = ANY (list) */
static List *
plan_list(FilterContext *context, ScalarArrayOpExpr *op, bool negated)
{
	Node	   *left = linitial(op->args);
	Node	   *right = lsecond(op->args);
	Oid			opno = negated ? get_negator(op->opno) : op->opno;
	bool		any = op->useOr != negated;
	Operand		operand;
	FilterTest	test;
	bool		fold;

	if (!OidIsValid(opno))
		return give_up(context, REASON_NEGATION);
	if (any && scanned_column(context, right) != NULL)
	{
		if (get_opcode(opno) != F_TEXTEQ)
			return give_up(context, REASON_EXPRESSION);
		if (!find_operand(context, right, &operand))
			return NIL;
		return test_value(context, &operand, FILTER_HAS, op->inputcollid, left);
	}
	if (!find_operand(context, left, &operand))
		return NIL;
	test = find_test(&operand, opno, &fold);
	if (!(any ? test == FILTER_EQUALS : test == FILTER_NOT_EQUALS))
		return give_up(context, REASON_EXPRESSION);
	if (fold && !fold_case(context, &operand, test, op->inputcollid))
		return NIL;
	return test_value(context, &operand, any ? FILTER_IN : FILTER_NOT_IN,
					  op->inputcollid, right);
}

/* IS NULL and IS NOT NULL of a custom field, whatever the column's type */
static List *
plan_null_test(FilterContext *context, NullTest *test, bool negated)
{
	bool		unset = (test->nulltesttype == IS_NULL) != negated;
	Node	   *arg = strip_relabel((Node *) test->arg);
	Operand		operand = {0};
	Var		   *column = scanned_column(context, arg);

	if (test->argisrow)
		return give_up(context, REASON_EXPRESSION);
	if (column != NULL ? !set_column(context, column, &operand) :
		!find_extracted(context, arg, &operand))
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
	Var		   *column = scanned_column(context, node);
	Operand		operand = {0};

	if (column == NULL || !set_column(context, column, &operand) ||
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
 * The sides of a comparison
 * ------------------------------------------------------------------------
 */

/*
 * Recognizes what the API knows as a field: a column of text (or an array of
 * it), custom_fields ->> 'slug', either of them in lower(), a uuid or enum
 * as such or cast to text.
 */
static bool
find_operand(FilterContext *context, Node *node, Operand *operand)
{
	Oid			type = exprType(node);
	Var		   *column;

	memset(operand, 0, sizeof(*operand));
	context->reason = REASON_EXPRESSION;
	node = strip_relabel(node);
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == F_LOWER_TEXT)
	{
		FuncExpr   *lower = (FuncExpr *) node;

		return find_operand(context, linitial(lower->args), operand) &&
			fold_case(context, operand, FILTER_LIKE, lower->inputcollid);
	}
	if (find_extracted(context, node, operand))
		return true;
	if (IsA(node, OpExpr) || IsA(node, FuncExpr))
		return false;
	if (IsA(node, CoerceViaIO) && ((CoerceViaIO *) node)->resulttype == TEXTOID)
	{
		node = (Node *) ((CoerceViaIO *) node)->arg;
		column = scanned_column(context, node);
		if (column == NULL || (getBaseType(column->vartype) != UUIDOID &&
							   !type_is_enum(getBaseType(column->vartype))))
			return false;
	}
	column = scanned_column(context, node);
	if (column == NULL || !set_column(context, column, operand))
		return false;
	if (is_citext(getBaseType(type)))
		operand->citext = true;
	return true;
}

/*
 * custom_fields ->> 'slug', custom_fields #>> '{slug}', or the function behind
 * the latter
 */
static bool
find_extracted(FilterContext *context, Node *node, Operand *operand)
{
	List	   *args;
	char	   *slug;

	switch (called_function(node, &args))
	{
		case F_JSONB_OBJECT_FIELD_TEXT:
		case F_JSON_OBJECT_FIELD_TEXT:
			slug = constant_text(lsecond(args));
			break;
		case F_JSONB_EXTRACT_PATH_TEXT:
		case F_JSON_EXTRACT_PATH_TEXT:
			slug = constant_member(lsecond(args));
			break;
		default:
			return false;
	}
	if (slug == NULL || !is_custom_fields(context, linitial(args)))
		return false;
	operand->flags = FILTER_NODE_CUSTOM | FILTER_NODE_EXTRACTED;
	operand->type = TEXTOID;
	operand->attnum = scanned_column(context, linitial(args))->varattno;
	return set_slug(context, slug, operand);
}

/* The function that an operator or a call with two arguments stands for. */
static Oid
called_function(Node *node, List **args)
{
	Oid			function = InvalidOid;

	if (IsA(node, OpExpr))
	{
		*args = ((OpExpr *) node)->args;
		function = get_opcode(((OpExpr *) node)->opno);
	}
	else if (IsA(node, FuncExpr))
	{
		*args = ((FuncExpr *) node)->args;
		function = ((FuncExpr *) node)->funcid;
	}
	return OidIsValid(function) && list_length(*args) == 2 ? function : InvalidOid;
}

/* A constant of type text, or NULL. */
static char *
constant_text(Node *node)
{
	Const	   *value = (Const *) node;

	if (!IsA(node, Const) || value->constisnull || value->consttype != TEXTOID)
		return NULL;
	return TextDatumGetCString(value->constvalue);
}

/* The only element of a constant array of texts, or NULL. */
static char *
constant_member(Node *node)
{
	Const	   *value = (Const *) node;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (!IsA(node, Const) || value->constisnull || value->consttype != TEXTARRAYOID)
		return NULL;
	deconstruct_array_builtin(DatumGetArrayTypeP(value->constvalue), TEXTOID,
							  &elements, &nulls, &count);
	return count == 1 && !nulls[0] ? TextDatumGetCString(elements[0]) : NULL;
}

/* What can be asked about a member of the column of all custom fields. */
static bool
set_slug(FilterContext *context, const char *slug, Operand *operand)
{
	if (!contact_slug_is_searchable(slug))
	{
		context->reason = REASON_SLUG;
		return false;
	}
	operand->field = slug;
	operand->custom_type = contact_slug_type(context->table, slug);
	restrict_to_type(operand, contact_field_operators(slug));
	return true;
}

/* Of the operators, those that fields of the operand's type take. */
static void
restrict_to_type(Operand *operand, int operators)
{
	operand->operators = operators &
		(~FIELD_OPERATORS | contact_type_operators(operand->custom_type));
}

/* A column that shows a field which can be searched at all. */
static bool
set_column(FilterContext *context, Var *column, Operand *operand)
{
	char	   *slug;
	const ContactField *field = contact_column_field(context->table,
													 column->varattno, &slug);
	int32		typmod = column->vartypmod;

	operand->field = slug != NULL ? slug : field->name;
	operand->operators = field->operators;
	if (slug != NULL)
	{
		operand->custom_type = contact_column_type(context->table, column->varattno);
		restrict_to_type(operand, field->operators);
	}
	if (slug != NULL && !contact_slug_is_searchable(slug))
		operand->operators = 0;
	operand->attnum = column->varattno;
	operand->type = getBaseTypeAndTypmod(column->vartype, &typmod);
	if (slug != NULL)
		operand->flags = FILTER_NODE_CUSTOM;
	if ((operand->type == VARCHAROID ||
		 get_element_type(operand->type) == VARCHAROID) && typmod >= (int32) VARHDRSZ)
		operand->max_length = typmod - VARHDRSZ;
	context->reason = slug != NULL ? REASON_SLUG : REASON_FIELD;
	return operand->operators != 0;
}

/* The column of all custom fields as JSON. */
static bool
is_custom_fields(FilterContext *context, Node *node)
{
	Var		   *column = scanned_column(context, strip_relabel(node));
	char	   *slug;

	return column != NULL &&
		(column->vartype == JSONBOID || column->vartype == JSONOID) &&
		contact_column_field(context->table, column->varattno, &slug)->kind == FIELD_CUSTOM_FIELDS;
}

/* The scanned table's column that "node" is, or NULL. */
static Var *
scanned_column(FilterContext *context, Node *node)
{
	Var		   *var;

	node = strip_relabel(node);
	var = (Var *) node;
	if (!IsA(node, Var) || var->varlevelsup != 0 || var->varattno <= 0 ||
		!bms_is_member(var->varno, context->rel->relids))
		return NULL;
	return var;
}

static Node *
strip_relabel(Node *node)
{
	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

/* Types whose values are the very text of the API. */
static bool
is_text_type(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || is_citext(type) ||
		(OidIsValid(type) && type_is_enum(type));
}

/* The same for arrays; those of citext are compared ignoring case. */
static bool
is_list_type(Oid type)
{
	Oid			element = get_base_element_type(type);

	return OidIsValid(element) && is_text_type(getBaseType(element)) &&
		!is_citext(getBaseType(element));
}

/* The extension's type, which may live in any schema. */
static bool
is_citext(Oid type)
{
	HeapTuple	tuple;
	bool		result;

	if (type < FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		return false;
	result = strcmp(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname), "citext") == 0;
	ReleaseSysCache(tuple);
	return result;
}

/* What an operator asks, FILTER_AND for nothing that we know. */
static FilterTest
find_test(const Operand *operand, Oid opno, bool *fold)
{
	Oid			function = get_opcode(opno);

	*fold = operand->citext || function == F_TEXTICLIKE;
	if (operand->citext)
	{
		const char *name = get_opname(opno);

		for (size_t i = 0; i < lengthof(citext_comparisons); i++)
		{
			if (strcmp(citext_comparisons[i].name, name) == 0)
				return citext_comparisons[i].test;
		}
		return FILTER_AND;
	}
	if (function == F_TEXTICLIKE)
		return FILTER_LIKE;
	for (size_t i = 0; i < lengthof(comparisons); i++)
	{
		if (comparisons[i].function == function)
			return comparisons[i].test;
	}
	return FILTER_AND;
}

/* ------------------------------------------------------------------------
 * Making nodes
 * ------------------------------------------------------------------------
 */

static List *
test_value(FilterContext *context, const Operand *operand, FilterTest test,
		   Oid collation, Node *value)
{
	Operand		nulls;

	if (!can_test(context, operand, test, collation))
		return NIL;
	if (bms_is_member(context->rel->relid, pull_varnos(context->root, value)) ||
		contain_subplans(value) || contain_volatile_functions(value))
		return give_up(context, REASON_VALUE);
	if ((test != FILTER_NOT_EQUALS && test != FILTER_NOT_IN) ||
		!(operand->operators & FIELD_CASE) || context->case_sensitive == CASE_HEEDED)
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

/* Is the API's answer a superset of SQL's? Sets the reason if not. */
static bool
can_test(FilterContext *context, const Operand *operand, FilterTest test,
		 Oid collation)
{
	bool		negative = test == FILTER_NOT_EQUALS || test == FILTER_NOT_IN;
	bool		on_list = test == FILTER_HAS || test == FILTER_HAS_ALL ||
		test == FILTER_HAS_ANY;
	Oid			type = operand->type;

	if ((operand->operators & required_operators[test]) == 0)
		context->reason = REASON_FIELD;
	else if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		context->reason = REASON_COLLATION;
	else if (test == FILTER_JSON)
		return true;
	else if (on_list ? !is_list_type(type) :
			 !is_text_type(type) &&
			 !(type == UUIDOID && !(operand->operators & FIELD_CASE)))
		context->reason = REASON_TYPE;
	else if (negative && (operand->flags & FILTER_NODE_FOLD))
		context->reason = REASON_NEGATION;
	else
		return true;
	return false;
}

static List *
make_node(FilterContext *context, const Operand *operand, FilterTest test,
		  Node *value)
{
	int			flags = operand->flags | (context->case_sensitive == CASE_HEEDED ? 0 : FILTER_NODE_LOOSE);
	int			place = -1;

	if (test == FILTER_EQUALS && strcmp(operand->field, "id") == 0 &&
		!(flags & (FILTER_NODE_CUSTOM | FILTER_NODE_FOLD)))
		flags |= FILTER_NODE_LOOKUP;
	if (value != NULL)
	{
		place = list_length(context->values);
		context->values = lappend(context->values, copyObject(value));
	}
	return lappend(lappend(list_make5(makeInteger(test),
							  makeString(pstrdup(operand->field)),
							  makeInteger(flags),
							  makeInteger(operand->attnum),
							  makeInteger(operand->max_length)),
				   makeInteger(operand->collation)),
				   makeInteger(place));
}

static List *
give_up(FilterContext *context, const char *reason)
{
	context->reason = reason;
	return NIL;
}
