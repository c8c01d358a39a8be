/*-------------------------------------------------------------------------
 *
 * object_check.h
 *		Has the API done what was sent?
 *
 * IDENTIFICATION
 *		fdw/object/object_check.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_CHECK_H
#define PYLON_OBJECT_CHECK_H

#include "object/object_layout.h"
#include "object/object_write.h"

extern void object_check_answer(const ObjectChange *change, const char *id,
								const ObjectLayout *layout,
								const JsonSlice *slices,
								const Datum *values, const bool *nulls);

#endif							/* PYLON_OBJECT_CHECK_H */
