/*-------------------------------------------------------------------------
 *
 * plan_guess.h
 *		How far the planner's estimates are trusted.
 *
 * IDENTIFICATION
 *		fdw/query/plan_guess.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_PLAN_GUESS_H
#define PYLON_PLAN_GUESS_H

#include "nodes/pathnodes.h"

extern double plan_guess_requests(double guess, double most);
extern double plan_most_share(PlannerInfo *root, RelOptInfo *baserel,
							  List *pushed);
extern double plan_stored_share(PlannerInfo *root, Relids relids);

#endif							/* PYLON_PLAN_GUESS_H */
