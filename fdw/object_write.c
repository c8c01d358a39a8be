/*-------------------------------------------------------------------------
 *
 * object_write.c
 *		Rows to bodies of creates and updates.
 *
 * What is sent of a row goes by the table of fields in object_read.c: values
 * that differ from the row that was read, in the shapes that the API takes
 * (reference: "Create a new ...", "Update an existing ..."). Whether
 * the API has done it, object_check.c finds out.
 *
 * IDENTIFICATION
 *		fdw/object_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "object_check.h"
#include "object_form.h"
#include "object_text.h"
#include "foreign/foreign.h"
#include "json.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "option.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* At most so many bytes of a value stand in a message. */
#define MAX_VALUE 64

/* What a change is made of while it is made. */
typedef struct ChangeContext
{
	ObjectWriter *writer;
	ObjectChange *change;
	JsonTree   *body;
	bool		emails;			/* the list of all addresses is sent */
	const char *email;			/* which of them is the primary one; NULL: the
								 * first */
} ChangeContext;

static bool is_writable(const WriterColumn *column, int needed);
static void raise_unwritable(const WriterColumn *column, int needed,
							 const char *change);
static char *change_text(const WriterColumn *column, Datum old_value,
						 bool old_null, Datum value, bool null);
static bool may_read(const WriterColumn *column);
static char *shown_value(const WriterColumn *column, Datum value, bool null);
static bool is_nothing(const WriterColumn *column, Datum value);
static bool differs(const WriterColumn *column, Datum old_value, bool old_null,
					Datum value, bool null);
static void settle_emails(ChangeContext *context, TupleTableSlot *row,
						  bool *changes);
static bool holds_address(List *addresses, const char *address);
static void settle_account(ObjectWriter *writer, TupleTableSlot *old_row,
						   TupleTableSlot *row, bool *changes);
static bool has_account_id(ObjectWriter *writer, TupleTableSlot *old_row,
						   const char *id);
static void add_column(ChangeContext *context, const WriterColumn *column,
					   Datum old_value, bool old_null, Datum value, bool null);
static void fill_sent(ChangeContext *context, SentField *sent, Datum old_value);
static SentTexts custom_texts(const SentField *sent);
static bool is_json_list(const SentField *sent, List **elements);
static void add_custom_fields(ChangeContext *context,
							  const WriterColumn *column,
							  Datum old_value, bool old_null,
							  Datum value, bool null);
static bool same_member(JsonbValue *left, JsonbValue *right);
static void add_member(ChangeContext *context, const WriterColumn *column,
					   const char *slug, JsonbValue *old_value,
					   JsonbValue *value);
static void add_sent(ChangeContext *context, SentField *sent);
static bool same_target(const SentField *left, const SentField *right);
static bool names_account(const WriterColumn *column);
static bool same_content(const SentField *left, const SentField *right);
static bool same_texts(SentTexts left, SentTexts right);
static void raise_twice(const WriterColumn *left, const WriterColumn *right,
						const char *what);
static void write_sent(ChangeContext *context, const SentField *sent);
static void write_string(ChangeContext *context, const SentField *sent);
static List *distinct_emails(List *texts, const char *primary);

/*
 * Prepares to write rows of "table", which must stay open, in the current
 * memory context. "assigned" are the attribute numbers that an UPDATE assigns.
 */
ObjectWriter *
object_writer_create(Relation table, List *assigned)
{
	ObjectWriter *writer = palloc0(sizeof(ObjectWriter));
	TupleDesc	desc = RelationGetDescr(table);

	writer->table = table;
	writer->columns = palloc0(desc->natts * sizeof(WriterColumn));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);
		WriterColumn *column = &writer->columns[writer->ncolumns];
		PylonColumnOptions options;
		char	   *slug;

		if (!object_has_column(table, i + 1))
			continue;
		option_read_column(&options, GetForeignColumnOptions(RelationGetRelid(table), i + 1));
		column->table = table;
		column->attnum = i + 1;
		column->name = pstrdup(NameStr(attr->attname));
		column->field = object_column_field(table, i + 1, &slug);
		column->slug = slug;
		column->field_type = options.field_type;
		column->read_only = options.readonly;
		column->assigned = list_member_int(assigned, i + 1);
		column->type = getBaseType(attr->atttypid);
		column->element = get_base_element_type(column->type);
		get_typlenbyval(attr->atttypid, &column->length, &column->byval);
		writer->ncolumns++;
	}
	return writer;
}

/*
 * The create for "row": all values that aren't NULL. Raises 428C9 for values
 * of columns that can't be written and 23502 where the name is missing.
 * Allocated in the current memory context.
 */
ObjectChange *
object_creation(ObjectWriter *writer, TupleTableSlot *row)
{
	ObjectChange *change = palloc0(sizeof(ObjectChange));
	ChangeContext context = {.writer = writer,.change = change,.body = json_body_create()};
	const WriterColumn *name = NULL;
	bool		named = false;
	int			modes = object_begin_texts();

	slot_getallattrs(row);
	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];
		Datum		value = row->tts_values[column->attnum - 1];
		bool		null = object_is_null(column, value, row->tts_isnull[column->attnum - 1]);

		if (column->field->required)
			name = column;
		named |= column->field->required && !null;
		if (null)
			continue;
		if (is_writable(column, FIELD_ON_INSERT))
			add_column(&context, column, (Datum) 0, true, value, false);
		else if (!is_nothing(column, value))
			raise_unwritable(column, FIELD_ON_INSERT, "");
	}
	if (!named)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a contact needs a name"),
				 errdetail("Failing row of foreign table \"%s\" has none.",
						   RelationGetRelationName(writer->table)),
				 name != NULL ? errtablecol(writer->table, name->attnum) : errtable(writer->table)));
	change->body = json_body_text(context.body);
	AtEOXact_GUC(true, modes);
	return change;
}

/*
 * The update that makes "old_row" into "new_row": the values that differ.
 * Its body is NULL where none do. Raises 428C9 for values that differ though
 * they can't be written, and 22023 for two columns that want different values
 * of one field. Allocated in the current memory context.
 */
ObjectChange *
object_update(ObjectWriter *writer, TupleTableSlot *old_row,
			   TupleTableSlot *new_row)
{
	ObjectChange *change = palloc0(sizeof(ObjectChange));
	ChangeContext context = {.writer = writer,.change = change,.body = json_body_create()};
	bool	   *changes = palloc0(writer->ncolumns * sizeof(bool));
	int			modes = object_begin_texts();

	slot_getallattrs(old_row);
	slot_getallattrs(new_row);
	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];
		int			place = column->attnum - 1;

		changes[i] = differs(column, old_row->tts_values[place], old_row->tts_isnull[place],
							 new_row->tts_values[place], new_row->tts_isnull[place]);
		if (changes[i] && !is_writable(column, FIELD_ON_UPDATE))
			raise_unwritable(column, FIELD_ON_UPDATE,
							 change_text(column, old_row->tts_values[place],
										 old_row->tts_isnull[place],
										 new_row->tts_values[place],
										 new_row->tts_isnull[place]));
	}
	settle_emails(&context, new_row, changes);
	settle_account(writer, old_row, new_row, changes);
	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];
		int			place = column->attnum - 1;

		if (changes[i])
			add_column(&context, column, old_row->tts_values[place], old_row->tts_isnull[place],
					   new_row->tts_values[place], new_row->tts_isnull[place]);
	}
	change->body = json_body_text(context.body);
	AtEOXact_GUC(true, modes);
	return change;
}

/* By an INSERT or an UPDATE: "needed" is FIELD_ON_... */
static bool
is_writable(const WriterColumn *column, int needed)
{
	return !column->read_only && (column->field->writes & needed) != 0;
}

/* "change" says what was to become what, or nothing. */
static void
raise_unwritable(const WriterColumn *column, int needed, const char *change)
{
	const char *reason = column->read_only ? "Its option \"readonly\" says so." :
		needed == FIELD_ON_INSERT && (column->field->writes & FIELD_ON_UPDATE) ?
		"The API takes it only in an update." : "The API doesn't let it be written.";

	ereport(ERROR,
			(errcode(ERRCODE_GENERATED_ALWAYS),
			 errmsg("cannot write column \"%s\" of foreign table \"%s\"",
					column->name, RelationGetRelationName(column->table)),
			 errdetail_internal("%s%s", reason, change),
			 errtablecol(column->table, column->attnum)));
}

static char *
change_text(const WriterColumn *column, Datum old_value, bool old_null,
			Datum value, bool null)
{
	char	   *wanted = shown_value(column, value, null);

	if (!may_read(column))
		return psprintf(" It can't become %s.", wanted);
	return psprintf(" It is %s, and can't become %s.",
					shown_value(column, old_value, old_null), wanted);
}

/* May the user see what is in it? As core asks before it shows a row. */
static bool
may_read(const WriterColumn *column)
{
	Oid			table = RelationGetRelid(column->table);

	return pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		pg_attribute_aclcheck(table, column->attnum, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

/* As it may stand in a message. */
static char *
shown_value(const WriterColumn *column, Datum value, bool null)
{
	char	   *text;
	int			length;

	if (null)
		return "null";
	text = object_value_text(column->type, value);
	length = pg_mbcliplen(text, strlen(text), MAX_VALUE);
	text = psprintf("\"%.*s%s\"", length, text, text[length] == '\0' ? "" : "...");
	for (char *p = text; *p != '\0'; p++)
	{
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			*p = ' ';
	}
	return text;
}

/* What a form sends for a column that nobody has filled in. */
static bool
is_nothing(const WriterColumn *column, Datum value)
{
	return column->field->kind == FIELD_CUSTOM && !OidIsValid(column->element) &&
		object_value_text(column->type, value)[0] == '\0';
}

/* Of the map of custom fields, add_custom_fields finds out which ones. */
static bool
differs(const WriterColumn *column, Datum old_value, bool old_null,
		Datum value, bool null)
{
	null = object_is_null(column, value, null);
	old_null = object_is_null(column, old_value, old_null);
	if (old_null || null)
		return old_null != null;
	return !object_same_value(column, old_value, value);
}

/*
 * Where the list of all addresses is sent, it says which one is primary, for
 * it and "email" exclude each other in a body: the address that "email" is
 * assigned, be it the one that it has already, else the first. Takes "email"
 * out of the changes where it says nothing.
 */
static void
settle_emails(ChangeContext *context, TupleTableSlot *row, bool *changes)
{
	ObjectWriter *writer = context->writer;
	const WriterColumn *emails = NULL;
	List	   *addresses = NIL;

	for (int i = 0; i < writer->ncolumns; i++)
	{
		if (changes[i] && object_is_field(&writer->columns[i], "emails"))
			emails = &writer->columns[i];
	}
	if (emails == NULL)
		return;
	context->emails = true;
	if (!object_is_null(emails, row->tts_values[emails->attnum - 1], row->tts_isnull[emails->attnum - 1]))
		addresses = object_list_texts(emails, row->tts_values[emails->attnum - 1]);

	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];
		Datum		value = row->tts_values[column->attnum - 1];
		bool		null = row->tts_isnull[column->attnum - 1];

		if (!object_is_field(column, "email") || (!changes[i] && !column->assigned))
			continue;
		if (object_is_null(column, value, null))
			changes[i] = false;
		else if (holds_address(addresses, object_value_text(column->type, value)))
			context->email = object_value_text(column->type, value);
		else if (changes[i])
			raise_twice(column, emails, "the primary address");
	}
}

static bool
holds_address(List *addresses, const char *address)
{
	ListCell   *lc;

	foreach(lc, addresses)
	{
		if (object_same_address(lfirst(lc), address))
			return true;
	}
	return false;
}

/*
 * Takes the account's external id out of the changes if it is another one of
 * those that the account has, and the object stays in it.
 */
static void
settle_account(ObjectWriter *writer, TupleTableSlot *old_row,
			   TupleTableSlot *row, bool *changes)
{
	for (int i = 0; i < writer->ncolumns; i++)
	{
		if (changes[i] && object_is_field(&writer->columns[i], "account_id"))
			return;
	}
	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];
		Datum		value = row->tts_values[column->attnum - 1];

		if (changes[i] && column->field->kind == FIELD_FIRST_ID &&
			!object_is_null(column, value, row->tts_isnull[column->attnum - 1]) &&
			has_account_id(writer, old_row, object_value_text(column->type, value)))
			changes[i] = false;
	}
}

/* As far as the table has the column that tells. */
static bool
has_account_id(ObjectWriter *writer, TupleTableSlot *old_row, const char *id)
{
	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];
		int			place = column->attnum - 1;

		if (object_is_field(column, "account_external_ids") && !old_row->tts_isnull[place] &&
			object_json_has_id(column, old_row->tts_values[place], id))
			return true;
	}
	return false;
}

/* A column whose value differs from the one that was read. */
static void
add_column(ChangeContext *context, const WriterColumn *column,
		   Datum old_value, bool old_null, Datum value, bool null)
{
	SentField  *sent;

	if (column->field->kind == FIELD_CUSTOM_FIELDS)
	{
		add_custom_fields(context, column, old_value, old_null, value, null);
		return;
	}
	sent = palloc0(sizeof(SentField));
	sent->column = column;
	sent->slug = column->slug;
	sent->value = value;
	sent->cleared = object_is_null(column, value, null);
	sent->had = !object_is_null(column, old_value, old_null);
	fill_sent(context, sent, old_value);
	add_sent(context, sent);
}

/* The texts of a column's values. An empty list is as good as none. */
static void
fill_sent(ChangeContext *context, SentField *sent, Datum old_value)
{
	const WriterColumn *column = sent->column;

	if (sent->had)
		sent->before = object_texts(column, old_value);
	if (column->field->kind == FIELD_JSON)
		sent->json = sent->cleared ? "[]" : object_json_text(column, sent->value);
	if (column->field->kind == FIELD_JSON && sent->json == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the value for column \"%s\" is not JSON", column->name),
				 errtablecol(column->table, column->attnum)));
	if (sent->cleared)
		return;
	sent->texts = column->field->kind == FIELD_CUSTOM ? custom_texts(sent) : object_texts(column, sent->value);
	if (object_is_field(column, "emails"))
		sent->texts.texts = distinct_emails(sent->texts.texts, context->email);
	sent->cleared = sent->texts.list && sent->texts.texts == NIL;
}

/*
 * A custom field with a column of its own has one value or a list of them.
 * Its type says which, where it is known, and else the column's.
 */
static SentTexts
custom_texts(const SentField *sent)
{
	const WriterColumn *column = sent->column;
	SentTexts	texts = object_texts(column, sent->value);
	List	   *elements;

	if (column->field_type != NULL && strcmp(column->field_type, "multiselect") != 0)
	{
		if (list_length(texts.texts) == 1)
			texts.list = false;
	}
	else if (!texts.list && is_json_list(sent, &elements))
	{
		texts.list = true;
		texts.texts = elements;
	}
	return texts;
}

/*
 * Are these the elements of a list that stands in a text or JSON column as it
 * was read? Where the type isn't known, text that looks like a list is one
 * if that was so before, and JSON unless it was something else before.
 */
static bool
is_json_list(const SentField *sent, List **elements)
{
	const WriterColumn *column = sent->column;
	SentTexts	texts = object_texts(column, sent->value);
	bool		is_list = object_json_list(linitial(texts.texts), elements);
	List	   *before;

	if (column->field_type != NULL)
	{
		if (!is_list)
			*elements = object_is_empty(texts) ? NIL : texts.texts;
		return true;
	}
	if (!sent->had)
		return is_list && (column->type == JSONBOID || column->type == JSONOID);
	return is_list && object_json_list(linitial(sent->before.texts), &before);
}

/* Of the map of all custom fields, the members that differ. */
static void
add_custom_fields(ChangeContext *context, const WriterColumn *column,
				  Datum old_value, bool old_null, Datum value, bool null)
{
	Jsonb	   *before = object_map_of(column, old_value, old_null);
	Jsonb	   *after = object_map_of(column, value, null);
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
			add_member(context, column, pnstrdup(key.val.string.val, key.val.string.len),
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
			add_member(context, column, pnstrdup(key.val.string.val, key.val.string.len),
					   NULL, &member);
		}
	}
}

/* Would the same be sent of both? A number is one, however it is written. */
static bool
same_member(JsonbValue *left, JsonbValue *right)
{
	SentTexts	left_texts;
	SentTexts	right_texts;

	if (!object_member_texts(left, &left_texts) || !object_member_texts(right, &right_texts))
		return left->type == jbvNull && right->type == jbvNull;
	return right->type == jbvNumeric ? same_texts(left_texts, right_texts) :
		object_same_texts(left_texts, right_texts);
}

/* One member of the map; null unsets it. */
static void
add_member(ChangeContext *context, const WriterColumn *column,
		   const char *slug, JsonbValue *old_value, JsonbValue *value)
{
	SentField  *sent = palloc0(sizeof(SentField));

	sent->column = column;
	sent->slug = slug;
	sent->cleared = value->type == jbvNull;
	if (!sent->cleared && !object_member_texts(value, &sent->texts))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("custom field \"%s\" can't hold an object, or a null in a list", slug),
				 errtablecol(column->table, column->attnum)));
	sent->cleared |= sent->texts.list && sent->texts.texts == NIL;
	sent->had = old_value != NULL && object_member_texts(old_value, &sent->before);
	add_sent(context, sent);
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

/* Two columns that show one field may both change it, if they agree. */
static void
add_sent(ChangeContext *context, SentField *sent)
{
	ObjectChange *change = context->change;
	ListCell   *lc;

	foreach(lc, change->sent)
	{
		SentField  *other = lfirst(lc);

		if (!same_target(other, sent))
			continue;
		if (!same_content(other, sent))
			raise_twice(other->column, sent->column,
						sent->slug != NULL ? psprintf("custom field \"%s\"", sent->slug) :
						other->column->field != sent->column->field ? "the account" :
						psprintf("field \"%s\"", sent->column->field->name));
		return;
	}
	change->sent = lappend(change->sent, sent);
	change->attnums = bms_add_member(change->attnums, sent->column->attnum);
	if (sent->column->field->kind != FIELD_CUSTOM_FIELDS)
		change->known = bms_add_member(change->known, sent->column->attnum);
	write_sent(context, sent);
}

static bool
same_target(const SentField *left, const SentField *right)
{
	if (left->slug != NULL && right->slug != NULL)
		return strcmp(left->slug, right->slug) == 0;
	return left->slug == right->slug &&
		(left->column->field == right->column->field ||
		 (names_account(left->column) && names_account(right->column)));
}

static bool
names_account(const WriterColumn *column)
{
	return object_is_field(column, "account_id") || column->field->kind == FIELD_FIRST_ID;
}

static bool
same_content(const SentField *left, const SentField *right)
{
	if (left->cleared || right->cleared)
		return left->cleared == right->cleared;
	if (left->column->field != right->column->field)
		return left->slug != NULL && same_texts(left->texts, right->texts);
	if (left->json != NULL)
		return strcmp(left->json, right->json) == 0;
	return same_texts(left->texts, right->texts);
}

/* A number is one, however it is written. */
static bool
same_texts(SentTexts left, SentTexts right)
{
	return object_same_texts(left, right) ||
		(!left.list && !right.list &&
		 object_same_number(linitial(left.texts), linitial(right.texts)));
}

static void
raise_twice(const WriterColumn *left, const WriterColumn *right, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is written by two columns of foreign table \"%s\"",
					what, RelationGetRelationName(left->table)),
			 errdetail("Columns \"%s\" and \"%s\" give it different values.",
					   left->name, right->name),
			 errtablecol(right->table, right->attnum)));
}

static void
write_sent(ChangeContext *context, const SentField *sent)
{
	const PylonField *field = sent->column->field;

	switch (field->kind)
	{
		case FIELD_STRING:
		case FIELD_FIRST_ID:
			write_string(context, sent);
			break;
		case FIELD_LIST:
			if (object_is_field(sent->column, "emails"))
				json_body_emails(context->body, sent->texts.texts,
								 context->email != NULL ? context->email :
								 sent->cleared ? "" : linitial(sent->texts.texts));
			else
				json_body_list(context->body, field->name, sent->texts.texts);
			break;
		case FIELD_JSON:
			json_body_json(context->body, field->name, sent->json);
			break;
		case FIELD_CUSTOM:
		case FIELD_CUSTOM_FIELDS:
			if (sent->texts.list)
				json_body_custom_values(context->body, sent->slug, sent->texts.texts);
			else
				json_body_custom_value(context->body, sent->slug,
									   sent->cleared ? NULL : linitial(sent->texts.texts));
			break;
	}
}

/*
 * NULL is sent as the empty string, which the API documents for account_id,
 * and not for the account's external id.
 */
static void
write_string(ChangeContext *context, const SentField *sent)
{
	const WriterColumn *column = sent->column;

	if (column->field->required && sent->cleared)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a contact needs a name"),
				 errdetail("Column \"%s\" of foreign table \"%s\" can't be NULL or empty.",
						   column->name, RelationGetRelationName(column->table)),
				 errtablecol(column->table, column->attnum)));
	if (!context->emails || !object_is_field(column, "email"))
		json_body_string(context->body,
						 sent->cleared && names_account(column) ? "account_id" : column->field->name,
						 sent->cleared ? "" : linitial(sent->texts.texts));
}

/*
 * Each address once, whatever its case, "primary" (which is among them,
 * unless it is NULL) in its own spelling.
 */
static List *
distinct_emails(List *texts, const char *primary)
{
	List	   *distinct = NIL;
	ListCell   *lc;

	foreach(lc, texts)
	{
		const char *text = lfirst(lc);

		if (primary != NULL && object_same_address(text, primary))
			text = primary;
		if (!holds_address(distinct, text))
			distinct = lappend(distinct, unconstify(char *, text));
	}
	return distinct;
}
