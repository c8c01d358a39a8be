/*-------------------------------------------------------------------------
 *
 * object_text.c
 *		Values of columns as the texts that the API takes.
 *
 * All that is sent of an object is strings and lists of strings. What was read
 * and what the API answers is put into the same form, to be compared.
 *
 * IDENTIFICATION
 *		fdw/object/object_text.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "object/object_text.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "wire/json_slice.h"

static bool is_json_null(const WriterColumn *column, Datum value);
static char *sent_form(const WriterColumn *column, char *text);
static List *array_texts(const WriterColumn *column, Datum value);
static List *json_list_texts(const WriterColumn *column, const char *json);
static Jsonb *json_of(const WriterColumn *column, Datum value);
static char *scalars_as_strings(const char *json);
static int	quoted_length(const char *json);
static List *json_elements(Jsonb *json);
static List *element_texts(Jsonb *json);
static char *element_text(JsonbValue *element);
static char *string_member(JsonbContainer *object, const char *key);

/*
 * Settings that change what the output functions give are as postgres_fdw
 * sets them, too, until AtEOXact_GUC(true, <result>); errors end that as well.
 */
int
object_begin_texts(void)
{
	static const char *const settings[][2] = {
	{"datestyle", "ISO"}, {"intervalstyle", "postgres"}, {"extra_float_digits", "3"}};
	int			level = NewGUCNestLevel();

	for (size_t i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/*
 * As the API writes it: booleans in words, times by ISO 8601, and the blanks
 * that fill up a char(n) are no part of the value. "type" is a base type.
 */
char *
object_value_text(Oid type, Datum value)
{
	Oid			function;
	bool		varlena;

	switch (type)
	{
		case BOOLOID:
			return DatumGetBool(value) ? "true" : "false";
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return JsonEncodeDateTime(NULL, value, type, NULL);
		case BPCHAROID:
			return TextDatumGetCString(DirectFunctionCall1(rtrim1, value));
		default:
			getTypeOutputInfo(type, &function, &varlena);
			return OidOutputFunctionCall(function, value);
	}
}

/*
 * NULL and the empty string are one for the fields of an object, and null in
 * JSON is NULL.
 */
bool
object_is_null(const WriterColumn *column, Datum value, bool null)
{
	switch (null ? FIELD_STRING : column->field->kind)
	{
		case FIELD_STRING:
		case FIELD_BOOLEAN:
		case FIELD_PRIMARY:
		case FIELD_FIRST_ID:
			return null || object_value_text(column->type, value)[0] == '\0';
		case FIELD_CUSTOM:
			return (column->type == JSONBOID || column->type == JSONOID) && is_json_null(column, value);
		default:
			return !OidIsValid(column->element) && is_json_null(column, value);
	}
}

static bool
is_json_null(const WriterColumn *column, Datum value)
{
	JsonbValue	scalar;
	const char *text;

	if (column->type == JSONBOID)
		return JsonbExtractScalar(&DatumGetJsonbP(value)->root, &scalar) && scalar.type == jbvNull;
	text = object_value_text(column->type, value);
	text += strspn(text, " \t\r\n");
	return *text == '\0' ||
		(strncmp(text, "null", 4) == 0 && text[4 + strspn(text + 4, " \t\r\n")] == '\0');
}

/* A column's value as it is sent, or as it is compared with what was sent. */
SentTexts
object_texts(const WriterColumn *column, Datum value)
{
	SentTexts	texts = {.list = true};

	switch (column->field->kind)
	{
		case FIELD_LIST:
		case FIELD_LIST_OF_PRIMARY:
		case FIELD_ADDRESSES:
			texts.texts = object_list_texts(column, value);
			break;
		case FIELD_JSON:
			texts.texts = element_texts(json_of(column, value));
			break;
		default:
			texts.list = OidIsValid(column->element);
			texts.texts = texts.list ? object_list_texts(column, value) :
				list_make1(sent_form(column, object_value_text(column->type, value)));
	}
	return texts;
}

/* The same text, or the same list in the same order? */
bool
object_same_texts(SentTexts left, SentTexts right)
{
	ListCell   *lc;
	ListCell   *rc;

	if (left.list != right.list || list_length(left.texts) != list_length(right.texts))
		return false;
	forboth(lc, left.texts, rc, right.texts)
	{
		if (strcmp(lfirst(lc), lfirst(rc)) != 0)
			return false;
	}
	return true;
}

/* No value: nothing, nothing but empty text, or an empty list in a text column? */
bool
object_is_empty(SentTexts texts)
{
	const char *text = list_length(texts.texts) == 1 ? linitial(texts.texts) : "";
	List	   *elements;

	if (list_length(texts.texts) > 1)
		return false;
	return text[0] == '\0' || (object_json_list(text, &elements) && elements == NIL);
}

/* Nothing but blanks? */
bool
object_is_blank(SentTexts texts)
{
	const char *text = list_length(texts.texts) == 1 ? linitial(texts.texts) : "";

	return !texts.list && text[strspn(text, " \t\r\n")] == '\0';
}

/* Phone numbers are read with a plus, but taken without (reference). */
static char *
sent_form(const WriterColumn *column, char *text)
{
	return column->field->is_phone && text[0] == '+' ? &text[1] : text;
}

/*
 * What a list holds, as it is sent. A column that is no array has it as it
 * was read: as a JSON array. Raises 22004 for a NULL in it, and 22023 for what
 * is no list of strings.
 */
List *
object_list_texts(const WriterColumn *column, Datum value)
{
	if (OidIsValid(column->element))
		return array_texts(column, value);
	return json_list_texts(column, object_value_text(column->type, value));
}

/* A list has one dimension: flattened, rows of a matrix would be no longer told apart. */
static List *
array_texts(const WriterColumn *column, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	List	   *texts = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int16		length;
	bool		byval;
	char		align;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" can't hold an array of more than one dimension", column->name),
				 errtablecol(column->table, column->attnum)));
	get_typlenbyvalalign(column->element, &length, &byval, &align);
	deconstruct_array(array, column->element, length, byval, align, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("column \"%s\" can't hold a NULL in its list", column->name),
					 errtablecol(column->table, column->attnum)));
		texts = lappend(texts, sent_form(column, object_value_text(getBaseType(column->element),
																	elements[i])));
	}
	return texts;
}

static List *
json_list_texts(const WriterColumn *column, const char *json)
{
	List	   *texts;
	ListCell   *lc;

	if (!object_json_list(json, &texts))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" must be a JSON array of strings", column->name),
				 errtablecol(column->table, column->attnum)));
	foreach(lc, texts)
		lfirst(lc) = sent_form(column, lfirst(lc));
	return texts;
}

/*
 * The elements of a JSON array of strings, numbers and booleans, as texts in
 * "texts". False for anything else.
 */
bool
object_json_list(const char *json, List **texts)
{
	char	   *utf8 = pg_server_to_any(json, strlen(json), PG_UTF8);
	JsonReader	reader;
	bool		first = true;
	bool		valid;

	*texts = NIL;
	json_reader_begin(&reader, utf8, strlen(utf8));
	valid = json_reader_token(&reader) == JSON_TOKEN_ARRAY_START;
	if (valid)
		json_reader_enter(&reader);
	while (valid && json_reader_next_element(&reader, &first))
	{
		JsonSlice	element = json_reader_value(&reader);

		valid = !reader.failed && !json_slice_is_null(element) &&
			!json_slice_is_object(element) && !json_slice_is_array(element);
		if (valid)
			*texts = lappend(*texts, json_slice_cstring(element));
	}
	return json_reader_end(&reader) && valid;
}

/*
 * The API's own JSON as it is sent: numbers and booleans, of which the API
 * knows none there, as strings, digit by digit as they were written. NULL if
 * the value is no JSON.
 */
char *
object_json_text(const WriterColumn *column, Datum value)
{
	Jsonb	   *json = json_of(column, value);

	return json == NULL ? NULL :
		scalars_as_strings(JsonbToCString(NULL, &json->root, VARSIZE(json)));
}

static Jsonb *
json_of(const WriterColumn *column, Datum value)
{
	return column->type == JSONBOID ? DatumGetJsonbP(value) :
		object_parse_json(object_value_text(column->type, value));
}

/* NULL for what is no JSON. */
Jsonb *
object_parse_json(const char *text)
{
	char	   *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);
	JsonReader	reader;

	json_reader_begin(&reader, utf8, strlen(utf8));
	(void) json_reader_value(&reader);
	if (!json_reader_end(&reader))
		return NULL;
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* "json" as jsonb writes it. */
static char *
scalars_as_strings(const char *json)
{
	StringInfoData result;

	initStringInfo(&result);
	while (*json != '\0')
	{
		int			length = *json == '"' ? quoted_length(json) : (int) strcspn(json, "\",:[]{} ");
		bool		bare = *json != '"' && length > 0 && strncmp(json, "null", 4) != 0;

		length = Max(length, 1);
		appendStringInfo(&result, bare ? "\"%.*s\"" : "%.*s", length, json);
		json += length;
	}
	return result.data;
}

/* Of the JSON string that "json" begins with. */
static int
quoted_length(const char *json)
{
	int			length = 1;

	while (json[length] != '"')
		length += json[length] == '\\' ? 2 : 1;
	return length + 1;
}

/* The elements of a list, of JsonbValue *; NIL for what is no list. */
static List *
json_elements(Jsonb *json)
{
	List	   *elements = NIL;
	JsonbIterator *iterator;
	JsonbValue	element;

	if (json == NULL || !JB_ROOT_IS_ARRAY(json))
		return NIL;
	iterator = JsonbIteratorInit(&json->root);
	(void) JsonbIteratorNext(&iterator, &element, true);
	while (JsonbIteratorNext(&iterator, &element, true) == WJB_ELEM)
	{
		JsonbValue *copy = palloc(sizeof(JsonbValue));

		*copy = element;
		elements = lappend(elements, copy);
	}
	return elements;
}

/* What is compared of a list of external ids. */
static List *
element_texts(Jsonb *json)
{
	List	   *texts = NIL;
	ListCell   *lc;

	foreach(lc, json_elements(json))
		texts = lappend(texts, element_text(lfirst(lc)));
	return texts;
}

/* Id and label, in whatever order they stand; the API may know more of it. */
static char *
element_text(JsonbValue *element)
{
	char	   *scalar = object_scalar_text(element);

	if (scalar != NULL)
		return scalar;
	if (element->type == jbvBinary && JsonContainerIsObject(element->val.binary.data))
		return psprintf("%s\n%s", string_member(element->val.binary.data, "label"),
						string_member(element->val.binary.data, OBJECT_EXTERNAL_ID));
	return "";
}

/* The external ids in a column that shows a list of them, of char *. */
List *
object_json_ids(const WriterColumn *column, Datum value)
{
	List	   *ids = NIL;
	ListCell   *lc;

	foreach(lc, json_elements(json_of(column, value)))
	{
		JsonbValue *element = lfirst(lc);

		if (element->type == jbvBinary && JsonContainerIsObject(element->val.binary.data))
			ids = lappend(ids, string_member(element->val.binary.data, OBJECT_EXTERNAL_ID));
	}
	return ids;
}

/* "" if it is missing. */
static char *
string_member(JsonbContainer *object, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(object, key, strlen(key), &buffer);
	char	   *text = value == NULL ? NULL : object_scalar_text(value);

	return text == NULL ? "" : text;
}

/* The API takes strings only. NULL for what can't be one. */
char *
object_scalar_text(JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return value->val.boolean ? "true" : "false";
		default:
			return NULL;
	}
}

/* The map of all custom fields; raises 22023 for what is none. */
Jsonb *
object_map_of(const WriterColumn *column, Datum value, bool null)
{
	Jsonb	   *json;

	if (object_is_null(column, value, null))
		return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	json = column->type == JSONBOID ? DatumGetJsonbP(value) :
		object_parse_json(object_value_text(column->type, value));
	if (json == NULL || !JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" must be a JSON object of custom fields", column->name),
				 errtablecol(column->table, column->attnum)));
	return json;
}

/*
 * A member of custom_fields as it is sent: a scalar's text, or the texts of
 * a list. False for what can't be sent.
 */
bool
object_member_texts(JsonbValue *value, SentTexts *texts)
{
	char	   *scalar = object_scalar_text(value);
	JsonbIterator *iterator;
	JsonbValue	element;

	texts->list = value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data);
	texts->texts = NIL;
	if (scalar != NULL)
		texts->texts = list_make1(scalar);
	if (!texts->list)
		return scalar != NULL;

	iterator = JsonbIteratorInit(value->val.binary.data);
	(void) JsonbIteratorNext(&iterator, &element, true);
	while (JsonbIteratorNext(&iterator, &element, true) == WJB_ELEM)
	{
		scalar = object_scalar_text(&element);
		if (scalar == NULL)
			return false;
		texts->texts = lappend(texts->texts, scalar);
	}
	return true;
}
