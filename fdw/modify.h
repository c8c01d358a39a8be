/*-------------------------------------------------------------------------
 *
 * modify.h
 *		What EXPLAIN wants to know of a write.
 *
 * IDENTIFICATION
 *		fdw/modify.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_MODIFY_H
#define PYLON_MODIFY_H

#include "connection.h"
#include "nodes/execnodes.h"

extern const PylonCounters *modify_counters(ResultRelInfo *rinfo);
extern List *modify_assigned(List *fdw_private);

#endif							/* PYLON_MODIFY_H */
