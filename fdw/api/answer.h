/*-------------------------------------------------------------------------
 *
 * answer.h
 *		What an answer of the API amounts to.
 *
 * IDENTIFICATION
 *		fdw/api/answer.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_ANSWER_H
#define PYLON_ANSWER_H

#include "wire/http.h"

extern bool answer_is_missing(const HttpResponse *response);
extern void answer_check_success(const HttpResponse *response);

#endif							/* PYLON_ANSWER_H */
