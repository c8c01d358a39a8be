/*-------------------------------------------------------------------------
 *
 * json.c
 *		Request bodies and small answers, with json-c.
 *
 * This is the only file that knows json-c. Its objects are malloc'd, so each
 * tree is owned by a memory context from birth. It aborts the whole server
 * when asked for the length of something that is no array, so each node's
 * type is checked first. Pages of objects don't come through here
 * (see page.c).
 *
 * The API speaks UTF-8; this file speaks the server's encoding to its
 * callers. Includes no utils/builtins.h, whose json_object clashes with
 * json-c's.
 *
 * IDENTIFICATION
 *		fdw/wire/json.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include <json-c/json.h>

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "wire/json.h"
#include "wire/json_slice.h"

/* Nothing that we read this way is nested deeper. */
#define MAX_DEPTH 32

/*
 * The most that is read of an answer this way, in bytes: the tree takes some
 * ninety times as much, in the worst case. The API's are of some kilobytes.
 */
#define MAX_ANSWER (1024 * 1024)

/* More bytes than this of the API's words no message shows. */
#define MAX_MESSAGES 1024

#define PLAIN (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* Owner of a tree, in the memory context in which it was made. */
struct JsonTree
{
	json_object *root;
	MemoryContextCallback callback;
};

static JsonTree *create_tree(void);
static void release_tree(void *arg);
static json_object *parse_answer(const char *body, size_t length);
static json_object *json_parse(const char *body, size_t length);
static bool is_sound(const char *body, size_t length);
static json_object *json_member(json_object *object, const char *key,
								json_type type);
static char *shown_member(json_object *object, const char *key);
static char *string_member(json_object *object, const char *key);
static json_object *json_checked(json_object *object);
static json_object *make_string(const char *text);
static void json_add(json_object *object, const char *key, json_object *value);
static void json_append(json_object *list, json_object *value);
static json_object *make_list(List *texts);
static void add_custom(JsonTree *body, const char *key, const char *slug,
					   const char *member_key, json_object *value);
static json_object *make_filter(const PylonFilter *filter);
static char *all_messages(json_object *root);
static char *lossy_copy(json_object *value);
static PylonCustomField *read_custom_field(json_object *definition);

/*
 * "filter" as JSON in the server's encoding, for people to read; allocated
 * in the current memory context.
 */
char *
json_filter_text(const PylonFilter *filter)
{
	JsonTree   *tree = create_tree();
	const char *text;

	tree->root = make_filter(filter);
	text = json_object_to_json_string_ext(tree->root, PLAIN);

	return pstrdup(pg_any_to_server(text, strlen(text), PG_UTF8));
}

/*
 * The body of a search (reference: "Search for ... by a given filter"), UTF-8,
 * allocated in the current memory context. "filter" and "cursor" may be NULL.
 */
char *
json_search_body(const PylonFilter *filter, int limit, const char *cursor)
{
	JsonTree   *tree = create_tree();

	tree->root = json_checked(json_object_new_object());
	if (filter != NULL)
		json_add(tree->root, "filter", make_filter(filter));
	json_add(tree->root, "limit", json_object_new_int(limit));
	if (cursor != NULL)
		json_add(tree->root, "cursor", make_string(cursor));
	return pstrdup(json_object_to_json_string_ext(tree->root, PLAIN));
}

/*
 * The body of a create or an update (reference: "Create a new ..."),
 * empty at first. Allocated in the current memory context, in which all
 * functions on it must be called.
 */
JsonTree *
json_body_create(void)
{
	JsonTree   *body = create_tree();

	body->root = json_checked(json_object_new_object());
	return body;
}

/* A member that is a string. */
void
json_body_string(JsonTree *body, const char *key, const char *text)
{
	json_add(body->root, key, make_string(text));
}

/* A member that is true or false. */
void
json_body_boolean(JsonTree *body, const char *key, bool value)
{
	json_add(body->root, key, json_object_new_boolean(value));
}

/* A member that is a list of strings. */
void
json_body_list(JsonTree *body, const char *key, List *texts)
{
	json_add(body->root, key, make_list(texts));
}

/* A member that is given as JSON, in the server's encoding. */
void
json_body_json(JsonTree *body, const char *key, const char *json)
{
	const char *utf8 = pg_server_to_any(json, strlen(json), PG_UTF8);
	json_object *value = json_parse(utf8, strlen(utf8));

	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the value for \"%s\" is not JSON that can be sent", key)));
	json_add(body->root, key, json_object_get(value));
}

/*
 * A member that is a list of addresses, each under the name "member"; one of
 * them is the primary.
 */
void
json_body_addresses(JsonTree *body, const char *key, const char *member,
					List *addresses, const char *primary)
{
	JsonTree   *list = create_tree();
	ListCell   *lc;

	list->root = json_checked(json_object_new_array());
	foreach(lc, addresses)
	{
		JsonTree   *entry = json_body_create();

		json_body_string(entry, member, lfirst(lc));
		json_add(entry->root, "is_primary",
				 json_object_new_boolean(strcmp(lfirst(lc), primary) == 0));
		json_append(list->root, json_object_get(entry->root));
	}
	json_add(body->root, key, json_object_get(list->root));
}

/* A custom field with one value, in the list "key"; with NULL, it is unset. */
void
json_body_custom_value(JsonTree *body, const char *key, const char *slug,
					   const char *value)
{
	add_custom(body, key, slug, "value", value != NULL ? make_string(value) : NULL);
}

/* The same with a list of values. */
void
json_body_custom_values(JsonTree *body, const char *key, const char *slug,
						List *values)
{
	add_custom(body, key, slug, "values", make_list(values));
}

/* The body as UTF-8, in the current memory context; NULL if it is empty. */
char *
json_body_text(JsonTree *body)
{
	if (json_object_object_length(body->root) == 0)
		return NULL;
	return pstrdup(json_object_to_json_string_ext(body->root, PLAIN));
}

/*
 * The API's own words from the answer to a failed request. False if that is
 * not the API's error object (a gateway's HTML page, say). Strings are
 * allocated in the current memory context.
 */
bool
json_read_error(const char *body, size_t length, PylonError *error)
{
	json_object *root = parse_answer(body, length);

	memset(error, 0, sizeof(*error));
	if (root == NULL || !json_object_is_type(root, json_type_object))
		return false;
	error->message = all_messages(root);
	error->code = lossy_copy(json_member(root, "code", json_type_string));
	error->request_id = lossy_copy(json_member(root, "request_id", json_type_string));
	/* Empty where there is no such object: some other refusal, then. */
	error->exists_id = lossy_copy(json_member(root, "exists_id", json_type_string));
	if (error->exists_id != NULL && error->exists_id[0] == '\0')
		error->exists_id = NULL;
	return true;
}

/*
 * The answer to GET /me: {"data": {"name": ..., "user": {...}}}. False if it
 * has another shape. A token has no name of its own in the published schema,
 * so what its user is called serves: name, else e-mail address, else id.
 */
bool
json_read_me(const char *body, size_t length, PylonMe *me)
{
	json_object *root = parse_answer(body, length);
	json_object *data = json_member(root, "data", json_type_object);
	json_object *user = json_member(data, "user", json_type_object);

	memset(me, 0, sizeof(*me));
	if (data == NULL)
		return false;
	me->organization = shown_member(data, "name");
	me->token_name = shown_member(user, "name");
	if (me->token_name == NULL)
		me->token_name = shown_member(user, "email");
	if (me->token_name == NULL)
		me->token_name = shown_member(user, "id");
	return true;
}

/*
 * Appends the definitions in an answer to GET /custom-fields to those found,
 * and sets the rest. False if the answer has another shape.
 */
bool
json_read_definitions(const char *body, size_t length, PylonDefinitions *found)
{
	json_object *root = parse_answer(body, length);
	json_object *data = json_member(root, "data", json_type_array);
	json_object *pagination = json_member(root, "pagination", json_type_object);
	json_object *more = json_member(pagination, "has_next_page", json_type_boolean);
	size_t		count = data == NULL ? 0 : json_object_array_length(data);

	if (root == NULL || !json_object_is_type(root, json_type_object))
		return false;
	if (data == NULL && json_object_object_get_ex(root, "data", &data) && data != NULL)
		return false;

	for (size_t i = 0; i < count; i++)
	{
		PylonCustomField *field = read_custom_field(json_object_array_get_idx(data, i));

		if (field == NULL)
			return false;
		found->fields = lappend(found->fields, field);
	}
	found->cursor = NULL;
	if (more != NULL && json_object_get_boolean(more))
	{
		found->cursor = string_member(pagination, "cursor");
		found->hollow = count == 0 || found->cursor == NULL;
	}
	else
		found->hollow = false;
	return true;
}

static PylonCustomField *
read_custom_field(json_object *definition)
{
	PylonCustomField *field = palloc0(sizeof(PylonCustomField));
	json_object *read_only = json_member(definition, "is_read_only",
										 json_type_boolean);

	field->slug = string_member(definition, "slug");
	field->type = string_member(definition, "type");
	if (field->type == NULL)
		field->type = "";
	field->read_only = read_only != NULL && json_object_get_boolean(read_only);
	return field->slug != NULL ? field : NULL;
}

/* The words of "errors", of which there has never been more than one; NULL if there are none. */
static char *
all_messages(json_object *root)
{
	json_object *errors = json_member(root, "errors", json_type_array);
	char	   *messages = NULL;

	for (size_t i = 0; errors != NULL && i < json_object_array_length(errors); i++)
	{
		json_object *entry = json_object_array_get_idx(errors, i);

		if (!json_object_is_type(entry, json_type_string))
			continue;
		messages = messages == NULL ? lossy_copy(entry) :
			psprintf("%s; %s", messages, lossy_copy(entry));
		if (strlen(messages) > MAX_MESSAGES)
			break;
	}
	return messages;
}

/*
 * A copy of a string for a message. That must not fail in its turn, so what
 * the server's encoding may lack becomes a question mark. NULL stays NULL.
 */
static char *
lossy_copy(json_object *value)
{
	char	   *copy;

	if (value == NULL)
		return NULL;
	copy = pstrdup(json_object_get_string(value));
	if (GetDatabaseEncoding() != PG_UTF8)
	{
		for (char *p = copy; *p != '\0'; p++)
		{
			if (IS_HIGHBIT_SET(*p))
				*p = '?';
		}
	}
	return copy;
}

/* The owner of a tree that is still to come. */
static JsonTree *
create_tree(void)
{
	JsonTree   *tree = palloc0(sizeof(JsonTree));

	tree->callback.func = release_tree;
	tree->callback.arg = tree;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &tree->callback);
	return tree;
}

static void
release_tree(void *arg)
{
	JsonTree   *tree = arg;

	if (tree->root != NULL)
		json_object_put(tree->root);
	tree->root = NULL;
}

/* The tree of an answer, as parse; NULL also where that would take too much. */
static json_object *
parse_answer(const char *body, size_t length)
{
	return length <= MAX_ANSWER ? json_parse(body, length) : NULL;
}

/*
 * The tree of a text, owned by the current context; NULL if it is none. Not
 * with JSON_TOKENER_STRICT, which refuses all but ASCII in json-c 0.18.
 */
static json_object *
json_parse(const char *body, size_t length)
{
	JsonTree   *tree = create_tree();
	json_tokener *tokener;

	if (length == 0 || length > INT_MAX ||
		!pg_verify_mbstr(PG_UTF8, body, length, true))
		return NULL;
	tokener = json_tokener_new_ex(MAX_DEPTH);
	if (tokener == NULL)
		return NULL;
	tree->root = json_tokener_parse_ex(tokener, body, (int) length);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
		!is_sound(body, length))
	{
		json_object_put(tree->root);
		tree->root = NULL;
	}
	json_tokener_free(tokener);
	return tree->root;
}

/*
 * Is it JSON, and nothing behind it? json-c also takes "3.", NaN, comments and
 * single quotes, and stops at the end of the first value. It has looked at the
 * depth before.
 */
static bool
is_sound(const char *body, size_t length)
{
	JsonReader	reader;

	json_reader_begin(&reader, body, (int) length);
	(void) json_reader_value(&reader);
	return json_reader_end(&reader);
}

/* A member of the wanted type, or NULL; "object" may be anything. */
static json_object *
json_member(json_object *object, const char *key, json_type type)
{
	json_object *value;

	if (object == NULL || !json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, key, &value) ||
		!json_object_is_type(value, type))
		return NULL;
	return value;
}

/* A copy of a string member in the server's encoding, or NULL if empty. */
static char *
string_member(json_object *object, const char *key)
{
	json_object *value = json_member(object, key, json_type_string);

	if (value == NULL || json_object_get_string_len(value) == 0)
		return NULL;
	return pstrdup(pg_any_to_server(json_object_get_string(value),
									json_object_get_string_len(value),
									PG_UTF8));
}

/*
 * The same of what is just looked at: in a server's encoding that lacks some of
 * its characters it is lossy rather than an error.
 */
static char *
shown_member(json_object *object, const char *key)
{
	json_object *value = json_member(object, key, json_type_string);
	const char *text = json_object_get_string(value);
	int			length = value == NULL ? 0 : json_object_get_string_len(value);
	Oid			conversion = GetDatabaseEncoding() == PG_UTF8 ? InvalidOid :
		FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());
	unsigned char *converted;

	if (!OidIsValid(conversion) || length == 0)
		return string_member(object, key);
	converted = palloc((Size) length * MAX_CONVERSION_GROWTH + 1);
	if (pg_do_encoding_conversion_buf(conversion, PG_UTF8, GetDatabaseEncoding(),
									  (unsigned char *) unconstify(char *, text), length,
									  converted, length * MAX_CONVERSION_GROWTH + 1, true) == length)
		return (char *) converted;
	return lossy_copy(value);
}

static json_object *
json_checked(json_object *object)
{
	if (object == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	return object;
}

/* "text" is in the server's encoding. */
static json_object *
make_string(const char *text)
{
	char	   *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);

	return json_checked(json_object_new_string(utf8));
}

static json_object *
make_list(List *texts)
{
	JsonTree   *tree = create_tree();
	ListCell   *lc;

	tree->root = json_checked(json_object_new_array());
	foreach(lc, texts)
		json_append(tree->root, make_string(lfirst(lc)));
	return json_object_get(tree->root);
}

/* Takes "value" over, which is NULL for a field that is to be unset. */
static void
add_custom(JsonTree *body, const char *key, const char *slug,
		   const char *member_key, json_object *value)
{
	json_object *list = json_member(body->root, key, json_type_array);
	json_object *entry = json_object_new_object();

	if (list == NULL)
	{
		json_add(body->root, key, json_object_new_array());
		list = json_member(body->root, key, json_type_array);
	}
	json_append(list, entry);
	json_add(entry, "slug", make_string(slug));
	if (value != NULL)
		json_add(entry, member_key, value);
}

/* "object" takes "value" over, whatever happens. */
static void
json_add(json_object *object, const char *key, json_object *value)
{
	if (json_object_object_add(object, key, json_checked(value)) != 0)
	{
		json_object_put(value);
		json_checked(NULL);
	}
}

/* The same for the element of a list. */
static void
json_append(json_object *list, json_object *value)
{
	if (json_object_array_add(list, json_checked(value)) != 0)
	{
		json_object_put(value);
		json_checked(NULL);
	}
}

/*
 * The caller must own the result before anything else can throw. Members are
 * added from the inside out, so what is half made when a conversion throws
 * must belong to someone: each level has its own tree until it is handed up.
 */
static json_object *
make_filter(const PylonFilter *filter)
{
	JsonTree   *tree = create_tree();
	json_object *list;
	json_object *result;
	ListCell   *lc;

	tree->root = json_checked(json_object_new_object());
	if (filter->field != NULL)
		json_add(tree->root, "field", make_string(filter->field));
	json_add(tree->root, "operator", make_string(filter->operator));
	if (filter->value != NULL)
		json_add(tree->root, "value", make_string(filter->value));
	if (filter->values != NIL)
	{
		json_add(tree->root, "values", json_object_new_array());
		list = json_member(tree->root, "values", json_type_array);
		foreach(lc, filter->values)
			json_append(list, make_string(lfirst(lc)));
	}
	if (filter->subfilters != NIL)
	{
		json_add(tree->root, "subfilters", json_object_new_array());
		list = json_member(tree->root, "subfilters", json_type_array);
		foreach(lc, filter->subfilters)
			json_append(list, make_filter(lfirst(lc)));
	}
	result = tree->root;
	tree->root = NULL;
	return result;
}
