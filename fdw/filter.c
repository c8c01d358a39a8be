/*-------------------------------------------------------------------------
 *
 * filter.c
 *		SQL conditions to filters of POST /contacts/search.
 *
 * At plan time, conditions whose filter lets through at least every contact
 * that SQL wants are translated into a list of nodes, their values left as
 * expressions. At run time, when parameters are known, nodes and values
 * become the filter that is sent. Every condition is checked again by the
 * executor, so a filter may let through too much, never too little.
 *
 * What SQL can't find true because a value is NULL asks nothing of the API.
 *
 * IDENTIFICATION
 *		fdw/filter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "compat.h"
#include "contact.h"
#include "executor/executor.h"
#include "filter.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_locale.h"
#include "utils/ruleutils.h"

/* The API's name of an operator, and what a field must take for it. */
static const struct
{
	const char *name;
	int			required;		/* FIELD_... */
}			operators[] =
{
	[FILTER_EQUALS] = {"equals", FIELD_EQUALS},
	[FILTER_IN] = {"in", FIELD_IN},
};

/* A node with its value: as planned, and as last evaluated. */
typedef struct FilterLeaf
{
	FilterOperator operator;
	const char *field;
	AttrNumber	attnum;
	ExprState  *value;
	FmgrInfo	output;			/* of the value's type, or its element's */
	Oid			element;		/* of an array, else invalid */
	List	   *texts;			/* of char *: what the value is now */
} FilterLeaf;

struct FilterState
{
	int			batch_size;
	int			nleaves;
	FilterLeaf *leaves;
	MemoryContext context;		/* of what is evaluated; reset each time */
	const char *id;				/* of FILTER_CONTACT */
	FilterLeaf *split;			/* the list sent in batches, or NULL */
	bool		complete;		/* nothing was left out */
	int			batch;			/* the one that "filter" was made for, or -1 */
	PylonFilter *filter;
	const char **batch_texts;	/* the batch's values, sorted */
	int			nbatch_texts;
};

/* What translating a condition needs to know of the scan. */
typedef struct FilterContext
{
	Relation	table;
	RelOptInfo *rel;
	List	   *values;
} FilterContext;

static List *plan_clause(FilterContext *context, Expr *clause);
static List *plan_comparison(FilterContext *context, Oid opno, Oid collation,
							 Node *left, Node *right, FilterOperator operator);
static List *make_node(FilterContext *context, FilterOperator operator,
					   Var *column, Node *value);
static Var *column_of(FilterContext *context, Node *node);
static bool is_value(FilterContext *context, Node *node);
static bool is_exact_equality(Oid opno, Oid collation);
static void begin_leaf(FilterLeaf *leaf, List *node, List *values,
					   List *value_states);
static bool evaluate_leaf(FilterState *state, FilterLeaf *leaf,
						  ExprContext *econtext);
static List *value_texts(FilterLeaf *leaf, Datum value);
static List *distinct_texts(List *texts);
static int	compare_texts(const void *a, const void *b);
static int	compare_places(const void *a, const void *b);
static void choose_split(FilterState *state);
static bool is_left_out(FilterState *state, FilterLeaf *leaf);
static PylonFilter *make_leaf_filter(FilterState *state, FilterLeaf *leaf,
									 int batch);
static PylonFilter *combine(List *filters);
static List *batch_of(FilterState *state, FilterLeaf *leaf, int batch);
static double count_values(PlannerInfo *root, Node *value);
static List *describe_values(Node *value, List *deparse_context);

/* ------------------------------------------------------------------------
 * Plan time
 * ------------------------------------------------------------------------
 */

/*
 * The filter for those of "clauses" (RestrictInfos, all of which must hold)
 * that can be pushed; NIL if none can. These are listed in "pushed", and the
 * values that the filter compares with in "values".
 */
List *
filter_plan(Relation table, RelOptInfo *rel, List *clauses, List **pushed,
			List **values)
{
	FilterContext context = {table, rel, NIL};
	List	   *filter = NIL;
	ListCell   *lc;

	*pushed = NIL;
	foreach(lc, clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		List	   *node = plan_clause(&context, rinfo->clause);

		if (node != NIL)
		{
			filter = lappend(filter, node);
			*pushed = lappend(*pushed, rinfo);
		}
	}
	*values = context.values;
	return filter;
}

/* Does the filter name one id, so that GET /contacts/{id} answers it? */
bool
filter_is_lookup(List *filter)
{
	ListCell   *lc;

	foreach(lc, filter)
	{
		List	   *node = lfirst(lc);

		if (intVal(list_nth(node, FilterNodeOperator)) == FILTER_EQUALS &&
			strcmp(strVal(list_nth(node, FilterNodeField)), "id") == 0)
			return true;
	}
	return false;
}

/*
 * At most how many contacts the filter lets through, for the planner: an id
 * belongs to one contact, an address rarely to more.
 */
double
filter_max_rows(PlannerInfo *root, List *filter, List *values)
{
	double		rows = INFINITY;
	ListCell   *lc;

	foreach(lc, filter)
	{
		List	   *node = lfirst(lc);
		const char *field = strVal(list_nth(node, FilterNodeField));
		Node	   *value = list_nth(values, intVal(list_nth(node, FilterNodeValue)));

		if (strcmp(field, "id") == 0 || strcmp(field, "email") == 0)
			rows = Min(rows, count_values(root, value));
	}
	return rows;
}

/* The number of values, of a guess where it isn't known; 1 for no array. */
static double
count_values(PlannerInfo *root, Node *value)
{
	if (!OidIsValid(get_base_element_type(exprType(value))))
		return 1;
	return compat_estimate_array_length(root, value);
}

/* The node for one condition, NIL if it can't be pushed. */
static List *
plan_clause(FilterContext *context, Expr *clause)
{
	if (IsA(clause, OpExpr))
	{
		OpExpr	   *op = (OpExpr *) clause;

		if (list_length(op->args) != 2)
			return NIL;
		return plan_comparison(context, op->opno, op->inputcollid,
							   linitial(op->args), lsecond(op->args),
							   FILTER_EQUALS);
	}
	if (IsA(clause, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) clause;

		if (!op->useOr)
			return NIL;
		return plan_comparison(context, op->opno, op->inputcollid,
							   linitial(op->args), lsecond(op->args),
							   FILTER_IN);
	}
	return NIL;
}

/* column = value or value = column; column = ANY (values) */
static List *
plan_comparison(FilterContext *context, Oid opno, Oid collation,
				Node *left, Node *right, FilterOperator operator)
{
	Var		   *column = column_of(context, left);
	Node	   *value = right;

	if (column == NULL && operator == FILTER_EQUALS)
	{
		column = column_of(context, right);
		value = left;
	}
	if (column == NULL || !is_value(context, value) ||
		!is_exact_equality(opno, collation))
		return NIL;
	return make_node(context, operator, column, value);
}

/* NIL where the API can't search the column that way. */
static List *
make_node(FilterContext *context, FilterOperator operator, Var *column,
		  Node *value)
{
	char	   *slug;
	const ContactField *field = contact_column_field(context->table,
													 column->varattno, &slug);

	if ((field->operators & operators[operator].required) == 0)
		return NIL;
	context->values = lappend(context->values, copyObject(value));
	return list_make4(makeInteger(operator), makeString(pstrdup(field->name)),
					  makeInteger(column->varattno),
					  makeInteger(list_length(context->values) - 1));
}

/* The scanned table's column that "node" is, whatever it is relabeled to. */
static Var *
column_of(FilterContext *context, Node *node)
{
	Var		   *var;

	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	var = (Var *) node;
	if (!IsA(node, Var) || var->varlevelsup != 0 || var->varattno <= 0 ||
		!bms_is_member(var->varno, context->rel->relids))
		return NULL;
	/* The text that is compared must be the text that the API holds. */
	if (getBaseType(var->vartype) != TEXTOID &&
		getBaseType(var->vartype) != VARCHAROID)
		return NULL;
	return var;
}

/* Can it be computed before a contact is there, once for all of them? */
static bool
is_value(FilterContext *context, Node *node)
{
	return !contain_var_clause(node) && !contain_subplans(node) &&
		!contain_volatile_functions(node);
}

/* A collation that calls different texts equal isn't the API's. */
static bool
is_exact_equality(Oid opno, Oid collation)
{
	return get_opcode(opno) == F_TEXTEQ && OidIsValid(collation) &&
		get_collation_isdeterministic(collation);
}

/* ------------------------------------------------------------------------
 * Run time
 * ------------------------------------------------------------------------
 */

/*
 * Prepares to evaluate a planned filter, in the current memory context.
 * "value_states" are the compiled "values".
 */
FilterState *
filter_begin(List *filter, List *values, List *value_states, int batch_size)
{
	FilterState *state = palloc0(sizeof(FilterState));
	ListCell   *lc;

	state->batch_size = batch_size;
	state->leaves = palloc0(Max(list_length(filter), 1) * sizeof(FilterLeaf));
	state->context = AllocSetContextCreate(CurrentMemoryContext,
										   "pylon_fdw filter",
										   ALLOCSET_SMALL_SIZES);
	foreach(lc, filter)
		begin_leaf(&state->leaves[state->nleaves++], lfirst(lc), values,
				   value_states);
	return state;
}

static void
begin_leaf(FilterLeaf *leaf, List *node, List *values, List *value_states)
{
	int			value = intVal(list_nth(node, FilterNodeValue));
	Oid			type = exprType(list_nth(values, value));
	Oid			function;
	bool		varlena;

	leaf->operator = intVal(list_nth(node, FilterNodeOperator));
	leaf->field = strVal(list_nth(node, FilterNodeField));
	leaf->attnum = intVal(list_nth(node, FilterNodeAttnum));
	leaf->value = list_nth(value_states, value);
	if (leaf->operator == FILTER_IN)
		leaf->element = type = get_base_element_type(type);
	getTypeOutputInfo(type, &function, &varlena);
	fmgr_info(function, &leaf->output);
}

/*
 * Computes the values of now and says what is to be asked. What the other
 * functions return is valid until the next call.
 */
FilterRequest
filter_evaluate(FilterState *state, ExprContext *econtext)
{
	state->batch = -1;
	state->id = NULL;
	state->split = NULL;
	state->filter = NULL;
	state->batch_texts = NULL;
	MemoryContextReset(state->context);

	for (int i = 0; i < state->nleaves; i++)
	{
		FilterLeaf *leaf = &state->leaves[i];

		if (!evaluate_leaf(state, leaf, econtext))
			return FILTER_NOTHING;
		if (leaf->operator == FILTER_EQUALS && strcmp(leaf->field, "id") == 0)
			state->id = linitial(leaf->texts);
	}
	/* A path can't hold these: they would name another one. */
	if (state->id != NULL)
		return strcmp(state->id, ".") == 0 || strcmp(state->id, "..") == 0 ?
			FILTER_NOTHING : FILTER_CONTACT;
	choose_split(state);
	return state->nleaves > 0 ? FILTER_SEARCH : FILTER_LIST;
}

/* Was every condition put into the request? */
bool
filter_is_exact(FilterState *state)
{
	return state->complete;
}

/*
 * All that the request depends on, in the current memory context: what has
 * the same signature gets the same answer.
 */
char *
filter_signature(FilterState *state)
{
	StringInfoData signature;
	ListCell   *lc;

	initStringInfo(&signature);
	for (int i = 0; i < state->nleaves; i++)
	{
		/* Lengths keep two values from reading like one. */
		foreach(lc, state->leaves[i].texts)
			appendStringInfo(&signature, "%zu:%s", strlen(lfirst(lc)),
							 (char *) lfirst(lc));
		appendStringInfoChar(&signature, '\n');
	}
	return signature.data;
}

/* The id of FILTER_CONTACT. */
const char *
filter_id(FilterState *state)
{
	return state->id;
}

/* Into how many searches FILTER_SEARCH falls. */
int
filter_batches(FilterState *state)
{
	if (state->split == NULL)
		return 1;
	return (list_length(state->split->texts) + state->batch_size - 1) /
		state->batch_size;
}

/* The filter of one search. */
const PylonFilter *
filter_batch(FilterState *state, int batch)
{
	MemoryContext before = MemoryContextSwitchTo(state->context);
	List	   *filters = NIL;

	for (int i = 0; i < state->nleaves; i++)
	{
		if (!is_left_out(state, &state->leaves[i]))
			filters = lappend(filters,
							  make_leaf_filter(state, &state->leaves[i], batch));
	}
	state->filter = combine(filters);
	state->batch = batch;
	state->nbatch_texts = 0;
	if (state->split != NULL)
	{
		List	   *texts = batch_of(state, state->split, batch);
		ListCell   *lc;

		state->batch_texts = palloc(list_length(texts) * sizeof(char *));
		foreach(lc, texts)
			state->batch_texts[state->nbatch_texts++] = lfirst(lc);
		qsort(state->batch_texts, state->nbatch_texts, sizeof(char *), compare_texts);
	}
	MemoryContextSwitchTo(before);
	return state->filter;
}

/*
 * Is the row one that this batch should find? An API that compares loosely
 * may answer several batches with the same contact; it counts only where its
 * very text was asked for.
 */
bool
filter_accepts(FilterState *state, int batch, TupleTableSlot *slot)
{
	AttrNumber	attnum;
	char	   *key;

	if (state->split == NULL)
		return true;
	Assert(batch == state->batch);
	attnum = state->split->attnum;
	if (slot->tts_isnull[attnum - 1])
		return false;
	/* text and varchar, by column_of: a varlena of the text itself */
	key = TextDatumGetCString(slot->tts_values[attnum - 1]);
	return bsearch(&key, state->batch_texts, state->nbatch_texts,
				   sizeof(char *), compare_texts) != NULL;
}

/* False if no contact can satisfy the condition. */
static bool
evaluate_leaf(FilterState *state, FilterLeaf *leaf, ExprContext *econtext)
{
	MemoryContext before = MemoryContextSwitchTo(state->context);
	bool		null;
	Datum		value = ExecEvalExpr(leaf->value, econtext, &null);

	leaf->texts = null ? NIL : value_texts(leaf, value);
	MemoryContextSwitchTo(before);
	return leaf->texts != NIL;
}

/*
 * The texts to compare with, each once, in the order in which they came.
 * NULL equals nothing, and neither does the empty string: an empty field of
 * a contact is read as NULL.
 */
static List *
value_texts(FilterLeaf *leaf, Datum value)
{
	List	   *texts = NIL;
	Datum	   *elements = &value;
	bool	   *nulls = NULL;
	int			count = 1;

	if (OidIsValid(leaf->element))
	{
		ArrayType  *array = DatumGetArrayTypeP(value);
		int16		length;
		bool		byval;
		char		align;

		get_typlenbyvalalign(leaf->element, &length, &byval, &align);
		deconstruct_array(array, leaf->element, length, byval, align,
						  &elements, &nulls, &count);
	}
	for (int i = 0; i < count; i++)
	{
		char	   *text;

		if (nulls != NULL && nulls[i])
			continue;
		text = OutputFunctionCall(&leaf->output, elements[i]);
		if (text[0] != '\0')
			texts = lappend(texts, text);
	}
	return distinct_texts(texts);
}

/* Without repetitions, otherwise as it was. */
static List *
distinct_texts(List *texts)
{
	int			count = list_length(texts);
	const char ***places;
	List	   *distinct = NIL;
	ListCell   *lc;
	int			n = 0;

	if (count < 2)
		return texts;
	/* Sorted by text and, where equal, by place: the first one stays. */
	places = palloc(count * sizeof(char **));
	foreach(lc, texts)
		places[n++] = (const char **) &lfirst(lc);
	qsort(places, count, sizeof(char **), compare_places);
	for (int i = count - 1; i > 0; i--)
	{
		if (strcmp(*places[i], *places[i - 1]) == 0)
			*places[i] = NULL;
	}
	foreach(lc, texts)
	{
		if (lfirst(lc) != NULL)
			distinct = lappend(distinct, lfirst(lc));
	}
	return distinct;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Pointers into one list: of equal texts, the earlier place comes first. */
static int
compare_places(const void *a, const void *b)
{
	const char *const *left = *(const char *const *const *) a;
	const char *const *right = *(const char *const *const *) b;
	int			order = strcmp(*left, *right);

	if (order != 0)
		return order;
	return left < right ? -1 : left > right;
}

/*
 * Of the lists that are longer than a batch, the shortest makes the fewest
 * requests; the others are left to the executor.
 */
static void
choose_split(FilterState *state)
{
	state->complete = true;
	for (int i = 0; i < state->nleaves; i++)
	{
		FilterLeaf *leaf = &state->leaves[i];

		if (list_length(leaf->texts) <= state->batch_size)
			continue;
		if (state->split != NULL)
			state->complete = false;
		if (state->split == NULL ||
			list_length(leaf->texts) < list_length(state->split->texts))
			state->split = leaf;
	}
}

static bool
is_left_out(FilterState *state, FilterLeaf *leaf)
{
	return leaf != state->split &&
		list_length(leaf->texts) > state->batch_size;
}

static PylonFilter *
make_leaf_filter(FilterState *state, FilterLeaf *leaf, int batch)
{
	PylonFilter *filter = palloc0(sizeof(PylonFilter));

	filter->operator = operators[leaf->operator].name;
	filter->field = leaf->field;
	if (leaf->operator == FILTER_IN)
		filter->values = leaf == state->split ? batch_of(state, leaf, batch) : leaf->texts;
	else
		filter->value = linitial(leaf->texts);
	return filter;
}

/* All of "filters" must hold. */
static PylonFilter *
combine(List *filters)
{
	PylonFilter *filter;

	if (list_length(filters) == 1)
		return linitial(filters);
	filter = palloc0(sizeof(PylonFilter));
	filter->operator = "and";
	filter->subfilters = filters;
	return filter;
}

static List *
batch_of(FilterState *state, FilterLeaf *leaf, int batch)
{
	List	   *texts = list_copy_tail(leaf->texts, batch * state->batch_size);

	return list_truncate(texts, state->batch_size);
}

/* ------------------------------------------------------------------------
 * EXPLAIN
 * ------------------------------------------------------------------------
 */

/*
 * The filter as EXPLAIN shows it: constants as they will be sent, other
 * values as SQL ("$1"). NULL for a NIL filter.
 */
PylonFilter *
filter_describe(List *filter, List *values, List *deparse_context)
{
	List	   *described = NIL;
	ListCell   *lc;

	foreach(lc, filter)
	{
		List	   *node = lfirst(lc);
		FilterOperator operator = intVal(list_nth(node, FilterNodeOperator));
		Node	   *value = list_nth(values, intVal(list_nth(node, FilterNodeValue)));
		PylonFilter *leaf = palloc0(sizeof(PylonFilter));

		leaf->operator = operators[operator].name;
		leaf->field = strVal(list_nth(node, FilterNodeField));
		if (operator == FILTER_IN)
			leaf->values = describe_values(value, deparse_context);
		else
			leaf->value = filter_describe_value(value, deparse_context);
		described = lappend(described, leaf);
	}
	return described == NIL ? NULL : combine(described);
}

/* A value as EXPLAIN shows it. */
char *
filter_describe_value(Node *value, List *deparse_context)
{
	if (IsA(value, Const) && !((Const *) value)->constisnull)
	{
		Const	   *constant = (Const *) value;
		Oid			function;
		bool		varlena;

		getTypeOutputInfo(constant->consttype, &function, &varlena);
		return OidOutputFunctionCall(function, constant->constvalue);
	}
	return deparse_expression(value, deparse_context, false, false);
}

/* The elements of a constant array, or the expression for all of them. */
static List *
describe_values(Node *value, List *deparse_context)
{
	FilterLeaf	leaf = {0};
	Oid			function;
	bool		varlena;

	if (!IsA(value, Const) || ((Const *) value)->constisnull)
		return list_make1(filter_describe_value(value, deparse_context));
	leaf.element = get_base_element_type(exprType(value));
	getTypeOutputInfo(leaf.element, &function, &varlena);
	fmgr_info(function, &leaf.output);
	return value_texts(&leaf, ((Const *) value)->constvalue);
}
