/*-------------------------------------------------------------------------
 *
 * searches.h
 *		What a scan asks for, in order, several requests in flight.
 *
 * IDENTIFICATION
 *		fdw/query/searches.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_SEARCHES_H
#define PYLON_SEARCHES_H

#include "api/pylon_api.h"
#include "filter/filter.h"

typedef struct Searches Searches;

extern Searches *searches_create(PylonConnection *connection,
								 const ObjectLayout *layout);
extern void searches_set_limit(Searches *searches, double limit);
extern void searches_begin(Searches *searches, FilterState *filter,
						   FilterRequest request);
extern void searches_restart(Searches *searches, FilterRequest request);
extern void searches_add(Searches *searches, FilterState *filter,
						 FilterRequest request);
extern void searches_drop_first(Searches *searches);
extern void searches_drop_last(Searches *searches);
extern void searches_take_first(Searches *searches);
extern void searches_clear(Searches *searches);
extern void searches_refilter(Searches *searches, FilterState *filter);
extern void searches_send(Searches *searches, bool whole);
extern void searches_start(Searches *searches, bool whole, bool bounded);
extern const PylonPage *searches_page(Searches *searches, bool whole);
extern bool searches_next(Searches *searches);
extern int	searches_batch(const Searches *searches);
extern bool searches_can_rewind(const Searches *searches);
extern bool searches_are_in_hand(const Searches *searches);
extern bool searches_want_more(const Searches *searches);
extern bool searches_are_ready(const Searches *searches);
extern const char *searches_refusal(const Searches *searches);
extern void searches_raise_refusal(const Searches *searches);

#endif							/* PYLON_SEARCHES_H */
