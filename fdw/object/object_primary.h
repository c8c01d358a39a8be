/*-------------------------------------------------------------------------
 *
 * object_primary.h
 *		Lists of which one is primary.
 *
 * IDENTIFICATION
 *		fdw/object/object_primary.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_PRIMARY_H
#define PYLON_OBJECT_PRIMARY_H

#include "object/object_change.h"

extern List *primary_send_addresses(ChangeContext *context,
									const ColumnChange *change);
extern List *primary_send_list(ChangeContext *context,
							   const ColumnChange *change);
extern List *primary_send(ChangeContext *context, const ColumnChange *change);

#endif							/* PYLON_OBJECT_PRIMARY_H */
