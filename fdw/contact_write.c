/*-------------------------------------------------------------------------
 *
 * contact_write.c
 *		Rows to bodies of creates and updates, and whether the API did it.
 *
 * What is sent of a row goes by the table of fields in contact.c: values
 * that differ from the row that was read, in the shapes that the API takes
 * (reference: "Create a new contact", "Update an existing contact"). The API
 * ignores what it doesn't know instead of refusing it, so its answer is
 * compared with what was sent: a value may come back normalized, but it must
 * come back.
 *
 * IDENTIFICATION
 *		fdw/contact_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "contact_write.h"
#include "foreign/foreign.h"
#include "json.h"
#include "option.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* A column, as it is written. */
typedef struct WriterColumn
{
	AttrNumber	attnum;
	const char *name;
	const ContactField *field;
	const char *slug;			/* of FIELD_CUSTOM */
	bool		read_only;		/* by option */
	bool		generated;		/* computed here, and sent as such */
	Oid			type;			/* base type */
	int16		length;
	bool		byval;
	Oid			element;		/* of an array, else invalid */
} WriterColumn;

struct ContactWriter
{
	const char *table;
	int			ncolumns;
	WriterColumn *columns;
};

/* What the answer is looked at for. */
typedef struct SentField
{
	const WriterColumn *column;
	const char *slug;			/* of a member of custom_fields, else NULL */
	bool		cleared;		/* it must be gone, else it must be there */
	char	   *text;			/* what was sent, if not cleared */
	char	   *before;			/* what was there, NULL if nothing */
} SentField;

/* What a change is made of while it is made. */
typedef struct ChangeContext
{
	ContactWriter *writer;
	JsonTree   *body;
	List	   *sent;
	List	   *slugs;			/* of char *: custom fields already sent */
	char	   *email;			/* the new primary address, or NULL */
	bool		emails;			/* the list of all changes, too */
} ChangeContext;

static void check_writable(ContactWriter *writer, const WriterColumn *column,
						   bool creating);
static bool same_value(const WriterColumn *column, Datum old_value,
					   bool old_null, Datum value, bool null);
static void note_addresses(ChangeContext *context, const WriterColumn *column,
						   Datum value, bool null);
static void write_column(ChangeContext *context, const WriterColumn *column,
						 Datum old_value, bool old_null,
						 Datum value, bool null);
static void write_field(ChangeContext *context, const WriterColumn *column,
						Datum old_value, bool old_null,
						Datum value, bool null);
static void write_string(ChangeContext *context, const WriterColumn *column,
						 Datum value, bool null);
static void write_json(ChangeContext *context, const WriterColumn *column,
					   const char *json);
static void write_list(ChangeContext *context, const WriterColumn *column,
					   Datum value, bool null);
static void write_emails(ChangeContext *context, const WriterColumn *column,
						 Datum value, bool null);
static void write_custom(ChangeContext *context, const WriterColumn *column,
						 Datum value, bool null);
static void write_custom_fields(ChangeContext *context,
								const WriterColumn *column,
								Datum old_value, bool old_null,
								Datum value, bool null);
static void write_member(ChangeContext *context, const WriterColumn *column,
						 const char *slug, JsonbValue *old_value,
						 JsonbValue *value);
static List *member_texts(const char *slug, JsonbValue *value);
static char *member_text(const char *slug, JsonbValue *value);
static Jsonb *object_of(const WriterColumn *column, Datum value, bool null);
static bool same_member(JsonbValue *left, JsonbValue *right);
static void note_slug(ChangeContext *context, const WriterColumn *column,
					  const char *slug);
static SentField *note_sent(ChangeContext *context, const WriterColumn *column,
							const char *slug, bool cleared);
static char *value_text(const WriterColumn *column, Datum value);
static char *typed_text(Oid type, Datum value);
static List *array_texts(const WriterColumn *column, Datum value);
static bool is_ignored(const SentField *sent, const Datum *values);
static char *answer_text(const SentField *sent, Datum value);
static char *member_json(JsonbValue *member);
static bool is_same_text(const char *sent, const char *answer);
static bool is_missing(const SentField *sent, const Datum *values,
					   const bool *nulls);

/* Prepares to write rows of "table"; in the current memory context. */
ContactWriter *
contact_writer_create(Relation table)
{
	ContactWriter *writer = palloc0(sizeof(ContactWriter));
	TupleDesc	desc = RelationGetDescr(table);

	writer->table = pstrdup(RelationGetRelationName(table));
	writer->columns = palloc0(desc->natts * sizeof(WriterColumn));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);
		WriterColumn *column = &writer->columns[writer->ncolumns];
		PylonColumnOptions options;
		char	   *slug;

		if (!contact_has_column(table, i + 1))
			continue;
		option_read_column(&options, GetForeignColumnOptions(RelationGetRelid(table), i + 1));
		column->attnum = i + 1;
		column->name = pstrdup(NameStr(attr->attname));
		column->field = contact_column_field(table, i + 1, &slug);
		column->slug = slug;
		column->read_only = options.readonly;
		column->generated = attr->attgenerated != '\0';
		column->type = getBaseType(attr->atttypid);
		column->element = get_base_element_type(column->type);
		get_typlenbyval(attr->atttypid, &column->length, &column->byval);
		writer->ncolumns++;
	}
	return writer;
}

/* What names a new row in messages: its address, else its name. */
char *
contact_label(ContactWriter *writer, TupleTableSlot *row)
{
	const char *wanted[] = {"email", "name"};

	for (size_t n = 0; n < lengthof(wanted); n++)
	{
		for (int i = 0; i < writer->ncolumns; i++)
		{
			const WriterColumn *column = &writer->columns[i];

			if (column->field->name != NULL && strcmp(column->field->name, wanted[n]) == 0 &&
				!row->tts_isnull[column->attnum - 1])
				return psprintf("\"%s\"", value_text(column, row->tts_values[column->attnum - 1]));
		}
	}
	return "without a name";
}

/*
 * The column that shows the contact's id, by which it is updated and
 * deleted. Raises 55000 where the table has none.
 */
AttrNumber
contact_id_column(Relation table)
{
	TupleDesc	desc = RelationGetDescr(table);
	char	   *slug;

	for (int i = 0; i < desc->natts; i++)
	{
		if (contact_has_column(table, i + 1) &&
			strcmp(contact_column_field(table, i + 1, &slug)->name != NULL ?
				   contact_column_field(table, i + 1, &slug)->name : "", "id") == 0)
			return i + 1;
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot update or delete from foreign table \"%s\"",
					RelationGetRelationName(table)),
			 errdetail("None of its columns shows the contacts' id.")));
}

/* Raises 428C9 if one of the columns that an UPDATE assigns can't be written. */
void
contact_check_assigned(Relation table, Bitmapset *attnums)
{
	ContactWriter *writer = contact_writer_create(table);

	for (int i = 0; i < writer->ncolumns; i++)
	{
		if (bms_is_member(writer->columns[i].attnum, attnums))
			check_writable(writer, &writer->columns[i], false);
	}
}

/*
 * The create for "row": all values that aren't NULL. Raises 428C9 for values
 * of columns that can't be written and 23502 where the name is missing.
 * Allocated in the current memory context.
 */
ContactChange *
contact_creation(ContactWriter *writer, TupleTableSlot *row)
{
	ContactChange *change = palloc0(sizeof(ContactChange));
	ChangeContext context = {.writer = writer,.body = json_body_create()};
	bool		named = false;

	slot_getallattrs(row);
	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];
		int			place = column->attnum - 1;

		if (row->tts_isnull[place])
			continue;
		check_writable(writer, column, true);
		named |= column->field->required;
		write_column(&context, column, (Datum) 0, true, row->tts_values[place], false);
	}
	if (!named)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a contact needs a name"),
				 errdetail("Failing row of foreign table \"%s\" has none.", writer->table)));
	change->body = json_body_text(context.body);
	change->sent = context.sent;
	return change;
}

/*
 * The update that makes "old_row" into "new_row": the values that differ.
 * Its body is NULL where none do. Allocated in the current memory context.
 */
ContactChange *
contact_update(ContactWriter *writer, TupleTableSlot *old_row,
			   TupleTableSlot *new_row)
{
	ContactChange *change = palloc0(sizeof(ContactChange));
	ChangeContext context = {.writer = writer,.body = json_body_create()};

	slot_getallattrs(old_row);
	slot_getallattrs(new_row);

	/* The new primary address goes into the list, if that changes, too. */
	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = 0; i < writer->ncolumns; i++)
		{
			const WriterColumn *column = &writer->columns[i];
			int			place = column->attnum - 1;
			Datum		value = new_row->tts_values[place];
			bool		null = new_row->tts_isnull[place];

			if (same_value(column, old_row->tts_values[place], old_row->tts_isnull[place],
						   value, null))
				continue;
			if (pass == 0)
			{
				check_writable(writer, column, false);
				note_addresses(&context, column, value, null);
			}
			else
				write_column(&context, column, old_row->tts_values[place],
							 old_row->tts_isnull[place], value, null);
		}
	}
	change->body = json_body_text(context.body);
	change->sent = context.sent;
	return change;
}

/*
 * Does the contact in the API's answer, read into "values" and "nulls", have
 * what was sent? Raises 22023 for what the API has ignored: what it didn't
 * clear, what is missing, and what is still as it was or got a default.
 */
void
contact_check_answer(ContactWriter *writer, const ContactChange *change,
					 const Datum *values, const bool *nulls)
{
	ListCell   *lc;

	foreach(lc, change->sent)
	{
		SentField  *sent = lfirst(lc);

		if (sent->cleared ? is_missing(sent, values, nulls) :
			!is_missing(sent, values, nulls) && !is_ignored(sent, values))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 sent->cleared ?
				 errmsg("the API did not clear column \"%s\" of foreign table \"%s\"",
						sent->column->name, writer->table) :
				 errmsg("the API ignored the value for column \"%s\" of foreign table \"%s\"",
						sent->column->name, writer->table),
				 sent->slug ? errdetail("Custom field \"%s\".", sent->slug) : 0,
				 errhint("The rest of the row was written. Does the field exist, and may it be written?")));
	}
}

static void
check_writable(ContactWriter *writer, const WriterColumn *column, bool creating)
{
	int			needed = creating ? FIELD_ON_INSERT : FIELD_ON_UPDATE;

	if (!column->read_only && (column->field->writes & needed))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_GENERATED_ALWAYS),
			 errmsg("cannot write column \"%s\" of foreign table \"%s\"",
					column->name, writer->table),
			 column->read_only ? errdetail("Its option \"readonly\" says so.") :
			 creating && (column->field->writes & FIELD_ON_UPDATE) ?
			 errdetail("The API takes it only in an update.") :
			 errdetail("The API doesn't let it be written.")));
}

/* NULL and the empty string are one for the fields of a contact. */
static bool
same_value(const WriterColumn *column, Datum old_value, bool old_null,
		   Datum value, bool null)
{
	if (column->field->kind == FIELD_STRING && !null &&
		value_text(column, value)[0] == '\0')
		null = true;
	if (old_null || null)
		return old_null == null;
	return datum_image_eq(old_value, value, column->byval, column->length);
}

/* The primary address and the list of all exclude each other in a body. */
static void
note_addresses(ChangeContext *context, const WriterColumn *column, Datum value,
			   bool null)
{
	if (column->field->kind == FIELD_STRING && strcmp(column->field->name, "email") == 0)
		context->email = null ? NULL : value_text(column, value);
	else if (column->field->kind == FIELD_LIST && strcmp(column->field->name, "emails") == 0)
		context->emails = true;
}

static void
write_column(ChangeContext *context, const WriterColumn *column,
			 Datum old_value, bool old_null, Datum value, bool null)
{
	SentField  *sent;

	write_field(context, column, old_value, old_null, value, null);
	if (column->field->kind == FIELD_CUSTOM_FIELDS)
		return;					/* its members have been noted one by one */
	sent = llast(context->sent);
	sent->text = null ? NULL : value_text(column, value);
	sent->before = old_null ? NULL : value_text(column, old_value);
}

static void
write_field(ChangeContext *context, const WriterColumn *column,
			Datum old_value, bool old_null, Datum value, bool null)
{
	switch (column->field->kind)
	{
		case FIELD_STRING:
			write_string(context, column, value, null);
			break;
		case FIELD_LIST:
			if (strcmp(column->field->name, "emails") == 0)
				write_emails(context, column, value, null);
			else
				write_list(context, column, value, null);
			break;
		case FIELD_JSON:
			write_json(context, column, null ? "[]" : value_text(column, value));
			break;
		case FIELD_CUSTOM:
			write_custom(context, column, value, null);
			break;
		case FIELD_CUSTOM_FIELDS:
			write_custom_fields(context, column, old_value, old_null, value, null);
			break;
	}
}

/* NULL is sent as the empty string, which the API documents for account_id. */
static void
write_string(ChangeContext *context, const WriterColumn *column,
			 Datum value, bool null)
{
	char	   *text = null ? "" : value_text(column, value);

	if (column->field->required && null)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a contact needs a name"),
				 errdetail("Column \"%s\" of foreign table \"%s\" can't be NULL.",
						   column->name, context->writer->table)));
	/* The list of all addresses says which is the primary one. */
	if (!context->emails || strcmp(column->field->name, "email") != 0)
		json_body_string(context->body, column->field->name, text);
	note_sent(context, column, NULL, text[0] == '\0');
}

/* The empty list is as good as none. */
static void
write_json(ChangeContext *context, const WriterColumn *column, const char *json)
{
	json_body_json(context->body, column->field->key, json);
	note_sent(context, column, NULL, strcmp(json, "[]") == 0);
}

static void
write_list(ChangeContext *context, const WriterColumn *column, Datum value,
		   bool null)
{
	List	   *texts = null ? NIL : array_texts(column, value);

	json_body_list(context->body, column->field->key, texts);
	note_sent(context, column, NULL, texts == NIL);
}

/*
 * All addresses; the primary is the new "email", else the first. That field
 * and this one exclude each other, so "email" itself is left out then.
 */
static void
write_emails(ChangeContext *context, const WriterColumn *column, Datum value,
			 bool null)
{
	List	   *texts = null ? NIL : array_texts(column, value);
	ListCell   *lc;
	bool		listed = false;

	foreach(lc, texts)
		listed |= context->email != NULL && strcmp(lfirst(lc), context->email) == 0;
	if (context->email != NULL && !listed)
		texts = lcons(context->email, texts);
	json_body_emails(context->body, texts,
					 context->email != NULL ? context->email :
					 texts != NIL ? linitial(texts) : "");
	note_sent(context, column, NULL, texts == NIL);
}

/* A custom field with a column of its own. */
static void
write_custom(ChangeContext *context, const WriterColumn *column, Datum value,
			 bool null)
{
	note_slug(context, column, column->slug);
	if (!null && OidIsValid(column->element))
		json_body_custom_values(context->body, column->slug, array_texts(column, value));
	else
		json_body_custom_value(context->body, column->slug,
							   null ? NULL : value_text(column, value));
	note_sent(context, column, NULL, null);
}

/* Of the map of all custom fields, the members that differ. */
static void
write_custom_fields(ChangeContext *context, const WriterColumn *column,
					Datum old_value, bool old_null, Datum value, bool null)
{
	Jsonb	   *before = object_of(column, old_value, old_null);
	Jsonb	   *after = object_of(column, value, null);
	JsonbIterator *iterator;
	JsonbValue	key;
	JsonbValue	member;
	JsonbValue	buffer;

	iterator = JsonbIteratorInit(&after->root);
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		JsonbValue *old_member = getKeyJsonValueFromContainer(&before->root,
															  key.val.string.val,
															  key.val.string.len, &buffer);

		(void) JsonbIteratorNext(&iterator, &member, true);
		if (old_member == NULL ? member.type != jbvNull : !same_member(old_member, &member))
			write_member(context, column, pnstrdup(key.val.string.val, key.val.string.len),
						 old_member, &member);
	}

	iterator = JsonbIteratorInit(&before->root);
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &member, true);
		if (getKeyJsonValueFromContainer(&after->root, key.val.string.val,
										 key.val.string.len, &buffer) == NULL)
		{
			member.type = jbvNull;
			write_member(context, column, pnstrdup(key.val.string.val, key.val.string.len),
						 NULL, &member);
		}
	}
}

/* One member of the map; null unsets it. */
static void
write_member(ChangeContext *context, const WriterColumn *column,
			 const char *slug, JsonbValue *old_value, JsonbValue *value)
{
	SentField  *sent;
	bool		list = value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data);

	note_slug(context, column, slug);
	if (list)
		json_body_custom_values(context->body, slug, member_texts(slug, value));
	else
		json_body_custom_value(context->body, slug,
							   value->type == jbvNull ? NULL : member_text(slug, value));
	sent = note_sent(context, column, slug, value->type == jbvNull);
	sent->text = member_json(value);
	sent->before = old_value != NULL ? member_json(old_value) : NULL;
}

static List *
member_texts(const char *slug, JsonbValue *value)
{
	JsonbIterator *iterator = JsonbIteratorInit(value->val.binary.data);
	JsonbValue	element;
	List	   *texts = NIL;

	(void) JsonbIteratorNext(&iterator, &element, true);
	while (JsonbIteratorNext(&iterator, &element, true) == WJB_ELEM)
		texts = lappend(texts, member_text(slug, &element));
	return texts;
}

/* The API takes strings only. */
static char *
member_text(const char *slug, JsonbValue *value)
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
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("custom field \"%s\" can't hold an object, or a null in a list", slug)));
	}
}

static Jsonb *
object_of(const WriterColumn *column, Datum value, bool null)
{
	Jsonb	   *json;

	if (null)
		return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	json = column->type == JSONBOID ? DatumGetJsonbP(value) :
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(value_text(column, value))));
	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" must be a JSON object of custom fields", column->name)));
	return json;
}

static bool
same_member(JsonbValue *left, JsonbValue *right)
{
	Jsonb	   *left_json = JsonbValueToJsonb(left);
	Jsonb	   *right_json = JsonbValueToJsonb(right);

	return compareJsonbContainers(&left_json->root, &right_json->root) == 0;
}

/* The column of a custom field and the map of all can't both say what it is. */
static void
note_slug(ChangeContext *context, const WriterColumn *column, const char *slug)
{
	ListCell   *lc;

	foreach(lc, context->slugs)
	{
		if (strcmp(lfirst(lc), slug) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("custom field \"%s\" is written by two columns of foreign table \"%s\"",
							slug, context->writer->table)));
	}
	context->slugs = lappend(context->slugs, pstrdup(slug));
}

static SentField *
note_sent(ChangeContext *context, const WriterColumn *column, const char *slug,
		  bool cleared)
{
	SentField  *sent = palloc0(sizeof(SentField));

	sent->column = column;
	sent->slug = slug;
	sent->cleared = cleared;
	context->sent = lappend(context->sent, sent);
	return sent;
}

static char *
value_text(const WriterColumn *column, Datum value)
{
	return typed_text(column->type, value);
}

/* As the API writes it: booleans in words, times by ISO 8601. */
static char *
typed_text(Oid type, Datum value)
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
		default:
			getTypeOutputInfo(type, &function, &varlena);
			return OidOutputFunctionCall(function, value);
	}
}

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

	get_typlenbyvalalign(column->element, &length, &byval, &align);
	deconstruct_array(array, column->element, length, byval, align, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("column \"%s\" can't hold a NULL in its list", column->name)));
		texts = lappend(texts, typed_text(getBaseType(column->element), elements[i]));
	}
	return texts;
}

/*
 * Does the answer show another value than was sent, namely the old one or,
 * of a new contact, a default? A value may come back in another form.
 */
static bool
is_ignored(const SentField *sent, const Datum *values)
{
	char	   *answer = answer_text(sent, values[sent->column->attnum - 1]);

	if (is_same_text(sent->text, answer))
		return false;
	if (sent->before != NULL)
		return strcmp(answer, sent->before) == 0;
	return sent->column->field->kind == FIELD_STRING;
}

/* The text of a column, or of the sent member of custom_fields. */
static char *
answer_text(const SentField *sent, Datum value)
{
	JsonbValue	buffer;
	JsonbValue *member;
	Jsonb	   *json;

	if (sent->slug == NULL)
		return value_text(sent->column, value);
	json = object_of(sent->column, value, false);
	member = getKeyJsonValueFromContainer(&json->root, sent->slug, strlen(sent->slug), &buffer);
	return member_json(member);
}

static char *
member_json(JsonbValue *member)
{
	Jsonb	   *json = JsonbValueToJsonb(member);

	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

/*
 * The same letters and digits, whatever their case and what stands between
 * them; of a picture's URL another one, as the API may keep pictures itself.
 */
static bool
is_same_text(const char *sent, const char *answer)
{
	if (strncmp(sent, "http", 4) == 0 && strncmp(answer, "http", 4) == 0)
		return true;
	for (;; sent++, answer++)
	{
		while (*sent != '\0' && !IS_HIGHBIT_SET(*sent) && !isalnum((unsigned char) *sent))
			sent++;
		while (*answer != '\0' && !IS_HIGHBIT_SET(*answer) && !isalnum((unsigned char) *answer))
			answer++;
		if (pg_ascii_tolower(*sent) != pg_ascii_tolower(*answer))
			return false;
		if (*sent == '\0')
			return true;
	}
}

/* Has the answer no value where one was sent or cleared? */
static bool
is_missing(const SentField *sent, const Datum *values, const bool *nulls)
{
	int			place = sent->column->attnum - 1;
	Jsonb	   *json;
	JsonbValue	buffer;

	if (nulls[place])
		return true;
	if (sent->slug != NULL)
	{
		json = object_of(sent->column, values[place], false);
		return getKeyJsonValueFromContainer(&json->root, sent->slug,
											strlen(sent->slug), &buffer) == NULL;
	}
	if (sent->column->field->kind == FIELD_JSON)
		return strcmp(value_text(sent->column, values[place]), "[]") == 0;
	return OidIsValid(sent->column->element) &&
		ArrayGetNItems(ARR_NDIM(DatumGetArrayTypeP(values[place])),
					   ARR_DIMS(DatumGetArrayTypeP(values[place]))) == 0;
}
