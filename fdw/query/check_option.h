/*-------------------------------------------------------------------------
 *
 * check_option.h
 *		WITH CHECK OPTION before a row is sent.
 *
 * IDENTIFICATION
 *		fdw/query/check_option.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CHECK_OPTION_H
#define PYLON_CHECK_OPTION_H

#include "nodes/execnodes.h"

extern List *check_options_create(ModifyTableState *mtstate,
								  ResultRelInfo *rinfo);
extern void check_options_known(List *options, EState *estate,
								TupleTableSlot *row, const Bitmapset *known);

#endif							/* PYLON_CHECK_OPTION_H */
