/*-------------------------------------------------------------------------
 *
 * filter_run.c
 *		A planned filter and the values of now: what is sent.
 *
 * Each node of the tree becomes one of three: a filter, "never" (no object
 * can satisfy it, so nothing need be asked) or "always" (nothing that the
 * API could be asked for, so the executor alone decides). How these are put
 * together is decided in filter_tree.c. A list that is too long for one
 * search is sent in batches.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_run.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "filter/filter.h"
#include "filter/filter_run.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Which pairs of field and operator are taken for the reason of a refusal. */
typedef enum Suspect
{
	SUSPECT_UNLISTED,			/* those that the reference doesn't list */
	SUSPECT_CUSTOM,				/* those of custom fields */
	SUSPECT_ALL,
} Suspect;

/* The values of a list whose objects have come already. */
typedef struct FilterDone
{
	FilterNode *split;
	FilterKeys	keys;
} FilterDone;

static FilterNode *begin_node(List *node, List *values, List *value_states);
static void begin_value(FilterNode *node, Node *value);
static PylonFilter *evaluate_node(FilterState *state, FilterNode *node,
								  ExprContext *econtext);
static List *batch_of(FilterState *state, int batch);
static FilterKeys make_keys(List *texts);
static bool has_key(const FilterKeys *keys, const char *key);
static int	compare_texts(const void *a, const void *b);
static void remember_done(FilterState *state, int batch);
static char *slot_text(const FilterNode *node, TupleTableSlot *slot);
static List *find_suspects(List *found, const PylonObject *object,
						   const PylonFilter *filter, Suspect suspect);

/*
 * Prepares to evaluate a planned filter, in the current memory context.
 * "value_states" are the compiled "values". Nothing is looked up remotely.
 */
FilterState *
filter_begin(const PylonObject *object, List *filter, List *values,
			 List *value_states, int batch_size, PylonSession *session)
{
	FilterState *state = palloc0(sizeof(FilterState));
	ListCell   *lc;

	state->evaluation.object = object;
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
	result->collation = (Oid) intVal(list_nth(node, FilterNodeCollation));
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
	PylonFilter *lookup = NULL;
	ListCell   *lc;

	MemoryContextReset(state->context);
	state->evaluation.left_out = NIL;
	state->id = NULL;
	state->split = NULL;
	state->batch = NULL;
	state->evaluation.exact = true;
	state->common = &filter_always;
	if (state->root == NULL)
		return state->request = FILTER_LIST;

	before = MemoryContextSwitchTo(state->context);
	foreach(lc, state->root->children)
	{
		FilterNode *node = lfirst(lc);
		PylonFilter *filter;

		/* What was refused in searches has no say about a path. */
		state->evaluation.in_path = !state->no_lookup && filter_names_one(node);
		filter = evaluate_node(state, node, econtext);
		if (state->evaluation.in_path && filter != &filter_never &&
			filter != &filter_always)
			lookup = filter;
		filters = lappend(filters, filter);
	}
	state->evaluation.in_path = false;
	if (lookup == NULL)
		filter_find_split(state);
	state->common = filter_fit(filter_combine("and", filters), &state->evaluation.exact);
	MemoryContextSwitchTo(before);

	if (state->common == &filter_never)
		return state->request = FILTER_NOTHING;
	if (lookup != NULL)
	{
		state->id = lookup->value;
		return state->request = FILTER_ID;
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

/* The id of FILTER_ID. */
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

/* One search, which is made and no more. */
const FilterBatch *
filter_batch(FilterState *state, int batch)
{
	MemoryContext before = MemoryContextSwitchTo(state->context);
	FilterBatch *made = palloc0(sizeof(FilterBatch));
	List	   *filters = NIL;

	if (state->split != NULL)
	{
		List	   *texts = batch_of(state, batch);

		filters = list_make1(filter_make_list(state, texts));
		made->keys = make_keys(texts);
	}
	if (state->common != &filter_always)
		filters = lappend(filters, state->common);
	made->filter = filter_fit(filter_combine("and", filters), &state->evaluation.exact);
	made->documented = find_suspects(NIL, state->evaluation.object, made->filter,
									 SUSPECT_UNLISTED) == NIL;
	MemoryContextSwitchTo(before);
	return made;
}

/* From now on the objects of this search come. */
void
filter_use(FilterState *state, const FilterBatch *batch)
{
	state->batch = batch;
}

/*
 * Goes without what was refused where the same filter was evaluated as
 * "other", which must live as long.
 */
void
filter_adopt(FilterState *state, const FilterState *other)
{
	state->evaluation.refused = other->evaluation.refused;
	state->no_lookup = other->no_lookup;
}

/*
 * Is the row one that the present batch should find? An API that compares
 * loosely may answer several batches with the same object; it counts only
 * where its very text was asked for.
 */
bool
filter_accepts(FilterState *state, TupleTableSlot *slot)
{
	ListCell   *lc;

	foreach(lc, state->done)
	{
		FilterDone *done = lfirst(lc);

		if (has_key(&done->keys, slot_text(done->split, slot)))
			return false;
	}
	return state->split == NULL ||
		has_key(&state->batch->keys, slot_text(state->split, slot));
}

/* Starts over: what earlier batches have found is to be found again. */
void
filter_forget(FilterState *state)
{
	state->suspect = NULL;
	state->done = NIL;
	MemoryContextReset(state->done_context);
}

/*
 * The API refused what was asked. The scan goes on without what may have been
 * the reason: operators that the reference page doesn't list, if there are
 * none of those then custom fields, else all. What the batches before "batch"
 * have found won't be accepted again. False if there is nothing left to do
 * without. The filter must be evaluated again.
 */
bool
filter_retreat(FilterState *state, int batch)
{
	List	   *suspects = NIL;
	MemoryContext before;
	ListCell   *lc;

	if (state->request == FILTER_ID)
	{
		/* An id of another form than the API's, perhaps: it can be searched. */
		state->no_lookup = true;
		return true;
	}
	if (state->request != FILTER_SEARCH || state->batch == NULL)
		return false;
	if (batch > 0)
		remember_done(state, batch);
	/* What is found lives as long as the scan, and so does "state". */
	before = MemoryContextSwitchTo(GetMemoryChunkContext(state));
	for (Suspect suspect = 0; suspects == NIL && suspect <= SUSPECT_ALL; suspect++)
		suspects = find_suspects(NIL, state->evaluation.object, state->batch->filter, suspect);
	foreach(lc, suspects)
	{
		const PylonRefusal *refusal = lfirst(lc);

		state->evaluation.refused = session_add_refusal(state->evaluation.refused,
														refusal->pair, refusal->values);
	}
	state->suspect = list_length(suspects) == 1 ? linitial(suspects) : NULL;
	MemoryContextSwitchTo(before);
	return suspects != NIL;
}

/*
 * The API took what was asked. If it had refused the same with just one pair
 * of field and operator more, that was the reason, for the whole session.
 */
void
filter_confirm(FilterState *state)
{
	if (state->suspect == NULL)
		return;
	session_remember_refusal(state->evaluation.session,
							 state->suspect->pair, state->suspect->values);
	state->suspect = NULL;
}

/*
 * The keys that a lookup join asks for next, no more than a batch of them;
 * with "all", those of all objects. They must live until the next call.
 */
void
filter_set_keys(FilterState *state, List *keys, bool all)
{
	state->join_keys = keys;
	state->all_keys = all;
}

/* Has the API refused to be asked for a batch of keys? */
bool
filter_keys_are_refused(FilterState *state)
{
	MemoryContext before = MemoryContextSwitchTo(state->context);
	bool		refused = filter_is_refused(&state->evaluation, state->keys_node->field,
											filter_operator_name(state->keys_node),
											state->evaluation.batch_size);

	MemoryContextSwitchTo(before);
	return refused;
}

/* How objects with a lookup join's key "text" can be asked for. */
FilterKeyKind
filter_key_kind(FilterState *state, const char *text)
{
	return filter_test_key(state->keys_node, text);
}

/*
 * Are objects left out that have none of the keys? Those of batches that
 * were read before a refusal don't come again, whatever is asked since then.
 */
bool
filter_asks_keys(FilterState *state)
{
	return state->keys_asked || state->done != NIL;
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
		return filter_combine(filter_operator_name(node), filters);
	}
	node->texts = NIL;
	if (node->test == FILTER_KEYS)
		return filter_evaluate_keys(state);
	if (node->value != NULL)
		value = ExecEvalExpr(node->value, econtext, &null);
	return null ? filter_test_null(&state->evaluation, node) :
		filter_test(&state->evaluation, node, value);
}

/* The keys that a lookup join has set. */
PylonFilter *
filter_evaluate_keys(FilterState *state)
{
	FilterNode *node = state->keys_node;
	PylonFilter *leaf;

	/* More than the join asks for may come, but it expects that. */
	leaf = state->all_keys ? &filter_always :
		state->join_keys == NIL ? &filter_never :
		filter_make_leaf(&state->evaluation, node->field,
						 filter_operator_name(node), NULL,
						 list_copy(state->join_keys));
	state->keys_asked = leaf != &filter_always;
	return leaf;
}

/* ------------------------------------------------------------------------
 * What becomes of the whole
 * ------------------------------------------------------------------------
 */

/* A condition that names one id? */
bool
filter_names_one(FilterNode *node)
{
	return (node->flags & FILTER_NODE_LOOKUP) != 0;
}

/*
 * Of the lists that are longer than a batch, the shortest makes the fewest
 * searches; the others are left to the executor.
 */
void
filter_find_split(FilterState *state)
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

/* "split" with some of its texts, whatever was refused since it was chosen. */
PylonFilter *
filter_make_list(FilterState *state, List *texts)
{
	PylonFilter *leaf = palloc0(sizeof(PylonFilter));

	leaf->operator = filter_operator_name(state->split);
	leaf->field = state->split->field;
	leaf->values = texts;
	return leaf;
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

	if (node->flags & FILTER_NODE_UUID)
		return DatumGetCString(DirectFunctionCall1(uuid_out,
												   DirectFunctionCall1(uuid_in, CStringGetDatum(text))));
	return (node->flags & FILTER_NODE_FOLD) ? filter_fold(node, text) : text;
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
has_key(const FilterKeys *keys, const char *key)
{
	return key != NULL && bsearch(&key, keys->texts, keys->count,
								  sizeof(char *), compare_texts) != NULL;
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
	FilterDone *done = palloc(sizeof(FilterDone));

	done->split = state->split;
	done->keys = make_keys(list_truncate(list_copy(state->split->texts),
										 batch * state->evaluation.batch_size));
	state->done = lappend(state->done, done);
	MemoryContextSwitchTo(before);
}

/*
 * "found" and the pairs of field and operator in a filter that was refused
 * that are suspected, as PylonRefusals in the current memory context.
 */
static List *
find_suspects(List *found, const PylonObject *object,
			  const PylonFilter *filter, Suspect suspect)
{
	ListCell   *lc;

	foreach(lc, filter->subfilters)
		found = find_suspects(found, object, lfirst(lc), suspect);
	if (filter->subfilters != NIL ||
		(suspect == SUSPECT_UNLISTED &&
		 (object_searched_field(object, filter->field)->documented &
		  filter_field_operator(filter))) ||
	/* A slug may be a slip of the pen; the fields are there. */
		(suspect == SUSPECT_CUSTOM && !object_slug_is_searchable(object, filter->field)))
		return found;
	return session_add_refusal(found,
							   filter_pair(object, filter->field, filter->operator),
							   list_length(filter->values) > 1 ?
							   list_length(filter->values) : 0);
}
