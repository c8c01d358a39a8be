/*-------------------------------------------------------------------------
 *
 * contact_form.h
 *		When are two values one?
 *
 * IDENTIFICATION
 *		fdw/contact_form.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CONTACT_FORM_H
#define PYLON_CONTACT_FORM_H

#include "contact_write.h"

extern bool contact_same_value(const WriterColumn *column, Datum left,
							   Datum right);
extern bool contact_same_by_type(const WriterColumn *column, Datum left,
								 Datum right);
extern bool contact_same_number(const char *left, const char *right);
extern bool contact_same_address(const char *left, const char *right);
extern bool contact_is_form(const WriterColumn *column, SentTexts sent,
							SentTexts answer);
extern bool contact_holds_form(const WriterColumn *column, SentTexts sent,
							   SentTexts answer);
extern bool contact_resembles(const char *sent, const char *answer);

#endif							/* PYLON_CONTACT_FORM_H */
