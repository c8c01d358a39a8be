/*-------------------------------------------------------------------------
 *
 * contact_check.h
 *		Has the API done what was sent?
 *
 * IDENTIFICATION
 *		fdw/contact_check.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CONTACT_CHECK_H
#define PYLON_CONTACT_CHECK_H

#include "contact_write.h"

/* What the answer is looked at for. */
typedef struct SentField
{
	const WriterColumn *column;
	const char *slug;			/* of a member of custom_fields, else NULL */
	bool		cleared;		/* it must be gone, else it must be there */
	bool		ignorable;		/* not sent; another field decides about it */
	Datum		value;			/* what was sent, of FIELD_CUSTOM */
	const char *text;			/* the same, as sent; if not cleared */
	const char *before;			/* what was there, NULL if nothing */
} SentField;

extern void contact_check_answer(ContactWriter *writer,
								 const ContactChange *change, const char *id,
								 const Datum *values, const bool *nulls);
extern bool contact_same_address(const char *left, const char *right);

#endif							/* PYLON_CONTACT_CHECK_H */
