/*-------------------------------------------------------------------------
 *
 * lookup_join.h
 *		The custom scan that joins objects by looking them up.
 *
 * lookup_path.c plans it and lookup_join.c executes it, with the batches of
 * lookup_batch.c and what lookup_table.c remembers of the answers.
 *
 * IDENTIFICATION
 *		fdw/query/lookup_join.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_LOOKUP_JOIN_H
#define PYLON_LOOKUP_JOIN_H

#include "nodes/extensible.h"

/* As EXPLAIN shows it. */
#define LOOKUP_JOIN_NAME "Pylon Lookup Join"

extern const CustomScanMethods lookup_join_methods;

extern bool lookup_join_is(const CustomScanState *node);
extern void lookup_join_read_whole(CustomScanState *node);

#endif							/* PYLON_LOOKUP_JOIN_H */
