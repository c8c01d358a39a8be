/*-------------------------------------------------------------------------
 *
 * scan.c
 *		The foreign scan: from pages to tuples.
 *
 * Nothing is sent, nor any token looked for, before the first row is asked
 * for. A scan that starts over keeps its first page where that is still in
 * hand and the request would be the same.
 *
 * While a scan is open, in a cursor or a loop, the session may write to the
 * same server, and that would show on pages to come: a loop that creates one
 * contact for each might never end. So such a scan first reads what is left.
 *
 * Memory: what lives as long as the scan is in PylonScan's context, a child
 * of the query's; pages and filter have contexts of their own below it;
 * rows are made in the executor's per-tuple context.
 *
 * IDENTIFICATION
 *		fdw/query/scan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "api/pylon_api.h"
#include "api/reread.h"
#include "api/write_log.h"
#include "compat.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "object/object_read.h"
#include "query/callbacks.h"
#include "query/plan.h"
#include "query/plan_private.h"
#include "query/scan.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

/*
 * Rows after which the page on the way gets a chance to arrive, 15 times in a
 * page of 999: often enough to empty the kernel's buffers, which hold less
 * than a page, and seldom enough that the system call is nothing beside the
 * rows.
 */
#define ROWS_PER_POLL 64

typedef struct PylonScan
{
	MemoryContext context;
	Oid			userid;
	ObjectLayout *layout;
	FilterState *filter;
	ScanLimit	limit;
	List	   *limit_states;	/* ExprStates of count and offset */

	/* from the first row on */
	PylonConnection *connection;
	PylonReader *reader;
	bool		started;		/* else the next row is the first one */
	bool		warned;			/* of a condition that the API refused */
	char	   *refusal;		/* what is to be warned of, or NULL */
	char	   *signature;		/* of what "reader" reads, or NULL */
	FilterRequest request;
	int			batch;			/* of the filter's searches */
	const PylonPage *page;
	int			next;			/* object of the page */
	MemoryContext reread_context;	/* of objects that are read again; NULL
									 * where searches are believed */

	/* under an asynchronous Append */
	bool		asynchronous;	/* rather no row than a wait for one */
	int			turn;			/* pages until others have theirs */
	bool		waiting;		/* no row, but not the end either */

	/* what was read before a write */
	ForeignScanState *node;
	ResourceOwner owner;		/* of the scan's query */
	Tuplestorestate *rest;		/* rows that come next, or NULL */
	TupleTableSlot *rest_slot;
	bool		unfinished;		/* an error has come between */
	bool		busy;			/* in the middle of a row */
	dlist_node	link;			/* in open_scans, from the first row on */
	MemoryContextCallback callback;
} PylonScan;

static dlist_head open_scans = DLIST_STATIC_INIT(open_scans);

static TupleTableSlot *next_row(ForeignScanState *node, PylonScan *scan);
static bool next_of_rest(PylonScan *scan, TupleTableSlot *slot);
static void drop_rest(PylonScan *scan);
static void read_rest(PylonScan *scan);
static void check_unfinished(PylonScan *scan);
static bool has_pages(PylonScan *scan);
static void keep_rest(PylonScan *scan);
static void forget_scan(void *arg);
static void scan_connect(ForeignScanState *node, PylonScan *scan);
static void scan_start(ForeignScanState *node, PylonScan *scan);
static bool scan_rewind(PylonScan *scan, const char *signature);
static void scan_retreat(ForeignScanState *node, PylonScan *scan);
static void warn_of_refusal(ForeignScanState *node, PylonScan *scan);
static void begin_batch(ForeignScanState *node, PylonScan *scan, int batch);
static bool next_object(ForeignScanState *node, PylonScan *scan);
static const PylonPage *reread_written(PylonScan *scan, const PylonPage *page);
static bool scan_begin_wait(PylonScan *scan);
static void store_row(PylonScan *scan, TupleTableSlot *slot);
static double row_limit(ForeignScanState *node, PylonScan *scan);

void
pylonBeginForeignScan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	int			nvalues = intVal(list_nth(plan->fdw_private, ScanPrivateValues));
	PylonOptions options;
	PylonScan  *scan;
	MemoryContext context;
	MemoryContext before;
	ForeignTable *table;
	Bitmapset  *attnums = NULL;
	List	   *states;
	ListCell   *lc;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	context = AllocSetContextCreate(node->ss.ps.state->es_query_cxt,
									"pylon_fdw scan", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(context);
	scan = palloc0(sizeof(PylonScan));
	scan->context = context;
	scan->node = node;
	scan->owner = CurrentResourceOwner;
	scan->userid = compat_scan_user(node);
	scan->limit = intVal(list_nth(plan->fdw_private, ScanPrivateLimit));

	table = GetForeignTable(RelationGetRelid(node->ss.ss_currentRelation));
	option_read_server(&options, GetForeignServer(table->serverid)->options,
					   table->options);
	foreach(lc, (List *) list_nth(plan->fdw_private, ScanPrivateAttnums))
		attnums = bms_add_member(attnums, lfirst_int(lc));
	scan->layout = object_layout_create(node->ss.ss_currentRelation, attnums);
	states = ExecInitExprList(plan->fdw_exprs, (PlanState *) node);
	scan->filter = filter_begin(scan->layout->object,
								list_nth(plan->fdw_private, ScanPrivateFilter),
								plan->fdw_exprs, states,
								options.lookup_batch_size,
								session_of_server(table->serverid));
	scan->limit_states = list_copy_tail(states, nvalues);
	MemoryContextSwitchTo(before);
	node->fdw_state = scan;
}

/*
 * The next row, in the slot; an empty slot at the end, and where the scan is
 * asynchronous and waits for a page.
 */
TupleTableSlot *
pylonIterateForeignScan(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;
	TupleTableSlot *slot;

	scan->waiting = false;
	scan->busy = true;
	if (!scan->started)
		scan_start(node, scan);
	slot = next_row(node, scan);
	scan->busy = false;
	return slot;
}

/* The next row that comes from the API. */
static TupleTableSlot *
next_row(ForeignScanState *node, PylonScan *scan)
{
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	for (;;)
	{
		ExecClearTuple(slot);
		if (next_of_rest(scan, slot))
			return slot;
		if (!next_object(node, scan))
			return slot;
		store_row(scan, slot);
		if (filter_accepts(scan->filter, slot))
			return slot;
	}
}

/* The next row is the first one again, perhaps with other parameters. */
void
pylonReScanForeignScan(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;

	if (scan != NULL)
		scan->started = false;
}

void
pylonEndForeignScan(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;

	if (scan == NULL)
		return;
	drop_rest(scan);
	MemoryContextDelete(scan->context);
	node->fdw_state = NULL;
}

/*
 * From now on, objects that this session has just written are read again
 * where a search or a list gives them: the scan's rows decide what is written.
 */
void
scan_distrust(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;

	if (scan->reread_context == NULL)
		scan->reread_context = AllocSetContextCreate(scan->context, "pylon_fdw objects read again",
													 ALLOCSET_SMALL_SIZES);
}

/* ------------------------------------------------------------------------
 * Before a write
 * ------------------------------------------------------------------------
 */

/*
 * A statement, executed in "writer", is about to write to the server: the
 * session's open scans of other statements read what they have left to read.
 * Those that may end anywhere don't, as that may be far more than they need.
 */
void
scan_read_before_write(Oid serverid, EState *writer)
{
	dlist_iter	iter;

	dlist_foreach(iter, &open_scans)
	{
		PylonScan  *scan = dlist_container(PylonScan, link, iter.cur);

		if (scan->connection->serverid == serverid && scan->limit != SCAN_OPEN &&
			scan->node->ss.ps.state != writer)
			read_rest(scan);
	}
}

/*
 * Reads all pages that are left to the rows that come next. Where this fails,
 * somebody may catch the error: the scan isn't to end early then. Nothing is
 * done where it is the scan that runs what writes, in a type's check, say.
 */
static void
read_rest(PylonScan *scan)
{
	bool		asynchronous = scan->asynchronous;
	MemoryContext before;

	if (!scan->started || scan->busy || scan->request == FILTER_NOTHING)
		return;
	check_unfinished(scan);
	if (!has_pages(scan))
		return;
	scan->unfinished = true;
	scan->asynchronous = false;
	before = MemoryContextSwitchTo(scan->context);
	keep_rest(scan);
	MemoryContextSwitchTo(before);
	scan->asynchronous = asynchronous;
	scan->unfinished = false;
}

static void
check_unfinished(PylonScan *scan)
{
	if (scan->unfinished)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not %s: an error has come between its pages",
						scan->connection->purpose)));
}

/* Is there more to ask for that is certain to be wanted? */
static bool
has_pages(PylonScan *scan)
{
	return pylon_wants_more(scan->reader) ||
		(scan->request == FILTER_SEARCH && scan->batch + 1 < filter_batches(scan->filter));
}

/*
 * Not by the scan's own slot, which may hold a row that is in use. A file that
 * the rows may take belongs to the scan's query, not to the one that writes.
 */
static void
keep_rest(PylonScan *scan)
{
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext rows = AllocSetContextCreate(scan->context, "pylon_fdw rows before a write",
											   ALLOCSET_DEFAULT_SIZES);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(scan->node->ss.ss_ScanTupleSlot->tts_tupleDescriptor,
													&TTSOpsVirtual);

	if (scan->rest == NULL)
	{
		CurrentResourceOwner = scan->owner;
		scan->rest = tuplestore_begin_heap(false, false, work_mem);
		CurrentResourceOwner = owner;
	}
	while ((has_pages(scan) || (scan->page != NULL && scan->next < scan->page->nobjects)) &&
		   next_object(scan->node, scan))
	{
		MemoryContext before = MemoryContextSwitchTo(rows);

		MemoryContextReset(rows);
		ExecClearTuple(slot);
		store_row(scan, slot);
		if (filter_accepts(scan->filter, slot))
			tuplestore_puttupleslot(scan->rest, slot);
		MemoryContextSwitchTo(before);
		CHECK_FOR_INTERRUPTS();
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(rows);
}

/* The next row of those that were read before a write, if there is one. */
static bool
next_of_rest(PylonScan *scan, TupleTableSlot *slot)
{
	MemoryContext before;
	bool		found;

	check_unfinished(scan);
	if (scan->rest == NULL)
		return false;
	before = MemoryContextSwitchTo(scan->context);
	if (scan->rest_slot == NULL)
		scan->rest_slot = MakeSingleTupleTableSlot(slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
	found = tuplestore_gettupleslot(scan->rest, true, false, scan->rest_slot);
	MemoryContextSwitchTo(before);
	if (found)
		ExecCopySlot(slot, scan->rest_slot);
	else
		drop_rest(scan);
	return found;
}

static void
drop_rest(PylonScan *scan)
{
	if (scan->rest_slot != NULL)
		ExecDropSingleTupleTableSlot(scan->rest_slot);
	if (scan->rest != NULL)
		tuplestore_end(scan->rest);
	scan->rest_slot = NULL;
	scan->rest = NULL;
}

/* The scan's memory goes. */
static void
forget_scan(void *arg)
{
	dlist_delete(&((PylonScan *) arg)->link);
}

/* ------------------------------------------------------------------------
 * For a lookup join
 * ------------------------------------------------------------------------
 */

/* Is a node a scan of objects that asks for the keys of a lookup join? */
bool
scan_takes_keys(PlanState *node)
{
	return IsA(node, ForeignScanState) &&
		plan_is_ours(((ForeignScanState *) node)->fdwroutine) &&
		filter_has_keys(list_nth(((ForeignScan *) node->plan)->fdw_private,
								 ScanPrivateFilter));
}

/* What the scan asks for: the join puts its keys there, and asks about them. */
FilterState *
scan_filter(ForeignScanState *node)
{
	return ((PylonScan *) node->fdw_state)->filter;
}

/* Sends the first request of a scan that was started over, without waiting. */
void
scan_send(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;

	scan->busy = true;
	if (!scan->started)
		scan_start(node, scan);
	if (scan->request != FILTER_NOTHING)
		pylon_start(scan->reader);
	scan->busy = false;
}

/* What the scan has done so far; NULL if it was never executed. */
const PylonCounters *
scan_counters(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;

	return scan == NULL || scan->connection == NULL ? NULL :
		&scan->connection->counters;
}

/*
 * From now on the scan gives no row rather than wait for one, or begin more
 * than "turn" pages, even if these are there.
 */
void
scan_set_asynchronous(ForeignScanState *node, int turn)
{
	PylonScan  *scan = node->fdw_state;

	scan->asynchronous = true;
	scan->turn = turn;
}

/* Was the empty slot that the scan gave last not its end? */
bool
scan_is_waiting(ForeignScanState *node)
{
	return ((PylonScan *) node->fdw_state)->waiting;
}

/* Is what a waiting scan waits for there? */
bool
scan_is_ready(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;

	return scan->rest != NULL || pylon_is_ready(scan->reader);
}

static void
scan_connect(ForeignScanState *node, PylonScan *scan)
{
	Relation	rel = node->ss.ss_currentRelation;
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));

	scan->connection = connection_open(table->serverid, scan->userid,
									   table->options, &scan->layout->object->nouns,
									   psprintf("read foreign table \"%s\"",
												RelationGetRelationName(rel)));
	/* Of the whole table, statistics know how much that is. */
	if (scan->request == FILTER_LIST && scan->limit == SCAN_ALL)
		scan->connection->expected = Max(rel->rd_rel->reltuples, 0);
	/* A function reads what the statement that runs it has written. */
	writes_await(scan->connection);
	scan->reader = pylon_reader_create(scan->connection, scan->layout);
	scan->callback.func = forget_scan;
	scan->callback.arg = scan;
	MemoryContextRegisterResetCallback(scan->context, &scan->callback);
	dlist_push_tail(&open_scans, &scan->link);
}

/* Computes what is to be asked, and asks it unless the answer is at hand. */
static void
scan_start(ForeignScanState *node, PylonScan *scan)
{
	MemoryContext before = MemoryContextSwitchTo(scan->context);
	const char *signature;

	drop_rest(scan);
	if (scan->unfinished)
		scan->signature = NULL;
	scan->unfinished = false;
	scan->started = true;
	scan->next = 0;
	filter_forget(scan->filter);
	scan->request = filter_evaluate(scan->filter, node->ss.ps.ps_ExprContext);
	if (scan->request != FILTER_NOTHING)
	{
		if (scan->connection == NULL)
			scan_connect(node, scan);
		signature = filter_signature(scan->filter);
		if (!scan_rewind(scan, signature))
		{
			if (scan->signature != NULL)
				pfree(scan->signature);
			scan->signature = pstrdup(signature);
			begin_batch(node, scan, 0);
		}
	}
	MemoryContextSwitchTo(before);
}

/*
 * Goes back to the first page, if that is still in hand and the request is
 * the same as before; else false. The filter was evaluated anew, so its batch
 * must be made again, too.
 */
static bool
scan_rewind(PylonScan *scan, const char *signature)
{
	if (scan->signature == NULL || strcmp(scan->signature, signature) != 0 ||
		scan->batch != 0 || !pylon_can_rewind(scan->reader))
		return false;
	if (scan->request == FILTER_SEARCH)
		pylon_refilter(scan->reader, filter_batch(scan->filter, 0));
	return true;
}

/*
 * The API refused a search, before it gave any of its objects: asks for
 * less, in the end for all objects. The executor checks every row in any
 * case, so these stay right; only the cost has changed, which the user should
 * know once it is certain.
 */
static void
scan_retreat(ForeignScanState *node, PylonScan *scan)
{
	MemoryContext before = MemoryContextSwitchTo(scan->context);

	if (!filter_retreat(scan->filter, scan->batch))
		pylon_raise_refusal(scan->reader);
	if (scan->request == FILTER_SEARCH && !scan->warned && scan->refusal == NULL)
		scan->refusal = pstrdup(pylon_refusal(scan->reader));
	scan->request = filter_evaluate(scan->filter, node->ss.ps.ps_ExprContext);
	begin_batch(node, scan, 0);
	MemoryContextSwitchTo(before);
}

/* What is asked instead was answered, so that the condition was the reason. */
static void
warn_of_refusal(ForeignScanState *node, PylonScan *scan)
{
	if (scan->refusal == NULL)
		return;
	ereport(WARNING,
			(errmsg("the API refused a condition on foreign table \"%s\", which is checked locally instead",
					RelationGetRelationName(node->ss.ss_currentRelation)),
			 errdetail_internal("%s", scan->refusal)));
	scan->refusal = NULL;
	scan->warned = true;
}

/* Sets out on a batch of the filter's searches; sends nothing yet. */
static void
begin_batch(ForeignScanState *node, PylonScan *scan, int batch)
{
	const PylonFilter *filter = NULL;

	scan->batch = batch;
	scan->page = NULL;
	scan->next = 0;
	switch (scan->request)
	{
		case FILTER_LIST:
			pylon_read_list(scan->reader, row_limit(node, scan));
			break;
		case FILTER_SEARCH:
			/* Made first: only then is it known whether it is exact. */
			filter = filter_batch(scan->filter, batch);
			pylon_read_search(scan->reader, filter, row_limit(node, scan));
			break;
		case FILTER_ID:
			pylon_read_id(scan->reader, filter_id(scan->filter));
			break;
		case FILTER_NOTHING:
			break;
	}
}

/*
 * Moves on to the next object, over the ends of pages and batches. False at
 * the end, or if it must be waited for.
 */
static bool
next_object(ForeignScanState *node, PylonScan *scan)
{
	if (scan->request == FILTER_NOTHING)
		return false;
	while (scan->page == NULL || scan->next >= scan->page->nobjects)
	{
		const PylonPage *page;

		if (scan_begin_wait(scan))
			return false;
		page = pylon_next_page(scan->reader);
		if (page != NULL)
		{
			scan->page = reread_written(scan, page);
			scan->next = 0;
			scan->turn--;
			filter_confirm(scan->filter);
			warn_of_refusal(node, scan);
		}
		else if (pylon_refusal(scan->reader) != NULL)
			scan_retreat(node, scan);
		else if (scan->request == FILTER_SEARCH &&
				 scan->batch + 1 < filter_batches(scan->filter))
			begin_batch(node, scan, scan->batch + 1);
		else
			return false;
	}
	scan->next++;
	if (scan->next % ROWS_PER_POLL == 0)
		pylon_poll();
	return true;
}

/* The page with objects as they are now, where that matters. */
static const PylonPage *
reread_written(PylonScan *scan, const PylonPage *page)
{
	MemoryContext before;

	if (scan->reread_context == NULL || scan->request == FILTER_ID)
		return page;
	MemoryContextReset(scan->reread_context);
	before = MemoryContextSwitchTo(scan->reread_context);
	page = reread_page(scan->connection, scan->layout, page);
	MemoryContextSwitchTo(before);
	return page;
}

/*
 * An asynchronous scan asks for its next page, but waits elsewhere, also for
 * others that have been waiting: true then, false if it needn't wait.
 */
static bool
scan_begin_wait(PylonScan *scan)
{
	if (!scan->asynchronous)
		return false;
	pylon_start(scan->reader);
	scan->waiting = scan->turn <= 0 || !pylon_is_ready(scan->reader);
	return scan->waiting;
}

static void
store_row(PylonScan *scan, TupleTableSlot *slot)
{
	memset(slot->tts_isnull, true,
		   slot->tts_tupleDescriptor->natts * sizeof(bool));
	object_read(scan->layout, page_object(scan->page, scan->next - 1),
				NULL, slot->tts_values, slot->tts_isnull);
	ExecStoreVirtualTuple(slot);
}

/*
 * The rows that will do, for pylon_read_list. What the filter lets through
 * beyond what SQL wants may make it more: then reading just goes on.
 */
static double
row_limit(ForeignScanState *node, PylonScan *scan)
{
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	double		limit = 0;
	ListCell   *lc;

	if (scan->limit == SCAN_ALL)
		return -1;
	if (scan->limit == SCAN_OPEN || !filter_is_exact(scan->filter))
		return INFINITY;
	foreach(lc, scan->limit_states)
	{
		bool		null;
		Datum		value = ExecEvalExprSwitchContext(lfirst(lc), econtext, &null);

		/* LIMIT NULL is no limit, OFFSET NULL no offset. */
		if (null && lc == list_head(scan->limit_states))
			return -1;
		if (!null)
			limit += (double) DatumGetInt64(value);
	}
	return limit;
}
