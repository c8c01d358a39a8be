/*-------------------------------------------------------------------------
 *
 * object_read.c
 *		An object's JSON to Datums, column by column.
 *
 * By the kind of a field the slice of JSON that it has in an object becomes the
 * text that the input function of the column's type gets.
 *
 * IDENTIFICATION
 *		fdw/object/object_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "object/custom_value.h"
#include "object/object_id.h"
#include "object/object_read.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* What the error context says while a value is converted. */
typedef struct ConversionContext
{
	const ObjectLayout *layout;
	const char *column;
	const JsonSlice *slices;
} ConversionContext;

static JsonSlice column_slice(const ObjectColumn *column, const JsonSlice *slices);
static Datum read_column(ObjectColumn *column, JsonSlice slice, bool *null);
static bool reads_as_null(const ObjectColumn *column, JsonSlice slice);
static Datum read_null(ObjectColumn *column);
static Datum read_string(ObjectColumn *column, JsonSlice slice);
static Datum read_text(ObjectColumn *column, const char *text, int length);
static Datum object_convert(ObjectColumn *column, char *text);
static char *whole_number(char *text);
static Datum read_array(ObjectColumn *column, JsonSlice slice);
static void add_element(ObjectColumn *column, ArrayBuildState *state,
						JsonSlice element);
static JsonSlice first_external_id(JsonSlice ids);
static JsonSlice external_id(JsonSlice element);
static char *flatten_custom_fields(JsonSlice map);
static void append_as_string(StringInfo buffer, JsonSlice value);
static void append_as_strings(StringInfo buffer, JsonSlice array);
static void conversion_error_callback(void *arg);

/*
 * Makes Datums of an object's slices, in the current memory context, of all
 * columns of the layout, or with "attnums" of these alone; others are left as
 * they are. Errors of the types' input functions name the column and the object
 * in their context.
 */
void
object_read(const ObjectLayout *layout, const JsonSlice *slices,
			const Bitmapset *attnums, Datum *values, bool *nulls)
{
	ConversionContext context = {layout, NULL, slices};
	ErrorContextCallback callback;

	callback.callback = conversion_error_callback;
	callback.arg = &context;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	for (int i = 0; i < layout->ncolumns; i++)
	{
		ObjectColumn *column = &layout->columns[i];

		if (attnums != NULL && !bms_is_member(column->attnum, attnums))
			continue;
		context.column = column->name;
		values[column->attnum - 1] =
			read_column(column, column_slice(column, slices),
						&nulls[column->attnum - 1]);
	}
	error_context_stack = callback.previous;
}

/* A field may have had another name. */
static JsonSlice
column_slice(const ObjectColumn *column, const JsonSlice *slices)
{
	JsonSlice	slice = slices[column->source];

	return column->source_before >= 0 && json_slice_is_empty(slice) ? slices[column->source_before] : slice;
}

static Datum
read_column(ObjectColumn *column, JsonSlice slice, bool *null)
{
	char	   *json;

	if (column->field->kind == FIELD_CUSTOM_FIELDS)
	{
		json = flatten_custom_fields(slice);
		*null = false;
		return read_text(column, json, strlen(json));
	}
	if (column->field->kind == FIELD_FIRST_ID)
		slice = first_external_id(slice);

	*null = reads_as_null(column, slice);
	if (*null)
		return read_null(column);
	if (column->is_array)
		return read_array(column, slice);
	return read_string(column, slice);
}

/*
 * The API leaves out, nulls or empties the strings of an object that aren't
 * set. Of a custom field, "" is a value where the column's type has such a
 * one, and so is a list of nothing.
 */
static bool
reads_as_null(const ObjectColumn *column, JsonSlice slice)
{
	PylonFieldKind kind = column->field->kind;

	if (json_slice_is_null(slice))
		return true;
	if (json_slice_is_empty_string(slice))
		return FIELD_IS_STRING(column->field) ||
			(kind == FIELD_CUSTOM && (column->is_array || !column->takes_strings));
	return kind == FIELD_CUSTOM && json_slice_is_empty(slice) &&
		!column->is_array && !column->is_json && !column->takes_strings;
}

/* A domain may refuse NULL. */
static Datum
read_null(ObjectColumn *column)
{
	if (OidIsValid(column->domain))
		domain_check((Datum) 0, true, column->domain, NULL, NULL);
	else if (column->is_domain)
		(void) InputFunctionCall(&column->input, NULL, column->ioparam,
								 column->typmod);
	return (Datum) 0;
}

/* A string's text, or the JSON of anything else, into the column's type. */
static Datum
read_string(ObjectColumn *column, JsonSlice slice)
{
	int			length;
	const char *text;

	if (FIELD_IS_STRING(column->field) &&
		(json_slice_is_object(slice) || json_slice_is_array(slice)))
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("the API's answer has a list or an object where a string was expected")));

	/* The API's own JSON, strings in it with their quotes. */
	if (column->field->kind == FIELD_JSON)
	{
		text = pg_any_to_server(slice.data, slice.length, PG_UTF8);
		length = text == slice.data ? slice.length : (int) strlen(text);
	}
	else
		text = json_slice_text(slice, &length);

	return read_text(column, text, length);
}

static Datum
read_text(ObjectColumn *column, const char *text, int length)
{
	/* By far the most common type, and its input function only copies. */
	if (column->type == TEXTOID)
		return PointerGetDatum(cstring_to_text_with_len(text, length));
	return object_convert(column, pnstrdup(text, length));
}

/* By the input function of the column's type, or of its elements. */
static Datum
object_convert(ObjectColumn *column, char *text)
{
	if (column->takes_integers)
		text = whole_number(text);
	return InputFunctionCall(&column->input, text, column->ioparam,
							 column->typmod);
}

/*
 * The API writes some whole numbers with a fraction, as 67340.0, or with an
 * exponent, which the integer types don't take. Any other text is left for
 * the type to take or to refuse.
 */
static char *
whole_number(char *text)
{
	char	   *end;
	double		number;
	Datum		exact;
	Datum		whole;

	if (strpbrk(text, ".eE") == NULL ||
		strspn(text, "+-.0123456789eE") != strlen(text))
		return text;
	number = strtod(text, &end);
	/* What no integer type holds could be long. */
	if (end == text || *end != '\0' || fabs(number) > 1e19)
		return text;
	exact = DirectFunctionCall3(numeric_in, CStringGetDatum(text),
								ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	whole = DirectFunctionCall2(numeric_trunc, exact, Int32GetDatum(0));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, exact, whole)))
		return text;
	return DatumGetCString(DirectFunctionCall1(numeric_out, whole));
}

/* A list; a single value is a list of one. */
static Datum
read_array(ObjectColumn *column, JsonSlice slice)
{
	ArrayBuildState *state = initArrayResult(column->element,
											 CurrentMemoryContext, false);
	Datum		array;

	if (json_slice_is_array(slice))
	{
		JsonReader	reader;
		bool		first = true;

		json_reader_begin(&reader, slice.data, slice.length);
		json_reader_enter(&reader);
		while (json_reader_next_element(&reader, &first))
			add_element(column, state, json_reader_value(&reader));
		(void) json_reader_end(&reader);
	}
	else
		add_element(column, state, slice);

	array = makeArrayResult(state, CurrentMemoryContext);
	if (OidIsValid(column->domain))
		domain_check(array, false, column->domain, NULL, NULL);
	return array;
}

static void
add_element(ObjectColumn *column, ArrayBuildState *state, JsonSlice element)
{
	bool		null = json_slice_is_null(element) ||
		(json_slice_is_empty_string(element) && !column->takes_strings);
	Datum		value = (Datum) 0;

	if (!null)
		value = object_convert(column, json_slice_cstring(element));
	(void) accumArrayResult(state, value, null, column->element,
							CurrentMemoryContext);
}

/*
 * The API's map of custom fields as an object of slug and string, or array
 * of strings; slugs without a value are left out. Server's encoding.
 */
static char *
flatten_custom_fields(JsonSlice map)
{
	StringInfoData json;
	JsonReader	reader;
	JsonSlice	key;
	bool		first = true;

	if (!json_slice_is_object(map))
		return "{}";
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	json_reader_begin(&reader, map.data, map.length);
	json_reader_enter(&reader);
	while (json_reader_next_member(&reader, &first, &key))
	{
		JsonSlice	value = custom_value_read(&reader);

		if (json_slice_is_null(value))
			continue;
		if (json.len > 1)
			appendStringInfoChar(&json, ',');
		appendBinaryStringInfo(&json, key.data, key.length);
		appendStringInfoChar(&json, ':');
		if (json_slice_is_array(value))
			append_as_strings(&json, value);
		else
			append_as_string(&json, value);
	}
	(void) json_reader_end(&reader);
	appendStringInfoChar(&json, '}');
	return pg_any_to_server(json.data, json.len, PG_UTF8);
}

/* All values of custom fields are strings; should one not be, it becomes one. */
static void
append_as_string(StringInfo buffer, JsonSlice value)
{
	bool		scalar = !json_slice_is_string(value) &&
		!json_slice_is_object(value) && !json_slice_is_array(value);

	if (json_slice_is_null(value))
	{
		appendStringInfoString(buffer, "null");
		return;
	}
	if (scalar)
		appendStringInfoChar(buffer, '"');
	appendBinaryStringInfo(buffer, value.data, value.length);
	if (scalar)
		appendStringInfoChar(buffer, '"');
}

static void
append_as_strings(StringInfo buffer, JsonSlice array)
{
	JsonReader	reader;
	bool		first = true;
	const char *separator = "[";

	json_reader_begin(&reader, array.data, array.length);
	json_reader_enter(&reader);
	while (json_reader_next_element(&reader, &first))
	{
		appendStringInfoString(buffer, separator);
		append_as_string(buffer, json_reader_value(&reader));
		separator = ",";
	}
	(void) json_reader_end(&reader);
	appendStringInfoString(buffer, separator[0] == '[' ? "[]" : "]");
}

/* NULL for what is no list, or an empty one. */
static JsonSlice
first_external_id(JsonSlice ids)
{
	JsonSlice	id = JSON_SLICE_NULL;
	JsonReader	reader;
	bool		first = true;

	if (!json_slice_is_array(ids))
		return id;
	json_reader_begin(&reader, ids.data, ids.length);
	json_reader_enter(&reader);
	while (json_slice_is_null(id) && json_reader_next_element(&reader, &first))
		id = external_id(json_reader_value(&reader));
	return id;
}

/* Of {"external_id": ..., "label": ...}. */
static JsonSlice
external_id(JsonSlice element)
{
	JsonSlice	id = JSON_SLICE_NULL;
	JsonSlice	key;
	JsonReader	reader;
	bool		first = true;

	if (!json_slice_is_object(element))
		return id;
	json_reader_begin(&reader, element.data, element.length);
	json_reader_enter(&reader);
	while (json_reader_next_member(&reader, &first, &key))
	{
		JsonSlice	member = json_reader_value(&reader);

		if (json_slice_key_is(key, OBJECT_EXTERNAL_ID, strlen(OBJECT_EXTERNAL_ID)))
			id = member;
	}
	(void) json_reader_end(&reader);
	return id;
}

/*
 * All of the external ids of which column "attnum", one of the
 * layout, shows the first, as texts in the current memory context.
 */
List *
object_external_ids(const ObjectLayout *layout, AttrNumber attnum,
					 const JsonSlice *slices)
{
	const ObjectColumn *column = layout->columns;
	List	   *texts = NIL;
	JsonSlice	ids;
	JsonReader	list;
	bool		first = true;

	while (column->attnum != attnum)
		column++;
	ids = slices[column->source];
	if (!json_slice_is_array(ids))
		return NIL;
	json_reader_begin(&list, ids.data, ids.length);
	json_reader_enter(&list);
	while (json_reader_next_element(&list, &first))
	{
		JsonSlice	id = external_id(json_reader_value(&list));

		if (json_slice_is_string(id))
			texts = lappend(texts, json_slice_cstring(id));
	}
	(void) json_reader_end(&list);
	return texts;
}

static void
conversion_error_callback(void *arg)
{
	ConversionContext *context = arg;
	const ObjectLayout *layout = context->layout;
	char	   *id = object_id_text(context->slices);

	if (id != NULL)
		errcontext("column \"%s\" of foreign table \"%s\", %s id \"%s\"",
				   context->column, layout->table, layout->object->nouns.one, id);
	else
		errcontext("column \"%s\" of foreign table \"%s\"",
				   context->column, layout->table);
}
