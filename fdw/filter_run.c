/*-------------------------------------------------------------------------
 *
 * filter_run.c
 *		A planned filter and the values of now: what is sent.
 *
 * Each node of the tree becomes one of three: a filter, "never" (no contact
 * can satisfy it, so nothing need be asked) or "always" (nothing that the
 * API could be asked for, so the executor alone decides). How these are put
 * together is decided in filter_tree.c. A list that is too long for one
 * search is sent in batches.
 *
 * IDENTIFICATION
 *		fdw/filter_run.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "contact.h"
#include "executor/executor.h"
#include "filter.h"
#include "filter_test.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/formatting.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"

/* Which pairs of field and operator are taken for the reason of a refusal. */
typedef enum Suspect
{
	SUSPECT_UNLISTED,			/* those that the reference doesn't list */
	SUSPECT_CUSTOM,				/* those of custom fields */
	SUSPECT_ALL,
} Suspect;

/* Texts, sorted. */
typedef struct FilterKeys
{
	const char **texts;
	int			count;
} FilterKeys;

struct FilterState
{
	FilterEvaluation evaluation;
	FilterNode *root;			/* a FILTER_AND, or NULL */
	MemoryContext context;		/* of what is evaluated; reset each time */
	bool		no_lookup;		/* GET /contacts/{id} was refused */

	/* of a lookup join */
	FilterNode *keys_node;		/* NULL if there is none */
	List	   *join_keys;		/* of char *: those to look up now */
	bool		all_keys;		/* some of them can't be asked for */
	bool		keys_asked;		/* the last evaluation asks for them */

	/* of the last evaluation */
	FilterRequest request;
	const char *id;
	PylonFilter *common;		/* all conditions but "split" */
	FilterNode *split;			/* the list sent in batches, or NULL */
	PylonFilter *filter;		/* last made */
	FilterKeys	keys;			/* values of the present batch */

	/* of batches that were read before the API refused the next one */
	MemoryContext done_context;
	FilterNode *done_split;		/* NULL if there were none */
	FilterKeys	done;
};

static FilterNode *begin_node(List *node, List *values, List *value_states);
static void begin_value(FilterNode *node, Node *value);
static PylonFilter *evaluate_node(FilterState *state, FilterNode *node,
								  ExprContext *econtext);
static PylonFilter *evaluate_keys(FilterState *state);
static PylonFilter *find_lookup(FilterState *state, List *filters);
static bool is_lookup(FilterNode *node);
static void find_split(FilterState *state);
static List *batch_of(FilterState *state, int batch);
static FilterKeys make_keys(List *texts);
static bool has_key(const FilterKeys *keys, const char *text);
static int	compare_texts(const void *a, const void *b);
static void remember_done(FilterState *state, int batch);
static char *slot_text(const FilterNode *node, TupleTableSlot *slot);
static bool remember(FilterState *state, const PylonFilter *filter,
					 Suspect suspect);
static PylonFilter *describe_node(FilterNode *node, List *filter, List *values,
								  List *deparse_context, const char *keys);

/*
 * Prepares to evaluate a planned filter, in the current memory context.
 * "value_states" are the compiled "values". Nothing is looked up remotely.
 */
FilterState *
filter_begin(List *filter, List *values, List *value_states, int batch_size,
			 PylonSession *session)
{
	FilterState *state = palloc0(sizeof(FilterState));
	ListCell   *lc;

	state->evaluation.session = session;
	state->evaluation.batch_size = batch_size;
	state->context = AllocSetContextCreate(CurrentMemoryContext,
										   "pylon_fdw filter",
										   ALLOCSET_SMALL_SIZES);
	state->done_context = AllocSetContextCreate(CurrentMemoryContext,
												"pylon_fdw batches done",
												ALLOCSET_SMALL_SIZES);
	if (filter == NIL)
		return state;
	state->root = begin_node(filter, values, value_states);
	foreach(lc, state->root->children)
	{
		if (((FilterNode *) lfirst(lc))->test == FILTER_KEYS)
			state->keys_node = lfirst(lc);
	}
	return state;
}

static FilterNode *
begin_node(List *node, List *values, List *value_states)
{
	FilterNode *result = palloc0(sizeof(FilterNode));
	int			place;
	ListCell   *lc;

	result->test = intVal(linitial(node));
	if (result->test == FILTER_AND || result->test == FILTER_OR)
	{
		for_each_from(lc, node, 1)
			result->children = lappend(result->children,
									   begin_node(lfirst(lc), values, value_states));
		return result;
	}
	result->field = strVal(list_nth(node, FilterNodeField));
	result->flags = intVal(list_nth(node, FilterNodeFlags));
	result->attnum = intVal(list_nth(node, FilterNodeAttnum));
	result->max_length = intVal(list_nth(node, FilterNodeMaxLength));
	place = intVal(list_nth(node, FilterNodeValue));
	if (place >= 0)
	{
		begin_value(result, list_nth(values, place));
		if (value_states != NIL)
			result->value = list_nth(value_states, place);
	}
	return result;
}

static void
begin_value(FilterNode *node, Node *value)
{
	Oid			function;
	bool		varlena;

	node->type = exprType(value);
	node->element = get_base_element_type(node->type);
	getTypeOutputInfo(OidIsValid(node->element) ? node->element : node->type,
					  &function, &varlena);
	fmgr_info(function, &node->output);
}

/*
 * Computes the values of now and says what is to be asked. What the other
 * functions return is valid until the next call.
 */
FilterRequest
filter_evaluate(FilterState *state, ExprContext *econtext)
{
	MemoryContext before;
	List	   *filters = NIL;
	PylonFilter *lookup;
	ListCell   *lc;

	MemoryContextReset(state->context);
	state->id = NULL;
	state->split = NULL;
	state->filter = NULL;
	state->evaluation.exact = true;
	state->common = &filter_always;
	if (state->root == NULL)
		return state->request = FILTER_LIST;

	before = MemoryContextSwitchTo(state->context);
	foreach(lc, state->root->children)
		filters = lappend(filters, evaluate_node(state, lfirst(lc), econtext));
	lookup = find_lookup(state, filters);
	if (lookup == NULL)
		find_split(state);
	state->common = filter_fit(filter_combine("and", filters));
	MemoryContextSwitchTo(before);

	if (state->common == &filter_never)
		return state->request = FILTER_NOTHING;
	if (lookup != NULL)
	{
		state->id = lookup->value;
		/* A path can't hold these: they would name another one. */
		return state->request = strcmp(state->id, ".") == 0 ||
			strcmp(state->id, "..") == 0 ? FILTER_NOTHING : FILTER_CONTACT;
	}
	return state->request = state->common == &filter_always && state->split == NULL ?
		FILTER_LIST : FILTER_SEARCH;
}

/* Will nothing that comes be dropped by the executor? */
bool
filter_is_exact(FilterState *state)
{
	return state->evaluation.exact;
}

/*
 * All that the request depends on: what has the same signature gets the same
 * answer.
 */
const char *
filter_signature(FilterState *state)
{
	MemoryContext before = MemoryContextSwitchTo(state->context);
	StringInfoData signature;
	ListCell   *lc;

	initStringInfo(&signature);
	appendStringInfo(&signature, "%d %s ", state->request,
					 state->split != NULL ? state->split->field : "");
	if (state->id != NULL)
		appendStringInfoString(&signature, state->id);
	else if (state->common != &filter_always)
		appendStringInfoString(&signature, json_filter_text(state->common));
	if (state->split != NULL)
	{
		/* Lengths keep two values from reading like one. */
		foreach(lc, state->split->texts)
			appendStringInfo(&signature, "%zu:%s", strlen(lfirst(lc)),
							 (char *) lfirst(lc));
	}
	MemoryContextSwitchTo(before);
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
	return (list_length(state->split->texts) + state->evaluation.batch_size - 1) /
		state->evaluation.batch_size;
}

/* The filter of one search. */
const PylonFilter *
filter_batch(FilterState *state, int batch)
{
	MemoryContext before = MemoryContextSwitchTo(state->context);
	List	   *filters = NIL;

	if (state->split != NULL)
	{
		List	   *texts = batch_of(state, batch);

		/* Decided when it was evaluated, whatever was refused since. */
		PylonFilter *leaf = palloc0(sizeof(PylonFilter));

		leaf->operator = "in";
		leaf->field = state->split->field;
		leaf->values = texts;
		filters = list_make1(leaf);
		state->keys = make_keys(texts);
	}
	if (state->common != &filter_always)
		filters = lappend(filters, state->common);
	state->filter = filter_fit(filter_combine("and", filters));
	MemoryContextSwitchTo(before);
	return state->filter;
}

/*
 * Is the row one that the present batch should find? An API that compares
 * loosely may answer several batches with the same contact; it counts only
 * where its very text was asked for.
 */
bool
filter_accepts(FilterState *state, TupleTableSlot *slot)
{
	if (state->done_split != NULL &&
		has_key(&state->done, slot_text(state->done_split, slot)))
		return false;
	return state->split == NULL ||
		has_key(&state->keys, slot_text(state->split, slot));
}

/* Starts over: what earlier batches have found is to be found again. */
void
filter_forget(FilterState *state)
{
	state->done_split = NULL;
	MemoryContextReset(state->done_context);
}

/*
 * The API refused what was asked. Remembers what may have been the reason:
 * operators that the reference page doesn't list, if there are none of those
 * then custom fields, else all. What the batches before "batch" have found won't be accepted
 * again. False if there is nothing left to do without. The filter must be
 * evaluated again.
 */
bool
filter_retreat(FilterState *state, int batch)
{
	if (state->request == FILTER_CONTACT)
	{
		/* An id of another form than the API's, perhaps: it can be searched. */
		state->no_lookup = true;
		return true;
	}
	if (state->request != FILTER_SEARCH || state->filter == NULL)
		return false;
	if (batch > 0 && state->done_split != NULL)
		return false;			/* once is odd enough */
	if (batch > 0)
		remember_done(state, batch);
	return remember(state, state->filter, SUSPECT_UNLISTED) ||
		remember(state, state->filter, SUSPECT_CUSTOM) ||
		remember(state, state->filter, SUSPECT_ALL);
}

/*
 * The keys that a lookup join asks for next, no more than a batch of them;
 * with "all", those of all contacts. They must live until the next call.
 */
void
filter_set_keys(FilterState *state, List *keys, bool all)
{
	state->join_keys = keys;
	state->all_keys = all;
}

/* How contacts with a lookup join's key "text" can be asked for. */
FilterKeyKind
filter_key_kind(FilterState *state, const char *text)
{
	if (connection_is_refused(state->evaluation.session, state->keys_node->field, "in"))
		return FILTER_KEY_UNKNOWN;
	return filter_test_key(state->keys_node, text);
}

/* Does the last evaluation leave out contacts without one of the keys? */
bool
filter_asks_keys(FilterState *state)
{
	return state->keys_asked;
}

/* The most values that are sent in one list. */
int
filter_batch_size(FilterState *state)
{
	return state->evaluation.batch_size;
}

/* Are keys of a lookup join equal if they differ in case? */
bool
filter_ignores_case(FilterState *state)
{
	return (state->keys_node->flags & FILTER_NODE_FOLD) != 0;
}

/* ------------------------------------------------------------------------
 * From nodes to filters
 * ------------------------------------------------------------------------
 */

static PylonFilter *
evaluate_node(FilterState *state, FilterNode *node, ExprContext *econtext)
{
	List	   *filters = NIL;
	Datum		value = (Datum) 0;
	bool		null = false;
	ListCell   *lc;

	if (node->test == FILTER_AND || node->test == FILTER_OR)
	{
		foreach(lc, node->children)
			filters = lappend(filters, evaluate_node(state, lfirst(lc), econtext));
		return filter_combine(filter_operator_names[node->test], filters);
	}
	node->texts = NIL;
	if (node->test == FILTER_KEYS)
		return evaluate_keys(state);
	if (node->value != NULL)
		value = ExecEvalExpr(node->value, econtext, &null);
	/* No comparison with NULL is true. */
	return null ? &filter_never : filter_test(&state->evaluation, node, value);
}

/* The keys that a lookup join has set. */
static PylonFilter *
evaluate_keys(FilterState *state)
{
	FilterNode *node = state->keys_node;
	PylonFilter *leaf;

	/* More than the join asks for may come, but it expects that. */
	leaf = state->all_keys ? &filter_always :
		state->join_keys == NIL ? &filter_never :
		filter_make_leaf(&state->evaluation, node->field, "in", NULL,
						 list_copy(state->join_keys));
	state->keys_asked = leaf != &filter_always;
	return leaf;
}

/* ------------------------------------------------------------------------
 * What becomes of the whole
 * ------------------------------------------------------------------------
 */

/* The condition that names one id, among those that must all hold. */
static PylonFilter *
find_lookup(FilterState *state, List *filters)
{
	ListCell   *lc;
	ListCell   *lc2;

	if (state->no_lookup)
		return NULL;
	forboth(lc, state->root->children, lc2, filters)
	{
		if (is_lookup(lfirst(lc)) && lfirst(lc2) != &filter_never &&
			lfirst(lc2) != &filter_always)
			return lfirst(lc2);
	}
	return NULL;
}

static bool
is_lookup(FilterNode *node)
{
	return node->test == FILTER_EQUALS && strcmp(node->field, "id") == 0 &&
		!(node->flags & (FILTER_NODE_CUSTOM | FILTER_NODE_FOLD));
}

/*
 * Of the lists that are longer than a batch, the shortest makes the fewest
 * searches; the others are left to the executor.
 */
static void
find_split(FilterState *state)
{
	ListCell   *lc;

	foreach(lc, state->root->children)
	{
		FilterNode *node = lfirst(lc);

		if (node->texts != NIL &&
			(state->split == NULL ||
			 list_length(node->texts) < list_length(state->split->texts)))
			state->split = node;
	}
}

static List *
batch_of(FilterState *state, int batch)
{
	List	   *texts = NIL;
	int			first = batch * state->evaluation.batch_size;
	int			end = Min(first + state->evaluation.batch_size,
						  list_length(state->split->texts));

	for (int i = first; i < end; i++)
		texts = lappend(texts, list_nth(state->split->texts, i));
	return texts;
}

/* What the list is compared with, of a row; NULL if that is NULL. */
static char *
slot_text(const FilterNode *node, TupleTableSlot *slot)
{
	int			place = node->attnum - 1;
	Oid			type = TupleDescAttr(slot->tts_tupleDescriptor, place)->atttypid;
	Datum		value = slot->tts_values[place];
	Oid			function;
	bool		varlena;
	char	   *text;

	if (slot->tts_isnull[place])
		return NULL;
	if (node->flags & FILTER_NODE_EXTRACTED)
	{
		LOCAL_FCINFO(fcinfo, 2);

		InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
		fcinfo->args[0].value = value;
		fcinfo->args[0].isnull = false;
		fcinfo->args[1].value = CStringGetTextDatum(node->field);
		fcinfo->args[1].isnull = false;
		value = type == JSONOID ? json_object_field_text(fcinfo) :
			jsonb_object_field_text(fcinfo);
		if (fcinfo->isnull)
			return NULL;
		type = TEXTOID;
	}
	getTypeOutputInfo(type, &function, &varlena);
	text = OidOutputFunctionCall(function, value);

	return (node->flags & FILTER_NODE_FOLD) ?
		str_tolower(text, strlen(text), DEFAULT_COLLATION_OID) : text;
}

/* The texts in "texts", sorted; in the current memory context. */
static FilterKeys
make_keys(List *texts)
{
	FilterKeys	keys;
	ListCell   *lc;

	keys.texts = palloc(list_length(texts) * sizeof(char *));
	keys.count = 0;
	foreach(lc, texts)
		keys.texts[keys.count++] = pstrdup(lfirst(lc));
	qsort(keys.texts, keys.count, sizeof(char *), compare_texts);
	return keys;
}

static bool
has_key(const FilterKeys *keys, const char *text)
{
	return text !=NULL &&
				bsearch(&text, keys->texts, keys->count, sizeof(char *), compare_texts) != NULL;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Keeps the values of the batches before "batch", over the next evaluation. */
static void
remember_done(FilterState *state, int batch)
{
	MemoryContext before = MemoryContextSwitchTo(state->done_context);
	List	   *texts = list_truncate(list_copy(state->split->texts),
									  batch * state->evaluation.batch_size);

	state->done = make_keys(texts);
	state->done_split = state->split;
	MemoryContextSwitchTo(before);
}

/*
 * Remembers the pairs of field and operator in a filter that was refused:
 * all of them, or those that the reference doesn't list. False if none.
 */
static bool
remember(FilterState *state, const PylonFilter *filter, Suspect suspect)
{
	bool		found = false;
	ListCell   *lc;

	if (filter->subfilters == NIL)
	{
		int			operators = contact_field_operators(filter->field);

		if (suspect == SUSPECT_UNLISTED &&
			FIELD_IN_REFERENCE(operators, filter_field_operator(filter)))
			return false;
		/* A slug may be a slip of the pen; the fields are there. */
		if (suspect == SUSPECT_CUSTOM && !contact_slug_is_searchable(filter->field))
			return false;
		connection_remember_refusal(state->evaluation.session, filter->field, filter->operator);
		return true;
	}
	foreach(lc, filter->subfilters)
		found |= remember(state, lfirst(lc), suspect);
	return found;
}

/* ------------------------------------------------------------------------
 * EXPLAIN
 * ------------------------------------------------------------------------
 */

/*
 * The filter as EXPLAIN shows it: constants as they will be sent, other
 * values as SQL ("$1"), and for those of a lookup join "keys". NULL if there is none; "impossible" is set where the
 * constants let no contact through. In the current memory context.
 */
PylonFilter *
filter_describe(List *filter, List *values, List *deparse_context,
				const char *keys, bool *impossible)
{
	List	   *described = NIL;
	PylonFilter *result;
	ListCell   *lc;

	*impossible = false;
	if (filter == NIL)
		return NULL;
	for_each_from(lc, filter, 1)
		described = lappend(described,
							describe_node(begin_node(lfirst(lc), values, NIL),
										  lfirst(lc), values, deparse_context, keys));
	result = filter_fit(filter_combine("and", described));
	*impossible = result == &filter_never;
	return result == &filter_never || result == &filter_always ? NULL : result;
}

static PylonFilter *
describe_node(FilterNode *node, List *filter, List *values,
			  List *deparse_context, const char *keys)
{
	PylonSession session = {0};
	FilterEvaluation evaluation = {.session = &session,.batch_size = INT_MAX};
	List	   *described = NIL;
	Node	   *value;
	PylonFilter *leaf;
	ListCell   *lc;
	ListCell   *lc2;

	if (node->test == FILTER_AND || node->test == FILTER_OR)
	{
		forboth(lc, node->children, lc2, list_copy_tail(filter, 1))
			described = lappend(described, describe_node(lfirst(lc), lfirst(lc2),
														 values, deparse_context, keys));
		return filter_combine(filter_operator_names[node->test], described);
	}
	if (node->test == FILTER_KEYS)
		return filter_make_leaf(&evaluation, node->field, "in", NULL,
								list_make1(pstrdup(keys)));
	if (intVal(list_nth(filter, FilterNodeValue)) < 0)
		return filter_test(&evaluation, node, (Datum) 0);
	value = list_nth(values, intVal(list_nth(filter, FilterNodeValue)));
	if (IsA(value, Const))
		return ((Const *) value)->constisnull ? &filter_never :
			filter_test(&evaluation, node, ((Const *) value)->constvalue);
	leaf = filter_make_leaf(&evaluation, node->field, filter_operator_names[node->test], NULL, NIL);
	if (OidIsValid(node->element) || node->test == FILTER_NOT_EQUALS)
		leaf->values = list_make1(deparse_expression(value, deparse_context, false, false));
	else
		leaf->value = deparse_expression(value, deparse_context, false, false);
	return leaf;
}

/* The id of a filter that names one, as EXPLAIN shows it, else NULL. */
char *
filter_describe_id(List *filter, List *values, List *deparse_context)
{
	ListCell   *lc;

	for_each_from(lc, filter, 1)
	{
		FilterNode *node = begin_node(lfirst(lc), values, NIL);

		if (node->field != NULL && is_lookup(node))
		{
			const char *id = describe_node(node, lfirst(lc), values, deparse_context, NULL)->value;

			if (id != NULL)
				return pstrdup(id);
		}
	}
	return NULL;
}
