/*-------------------------------------------------------------------------
 *
 * object_read.h
 *		An object's JSON to Datums, column by column.
 *
 * IDENTIFICATION
 *		fdw/object/object_read.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_READ_H
#define PYLON_OBJECT_READ_H

#include "object/object_layout.h"

extern void object_read(const ObjectLayout *layout, const JsonSlice *slices,
						const Bitmapset *attnums, Datum *values, bool *nulls);
extern List *object_external_ids(const ObjectLayout *layout,
								 AttrNumber attnum, const JsonSlice *slices);

#endif							/* PYLON_OBJECT_READ_H */
