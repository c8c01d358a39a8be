/*-------------------------------------------------------------------------
 *
 * repeat.h
 *		Scans that may be started over with the same request.
 *
 * IDENTIFICATION
 *		fdw/query/repeat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_REPEAT_H
#define PYLON_REPEAT_H

#include "nodes/execnodes.h"

extern bool repeat_is_likely(ForeignScanState *node, int eflags);

#endif							/* PYLON_REPEAT_H */
