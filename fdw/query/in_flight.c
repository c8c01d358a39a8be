/*-------------------------------------------------------------------------
 *
 * in_flight.c
 *		The rows of a write that are in flight: sent, finished, failed.
 *
 * Rows are finished in the order in which they were sent, so of several that
 * fail the first one is told. An error is raised only when all that are in
 * flight have ended, since they take effect all the same. Which rows may be in
 * flight together, and what becomes of them before, modify.c decides.
 *
 * IDENTIFICATION
 *		fdw/query/in_flight.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "object/object_check.h"
#include "object/object_id.h"
#include "object/object_read.h"
#include "object/object_row.h"
#include "query/in_flight.h"
#include "utils/memutils.h"

static RowWrite *first_row(RowFlight *flight);
static bool may_send(const RowWrite *row);
static bool share_key(const RowWrite *row, const RowWrite *other);
static int	count_open(const PylonModify *modify);
static void finish_first(RowFlight *flight);
static void end_late_row(RowWrite *row);
static ErrorData *try_step(RowWrite *row, RowStep step);
static void take_written(RowWrite *row);
static void take_answer(RowWrite *row);
static void check_same_object(const RowWrite *row);
static void raise_of_row(const RowWrite *row, ErrorData *error);
static void add_detail(ErrorData *error, const char *more);
static void name_row(const RowWrite *row, ErrorData *error);
static void fail_row(RowFlight *flight, RowWrite *failed, ErrorData *error);
static List *settle_rest(RowFlight *flight, RowWrite *failed,
						 const char *failure);
static void fail_unknown_create(RowWrite *failed, List *unknown,
								const char *failure);
static void raise_failure(RowWrite *row);
static char *purposes_text(List *rows, int first);
static void settling_error_callback(void *arg);

/*
 * An empty one, in the query's memory, for "total" rows; 0 where that isn't
 * known.
 */
RowFlight *
flight_create(ModifyTableState *mtstate, PylonWrite kind, uint64 total)
{
	static const char *const nouns[NUM_PYLON_WRITES] = {"create", "update", "delete"};
	RowFlight  *flight = MemoryContextAllocZero(mtstate->ps.state->es_query_cxt,
												sizeof(RowFlight));

	flight->mtstate = mtstate;
	dlist_init(&flight->rows);
	flight->progress.noun = nouns[kind];
	flight->progress.total = total;
	return flight;
}

/* Waits until one more row of the table can be in flight. */
void
flight_make_room(PylonModify *modify)
{
	while (count_open(modify) >= modify->concurrency)
		finish_first(modify->flight);
}

/* How many rows are in flight to the server of the table? */
static int
count_open(const PylonModify *modify)
{
	int			open = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &modify->flight->rows)
	{
		RowWrite   *row = dlist_container(RowWrite, node, iter.cur);

		if (row->modify->connection->serverid == modify->connection->serverid)
			open++;
	}
	return open;
}

/* Sends a row that has been prepared, as soon as there is room for it. */
void
flight_send(RowWrite *row)
{
	PylonModify *modify = row->modify;
	PylonWriteCall call = {.kind = row->kind,.layout = modify->layout,.purpose = row->purpose,
		.id = row->id,.any_case = modify->id_type == UUIDOID,
	.body = row->change != NULL ? row->change->body : NULL};

	flight_make_room(modify);
	while (!may_send(row))
		finish_first(modify->flight);
	row->writing = pylon_start_write(modify->connection, &call);
	dlist_push_tail(&modify->flight->rows, &row->node);
}

/*
 * May one of those in flight be of the same object as "row", or concern the
 * same address? Then this one waits for it: of two at once, the API might let
 * both through, or refuse one that it would let through afterwards.
 */
static bool
may_send(const RowWrite *row)
{
	dlist_iter	iter;

	dlist_foreach(iter, &row->modify->flight->rows)
	{
		if (share_key(row, dlist_container(RowWrite, node, iter.cur)))
			return false;
	}
	return true;
}

static bool
share_key(const RowWrite *row, const RowWrite *other)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, row->keys)
	{
		foreach(lc2, other->keys)
		{
			if (strcmp(lfirst(lc), lfirst(lc2)) == 0)
				return true;
		}
	}
	return false;
}

/* Finishes all rows of a flight; as SpoolEnd has it. */
void
flight_finish(void *flight)
{
	while (!dlist_is_empty(&((RowFlight *) flight)->rows))
		finish_first(flight);
}

static RowWrite *
first_row(RowFlight *flight)
{
	return dlist_container(RowWrite, node, dlist_head_node(&flight->rows));
}

/* Waits for the oldest row in flight, and raises what went wrong with it. */
static void
finish_first(RowFlight *flight)
{
	RowWrite   *row = first_row(flight);
	MemoryContext before = MemoryContextSwitchTo(row->context);
	PylonWritten result = pylon_finish_write(row->writing);
	ErrorData  *error = NULL;

	dlist_delete(&row->node);
	if (result == WRITTEN_DONE && row->kind != PYLON_DELETE)
		error = try_step(row, take_written);
	if (error != NULL || result == WRITTEN_FAILED ||
		(result == WRITTEN_DUPLICATE && !row->modify->skip_duplicates) ||
		(row->page != NULL && row->page->problem != NULL))
		fail_row(flight, row, error);
	row->found = result == WRITTEN_DONE && (row->page == NULL || row->page->nobjects > 0);
	flight->progress.done++;
	MemoryContextSwitchTo(before);
	if (row->modify->late)
		end_late_row(row);
}

/*
 * A row that core was told to be none, since nobody knew yet, is counted for
 * the command tag here, unless the statement around this one has it.
 */
static void
end_late_row(RowWrite *row)
{
	ModifyTableState *mtstate = row->modify->mtstate;

	if (row->found && mtstate->canSetTag)
		mtstate->ps.state->es_processed++;
	MemoryContextDelete(row->context);
}

/* ------------------------------------------------------------------------
 * Steps, and what the API answers
 * ------------------------------------------------------------------------
 */

/*
 * Runs a step of a row that isn't in flight. What is in flight before it comes
 * first, also where both fail.
 */
void
flight_step(RowWrite *row, RowStep step)
{
	ErrorData  *error = try_step(row, step);

	if (error == NULL)
		return;
	flight_finish(row->modify->flight);
	raise_of_row(row, error);
}

/*
 * Runs a step. The error that it raises is returned, for others are in
 * flight, whose ends are to be awaited first; NULL if none.
 *
 * That waiting happens outside of PG_CATCH, when core has forgotten the error:
 * a cancel or a termination is then an error like any other. No subtransaction
 * is needed for that, as nothing but this wrapper runs until the error is
 * raised again, which ends the statement in any case.
 */
static ErrorData *
try_step(RowWrite *row, RowStep step)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		step(row);
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		if (code == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		MemoryContextSwitchTo(row->context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

static void
take_written(RowWrite *row)
{
	row->page = pylon_written(row->writing);
	if (row->page->problem == NULL && row->page->nobjects > 0)
		take_answer(row);
}

/*
 * Checks that the object that the API answered with has what was sent, and
 * puts it into the slot, if that is wanted. Else only those columns are read,
 * lest the API's default for another one doesn't fit its type.
 */
static void
take_answer(RowWrite *row)
{
	PylonModify *modify = row->modify;
	TupleTableSlot *slot = row->slot;
	int			natts = slot->tts_tupleDescriptor->natts;
	const JsonSlice *object = page_object(row->page, 0);
	Datum	   *values = palloc0(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));

	memset(nulls, true, natts * sizeof(bool));
	check_same_object(row);
	object_read(modify->layout, object, row->wanted ? NULL : row->change->attnums, values, nulls);
	object_check_answer(row->change, row->kind == PYLON_CREATE ? object_id_text(object) : NULL,
						modify->layout, object, values, nulls);
	if (row->wanted)
		object_store_row(slot, values, nulls);
}

/*
 * An id that the API takes for an external id of another object has that one
 * updated, or read back.
 */
static void
check_same_object(const RowWrite *row)
{
	const JsonSlice *object = page_object(row->page, 0);
	const char *noun = row->modify->layout->object->nouns.one;
	const char *other;

	if (row->id == NULL || object_id_is(row->id, row->modify->id_type == UUIDOID, object))
		return;
	other = object_id_text(object);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("could not %s: the API answers with %s %s",
					row->purpose, noun, other != NULL ? other : "of another id"),
			 errdetail("The id that was read with the row is no longer that %s's, but an external id of this one, it seems.",
					   noun),
			 errhint("See whether %s %s was changed.", noun, other != NULL ? other : "of that external id")));
}

/* ------------------------------------------------------------------------
 * Failures
 * ------------------------------------------------------------------------
 */

/* Raises the error, saying of which row it is and what was done before. */
static void
raise_of_row(const RowWrite *row, ErrorData *error)
{
	name_row(row, error);
	ReThrowError(error);
}

static void
name_row(const RowWrite *row, ErrorData *error)
{
	PylonConnection *connection = row->modify->connection;

	if (writes_any_done(connection))
		add_detail(error, writes_done(connection));
	if (row->purpose != NULL)
		error->context = psprintf("%s%s%s", error->context ? error->context : "",
								  error->context ? "\n" : "", row->purpose);
	if (error->table_name == NULL && error->datatype_name == NULL)
	{
		error->schema_name = connection->schema_name;
		error->table_name = connection->table_name;
	}
}

static void
add_detail(ErrorData *error, const char *more)
{
	error->detail = psprintf("%s%s%s", error->detail ? error->detail : "",
							 error->detail ? " " : "", more);
}

/*
 * Raises what went wrong with a row, "error" or what became of its request.
 * Those in flight behind it take effect all the same, so their ends are
 * awaited before. Where it is unknown of a create whether it was done, that
 * is the error, so that nobody takes the other one for all there is to handle.
 */
static void
fail_row(RowFlight *flight, RowWrite *failed, ErrorData *error)
{
	char	   *failure = psprintf("could not %s: %s", failed->purpose, error != NULL ?
								   error->message : pylon_write_failure(failed->writing));
	List	   *unknown = settle_rest(flight, failed, failure);

	if (failed->kind == PYLON_CREATE && unknown != NIL)
		fail_unknown_create(failed, unknown, failure);
	if (error != NULL)
		name_row(failed, error);
	else
		error = try_step(failed, raise_failure);
	unknown = list_delete_ptr(unknown, failed);
	if (unknown != NIL)
		add_detail(error, psprintf("It is unknown as well whether Pylon did: %s.",
								   purposes_text(unknown, 0)));
	ReThrowError(error);
}

static void
raise_failure(RowWrite *row)
{
	pylon_raise_write(row->writing, NULL);
}

/*
 * Waits for the rows in flight behind a failed one, but takes back what isn't
 * on its way yet. Those of which it is unknown whether they were done are
 * returned, the failed one included.
 */
static List *
settle_rest(RowFlight *flight, RowWrite *failed, const char *failure)
{
	ErrorContextCallback callback = {.callback = settling_error_callback,
	.arg = unconstify(char *, failure),.previous = error_context_stack};
	List	   *unknown = pylon_write_is_unknown(failed->writing) ? list_make1(failed) : NIL;
	dlist_iter	iter;

	/* A cancel takes the place of the failure; it is not to be lost. */
	error_context_stack = &callback;
	dlist_foreach(iter, &flight->rows)
	{
		RowWrite   *row = dlist_container(RowWrite, node, iter.cur);

		if (pylon_withdraw_write(row->writing))
			continue;
		(void) pylon_finish_write(row->writing);
		if (pylon_write_is_unknown(row->writing))
			unknown = lappend(unknown, row);
	}
	error_context_stack = callback.previous;
	return unknown;
}

static void
settling_error_callback(void *arg)
{
	errcontext("waiting for the writes in flight after a failure: %s", (const char *) arg);
}

/* DETAIL says what else is unknown than the first one, and what failed. */
static void
fail_unknown_create(RowWrite *failed, List *unknown, const char *failure)
{
	RowWrite   *first = linitial(unknown);
	StringInfoData detail;

	initStringInfo(&detail);
	if (first != failed)
		appendStringInfo(&detail, "Besides, it %s. ", failure);
	if (list_length(unknown) > 1)
		appendStringInfo(&detail, "The same of: %s. ", purposes_text(unknown, 1));
	if (detail.len > 0)
		detail.data[detail.len - 2] = '\0';
	pylon_raise_write(first->writing, detail.len > 0 ? detail.data : NULL);
}

/* What rows of a list, from the "first" on, were to do. */
static char *
purposes_text(List *rows, int first)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	for_each_from(lc, rows, first)
		appendStringInfo(&text, "%s%s", text.len > 0 ? "; " : "", ((RowWrite *) lfirst(lc))->purpose);
	return text.data;
}
