/*-------------------------------------------------------------------------
 *
 * reread.h
 *		What a session has just written is read again by its id.
 *
 * IDENTIFICATION
 *		fdw/api/reread.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_REREAD_H
#define PYLON_REREAD_H

#include "api/pylon_api.h"

extern const PylonPage *reread_page(PylonConnection *connection,
									const ObjectLayout *layout,
									const PylonPage *page);

#endif							/* PYLON_REREAD_H */
