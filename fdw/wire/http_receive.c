/*-------------------------------------------------------------------------
 *
 * http_receive.c
 *		What comes of an answer, as libcurl hands it over.
 *
 * All that comes is counted, and bounded. These functions are called back by
 * libcurl: they note and return, a short count breaks the transfer off, and
 * http.c decides what that means.
 *
 * IDENTIFICATION
 *		fdw/wire/http_receive.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "wire/http_head.h"
#include "wire/http_request.h"

/*
 * The most that heads and trailers of one answer may have, in bytes. The
 * API's are below 2 kB; libcurl's own limits, of 100 kB a line and, in some
 * versions, of 300 kB in all, would end in errors that look like others.
 */
#define MAX_HEAD_SIZE (128 * 1024)

static size_t announced_size(const HttpRequest *request);
static bool http_admit(HttpRequest *request, size_t bytes);
static bool is_cancelled(void);

/* Inflated bytes of the answer; a short count breaks the transfer off. */
size_t
http_receive_body(char *data, size_t size, size_t count, void *arg)
{
	HttpRequest *request = arg;
	size_t		bytes = size * count;

	if (!http_admit(request, bytes) || is_cancelled())
		return 0;
	if (request->length + bytes + 1 > request->capacity)
	{
		size_t		capacity = request->capacity == 0 ? announced_size(request) : request->capacity * 2;
		char	   *body;

		capacity = Max(capacity, request->length + bytes + 1);
		body = realloc(request->body, capacity);
		if (body == NULL)
		{
			request->out_of_memory = true;
			return 0;
		}
		request->body = body;
		request->capacity = capacity;
	}
	memcpy(request->body + request->length, data, bytes);
	request->length += bytes;
	request->body[request->length] = '\0';
	return bytes;
}

/*
 * Room for a body that is as long as its head says, so that a page isn't
 * copied again and again while it grows. Nothing is touched before it comes.
 */
static size_t
announced_size(const HttpRequest *request)
{
	curl_off_t	length = -1;

	(void) curl_easy_getinfo(request->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	length = Min(length, (curl_off_t) request->response.connection->options.max_response_size);
	return Max(length + 1, RECEIVE_BUFFER_SIZE);
}

/* A line of a head, of a provisional answer (1xx), or of the trailers. */
size_t
http_receive_head(char *line, size_t size, size_t count, void *arg)
{
	HttpRequest *request = arg;
	size_t		bytes = size * count;

	/* A blank line ends it; trailers come without one. */
	if (bytes >= 5 && strncmp(line, "HTTP/", 5) == 0)
		request->head_complete = false;
	else if (line[0] == '\r' || line[0] == '\n')
		request->head_complete = true;
	request->problem = http_head_problem(line, bytes);
	request->head_received += bytes;
	if (request->head_received > MAX_HEAD_SIZE)
		request->problem = HEAD_TOO_LARGE;
	return request->problem == NULL && http_admit(request, bytes) ? bytes : 0;
}

/* Counts bytes that come; false, with the problem, if they are too many. */
static bool
http_admit(HttpRequest *request, size_t bytes)
{
	request->received += bytes;
	if (request->received <= (size_t) request->response.connection->options.max_response_size)
		return true;
	request->problem = ANSWER_TOO_LARGE;
	return false;
}

/*
 * Has a cancel come while libcurl works? Some kilobytes can inflate for
 * seconds within one call of it. The signals that wait are let in here; what
 * they do is to set a flag. Who drives raises the error: nothing can be in
 * its way, or the answer would be lost for nothing.
 */
static bool
is_cancelled(void)
{
	sigset_t	blocked;

	sigprocmask(SIG_SETMASK, &http_signals_before, &blocked);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	return (QueryCancelPending || ProcDiePending) && INTERRUPTS_CAN_BE_PROCESSED();
}
