/*-------------------------------------------------------------------------
 *
 * probe.h
 *		Questions that show how far one gets with the API.
 *
 * IDENTIFICATION
 *		fdw/api/probe.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_PROBE_H
#define PYLON_PROBE_H

#include "object/object.h"
#include "wire/http_facts.h"
#include "wire/json.h"

typedef struct PylonProbe
{
	const HttpResponse *response;
	HttpFacts  *facts;
} PylonProbe;

extern PylonProbe probe_me(PylonConnection *connection);
extern PylonProbe probe_objects(PylonConnection *connection,
								const PylonObject *object);
extern PylonProbe probe_custom_fields(PylonConnection *connection,
									  const PylonObject *object);
extern PylonMe *probe_read_me(const PylonProbe *probe);
extern bool probe_read_objects(const PylonProbe *probe,
							   const PylonObject *object);
extern int	probe_read_custom_fields(const PylonProbe *probe, bool *more);

#endif							/* PYLON_PROBE_H */
