/*-------------------------------------------------------------------------
 *
 * pylon_write.c
 *		The verbs of the Pylon API that write: creates, updates, deletes.
 *
 *
 * A create is never repeated, a delete only once it is known that it wasn't done.
 *
 * IDENTIFICATION
 *		fdw/api/pylon_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/answer.h"
#include "api/failure.h"
#include "api/pylon_api.h"
#include "api/pylon_write.h"
#include "api/written.h"
#include "object/object_id.h"
#include "wire/http.h"
#include "wire/safe_text.h"

/* What the API says of an id. */
typedef enum Presence
{
	PRESENCE_THERE,
	PRESENCE_GONE,
	PRESENCE_UNKNOWN,			/* it couldn't be asked */
} Presence;

static Presence find_object(PylonConnection *connection, const char *purpose,
							const char *id, bool any_case,
							const ObjectLayout *layout, double delay);
static void note_created(const HttpResponse *response,
						 const PylonObject *object, JsonSlice id);

/*
 * Sends a create (reference: "Create a new ...") without waiting for its
 * answer. "purpose" completes "could not ..." in messages on it; that, "body"
 * and what is allocated belong to the current memory context.
 */
PylonWriteRequest *
pylon_start_create(PylonConnection *connection, const char *purpose,
				   const PylonObject *object, const char *body)
{
	HttpCall	call = {.method = "POST",.path = object->path,.body = body,.purpose = purpose};

	return writes_send(connection, PYLON_CREATE, &call);
}

/* Waits for a create; interruptible, but what became of it raises nothing. */
PylonCreated
pylon_finish_create(PylonWriteRequest *write)
{
	const HttpResponse *response = writes_wait(write);

	switch (writes_settle(write))
	{
		case WRITE_DONE:
			return CREATE_DONE;
		case WRITE_UNKNOWN:
			return CREATE_UNKNOWN;
		default:
			return failure_is_duplicate(response) ? CREATE_DUPLICATE : CREATE_FAILED;
	}
}

/*
 * The new object of a create that was done, as a page of one, allocated in
 * the current memory context; page->problem where the answer doesn't hold it.
 */
const PylonPage *
pylon_created(PylonWriteRequest *write, const ObjectLayout *layout)
{
	const HttpResponse *response = writes_wait(write);
	PylonPage  *page = response->length == 0 ? palloc0(sizeof(PylonPage)) :
		page_parse(layout, true, response->body, response->length);

	if (page->problem == NULL && page->nobjects == 0)
		page->problem = psprintf("It does not hold the new %s.", layout->object->nouns.one);
	if (page->problem == NULL)
		note_created(response, layout->object, page_object(page, 0)[OBJECT_ID_SOURCE]);
	return page;
}

/* A search that lags may give the new object as it was at first. */
static void
note_created(const HttpResponse *response, const PylonObject *object,
			 JsonSlice id)
{
	if (json_slice_is_string(id))
		written_note(response->connection->session,
					 pylon_object_path(object, json_slice_cstring(id)));
}

/* What the API or the transport said of a create that failed. */
const char *
pylon_create_failure(PylonWriteRequest *write)
{
	const HttpResponse *response = writes_wait(write);
	PylonError	error;

	return response->outcome == HTTP_ANSWERED ? failure_describe(response, &error) :
		safe_text(response->error);
}

/* Does nobody know whether a create that has ended was done? */
bool
pylon_create_is_unknown(PylonWriteRequest *write)
{
	(void) writes_wait(write);
	return writes_is_unknown(write);
}

/*
 * Raises the error of a create that has ended: 40003 where nobody knows
 * whether it was done, since it is never repeated; "more" is added to DETAIL
 * then, unless NULL. "problem" is what is wrong with an answer that looked
 * like a success, else NULL.
 */
void
pylon_raise_create(PylonWriteRequest *write, const char *problem,
				   const char *more)
{
	const HttpResponse *response = writes_wait(write);

	if (writes_is_unknown(write))
		failure_raise_unknown(response, more);
	if (problem != NULL)
		failure_raise_refusal(response, problem);
	failure_raise(response);
}

/*
 * Updates an object (reference: "Update an existing ..."): the object
 * as it is now, as a page of one, read back where the answer doesn't have it;
 * an empty page where there is no such object. Allocated in the current
 * memory context; "purpose", as in pylon_start_create, "id" and "body"
 * likewise.
 */
const PylonPage *
pylon_update(PylonConnection *connection, const char *purpose, const char *id,
			 const char *body, const ObjectLayout *layout)
{
	HttpCall	call = {.method = "PATCH",.body = body,.repeatable = true,.purpose = purpose};
	PylonWriteRequest *write;
	const HttpResponse *response;
	PylonPage  *page;

	call.path = pylon_object_path(layout->object, id);
	write = writes_send(connection, PYLON_UPDATE, &call);
	response = writes_wait(write);
	if (answer_is_missing(response))
	{
		writes_settle_as(write, WRITE_NOT_DONE);
		return palloc0(sizeof(PylonPage));
	}
	(void) writes_settle(write);
	answer_check_success(response);
	page = answer_parse_single(response, layout);
	if (page->nobjects > 0)
		return page;

	call.method = "GET";
	call.body = NULL;
	response = http_wait(http_start(connection, &call));
	if (answer_is_missing(response))
		return page;
	answer_check_success(response);
	page = answer_parse_single(response, layout);
	if (page->nobjects == 0)
		failure_raise_refusal(response, psprintf("It does not hold the %s.",
												 layout->object->nouns.one));
	return page;
}

/*
 * Deletes an object (reference: "Delete an existing ..."). False if there
 * was none; one that is gone after a try of which nobody heard counts as
 * deleted by that. "any_case" is as in object_id_is, "purpose" as in
 * pylon_start_create.
 */
bool
pylon_delete(PylonConnection *connection, const char *purpose, const char *id,
			 bool any_case, const ObjectLayout *layout)
{
	HttpCall	call = {.method = "DELETE",.purpose = purpose};
	PylonWriteRequest *write;
	const HttpResponse *response;
	double		wait;

	call.path = pylon_object_path(layout->object, id);
	write = writes_send(connection, PYLON_DELETE, &call);
	response = writes_wait(write);

	/* By now, the id may be an external one of another object. */
	while ((wait = writes_resend_wait(write)) >= 0)
	{
		Presence	presence = find_object(connection, purpose, id, any_case, layout,
										   wait);

		if (presence == PRESENCE_UNKNOWN)
			break;
		if (presence == PRESENCE_GONE)
		{
			writes_settle_as(write, WRITE_DONE);
			return true;
		}
		writes_resend(write);
		response = writes_wait(write);
	}
	if (answer_is_missing(response))
	{
		writes_settle_as(write, response->unheard ? WRITE_DONE : WRITE_NOT_DONE);
		return response->unheard;
	}
	(void) writes_settle(write);
	answer_check_success(response);
	if (page_is_error(response->body, response->length))
		failure_raise_refusal(response, "It holds errors and no data.");
	return true;
}

/* Is the object with this very id there, after so many ms? */
static Presence
find_object(PylonConnection *connection, const char *purpose, const char *id,
			bool any_case, const ObjectLayout *layout, double delay)
{
	HttpCall	call = {.method = "GET",.repeatable = true,.delay = delay,.purpose = purpose};
	const HttpResponse *response;
	const PylonPage *page;

	call.path = pylon_object_path(layout->object, id);
	response = http_wait(http_start(connection, &call));
	if (answer_is_missing(response))
		return PRESENCE_GONE;
	if (!http_is_success(response) || response->length == 0)
		return PRESENCE_UNKNOWN;
	page = page_parse(layout, true, response->body, response->length);
	/* One that doesn't say whose it is won't do either. */
	if (page->problem != NULL || page->nobjects == 0 ||
		json_slice_is_null(page_object(page, 0)[OBJECT_ID_SOURCE]))
		return PRESENCE_UNKNOWN;
	return object_id_is(id, any_case, page_object(page, 0)) ? PRESENCE_THERE : PRESENCE_GONE;
}
