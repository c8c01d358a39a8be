/*-------------------------------------------------------------------------
 *
 * contact_id.h
 *		By what a contact is known to be the one that was meant.
 *
 * IDENTIFICATION
 *		fdw/contact_id.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CONTACT_ID_H
#define PYLON_CONTACT_ID_H

#include "contact.h"

extern AttrNumber contact_id_find(Relation table);
extern AttrNumber contact_id_column(Relation table);
extern bool contact_id_is(const char *id, bool any_case,
						  const JsonSlice *slices);

#endif							/* PYLON_CONTACT_ID_H */
