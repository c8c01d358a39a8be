/*-------------------------------------------------------------------------
 *
 * plan_private.h
 *		What a plan carries to its execution, and to EXPLAIN.
 *
 * IDENTIFICATION
 *		fdw/query/plan_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_PLAN_PRIVATE_H
#define PYLON_PLAN_PRIVATE_H

#include "nodes/pg_list.h"

/* What LIMIT lets a scan know of how many rows will be read. */
typedef enum ScanLimit
{
	SCAN_ALL,					/* all of them */
	SCAN_LIMITED,				/* no more than a value that is computed */
	SCAN_OPEN,					/* it may end anywhere */
	SCAN_LATE,					/* all, it seems; see scan_read_late */
} ScanLimit;

/*
 * Members of a ForeignScan's fdw_private, all of them copyable nodes.
 * fdw_exprs holds the values of the filter and, after these, the LIMIT's
 * count and offset (one or both of them).
 */
typedef enum ScanPrivateIndex
{
	ScanPrivateFilter,			/* List, see filter.h */
	ScanPrivateValues,			/* Integer: how many values the filter has */
	ScanPrivateAttnums,			/* IntList: columns to fill in */
	ScanPrivateLimit,			/* Integer: ScanLimit */
	ScanPrivateLocal,			/* List of Integer: places of quals not pushed */
	ScanPrivateReasons,			/* List of String: why not */
	ScanPrivatePlaces,			/* List of Integer: places of quals of which
								 * the filter's members are */
} ScanPrivateIndex;

/* Members of the fdw_private of a write. */
typedef enum ModifyPrivateIndex
{
	ModifyPrivateSkipDuplicates,	/* Boolean */
	ModifyPrivateAssigned,		/* IntList: columns that an UPDATE assigns */
} ModifyPrivateIndex;

/* Members of a lookup join's custom_private. */
typedef enum LookupPrivateIndex
{
	LookupPrivateJoinType,		/* Integer */
	LookupPrivateFirstBatch,	/* Integer: its size if the query may end
								 * early, else 0 */
	LookupPrivateOtherQuals,	/* Integer: how many conditions of the join
								 * see the other side alone */
} LookupPrivateIndex;

/*
 * Members of its custom_exprs. The conditions of the join come last, those that
 * see the other side alone before the others. All see the columns of both
 * children as one tuple.
 */
typedef enum LookupExprIndex
{
	LookupExprInnerKey,
	LookupExprKey,
	LookupExprQuals,			/* first one */
} LookupExprIndex;

#endif							/* PYLON_PLAN_PRIVATE_H */
