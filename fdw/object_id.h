/*-------------------------------------------------------------------------
 *
 * object_id.h
 *		By what an object is known to be the one that was meant.
 *
 * IDENTIFICATION
 *		fdw/object_id.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_ID_H
#define PYLON_OBJECT_ID_H

#include "object.h"

extern AttrNumber object_id_find(Relation table);
extern AttrNumber object_id_column(Relation table);
extern bool object_id_is(const char *id, bool any_case,
						  const JsonSlice *slices);

#endif							/* PYLON_OBJECT_ID_H */
