/*-------------------------------------------------------------------------
 *
 * write_log.h
 *		What was written, what is on its way, and what a rollback leaves.
 *
 * IDENTIFICATION
 *		fdw/api/write_log.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_WRITE_LOG_H
#define PYLON_WRITE_LOG_H

#include "wire/http.h"

typedef enum PylonWrite
{
	PYLON_CREATE,
	PYLON_UPDATE,
	PYLON_DELETE,
	NUM_PYLON_WRITES,
} PylonWrite;

/* What became of a write. */
typedef enum WriteFate
{
	WRITE_DONE,
	WRITE_NOT_DONE,
	WRITE_UNKNOWN,				/* sent, and nobody heard what came of it */
} WriteFate;

/* A write on its way. */
typedef struct PylonWriteRequest PylonWriteRequest;

extern struct PylonStatement *writes_of_statement(MemoryContext query);
extern bool writes_claim(PylonConnection *connection, const char *path);
extern PylonWriteRequest *writes_send(PylonConnection *connection,
									  PylonWrite kind, const HttpCall *call);
extern const HttpResponse *writes_wait(PylonWriteRequest *write);
extern void writes_doubt(PylonWriteRequest *write);
extern double writes_resend_wait(PylonWriteRequest *write);
extern void writes_resend(PylonWriteRequest *write);
extern bool writes_withdraw(PylonWriteRequest *write);
extern void writes_await(const PylonConnection *connection);
extern WriteFate writes_settle(PylonWriteRequest *write);
extern void writes_settle_as(PylonWriteRequest *write, WriteFate fate);
extern bool writes_any_done(const PylonConnection *connection);
extern char *writes_done(const PylonConnection *connection);

#endif							/* PYLON_WRITE_LOG_H */
