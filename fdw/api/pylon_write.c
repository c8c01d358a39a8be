/*-------------------------------------------------------------------------
 *
 * pylon_write.c
 *		The verbs of the Pylon API that write: creates, updates, deletes.
 *
 * Each is sent without waiting for its answer, so that several may be in
 * flight. A create is never repeated, a delete only once it is known that it
 * wasn't done. What became of a write raises nothing until the caller wants
 * that: others may be in flight, whose ends are to be awaited first.
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

/* A write in flight; in the context in which it was started. */
struct PylonWriting
{
	PylonConnection *connection;
	PylonWriteCall call;
	const char *path;
	PylonWriteRequest *request;
	const HttpResponse *response;	/* to that, or to what reads it back */
	bool		unknown;		/* nobody knows whether it was done */
	PylonPage  *page;			/* what the answer holds, if it is a success */
	const char *problem;		/* of an answer that looked like a success */
	bool		wrong_object;	/* it holds another one than was meant */
};

static bool repeat_delete(PylonWriting *writing);
static void read_answer(PylonWriting *writing);
static const char *doubt_delete(PylonWriting *writing);
static bool is_deleted_after_all(PylonWriting *writing);
static Presence find_object(PylonWriting *writing, double delay);
static PylonWritten settle_missing(PylonWriting *writing);
static PylonPage *parse_answer(PylonWriting *writing);
static PylonPage *read_back(PylonWriting *writing);
static void note_created(PylonWriting *writing, const PylonPage *page);

/*
 * Sends a write (reference: "Create a new ...", "Update an existing ...",
 * "Delete an existing ...") without waiting for its answer. What "call" holds
 * must live as long as the current memory context, to which the write belongs.
 */
PylonWriting *
pylon_start_write(PylonConnection *connection, const PylonWriteCall *call)
{
	static const char *const methods[NUM_PYLON_WRITES] = {"POST", "PATCH", "DELETE"};
	PylonWriting *writing = palloc0(sizeof(PylonWriting));
	const PylonObject *object = call->layout->object;
	HttpCall	http = {.method = methods[call->kind],.body = call->body,.purpose = call->purpose};

	writing->connection = connection;
	writing->call = *call;
	writing->path = call->id == NULL ? object->path : pylon_object_path(object, call->id);
	http.path = writing->path;
	http.repeatable = call->kind == PYLON_UPDATE;
	http.looked_for = call->kind == PYLON_DELETE;
	writing->request = writes_send(connection, call->kind, &http);
	return writing;
}

/*
 * Waits for a write, and takes to the books what became of it; interruptible,
 * but raises nothing else. A delete whose answer was lost is sent again if
 * the object is still there; one that is gone by then counts as done.
 */
PylonWritten
pylon_finish_write(PylonWriting *writing)
{
	WriteFate	fate;

	writing->response = writes_wait(writing->request);
	if (writing->call.kind == PYLON_DELETE && !repeat_delete(writing))
	{
		writes_settle_as(writing->request, WRITE_DONE);
		return WRITTEN_DONE;
	}
	if (writing->call.kind != PYLON_CREATE && answer_is_missing(writing->response) &&
		!(writing->call.kind == PYLON_UPDATE && failure_is_of_reference(writing->response)))
		return settle_missing(writing);

	read_answer(writing);
	if (writing->problem != NULL)
		writes_doubt(writing->request);
	if (writing->problem != NULL && is_deleted_after_all(writing))
	{
		writes_settle_as(writing->request, WRITE_DONE);
		return WRITTEN_DONE;
	}
	fate = writes_settle(writing->request);
	writing->unknown = fate == WRITE_UNKNOWN;
	if (fate == WRITE_DONE)
	{
		writing->connection->use->reached = true;
		return WRITTEN_DONE;
	}
	return writing->call.kind == PYLON_CREATE && fate == WRITE_NOT_DONE &&
		failure_is_duplicate(writing->response) ? WRITTEN_DUPLICATE : WRITTEN_FAILED;
}

/*
 * Reads an answer that is a success by its status, and notes what speaks
 * against it: a gateway, or a page to log in, says 200 as well, and has passed
 * nothing on.
 */
static void
read_answer(PylonWriting *writing)
{
	if (!http_is_success(writing->response))
		return;
	writing->page = parse_answer(writing);
	writing->problem = writing->page->problem;
	if (writing->problem == NULL && writing->call.kind == PYLON_DELETE &&
		writing->response->length > 0)
		writing->problem = doubt_delete(writing);
}

/*
 * Of a delete nothing is looked at that would tell later. Its answer has the
 * object, or the number of the request at least.
 */
static const char *
doubt_delete(PylonWriting *writing)
{
	const char *noun = writing->call.layout->object->nouns.one;
	const JsonSlice *object;
	PylonError	error;

	if (writing->page->nobjects == 0)
		return failure_read(writing->response, &error) && error.request_id != NULL ? NULL :
			"It does not say which request it is for.";
	object = page_object(writing->page, 0);
	if (json_slice_is_null(object[OBJECT_ID_SOURCE]))
		return psprintf("It does not hold the %s.", noun);
	writing->wrong_object = !object_id_is(writing->call.id, writing->call.any_case, object);
	return writing->wrong_object ? psprintf("It holds another %s.", noun) : NULL;
}

/*
 * Is the object of a delete gone, though the answer doesn't say so? Not asked
 * where the API has refused, or where another object may have been deleted
 * under this one's id: then it is gone, or never was there.
 */
static bool
is_deleted_after_all(PylonWriting *writing)
{
	return writing->call.kind == PYLON_DELETE && !writing->page->refused &&
		!writing->wrong_object && find_object(writing, 0) == PRESENCE_GONE;
}

/*
 * Sends a delete of which nobody knows whether it was done again, as often as
 * that may be; by now, the id may be an external one of another object. False
 * if the object is gone.
 */
static bool
repeat_delete(PylonWriting *writing)
{
	double		wait;

	while ((wait = writes_resend_wait(writing->request)) >= 0)
	{
		Presence	presence = find_object(writing, wait);

		if (presence == PRESENCE_GONE)
			return false;
		if (presence == PRESENCE_UNKNOWN)
			break;
		writes_resend(writing->request);
		writing->response = writes_wait(writing->request);
	}
	return true;
}

/* Is the object with this very id there, after so many ms? */
static Presence
find_object(PylonWriting *writing, double delay)
{
	const PylonWriteCall *write = &writing->call;
	HttpCall	call = {.method = "GET",.repeatable = true,.path = writing->path,
	.delay = delay,.purpose = write->purpose};
	const HttpResponse *response = http_wait(http_start(writing->connection, &call));
	const PylonPage *page;

	if (answer_is_missing(response))
		return PRESENCE_GONE;
	if (!http_is_success(response))
		return PRESENCE_UNKNOWN;
	page = page_parse(write->layout, true, response->body, response->length);
	/* One that doesn't say whose it is won't do either. */
	if (page->problem != NULL || page->nobjects == 0 ||
		json_slice_is_null(page_object(page, 0)[OBJECT_ID_SOURCE]))
		return PRESENCE_UNKNOWN;
	return object_id_is(write->id, write->any_case, page_object(page, 0)) ?
		PRESENCE_THERE : PRESENCE_GONE;
}

/* A delete has done it by an earlier try if nobody heard of one. */
static PylonWritten
settle_missing(PylonWriting *writing)
{
	bool		done = writing->call.kind == PYLON_DELETE && writing->response->unheard;

	writes_settle_as(writing->request, done ? WRITE_DONE : WRITE_NOT_DONE);
	return done ? WRITTEN_DONE : WRITTEN_NONE;
}

/*
 * Takes back a write that waits to be sent, or to be sent again after it was
 * refused unseen; false, and nothing is done, if it may be on its way.
 */
bool
pylon_withdraw_write(PylonWriting *writing)
{
	return writes_withdraw(writing->request);
}

/*
 * The object of a create or an update that was done, as a page of one, which
 * lives as long as what pylon_finish_write has allocated. Of an update it is
 * read back where the answer doesn't have it, in the current memory context;
 * an empty page if it is gone by then.
 * page->problem tells where the object can't be had, for pylon_raise_write.
 */
const PylonPage *
pylon_written(PylonWriting *writing)
{
	PylonPage  *page = writing->page;

	if (page->nobjects == 0)
	{
		if (writing->call.kind == PYLON_UPDATE)
			page = read_back(writing);
		else
			page->problem = psprintf("It does not hold the new %s.",
									 writing->call.layout->object->nouns.one);
	}
	if (page->problem == NULL && writing->call.kind == PYLON_CREATE)
		note_created(writing, page);
	writing->problem = page->problem;
	return page;
}

static PylonPage *
parse_answer(PylonWriting *writing)
{
	const HttpResponse *response = writing->response;

	return response->length == 0 ? palloc0(sizeof(PylonPage)) :
		page_parse(writing->call.layout, true, response->body, response->length);
}

static PylonPage *
read_back(PylonWriting *writing)
{
	HttpCall	call = {.method = "GET",.repeatable = true,.path = writing->path,
	.purpose = writing->call.purpose};
	PylonPage  *page;

	writing->response = http_wait(http_start(writing->connection, &call));
	if (answer_is_missing(writing->response))
		return palloc0(sizeof(PylonPage));
	page = http_is_success(writing->response) ? parse_answer(writing) : palloc0(sizeof(PylonPage));
	if (page->problem == NULL && page->nobjects == 0)
		page->problem = psprintf("It does not hold the %s.", writing->call.layout->object->nouns.one);
	return page;
}

/* A search that lags may give the new object as it was at first. */
static void
note_created(PylonWriting *writing, const PylonPage *page)
{
	JsonSlice	id = page_object(page, 0)[OBJECT_ID_SOURCE];

	if (json_slice_is_string(id))
		written_note(writing->connection->session,
					 pylon_object_path(writing->call.layout->object, json_slice_cstring(id)));
}

/* What the API or the transport said of a write that failed. */
const char *
pylon_write_failure(PylonWriting *writing)
{
	const HttpResponse *response = writing->response;
	PylonError	error;

	if (writing->problem != NULL && http_is_success(response))
		return writing->problem;
	return response->outcome == HTTP_ANSWERED ? failure_describe(response, &error) :
		safe_text(response->error);
}

/* Does nobody know whether a write that has ended was done? */
bool
pylon_write_is_unknown(PylonWriting *writing)
{
	return writing->unknown;
}

/*
 * Raises the error of a write that has ended: 40003 where nobody knows
 * whether a create was done, since it is never repeated; "more" is added to
 * DETAIL then, unless NULL.
 */
void
pylon_raise_write(PylonWriting *writing, const char *more)
{
	const HttpResponse *response = writing->response;

	if (writing->unknown && writing->call.kind == PYLON_CREATE)
		failure_raise_unknown(response, writing->problem == NULL || writing->page->refused ? more :
							  more == NULL ? writing->problem : psprintf("%s %s", writing->problem, more));
	if (writing->problem != NULL && http_is_success(response))
		failure_raise_refusal(response, writing->problem);
	failure_raise(response);
}
