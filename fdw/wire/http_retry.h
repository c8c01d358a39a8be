/*-------------------------------------------------------------------------
 *
 * http_retry.h
 *		How long to wait before a request is sent again, and whether.
 *
 * IDENTIFICATION
 *		fdw/wire/http_retry.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_HTTP_RETRY_H
#define PYLON_HTTP_RETRY_H

#include "wire/http_request.h"

extern double http_retry_wait(HttpRequest *request);
extern double http_retry_failure_wait(HttpRequest *request);
extern double http_retry_repeat_wait(HttpRequest *request);
extern void http_retry_note(HttpRequest *request, double wait);

#endif							/* PYLON_HTTP_RETRY_H */
