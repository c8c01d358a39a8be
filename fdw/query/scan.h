/*-------------------------------------------------------------------------
 *
 * scan.h
 *		The foreign scan, for those that ask by it, start it over or wait for it.
 *
 * IDENTIFICATION
 *		fdw/query/scan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_SCAN_H
#define PYLON_SCAN_H

#include "filter/filter.h"
#include "nodes/execnodes.h"
#include "wire/connection.h"

extern bool scan_takes_keys(PlanState *node);
extern FilterState *scan_filter(ForeignScanState *node);
extern void scan_ask(ForeignScanState *node, List *keys, bool all);
extern void scan_forget_asked(ForeignScanState *node);
extern void scan_stop(ForeignScanState *node);
extern int	scan_max_requests(ForeignScanState *node);
extern bool scan_is_part_of(const EState *query);
extern void scan_read_whole(ForeignScanState *node);
extern void scan_may_stop(ForeignScanState *node, bool by_page);
extern void scan_read_late(ForeignScanState *node);
extern void scan_distrust(ForeignScanState *node);
extern void scan_read_before_write(Oid serverid, EState *writer);
extern const PylonCounters *scan_counters(ForeignScanState *node);
extern void scan_set_asynchronous(ForeignScanState *node, int turn);
extern bool scan_is_waiting(ForeignScanState *node);
extern bool scan_is_ready(ForeignScanState *node);
extern bool scan_turn_is_over(ForeignScanState *node);
extern void scan_narrow(ForeignScanState *node, List *keys, int wanted);

#endif							/* PYLON_SCAN_H */
