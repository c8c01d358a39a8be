/*-------------------------------------------------------------------------
 *
 * plan_stats.h
 *		What the planner may assume of columns before ANALYZE has looked.
 *
 * IDENTIFICATION
 *		fdw/query/plan_stats.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_PLAN_STATS_H
#define PYLON_PLAN_STATS_H

extern void plan_stats_install_hook(void);

#endif							/* PYLON_PLAN_STATS_H */
