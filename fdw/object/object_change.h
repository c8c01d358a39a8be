/*-------------------------------------------------------------------------
 *
 * object_change.h
 *		What is sent of a row, and what of it is known while that is put
 *		together.
 *
 * IDENTIFICATION
 *		fdw/object/object_change.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_CHANGE_H
#define PYLON_OBJECT_CHANGE_H

#include "compat.h"
#include "executor/tuptable.h"
#include "object/object_text.h"
#include "wire/json.h"

/* What is sent of one field, and what the answer is looked at for. */
typedef struct SentField
{
	const WriterColumn *column;
	const char *slug;			/* of a custom field, else NULL */
	bool		cleared;		/* it must be gone, else it must be there */
	Datum		value;			/* of the column, if not cleared */
	SentTexts	texts;			/* the same, as sent */
	const char *json;			/* the same, of FIELD_JSON */
	bool		had;			/* was there a value? */
	SentTexts	before;			/* if so, which one */
	Datum		old_value;		/* the same, of the column */
} SentField;

/* One write: what is sent, and what the answer must show. */
typedef struct ObjectChange
{
	char	   *body;			/* UTF-8 JSON; NULL if nothing changes */
	List	   *sent;			/* of SentField * */
	Bitmapset  *attnums;		/* of the columns that were sent */
	Bitmapset  *known;			/* of those, the ones sent as a whole */
} ObjectChange;

/* What a change is made of while it is made. */
typedef struct ChangeContext
{
	ObjectWriter *writer;
	TupleTableSlot *old_row;	/* NULL for a new object */
	TupleTableSlot *new_row;
	ObjectChange *change;
	JsonTree   *body;
} ChangeContext;

/* What becomes of a column's value. */
typedef struct ColumnChange
{
	const WriterColumn *column;
	Datum		old_value;
	bool		old_null;
	bool		had;			/* there was a value, as the API sees it */
	Datum		value;
	bool		null;
	bool		cleared;		/* there is none any more, likewise */
} ColumnChange;

/* Puts a column's new value into the body; what was sent, of SentField *. */
typedef List *(*SendFunction) (ChangeContext *context, const ColumnChange *change);

extern ColumnChange change_of_column(const ChangeContext *context,
									 const WriterColumn *column);
extern bool change_differs(const ColumnChange *change);
extern bool change_has_field(const ChangeContext *context,
							 const PylonField *field);
extern SentField *change_begin_sent(const ColumnChange *change);
extern void change_set_texts(SentField *sent, SentTexts texts);
extern const char *change_body_key(const SentField *sent);
extern bool change_is_repeated(const ChangeContext *context,
							   const SentField *sent);
extern bool change_same_link(const PylonField *left, const PylonField *right);
extern bool change_same_texts(SentTexts left, SentTexts right);
pg_noreturn extern void change_raise_twice(const WriterColumn *left,
										   const WriterColumn *right,
										   const char *what);

#endif							/* PYLON_OBJECT_CHANGE_H */
