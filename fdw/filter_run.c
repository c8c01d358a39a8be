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

#include "catalog/pg_type.h"
#include "contact.h"
#include "executor/executor.h"
#include "filter.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"

/* A node of the tree, as planned and as last evaluated. */
typedef struct FilterNode
{
	FilterTest	test;
	List	   *children;		/* of FilterNode *, of FILTER_AND and
								 * FILTER_OR */
	const char *field;
	int			flags;
	AttrNumber	attnum;
	int			max_length;
	ExprState  *value;			/* NULL if the test has none */
	Oid			type;			/* of the value */
	Oid			element;		/* of an array, else invalid */
	FmgrInfo	output;			/* of the type or the element */
	List	   *texts;			/* of a list that is too long for one search */
} FilterNode;

struct FilterState
{
	PylonSession *session;
	int			batch_size;
	FilterNode *root;			/* a FILTER_AND, or NULL */
	MemoryContext context;		/* of what is evaluated; reset each time */
	bool		no_lookup;		/* GET /contacts/{id} was refused */

	/* of the last evaluation */
	FilterRequest request;
	bool		exact;			/* what comes is what SQL wants */
	const char *id;
	PylonFilter *common;		/* all conditions but "split" */
	FilterNode *split;			/* the list sent in batches, or NULL */
	PylonFilter *filter;		/* last made */
	const char **keys;			/* values of the present batch, sorted */
	int			nkeys;
};

/* The operator that a test uses. */
static const char *const operator_names[] =
{
	[FILTER_AND] = "and",
	[FILTER_OR] = "or",
	[FILTER_EQUALS] = "equals",
	[FILTER_IN] = "in",
	[FILTER_NOT_EQUALS] = "not_in",
	[FILTER_NOT_IN] = "not_in",
	[FILTER_LIKE] = "string_contains",
	[FILTER_PREFIX] = "string_contains",
	[FILTER_SUBSTRING] = "string_contains",
	[FILTER_SET] = "is_set",
	[FILTER_UNSET] = "is_unset",
	[FILTER_HAS] = "contains",
	[FILTER_HAS_ALL] = "contains",
	[FILTER_HAS_ANY] = "contains",
	[FILTER_JSON] = "equals",
};

static FilterNode *begin_node(List *node, List *values, List *value_states);
static void begin_value(FilterNode *node, Node *value);
static PylonFilter *evaluate_node(FilterState *state, FilterNode *node,
								  ExprContext *econtext);
static PylonFilter *evaluate_test(FilterState *state, FilterNode *node,
								  Datum value);
static PylonFilter *evaluate_text(FilterState *state, FilterNode *node,
								  Datum value);
static PylonFilter *evaluate_list(FilterState *state, FilterNode *node,
								  Datum value);
static PylonFilter *evaluate_pattern(FilterState *state, FilterNode *node,
									 const char *pattern);
static PylonFilter *evaluate_json(FilterState *state, Jsonb *json);
static PylonFilter *evaluate_json_value(FilterState *state, const char *slug,
										JsonbValue *value);
static PylonFilter *widen(FilterState *state);
static bool is_within_element(const FilterNode *node, const char *text);
static bool is_expressible(const FilterNode *node, const char *text);
static List *list_texts(FilterNode *node, Datum value, bool *has_null);
static List *distinct_texts(List *texts);
static int	compare_texts(const void *a, const void *b);
static int	compare_places(const void *a, const void *b);
static PylonFilter *make_leaf(FilterState *state, const char *field,
							  const char *operator, const char *value,
							  List *values);
static PylonFilter *find_lookup(FilterState *state, List *filters);
static void find_split(FilterState *state);
static List *batch_of(FilterState *state, int batch);
static char *slot_text(const FilterNode *node, TupleTableSlot *slot);
static bool remember(FilterState *state, const PylonFilter *filter, bool all);
static PylonFilter *describe_node(FilterNode *node, List *filter, List *values,
								  List *deparse_context);

/*
 * Prepares to evaluate a planned filter, in the current memory context.
 * "value_states" are the compiled "values". Nothing is looked up remotely.
 */
FilterState *
filter_begin(List *filter, List *values, List *value_states, int batch_size,
			 PylonSession *session)
{
	FilterState *state = palloc0(sizeof(FilterState));

	state->session = session;
	state->batch_size = batch_size;
	state->context = AllocSetContextCreate(CurrentMemoryContext,
										   "pylon_fdw filter",
										   ALLOCSET_SMALL_SIZES);
	if (filter != NIL)
		state->root = begin_node(filter, values, value_states);
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
	state->exact = true;
	state->common = &filter_always;
	if (state->root == NULL)
		return state->request = FILTER_LIST;

	before = MemoryContextSwitchTo(state->context);
	foreach(lc, state->root->children)
		filters = lappend(filters, evaluate_node(state, lfirst(lc), econtext));
	find_split(state);
	lookup = find_lookup(state, filters);
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
	return state->exact;
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
	return (list_length(state->split->texts) + state->batch_size - 1) /
		state->batch_size;
}

/* The filter of one search. */
const PylonFilter *
filter_batch(FilterState *state, int batch)
{
	MemoryContext before = MemoryContextSwitchTo(state->context);
	List	   *filters = NIL;
	ListCell   *lc;

	state->nkeys = 0;
	if (state->split != NULL)
	{
		List	   *texts = batch_of(state, batch);

		filters = list_make1(make_leaf(state, state->split->field, "in", NULL, texts));
		state->keys = palloc(list_length(texts) * sizeof(char *));
		foreach(lc, texts)
			state->keys[state->nkeys++] = lfirst(lc);
		qsort(state->keys, state->nkeys, sizeof(char *), compare_texts);
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
	char	   *key;

	if (state->split == NULL)
		return true;
	key = slot_text(state->split, slot);
	return key != NULL &&
		bsearch(&key, state->keys, state->nkeys, sizeof(char *), compare_texts) != NULL;
}

/*
 * The API refused what was asked. Remembers what may have been the reason:
 * operators that the reference page doesn't list or, if there are none of
 * those, all. False if there is nothing left to do without. The filter must
 * be evaluated again.
 */
bool
filter_retreat(FilterState *state)
{
	if (state->request == FILTER_CONTACT)
	{
		/* An id of another form than the API's, perhaps: it can be searched. */
		state->no_lookup = true;
		return true;
	}
	if (state->request != FILTER_SEARCH || state->filter == NULL)
		return false;
	return remember(state, state->filter, false) ||
		remember(state, state->filter, true);
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
		return filter_combine(operator_names[node->test], filters);
	}
	node->texts = NIL;
	if (node->value != NULL)
		value = ExecEvalExpr(node->value, econtext, &null);
	/* No comparison with NULL is true. */
	return null ? &filter_never : evaluate_test(state, node, value);
}

/* The filter for a test with a value that isn't NULL. */
static PylonFilter *
evaluate_test(FilterState *state, FilterNode *node, Datum value)
{
	switch (node->test)
	{
		case FILTER_SET:
		case FILTER_UNSET:
			return make_leaf(state, node->field, operator_names[node->test], NULL, NIL);
		case FILTER_JSON:
			return evaluate_json(state, DatumGetJsonbP(value));
		case FILTER_IN:
		case FILTER_NOT_IN:
		case FILTER_HAS_ALL:
		case FILTER_HAS_ANY:
			return evaluate_list(state, node, value);
		default:
			return evaluate_text(state, node, value);
	}
}

/* Tests against one text. */
static PylonFilter *
evaluate_text(FilterState *state, FilterNode *node, Datum value)
{
	char	   *text = OutputFunctionCall(&node->output, value);
	bool		custom = (node->flags & FILTER_NODE_CUSTOM) != 0;

	if (node->test == FILTER_LIKE)
		return evaluate_pattern(state, node, text);
	if (text[0] == '\0')
	{
		/* Every text holds the empty one; no field of a contact is it. */
		return node->test == FILTER_EQUALS && !custom ? &filter_never : widen(state);
	}
	if (!is_expressible(node, text))
		return widen(state);
	if (node->test == FILTER_PREFIX || node->test == FILTER_NOT_EQUALS)
		state->exact = false;
	if (node->flags & FILTER_NODE_FOLD)
		text = asc_tolower(text, strlen(text));

	if (node->test == FILTER_NOT_EQUALS)
		return make_leaf(state, node->field, "not_in", NULL, list_make1(text));
	return make_leaf(state, node->field, operator_names[node->test], text, NIL);
}

/* Tests against an array. */
static PylonFilter *
evaluate_list(FilterState *state, FilterNode *node, Datum value)
{
	bool		has_null;
	List	   *texts = list_texts(node, value, &has_null);
	List	   *wanted = NIL;
	List	   *filters = NIL;
	ListCell   *lc;

	/* NOT IN is never true with a NULL in it, nor is "has all". */
	if (has_null && (node->test == FILTER_NOT_IN || node->test == FILTER_HAS_ALL))
		return &filter_never;
	if (node->test == FILTER_NOT_IN)
		state->exact = false;
	foreach(lc, texts)
	{
		char	   *text = lfirst(lc);

		if (text[0] == '\0' && !(node->flags & FILTER_NODE_CUSTOM))
			continue;			/* no field is the empty text */
		if (is_expressible(node, text))
			wanted = lappend(wanted, (node->flags & FILTER_NODE_FOLD) ?
							 asc_tolower(text, strlen(text)) : text);
		else if (node->test == FILTER_HAS_ALL || node->test == FILTER_NOT_IN)
			state->exact = false;
		else
			return widen(state);	/* of any, all must be asked for */
	}
	wanted = distinct_texts(wanted);
	if (wanted == NIL)
		return node->test == FILTER_IN || node->test == FILTER_HAS_ANY ? &filter_never : &filter_always;

	if (node->test == FILTER_HAS_ALL)
	{
		foreach(lc, wanted)
			filters = lappend(filters, make_leaf(state, node->field, "contains",
												 lfirst(lc), NIL));
		return filter_combine("and", filters);
	}
	if (list_length(wanted) > state->batch_size)
	{
		/* At the top it may be sent in batches; find_split decides. */
		if (node->test == FILTER_IN && node->attnum > 0 &&
			!connection_is_refused(state->session, node->field, "in"))
			node->texts = wanted;
		return widen(state);
	}
	return make_leaf(state, node->field, operator_names[node->test], NULL, wanted);
}

/*
 * LIKE: the literal pieces of the pattern, each of which the text must hold.
 * A pattern without wildcards is the text itself.
 */
static PylonFilter *
evaluate_pattern(FilterState *state, FilterNode *node, const char *pattern)
{
	StringInfoData piece;
	List	   *filters = NIL;
	bool		wild = false;
	bool		loose = false;	/* more is said than "contains one piece" */
	const char *p;

	initStringInfo(&piece);
	for (p = pattern;; p++)
	{
		bool		literal = *p != '%' && *p != '_' && *p != '\0';

		if (*p == '\\' && *++p == '\0')
			return widen(state);	/* an error, for the executor to raise */
		/* Ignoring case is understood in the same way just for ASCII. */
		if (literal && (node->flags & FILTER_NODE_FOLD) && IS_HIGHBIT_SET(*p))
		{
			literal = false;
			loose = true;
		}
		if (literal)
		{
			appendStringInfoChar(&piece, *p);
			continue;
		}
		if (piece.len > 0)
		{
			loose |= filters != NIL;
			if (!is_within_element(node, piece.data))
				loose = true;
			else
				filters = lappend(filters, make_leaf(state, node->field, "string_contains",
													 pstrdup(piece.data), NIL));
			resetStringInfo(&piece);
		}
		loose |= *p == '_';
		wild |= *p == '%' || *p == '_';
		if (*p == '\0')
			break;
	}
	if (!wild && !loose && pattern[0] != '\0' && is_expressible(node, pattern))
	{
		/* Without wildcards there is one piece: the pattern, unescaped. */
		PylonFilter *leaf = linitial(filters);

		return leaf == &filter_always ? leaf :
			make_leaf(state, node->field, "equals", leaf->value, NIL);
	}
	if (loose || pattern[0] != '%' || strlen(pattern) < 2 || p[-1] != '%')
		state->exact = false;
	return filter_combine("and", filters);
}

/* custom_fields @> json: each member must be there. */
static PylonFilter *
evaluate_json(FilterState *state, Jsonb *json)
{
	JsonbIterator *iterator = JsonbIteratorInit(&json->root);
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;
	List	   *filters = NIL;

	if (!JB_ROOT_IS_OBJECT(json))
		return widen(state);
	(void) JsonbIteratorNext(&iterator, &key, true);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &value, true);
		filters = lappend(filters,
						  evaluate_json_value(state,
											  pnstrdup(key.val.string.val, key.val.string.len),
											  &value));
	}
	return filter_combine("and", filters);
}

/* Custom fields are strings or lists of strings, and nothing else. */
static PylonFilter *
evaluate_json_value(FilterState *state, const char *slug, JsonbValue *value)
{
	List	   *filters = NIL;
	JsonbIterator *iterator;
	JsonbValue	element;

	if (contact_is_field(slug))
		return widen(state);	/* the API would take it for that */
	if (value->type == jbvString)
		return value->val.string.len == 0 ? widen(state) :
			make_leaf(state, slug, "equals",
					  pnstrdup(value->val.string.val, value->val.string.len), NIL);
	if (value->type != jbvBinary ||
		!JsonContainerIsArray(value->val.binary.data))
		return &filter_never;
	iterator = JsonbIteratorInit(value->val.binary.data);
	(void) JsonbIteratorNext(&iterator, &element, true);
	while (JsonbIteratorNext(&iterator, &element, true) == WJB_ELEM)
	{
		if (element.type == jbvString && element.val.string.len > 0)
			filters = lappend(filters,
							  make_leaf(state, slug, "contains",
										pnstrdup(element.val.string.val, element.val.string.len), NIL));
	}
	return filter_combine("and", filters);
}

/* The executor alone decides. */
static PylonFilter *
widen(FilterState *state)
{
	state->exact = false;
	return &filter_always;
}

/*
 * A custom field with several values shows as the JSON of its list. A text
 * that holds a sign of that may stand there, but in none of the values.
 */
static bool
is_within_element(const FilterNode *node, const char *text)
{
	return !(node->flags & FILTER_NODE_CUSTOM) ||
		strpbrk(text, "[]{}\"\\") == NULL;
}

/* Does the API understand by "text" what SQL does? */
static bool
is_expressible(const FilterNode *node, const char *text)
{
	if ((node->test == FILTER_PREFIX || node->test == FILTER_SUBSTRING) &&
		!is_within_element(node, text))
		return false;
	/* A value cut off to fit a varchar(n) was longer in the API. */
	if (node->max_length > 0 && pg_mbstrlen(text) >= node->max_length)
		return false;
	/* Whether "" counts as set is unknown; a list may show as JSON. */
	if ((node->flags & FILTER_NODE_CUSTOM) &&
		(text[0] == '\0' || text[0] == '[' || text[0] == '{'))
		return false;
	/* Ignoring case is understood in the same way just for ASCII. */
	if (node->flags & FILTER_NODE_FOLD)
	{
		for (const char *p = text; *p != '\0'; p++)
		{
			if (IS_HIGHBIT_SET(*p))
				return false;
		}
	}
	return true;
}

/* The elements of an array that aren't NULL. */
static List *
list_texts(FilterNode *node, Datum value, bool *has_null)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	List	   *texts = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int16		length;
	bool		byval;
	char		align;

	*has_null = false;
	get_typlenbyvalalign(node->element, &length, &byval, &align);
	deconstruct_array(array, node->element, length, byval, align,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			*has_null = true;
		else
			texts = lappend(texts, OutputFunctionCall(&node->output, elements[i]));
	}
	return texts;
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

/* ------------------------------------------------------------------------
 * Leaves, and what becomes of the whole
 * ------------------------------------------------------------------------
 */

/* "always" where the API has refused the pair of field and operator. */
static PylonFilter *
make_leaf(FilterState *state, const char *field, const char *operator,
		  const char *value, List *values)
{
	PylonFilter *filter;

	if (connection_is_refused(state->session, field, operator))
		return widen(state);
	filter = palloc0(sizeof(PylonFilter));
	filter->operator = operator;
	filter->field = field;
	filter->value = value;
	filter->values = values;
	return filter;
}

/* The condition that names one id, among those that must all hold. */
static PylonFilter *
find_lookup(FilterState *state, List *filters)
{
	ListCell   *lc;

	foreach(lc, filters)
	{
		PylonFilter *filter = lfirst(lc);

		if (!state->no_lookup && filter->value != NULL &&
			strcmp(filter->field, "id") == 0 &&
			strcmp(filter->operator, "equals") == 0)
			return filter;
	}
	return NULL;
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
	List	   *texts = list_copy_tail(state->split->texts, batch * state->batch_size);

	return list_truncate(texts, state->batch_size);
}

/* What the list is compared with, of a row; NULL if that is NULL. */
static char *
slot_text(const FilterNode *node, TupleTableSlot *slot)
{
	Datum		value = slot->tts_values[node->attnum - 1];
	char	   *text;

	if (slot->tts_isnull[node->attnum - 1])
		return NULL;
	if (node->flags & FILTER_NODE_EXTRACTED)
	{
		JsonbValue	buffer;
		JsonbValue *found = getKeyJsonValueFromContainer(&DatumGetJsonbP(value)->root,
														 node->field, strlen(node->field), &buffer);

		if (found == NULL || found->type != jbvString)
			return NULL;
		text = pnstrdup(found->val.string.val, found->val.string.len);
	}
	else
	{
		Oid			function;
		bool		varlena;

		getTypeOutputInfo(TupleDescAttr(slot->tts_tupleDescriptor, node->attnum - 1)->atttypid,
						  &function, &varlena);
		text = OidOutputFunctionCall(function, value);
	}
	return (node->flags & FILTER_NODE_FOLD) ? asc_tolower(text, strlen(text)) : text;
}

/*
 * Remembers the pairs of field and operator in a filter that was refused:
 * all of them, or those that the reference doesn't list. False if none.
 */
static bool
remember(FilterState *state, const PylonFilter *filter, bool all)
{
	bool		found = false;
	ListCell   *lc;

	if (filter->subfilters == NIL)
	{
		int			operators = contact_field_operators(filter->field);

		if (!all && FIELD_IN_REFERENCE(operators, filter_field_operator(filter)))
			return false;
		connection_remember_refusal(state->session, filter->field, filter->operator);
		return true;
	}
	foreach(lc, filter->subfilters)
		found |= remember(state, lfirst(lc), all);
	return found;
}

/* ------------------------------------------------------------------------
 * EXPLAIN
 * ------------------------------------------------------------------------
 */

/*
 * The filter as EXPLAIN shows it: constants as they will be sent, other
 * values as SQL ("$1"). NULL if there is none; "impossible" is set where the
 * constants let no contact through. In the current memory context.
 */
PylonFilter *
filter_describe(List *filter, List *values, List *deparse_context,
				bool *impossible)
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
										  lfirst(lc), values, deparse_context));
	result = filter_fit(filter_combine("and", described));
	*impossible = result == &filter_never;
	return result == &filter_never || result == &filter_always ? NULL : result;
}

static PylonFilter *
describe_node(FilterNode *node, List *filter, List *values,
			  List *deparse_context)
{
	PylonSession session = {0};
	FilterState state = {.session = &session,.batch_size = INT_MAX};
	List	   *described = NIL;
	Node	   *value;
	PylonFilter *leaf;
	ListCell   *lc;
	ListCell   *lc2;

	if (node->test == FILTER_AND || node->test == FILTER_OR)
	{
		forboth(lc, node->children, lc2, list_copy_tail(filter, 1))
			described = lappend(described, describe_node(lfirst(lc), lfirst(lc2),
														 values, deparse_context));
		return filter_combine(operator_names[node->test], described);
	}
	if (intVal(list_nth(filter, FilterNodeValue)) < 0)
		return evaluate_test(&state, node, (Datum) 0);
	value = list_nth(values, intVal(list_nth(filter, FilterNodeValue)));
	if (IsA(value, Const))
		return ((Const *) value)->constisnull ? &filter_never :
			evaluate_test(&state, node, ((Const *) value)->constvalue);
	leaf = make_leaf(&state, node->field, operator_names[node->test], NULL, NIL);
	if (OidIsValid(node->element) || node->test == FILTER_NOT_EQUALS)
		leaf->values = list_make1(deparse_expression(value, deparse_context, false, false));
	else
		leaf->value = deparse_expression(value, deparse_context, false, false);
	return leaf;
}

/* The id of a filter that names one, as EXPLAIN shows it. */
char *
filter_describe_id(List *filter, List *values, List *deparse_context)
{
	ListCell   *lc;

	for_each_from(lc, filter, 1)
	{
		PylonFilter *leaf = describe_node(begin_node(lfirst(lc), values, NIL),
										  lfirst(lc), values, deparse_context);

		if (leaf->field != NULL && strcmp(leaf->field, "id") == 0 && leaf->value != NULL)
			return pstrdup(leaf->value);
	}
	return "";
}
