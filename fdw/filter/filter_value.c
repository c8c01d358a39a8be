/*-------------------------------------------------------------------------
 *
 * filter_value.c
 *		One test of a field with the value of now: its filter.
 *
 * This is where a value can turn out to be one that the API understands in
 * another way than SQL, or may: then the test is "always", and the executor
 * alone decides.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_value.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "filter/filter_pattern.h"
#include "filter/filter_value.h"
#include "mb/pg_wchar.h"
#include "nodes/value.h"
#include "object/object_id.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

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
	[FILTER_REGEX] = "string_contains",
	[FILTER_PREFIX] = "string_contains",
	[FILTER_SUBSTRING] = "string_contains",
	[FILTER_SET] = "is_set",
	[FILTER_UNSET] = "is_unset",
	[FILTER_HAS] = "contains",
	[FILTER_HAS_ALL] = "contains",
	[FILTER_HAS_ANY] = "contains",
	[FILTER_JSON] = "equals",
	[FILTER_MEMBER] = "equals",
	[FILTER_MEMBER_HAS] = "contains",
	[FILTER_HOLDS_IDS] = "equals",
	[FILTER_KEYS] = "in",
};

/* The same where what SQL compares is one of the list that is searched. */
#define WITHIN_OPERATOR "contains"

static PylonFilter *evaluate_text(FilterEvaluation *evaluation,
								  FilterNode *node, Datum value);
static PylonFilter *evaluate_any(FilterEvaluation *evaluation,
								 FilterNode *node, Datum value);
static PylonFilter *evaluate_list(FilterEvaluation *evaluation,
								  FilterNode *node, Datum value);
static PylonFilter *evaluate_part(FilterEvaluation *evaluation,
								  FilterNode *node, char *text);
static PylonFilter *make_pieces(FilterEvaluation *evaluation,
								FilterNode *node, List *pieces);
static PylonFilter *evaluate_pattern(FilterEvaluation *evaluation,
									 FilterNode *node, const char *pattern);
static bool ends_piece(const FilterNode *node, char c);
static PylonFilter *evaluate_ids(FilterEvaluation *evaluation,
								 FilterNode *node, Jsonb *json);
static JsonbValue *element_external_id(JsonbValue *element, JsonbValue *buffer);
static PylonFilter *evaluate_json(FilterEvaluation *evaluation, Jsonb *json);
static PylonFilter *evaluate_member(FilterEvaluation *evaluation,
									FilterNode *node, Jsonb *json);
static PylonFilter *evaluate_json_value(FilterEvaluation *evaluation,
										const char *slug, JsonbValue *value);
static PylonFilter *filter_widen(FilterEvaluation *evaluation);
static bool filter_leave_out(FilterEvaluation *evaluation, const char *field,
							 const char *operator, int values);
static char *without_escape(const FilterNode *node, char *text);
static bool is_within_element(const FilterNode *node, const char *text);
static bool is_impossible(const FilterNode *node, const char *text);
static bool is_of_list(const FilterNode *node);
static bool is_expressible(const FilterNode *node, const char *text);
static bool folds_as_ascii(const FilterNode *node, const char *text);
static bool is_lower_ascii(const char *text);
static List *list_texts(FilterNode *node, Datum value, bool *has_null);
static int	list_elements(FilterNode *node, Datum value, Datum **elements,
						  bool **nulls);
static List *distinct_texts(List *texts);
static int	compare_places(const void *a, const void *b);

/* The operator that a test uses, "and" and "or" among them. */
const char *
filter_operator_name(const FilterNode *node)
{
	return (node->flags & FILTER_NODE_WITHIN) ? WITHIN_OPERATOR : operator_names[node->test];
}

/*
 * The filter for a test with a value that isn't NULL, or filter_never or
 * filter_always. In the current memory context.
 */
PylonFilter *
filter_test(FilterEvaluation *evaluation, FilterNode *node, Datum value)
{
	if (node->flags & FILTER_NODE_WIDE)
		evaluation->exact = false;
	if (node->flags & FILTER_NODE_ANY)
		return evaluate_any(evaluation, node, value);
	switch (node->test)
	{
		case FILTER_SET:
		case FILTER_UNSET:
			return filter_make_leaf(evaluation, node->field,
									filter_operator_name(node), NULL, NIL);
		case FILTER_JSON:
			return evaluate_json(evaluation, DatumGetJsonbP(value));
		case FILTER_MEMBER:
		case FILTER_MEMBER_HAS:
			return evaluate_member(evaluation, node, DatumGetJsonbP(value));
		case FILTER_HOLDS_IDS:
			return evaluate_ids(evaluation, node, DatumGetJsonbP(value));
		case FILTER_IN:
		case FILTER_NOT_IN:
		case FILTER_HAS_ALL:
		case FILTER_HAS_ANY:
			return evaluate_list(evaluation, node, value);
		default:
			return evaluate_text(evaluation, node, value);
	}
}

/*
 * The same where the value is NULL. No comparison with it is true, apart from
 * IS NOT DISTINCT FROM.
 */
PylonFilter *
filter_test_null(FilterEvaluation *evaluation, FilterNode *node)
{
	if (node->flags & FILTER_NODE_WIDE)
		evaluation->exact = false;
	if (node->flags & FILTER_NODE_NULL_UNSET)
		return filter_make_leaf(evaluation, node->field, "is_unset", NULL, NIL);
	return (node->flags & FILTER_NODE_NULL_ALL) ? filter_widen(evaluation) : &filter_never;
}

/* One of the values in an array must do. */
static PylonFilter *
evaluate_any(FilterEvaluation *evaluation, FilterNode *node, Datum value)
{
	FilterNode	one = *node;
	List	   *filters = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count = list_elements(node, value, &elements, &nulls);

	one.flags &= ~FILTER_NODE_ANY;
	if (count > evaluation->batch_size)
	{
		evaluation->problem = REASON_LONG;
		return filter_widen(evaluation);
	}
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			filters = lappend(filters, filter_test(evaluation, &one, elements[i]));
	}
	return filter_combine("or", filters);
}

/* Tests against one text. */
static PylonFilter *
evaluate_text(FilterEvaluation *evaluation, FilterNode *node, Datum value)
{
	char	   *text = OutputFunctionCall(&node->output, value);

	if (node->flags & FILTER_NODE_NULLS)
		return filter_widen(evaluation);
	/* What is looked for may stand in what is cut off. */
	if (node->max_length > 0 && node->test != FILTER_EQUALS)
		evaluation->exact = false;
	if (node->test == FILTER_LIKE)
		return evaluate_pattern(evaluation, node, text);
	if (node->test == FILTER_REGEX)
	{
		text = filter_regex_pattern(text);
		return text == NULL ? filter_widen(evaluation) : evaluate_pattern(evaluation, node, text);
	}
	if ((node->test == FILTER_EQUALS || node->test == FILTER_NOT_EQUALS) &&
		is_impossible(node, text))
		return node->test == FILTER_EQUALS ? &filter_never : filter_widen(evaluation);
	/* Every text holds the empty one. */
	if (text[0] == '\0' || !is_expressible(node, text))
		return filter_widen(evaluation);
	if (node->test == FILTER_PREFIX || node->test == FILTER_NOT_EQUALS)
		evaluation->exact = false;
	if (node->flags & FILTER_NODE_FOLD)
		text = asc_tolower(text, strlen(text));

	if (node->test == FILTER_NOT_EQUALS)
		return filter_make_leaf(evaluation, node->field, "not_in", NULL, list_make1(text));
	if (node->test == FILTER_PREFIX || node->test == FILTER_SUBSTRING)
		return evaluate_part(evaluation, node, text);
	return filter_make_leaf(evaluation, node->field,
							filter_operator_name(node), text, NIL);
}

/* A part of the field. What the API does with a backslash in it is unknown. */
static PylonFilter *
evaluate_part(FilterEvaluation *evaluation, FilterNode *node, char *text)
{
	List	   *pieces = NIL;
	char	   *rest = text;
	char	   *piece;

	if (node->test == FILTER_SUBSTRING || (node->flags & FILTER_NODE_PART))
		rest = without_escape(node, text);
	if (rest != text || strchr(text, '\\') != NULL)
		evaluation->exact = false;
	while ((piece = strsep(&rest, "\\")) != NULL)
	{
		if (piece[0] != '\0')
			pieces = lappend(pieces, piece);
	}
	return make_pieces(evaluation, node, pieces);
}

/* The field holds each of the pieces. */
static PylonFilter *
make_pieces(FilterEvaluation *evaluation, FilterNode *node, List *pieces)
{
	List	   *filters = NIL;
	ListCell   *lc;

	foreach(lc, pieces)
		filters = lappend(filters, filter_make_leaf(evaluation, node->field, "string_contains",
													lfirst(lc), NIL));
	return filter_combine("and", filters);
}

/* Tests against an array. */
static PylonFilter *
evaluate_list(FilterEvaluation *evaluation, FilterNode *node, Datum value)
{
	bool		has_null;
	List	   *texts = list_texts(node, value, &has_null);
	List	   *wanted = NIL;
	List	   *filters = NIL;
	ListCell   *lc;

	/* NOT IN is never true with a NULL in it, nor is "has all". */
	if (has_null && (node->test == FILTER_NOT_IN || node->test == FILTER_HAS_ALL))
		return &filter_never;
	if (node->flags & FILTER_NODE_NULLS)
		return filter_widen(evaluation);
	if (node->test == FILTER_NOT_IN)
		evaluation->exact = false;
	foreach(lc, texts)
	{
		char	   *text = lfirst(lc);

		if (is_impossible(node, text))
			continue;
		if (is_expressible(node, text))
			wanted = lappend(wanted, (node->flags & FILTER_NODE_FOLD) ?
							 asc_tolower(text, strlen(text)) : text);
		else if (node->test == FILTER_HAS_ALL || node->test == FILTER_NOT_IN)
			evaluation->exact = false;
		else
			return filter_widen(evaluation);	/* of any, all must be asked
												 * for */
	}
	wanted = distinct_texts(wanted);
	if (wanted == NIL)
		return node->test == FILTER_IN || node->test == FILTER_HAS_ANY ?
			&filter_never : &filter_always;

	if (node->test == FILTER_HAS_ALL)
	{
		foreach(lc, wanted)
			filters = lappend(filters, filter_make_leaf(evaluation, node->field, "contains",
														lfirst(lc), NIL));
		return filter_combine("and", filters);
	}
	if (list_length(wanted) > evaluation->batch_size)
	{
		evaluation->problem = REASON_LONG;
		/* At the top it may be sent in batches; find_split decides. */
		if (node->test == FILTER_IN && node->attnum > 0 &&
			!filter_leave_out(evaluation, node->field, filter_operator_name(node),
							  evaluation->batch_size))
			node->texts = wanted;
		return filter_widen(evaluation);
	}
	return filter_make_leaf(evaluation, node->field,
							filter_operator_name(node), NULL, wanted);
}

/*
 * LIKE: the literal pieces of the pattern, each of which the text must hold.
 * A pattern without wildcards is the text itself.
 */
static PylonFilter *
evaluate_pattern(FilterEvaluation *evaluation, FilterNode *node, const char *pattern)
{
	StringInfoData whole;
	StringInfoData piece;
	List	   *pieces = NIL;
	bool		wild = false;
	bool		open = false;	/* ends in % */
	bool		loose = false;	/* more is said than "contains one piece" */
	const char *p;

	initStringInfo(&whole);
	initStringInfo(&piece);
	for (p = pattern;; p++)
	{
		bool		literal = *p != '%' && *p != '_' && *p != '\0';

		if (*p == '\\' && *++p == '\0')
			return filter_widen(evaluation);	/* an error, for the executor
												 * to raise */
		if (literal)
		{
			appendStringInfoChar(&whole, *p);
			open = false;
			if (!ends_piece(node, *p))
			{
				appendStringInfoChar(&piece, *p);
				continue;
			}
			loose = true;
		}
		if (piece.len > 0)
		{
			bool		first = !wild && whole.len - (literal ? 1 : 0) == piece.len;
			char	   *text = first && !(node->flags & FILTER_NODE_PART) ? piece.data :
				without_escape(node, piece.data);

			loose |= pieces != NIL || text != piece.data;
			if (text[0] == '\0' || !is_within_element(node, text))
				loose = true;
			else
				pieces = lappend(pieces, pstrdup(text));
			resetStringInfo(&piece);
		}
		if (literal)
			continue;
		if (*p == '\0')
			break;
		open = *p == '%';
		loose |= *p == '_';
		wild = true;
	}
	if (!wild && whole.len > 0 && is_expressible(node, whole.data) &&
		!(node->flags & FILTER_NODE_PART))
		return filter_make_leaf(evaluation, node->field, "equals", whole.data, NIL);
	if (loose || pieces == NIL || pattern[0] != '%' || !open)
		evaluation->exact = false;
	return make_pieces(evaluation, node, pieces);
}

/*
 * Ends a character of a pattern the piece before it, and stands in none? What
 * the API does with a backslash is unknown; a custom field's piece with one
 * isn't asked for at all. Case is ignored in one way just for ASCII.
 */
static bool
ends_piece(const FilterNode *node, char c)
{
	char text[] = {c, '\0'};

	if (c == '\\')
		return !(node->flags & FILTER_NODE_CUSTOM);
	return (node->flags & FILTER_NODE_FOLD) && !folds_as_ascii(node, text);
}

/*
 * external_ids @> json: each external id must be there. What a label is, or any
 * other member, the executor sees.
 */
static PylonFilter *
evaluate_ids(FilterEvaluation *evaluation, FilterNode *node, Jsonb *json)
{
	JsonbIterator *iterator = JsonbIteratorInit(&json->root);
	JsonbValue	element;
	List	   *filters = NIL;

	/* What is no array, a list holds if it holds it as an element. */
	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
		return filter_widen(evaluation);
	evaluation->exact = false;
	(void) JsonbIteratorNext(&iterator, &element, true);
	while (JsonbIteratorNext(&iterator, &element, true) == WJB_ELEM)
	{
		JsonbValue	buffer;
		JsonbValue *id = element_external_id(&element, &buffer);

		if (id != NULL)
			filters = lappend(filters,
							  filter_make_leaf(evaluation, node->field, "equals",
											   pnstrdup(id->val.string.val, id->val.string.len), NIL));
	}
	return filters == NIL ? &filter_always : filter_combine("and", filters);
}

/* NULL where it isn't a string of which the API could tell anything. */
static JsonbValue *
element_external_id(JsonbValue *element, JsonbValue *buffer)
{
	JsonbValue *id;

	if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
		return NULL;
	id = getKeyJsonValueFromContainer(element->val.binary.data, OBJECT_EXTERNAL_ID,
									  strlen(OBJECT_EXTERNAL_ID), buffer);
	return id != NULL && id->type == jbvString && id->val.string.len > 0 ? id : NULL;
}

/* custom_fields @> json: each member must be there. */
static PylonFilter *
evaluate_json(FilterEvaluation *evaluation, Jsonb *json)
{
	JsonbIterator *iterator = JsonbIteratorInit(&json->root);
	JsonbValue	key;
	JsonbValue	value;
	List	   *filters = NIL;

	if (!JB_ROOT_IS_OBJECT(json))
		return filter_widen(evaluation);
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &value, true);
		filters = lappend(filters,
						  evaluate_json_value(evaluation,
											  pnstrdup(key.val.string.val, key.val.string.len),
											  &value));
	}
	return filter_combine("and", filters);
}

/*
 * custom_fields -> slug = json, and @> json. A string is contained in a list
 * that holds it as well as in itself; which of them is asked for otherwise.
 */
static PylonFilter *
evaluate_member(FilterEvaluation *evaluation, FilterNode *node, Jsonb *json)
{
	JsonbValue	value = {.type = jbvBinary};

	if (JB_ROOT_IS_SCALAR(json))
		JsonbExtractScalar(&json->root, &value);
	else
		value.val.binary.data = &json->root;
	if (value.type == jbvString &&
		(node->test == FILTER_MEMBER_HAS || node->flags & FILTER_NODE_LIST))
		return filter_widen(evaluation);
	if (value.type == jbvBinary && JsonContainerIsArray(value.val.binary.data) &&
		node->flags & FILTER_NODE_SINGLE)
		return filter_widen(evaluation);
	/* A list may hold more. */
	if (value.type == jbvBinary && node->test == FILTER_MEMBER)
		evaluation->exact = false;
	return evaluate_json_value(evaluation, node->field, &value);
}

/* Custom fields are strings or lists of strings, and nothing else. */
static PylonFilter *
evaluate_json_value(FilterEvaluation *evaluation, const char *slug, JsonbValue *value)
{
	List	   *filters = NIL;
	JsonbIterator *iterator;
	JsonbValue	element;

	if (!object_slug_is_searchable(evaluation->object, slug))
		return filter_widen(evaluation);
	if (value->type == jbvString)
		return value->val.string.len == 0 ? filter_widen(evaluation) :
			filter_make_leaf(evaluation, slug, "equals",
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
							  filter_make_leaf(evaluation, slug, "contains",
											   pnstrdup(element.val.string.val,
														element.val.string.len), NIL));
		else
			evaluation->exact = false;
	}
	return filters == NIL ? filter_widen(evaluation) : filter_combine("and", filters);
}

/* How objects that have the key "text" can be asked for, for a FILTER_KEYS. */
FilterKeyKind
filter_test_key(const FilterNode *node, const char *text)
{
	if (is_impossible(node, text))
		return FILTER_KEY_NEVER;
	return is_expressible(node, text) ? FILTER_KEY_ASKED : FILTER_KEY_UNKNOWN;
}

/* The executor alone decides. */
static PylonFilter *
filter_widen(FilterEvaluation *evaluation)
{
	evaluation->exact = false;
	return &filter_always;
}

/*
 * In the JSON of a list, a line break is \n: a piece that begins with that
 * letter may begin behind its backslash, and in the value there is no such
 * letter.
 */
static char *
without_escape(const FilterNode *node, char *text)
{
	bool		list = (node->flags & FILTER_NODE_CUSTOM) && !(node->flags & FILTER_NODE_SINGLE);

	return list && text[0] != '\0' &&
		strchr(node->flags & FILTER_NODE_FOLD ? "bBfFnNrRtT" : "bfnrt", text[0]) != NULL ? text + 1 : text;
}

/*
 * A custom field with several values shows as the JSON of its list. A text
 * that holds a sign of that may stand there, but in none of the values; so may
 * the one blank that follows each comma.
 */
static bool
is_within_element(const FilterNode *node, const char *text)
{
	return !(node->flags & FILTER_NODE_CUSTOM) ||
		(strpbrk(text, "[]{}\"\\,") == NULL && strcmp(text, " ") != 0);
}

/*
 * Is it a text that no object has? An object's own field is never empty, an
 * id can't be what a path can't hold, and a varchar(n) column shows nothing
 * longer, though folding may change the length.
 */
static bool
is_impossible(const FilterNode *node, const char *text)
{
	if (!(node->flags & FILTER_NODE_CUSTOM) && !is_of_list(node) &&
		(text[0] == '\0' ||
		 ((node->flags & FILTER_NODE_ID) && !object_id_is_possible(text))))
		return true;
	return node->max_length > 0 && !(node->flags & FILTER_NODE_FOLD) &&
		(node->test == FILTER_EQUALS || node->test == FILTER_IN ||
		 node->test == FILTER_KEYS) &&
		pg_mbstrlen(text) > node->max_length;
}

/* Is the test one of a list's elements, of which one may be empty? */
static bool
is_of_list(const FilterNode *node)
{
	return node->test == FILTER_HAS || node->test == FILTER_HAS_ALL || node->test == FILTER_HAS_ANY;
}

/* Does the API understand by "text" what SQL does? */
static bool
is_expressible(const FilterNode *node, const char *text)
{
	if ((node->test == FILTER_PREFIX || node->test == FILTER_SUBSTRING) &&
		!is_within_element(node, text))
		return false;

	/*
	 * Blanks cut off to fit a varchar(n) stand in the API; ids have none. A
	 * cast cuts off whatever is there.
	 */
	if (node->max_length > 0 && pg_mbstrlen(text) >= node->max_length &&
		(node->flags & (FILTER_NODE_PROSE | FILTER_NODE_CUT)))
		return false;
	if (text[0] == '\0' && is_of_list(node))
		return false;
	/* Whether "" counts as set is unknown; a list may show as JSON. */
	if ((node->flags & FILTER_NODE_CUSTOM) &&
		(text[0] == '\0' || text[0] == '[' || text[0] == '{'))
		return false;
	/* An API that ignores case would leave out the other case, too. */
	if ((node->flags & FILTER_NODE_LOOSE) &&
		(node->test == FILTER_NOT_EQUALS || node->test == FILTER_NOT_IN))
		return is_lower_ascii(text);
	return !(node->flags & FILTER_NODE_FOLD) || folds_as_ascii(node, text);
}

/*
 * Is the text ASCII, and does SQL fold its letters as ASCII? An API that
 * ignores case understands nothing else for sure. A Turkish I is folded to a
 * dotless one, and i is what a dotted I is folded to.
 */
static bool
folds_as_ascii(const FilterNode *node, const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
	{
		if (IS_HIGHBIT_SET(*p))
			return false;
	}
	return strcmp(str_tolower(asc_toupper(text, strlen(text)), strlen(text), node->collation),
				  asc_tolower(text, strlen(text))) == 0;
}

/* "text" as SQL folds it, where the node's test ignores case. */
char *
filter_fold(const FilterNode *node, char *text)
{
	return str_tolower(text, strlen(text), node->collation);
}

/* As the ids of the API are. */
static bool
is_lower_ascii(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
	{
		if (IS_HIGHBIT_SET(*p) || (*p >= 'A' && *p <= 'Z'))
			return false;
	}
	return true;
}

/* The elements of an array that aren't NULL. */
static List *
list_texts(FilterNode *node, Datum value, bool *has_null)
{
	List	   *texts = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count = list_elements(node, value, &elements, &nulls);

	*has_null = false;
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			*has_null = true;
		else
			texts = lappend(texts, OutputFunctionCall(&node->output, elements[i]));
	}
	return texts;
}

/* How many elements an array has, and which. */
static int
list_elements(FilterNode *node, Datum value, Datum **elements, bool **nulls)
{
	int			count;
	int16		length;
	bool		byval;
	char		align;

	get_typlenbyvalalign(node->element, &length, &byval, &align);
	deconstruct_array(DatumGetArrayTypeP(value), node->element, length, byval, align,
					  elements, nulls, &count);
	return count;
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
 * A field of an object and an operator, as refusals name them; in the current
 * memory context.
 */
char *
filter_pair(const PylonObject *object, const char *field, const char *operator)
{
	return psprintf("%s %s %s", object->type, field, operator);
}

/* Has the API refused this pair, with so many values? */
bool
filter_is_refused(FilterEvaluation *evaluation, const char *field,
				  const char *operator, int values)
{
	char	   *pair;

	if (evaluation->in_path ||
		(evaluation->session->refused == NIL && evaluation->refused == NIL))
		return false;
	pair = filter_pair(evaluation->object, field, operator);
	return session_is_refused(evaluation->session->refused, pair, values) ||
		session_is_refused(evaluation->refused, pair, values);
}

/* Notes, and returns true, that such a pair is left out if it was refused. */
static bool
filter_leave_out(FilterEvaluation *evaluation, const char *field,
				 const char *operator, int values)
{
	if (!filter_is_refused(evaluation, field, operator, values))
		return false;
	evaluation->left_out = list_append_unique(evaluation->left_out,
											  makeString(psprintf("%s %s", field, operator)));
	evaluation->problem = NULL;
	return true;
}

/* "always" where the API has refused the pair of field and operator. */
PylonFilter *
filter_make_leaf(FilterEvaluation *evaluation, const char *field, const char *operator,
				 const char *value, List *values)
{
	PylonFilter *filter;

	if (filter_leave_out(evaluation, field, operator, list_length(values)))
		return filter_widen(evaluation);
	filter = palloc0(sizeof(PylonFilter));
	filter->operator = operator;
	filter->field = field;
	filter->value = value;
	filter->values = values;
	return filter;
}
