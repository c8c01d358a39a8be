/*-------------------------------------------------------------------------
 *
 * http_limit.h
 *		Requests that wait together for a rate limit.
 *
 * IDENTIFICATION
 *		fdw/wire/http_limit.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_HTTP_LIMIT_H
#define PYLON_HTTP_LIMIT_H

#include "wire/http_request.h"

extern HttpLimit *http_limit_of(PylonSession *session, const HttpCall *call);
extern void http_limit_forget(HttpLimit *limit, double since);
extern void http_limit_open(HttpLimit *limit);
extern void http_limit_close(HttpLimit *limit);
extern double http_limit_due(const HttpRequest *request);
extern void http_limit_told(HttpLimit *limit, double wait);
extern void http_limit_passed(const HttpRequest *request);

#endif							/* PYLON_HTTP_LIMIT_H */
