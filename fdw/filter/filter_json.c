/*-------------------------------------------------------------------------
 *
 * filter_json.c
 *		Conditions on the custom fields as jsonb.
 *
 * Custom fields are strings or lists of strings. Of all of them it is asked
 * by name and by containment, of one of them (custom_fields -> 'slug') by
 * comparison with a jsonb.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_json.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "filter/filter_json.h"
#include "filter/filter_make.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

static List *plan_ids(FilterContext *context, Node *column, Node *value,
					  bool contains, bool negated);
static List *plan_names(FilterContext *context, Node *value, bool all,
						bool negated);
static List *plan_name(FilterContext *context, const char *slug, bool set);
static FilterOperand all_members(FilterContext *context);
static List *plan_built_json(FilterContext *context, Node *json);
static List *plan_built_member(FilterContext *context, const char *slug,
							   Node *value);

/* Is it a function behind an operator that asks about a jsonb's members? */
bool
filter_json_is_operator(Oid function)
{
	return function == F_JSONB_EXISTS || function == F_JSONB_EXISTS_ANY ||
		function == F_JSONB_EXISTS_ALL || function == F_JSONB_CONTAINS ||
		function == F_JSONB_CONTAINED;
}

/*
 * custom_fields ? slug, ?| and ?& slugs, custom_fields @> json, json <@
 * custom_fields; the latter two of one of them, or of a list of external ids,
 * too
 */
List *
filter_json_operator(FilterContext *context, Oid function, List *args, bool negated)
{
	bool		swapped = function == F_JSONB_CONTAINED;
	Node	   *column = swapped ? lsecond(args) : linitial(args);
	Node	   *value = swapped ? linitial(args) : lsecond(args);
	bool		contains = swapped || function == F_JSONB_CONTAINS;
	FilterOperand operand = {0};
	List	   *members;

	if (contains && !negated && operand_member(context, column, &operand))
		return make_value_test(context, &operand, FILTER_MEMBER_HAS, InvalidOid, value);
	if (!operand_is_custom_fields(context, column))
		return plan_ids(context, column, value, contains, negated);
	if (!contains)
		return plan_names(context, value, function == F_JSONB_EXISTS_ALL, negated);
	if (negated)
		return give_up(context, REASON_NEGATION);
	members = plan_built_json(context, value);
	operand = all_members(context);
	return members != NIL ? members :
		make_value_test(context, &operand, FILTER_JSON, InvalidOid, value);
}

/* Of lists of external ids, the API knows whether they hold one. */
static List *
plan_ids(FilterContext *context, Node *column, Node *value, bool contains, bool negated)
{
	FilterOperand operand = {0};
	Var		   *var = operand_scanned_column(context, column);

	if (var == NULL || !contains)
		return give_up(context, REASON_EXPRESSION);
	if (negated)
		return give_up(context, REASON_NEGATION);
	if (!operand_of_column(context, var, &operand))
		return NIL;
	return make_value_test(context, &operand, FILTER_HOLDS_IDS, InvalidOid, value);
}

/*
 * The names of "value", of which any or all are set; with "negated", of which
 * none are, or not all.
 */
static List *
plan_names(FilterContext *context, Node *value, bool all, bool negated)
{
	List	   *names = operand_constant_texts(value);
	List	   *children = NIL;
	bool		is_and = all != negated;
	bool		left_out = false;
	ListCell   *lc;

	if (names == NIL)
		return give_up(context, IsA(value, Const) ? REASON_EXPRESSION : REASON_NAME);
	foreach(lc, names)
	{
		List	   *child = plan_name(context, lfirst(lc), !negated);

		if (child != NIL)
			children = lappend(children, child);
		else if (is_and)
			left_out = true;
		else
			return NIL;
	}
	if (left_out && children != NIL)
		widen_node(linitial(children));
	return make_compound(is_and ? FILTER_AND : FILTER_OR, children);
}

static List *
plan_name(FilterContext *context, const char *slug, bool set)
{
	FilterOperand operand = all_members(context);

	operand.field = slug;
	if (!object_slug_is_searchable(context->object, slug))
		return give_up(context, REASON_SLUG);
	return make_test(context, &operand, set ? FILTER_SET : FILTER_UNSET, NULL);
}

/* What can be asked of whichever custom field. */
static FilterOperand
all_members(FilterContext *context)
{
	FilterOperand operand = {.field = "",.flags = FILTER_NODE_CUSTOM};

	operand.entry = context->object->custom_field;
	operand.operators = operand.entry->operators;
	return operand;
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
		child = plan_built_member(context, slug, list_nth(func->args, i + 1));
		if (child != NIL)
			children = lcons(child, children);
		else
			wide = true;
	}
	if (children == NIL)
		return NIL;
	if (wide)
		widen_node(linitial(children));
	return make_compound(FILTER_AND, children);
}

/* A member with this value, which is a text or an array of texts. */
static List *
plan_built_member(FilterContext *context, const char *slug, Node *value)
{
	FilterOperand operand = {.flags = FILTER_NODE_CUSTOM};
	Oid			type = exprType(value);

	operand.type = type == TEXTARRAYOID ? TEXTARRAYOID : TEXTOID;
	if ((type != TEXTOID && type != VARCHAROID && type != UNKNOWNOID && type != TEXTARRAYOID) ||
		!operand_of_slug(context, slug, &operand))
		return NIL;
	return make_value_test(context, &operand, type == TEXTARRAYOID ? FILTER_HAS_ALL : FILTER_EQUALS,
						   DEFAULT_COLLATION_OID, value);
}
