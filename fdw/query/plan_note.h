/*-------------------------------------------------------------------------
 *
 * plan_note.h
 *		Which of the queries that are being planned read objects.
 *
 * IDENTIFICATION
 *		fdw/query/plan_note.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_PLAN_NOTE_H
#define PYLON_PLAN_NOTE_H

#include "nodes/pathnodes.h"

extern void plan_note(PlannerInfo *root, Oid serverid);
extern bool plan_has_objects(PlannerInfo *root);
extern bool plan_notes_exist(void);
extern bool plan_reads(PlannerInfo *root, List *servers);

#endif							/* PYLON_PLAN_NOTE_H */
