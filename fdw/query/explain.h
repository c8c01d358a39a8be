/*-------------------------------------------------------------------------
 *
 * explain.h
 *		What EXPLAIN says of objects, for lookup joins.
 *
 * IDENTIFICATION
 *		fdw/query/explain.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_EXPLAIN_H
#define PYLON_EXPLAIN_H

#include "nodes/execnodes.h"
#include "nodes/plannodes.h"

struct ExplainState;

extern void explain_lookup_join(CustomScan *plan, List *lookups,
								List *ancestors, struct ExplainState *es);
extern void explain_scan_requests(List *scans, List *context,
								  const char *keys, struct ExplainState *es);
extern void explain_scan_counters(List *scans, struct ExplainState *es);

#endif							/* PYLON_EXPLAIN_H */
