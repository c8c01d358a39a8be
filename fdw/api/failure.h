/*-------------------------------------------------------------------------
 *
 * failure.h
 *		What a request that failed means in SQL.
 *
 * IDENTIFICATION
 *		fdw/api/failure.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FAILURE_H
#define PYLON_FAILURE_H

#include "wire/http.h"
#include "wire/json.h"

extern void failure_raise(const HttpResponse *response);
extern void failure_raise_refusal(const HttpResponse *response,
								  const char *problem);
extern void failure_raise_hollow(const HttpResponse *response);
extern void failure_raise_unknown(const HttpResponse *response,
								  const char *more);
extern char *failure_describe(const HttpResponse *response, PylonError *error);
extern bool failure_is_of_page(const HttpResponse *response);
extern bool failure_names(const HttpResponse *response, const char *noun);
extern bool failure_is_of_reference(const HttpResponse *response);
extern bool failure_is_duplicate(const HttpResponse *response);
extern bool failure_read(const HttpResponse *response, PylonError *error);

#endif							/* PYLON_FAILURE_H */
