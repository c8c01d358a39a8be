/*-------------------------------------------------------------------------
 *
 * object_row.h
 *		The rows of a write: what they are called, and what becomes of them.
 *
 * IDENTIFICATION
 *		fdw/object/object_row.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_ROW_H
#define PYLON_OBJECT_ROW_H

#include "executor/tuptable.h"
#include "object/object_layout.h"
#include "object/object_writer.h"

extern char *object_label(ObjectWriter *writer, TupleTableSlot *row);
extern void object_fill_row(ObjectWriter *writer, TupleTableSlot *row);
extern void object_take_sent(const ObjectLayout *layout, const char *body,
							 TupleTableSlot *row);
extern void object_keep_row(ObjectWriter *writer, TupleTableSlot *old_row,
							 TupleTableSlot *row);
extern void object_store_row(TupleTableSlot *row, const Datum *values,
							  const bool *nulls);

#endif							/* PYLON_OBJECT_ROW_H */
