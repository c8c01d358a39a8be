/*-------------------------------------------------------------------------
 *
 * scan.c
 *		The foreign scan: from pages to tuples.
 *
 * Nothing is sent, nor any token looked for, before the first row is asked
 * for. A scan that starts over keeps its first page where that is still in
 * hand and the request would be the same.
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
#include "compat.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "object/object_read.h"
#include "query/callbacks.h"
#include "query/plan.h"
#include "query/plan_private.h"
#include "query/scan.h"
#include "utils/rel.h"

/* Rows after which the page on the way gets a chance to arrive. */
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
} PylonScan;

static TupleTableSlot *next_row(ForeignScanState *node, PylonScan *scan);
static void connect(ForeignScanState *node, PylonScan *scan);
static void start(ForeignScanState *node, PylonScan *scan);
static bool can_rewind(PylonScan *scan, const char *signature);
static void retreat(ForeignScanState *node, PylonScan *scan);
static void warn_of_refusal(ForeignScanState *node, PylonScan *scan);
static void begin_batch(ForeignScanState *node, PylonScan *scan, int batch);
static bool next_object(ForeignScanState *node, PylonScan *scan);
static const PylonPage *reread_written(PylonScan *scan, const PylonPage *page);
static bool must_wait(PylonScan *scan);
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

	scan->waiting = false;
	if (!scan->started)
		start(node, scan);
	return next_row(node, scan);
}

/* The next row that comes from the API. */
static TupleTableSlot *
next_row(ForeignScanState *node, PylonScan *scan)
{
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	for (;;)
	{
		ExecClearTuple(slot);
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

/*
 * The keys that the scan asks for after it is started over; with "all",
 * objects with any key. They must live until then, and while it is read.
 */
void
scan_set_keys(ForeignScanState *node, List *keys, bool all)
{
	filter_set_keys(((PylonScan *) node->fdw_state)->filter, keys, all);
}

/* Sends the first request of a scan that was started over, without waiting. */
void
scan_send(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;

	if (!scan->started)
		start(node, scan);
	if (scan->request != FILTER_NOTHING)
		pylon_start(scan->reader);
}

/* Do objects come that have none of the keys? */
bool
scan_is_unfiltered(ForeignScanState *node)
{
	return !filter_asks_keys(((PylonScan *) node->fdw_state)->filter);
}

/* Has the API refused to be asked for keys? */
bool
scan_keys_are_refused(ForeignScanState *node)
{
	return filter_keys_are_refused(((PylonScan *) node->fdw_state)->filter);
}

/* How objects with a key can be asked for. */
FilterKeyKind
scan_key_kind(ForeignScanState *node, const char *key)
{
	return filter_key_kind(((PylonScan *) node->fdw_state)->filter, key);
}

bool
scan_ignores_case(ForeignScanState *node)
{
	return filter_ignores_case(((PylonScan *) node->fdw_state)->filter);
}

/* The most keys that one request asks for. */
int
scan_batch_size(ForeignScanState *node)
{
	return filter_batch_size(((PylonScan *) node->fdw_state)->filter);
}

/* What the scan has done so far; NULL if it was never executed. */
const PylonCounters *
scan_counters(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;

	return scan == NULL || scan->connection == NULL ? NULL :
		&scan->connection->calls;
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
	return pylon_is_ready(((PylonScan *) node->fdw_state)->reader);
}

static void
connect(ForeignScanState *node, PylonScan *scan)
{
	Relation	rel = node->ss.ss_currentRelation;
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));

	scan->connection = connection_open(table->serverid, scan->userid,
									   table->options, &scan->layout->object->nouns,
									   psprintf("read foreign table \"%s\"",
												RelationGetRelationName(rel)));
	scan->reader = pylon_reader_create(scan->connection, scan->layout);
}

/* Computes what is to be asked, and asks it unless the answer is at hand. */
static void
start(ForeignScanState *node, PylonScan *scan)
{
	MemoryContext before = MemoryContextSwitchTo(scan->context);
	const char *signature;

	scan->started = true;
	scan->next = 0;
	filter_forget(scan->filter);
	scan->request = filter_evaluate(scan->filter, node->ss.ps.ps_ExprContext);
	if (scan->request != FILTER_NOTHING)
	{
		if (scan->connection == NULL)
			connect(node, scan);
		signature = filter_signature(scan->filter);
		if (!can_rewind(scan, signature))
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
 * The same request as before, and its first page still in hand? The filter
 * was evaluated anew, so its batch must be made again, too.
 */
static bool
can_rewind(PylonScan *scan, const char *signature)
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
retreat(ForeignScanState *node, PylonScan *scan)
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

		if (must_wait(scan))
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
			retreat(node, scan);
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
 * others that have been waiting.
 */
static bool
must_wait(PylonScan *scan)
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
