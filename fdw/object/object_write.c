/*-------------------------------------------------------------------------
 *
 * object_write.c
 *		Rows to bodies of creates and updates.
 *
 * What is sent of a row goes by the object's entry: values that differ from
 * the row that was read, in the shapes that the API takes. Each kind of field
 * has a function that puts what differs into the body and returns what it has
 * sent. Whether the API has done it, object_check.c finds out.
 *
 * IDENTIFICATION
 *		fdw/object/object_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "object/object_form.h"
#include "object/object_primary.h"
#include "object/object_write.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "wire/json.h"

/* A value in a message, beside two names and a sentence, is cut to so many bytes. */
#define MAX_VALUE 64

static ObjectChange *make_change(ObjectWriter *writer, TupleTableSlot *old_row,
								 TupleTableSlot *new_row, int needed);
static void add_change(ChangeContext *context, const ColumnChange *change);
static void check_required(const ChangeContext *context);
static bool is_writable(const WriterColumn *column, int needed);
static void raise_unwritable(const WriterColumn *column, int needed,
							 const char *change);
static char *change_text(const ColumnChange *change);
static bool may_read(const WriterColumn *column);
static char *shown_value(const WriterColumn *column, Datum value, bool null);
static bool is_nothing(const WriterColumn *column, Datum value);
static List *send_string(ChangeContext *context, const ColumnChange *change);
static List *send_boolean(ChangeContext *context, const ColumnChange *change);
static List *send_first_id(ChangeContext *context, const ColumnChange *change);
static bool link_changes(const ChangeContext *context, const PylonField *field);
static bool has_id(const ChangeContext *context, const ColumnChange *change);
static List *send_list(ChangeContext *context, const ColumnChange *change);
static List *send_json(ChangeContext *context, const ColumnChange *change);
static List *send_custom(ChangeContext *context, const ColumnChange *change);
static SentTexts custom_texts(const SentField *sent);
static bool is_json_list(const SentField *sent, List **elements);
static List *send_custom_fields(ChangeContext *context,
								const ColumnChange *change);
static bool same_member(JsonbValue *left, JsonbValue *right);
static List *send_member(ChangeContext *context, const ColumnChange *change,
						 const JsonbValue *key, JsonbValue *old_value,
						 JsonbValue *value);
static List *send_slug(ChangeContext *context, SentField *sent);
static List *add_keys(List *keys, const WriterColumn *column, Datum value,
					  SentTexts texts);
static char *key_text(const char *name, const char *value);

static const SendFunction send_functions[] =
{
	[FIELD_STRING] = send_string,
	[FIELD_BOOLEAN] = send_boolean,
	[FIELD_LIST] = send_list,
	[FIELD_LIST_OF_PRIMARY] = primary_send_list,
	[FIELD_PRIMARY] = primary_send,
	[FIELD_ADDRESSES] = primary_send_addresses,
	[FIELD_JSON] = send_json,
	[FIELD_FIRST_ID] = send_first_id,
	[FIELD_CUSTOM_FIELDS] = send_custom_fields,
	[FIELD_CUSTOM] = send_custom,
};

/*
 * The create for "row": all values that aren't NULL. Raises 428C9 for values
 * of columns that can't be written and 23502 where one is missing that an
 * object needs. Allocated in the current memory context.
 */
ObjectChange *
object_creation(ObjectWriter *writer, TupleTableSlot *row)
{
	return make_change(writer, NULL, row, FIELD_ON_INSERT);
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
	return make_change(writer, old_row, new_row, FIELD_ON_UPDATE);
}

static ObjectChange *
make_change(ObjectWriter *writer, TupleTableSlot *old_row,
			TupleTableSlot *new_row, int needed)
{
	ObjectChange *change = palloc0(sizeof(ObjectChange));
	ChangeContext context = {.writer = writer,.old_row = old_row,.new_row = new_row,
	.change = change,.body = json_body_create()};
	int			modes = object_begin_texts();

	if (old_row != NULL)
		slot_getallattrs(old_row);
	slot_getallattrs(new_row);
	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];
		ColumnChange of_column = change_of_column(&context, column);

		if (!change_differs(&of_column))
			continue;
		if (is_writable(column, needed))
			add_change(&context, &of_column);
		else if (old_row != NULL || !is_nothing(column, of_column.value))
			raise_unwritable(column, needed, old_row == NULL ? "" : change_text(&of_column));
	}
	if (old_row == NULL)
		check_required(&context);
	change->body = json_body_text(context.body);
	AtEOXact_GUC(true, modes);
	return change;
}

static void
add_change(ChangeContext *context, const ColumnChange *of_column)
{
	ObjectChange *change = context->change;
	const WriterColumn *column = of_column->column;
	List	   *sent = send_functions[column->field->kind] (context, of_column);

	if (sent == NIL)
		return;
	change->sent = list_concat(change->sent, sent);
	change->attnums = bms_add_member(change->attnums, column->attnum);
	if (column->field->kind != FIELD_CUSTOM_FIELDS)
		change->known = bms_add_member(change->known, column->attnum);
}

/* Has a new object what it can't be without? */
static void
check_required(const ChangeContext *context)
{
	const ObjectWriter *writer = context->writer;

	for (int i = 0; i < writer->object->nfields; i++)
	{
		const PylonField *field = &writer->object->fields[i];
		const WriterColumn *column = NULL;
		bool		sent = false;

		if (!field->required)
			continue;
		for (int n = 0; n < writer->ncolumns; n++)
		{
			if (writer->columns[n].field != field)
				continue;
			column = &writer->columns[n];
			sent |= bms_is_member(column->attnum, context->change->attnums);
		}
		if (!sent)
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("%s needs a %s", writer->object->nouns.a, field->name),
					 errdetail("Failing row of foreign table \"%s\" has none.",
							   RelationGetRelationName(writer->table)),
					 column != NULL ? errtablecol(writer->table, column->attnum) :
					 errtable(writer->table)));
	}
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
			 needed == FIELD_ON_INSERT && column->field->is_id ?
			 errhint("Leave it out; RETURNING shows what Pylon gives.") : 0,
			 errtablecol(column->table, column->attnum)));
}

static char *
change_text(const ColumnChange *change)
{
	const WriterColumn *column = change->column;
	char	   *wanted = shown_value(column, change->value, change->null);

	if (!may_read(column))
		return psprintf(" It can't become %s.", wanted);
	return psprintf(" It is %s, and can't become %s.",
					shown_value(column, change->old_value, change->old_null), wanted);
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

/*
 * NULL is sent as the empty string. Beside the list of all addresses, the
 * primary one is not sent, but it must come back.
 */
static List *
send_string(ChangeContext *context, const ColumnChange *change)
{
	const WriterColumn *column = change->column;
	const PylonField *list = column->field->primary_of;
	bool		beside = list != NULL && change_has_field(context, list);
	SentField  *sent = change_begin_sent(change);

	if (beside && sent->cleared)
		return NIL;
	if (!sent->cleared)
		change_set_texts(sent, object_texts(column, sent->value));
	if (change_is_repeated(context, sent))
		return NIL;
	if (column->field->required && sent->cleared)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("%s needs a %s", context->writer->object->nouns.a, column->field->name),
				 errdetail("Column \"%s\" of foreign table \"%s\" can't be NULL or empty.",
						   column->name, RelationGetRelationName(column->table)),
				 errtablecol(column->table, column->attnum)));
	if (!beside)
		json_body_string(context->body, change_body_key(sent),
						 sent->cleared ? "" : linitial(sent->texts.texts));
	return list_make1(sent);
}

/* The API knows no third value. */
static List *
send_boolean(ChangeContext *context, const ColumnChange *change)
{
	const WriterColumn *column = change->column;
	SentField  *sent = change_begin_sent(change);
	bool		value;

	if (sent->cleared)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("column \"%s\" of foreign table \"%s\" can't become NULL",
						column->name, RelationGetRelationName(column->table)),
				 errdetail("The API takes true or false."),
				 errtablecol(column->table, column->attnum)));
	if (!parse_bool(object_value_text(column->type, sent->value), &value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the value for column \"%s\" is neither true nor false", column->name),
				 errtablecol(column->table, column->attnum)));
	change_set_texts(sent, (SentTexts) {.texts = list_make1(value ? "true" : "false")});
	if (change_is_repeated(context, sent))
		return NIL;
	json_body_boolean(context->body, change_body_key(sent), value);
	return list_make1(sent);
}

/*
 * Nothing is sent where it is another one of those that the linked object has,
 * and the object stays linked to that.
 */
static List *
send_first_id(ChangeContext *context, const ColumnChange *change)
{
	if (!change->cleared && !link_changes(context, change->column->field) &&
		has_id(context, change))
		return NIL;
	return send_string(context, change);
}

/* Does another field change to what the object is linked? */
static bool
link_changes(const ChangeContext *context, const PylonField *field)
{
	const PylonObject *object = context->writer->object;

	for (int i = 0; i < object->nfields; i++)
	{
		const PylonField *other = &object->fields[i];

		if (other != field && change_same_link(other, field) && change_has_field(context, other))
			return true;
	}
	return false;
}

/* As far as the table has the column that tells: one of the whole list. */
static bool
has_id(const ChangeContext *context, const ColumnChange *change)
{
	const PylonField *field = change->column->field;
	const char *id = object_value_text(change->column->type, change->value);
	ListCell   *lc;

	for (int i = 0; i < context->writer->ncolumns; i++)
	{
		const WriterColumn *column = &context->writer->columns[i];
		ColumnChange all = change_of_column(context, column);

		if (column->field->kind != FIELD_JSON || all.old_null ||
			!object_same_source(column->field, field))
			continue;
		foreach(lc, object_json_ids(column, all.old_value))
		{
			if (strcmp(lfirst(lc), id) == 0)
				return true;
		}
	}
	return false;
}

static List *
send_list(ChangeContext *context, const ColumnChange *change)
{
	SentField  *sent = change_begin_sent(change);

	if (!sent->cleared)
		change_set_texts(sent, object_texts(change->column, sent->value));
	if (change_is_repeated(context, sent))
		return NIL;
	json_body_list(context->body, change_body_key(sent), sent->texts.texts);
	return list_make1(sent);
}

static List *
send_json(ChangeContext *context, const ColumnChange *change)
{
	const WriterColumn *column = change->column;
	SentField  *sent = change_begin_sent(change);

	sent->json = sent->cleared ? "[]" : object_json_text(column, sent->value);
	if (sent->json == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the value for column \"%s\" is not JSON", column->name),
				 errtablecol(column->table, column->attnum)));
	if (!sent->cleared)
		change_set_texts(sent, object_texts(column, sent->value));
	if (change_is_repeated(context, sent))
		return NIL;
	json_body_json(context->body, change_body_key(sent), sent->json);
	return list_make1(sent);
}

static List *
send_custom(ChangeContext *context, const ColumnChange *change)
{
	SentField  *sent = change_begin_sent(change);

	if (!sent->cleared)
		change_set_texts(sent, custom_texts(sent));
	return send_slug(context, sent);
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
static List *
send_custom_fields(ChangeContext *context, const ColumnChange *change)
{
	Jsonb	   *before = object_map_of(change->column, change->old_value, change->old_null);
	Jsonb	   *after = object_map_of(change->column, change->value, change->null);
	List	   *sent = NIL;
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
			sent = list_concat(sent, send_member(context, change, &key, old_member, &member));
	}

	iterator = JsonbIteratorInit(&before->root);
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &member, true);
		member.type = jbvNull;
		if (getKeyJsonValueFromContainer(&after->root, key.val.string.val,
										 key.val.string.len, &buffer) == NULL)
			sent = list_concat(sent, send_member(context, change, &key, NULL, &member));
	}
	return sent;
}

/* Would the same be sent of both? A number is one, however it is written. */
static bool
same_member(JsonbValue *left, JsonbValue *right)
{
	SentTexts	left_texts;
	SentTexts	right_texts;

	if (!object_member_texts(left, &left_texts) || !object_member_texts(right, &right_texts))
		return left->type == jbvNull && right->type == jbvNull;
	return right->type == jbvNumeric ? change_same_texts(left_texts, right_texts) :
		object_same_texts(left_texts, right_texts);
}

/* One member of the map; null unsets it. */
static List *
send_member(ChangeContext *context, const ColumnChange *change,
			const JsonbValue *key, JsonbValue *old_value, JsonbValue *value)
{
	const WriterColumn *column = change->column;
	SentField  *sent = palloc0(sizeof(SentField));

	sent->column = column;
	sent->slug = pnstrdup(key->val.string.val, key->val.string.len);
	sent->cleared = value->type == jbvNull;
	if (!sent->cleared && !object_member_texts(value, &sent->texts))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("custom field \"%s\" can't hold an object, or a null in a list", sent->slug),
				 errtablecol(column->table, column->attnum)));
	sent->cleared |= sent->texts.list && sent->texts.texts == NIL;
	sent->had = old_value != NULL && object_member_texts(old_value, &sent->before);
	return send_slug(context, sent);
}

/* A custom field, whichever column has it. */
static List *
send_slug(ChangeContext *context, SentField *sent)
{
	const char *key = context->writer->object->custom_field->parent;

	if (change_is_repeated(context, sent))
		return NIL;
	if (sent->texts.list)
		json_body_custom_values(context->body, key, sent->slug, sent->texts.texts);
	else
		json_body_custom_value(context->body, key, sent->slug,
							   sent->cleared ? NULL : linitial(sent->texts.texts));
	return list_make1(sent);
}

/*
 * What the API may know an object by, before and after a write: of its fields
 * that no second one may have, what is sent and what was there, as texts (of
 * char *) in the current memory context that are the same where the API may
 * take these for the same, be it that it heeds no case or blanks.
 */
List *
object_write_keys(const ObjectChange *change)
{
	List	   *keys = NIL;
	ListCell   *lc;

	foreach(lc, change->sent)
	{
		SentField  *sent = lfirst(lc);

		if (!sent->column->field->is_key && sent->column->field->kind != FIELD_ADDRESSES)
			continue;
		if (!sent->cleared)
			keys = add_keys(keys, sent->column, sent->value, sent->texts);
		if (sent->had)
			keys = add_keys(keys, sent->column, sent->old_value, sent->before);
	}
	return keys;
}

/* The primary one of a list of addresses counts as one of these. */
static List *
add_keys(List *keys, const WriterColumn *column, Datum value, SentTexts texts)
{
	const PylonField *field = column->field;
	const char *name = field->primary_of != NULL ? field->primary_of->name : field->name;
	ListCell   *lc;

	foreach(lc, field->kind == FIELD_JSON ? object_json_ids(column, value) : texts.texts)
		keys = lappend(keys, key_text(name, lfirst(lc)));
	return keys;
}

/*
 * A value without case, blanks and whatever isn't ASCII: different ones may
 * become the same, which costs no more than some waiting.
 */
static char *
key_text(const char *name, const char *value)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s ", name);
	for (; *value != '\0'; value++)
	{
		if (*value > ' ' && *value <= '~')
			appendStringInfoChar(&text, pg_ascii_tolower(*value));
	}
	return text.data;
}
