/*-------------------------------------------------------------------------
 *
 * contact_row.h
 *		The rows of a write: what they are called, and what becomes of them.
 *
 * IDENTIFICATION
 *		fdw/contact_row.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CONTACT_ROW_H
#define PYLON_CONTACT_ROW_H

#include "contact_write.h"

extern char *contact_label(ContactWriter *writer, TupleTableSlot *row);
extern void contact_fill_row(ContactWriter *writer, TupleTableSlot *row);
extern void contact_keep_row(ContactWriter *writer, TupleTableSlot *old_row,
							 TupleTableSlot *row);
extern void contact_store_row(TupleTableSlot *row, const Datum *values,
							  const bool *nulls);

#endif							/* PYLON_CONTACT_ROW_H */
