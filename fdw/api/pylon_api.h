/*-------------------------------------------------------------------------
 *
 * pylon_api.h
 *		The verbs of the Pylon API.
 *
 * IDENTIFICATION
 *		fdw/api/pylon_api.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_API_H
#define PYLON_API_H

#include "object/page.h"
#include "wire/connection.h"
#include "wire/json.h"

/* Objects of a list, a search or a look-up, page by page. */
typedef struct PylonReader PylonReader;

extern PylonReader *pylon_reader_create(PylonConnection *connection,
										const ObjectLayout *layout);
extern void pylon_read_list(PylonReader *reader, double limit);
extern void pylon_read_search(PylonReader *reader, const PylonFilter *filter,
							  double limit);
extern void pylon_refilter(PylonReader *reader, const PylonFilter *filter);
extern void pylon_read_id(PylonReader *reader, const char *id);
extern void pylon_start(PylonReader *reader);
extern void pylon_advance(PylonReader *reader);
extern bool pylon_is_ready(PylonReader *reader);
extern bool pylon_wants_more(PylonReader *reader);
extern bool pylon_may_ask(PylonReader *reader);
extern bool pylon_has_room(PylonConnection *connection);
extern const PylonPage *pylon_next_page(PylonReader *reader);
extern char *pylon_object_path(const PylonObject *object, const char *id);
extern const char *pylon_refusal(PylonReader *reader);
extern void pylon_raise_refusal(PylonReader *reader);
extern bool pylon_can_rewind(PylonReader *reader);
extern void pylon_poll(void);
extern void pylon_wait_any(void);

extern PylonMe *pylon_me(PylonConnection *connection, double *latency);
extern List *pylon_custom_fields(PylonConnection *connection,
								 const PylonObject *object, int most);

#endif							/* PYLON_API_H */
