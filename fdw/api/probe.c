/*-------------------------------------------------------------------------
 *
 * probe.c
 *		Questions that show how far one gets with the API.
 *
 * Asking raises nothing but interrupts; reading raises what the answer, or its
 * lack, amounts to, as for any other request.
 *
 * IDENTIFICATION
 *		fdw/api/probe.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/answer.h"
#include "api/failure.h"
#include "api/probe.h"
#include "object/page.h"

static PylonProbe ask(PylonConnection *connection, const char *path);

/* Who the token is (reference: "Get details of the authenticated organization and user"). */
PylonProbe
probe_me(PylonConnection *connection)
{
	return ask(connection, "/me");
}

/* The first object of the list that every object has (reference: "Get all ..."). */
PylonProbe
probe_objects(PylonConnection *connection, const PylonObject *object)
{
	return ask(connection, psprintf("%s?limit=1", object->path));
}

/* The first page of definitions (reference: "Get all custom fields"). */
PylonProbe
probe_custom_fields(PylonConnection *connection, const PylonObject *object)
{
	return ask(connection, psprintf("/custom-fields?object_type=%s", object->type));
}

/* What an answer to probe_me says, in the current memory context. */
PylonMe *
probe_read_me(const PylonProbe *probe)
{
	PylonMe    *me = palloc0(sizeof(PylonMe));

	answer_check_success(probe->response);
	if (!json_read_me(probe->response->body, probe->response->length, me))
		failure_raise_refusal(probe->response, "It does not tell the organization.");
	return me;
}

/* Does an answer to probe_objects hold one, or announce one at least? */
bool
probe_read_objects(const PylonProbe *probe, const PylonObject *object)
{
	PylonPage  *page;

	answer_check_success(probe->response);
	page = page_parse(object_layout_of_id(object), false,
					  probe->response->body, probe->response->length);
	if (page->problem != NULL)
		failure_raise_refusal(probe->response, page->problem);
	return page->nobjects > 0 || page->hollow;
}

/* How many definitions the answer holds; "more" is set to whether it announces others. */
int
probe_read_custom_fields(const PylonProbe *probe, bool *more)
{
	const HttpResponse *response = probe->response;
	PylonDefinitions found = {0};

	answer_check_success(probe->response);
	if (page_is_error(response->body, response->length) ||
		!json_read_definitions(response->body, response->length, &found))
		failure_raise_refusal(response, "It is no list of custom fields.");
	*more = found.cursor != NULL || found.hollow;
	return list_length(found.fields);
}

/*
 * Sends a question and waits for what becomes of it. It goes out once, on a
 * connection of its own: not even libcurl sends it again.
 */
static PylonProbe
ask(PylonConnection *connection, const char *path)
{
	HttpCall	call = {.method = "GET",.path = path,.observed = true};
	HttpRequest *request = http_start(connection, &call);
	PylonProbe	probe;

	probe.response = http_wait(request);
	probe.facts = http_facts(request);
	return probe;
}
