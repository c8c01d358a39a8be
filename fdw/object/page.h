/*-------------------------------------------------------------------------
 *
 * page.h
 *		An answer that holds objects.
 *
 * IDENTIFICATION
 *		fdw/object/page.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_PAGE_H
#define PYLON_PAGE_H

#include "object/object_layout.h"

/* Slices point into the answer, which must live as long as the page. */
typedef struct PylonPage
{
	int			nobjects;
	int			nslices;		/* an object */
	int			capacity;		/* in objects */
	JsonSlice  *slices;
	const char *problem;		/* why it is none of the API; NULL if it is */
	bool		refused;		/* ... and that is errors in place of objects */
	char	   *cursor;			/* of the next page, NULL at the last one */
	bool		hollow;			/* it announces another one, but holds nothing,
								 * or no cursor */
} PylonPage;

/* What an answer looks like at a glance. */
typedef enum PageGlance
{
	PAGE_HOLDS_OBJECTS,
	PAGE_IS_HOLLOW,				/* announces another one, and holds nothing */
	PAGE_IS_OTHER,				/* the last one and empty, or none of the API */
} PageGlance;

/*
 * More objects than this are no page: at most 999 are asked for. Twice as
 * many would do no harm, but the tens of millions that fit into an answer
 * of max_response_size would take gigabytes.
 */
#define PAGE_MAX_OBJECTS 10000

/* A longer cursor is refused: with it, a request would be longer than servers take. */
#define PAGE_MAX_CURSOR 8192

extern PylonPage *page_parse(const ObjectLayout *reader, bool single,
							 const char *body, size_t length);
extern PageGlance page_glance(const char *body, size_t length);
extern bool page_is_error(const char *body, size_t length);
extern char *page_peek_cursor(const char *body, size_t length);
extern const JsonSlice *page_object(const PylonPage *page, int index);

#endif							/* PYLON_PAGE_H */
