/*-------------------------------------------------------------------------
 *
 * object_check.h
 *		Has the API done what was sent?
 *
 * IDENTIFICATION
 *		fdw/object_check.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_CHECK_H
#define PYLON_OBJECT_CHECK_H

#include "object_write.h"

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

extern void object_check_answer(const ObjectChange *change, const char *id,
								 const ObjectLayout *layout,
								 const JsonSlice *slices,
								 const Datum *values, const bool *nulls);

#endif							/* PYLON_OBJECT_CHECK_H */
