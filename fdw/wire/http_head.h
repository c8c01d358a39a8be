/*-------------------------------------------------------------------------
 *
 * http_head.h
 *		What the head of an answer says. For http.c alone.
 *
 * IDENTIFICATION
 *		fdw/wire/http_head.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_HTTP_HEAD_H
#define PYLON_HTTP_HEAD_H

#include <curl/curl.h>

extern const char *http_head_problem(const char *line, size_t length);
extern double http_head_retry_after(CURL *easy);

#endif							/* PYLON_HTTP_HEAD_H */
