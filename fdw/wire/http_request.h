/*-------------------------------------------------------------------------
 *
 * http_request.h
 *		A request in flight. For http.c and its helpers alone.
 *
 * IDENTIFICATION
 *		fdw/wire/http_request.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_HTTP_REQUEST_H
#define PYLON_HTTP_REQUEST_H

#include <signal.h>

#include <curl/curl.h>

#include "lib/ilist.h"
#include "wire/http_response.h"

/* What libcurl hands over at once; measured to be the fastest. */
#define RECEIVE_BUFFER_SIZE (64 * 1024L)

/* Sentences for DETAIL. */
#define HEAD_TOO_LARGE "The head of the answer, or its trailer, is too large."
#define ANSWER_TOO_LARGE "The answer is larger than max_response_size."

typedef enum HttpState
{
	HTTP_TRANSFERRING,			/* in the multi handle */
	HTTP_BACKING_OFF,			/* sent at resume_at, or later */
	HTTP_DONE,
} HttpState;

/* Of the endpoint that a request goes to, see http_limit.c. */
typedef struct HttpLimit HttpLimit;

struct HttpRequest
{
	HttpState	state;
	HttpResponse response;
	HttpLimit  *limit;

	/* libcurl's, freed by release_request */
	CURL	   *easy;
	struct curl_slist *headers;
	char	   *body;			/* malloc'd: a callback can't palloc */
	size_t		length;
	size_t		capacity;
	size_t		received;		/* bytes of body, head and trailers */
	size_t		head_received;	/* of these, all but the body */
	char		error[CURL_ERROR_SIZE];

	bool		in_multi;
	bool		listed;			/* in "unfinished" */
	bool		sent;			/* in the present try */
	bool		refused;		/* ... and refused by HTTP/2 before it was
								 * done */
	bool		head_complete;	/* of the answer, or a provisional one */
	const char *problem;		/* why a callback broke the transfer off */
	bool		out_of_memory;
	bool		neglected;		/* nobody drove it for a while */
	bool		withdrawn;		/* not to be sent again, unless it may have
								 * been done */
	bool		transient;		/* another try may have a better outcome */
	double		started;		/* the present try, monotonic ms */
	CURLcode	code;			/* of the last try that has ended */
	double		securing_at;	/* when one that is observed was connected and
								 * TLS began, monotonic ms; 0 if it didn't */
	char		tls_version[16];	/* of one that is observed; "" if not known */
	int			failures;		/* other than rate limits */
	int			rate_limits;
	int			repeats;		/* since the answer was of no use */
	double		resume_at;		/* monotonic ms */
	dlist_node	node;
	MemoryContextCallback callback;
};

/* The signals that are blocked outside of libcurl; http.c sets it. */
extern sigset_t http_signals_before;

extern size_t http_receive_body(char *data, size_t size, size_t count,
								void *arg);
extern size_t http_receive_head(char *line, size_t size, size_t count,
								void *arg);
extern void http_facts_listen(HttpRequest *request, const char *text,
							  size_t length);
extern CURLcode http_facts_securing(CURL *easy, void *context, void *arg);

#endif							/* PYLON_HTTP_REQUEST_H */
