/*-------------------------------------------------------------------------
 *
 * extent.h
 *		Which scans are certain to be read to their end.
 *
 * IDENTIFICATION
 *		fdw/query/extent.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_EXTENT_H
#define PYLON_EXTENT_H

extern void extent_install_hook(void);

#endif							/* PYLON_EXTENT_H */
