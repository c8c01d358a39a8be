/*-------------------------------------------------------------------------
 *
 * http.h
 *		HTTP requests in flight, and the one place that waits for them.
 *
 * IDENTIFICATION
 *		fdw/wire/http.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_HTTP_H
#define PYLON_HTTP_H

#include "wire/http_response.h"

extern HttpRequest *http_start(PylonConnection *connection,
							   const HttpCall *call);
extern const HttpResponse *http_wait(HttpRequest *request);
extern double http_resend_wait(HttpRequest *request);
extern void http_resend(HttpRequest *request);
extern void http_doubt(HttpRequest *request);
extern bool http_withdraw(HttpRequest *request);
extern bool http_is_done(HttpRequest *request);
extern bool http_repeat(HttpRequest *request);
extern const HttpResponse *http_peek(const HttpRequest *request);
extern bool http_is_success(const HttpResponse *response);
extern bool http_is_unknown(const HttpRequest *request);
extern int	http_in_flight(Oid serverid);
extern void http_wait_any(void);
extern void http_poll(void);

#endif							/* PYLON_HTTP_H */
