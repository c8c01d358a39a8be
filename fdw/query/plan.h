/*-------------------------------------------------------------------------
 *
 * plan.h
 *		What the planner knows of a foreign table, for scans and joins.
 *
 * IDENTIFICATION
 *		fdw/query/plan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_PLAN_H
#define PYLON_PLAN_H

#include "filter/filter.h"
#include "foreign/fdwapi.h"
#include "wire/option.h"

/* A foreign table while it is planned; its rel's fdw_private. */
typedef struct PylonRelation
{
	PylonOptions options;
	FilterPlan *filter;			/* of the table's own conditions */
	bool		is_counted;		/* the number of objects is no mere guess */
} PylonRelation;

/* What a scan is expected to fetch. */
typedef struct ScanEstimate
{
	double		fetched;		/* objects that the API sends */
	double		requests;
} ScanEstimate;

/* plan.c */
extern bool plan_is_ours(const FdwRoutine *routine);
extern bool plan_may_recheck(PlannerInfo *root);
extern bool plan_is_objects(RelOptInfo *rel);
extern void plan_charge_first_pass(RelOptInfo *joinrel, RelOptInfo *innerrel);
extern FilterJoinKey *plan_join_key(PlannerInfo *root, RelOptInfo *baserel,
									RestrictInfo *rinfo);
extern Path *plan_lookup_scan(PlannerInfo *root, RelOptInfo *baserel,
							  FilterJoinKey *key, ScanEstimate estimate,
							  double scans);

/* lookup_path.c */
extern bool pylon_enable_lookup_join;

extern void lookup_install_hook(void);

#endif							/* PYLON_PLAN_H */
