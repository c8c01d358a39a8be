/*-------------------------------------------------------------------------
 *
 * object_change.c
 *		What is sent of a row, and what of it is known while that is put
 *		together.
 *
 * Which columns differ from the row that was read, and whether two of them
 * want the same of one field. How a field is sent is decided by its kind, in
 * object_write.c and object_primary.c.
 *
 * IDENTIFICATION
 *		fdw/object/object_change.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "object/object_change.h"
#include "object/object_form.h"
#include "utils/rel.h"

static bool same_target(const SentField *left, const SentField *right);
static bool same_content(const SentField *left, const SentField *right);

/* What becomes of a column's value, in the row that is being written. */
ColumnChange
change_of_column(const ChangeContext *context, const WriterColumn *column)
{
	int			place = column->attnum - 1;
	ColumnChange change = {.column = column,.old_null = true};

	if (context->old_row != NULL)
	{
		change.old_value = context->old_row->tts_values[place];
		change.old_null = context->old_row->tts_isnull[place];
	}
	change.value = context->new_row->tts_values[place];
	change.null = context->new_row->tts_isnull[place];
	change.had = !object_is_null(column, change.old_value, change.old_null);
	change.cleared = object_is_null(column, change.value, change.null);
	return change;
}

/* Of the map of custom fields, send_custom_fields finds out which ones. */
bool
change_differs(const ColumnChange *change)
{
	if (!change->had || change->cleared)
		return change->had == change->cleared;
	return !object_same_value(change->column, change->old_value, change->value);
}

/* Does a column that shows this field change? */
bool
change_has_field(const ChangeContext *context, const PylonField *field)
{
	for (int i = 0; i < context->writer->ncolumns; i++)
	{
		const WriterColumn *column = &context->writer->columns[i];
		ColumnChange change;

		if (column->field != field)
			continue;
		change = change_of_column(context, column);
		if (change_differs(&change))
			return true;
	}
	return false;
}

/* What a column's new value is to be, before its texts are known. */
SentField *
change_begin_sent(const ColumnChange *change)
{
	SentField  *sent = palloc0(sizeof(SentField));

	sent->column = change->column;
	sent->slug = change->column->slug;
	sent->value = change->value;
	sent->cleared = change->cleared;
	sent->had = change->had;
	if (sent->had)
		sent->before = object_texts(change->column, change->old_value);
	sent->old_value = change->old_value;
	return sent;
}

/* An empty list is as good as none. */
void
change_set_texts(SentField *sent, SentTexts texts)
{
	sent->texts = texts;
	sent->cleared = texts.list && texts.texts == NIL;
}

/* What the field is called in a body. */
const char *
change_body_key(const SentField *sent)
{
	const PylonField *field = sent->column->field;

	if (sent->cleared && field->cleared_as != NULL)
		return field->cleared_as;
	return field->written_as != NULL ? field->written_as : field->name;
}

/*
 * Has another column sent the same already? Two that show one field may both
 * change it, if they agree; raises 22023 if they don't.
 */
bool
change_is_repeated(const ChangeContext *context, const SentField *sent)
{
	const PylonField *field = sent->column->field;
	ListCell   *lc;

	foreach(lc, context->change->sent)
	{
		SentField  *other = lfirst(lc);

		if (!same_target(other, sent))
			continue;
		if (!same_content(other, sent))
			change_raise_twice(other->column, sent->column,
						sent->slug != NULL ? psprintf("custom field \"%s\"", sent->slug) :
						other->column->field != field ? psprintf("the %s", field->link) :
						psprintf("field \"%s\"", field->name));
		return true;
	}
	return false;
}

static bool
same_target(const SentField *left, const SentField *right)
{
	if (left->slug != NULL && right->slug != NULL)
		return strcmp(left->slug, right->slug) == 0;
	return left->slug == right->slug &&
		(left->column->field == right->column->field ||
		 change_same_link(left->column->field, right->column->field));
}

bool
change_same_link(const PylonField *left, const PylonField *right)
{
	return left->link != NULL && right->link != NULL && strcmp(left->link, right->link) == 0;
}

static bool
same_content(const SentField *left, const SentField *right)
{
	if (left->cleared || right->cleared)
		return left->cleared == right->cleared;
	if (left->column->field != right->column->field)
		return left->slug != NULL && change_same_texts(left->texts, right->texts);
	if (left->json != NULL)
		return strcmp(left->json, right->json) == 0;
	return change_same_texts(left->texts, right->texts);
}

/* A number is one, however it is written. */
bool
change_same_texts(SentTexts left, SentTexts right)
{
	return object_same_texts(left, right) ||
		(!left.list && !right.list &&
		 object_same_number(linitial(left.texts), linitial(right.texts)));
}

void
change_raise_twice(const WriterColumn *left, const WriterColumn *right, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is written by two columns of foreign table \"%s\"",
					what, RelationGetRelationName(left->table)),
			 errdetail("Columns \"%s\" and \"%s\" give it different values.",
					   left->name, right->name),
			 errtablecol(right->table, right->attnum)));
}
