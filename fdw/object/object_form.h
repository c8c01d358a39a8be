/*-------------------------------------------------------------------------
 *
 * object_form.h
 *		When are two values one?
 *
 * IDENTIFICATION
 *		fdw/object/object_form.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_FORM_H
#define PYLON_OBJECT_FORM_H

#include "object/object_text.h"

extern bool object_same_value(const WriterColumn *column, Datum left,
							   Datum right);
extern bool object_same_by_type(const WriterColumn *column, Datum left,
								 Datum right);
extern bool object_same_number(const char *left, const char *right);
extern bool object_same_address(const char *left, const char *right);
extern bool object_is_form(const WriterColumn *column, SentTexts sent,
							SentTexts answer);
extern bool object_holds_form(const WriterColumn *column, SentTexts sent,
							   SentTexts answer);
extern bool object_resembles(const char *sent, const char *answer);

#endif							/* PYLON_OBJECT_FORM_H */
