/*-------------------------------------------------------------------------
 *
 * lookup_join.h
 *		The custom scan that joins objects by looking them up.
 *
 * lookup_path.c plans it and lookup_join.c executes it, with what
 * lookup_table.c remembers of the answers.
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

#endif							/* PYLON_LOOKUP_JOIN_H */
