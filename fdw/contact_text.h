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
extern bool contact_is_null(const WriterColumn *column, Datum value, bool null);
extern SentTexts contact_texts(const WriterColumn *column, Datum value);
extern bool contact_same_texts(SentTexts left, SentTexts right);
extern bool contact_is_empty(SentTexts texts);
extern bool contact_is_blank(SentTexts texts);
extern bool contact_is_field(const WriterColumn *column, const char *name);
extern bool contact_is_phone(const WriterColumn *column);
extern List *contact_list_texts(const WriterColumn *column, Datum value);
extern bool contact_json_list(const char *json, List **texts);
extern char *contact_json_text(const WriterColumn *column, Datum value);
extern bool contact_json_has_id(const WriterColumn *column, Datum value,
								const char *id);
extern Jsonb *contact_parse_json(const char *text);
extern char *contact_scalar_text(JsonbValue *value);
extern bool contact_member_texts(JsonbValue *value, SentTexts *texts);

#endif							/* PYLON_CONTACT_TEXT_H */
