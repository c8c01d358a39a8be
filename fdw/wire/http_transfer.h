/*-------------------------------------------------------------------------
 *
 * http_transfer.h
 *		What libcurl is told of a request.
 *
 * IDENTIFICATION
 *		fdw/wire/http_transfer.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_HTTP_TRANSFER_H
#define PYLON_HTTP_TRANSFER_H

#include "wire/http_request.h"

extern void http_transfer_prepare(HttpRequest *request, CURLSH *share);

#endif							/* PYLON_HTTP_TRANSFER_H */
