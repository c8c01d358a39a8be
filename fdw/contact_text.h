/*-------------------------------------------------------------------------
 *
 * contact_text.h
 *		Values of columns as the texts that the API takes.
 *
 * IDENTIFICATION
 *		fdw/contact_text.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CONTACT_TEXT_H
#define PYLON_CONTACT_TEXT_H

#include "contact_write.h"

extern int	contact_begin_texts(void);
extern char *contact_value_text(Oid type, Datum value);
extern const char *contact_sent_text(const WriterColumn *column, Datum value);
extern bool contact_is_list(const WriterColumn *column);
extern List *contact_list_texts(const WriterColumn *column, Datum value);
extern char *contact_joined(List *texts);
extern char *contact_scalar_text(JsonbValue *value);
extern char *contact_member_text(JsonbValue *value);

#endif							/* PYLON_CONTACT_TEXT_H */
