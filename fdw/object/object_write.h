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

#include "object/object_change.h"

extern ObjectChange *object_creation(ObjectWriter *writer,
									 TupleTableSlot *row);
extern ObjectChange *object_update(ObjectWriter *writer,
								   TupleTableSlot *old_row,
								   TupleTableSlot *new_row);
extern List *object_write_keys(const ObjectChange *change);

#endif							/* PYLON_OBJECT_WRITE_H */
