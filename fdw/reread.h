/*-------------------------------------------------------------------------
 *
 * reread.h
 *		What a session has just written is read again by its id.
 *
 * IDENTIFICATION
 *		fdw/reread.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_REREAD_H
#define PYLON_REREAD_H

#include "pylon_api.h"

extern const PylonPage *reread_page(PylonConnection *connection,
									const ObjectLayout *layout,
									const PylonPage *page);

#endif							/* PYLON_REREAD_H */
