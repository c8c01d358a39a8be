/*-------------------------------------------------------------------------
 *
 * object_text.h
 *		Values of columns as the texts that the API takes.
 *
 * IDENTIFICATION
 *		fdw/object/object_text.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_TEXT_H
#define PYLON_OBJECT_TEXT_H

#include "object/object_writer.h"
#include "utils/jsonb.h"

/* A value in the form in which it is sent. */
typedef struct SentTexts
{
	bool		list;
	List	   *texts;			/* of char *: one, unless it is a list */
} SentTexts;

extern int	object_begin_texts(void);
extern char *object_value_text(Oid type, Datum value);
extern bool object_is_null(const WriterColumn *column, Datum value, bool null);
extern SentTexts object_texts(const WriterColumn *column, Datum value);
extern bool object_same_texts(SentTexts left, SentTexts right);
extern bool object_is_empty(SentTexts texts);
extern bool object_is_blank(SentTexts texts);
extern List *object_list_texts(const WriterColumn *column, Datum value);
extern bool object_json_list(const char *json, List **texts);
extern char *object_json_text(const WriterColumn *column, Datum value);
extern List *object_json_ids(const WriterColumn *column, Datum value);
extern Jsonb *object_map_of(const WriterColumn *column, Datum value,
							bool null);
extern Jsonb *object_parse_json(const char *text);
extern char *object_scalar_text(JsonbValue *value);
extern bool object_member_texts(JsonbValue *value, SentTexts *texts);

#endif							/* PYLON_OBJECT_TEXT_H */
