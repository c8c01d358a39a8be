/*-------------------------------------------------------------------------
 *
 * contact_write.h
 *		Rows to bodies of creates and updates.
 *
 * IDENTIFICATION
 *		fdw/contact_write.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CONTACT_WRITE_H
#define PYLON_CONTACT_WRITE_H

#include "contact.h"
#include "executor/tuptable.h"

/* How the columns of a foreign table are written. */
typedef struct ContactWriter ContactWriter;

/* One write: what is sent, and what the answer must show. */
typedef struct ContactChange
{
	char	   *body;			/* UTF-8 JSON; NULL if nothing changes */
	List	   *sent;			/* of SentField *, for contact_check_answer */
} ContactChange;

extern ContactWriter *contact_writer_create(Relation table);
extern char *contact_label(ContactWriter *writer, TupleTableSlot *row);
extern AttrNumber contact_id_column(Relation table);
extern void contact_check_assigned(Relation table, Bitmapset *attnums);
extern ContactChange *contact_creation(ContactWriter *writer,
									   TupleTableSlot *row);
extern ContactChange *contact_update(ContactWriter *writer,
									 TupleTableSlot *old_row,
									 TupleTableSlot *new_row);
extern void contact_check_answer(ContactWriter *writer,
								 const ContactChange *change,
								 const Datum *values, const bool *nulls);

#endif							/* PYLON_CONTACT_WRITE_H */
