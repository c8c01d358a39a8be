/*-------------------------------------------------------------------------
 *
 * http_limit.c
 *		Requests that wait together for a rate limit.
 *
 * The API counts requests by server and endpoint. Of those in flight together
 * to one of them, the first that is told to wait speaks for all: what would be
 * sent meanwhile waits as well, rather than collect a refusal of its own.
 * Afterwards one at a time is sent, and another one when enough have passed.
 * How long a request waits that was told is decided in http_retry.c, as are
 * the bounds of that: what it waits for others doesn't count.
 *
 * IDENTIFICATION
 *		fdw/wire/http_limit.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"
#include "wire/http_limit.h"

/*
 * After so many that have passed, one more may be in flight. The smallest
 * limits of the API are 20 and 30 a minute: two are in flight at their end
 * then, so two are refused. Half as many would let three or four be refused; at
 * twice as many, a limit of 300 would be reached with four in flight rather
 * than six, but where it was lifted, four in flight would take 96 requests.
 */
#define PASSED_FOR_ONE_MORE 16

/* That many at once are as good as no bound: max_concurrent_requests ends there. */
#define WIDEST 64

/* Of an endpoint of a server; lives as long as the session. */
struct HttpLimit
{
	struct HttpLimit *next;
	int			open;			/* requests that libcurl has */
	int			width;			/* so many may be; 0: any number */
	int			passed;			/* since the width grew */
	double		until;			/* nothing is sent before; monotonic ms */
	double		told_at;		/* last told to wait; likewise */
	char		endpoint[FLEXIBLE_ARRAY_MEMBER];
};

static size_t path_length(const HttpCall *call);

/* Of the endpoint that a call goes to, made at the first one. */
HttpLimit *
http_limit_of(PylonSession *session, const HttpCall *call)
{
	size_t		length = path_length(call);
	size_t		method = strlen(call->method);
	HttpLimit  *limit;

	for (limit = session->limits; limit != NULL; limit = limit->next)
	{
		if (strncmp(limit->endpoint, call->method, method) == 0 &&
			strlen(limit->endpoint) == method + length &&
			strncmp(limit->endpoint + method, call->path, length) == 0)
			return limit;
	}
	limit = MemoryContextAllocZero(TopMemoryContext,
								   offsetof(HttpLimit, endpoint) + method + length + 1);
	memcpy(limit->endpoint, call->method, method);
	memcpy(limit->endpoint + method, call->path, length);
	limit->next = session->limits;
	session->limits = limit;
	return limit;
}

/* What stands behind the first name is an object's id, but in a POST. */
static size_t
path_length(const HttpCall *call)
{
	size_t		length = strcspn(call->path, "?");
	const char *slash = length > 0 ? memchr(call->path + 1, '/', length - 1) : NULL;

	return slash != NULL && strcmp(call->method, "POST") != 0 ?
		(size_t) (slash + 1 - call->path) : length;
}

/* A connection that was made "since" then, with nothing on its way, starts afresh. */
void
http_limit_forget(HttpLimit *limit, double since)
{
	if (since <= limit->told_at)
		return;
	limit->width = 0;
	limit->until = 0;
}

/* A request goes to libcurl, or comes back. */
void
http_limit_open(HttpLimit *limit)
{
	limit->open++;
}

void
http_limit_close(HttpLimit *limit)
{
	limit->open--;
}

/*
 * When a request that waits may be sent, in monotonic ms; infinity where
 * another one has to come back first.
 */
double
http_limit_due(const HttpRequest *request)
{
	const HttpLimit *limit = request->limit;

	if (limit->width == 0)
		return request->resume_at;
	return limit->open >= limit->width ? INFINITY : Max(request->resume_at, limit->until);
}

/* A request was refused, and waits so many ms; -1 if it gives up. */
void
http_limit_told(HttpLimit *limit, double wait)
{
	limit->told_at = connection_now();
	limit->until = Max(limit->until, limit->told_at + wait);
	limit->width = 1;
	limit->passed = 0;
}

/* A request was not refused; one that was sent before another was says nothing. */
void
http_limit_passed(const HttpRequest *request)
{
	HttpLimit  *limit = request->limit;

	if (limit->width == 0 || request->started <= limit->told_at ||
		++limit->passed < PASSED_FOR_ONE_MORE)
		return;
	limit->passed = 0;
	limit->width = limit->width < WIDEST ? limit->width + 1 : 0;
}
