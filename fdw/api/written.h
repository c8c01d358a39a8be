/*-------------------------------------------------------------------------
 *
 * written.h
 *		Which objects were written: by a statement, and lately by a session.
 *
 * IDENTIFICATION
 *		fdw/api/written.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_WRITTEN_H
#define PYLON_WRITTEN_H

#include "utils/hsearch.h"
#include "wire/connection.h"

extern HTAB *written_set_create(MemoryContext context);
extern bool written_set_add(HTAB *set, Oid serverid, const char *path);

extern void written_expect(PylonSession *session, const char *path);
extern void written_note(PylonSession *session, const char *path);
extern void written_note_expected(PylonSession *session, const char *path);
extern bool written_lately(const PylonSession *session, const char *path);

#endif							/* PYLON_WRITTEN_H */
