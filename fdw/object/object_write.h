/*-------------------------------------------------------------------------
 *
 * object_write.h
 *		Rows to bodies of creates and updates.
 *
 * IDENTIFICATION
 *		fdw/object/object_write.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_WRITE_H
#define PYLON_OBJECT_WRITE_H

#include "executor/tuptable.h"
#include "object/object_text.h"

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
} SentField;

/* One write: what is sent, and what the answer must show. */
typedef struct ObjectChange
{
	char	   *body;			/* UTF-8 JSON; NULL if nothing changes */
	List	   *sent;			/* of SentField * */
	Bitmapset  *attnums;		/* of the columns that were sent */
	Bitmapset  *known;			/* of those, the ones sent as a whole */
} ObjectChange;

extern ObjectChange *object_creation(ObjectWriter *writer,
									 TupleTableSlot *row);
extern ObjectChange *object_update(ObjectWriter *writer,
								   TupleTableSlot *old_row,
								   TupleTableSlot *new_row);
extern List *object_creation_keys(const ObjectChange *creation);

#endif							/* PYLON_OBJECT_WRITE_H */
