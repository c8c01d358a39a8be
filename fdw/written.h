/*-------------------------------------------------------------------------
 *
 * written.h
 *		Which contacts a statement has written.
 *
 * IDENTIFICATION
 *		fdw/written.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_WRITTEN_H
#define PYLON_WRITTEN_H

#include "utils/hsearch.h"

extern HTAB *written_set_create(MemoryContext context);
extern bool written_set_add(HTAB *set, Oid serverid, const char *path);

#endif							/* PYLON_WRITTEN_H */
