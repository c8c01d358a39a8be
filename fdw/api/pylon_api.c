/*-------------------------------------------------------------------------
 *
 * pylon_api.c
 *		The verbs of the Pylon API: paths, bodies, cursors.
 *
 * Reading is asynchronous by one page: as soon as a page is parsed, the
 * request for the next one is on its way, and at most these two are held.
 * What a failure means in SQL is decided in failure.c. Nothing here knows
 * about plans or slots.
 *
 * IDENTIFICATION
 *		fdw/api/pylon_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "api/answer.h"
#include "api/failure.h"
#include "api/pylon_api.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "wire/http.h"

/* Reference: the "limit" of a request that has none. */
#define DEFAULT_PAGE_SIZE 100

typedef enum ReadMode
{
	READ_LIST,					/* GET all */
	READ_SEARCH,				/* POST a filter */
	READ_ID,				/* GET by an id */
} ReadMode;

/*
 * Lives in the memory context in which it was created, and keeps each page
 * with its request in a child of that.
 */
struct PylonReader
{
	PylonConnection *connection;
	const ObjectLayout *layout;
	MemoryContext context;

	/* what is read */
	ReadMode	mode;
	const PylonFilter *filter;
	const char *id;
	double		limit;			/* rows that will do, -1 if all are wanted */
	bool		prefetch;

	/* how far */
	int			pages;
	double		received;		/* objects */
	char	   *cursor;			/* of the page not yet asked for, in
								 * page_context */
	HTAB	   *cursors;		/* those already followed */
	MemoryContext page_context;
	PylonPage  *page;			/* in hand */
	bool		taken;			/* it was taken before anybody wanted it */
	MemoryContext next_context;
	HttpRequest *next;			/* in flight, or NULL */
	HttpRequest *refused;		/* answered 400, or NULL */
};

/* The hash of a cursor: equal hashes are as good as equal cursors. */
typedef struct CursorKey
{
	uint64		hash[2];
} CursorKey;

static void begin_reading(PylonReader *reader, ReadMode mode, double limit);
static void request_page(PylonReader *reader);
static int	next_page_size(PylonReader *reader);
static char *list_path(const PylonObject *object, int limit,
					   const char *cursor);
static char *url_escape(const char *text);
static bool at_end(const PylonReader *reader);
static CursorKey cursor_key(const char *cursor);
static bool note_cursor(PylonReader *reader, const char *cursor);
static void receive_page(PylonReader *reader);
static void take_page(PylonReader *reader, const HttpResponse *response,
					  bool ahead);
static void give_back_page(PylonReader *reader, HttpRequest *request);
static void drop_next(PylonReader *reader);
static PageGlance pylon_glance(PylonReader *reader);
static bool is_refusal(PylonReader *reader, const HttpResponse *response);
static bool has_list(const PylonFilter *filter);
static void read_ahead(PylonReader *reader, const HttpResponse *response);
static void parse_page(PylonReader *reader, const HttpResponse *response);
static const HttpResponse *get_definitions(PylonConnection *connection,
										   const char *path,
										   PylonDefinitions *found);
static const HttpResponse *pylon_get(PylonConnection *connection, const char *path);
static void check_reached(const HttpResponse *response,
						  const PylonObject *object);

/*
 * A reader of objects, in the current memory context. Nothing is sent
 * before pylon_start or pylon_next_page.
 */
PylonReader *
pylon_reader_create(PylonConnection *connection,
					const ObjectLayout *layout)
{
	PylonReader *reader = palloc0(sizeof(PylonReader));

	reader->connection = connection;
	reader->layout = layout;
	reader->context = CurrentMemoryContext;
	return reader;
}

/*
 * Starts over with all objects (reference: "Get all ...").
 *
 * "limit" is how many objects will do: pages are asked for no larger than
 * that needs, and none beyond it before it is wanted. It is -1 where all
 * objects will be read, and infinity where it is open how many.
 */
void
pylon_read_list(PylonReader *reader, double limit)
{
	begin_reading(reader, READ_LIST, limit);
}

/*
 * Starts over with a search (reference: "Search for ... by a given filter").
 * "filter" must live until the reading ends; "limit" as in pylon_read_list.
 */
void
pylon_read_search(PylonReader *reader, const PylonFilter *filter,
				  double limit)
{
	begin_reading(reader, READ_SEARCH, limit);
	reader->filter = filter;
}

/* Goes on with the same filter that has moved to another place in memory. */
void
pylon_refilter(PylonReader *reader, const PylonFilter *filter)
{
	reader->filter = filter;
}

/*
 * Starts over with one object (reference: "Get a ..."), which
 * is a page of one, or of none where the API has no such id. "id", in the
 * server's encoding, must live until the reading ends.
 */
void
pylon_read_id(PylonReader *reader, const char *id)
{
	begin_reading(reader, READ_ID, -1);
	reader->id = id;
}

/*
 * The next page, or NULL after the last one, or where the API refuses what
 * is asked for: pylon_refusal tells. It is valid until the next call. Raises
 * the errors of the API and of the transport; interruptible.
 */
const PylonPage *
pylon_next_page(PylonReader *reader)
{
	if (reader->taken)
	{
		reader->taken = false;
		return reader->page;
	}
	if (at_end(reader))
		return NULL;
	pylon_start(reader);
	receive_page(reader);
	if (reader->refused != NULL)
		return NULL;
	if (reader->next == NULL && reader->prefetch && pylon_wants_more(reader))
		request_page(reader);
	return reader->page;
}

/*
 * Takes the first page, if it has come, so that the one behind it is on its
 * way before anybody wants either. Doesn't wait; errors as in pylon_next_page.
 */
void
pylon_advance(PylonReader *reader)
{
	if (reader->pages == 0 && reader->next != NULL && reader->prefetch &&
		reader->refused == NULL && pylon_is_ready(reader))
		reader->taken = pylon_next_page(reader) != NULL;
}

/*
 * Sends the request for the page that pylon_next_page will give, unless that
 * is on its way already or there is none. Doesn't wait; errors as there, but
 * those of the transport and the API come only with the page.
 */
void
pylon_start(PylonReader *reader)
{
	if (reader->next == NULL && !reader->taken && !at_end(reader))
		request_page(reader);
}

/* Will pylon_next_page hardly have to wait? */
bool
pylon_is_ready(PylonReader *reader)
{
	if (reader->taken || reader->next == NULL)
		return reader->taken || at_end(reader);
	return http_is_done(reader->next) &&
		!(pylon_glance(reader) == PAGE_IS_HOLLOW && http_repeat(reader->next));
}

/* Are there pages after the one in hand, and not yet objects enough? */
bool
pylon_wants_more(PylonReader *reader)
{
	return !at_end(reader) &&
		(reader->limit < 0 || reader->received < reader->limit);
}

/* Is a request in flight, or one that may still be needed? */
bool
pylon_may_ask(PylonReader *reader)
{
	return !at_end(reader);
}

/* May the server be asked for more at once, or are max_concurrent_requests in flight? */
bool
pylon_has_room(PylonConnection *connection)
{
	return http_in_flight(connection->serverid) < connection->options.max_concurrent_requests;
}

/* The path of the object with an id, in the current memory context. */
char *
pylon_object_path(const PylonObject *object, const char *id)
{
	return psprintf("%s/%s", object->path, url_escape(id));
}

/* What the API said when it refused what is read; NULL if it didn't. */
const char *
pylon_refusal(PylonReader *reader)
{
	PylonError	error;

	return reader->refused == NULL ? NULL :
		failure_describe(http_wait(reader->refused), &error);
}

/* Raises that as the error that it is for any other request. */
void
pylon_raise_refusal(PylonReader *reader)
{
	failure_raise(http_wait(reader->refused));
}

/*
 * Can the reading start over without a request? True if the first page is
 * still in hand, as the current one, or still on its way.
 */
bool
pylon_can_rewind(PylonReader *reader)
{
	if (reader->pages == 0)
		return reader->next != NULL && reader->refused == NULL;
	return reader->pages == 1 && reader->page != NULL;
}

/* Lets what is on its way arrive while the page in hand is used. */
void
pylon_poll(void)
{
	http_poll();
}

/* Waits until something stirs, of any reader; see http_wait_any. */
void
pylon_wait_any(void)
{
	http_wait_any();
}

/* Forgets all of the last reading; a request in flight is broken off. */
static void
begin_reading(PylonReader *reader, ReadMode mode, double limit)
{
	if (reader->page_context != NULL)
		MemoryContextDelete(reader->page_context);
	if (reader->next_context != NULL)
		MemoryContextDelete(reader->next_context);
	if (reader->cursors != NULL)
		hash_destroy(reader->cursors);
	reader->page_context = reader->next_context = NULL;
	reader->cursors = NULL;
	reader->page = NULL;
	reader->taken = false;
	reader->next = NULL;
	reader->refused = NULL;
	reader->cursor = NULL;
	reader->pages = 0;
	reader->received = 0;
	reader->mode = mode;
	reader->filter = NULL;
	reader->id = NULL;

	/* Open end: whole pages, but each only when it is wanted. */
	reader->prefetch = !isinf(limit);
	reader->limit = isinf(limit) ? -1 : limit;
}

/* Sends the request for the page at "cursor", in a context of its own. */
static void
request_page(PylonReader *reader)
{
	HttpCall	call = {.method = "GET",.repeatable = true};
	MemoryContext before;
	int			limit = next_page_size(reader);

	if (reader->cursor != NULL && !note_cursor(reader, reader->cursor))
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("could not %s: the API's pages go round in a circle",
						reader->connection->purpose),
				 errdetail("A cursor came a second time, on page %d.", reader->pages)));

	reader->next_context = AllocSetContextCreate(reader->context,
												 "pylon_fdw page",
												 ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(reader->next_context);
	call.page = reader->mode != READ_ID;
	call.large_page = call.page && limit > DEFAULT_PAGE_SIZE;
	switch (reader->mode)
	{
		case READ_LIST:
			call.path = list_path(reader->layout->object, limit, reader->cursor);
			break;
		case READ_SEARCH:
			call.method = "POST";
			call.path = psprintf("%s/search", reader->layout->object->path);
			call.body = json_search_body(reader->filter, limit, reader->cursor);
			break;
		case READ_ID:
			call.path = pylon_object_path(reader->layout->object, reader->id);
			break;
	}
	reader->next = http_start(reader->connection, &call);
	MemoryContextSwitchTo(before);
}

/* Is there no page after the one in hand? */
static bool
at_end(const PylonReader *reader)
{
	return reader->next == NULL && reader->pages > 0 && reader->cursor == NULL;
}

/* No more than is still needed, where that is known. */
static int
next_page_size(PylonReader *reader)
{
	int			size = reader->connection->options.page_size;
	double		needed = reader->limit - reader->received;

	if (reader->limit < 0 || needed >= size || needed <= 0)
		return size;
	return (int) needed;
}

/* "limit" isn't documented for this path, but taken, and wanted by some. */
static char *
list_path(const PylonObject *object, int limit, const char *cursor)
{
	if (cursor == NULL)
		return psprintf("%s?limit=%d", object->path, limit);
	return psprintf("%s?limit=%d&cursor=%s", object->path, limit,
					url_escape(cursor));
}

/*
 * "text" (in the server's encoding) as UTF-8, percent-encoded for a path or
 * query. Allocated in the current memory context.
 */
static char *
url_escape(const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	char	   *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);
	char	   *escaped = palloc(strlen(utf8) * 3 + 1);
	char	   *out = escaped;

	for (const unsigned char *p = (const unsigned char *) utf8; *p; p++)
	{
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			(*p >= '0' && *p <= '9') || strchr("-._~", *p) != NULL)
			*out++ = *p;
		else
		{
			*out++ = '%';
			*out++ = hex[*p >> 4];
			*out++ = hex[*p & 0x0f];
		}
	}
	*out = '\0';
	return escaped;
}

static CursorKey
cursor_key(const char *cursor)
{
	const unsigned char *bytes = (const unsigned char *) cursor;
	CursorKey	key;

	key.hash[0] = hash_bytes_extended(bytes, strlen(cursor), 0);
	key.hash[1] = hash_bytes_extended(bytes, strlen(cursor), 1);
	return key;
}

/* False if the cursor has been followed before. */
static bool
note_cursor(PylonReader *reader, const char *cursor)
{
	CursorKey	key = cursor_key(cursor);
	bool		found;

	if (reader->cursors == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(CursorKey),.entrysize = sizeof(CursorKey),.hcxt = reader->context};

		reader->cursors = hash_create("pylon_fdw cursors", 64, &ctl,
									  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	(void) hash_search(reader->cursors, &key, HASH_ENTER, &found);
	return !found;
}

/*
 * Waits for the page in flight, which then is the one in hand. A page that
 * announces another one, but holds nothing or doesn't say where that is, is
 * asked for again: the API has been seen to give it then, while following
 * the cursor of an empty one loses what it should have held.
 */
static void
receive_page(PylonReader *reader)
{
	HttpRequest *request = reader->next;

	for (;;)
	{
		const HttpResponse *response = http_wait(request);
		PageGlance	seen;

		if (is_refusal(reader, response))
		{
			reader->refused = request;
			return;
		}
		seen = pylon_glance(reader);
		if (seen != PAGE_IS_HOLLOW)
		{
			take_page(reader, response, seen == PAGE_HOLDS_OBJECTS);
			if (!reader->page->hollow)
				break;
			give_back_page(reader, request);
		}
		if (!http_repeat(request))
			failure_raise_hollow(response);
	}

	reader->received += reader->page->nobjects;
	CONNECTION_COUNT(reader->connection, pages, 1);
	CONNECTION_COUNT(reader->connection, rows_read, reader->page->nobjects);
	connection_report_progress(reader->connection, reader->connection->purpose, 0);
}

/*
 * The page in hand is used up; the one that came takes its place. With
 * "ahead", the next one may be asked for before this one is parsed.
 */
static void
take_page(PylonReader *reader, const HttpResponse *response, bool ahead)
{
	bool		missing = reader->mode == READ_ID && answer_is_missing(response);
	MemoryContext used = reader->page_context;

	if (missing)
		check_reached(response, reader->layout->object);
	else
		answer_check_success(response);
	reader->page = NULL;
	reader->cursor = NULL;		/* it was in there */
	reader->page_context = reader->next_context;
	reader->next_context = NULL;
	reader->next = NULL;
	reader->pages++;

	/* The request first: some hundred kilobytes take their time to free. */
	if (ahead)
		read_ahead(reader, response);
	if (used != NULL)
		MemoryContextDelete(used);
	parse_page(reader, missing ? NULL : response);
}

/* Back to where the page was in flight, so that it can be asked for again. */
static void
give_back_page(PylonReader *reader, HttpRequest *request)
{
	drop_next(reader);
	reader->page = NULL;
	reader->cursor = NULL;
	reader->next_context = reader->page_context;
	reader->page_context = NULL;
	reader->next = request;
	reader->pages--;
}

/* Breaks off what was read ahead, as though nobody had followed the cursor. */
static void
drop_next(PylonReader *reader)
{
	CursorKey	key;

	if (reader->next == NULL)
		return;
	key = cursor_key(reader->cursor);
	(void) hash_search(reader->cursors, &key, HASH_REMOVE, NULL);
	MemoryContextDelete(reader->next_context);
	reader->next_context = NULL;
	reader->next = NULL;
}

/* What the answer that came looks like, before anything is made of it. */
static PageGlance
pylon_glance(PylonReader *reader)
{
	const HttpResponse *response = http_peek(reader->next);
	MemoryContext before;
	PageGlance	result;

	if (reader->mode == READ_ID || !http_is_success(response))
		return PAGE_IS_OTHER;
	before = MemoryContextSwitchTo(reader->next_context);
	result = page_glance(response->body, response->length);
	MemoryContextSwitchTo(before);
	return result;
}

/*
 * 400 says that the question is wrong; a list asks none, and what a search
 * asks may not be the reason.
 */
static bool
is_refusal(PylonReader *reader, const HttpResponse *response)
{
	return response->outcome == HTTP_ANSWERED && reader->pages == 0 &&
		(response->status == 400 || response->status == 422) &&
		reader->mode != READ_LIST &&
		(reader->mode != READ_SEARCH || has_list(reader->filter) || !failure_is_of_page(response));
}

/* Does the filter hold a list, of which there may be a largest size as well? */
static bool
has_list(const PylonFilter *filter)
{
	ListCell   *lc;

	foreach(lc, filter->subfilters)
	{
		if (has_list(lfirst(lc)))
			return true;
	}
	return list_length(filter->values) > 1;
}

/*
 * Sends the request for the next page even before this one is parsed, where
 * all pages will be read: parsing then takes no time of its own.
 */
static void
read_ahead(PylonReader *reader, const HttpResponse *response)
{
	MemoryContext before;

	if (!reader->prefetch || reader->limit >= 0)
		return;
	before = MemoryContextSwitchTo(reader->page_context);
	reader->cursor = page_peek_cursor(response->body, response->length);
	MemoryContextSwitchTo(before);
	if (reader->cursor != NULL)
		request_page(reader);
}

/* Parses what came; "response" is NULL where there is no such object. */
static void
parse_page(PylonReader *reader, const HttpResponse *response)
{
	MemoryContext before = MemoryContextSwitchTo(reader->page_context);
	bool		single = reader->mode == READ_ID;
	char	   *cursor;

	reader->page = response == NULL ? palloc0(sizeof(PylonPage)) :
		page_parse(reader->layout, single, response->body, response->length);
	MemoryContextSwitchTo(before);
	if (reader->page->problem != NULL)
		failure_raise_refusal(response, reader->page->problem);
	if (single && response != NULL && reader->page->nobjects == 0)
		failure_raise_refusal(response, psprintf("It does not hold the %s.",
												 reader->layout->object->nouns.one));

	/* What was read ahead goes on from another place? Then not from there. */
	cursor = single ? NULL : reader->page->cursor;
	if (reader->next != NULL &&
		(cursor == NULL || strcmp(cursor, reader->cursor) != 0))
		drop_next(reader);
	reader->cursor = cursor;
}

/*
 * Who the token is (reference: "Get details of the authenticated
 * organization and user"). "latency" is set to the time it took, in ms.
 * Allocated in the current memory context; errors as in pylon_next_page.
 */
PylonMe *
pylon_me(PylonConnection *connection, double *latency)
{
	PylonMe    *me = palloc0(sizeof(PylonMe));
	double		start = connection_now();
	const HttpResponse *response = pylon_get(connection, "/me");

	*latency = connection_now() - start;
	if (!json_read_me(response->body, response->length, me))
		failure_raise_refusal(response, "It does not tell the organization.");
	return me;
}

/*
 * The definitions of an object's custom fields, of PylonCustomField
 * (reference: "Get all custom fields"). Reading ends when there are more than
 * "most". Allocated in the current memory context; errors as in
 * pylon_next_page.
 */
List *
pylon_custom_fields(PylonConnection *connection, const PylonObject *object,
					int most)
{
	const char *path = psprintf("/custom-fields?object_type=%s", object->type);
	PylonDefinitions found = {0};
	List	   *followed = NIL;

	do
	{
		const HttpResponse *response = get_definitions(connection, found.cursor == NULL ? path :
													   psprintf("%s&cursor=%s", path, url_escape(found.cursor)),
													   &found);
		ListCell   *lc;

		/* Each page has at least one, so there are at most "most" of them. */
		foreach(lc, followed)
		{
			if (found.cursor != NULL && strcmp(lfirst(lc), found.cursor) == 0)
				failure_raise_refusal(response, "A cursor came a second time.");
		}
		if (found.cursor != NULL)
			followed = lappend(followed, found.cursor);
	} while (found.cursor != NULL && list_length(found.fields) <= most);
	return found.fields;
}

/* A page of definitions, asked for again where it is hollow: see receive_page. */
static const HttpResponse *
get_definitions(PylonConnection *connection, const char *path,
				PylonDefinitions *found)
{
	HttpCall	call = {.method = "GET",.path = path,.repeatable = true};
	HttpRequest *request = http_start(connection, &call);

	for (;;)
	{
		const HttpResponse *response = http_wait(request);
		int			before = list_length(found->fields);

		/* That says nothing of the object's own path. */
		if (!http_is_success(response))
			failure_raise(response);
		if (page_is_error(response->body, response->length) ||
			!json_read_definitions(response->body, response->length, found))
			failure_raise_refusal(response, "It is no list of custom fields.");
		if (found->cursor != NULL && strlen(found->cursor) > PAGE_MAX_CURSOR)
			failure_raise_refusal(response, "Its cursor is too long.");
		if (!found->hollow)
		{
			/* Of this connection alone: they are no rows of a table. */
			connection->counters.pages++;
			connection->counters.rows_read = list_length(found->fields);
			return response;
		}
		found->fields = list_truncate(found->fields, before);
		if (!http_repeat(request))
			failure_raise_hollow(response);
	}
}

/* One small answer, waited for. */
static const HttpResponse *
pylon_get(PylonConnection *connection, const char *path)
{
	HttpCall	call = {.method = "GET",.path = path,.repeatable = true};
	const HttpResponse *response = http_wait(http_start(connection, &call));

	answer_check_success(response);
	return response;
}

/*
 * The API says "not found" of a path that it doesn't know, too, as where
 * base_url has a path that is wrong, or on a server without such objects. If
 * the server hasn't answered this session with any of them yet, and nothing
 * else tells, their list does, which is always there.
 */
static void
check_reached(const HttpResponse *response, const PylonObject *object)
{
	PylonConnection *connection = response->connection;
	HttpCall	call = {.method = "GET",.repeatable = true};
	const HttpResponse *list;

	if (connection->use->reached ||
		(connection_base_path(connection)[0] == '\0' &&
		 (object->is_everywhere || failure_names(response, object->nouns.one))))
		return;
	call.path = list_path(object, 1, NULL);
	list = http_wait(http_start(connection, &call));
	if (list->outcome == HTTP_ANSWERED && list->status == 404)
		failure_raise(response);
	connection->use->reached = http_is_success(list);
}
