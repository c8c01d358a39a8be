/*-------------------------------------------------------------------------
 *
 * object_read.c
 *		The one table of an object's fields, and JSON to Datum through it.
 *
 * A foreign table's column shows a field of the object or one of its
 * custom fields (see object_column_field). What a scan needs of an object
 * is compiled into a ObjectLayout: page.c cuts the JSON into slices by it,
 * and object_read makes Datums of a row's slices. Nothing else in the
 * extension knows the names of fields.
 *
 * IDENTIFICATION
 *		fdw/object_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "compat.h"
#include "object.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "option.h"
#include "safe_text.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define ID_OPERATORS	(FIELD_EQUALS | FIELD_IN | FIELD_NOT_IN)
#define TEXT_OPERATORS	(ID_OPERATORS | FIELD_STRING_CONTAINS)
#define ALWAYS			(FIELD_ON_INSERT | FIELD_ON_UPDATE)

/*
 * Reference: the response of "Get a ...", and for the
 * operators "Search for ...". That page doesn't list
 * those of name, which is searched like email all the same.
 */
static const PylonField fields[] =
{
	{"id", NULL, "id", FIELD_STRING, "text",
	ID_OPERATORS | FIELD_REFERENCE(ID_OPERATORS) | FIELD_UNIQUE, 0, false},
	{"account_id", "account", "id", FIELD_STRING, "text",
	ID_OPERATORS | FIELD_REFERENCE(ID_OPERATORS) | FIELD_RARE, ALWAYS, false},
	{"name", NULL, "name", FIELD_STRING, "text NOT NULL",
	TEXT_OPERATORS | FIELD_CASE | FIELD_RARE, ALWAYS, true},
	{"email", NULL, "email", FIELD_STRING, "text",
	TEXT_OPERATORS | FIELD_REFERENCE(TEXT_OPERATORS) | FIELD_CASE | FIELD_UNIQUE, ALWAYS, false},
	{"emails", NULL, "emails", FIELD_LIST, "text[]", 0, FIELD_ON_UPDATE, false},
	{"avatar_url", NULL, "avatar_url", FIELD_STRING, "text", 0, ALWAYS, false},
	{"portal_role", NULL, "portal_role", FIELD_STRING, "text", 0, ALWAYS, false},
	{"portal_role_id", NULL, "portal_role_id", FIELD_STRING, "text", 0, ALWAYS, false},
	{"phone_numbers", NULL, "phone_numbers", FIELD_LIST, "text[]", 0, ALWAYS, false},
	{"primary_phone_number", NULL, "primary_phone_number", FIELD_STRING, "text", 0, ALWAYS, false},
	{"external_ids", NULL, "external_ids", FIELD_JSON, "jsonb", 0, ALWAYS, false},
	{"account_external_id", "account", "external_ids", FIELD_FIRST_ID, "text", 0, ALWAYS, false},
	{"account_external_ids", "account", "external_ids", FIELD_JSON, "jsonb", 0, 0, false},
	{"integration_user_ids", NULL, "integration_user_ids", FIELD_JSON, "jsonb", 0, 0, false},
	{"custom_fields", NULL, "custom_fields", FIELD_CUSTOM_FIELDS, "jsonb", 0, ALWAYS, false},
};

/*
 * What stands for the field of a column with option custom_field. The page
 * says just that slugs can be searched; "equals" is the least that means.
 */
static const PylonField custom_field =
{
	NULL, "custom_fields", NULL, FIELD_CUSTOM, NULL,
	FIELD_EQUALS | FIELD_IN | FIELD_STRING_CONTAINS | FIELD_IS_SET |
	FIELD_CONTAINS | FIELD_REFERENCE(FIELD_EQUALS) | FIELD_CASE,
	ALWAYS, false
};

/*
 * Operators of the search by the type of a custom field, where that is known.
 * One with several values holds its text in each of them, or in none.
 */
static const struct
{
	const char *type;
	int			operators;
}			type_operators[] =

{
	{"text", TEXT_OPERATORS | FIELD_IS_SET},
	{"url", TEXT_OPERATORS | FIELD_IS_SET},
	{"user", TEXT_OPERATORS | FIELD_IS_SET},
	{"select", TEXT_OPERATORS | FIELD_IS_SET},
	{"number", ID_OPERATORS | FIELD_IS_SET},
	{"decimal", ID_OPERATORS | FIELD_IS_SET},
	{"boolean", ID_OPERATORS | FIELD_IS_SET},
	{"date", ID_OPERATORS | FIELD_IS_SET},
	{"datetime", ID_OPERATORS | FIELD_IS_SET},
	{"multiselect", FIELD_CONTAINS | FIELD_IS_SET},
};

/* What the error context says while a value is converted. */
typedef struct ConversionContext
{
	const char *table;
	const char *column;
	JsonSlice	id;
} ConversionContext;

static const PylonField *find_field(const char *name);
pg_noreturn static void raise_unmapped(Relation table, const char *column,
									   const char *field);
static ObjectLevel field_level(const PylonField *field);
static void add_source(ObjectLayout *reader, ObjectColumn *column,
					   const char *slug, ObjectSource *sources,
					   ObjectLevel *levels);
static void sort_sources(ObjectLayout *reader, const ObjectSource *sources,
						 const ObjectLevel *levels);
static int	compare_sources(const void *a, const void *b);
static int	compare_keys(const char *a, int alength, const char *b, int blength);
static void prepare_input(ObjectColumn *column, Form_pg_attribute attr);
static void classify_input(ObjectColumn *column, Oid type);
static Datum read_column(ObjectColumn *column, JsonSlice slice, bool *null);
static bool reads_as_null(const ObjectColumn *column, JsonSlice slice);
static Datum read_null(ObjectColumn *column);
static Datum read_string(ObjectColumn *column, JsonSlice slice);
static Datum read_text(ObjectColumn *column, const char *text, int length);
static Datum convert(ObjectColumn *column, char *text);
static char *whole_number(char *text);
static Datum read_array(ObjectColumn *column, JsonSlice slice);
static void add_element(ObjectColumn *column, ArrayBuildState *state,
						JsonSlice element);
static JsonSlice custom_value(JsonSlice custom);
static JsonSlice first_external_id(JsonSlice ids);
static JsonSlice external_id(JsonSlice element);
static bool is_empty(JsonSlice value);
static bool is_empty_string(JsonSlice value);
static char *flatten_custom_fields(JsonSlice map);
static void append_as_string(StringInfo buffer, JsonSlice value);
static void append_as_strings(StringInfo buffer, JsonSlice array);
static bool is_printable_ascii(JsonSlice slice);
static char *id_text(JsonSlice id);
static void conversion_error_callback(void *arg);

/* All fields of an object, in the order of an imported table. */
const PylonField *
object_fields(int *count)
{
	*count = lengthof(fields);
	return fields;
}

/*
 * What column "attnum" of a foreign table shows: the field named by its
 * option "field", else by its own name, or with "slug" set, the custom field
 * of option "custom_field". "slug" is allocated in the current context.
 *
 * Raises HV005 where the column maps to nothing.
 */
const PylonField *
object_column_field(Relation table, AttrNumber attnum, char **slug)
{
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(table), attnum - 1);
	const char *name = NameStr(attr->attname);
	const PylonField *field;
	PylonColumnOptions options;

	option_read_column(&options,
					   GetForeignColumnOptions(RelationGetRelid(table), attnum));
	*slug = options.custom_field;
	if (options.custom_field != NULL)
		return &custom_field;

	field = find_field(options.field != NULL ? options.field : name);
	if (field == NULL)
		raise_unmapped(table, name, options.field);
	return field;
}

/* Does the column show a field? Not if it is dropped, or computed on reading. */
bool
object_has_column(Relation table, AttrNumber attnum)
{
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(table), attnum - 1);

	return !attr->attisdropped && !compat_is_virtual(attr);
}

/* The numbers of all columns that show a field, in the current memory context. */
Bitmapset *
object_columns(Relation table)
{
	Bitmapset  *attnums = NULL;

	for (int i = 0; i < RelationGetNumberOfAttributes(table); i++)
	{
		if (object_has_column(table, i + 1))
			attnums = bms_add_member(attnums, i + 1);
	}
	return attnums;
}

/* Not if it is empty, or if the API would take it for an object's own field. */
bool
object_slug_is_searchable(const char *slug)
{
	return slug[0] != '\0' && find_field(slug) == NULL;
}

/* The FIELD_... of the search for a field, or for a slug. */
int
object_field_operators(const char *name)
{
	const PylonField *field = find_field(name);

	return field != NULL ? field->operators : custom_field.operators;
}

/*
 * The API's word for the type of the custom field that a column shows, NULL
 * where it isn't known. In the current memory context.
 */
const char *
object_column_type(Relation table, AttrNumber attnum)
{
	PylonColumnOptions options;

	option_read_column(&options,
					   GetForeignColumnOptions(RelationGetRelid(table), attnum));
	return options.field_type;
}

/* The same of a slug, as far as one of the columns tells it. */
const char *
object_slug_type(Relation table, const char *slug)
{
	for (int i = 0; i < RelationGetNumberOfAttributes(table); i++)
	{
		PylonColumnOptions options;

		if (!object_has_column(table, i + 1))
			continue;
		option_read_column(&options,
						   GetForeignColumnOptions(RelationGetRelid(table), i + 1));
		if (options.field_type != NULL && options.custom_field != NULL &&
			strcmp(options.custom_field, slug) == 0)
			return options.field_type;
	}
	return NULL;
}

/* The FIELD_... that a type of custom fields takes; all where it isn't known. */
int
object_type_operators(const char *type)
{
	for (size_t i = 0; type != NULL && i < lengthof(type_operators); i++)
	{
		if (strcmp(type_operators[i].type, type) == 0)
			return type_operators[i].operators;
	}
	return FIELD_OPERATORS;
}

/* Raises HV005 if any column of "table" maps to nothing. */
void
object_check_columns(Relation table)
{
	char	   *slug;

	for (int i = 0; i < RelationGetNumberOfAttributes(table); i++)
	{
		if (object_has_column(table, i + 1))
			(void) object_column_field(table, i + 1, &slug);
	}
}

/*
 * Prepares to read the columns "attnums" (numbers, not offset) of objects.
 * Allocated in the current memory context.
 */
ObjectLayout *
object_layout_create(Relation table, Bitmapset *attnums)
{
	ObjectLayout *reader = palloc0(sizeof(ObjectLayout));
	int			most = bms_num_members(attnums) + 1;
	ObjectSource *sources = palloc(most * sizeof(ObjectSource));
	ObjectLevel *levels = palloc(most * sizeof(ObjectLevel));
	int			attnum = -1;

	reader->table = pstrdup(RelationGetRelationName(table));
	reader->columns = palloc0(most * sizeof(ObjectColumn));
	sources[0].key = "id";
	sources[0].length = 2;
	levels[0] = LEVEL_OBJECT;
	reader->nsources = 1;

	while ((attnum = bms_next_member(attnums, attnum)) >= 0)
	{
		ObjectColumn *column = &reader->columns[reader->ncolumns++];
		Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(table), attnum - 1);
		char	   *slug;

		column->attnum = attnum;
		column->name = pstrdup(NameStr(attr->attname));
		column->field = object_column_field(table, attnum, &slug);
		prepare_input(column, attr);
		add_source(reader, column, slug, sources, levels);
	}
	sort_sources(reader, sources, levels);
	return reader;
}

/* The index of the wanted member "key" of a level, or -1. */
int
object_layout_find(const ObjectLayout *reader, ObjectLevel level,
					JsonSlice key)
{
	int			low = reader->level_start[level];
	int			high = reader->level_start[level + 1];

	/* Few names: length and first bytes settle it; many slugs: halve. */
	if (high - low > 16 && memchr(key.data, '\\', key.length) == NULL)
	{
		while (low < high)
		{
			int			middle = (low + high) / 2;
			int			order = compare_keys(key.data + 1, key.length - 2,
											 reader->sources[middle].key,
											 reader->sources[middle].length);

			if (order == 0)
				return middle;
			if (order < 0)
				high = middle;
			else
				low = middle + 1;
		}
		return -1;
	}
	for (int i = low; i < high; i++)
	{
		if (json_slice_key_is(key, reader->sources[i].key,
							  reader->sources[i].length))
			return i;
	}
	return -1;
}

/*
 * Makes Datums of an object's slices, in the current memory context. Columns
 * that the reader doesn't read are left alone. Errors of the types' input
 * functions name the column and the object in their context.
 */
void
object_read(const ObjectLayout *reader, const JsonSlice *slices,
			 Datum *values, bool *nulls)
{
	ConversionContext context = {reader->table, NULL, slices[OBJECT_ID_SOURCE]};
	ErrorContextCallback callback;

	callback.callback = conversion_error_callback;
	callback.arg = &context;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	for (int i = 0; i < reader->ncolumns; i++)
	{
		ObjectColumn *column = &reader->columns[i];

		context.column = column->name;
		values[column->attnum - 1] =
			read_column(column, slices[column->source],
						&nulls[column->attnum - 1]);
	}
	error_context_stack = callback.previous;
}

static const PylonField *
find_field(const char *name)
{
	for (size_t i = 0; i < lengthof(fields); i++)
	{
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	}
	return NULL;
}

static void
raise_unmapped(Relation table, const char *column, const char *field)
{
	StringInfoData names;

	initStringInfo(&names);
	for (size_t i = 0; i < lengthof(fields); i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", fields[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 errmsg("column \"%s\" of foreign table \"%s\" shows no field of a contact",
					column, RelationGetRelationName(table)),
			 field ? errdetail("There is no field \"%s\".", field) : 0,
			 errhint("Name one in the column's option \"field\", or a custom field in \"custom_field\". Fields are: %s.",
					 names.data)));
}

static ObjectLevel
field_level(const PylonField *field)
{
	if (field->parent == NULL)
		return LEVEL_OBJECT;
	return field->kind == FIELD_CUSTOM ? LEVEL_CUSTOM : LEVEL_ACCOUNT;
}

/* Where the column's value comes from; shared with columns that show it too. */
static void
add_source(ObjectLayout *reader, ObjectColumn *column, const char *slug,
		   ObjectSource *sources, ObjectLevel *levels)
{
	ObjectSource source;
	ObjectLevel level = field_level(column->field);

	source.key = slug == NULL ? column->field->key :
		pg_server_to_any(slug, strlen(slug), PG_UTF8);
	source.length = strlen(source.key);
	for (column->source = 0; column->source < reader->nsources; column->source++)
	{
		if (levels[column->source] == level &&
			compare_sources(&sources[column->source], &source) == 0)
			return;
	}
	sources[reader->nsources] = source;
	levels[reader->nsources++] = level;
}

/* Levels one after the other, keys in order within; the id stays first. */
static void
sort_sources(ObjectLayout *reader, const ObjectSource *sources,
			 const ObjectLevel *levels)
{
	int			n = 0;

	reader->sources = palloc(reader->nsources * sizeof(ObjectSource));
	for (ObjectLevel level = 0; level < NUM_OBJECT_LEVELS; level++)
	{
		int			start = n;

		reader->level_start[level] = start;
		for (int i = 0; i < reader->nsources; i++)
		{
			if (levels[i] == level)
				reader->sources[n++] = sources[i];
		}
		/* The id, first of its level, is looked up by its place. */
		if (level == LEVEL_OBJECT)
			start++;
		qsort(reader->sources + start, n - start, sizeof(ObjectSource),
			  compare_sources);
	}
	reader->level_start[NUM_OBJECT_LEVELS] = n;

	for (int i = 0; i < reader->ncolumns; i++)
	{
		ObjectColumn *column = &reader->columns[i];
		ObjectLevel level = levels[column->source];
		int			place = reader->level_start[level];

		while (compare_sources(&reader->sources[place],
							   &sources[column->source]) != 0)
			place++;
		column->source = place;
	}
}

static int
compare_sources(const void *a, const void *b)
{
	const ObjectSource *left = a;
	const ObjectSource *right = b;

	return compare_keys(left->key, left->length, right->key, right->length);
}

static int
compare_keys(const char *a, int alength, const char *b, int blength)
{
	if (alength != blength)
		return alength < blength ? -1 : 1;
	return memcmp(a, b, alength);
}

/*
 * Which input function makes the column's values. A list goes element by
 * element into an array; into any other type goes its JSON.
 */
static void
prepare_input(ObjectColumn *column, Form_pg_attribute attr)
{
	Oid			base;
	Oid			function;

	column->type = attr->atttypid;
	column->typmod = attr->atttypmod;
	base = getBaseType(column->type);
	column->is_domain = base != column->type;
	column->element = get_element_type(base);
	column->is_array = OidIsValid(column->element) &&
		(column->field->kind == FIELD_LIST || column->field->kind == FIELD_CUSTOM);
	if (column->is_array)
	{
		if (column->is_domain)
		{
			column->domain = column->type;
			(void) getBaseTypeAndTypmod(column->type, &column->typmod);
		}
		get_typlenbyvalalign(column->element, &column->element_length,
							 &column->element_byval, &column->element_align);
	}
	column->is_json = base == JSONOID || base == JSONBOID;
	classify_input(column, column->is_array ? column->element : column->type);
	getTypeInputInfo(column->is_array ? column->element : column->type,
					 &function, &column->ioparam);
	fmgr_info(function, &column->input);
}

/* What texts the input function of "type" takes. */
static void
classify_input(ObjectColumn *column, Oid type)
{
	Oid			base = getBaseType(type);
	char		category;
	bool		preferred;

	get_type_category_preferred(base, &category, &preferred);
	column->takes_strings = category == TYPCATEGORY_STRING;
	column->takes_integers = base == INT2OID || base == INT4OID || base == INT8OID;
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
	if (column->field->kind == FIELD_CUSTOM)
		slice = custom_value(slice);
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
	if (is_empty_string(slice))
		return FIELD_IS_STRING(column->field) ||
			(kind == FIELD_CUSTOM && (column->is_array || !column->takes_strings));
	return kind == FIELD_CUSTOM && is_empty(slice) &&
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
	return convert(column, pnstrdup(text, length));
}

/* By the input function of the column's type, or of its elements. */
static Datum
convert(ObjectColumn *column, char *text)
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
		(is_empty_string(element) && !column->takes_strings);
	Datum		value = (Datum) 0;

	if (!null)
		value = convert(column, json_slice_cstring(element));
	(void) accumArrayResult(state, value, null, column->element,
							CurrentMemoryContext);
}

/*
 * The value of a custom field, {"value": ..., "values": [...]}, of which one
 * may be missing, or be empty beside the other. The list counts, unless it
 * is empty beside a value that isn't.
 */
static JsonSlice
custom_value(JsonSlice custom)
{
	JsonSlice	value = JSON_SLICE_NULL;
	JsonSlice	values = JSON_SLICE_NULL;
	JsonSlice	key;
	JsonReader	reader;
	bool		first = true;

	if (!json_slice_is_object(custom))
		return custom;
	json_reader_begin(&reader, custom.data, custom.length);
	json_reader_enter(&reader);
	while (json_reader_next_member(&reader, &first, &key))
	{
		JsonSlice	member = json_reader_value(&reader);

		if (json_slice_key_is(key, "value", 5))
			value = member;
		else if (json_slice_key_is(key, "values", 6))
			values = member;
	}
	(void) json_reader_end(&reader);

	if (json_slice_is_array(values) && (!is_empty(values) || is_empty(value)))
		return values;
	return value;
}

/* Null, an empty string, or a list of nothing. */
static bool
is_empty(JsonSlice value)
{
	if (!json_slice_is_array(value))
		return json_slice_is_null(value) || is_empty_string(value);
	for (int i = 1; i < value.length - 1; i++)
	{
		if (strchr(" \t\r\n", value.data[i]) == NULL)
			return false;
	}
	return true;
}

static bool
is_empty_string(JsonSlice value)
{
	return json_slice_is_string(value) && value.length == 2;
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
		JsonSlice	value = custom_value(json_reader_value(&reader));

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

static bool
is_printable_ascii(JsonSlice slice)
{
	for (int i = 0; i < slice.length; i++)
	{
		if (slice.data[i] < ' ' || slice.data[i] > '~')
			return false;
	}
	return true;
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

		if (json_slice_key_is(key, "external_id", 11))
			id = member;
	}
	(void) json_reader_end(&reader);
	return id;
}

/*
 * All of the external ids of which column "attnum", one that the reader
 * reads, shows the first, as texts in the current memory context.
 */
List *
object_external_ids(const ObjectLayout *reader, AttrNumber attnum,
					 const JsonSlice *slices)
{
	const ObjectColumn *column = reader->columns;
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

/*
 * Can "id" be that of an object? A path that ends in nothing, or in dots,
 * would name something else, and one that is too long nothing at all.
 */
bool
object_id_is_possible(const char *id)
{
	return id[0] != '\0' && strcmp(id, ".") != 0 && strcmp(id, "..") != 0 &&
		strlen(id) <= OBJECT_MAX_ID;
}

/* The id of an answer's object; NULL if that would spoil a message. */
char *
object_id_text(const JsonSlice *slices)
{
	JsonSlice	id = slices[OBJECT_ID_SOURCE];

	if (!json_slice_is_string(id) || !is_printable_ascii(id))
		return NULL;
	return id_text(id);
}

/* As it stands in the answer, which is megabytes where somebody is no friend. */
static char *
id_text(JsonSlice id)
{
	return safe_text(pnstrdup(id.data + 1, Min(id.length - 2, 4096)));
}

/* An id that is none must not spoil the message. */
static void
conversion_error_callback(void *arg)
{
	ConversionContext *context = arg;

	if (json_slice_is_string(context->id) && is_printable_ascii(context->id))
		errcontext("column \"%s\" of foreign table \"%s\", contact id \"%s\"",
				   context->column, context->table, id_text(context->id));
	else
		errcontext("column \"%s\" of foreign table \"%s\"",
				   context->column, context->table);
}
