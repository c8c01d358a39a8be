/*-------------------------------------------------------------------------
 *
 * http_facts.h
 *		How a request went: which steps it took, and how long each.
 *
 * IDENTIFICATION
 *		fdw/wire/http_facts.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_HTTP_FACTS_H
#define PYLON_HTTP_FACTS_H

#include "wire/http_response.h"

/* The steps to an answer, in their order. */
typedef enum HttpStep
{
	HTTP_STEP_DNS,
	HTTP_STEP_CONNECT,
	HTTP_STEP_TLS,
	HTTP_STEP_ANSWER,
} HttpStep;

/* Texts are as they came, and NULL where libcurl doesn't tell. */
typedef struct HttpFacts
{
	HttpStep	ended;			/* the step at which it failed, else the last */
	bool		encrypted;		/* is there a step of TLS? */
	double		ms[HTTP_STEP_ANSWER + 1];	/* how long each step took */
	char	   *address;		/* that it was connected to */
	int			port;
	char	   *tls_version;
	char	   *issuer;			/* of the host's certificate */
	char	   *expires;
	bool		untrusted;		/* it was that certificate that failed */
	double		rate_left;		/* requests that the API still takes, -1 if it
								 * doesn't say */
} HttpFacts;

extern HttpFacts *http_facts(HttpRequest *request);

#endif							/* PYLON_HTTP_FACTS_H */
