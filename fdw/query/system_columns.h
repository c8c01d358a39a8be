/*-------------------------------------------------------------------------
 *
 * system_columns.h
 *		Which system columns of a foreign table a query may name.
 *
 * IDENTIFICATION
 *		fdw/query/system_columns.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_SYSTEM_COLUMNS_H
#define PYLON_SYSTEM_COLUMNS_H

#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"
#include "utils/relcache.h"

extern void system_columns_check_scan(PlannerInfo *root, RelOptInfo *baserel,
									  Relation table);
extern void system_columns_check_write(ModifyTable *plan, int index,
									   Index result_relation, Relation table);
extern void system_columns_check_routed(ModifyTable *plan, Relation table);

#endif							/* PYLON_SYSTEM_COLUMNS_H */
