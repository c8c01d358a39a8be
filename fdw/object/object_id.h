/*-------------------------------------------------------------------------
 *
 * object_id.h
 *		By what an object is known to be the one that was meant.
 *
 * IDENTIFICATION
 *		fdw/object/object_id.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_ID_H
#define PYLON_OBJECT_ID_H

#include "object/object_layout.h"

/*
 * No id is longer (bytes): Pylon's own have 36, external ids a few more. Three
 * times as long in a path, it stays below the 8,000 that each server takes.
 */
#define OBJECT_MAX_ID 2048

extern AttrNumber object_id_find(Relation table);
extern AttrNumber object_id_column(Relation table);
extern bool object_id_is(const char *id, bool any_case,
						 const JsonSlice *slices);
extern char *object_id_text(const JsonSlice *slices);
extern bool object_id_is_possible(const char *id);

#endif							/* PYLON_OBJECT_ID_H */
