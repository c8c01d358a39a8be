/*-------------------------------------------------------------------------
 *
 * page.h
 *		An answer that holds contacts.
 *
 * IDENTIFICATION
 *		fdw/page.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_PAGE_H
#define PYLON_PAGE_H

#include "contact.h"

/* Slices point into the answer, which must live as long as the page. */
typedef struct PylonPage
{
	int			ncontacts;
	int			nslices;		/* a contact */
	int			capacity;		/* in contacts */
	JsonSlice  *slices;
	const char *problem;		/* why it is none of the API; NULL if it is */
	char	   *cursor;			/* of the next page, NULL at the last one */
} PylonPage;

extern PylonPage *page_parse(const ContactReader *reader, bool single,
							 const char *body, size_t length);
extern char *page_peek_cursor(const char *body, size_t length);
extern const JsonSlice *page_contact(const PylonPage *page, int index);

#endif							/* PYLON_PAGE_H */
