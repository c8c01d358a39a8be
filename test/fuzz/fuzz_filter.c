/*-------------------------------------------------------------------------
 *
 * fuzz_filter.c
 *		Target "filter": values to filters to bodies.
 *
 * The one principle is what is tried: a filter must let through at least
 * what SQL wants, and where it says that it is exact, no more. An object's
 * text and a condition come from the input; SQL judges by its own functions,
 * and the API by what the sample API does, in a few lines.
 *
 * IDENTIFICATION
 *		test/fuzz/fuzz_filter.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "filter/filter_pattern.h"
#include "filter/filter_value.h"
#include "mb/pg_wchar.h"
#include "object/object.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

/* Leaves of a random tree: one for each bit of an assignment. */
#define LEAVES 8

typedef void (*Part) (FuzzInput *input);

static void run(FuzzInput *input);
static void text_part(FuzzInput *input);
static void list_part(FuzzInput *input);
static void json_part(FuzzInput *input);
static void tree_part(FuzzInput *input);
static void body_part(FuzzInput *input);

static FilterNode *make_node(FuzzInput *input, FilterTest test, Oid type);
static void judge(FilterEvaluation *evaluation, FilterNode *node,
				  const PylonFilter *filter, const char *text, bool wanted);
static bool sql_text(FilterNode *node, const char *text, const char *value, bool *wanted);
static bool api_finds(const PylonFilter *filter, const char *text, bool fold);
static const char *folded(const char *text, bool fold);
static bool same_text(const char *a, const char *b, bool fold);
static bool holds_text(const char *text, const char *piece, bool fold);
static Datum make_array(List *texts);
static List *texts_of(FuzzInput *input, int most);
static void check_body(const PylonFilter *filter);
static PylonFilter *random_tree(FuzzInput *input, int depth);
static bool tree_holds(const PylonFilter *filter, int assignment);
static int	levels_of(const PylonFilter *filter);

const FuzzTarget fuzz_filter = {"filter", NULL, run};

static PylonSession session;

static void
run(FuzzInput *input)
{
	static const Part parts[] = {text_part, list_part, json_part, tree_part, body_part};

	parts[fuzz_byte(input) % lengthof(parts)] (input);
}

/* One test against one text. */
static void
text_part(FuzzInput *input)
{
	static const FilterTest tests[] =
	{
		FILTER_EQUALS, FILTER_NOT_EQUALS, FILTER_LIKE, FILTER_PREFIX, FILTER_SUBSTRING, FILTER_REGEX,
	};
	FilterTest	test = tests[fuzz_byte(input) % lengthof(tests)];
	FilterNode *node = make_node(input, test, TEXTOID);
	FilterEvaluation evaluation = {.object = &object_contacts,.session = &session,.batch_size = 100,.exact = true};
	char	   *value = fuzz_text(input);
	char	   *text = fuzz_text(input);
	PylonFilter *filter = filter_test(&evaluation, node, CStringGetTextDatum(value));
	bool		wanted;

	check_body(filter);
	if (sql_text(node, text, value, &wanted))
		judge(&evaluation, node, filter, text, wanted);
}

/* A test against a list. */
static void
list_part(FuzzInput *input)
{
	FilterTest	test = fuzz_byte(input) % 2 ? FILTER_IN : FILTER_NOT_IN;
	FilterNode *node = make_node(input, test, TEXTARRAYOID);
	FilterEvaluation evaluation = {.object = &object_contacts,.session = &session,
	.batch_size = 1 + fuzz_byte(input) % 8,.exact = true};
	char	   *text = fuzz_text(input);
	List	   *values = texts_of(input, 16);
	PylonFilter *filter = filter_test(&evaluation, node, make_array(values));
	bool		found = false;
	bool		null = false;
	ListCell   *lc;

	check_body(filter);
	foreach(lc, values)
	{
		FilterNode	single = *node;
		bool		equal;

		single.test = FILTER_EQUALS;
		if (lfirst(lc) == NULL)
			null = true;
		else if (!sql_text(&single, text, lfirst(lc), &equal))
			return;
		else
			found |= equal;
	}
	judge(&evaluation, node, filter, text,
		  text[0] != '\0' && (test == FILTER_IN ? found : !found && !null));
}

/* custom_fields @> json, and the like: never an error, whatever the value. */
static void
json_part(FuzzInput *input)
{
	static const FilterTest tests[] = {FILTER_JSON, FILTER_MEMBER, FILTER_MEMBER_HAS};
	FilterNode *node = make_node(input, tests[fuzz_byte(input) % lengthof(tests)], JSONBOID);
	FilterEvaluation evaluation = {.object = &object_contacts,.session = &session,.batch_size = 100,.exact = true};
	Datum		json = DirectFunctionCall1(jsonb_in, CStringGetDatum(fuzz_text(input)));

	check_body(filter_test(&evaluation, node, json));
}

/* What is nested deeper than the API allows becomes wider, never narrower. */
static void
tree_part(FuzzInput *input)
{
	PylonFilter *tree = random_tree(input, 0);
	bool		exact = true;
	PylonFilter *fitted = filter_fit(tree, &exact);

	PROMISE(levels_of(fitted) <= 2);
	for (int assignment = 0; assignment < 1 << LEAVES; assignment++)
	{
		bool		wanted = tree_holds(tree, assignment);
		bool		found = tree_holds(fitted, assignment);

		PROMISE(!wanted || found);
		PROMISE(!exact || wanted == found);
	}
}

/* A request's body is JSON that says what it was given. */
static void
body_part(FuzzInput *input)
{
	JsonTree   *body = json_body_create();
	char	   *name = fuzz_text(input);
	char	   *slug = fuzz_text(input);
	List	   *texts = texts_of(input, 4);
	char	   *text;
	Jsonb	   *json;
	JsonbValue *member;

	for (int i = list_length(texts) - 1; i >= 0; i--)
	{
		if (list_nth(texts, i) == NULL)
			texts = list_delete_nth_cell(texts, i);
	}
	json_body_string(body, "name", name);
	json_body_custom_value(body, "custom_fields", slug, fuzz_byte(input) % 4 ? name : NULL);
	json_body_custom_values(body, "custom_fields", slug, texts);
	if (texts != NIL)
		json_body_addresses(body, "emails", "email", texts, linitial(texts));
	json_body_json(body, "external_ids", fuzz_text(input));
	text = json_body_text(body);

	PROMISE(fuzz_is_json(text));
	json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	member = getKeyJsonValueFromContainer(&json->root, "name", 4, NULL);
	PROMISE(member != NULL && member->type == jbvString);
	PROMISE(strlen(name) == (size_t) member->val.string.len &&
			memcmp(name, member->val.string.val, strlen(name)) == 0);
}

/* ------------------------------------------------------------------------
 * Conditions
 * ------------------------------------------------------------------------
 */

static FilterNode *
make_node(FuzzInput *input, FilterTest test, Oid type)
{
	FilterNode *node = palloc0(sizeof(FilterNode));
	int			flags = fuzz_byte(input);
	Oid			function;
	bool		varlena;

	node->test = test;
	node->attnum = 1;
	node->flags = flags & (FILTER_NODE_CUSTOM | FILTER_NODE_FOLD | FILTER_NODE_LOOSE);
	/* An API that ignores case is said to do so. */
	if (node->flags & FILTER_NODE_FOLD)
		node->flags |= FILTER_NODE_LOOSE;
	/* Both are texts that people write. */
	node->field = node->flags & FILTER_NODE_CUSTOM ? "slug" : "name";
	node->flags |= FILTER_NODE_PROSE;
	node->max_length = flags & 0x80 ? (flags >> 4) & 7 : 0;
	if (node->max_length > 0 && flags & 0x04)
		node->flags |= FILTER_NODE_CUT;
	node->type = type;
	node->element = get_element_type(type);
	getTypeOutputInfo(OidIsValid(node->element) ? node->element : type, &function, &varlena);
	fmgr_info(function, &node->output);
	return node;
}

/* An object with this text: if SQL wants it, it must be found. */
static void
judge(FilterEvaluation *evaluation, FilterNode *node, const PylonFilter *filter,
	  const char *text, bool wanted)
{
	bool		found;

	/* A list for which one search isn't enough is sent in batches elsewhere. */
	if (node->texts != NIL)
		return;
	/* The API may compare exactly or not; it must not matter. */
	found = api_finds(filter, text, false);
	if (!(node->flags & FILTER_NODE_FOLD))
		PROMISE(!wanted || found);
	if (node->flags & FILTER_NODE_LOOSE)
	{
		/* What is excluded are ids, which the API has in lower case. */
		bool		excluded = node->test == FILTER_NOT_EQUALS || node->test == FILTER_NOT_IN;

		found = api_finds(filter, text, true);
		PROMISE(!wanted || found || (excluded && strcmp(folded(text, true), text) != 0));
	}
	else if (evaluation->exact)
		PROMISE(wanted == found);
}

/*
 * Does SQL want an object whose field is "text", as "value" is? False if it
 * says nothing, since the condition is an error, or the text doesn't fit.
 */
static bool
sql_text(FilterNode *node, const char *text, const char *value, bool *wanted)
{
	bool		fold = (node->flags & FILTER_NODE_FOLD) != 0;
	bool		custom = (node->flags & FILTER_NODE_CUSTOM) != 0;
	int			chars = pg_mbstrlen(text);
	MemoryContext context = CurrentMemoryContext;
	volatile bool known = true;
	Datum		left;
	Datum		right;

	*wanted = false;
	/* A value of a custom field that may be a list is another story. */
	if (custom && (text[0] == '[' || text[0] == '{' || text[0] == '\0'))
		return false;
	if (text[0] == '\0')
		return true;			/* NULL */
	if (node->max_length > 0 && chars > node->max_length)
	{
		/* Blanks are cut off; anything else doesn't fit, or a cast cuts that off, too. */
		int			length = pg_mbcharcliplen(text, strlen(text), node->max_length);

		if (!(node->flags & FILTER_NODE_CUT) &&
			strspn(text + length, " ") != strlen(text + length))
			return false;
		text = pnstrdup(text, length);
	}
	/* Of any other regular expression nothing is said, and some take their time. */
	if (node->test == FILTER_REGEX && filter_regex_pattern(value) == NULL)
		return false;
	if (fold && node->test != FILTER_LIKE && node->test != FILTER_REGEX)
	{
		text = str_tolower(text, strlen(text), DEFAULT_COLLATION_OID);
		value = str_tolower(value, strlen(value), DEFAULT_COLLATION_OID);
	}
	left = CStringGetTextDatum(text);
	right = CStringGetTextDatum(value);
	switch (node->test)
	{
		case FILTER_EQUALS:
			*wanted = strcmp(text, value) == 0;
			break;
		case FILTER_NOT_EQUALS:
			*wanted = strcmp(text, value) != 0;
			break;
		case FILTER_PREFIX:
			*wanted = strncmp(text, value, strlen(value)) == 0;
			break;
		case FILTER_SUBSTRING:
			*wanted = strstr(text, value) != NULL;
			break;
		case FILTER_REGEX:
			*wanted = DatumGetBool(DirectFunctionCall2Coll(fold ? texticregexeq : textregexeq,
														   DEFAULT_COLLATION_OID, left, right));
			break;
		default:
			PG_TRY();
			{
				*wanted = DatumGetBool(DirectFunctionCall2Coll(fold ? texticlike : textlike,
															   DEFAULT_COLLATION_OID, left, right));
			}
			PG_CATCH();
			{
				MemoryContextSwitchTo(context);
				FlushErrorState();
				known = false;
			}
			PG_END_TRY();
	}
	return known;
}

/* ------------------------------------------------------------------------
 * The API, as far as one field goes
 * ------------------------------------------------------------------------
 */

static bool
api_finds(const PylonFilter *filter, const char *text, bool fold)
{
	bool		all;
	ListCell   *lc;

	if (filter == &filter_never)
		return false;
	if (filter == &filter_always)
		return true;
	if (filter->subfilters != NIL)
	{
		all = strcmp(filter->operator, "and") == 0;
		foreach(lc, filter->subfilters)
		{
			if (api_finds(lfirst(lc), text, fold) != all)
				return !all;
		}
		return all;
	}
	if (strcmp(filter->operator, "string_contains") == 0)
		return holds_text(text, filter->value, fold);
	if (strcmp(filter->operator, "equals") == 0)
		return same_text(text, filter->value, fold);
	foreach(lc, filter->values)
	{
		if (same_text(text, lfirst(lc), fold))
			return strcmp(filter->operator, "in") == 0;
	}
	return strcmp(filter->operator, "not_in") == 0;
}

static const char *
folded(const char *text, bool fold)
{
	return fold ? str_tolower(text, strlen(text), DEFAULT_COLLATION_OID) : text;
}

static bool
same_text(const char *a, const char *b, bool fold)
{
	return strcmp(folded(a, fold), folded(b, fold)) == 0;
}

static bool
holds_text(const char *text, const char *piece, bool fold)
{
	return strstr(folded(text, fold), folded(piece, fold)) != NULL;
}

/* ------------------------------------------------------------------------
 * Lists, bodies, trees
 * ------------------------------------------------------------------------
 */

/* Texts, and NULL for a text that is just a line feed. */
static List *
texts_of(FuzzInput *input, int most)
{
	List	   *texts = NIL;

	while (input->size > 0 && list_length(texts) < most)
	{
		char	   *text = fuzz_text(input);

		texts = lappend(texts, strcmp(text, "\n") == 0 ? NULL : text);
	}
	return texts;
}

static Datum
make_array(List *texts)
{
	ArrayBuildState *state = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	ListCell   *lc;

	foreach(lc, texts)
		(void) accumArrayResult(state, lfirst(lc) == NULL ? (Datum) 0 : CStringGetTextDatum(lfirst(lc)),
								lfirst(lc) == NULL, TEXTOID, CurrentMemoryContext);
	return makeArrayResult(state, CurrentMemoryContext);
}

/* The bodies of a search, with a cursor that is made of the filter's own text. */
static void
check_body(const PylonFilter *filter)
{
	char	   *text;

	if (filter == &filter_never || filter == &filter_always)
		return;
	text = json_filter_text(filter);
	PROMISE(fuzz_is_json(text));
	text = json_search_body(filter, 999, text);
	PROMISE(fuzz_is_json(text));
	(void) DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

static PylonFilter *
random_tree(FuzzInput *input, int depth)
{
	int			choice = fuzz_byte(input);
	int			children = depth < 5 ? choice & 3 : 0;
	PylonFilter *filter;
	List	   *members = NIL;

	if (children == 0)
	{
		static const char *const operators[] =
		{
			"equals", "in", "contains", "string_contains", "is_set", "not_in", "is_unset",
		};

		if (choice >> 2 == 63)
			return &filter_always;
		if (choice >> 2 == 62)
			return &filter_never;
		filter = palloc0(sizeof(PylonFilter));
		filter->operator = operators[(choice >> 5) % lengthof(operators)];
		filter->field = psprintf("%d", (choice >> 2) % LEAVES);
		return filter;
	}
	for (int i = 0; i <= children; i++)
		members = lappend(members, random_tree(input, depth + 1));
	return filter_combine(choice & 4 ? "and" : "or", members);
}

/* Are the leaves true whose numbers are set in "assignment"? */
static bool
tree_holds(const PylonFilter *filter, int assignment)
{
	bool		all;
	ListCell   *lc;

	if (filter == &filter_never || filter == &filter_always)
		return filter == &filter_always;
	if (filter->subfilters == NIL)
		return (assignment >> atoi(filter->field)) & 1;
	all = strcmp(filter->operator, "and") == 0;
	foreach(lc, filter->subfilters)
	{
		if (tree_holds(lfirst(lc), assignment) != all)
			return !all;
	}
	return all;
}

static int
levels_of(const PylonFilter *filter)
{
	int			levels = 0;
	ListCell   *lc;

	foreach(lc, filter->subfilters)
		levels = Max(levels, 1 + levels_of(lfirst(lc)));
	return levels;
}
