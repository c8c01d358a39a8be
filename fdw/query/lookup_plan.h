/*-------------------------------------------------------------------------
 *
 * lookup_plan.h
 *		From the path of a lookup join to its plan.
 *
 * IDENTIFICATION
 *		fdw/query/lookup_plan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_LOOKUP_PLAN_H
#define PYLON_LOOKUP_PLAN_H

#include "nodes/extensible.h"
#include "nodes/pathnodes.h"

/* Members of a path's custom_private. */
typedef enum LookupPathIndex
{
	LookupPathJoinType,			/* Integer */
	LookupPathKeys,				/* List of Expr: objects' side, other side */
	LookupPathClauses,			/* List of RestrictInfo: all join conditions */
	LookupPathColumns,			/* List of Expr: what the objects' scans give */
} LookupPathIndex;

extern const CustomPathMethods lookup_path_methods;

extern int	lookup_first_batch(PlannerInfo *root, Path *path);

#endif							/* PYLON_LOOKUP_PLAN_H */
