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

/* What became of a create. */
typedef enum PylonCreated
{
	CREATE_DONE,
	CREATE_DUPLICATE,			/* refused, since there is such an object */
	CREATE_FAILED,
	CREATE_UNKNOWN,
} PylonCreated;

extern PylonWriteRequest *pylon_start_create(PylonConnection *connection,
											 const char *purpose,
											 const PylonObject *object,
											 const char *body);
extern PylonCreated pylon_finish_create(PylonWriteRequest *write);
extern const PylonPage *pylon_created(PylonWriteRequest *write,
									  const ObjectLayout *layout);
extern const char *pylon_create_failure(PylonWriteRequest *write);
extern bool pylon_create_is_unknown(PylonWriteRequest *write);
extern void pylon_raise_create(PylonWriteRequest *write, const char *problem,
							   const char *more);
extern const PylonPage *pylon_update(PylonConnection *connection,
									 const char *purpose, const char *id,
									 const char *body,
									 const ObjectLayout *layout);
extern bool pylon_delete(PylonConnection *connection, const char *purpose,
						 const char *id, bool any_case,
						 const ObjectLayout *layout);

#endif							/* PYLON_PYLON_WRITE_H */
