/*-------------------------------------------------------------------------
 *
 * contact_write.c
 *		Rows to bodies of creates and updates.
 *
 * What is sent of a row goes by the table of fields in contact.c: values
 * that differ from the row that was read, in the shapes that the API takes
 * (reference: "Create a new contact", "Update an existing contact"). Whether
 * the API has done it, contact_check.c finds out.
 *
 * IDENTIFICATION
 *		fdw/contact_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "contact_check.h"
#include "contact_text.h"
#include "foreign/foreign.h"
#include "json.h"
#include "mb/pg_wchar.h"
#include "option.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* A name in a message is cut to so many bytes. */
#define MAX_LABEL 128

typedef enum EmailList
{
	EMAILS_SAME,
	EMAILS_NONE,
	EMAILS_SOME,
} EmailList;

/* What a change is made of while it is made. */
typedef struct ChangeContext
{
	ContactWriter *writer;
	ContactChange *change;
	JsonTree   *body;
	List	   *fields;			/* of ContactField *: those already sent */
	List	   *slugs;			/* of char *: custom fields already sent */
	char	   *email;			/* the primary address assigned, or NULL */
	EmailList	emails;			/* what becomes of the list of all */
} ChangeContext;

static void check_writable(ContactWriter *writer, const WriterColumn *column,
						   bool creating);
static bool is_null(const WriterColumn *column, Datum value, bool null);
static bool same_value(const WriterColumn *column, Datum old_value,
					   bool old_null, Datum value, bool null);
static void note_addresses(ChangeContext *context, const WriterColumn *column,
						   Datum value, bool null);
static void write_column(ChangeContext *context, const WriterColumn *column,
						 Datum old_value, bool old_null,
						 Datum value, bool null);
static void write_string(ChangeContext *context, const WriterColumn *column,
						 Datum value, bool null);
static void write_json(ChangeContext *context, const WriterColumn *column,
					   Datum value, bool null);
static void write_list(ChangeContext *context, const WriterColumn *column,
					   Datum value, bool null);
static void write_emails(ChangeContext *context, const WriterColumn *column,
						 Datum value, bool null);
static List *distinct_emails(List *texts, char *primary);
static void write_custom(ChangeContext *context, const WriterColumn *column,
						 Datum value, bool null);
static void write_custom_fields(ChangeContext *context,
								const WriterColumn *column,
								Datum old_value, bool old_null,
								Datum value, bool null);
static void write_member(ChangeContext *context, const WriterColumn *column,
						 const char *slug, JsonbValue *old_value,
						 JsonbValue *value);
static bool same_member(JsonbValue *left, JsonbValue *right);
static List *member_texts(const char *slug, JsonbValue *value);
static void raise_unfit_member(const char *slug);
static void note_field(ChangeContext *context, const WriterColumn *column);
static void note_slug(ChangeContext *context, const WriterColumn *column,
					  const char *slug);
static void raise_twice(ContactWriter *writer, const char *what,
						const char *name);
static SentField *note_sent(ChangeContext *context, const WriterColumn *column,
							const char *slug, bool cleared);
static bool is_field(const WriterColumn *column, const char *name);
static void copy_values(TupleTableSlot *row, Datum **values, bool **nulls);

/*
 * Prepares to write rows of "table", in the current memory context.
 * "assigned" are the attribute numbers that an UPDATE assigns.
 */
ContactWriter *
contact_writer_create(Relation table, List *assigned)
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
		column->assigned = list_member_int(assigned, i + 1);
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
	static const char *const wanted[] = {"email", "name"};

	slot_getallattrs(row);
	for (size_t n = 0; n < lengthof(wanted); n++)
	{
		for (int i = 0; i < writer->ncolumns; i++)
		{
			const WriterColumn *column = &writer->columns[i];
			char	   *text;
			int			length;

			if (!is_field(column, wanted[n]) || row->tts_isnull[column->attnum - 1])
				continue;
			text = contact_value_text(column->type, row->tts_values[column->attnum - 1]);

			length = pg_mbcliplen(text, strlen(text), MAX_LABEL);
			return psprintf("\"%.*s%s\"", length, text, text[length] == '\0' ? "" : "...");
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

/*
 * May an UPDATE assign these columns? Raises 428C9 if one of them can't be
 * written, and 22023 if two of them show the same field.
 */
void
contact_check_assigned(Relation table, List *attnums)
{
	ContactWriter *writer = contact_writer_create(table, attnums);
	ChangeContext context = {.writer = writer};

	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];

		if (!column->assigned)
			continue;
		check_writable(writer, column, false);
		if (column->field->kind == FIELD_CUSTOM)
			note_slug(&context, column, column->slug);
		else
			note_field(&context, column);
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
	ChangeContext context = {.writer = writer,.change = change,.body = json_body_create()};
	bool		named = false;
	int			modes = contact_begin_texts();

	slot_getallattrs(row);
	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];
		int			place = column->attnum - 1;

		if (is_null(column, row->tts_values[place], row->tts_isnull[place]))
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
	AtEOXact_GUC(true, modes);
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
	ChangeContext context = {.writer = writer,.change = change,.body = json_body_create()};
	int			modes = contact_begin_texts();

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
			{
				/* Assigned is assigned: it stays the primary one. */
				if (column->assigned && is_field(column, "email"))
					note_addresses(&context, column, value, null);
				continue;
			}
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
	AtEOXact_GUC(true, modes);
	return change;
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
is_null(const WriterColumn *column, Datum value, bool null)
{
	return null || (column->field->kind == FIELD_STRING &&
					contact_value_text(column->type, value)[0] == '\0');
}

static bool
same_value(const WriterColumn *column, Datum old_value, bool old_null,
		   Datum value, bool null)
{
	null = is_null(column, value, null);
	if (old_null || null)
		return old_null == null;
	return datum_image_eq(old_value, value, column->byval, column->length);
}

/* The primary address and the list of all exclude each other in a body. */
static void
note_addresses(ChangeContext *context, const WriterColumn *column, Datum value,
			   bool null)
{
	if (is_field(column, "email") && !is_null(column, value, null))
		context->email = contact_value_text(column->type, value);
	else if (is_field(column, "emails"))
		context->emails = null || contact_list_texts(column, value) == NIL ? EMAILS_NONE : EMAILS_SOME;
}

/* A column whose value differs from the one that was read. */
static void
write_column(ChangeContext *context, const WriterColumn *column,
			 Datum old_value, bool old_null, Datum value, bool null)
{
	switch (column->field->kind)
	{
		case FIELD_STRING:
			write_string(context, column, value, null);
			break;
		case FIELD_LIST:
			if (is_field(column, "emails"))
				write_emails(context, column, value, null);
			else
				write_list(context, column, value, null);
			break;
		case FIELD_JSON:
			write_json(context, column, value, null);
			break;
		case FIELD_CUSTOM:
			write_custom(context, column, value, null);
			break;
		case FIELD_CUSTOM_FIELDS:
			write_custom_fields(context, column, old_value, old_null, value, null);
			return;				/* its members have been noted one by one */
	}
	if (column->field->kind != FIELD_CUSTOM)
		note_field(context, column);
	if (!old_null)
		((SentField *) llast(context->change->sent))->before = contact_sent_text(column, old_value);
}

/* NULL is sent as the empty string, which the API documents for account_id. */
static void
write_string(ChangeContext *context, const WriterColumn *column,
			 Datum value, bool null)
{
	const char *text = is_null(column, value, null) ? "" : contact_sent_text(column, value);
	SentField  *sent;

	if (column->field->required && text[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a contact needs a name"),
				 errdetail("Column \"%s\" of foreign table \"%s\" can't be NULL or empty.",
						   column->name, context->writer->table)));
	sent = note_sent(context, column, NULL, text[0] == '\0');
	sent->text = text;

	if (!is_field(column, "email") || context->emails == EMAILS_SAME)
		json_body_string(context->body, column->field->name, text);
	/* Else the list of all addresses says which is the primary one. */
	else if (sent->cleared && context->emails == EMAILS_SOME)
		sent->ignorable = true;
}

/* The empty list is as good as none. */
static void
write_json(ChangeContext *context, const WriterColumn *column, Datum value,
		   bool null)
{
	const char *json = null ? "[]" : contact_value_text(column->type, value);

	json_body_json(context->body, column->field->key, json);
	note_sent(context, column, NULL, strcmp(json, "[]") == 0)->text = json;
}

static void
write_list(ChangeContext *context, const WriterColumn *column, Datum value,
		   bool null)
{
	List	   *texts = null ? NIL : contact_list_texts(column, value);

	json_body_list(context->body, column->field->key, texts);
	note_sent(context, column, NULL, texts == NIL)->text = contact_joined(texts);
}

/*
 * All addresses; the primary is the "email" assigned, else the first. It
 * and this field exclude each other, so "email" itself is left out then.
 */
static void
write_emails(ChangeContext *context, const WriterColumn *column, Datum value,
			 bool null)
{
	List	   *texts = distinct_emails(null ? NIL : contact_list_texts(column, value), context->email);

	json_body_emails(context->body, texts,
					 context->email != NULL ? context->email :
					 texts != NIL ? linitial(texts) : "");
	note_sent(context, column, NULL, texts == NIL)->text = contact_joined(texts);
}

/*
 * Each address once, whatever its case, with "primary" (NULL if there is no
 * new one) in its own spelling among them.
 */
static List *
distinct_emails(List *texts, char *primary)
{
	List	   *distinct = NIL;
	bool		listed = primary == NULL;
	ListCell   *lc;
	ListCell   *other;

	foreach(lc, texts)
	{
		char	   *text = lfirst(lc);
		bool		found = false;

		if (primary != NULL && contact_same_address(text, primary))
		{
			text = primary;

			listed = true;
		}
		foreach(other, distinct)
			found |= contact_same_address(lfirst(other), text);
		if (!found)
			distinct = lappend(distinct, text);
	}
	return listed ? distinct : lcons(primary, distinct);
}

/* A custom field with a column of its own. */
static void
write_custom(ChangeContext *context, const WriterColumn *column, Datum value,
			 bool null)
{
	List	   *texts = NIL;
	SentField  *sent;

	note_slug(context, column, column->slug);
	if (!null && OidIsValid(column->element))
	{
		texts = contact_list_texts(column, value);
		json_body_custom_values(context->body, column->slug, texts);
	}
	else
		json_body_custom_value(context->body, column->slug,
							   null ? NULL : contact_sent_text(column, value));

	/* The API may answer with an empty list as with none. */
	sent = note_sent(context, column, NULL, null || (OidIsValid(column->element) && texts == NIL));
	sent->value = value;
	sent->text = null ? NULL : contact_sent_text(column, value);
}

/* Of the map of all custom fields, the members that differ. */
static void
write_custom_fields(ChangeContext *context, const WriterColumn *column,
					Datum old_value, bool old_null, Datum value, bool null)
{
	Jsonb	   *before = contact_object_of(column, old_value, old_null);
	Jsonb	   *after = contact_object_of(column, value, null);
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

/* Would the same be sent of both? */
static bool
same_member(JsonbValue *left, JsonbValue *right)
{
	return (left->type == jbvNull) == (right->type == jbvNull) &&
		(left->type == jbvBinary) == (right->type == jbvBinary) &&
		strcmp(contact_member_text(left), contact_member_text(right)) == 0;
}

/* One member of the map; null unsets it. */
static void
write_member(ChangeContext *context, const WriterColumn *column,
			 const char *slug, JsonbValue *old_value, JsonbValue *value)
{
	SentField  *sent;
	List	   *texts = NIL;
	bool		list = value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data);

	note_slug(context, column, slug);
	if (list)
	{
		texts = member_texts(slug, value);
		json_body_custom_values(context->body, slug, texts);
	}
	else if (value->type == jbvNull)
		json_body_custom_value(context->body, slug, NULL);
	else if (contact_scalar_text(value) != NULL)
		json_body_custom_value(context->body, slug, contact_scalar_text(value));
	else
		raise_unfit_member(slug);
	sent = note_sent(context, column, slug, value->type == jbvNull || (list && texts == NIL));
	sent->text = contact_member_text(value);
	sent->before = old_value != NULL ? contact_member_text(old_value) : NULL;
}

static List *
member_texts(const char *slug, JsonbValue *value)
{
	JsonbIterator *iterator = JsonbIteratorInit(value->val.binary.data);
	JsonbValue	element;
	List	   *texts = NIL;

	(void) JsonbIteratorNext(&iterator, &element, true);
	while (JsonbIteratorNext(&iterator, &element, true) == WJB_ELEM)
	{
		if (contact_scalar_text(&element) == NULL)
			raise_unfit_member(slug);
		texts = lappend(texts, contact_scalar_text(&element));
	}
	return texts;
}

static void
raise_unfit_member(const char *slug)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("custom field \"%s\" can't hold an object, or a null in a list", slug)));
}

/* The map of all custom fields; raises 22023 for what is none. */
Jsonb *
contact_object_of(const WriterColumn *column, Datum value, bool null)
{
	Jsonb	   *json;

	if (null)
		return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	json = column->type == JSONBOID ? DatumGetJsonbP(value) :
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(contact_value_text(column->type, value))));
	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" must be a JSON object of custom fields", column->name)));
	return json;
}

/* Two columns that show the same can't both say what it is. */
static void
note_field(ChangeContext *context, const WriterColumn *column)
{
	if (list_member_ptr(context->fields, column->field))
		raise_twice(context->writer, "field", column->field->name);
	context->fields = lappend(context->fields, unconstify(ContactField *, column->field));
}

/* The same of custom fields, whether by columns of their own or by the map. */
static void
note_slug(ChangeContext *context, const WriterColumn *column, const char *slug)
{
	ContactWriter *writer = context->writer;
	ListCell   *lc;

	foreach(lc, context->slugs)
	{
		if (strcmp(lfirst(lc), slug) == 0)
			raise_twice(writer, "custom field", slug);
	}
	for (int i = 0; column->slug == NULL && i < writer->ncolumns; i++)
	{
		const WriterColumn *other = &writer->columns[i];

		/* Assigned, though perhaps the value that it has already. */
		if (other->assigned && other->slug != NULL && strcmp(other->slug, slug) == 0)
			raise_twice(writer, "custom field", slug);
	}
	context->slugs = lappend(context->slugs, pstrdup(slug));
}

static void
raise_twice(ContactWriter *writer, const char *what, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s \"%s\" is written by two columns of foreign table \"%s\"",
					what, name, writer->table)));
}

static SentField *
note_sent(ChangeContext *context, const WriterColumn *column, const char *slug,
		  bool cleared)
{
	SentField  *sent = palloc0(sizeof(SentField));

	sent->column = column;
	sent->slug = slug;
	sent->cleared = cleared;
	context->change->sent = lappend(context->change->sent, sent);
	context->change->attnums = bms_add_member(context->change->attnums, column->attnum);
	return sent;
}

/* Is it the column of this field of the contact itself? */
static bool
is_field(const WriterColumn *column, const char *name)
{
	return column->field->name != NULL && strcmp(column->field->name, name) == 0;
}

/*
 * Makes the row what reading it would give, as far as is known here, after a
 * write that was only shown: the map of custom fields is never NULL, and an
 * empty string is.
 */
void
contact_fill_row(ContactWriter *writer, TupleTableSlot *row)
{
	Datum	   *values;
	bool	   *nulls;

	copy_values(row, &values, &nulls);
	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];
		int			place = column->attnum - 1;

		if (column->field->kind == FIELD_CUSTOM_FIELDS && nulls[place])
		{
			Oid			function;
			Oid			ioparam;

			getTypeInputInfo(column->type, &function, &ioparam);
			values[place] = OidInputFunctionCall(function, "{}", ioparam, -1);
			nulls[place] = false;
		}
		nulls[place] = is_null(column, values[place], nulls[place]);
	}
	contact_store_row(row, values, nulls);
}

/*
 * Makes the row what was read, where that is as good as what was assigned, so
 * that nothing was sent: "5" for 5, say, or no member for one that is null.
 */
void
contact_keep_row(ContactWriter *writer, TupleTableSlot *old_row,
				 TupleTableSlot *row)
{
	Datum	   *values;
	bool	   *nulls;

	slot_getallattrs(old_row);
	copy_values(row, &values, &nulls);
	for (int i = 0; i < writer->ncolumns; i++)
	{
		int			place = writer->columns[i].attnum - 1;

		values[place] = old_row->tts_values[place];
		nulls[place] = old_row->tts_isnull[place];
	}
	contact_store_row(row, values, nulls);
}

/* The values of a row, in the current memory context. */
static void
copy_values(TupleTableSlot *row, Datum **values, bool **nulls)
{
	*values = palloc(row->tts_tupleDescriptor->natts * sizeof(Datum));
	*nulls = palloc(row->tts_tupleDescriptor->natts * sizeof(bool));
	heap_deform_tuple(ExecCopySlotHeapTuple(row), row->tts_tupleDescriptor, *values, *nulls);
}

/* Puts these values into a slot that outlives their memory. */
void
contact_store_row(TupleTableSlot *row, const Datum *values,
				  const bool *nulls)
{
	int			natts = row->tts_tupleDescriptor->natts;

	ExecClearTuple(row);
	memcpy(row->tts_values, values, natts * sizeof(Datum));
	memcpy(row->tts_isnull, nulls, natts * sizeof(bool));
	ExecStoreVirtualTuple(row);
	ExecMaterializeSlot(row);
}
