/*-------------------------------------------------------------------------
 *
 * spool.h
 *		What a statement reads from a server that it writes to.
 *
 * IDENTIFICATION
 *		fdw/query/spool.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_SPOOL_H
#define PYLON_SPOOL_H

#include "nodes/execnodes.h"

/* What a write wants to know of the rows that come from the spool below it. */
typedef struct SpoolEnd
{
	uint64		rows;			/* how many there are, from the first one on */
	void		(*callback) (void *arg);	/* called after the last one, or
											 * NULL */
	void	   *arg;
} SpoolEnd;

extern void spool_install(void);
extern SpoolEnd *spool_end(PlanState *plan);
extern bool spool_is(const CustomScanState *node);

#endif							/* PYLON_SPOOL_H */
