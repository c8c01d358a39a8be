/*-------------------------------------------------------------------------
 *
 * filter_json.h
 *		Conditions on the custom fields as jsonb.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_json.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FILTER_JSON_H
#define PYLON_FILTER_JSON_H

#include "filter/filter_operand.h"

extern bool filter_json_is_operator(Oid function);
extern List *filter_json_operator(FilterContext *context, Oid function,
								  List *args, bool negated);

#endif							/* PYLON_FILTER_JSON_H */
