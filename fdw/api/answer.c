/*-------------------------------------------------------------------------
 *
 * answer.c
 *		What an answer of the API amounts to.
 *
 * IDENTIFICATION
 *		fdw/api/answer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/answer.h"
#include "api/failure.h"

/*
 * Is there no such object? Only the API itself knows: a 404 of something
 * else, such as a path in base_url that leads elsewhere, tells nothing.
 */
bool
answer_is_missing(const HttpResponse *response)
{
	PylonError	error;

	return response->outcome == HTTP_ANSWERED && response->status == 404 &&
		failure_read(response, &error) && error.message != NULL;
}

/* Raises what failed as an error of SQL; else the server has been reached. */
void
answer_check_success(const HttpResponse *response)
{
	if (!http_is_success(response))
		failure_raise(response);
	response->connection->use->reached = true;
}
