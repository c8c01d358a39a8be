/*-------------------------------------------------------------------------
 *
 * http_retry.c
 *		How long to wait before a request is sent again, and whether.
 *
 *
 * What has become of a try is decided in http.c, which does the waiting.
 *
 * IDENTIFICATION
 *		fdw/wire/http_retry.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"
#include "wire/http_request.h"
#include "wire/http_retry.h"

/*
 * How often a request is sent again whose answer is of no use. Two have been
 * seen to be enough; waits as after a failure.
 */
#define MAX_REPEATS 3

/*
 * Back-off after a failure: the first wait and the longest, in ms. The five of
 * the default of max_retries take 4 to 8 s together, in which a server that is
 * started anew may come back.
 */
#define FAILURE_WAIT 250.0
#define FAILURE_WAIT_MAX 30000.0

/* Back-off after a rate limit that comes without a time; the API's are by the minute. */
#define RATE_LIMIT_WAIT 1000.0
#define RATE_LIMIT_WAIT_MAX 60000.0

static double within_bounds(HttpRequest *request, double wait);
static double back_off(int times, double first, double longest);

/*
 * Milliseconds until the next try, or -1 for none.
 *
 * A rate limit was refused before anything was done, so it may always be
 * tried again, for as long as max_retry_wait allows. Anything else is tried
 * again max_retries times, if doing it twice does no harm.
 */
double
http_retry_wait(HttpRequest *request)
{
	HttpResponse *response = &request->response;
	double		wait;

	if (response->call.observed)
		return -1;
	if (response->status != 429)
		return request->transient && (response->call.repeatable || !request->sent) ?
			http_retry_failure_wait(request) : -1;
	/* Not all sessions at the same instant, and never again at once. */
	if (response->retry_after >= 0)
		wait = Max(response->retry_after + pg_prng_double(&pg_global_prng_state) * 100,
				   back_off(request->rate_limits, FAILURE_WAIT, FAILURE_WAIT_MAX));
	else
		wait = back_off(request->rate_limits, RATE_LIMIT_WAIT, RATE_LIMIT_WAIT_MAX);
	request->rate_limits++;
	return within_bounds(request, wait);
}

/* The same of a failure after which another try does no harm. */
double
http_retry_failure_wait(HttpRequest *request)
{
	const PylonOptions *options = &request->response.connection->options;
	HttpResponse *response = &request->response;
	double		wait;

	if (request->neglected && response->outcome != HTTP_ANSWERED)
		return 0;				/* the session slept, not the server */
	if (request->failures >= options->max_retries)
		return -1;
	wait = back_off(request->failures++, FAILURE_WAIT, FAILURE_WAIT_MAX);
	return within_bounds(request, Max(wait, response->retry_after));
}

/* Counts a retry, after a wait of so many ms. */
void
http_retry_note(HttpRequest *request, double wait)
{
	request->response.waited += wait;
	CONNECTION_COUNT(request->response.connection, retries, 1);
}

/* The same of an answer that was of no use. */
double
http_retry_repeat_wait(HttpRequest *request)
{
	if (request->repeats >= MAX_REPEATS)
		return -1;
	return within_bounds(request, back_off(request->repeats++, FAILURE_WAIT, FAILURE_WAIT_MAX));
}

/* The wait, or -1 where all waits together would be too long with it. */
static double
within_bounds(HttpRequest *request, double wait)
{
	HttpResponse *response = &request->response;

	response->wait_exhausted = response->waited + wait >
		response->connection->options.max_retry_wait;
	return response->wait_exhausted ? -1 : wait;
}

/* Doubles with each time; somewhere in the upper half, by chance. */
static double
back_off(int times, double first, double longest)
{
	double		wait = Min(first * pow(2, times), longest);

	return wait * (0.5 + 0.5 * pg_prng_double(&pg_global_prng_state));
}
