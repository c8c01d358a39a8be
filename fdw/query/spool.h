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

extern void spool_install(void);

#endif							/* PYLON_SPOOL_H */
