/*-------------------------------------------------------------------------
 *
 * object_row.c
 *		The rows of a write: what they are called, and what becomes of them.
 *
 * IDENTIFICATION
 *		fdw/object/object_row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "mb/pg_wchar.h"
#include "object/object_read.h"
#include "object/object_row.h"
#include "object/object_text.h"
#include "object/page.h"
#include "utils/lsyscache.h"

/* A name in a message is cut to so many bytes: few are longer, and they fill a line. */
#define MAX_LABEL 128

static void copy_values(TupleTableSlot *row, Datum **values, bool **nulls);

/* What names a new row in messages: the first of its labels. */
char *
object_label(ObjectWriter *writer, TupleTableSlot *row)
{
	const WriterColumn *best = NULL;
	char	   *text;
	int			length;

	slot_getallattrs(row);
	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];

		if (column->field->label > 0 && !row->tts_isnull[column->attnum - 1] &&
			(best == NULL || column->field->label < best->field->label))
			best = column;
	}
	if (best == NULL)
		return "without a name";
	text = object_value_text(best->type, row->tts_values[best->attnum - 1]);
	length = pg_mbcliplen(text, strlen(text), MAX_LABEL);
	return psprintf("\"%.*s%s\"", length, text, text[length] == '\0' ? "" : "...");
}

/*
 * Makes the row what reading it would give, as far as is known here, after a
 * write that was only shown: the map of custom fields is never NULL, and an
 * empty string is.
 */
void
object_fill_row(ObjectWriter *writer, TupleTableSlot *row)
{
	Datum	   *values;
	bool	   *nulls;

	copy_values(row, &values, &nulls);
	for (int i = 0; i < writer->ncolumns; i++)
	{
		const WriterColumn *column = &writer->columns[i];
		int			place = column->attnum - 1;

		nulls[place] = object_is_null(column, values[place], nulls[place]);
		if (column->field->kind == FIELD_CUSTOM_FIELDS && nulls[place])
		{
			Oid			function;
			Oid			ioparam;

			getTypeInputInfo(column->type, &function, &ioparam);
			values[place] = OidInputFunctionCall(function, "{}", ioparam, -1);
			nulls[place] = false;
		}
	}
	object_store_row(row, values, nulls);
}

/*
 * Puts into the row what the body of a write says of columns that are sent
 * together, be it that only one of them was assigned.
 */
void
object_take_sent(const ObjectLayout *layout, const char *body,
				 TupleTableSlot *row)
{
	char	   *answer = psprintf("{\"data\":%s}", body);
	const JsonSlice *sent = page_object(page_parse(layout, true, answer, strlen(answer)), 0);
	Bitmapset  *attnums = NULL;
	Datum	   *values;
	bool	   *nulls;

	for (int i = 0; i < layout->ncolumns; i++)
	{
		const ObjectColumn *column = &layout->columns[i];

		if ((column->field->kind == FIELD_LIST_OF_PRIMARY || column->field->kind == FIELD_PRIMARY) &&
			!json_slice_is_null(sent[column->source]))
			attnums = bms_add_member(attnums, column->attnum);
	}
	if (attnums == NULL)
		return;
	copy_values(row, &values, &nulls);
	object_read(layout, sent, attnums, values, nulls);
	object_store_row(row, values, nulls);
}

/*
 * Makes the row what was read, where that is as good as what was assigned, so
 * that nothing was sent: "5" for 5, say, or no member for one that is null.
 */
void
object_keep_row(ObjectWriter *writer, TupleTableSlot *old_row,
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
	object_store_row(row, values, nulls);
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
object_store_row(TupleTableSlot *row, const Datum *values,
				  const bool *nulls)
{
	int			natts = row->tts_tupleDescriptor->natts;

	ExecClearTuple(row);
	memcpy(row->tts_values, values, natts * sizeof(Datum));
	memcpy(row->tts_isnull, nulls, natts * sizeof(bool));
	ExecStoreVirtualTuple(row);
	ExecMaterializeSlot(row);
}
