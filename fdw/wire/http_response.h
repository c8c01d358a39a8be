/*-------------------------------------------------------------------------
 *
 * http_response.h
 *		What a request asks for, and what became of it.
 *
 * IDENTIFICATION
 *		fdw/wire/http_response.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_HTTP_RESPONSE_H
#define PYLON_HTTP_RESPONSE_H

#include "wire/connection.h"

typedef struct HttpRequest HttpRequest;

typedef enum HttpOutcome
{
	HTTP_ANSWERED,				/* status and body are there */
	HTTP_NO_CONNECTION,			/* DNS, TCP, TLS */
	HTTP_CONNECTION_LOST,		/* broken off or timed out */
	HTTP_BAD_ANSWER,			/* not HTTP, badly compressed, too large */
	HTTP_OUT_OF_MEMORY,
} HttpOutcome;

/* What to send. */
typedef struct HttpCall
{
	const char *method;
	const char *path;			/* with its query, percent-encoded */
	const char *body;			/* UTF-8 JSON; NULL for none */
	bool		repeatable;		/* doing it twice does no harm */
	bool		looked_for;		/* else, the caller finds out whether it was
								 * done where nobody heard, see http_resend */
	bool		page;			/* asks for a page of objects */
	bool		large_page;		/* of more than come by default */
	bool		observed;		/* sent once, and http_facts tells how it went;
								 * not repeatable */
	double		delay;			/* ms to wait before it is sent */
	const char *purpose;		/* completes "could not ..."; NULL: the connection's */
} HttpCall;

/* What became of a request, after all its retries. Owned by the request. */
typedef struct HttpResponse
{
	PylonConnection *connection;	/* whose request it was */
	HttpCall	call;
	HttpOutcome outcome;
	int			status;			/* 0 without an answer */
	const char *body;			/* bytes as they came, NUL-terminated */
	size_t		length;
	const char *error;			/* libcurl's words, "" if none */
	int			tries;
	bool		sent;			/* at least once, so it may have been done */
	bool		unknown;		/* nobody knows whether it was done */
	bool		unheard;		/* at least once without an answer to it */
	bool		timed_out;		/* the last try: nothing else went wrong */
	bool		too_large;		/* the answer to it, for max_response_size */
	double		retry_after;	/* ms that the server asks for, -1 if none */
	double		waited;			/* ms spent waiting between tries */
	bool		wait_exhausted; /* another wait would pass max_retry_wait */
} HttpResponse;

extern void http_check_library(void);

#endif							/* PYLON_HTTP_RESPONSE_H */
