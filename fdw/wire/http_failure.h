/*-------------------------------------------------------------------------
 *
 * http_failure.h
 *		What libcurl's codes amount to. For http.c alone.
 *
 * IDENTIFICATION
 *		fdw/wire/http_failure.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_HTTP_FAILURE_H
#define PYLON_HTTP_FAILURE_H

#include <curl/curl.h>

#include "wire/http_response.h"

extern HttpOutcome http_failure_outcome(CURLcode code, const char *error,
										bool sent, bool *transient);
extern bool http_failure_is_long_line(CURLcode code, bool sent);
extern const char *http_failure_words(CURLcode code);

#endif							/* PYLON_HTTP_FAILURE_H */
