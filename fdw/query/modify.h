/*-------------------------------------------------------------------------
 *
 * modify.h
 *		What EXPLAIN wants to know of a write.
 *
 * IDENTIFICATION
 *		fdw/query/modify.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_MODIFY_H
#define PYLON_MODIFY_H

#include "nodes/execnodes.h"
#include "wire/connection.h"

extern const PylonCounters *modify_counters(ResultRelInfo *rinfo);
extern List *modify_assigned(List *fdw_private);

#endif							/* PYLON_MODIFY_H */
