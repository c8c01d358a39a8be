/*-------------------------------------------------------------------------
 *
 * pylon_write.h
 *		The verbs of the Pylon API that write.
 *
 * IDENTIFICATION
 *		fdw/api/pylon_write.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_PYLON_WRITE_H
#define PYLON_PYLON_WRITE_H

#include "api/write_log.h"
#include "object/page.h"
#include "wire/connection.h"

/* What became of a write. */
typedef enum PylonWritten
{
	WRITTEN_DONE,
	WRITTEN_NONE,				/* there is no such object */
	WRITTEN_DUPLICATE,			/* not created, since there is such an object */
	WRITTEN_FAILED,
} PylonWritten;

/* What is to be written. */
typedef struct PylonWriteCall
{
	PylonWrite	kind;
	const ObjectLayout *layout; /* of the answer */
	const char *purpose;		/* completes "could not ..." */
	const char *id;				/* NULL of a create */
	bool		any_case;		/* how that is compared, see object_id_is */
	const char *body;			/* NULL of a delete */
} PylonWriteCall;

/* A write in flight. */
typedef struct PylonWriting PylonWriting;

extern PylonWriting *pylon_start_write(PylonConnection *connection,
									   const PylonWriteCall *call);
extern PylonWritten pylon_finish_write(PylonWriting *writing);
extern bool pylon_withdraw_write(PylonWriting *writing);
extern const PylonPage *pylon_written(PylonWriting *writing);
extern const char *pylon_write_failure(PylonWriting *writing);
extern bool pylon_write_is_unknown(PylonWriting *writing);
extern void pylon_raise_write(PylonWriting *writing, const char *more);

#endif							/* PYLON_PYLON_WRITE_H */
