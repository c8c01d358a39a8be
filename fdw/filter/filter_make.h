/*-------------------------------------------------------------------------
 *
 * filter_make.h
 *		Nodes of a planned filter, for those that recognize conditions.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_make.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FILTER_MAKE_H
#define PYLON_FILTER_MAKE_H

#include "filter/filter_operand.h"

extern List *make_value_test(FilterContext *context, const FilterOperand *operand,
							 FilterTest test, Oid collation, Node *value);
extern List *make_test(FilterContext *context, const FilterOperand *operand,
					   FilterTest test, Node *value);
extern List *make_compound(FilterTest test, List *children);
extern void widen_node(List *node);
extern List *give_up(FilterContext *context, const char *reason);

#endif							/* PYLON_FILTER_MAKE_H */
