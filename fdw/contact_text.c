/*-------------------------------------------------------------------------
 *
 * contact_text.c
 *		Values of columns as the texts that the API takes.
 *
 * All that is sent of a contact is strings and lists of strings. What the API
 * answers is put into the same form, to be compared (contact_check.c).
 *
 * IDENTIFICATION
 *		fdw/contact_text.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "contact_text.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

static const char *sent_form(const WriterColumn *column, const char *text);
static List *json_list_texts(const WriterColumn *column, const char *json);

/*
 * Settings that change what the output functions give are as postgres_fdw
 * sets them, too, until AtEOXact_GUC(true, <result>); errors end that as well.
 */
int
contact_begin_texts(void)
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
contact_value_text(Oid type, Datum value)
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

/* A column's value as it is sent, to be compared; a list as one text. */
const char *
contact_sent_text(const WriterColumn *column, Datum value)
{
	if (contact_is_list(column))
		return contact_joined(contact_list_texts(column, value));
	return sent_form(column, contact_value_text(column->type, value));
}

/* Is it sent as a list? */
bool
contact_is_list(const WriterColumn *column)
{
	return column->field->kind == FIELD_LIST ||
		(column->field->kind == FIELD_CUSTOM && OidIsValid(column->element));
}

/* Phone numbers are read with a plus, but taken without (reference). */
static const char *
sent_form(const WriterColumn *column, const char *text)
{
	const char *name = column->field->name;
	bool		phone = name != NULL &&
		(strcmp(name, "phone_numbers") == 0 || strcmp(name, "primary_phone_number") == 0);

	return phone && text[0] == '+' ? &text[1] : text;
}

/*
 * What a list holds, as it is sent. A column that is no array has it as it
 * was read: as a JSON array. Raises 22004 for a NULL in it, and 22023 for what
 * is no list of strings.
 */
List *
contact_list_texts(const WriterColumn *column, Datum value)
{
	ArrayType  *array;
	List	   *texts = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int16		length;
	bool		byval;
	char		align;

	if (!OidIsValid(column->element))
		return json_list_texts(column, contact_value_text(column->type, value));
	array = DatumGetArrayTypeP(value);
	get_typlenbyvalalign(column->element, &length, &byval, &align);
	deconstruct_array(array, column->element, length, byval, align, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *text;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("column \"%s\" can't hold a NULL in its list", column->name)));
		text = contact_value_text(getBaseType(column->element), elements[i]);

		texts = lappend(texts, unconstify(char *, sent_form(column, text)));
	}
	return texts;
}

static List *
json_list_texts(const WriterColumn *column, const char *json)
{
	Jsonb	   *list = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	bool		valid = JB_ROOT_IS_ARRAY(list) && !JB_ROOT_IS_SCALAR(list);
	JsonbIterator *iterator = JsonbIteratorInit(&list->root);
	JsonbValue	element;
	List	   *texts = NIL;

	(void) JsonbIteratorNext(&iterator, &element, true);
	while (valid && JsonbIteratorNext(&iterator, &element, true) == WJB_ELEM)
	{
		valid = contact_scalar_text(&element) != NULL;
		if (valid)
			texts = lappend(texts, unconstify(char *, sent_form(column, contact_scalar_text(&element))));
	}
	if (!valid)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" must be a JSON array of strings", column->name)));
	return texts;
}

/* A list as one text, which no other list and no single value has. */
char *
contact_joined(List *texts)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoChar(&text, '[');
	foreach(lc, texts)
	{
		appendStringInfoChar(&text, ' ');
		escape_json(&text, lfirst(lc));
	}
	return text.data;
}

/* The API takes strings only. NULL for what can't be one. */
char *
contact_scalar_text(JsonbValue *value)
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

/*
 * A member of custom_fields as it is sent, to be compared: a scalar's text,
 * or the JSON of a list of such texts. The JSON of what can't be sent.
 */
char *
contact_member_text(JsonbValue *value)
{
	char	   *scalar = contact_scalar_text(value);
	JsonbIterator *iterator;
	JsonbValue	element;
	List	   *texts = NIL;
	Jsonb	   *json;

	if (scalar != NULL)
		return scalar;

	json = JsonbValueToJsonb(value);
	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
		return JsonbToCString(NULL, &json->root, VARSIZE(json));
	iterator = JsonbIteratorInit(&json->root);
	(void) JsonbIteratorNext(&iterator, &element, true);
	while (JsonbIteratorNext(&iterator, &element, true) == WJB_ELEM)
	{
		scalar = contact_scalar_text(&element);
		if (scalar == NULL)
			return JsonbToCString(NULL, &json->root, VARSIZE(json));
		texts = lappend(texts, scalar);
	}
	return contact_joined(texts);
}
