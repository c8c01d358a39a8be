/*-------------------------------------------------------------------------
 *
 * scan.c
 *		The foreign scan: from pages to tuples.
 *
 * Nothing is sent, nor any token looked for, before the first row is asked
 * for. Which requests are in flight is decided in searches.c.
 *
 * A scan that starts over with the same request does not ask again: it takes
 * the page in hand, if that holds everything, or the rows that it has kept: from
 * the second start on, or the first where another is likely, in memory or a
 * file, as far as they were read. Their conditions are checked anew.
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
#include "query/query_owner.h"
#include "query/repeat.h"
#include "query/row_store.h"
#include "query/scan.h"
#include "query/searches.h"
#include "utils/rel.h"

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
	PylonOptions options;
	ObjectLayout *layout;
	FilterState *filter;
	List	   *states;			/* ExprStates of fdw_exprs */
	ScanLimit	limit;
	List	   *limit_states;	/* those of count and offset */
	bool		takes_keys;		/* of a lookup join */
	bool		whole;			/* it will be read to its end */
	bool		repeats;		/* a later start may ask for the same */

	/* from the first row on */
	PylonConnection *connection;
	Searches   *searches;
	bool		started;		/* else the next row is the first one */
	bool		reading;		/* the first of the searches is being read */
	bool		warned;			/* of a condition that the API refused */
	char	   *refusal;		/* what is to be warned of, or NULL */
	char	   *signature;		/* of what is read, or NULL */
	FilterRequest request;
	const PylonPage *page;
	int			next;			/* object of the page */
	MemoryContext reread_context;	/* of objects that are read again; NULL
									 * where searches are believed */

	/* under an asynchronous Append */
	bool		asynchronous;	/* rather no row than a wait for one */
	int			turn;			/* pages until others have theirs */
	bool		waiting;		/* no row, but not the end either */

	/* below a lookup join */
	List	   *asked;			/* of Asked *: what it has asked for, in order */
	List	   *spare;			/* of FilterState *: to be used again */
	bool		by_page;		/* it is left only at the end of a page */

	/* rows that were read before they are wanted, or may be wanted again */
	RowStore   *store;			/* or NULL */
	bool		keeps;			/* it holds all rows from the first one on */
	bool		unfinished;		/* an error has come between */
	bool		busy;			/* in the middle of a row */
	ForeignScanState *node;
	QueryOwner	owner;			/* of the scan's query */
	dlist_node	link;			/* in all_scans */
	MemoryContextCallback callback;
} PylonScan;

/* What a lookup join has asked for. */
typedef struct Asked
{
	FilterState *filter;
	FilterRequest request;
	const char *signature;		/* NULL of FILTER_NOTHING */
	bool		is_present;		/* it is what the scan has read last */
} Asked;

static dlist_head all_scans = DLIST_STATIC_INIT(all_scans);

static FilterState *begin_filter(PylonScan *scan);
static TupleTableSlot *next_row(ForeignScanState *node, PylonScan *scan);
static bool next_stored(PylonScan *scan, TupleTableSlot *slot);
static void drop_store(PylonScan *scan);
static void read_rest(PylonScan *scan);
static void check_unfinished(PylonScan *scan);
static void keep_rest(PylonScan *scan);
static void forget_scan(void *arg);
static void scan_connect(ForeignScanState *node, PylonScan *scan);
static void scan_start(ForeignScanState *node, PylonScan *scan);
static void take_asked(PylonScan *scan);
static bool evaluate(ForeignScanState *node, PylonScan *scan);
static bool scan_rewind(PylonScan *scan);
static bool can_rewind(PylonScan *scan, const char *signature);
static void set_signature(PylonScan *scan, const char *signature);
static void scan_retreat(ForeignScanState *node, PylonScan *scan);
static void warn_of_refusal(ForeignScanState *node, PylonScan *scan);
static bool next_object(ForeignScanState *node, PylonScan *scan);
static const PylonPage *reread_written(PylonScan *scan, const PylonPage *page);
static void begin_page(ForeignScanState *node, PylonScan *scan, const PylonPage *page);
static void keep_from_here(PylonScan *scan);
static bool reads_whole(const PylonScan *scan);
static bool scan_begin_wait(PylonScan *scan);
static void store_row(PylonScan *scan, TupleTableSlot *slot);
static double row_limit(ForeignScanState *node, PylonScan *scan);

void
pylonBeginForeignScan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	int			nvalues = intVal(list_nth(plan->fdw_private, ScanPrivateValues));
	PylonScan  *scan;
	MemoryContext context;
	MemoryContext before;
	ForeignTable *table;
	Bitmapset  *attnums = NULL;
	ListCell   *lc;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	context = AllocSetContextCreate(node->ss.ps.state->es_query_cxt,
									"pylon_fdw scan", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(context);
	scan = palloc0(sizeof(PylonScan));
	scan->context = context;
	scan->node = node;
	scan->userid = compat_scan_user(node);
	scan->limit = intVal(list_nth(plan->fdw_private, ScanPrivateLimit));

	table = GetForeignTable(RelationGetRelid(node->ss.ss_currentRelation));
	option_read_server(&scan->options, GetForeignServer(table->serverid)->options,
					   table->options);
	foreach(lc, (List *) list_nth(plan->fdw_private, ScanPrivateAttnums))
		attnums = bms_add_member(attnums, lfirst_int(lc));
	scan->layout = object_layout_create(node->ss.ss_currentRelation, attnums);
	scan->states = ExecInitExprList(plan->fdw_exprs, (PlanState *) node);
	scan->filter = begin_filter(scan);
	scan->limit_states = list_copy_tail(scan->states, nvalues);
	scan->takes_keys = scan_takes_keys(&node->ss.ps);
	scan->repeats = !scan->takes_keys && repeat_is_likely(node, eflags);
	MemoryContextSwitchTo(before);
	node->fdw_state = scan;
	scan->callback.func = forget_scan;
	scan->callback.arg = scan;
	MemoryContextRegisterResetCallback(context, &scan->callback);
	dlist_push_tail(&all_scans, &scan->link);
	query_owner_watch(&scan->owner);
}

/* The plan's filter, to be evaluated. */
static FilterState *
begin_filter(PylonScan *scan)
{
	ForeignScan *plan = (ForeignScan *) scan->node->ss.ps.plan;
	Oid			relid = RelationGetRelid(scan->node->ss.ss_currentRelation);

	return filter_begin(scan->layout->object,
						list_nth(plan->fdw_private, ScanPrivateFilter),
						plan->fdw_exprs, scan->states,
						scan->options.lookup_batch_size,
						session_of_server(GetForeignServerIdByRelId(relid)));
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

	ExecClearTuple(slot);
	if (scan->request == FILTER_NOTHING)
		return slot;
	for (;;)
	{
		ExecClearTuple(slot);
		if (next_stored(scan, slot))
			return slot;
		if (!next_object(node, scan))
			return slot;
		store_row(scan, slot);
		if (!filter_accepts(scan->filter, slot))
			continue;
		if (scan->keeps)
			row_store_keep(scan->store, slot);
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
	drop_store(scan);
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

	dlist_foreach(iter, &all_scans)
	{
		PylonScan  *scan = dlist_container(PylonScan, link, iter.cur);

		if (scan->connection != NULL && scan->connection->serverid == serverid &&
			scan->limit != SCAN_OPEN &&
			scan->node->ss.ps.state != writer)
			read_rest(scan);
	}
}

/*
 * Reads all pages that are left to the rows that come next. Where this fails,
 * somebody may catch the error: the scan isn't to end early then. Left alone are
 * a scan that itself runs what writes, in a type's check, and one that has failed.
 */
static void
read_rest(PylonScan *scan)
{
	bool		asynchronous = scan->asynchronous;
	MemoryContext before;

	if (!scan->started || scan->busy || scan->request == FILTER_NOTHING ||
		scan->owner.owner == NULL)
		return;
	check_unfinished(scan);
	if (!searches_want_more(scan->searches))
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

/* Not by its own slot, which may hold a row in use. A file is its query's, not the writer's. */
static void
keep_rest(PylonScan *scan)
{
	MemoryContext rows = AllocSetContextCreate(scan->context, "pylon_fdw rows before a write",
											   ALLOCSET_DEFAULT_SIZES);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(scan->node->ss.ss_ScanTupleSlot->tts_tupleDescriptor,
													&TTSOpsVirtual);

	if (scan->store == NULL)
		scan->store = row_store_begin(scan->context, scan->owner.owner);
	while ((searches_want_more(scan->searches) ||
			(scan->page != NULL && scan->next < scan->page->nobjects)) &&
		   next_object(scan->node, scan))
	{
		MemoryContext before = MemoryContextSwitchTo(rows);

		MemoryContextReset(rows);
		ExecClearTuple(slot);
		store_row(scan, slot);
		if (filter_accepts(scan->filter, slot))
			row_store_add(scan->store, slot);
		MemoryContextSwitchTo(before);
		CHECK_FOR_INTERRUPTS();
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(rows);
}

/* The next row that was read before it is wanted, or is wanted again. */
static bool
next_stored(PylonScan *scan, TupleTableSlot *slot)
{
	check_unfinished(scan);
	if (scan->store == NULL)
		return false;
	if (row_store_next(scan->store, slot))
		return true;
	if (!scan->keeps)
		drop_store(scan);
	return false;
}

static void
drop_store(PylonScan *scan)
{
	if (scan->store != NULL)
		row_store_end(scan->store);
	scan->store = NULL;
	scan->keeps = false;
}

/* The scan's memory goes. */
static void
forget_scan(void *arg)
{
	dlist_delete(&((PylonScan *) arg)->link);
	query_owner_forget(&((PylonScan *) arg)->owner);
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

/*
 * Asks for what a later start of the scan will give, behind what was asked for
 * before: objects with these keys, or with "all" of them all. Sends as much as
 * there is room for, and doesn't wait. The keys must live until then.
 */
void
scan_ask(ForeignScanState *node, List *keys, bool all)
{
	PylonScan  *scan = node->fdw_state;
	MemoryContext before = MemoryContextSwitchTo(scan->context);
	Asked	   *asked = palloc0(sizeof(Asked));

	scan->busy = true;
	asked->filter = scan->spare == NIL ? begin_filter(scan) : llast(scan->spare);
	scan->spare = list_delete_last(scan->spare);
	filter_adopt(asked->filter, scan->filter);
	filter_forget(asked->filter);
	filter_set_keys(asked->filter, keys, all);
	asked->request = filter_evaluate(asked->filter, node->ss.ps.ps_ExprContext);
	if (asked->request != FILTER_NOTHING)
		asked->signature = filter_signature(asked->filter);
	if (scan->connection == NULL)
		scan_connect(node, scan);
	asked->is_present = scan->asked == NIL && asked->signature != NULL &&
		can_rewind(scan, asked->signature);
	if (!asked->is_present)
	{
		if (scan->asked == NIL)
			scan_stop(node);
		searches_set_limit(scan->searches, row_limit(node, scan));
		searches_add(scan->searches, asked->filter, asked->request);
		searches_send(scan->searches, reads_whole(scan));
	}
	scan->asked = lappend(scan->asked, asked);
	MemoryContextSwitchTo(before);
	scan->busy = false;
}

/*
 * Asks for fewer keys instead of the next page, if there is one. All that the
 * page in hand holds, so many "wanted" objects, is known to be of others: what
 * has these is on the pages to come, and on no more than those.
 */
void
scan_narrow(ForeignScanState *node, List *keys, int wanted)
{
	PylonScan  *scan = node->fdw_state;
	MemoryContext before;

	if (scan->request != FILTER_SEARCH || scan->page == NULL ||
		scan->page->nobjects != wanted || filter_batches(scan->filter) > 1 ||
		!filter_asks_keys(scan->filter) || !searches_want_more(scan->searches))
		return;
	before = MemoryContextSwitchTo(scan->context);
	filter_set_keys(scan->filter, keys, false);
	scan->request = filter_evaluate(scan->filter, node->ss.ps.ps_ExprContext);
	scan->page = NULL;
	set_signature(scan, filter_signature(scan->filter));
	searches_restart(scan->searches, scan->request);
	MemoryContextSwitchTo(before);
}

/* What was asked for, and not started, won't be wanted. */
void
scan_forget_asked(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;
	MemoryContext before = MemoryContextSwitchTo(scan->context);
	ListCell   *lc;

	foreach(lc, scan->asked)
	{
		Asked	   *asked = lfirst(lc);

		if (!asked->is_present)
			searches_drop_last(scan->searches);
		scan->spare = lappend(scan->spare, asked->filter);
		pfree(asked);
	}
	list_free(scan->asked);
	scan->asked = NIL;
	MemoryContextSwitchTo(before);
}

/* The scan gives no more rows before it is started over. */
void
scan_stop(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;

	if (!scan->reading)
		return;
	searches_drop_first(scan->searches);
	scan->reading = false;
	set_signature(scan, NULL);
	scan->page = NULL;
	scan->request = FILTER_NOTHING;
}

/* How many requests to its server may be in flight at a time? */
int
scan_max_requests(ForeignScanState *node)
{
	return ((PylonScan *) node->fdw_state)->options.max_concurrent_requests;
}

/* From now on the scan may be left at any row, or at the end of any page: no page is asked for before it is wanted. */
void
scan_may_stop(ForeignScanState *node, bool by_page)
{
	((PylonScan *) node->fdw_state)->limit = SCAN_OPEN;
	((PylonScan *) node->fdw_state)->by_page = by_page;
}

/* The same, unless it has a LIMIT; but what is left is read before a write. */
void
scan_read_late(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;

	scan->limit = scan->limit == SCAN_ALL ? SCAN_LATE : scan->limit;
}

/* Is a scan among those that a query executes? */
bool
scan_is_part_of(const EState *query)
{
	dlist_iter	iter;

	dlist_foreach(iter, &all_scans)
	{
		if (dlist_container(PylonScan, link, iter.cur)->node->ss.ps.state == query)
			return true;
	}
	return false;
}

/* From now on, the scan is certain to be read to its end. */
void
scan_read_whole(ForeignScanState *node)
{
	((PylonScan *) node->fdw_state)->whole = true;
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

/* Has it begun as many pages as it may? */
bool
scan_turn_is_over(ForeignScanState *node)
{
	return ((PylonScan *) node->fdw_state)->turn <= 0;
}

/* Is what a waiting scan waits for there? */
bool
scan_is_ready(ForeignScanState *node)
{
	PylonScan  *scan = node->fdw_state;

	return (scan->store != NULL && !row_store_at_end(scan->store)) ||
		searches_are_ready(scan->searches);
}

static void
scan_connect(ForeignScanState *node, PylonScan *scan)
{
	Relation	rel = node->ss.ss_currentRelation;
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));

	scan->connection = connection_open(table->serverid, scan->userid,
									   table->options, &scan->layout->object->nouns,
									   psprintf("read foreign table \"%s\"", RelationGetRelationName(rel)));
	/* Of the whole table, statistics know how much that is. */
	if (scan->request == FILTER_LIST && scan->limit == SCAN_ALL)
		scan->connection->expected = Max(rel->rd_rel->reltuples, 0);
	/* A function reads what the statement that runs it has written. */
	writes_await(scan->connection);
	scan->searches = searches_create(scan->connection, scan->layout);
}

/* Computes what is to be asked, and asks it unless the answer is at hand. */
static void
scan_start(ForeignScanState *node, PylonScan *scan)
{
	MemoryContext before = MemoryContextSwitchTo(scan->context);

	if (!scan->keeps || scan->unfinished)
		drop_store(scan);
	if (scan->unfinished)
		set_signature(scan, NULL);
	scan->unfinished = false;
	scan->started = true;
	if (scan->asked != NIL)
		take_asked(scan);
	else if (evaluate(node, scan) && !scan_rewind(scan))
	{
		drop_store(scan);
		scan->page = NULL;
		searches_set_limit(scan->searches, row_limit(node, scan));
		searches_begin(scan->searches, scan->filter, scan->request);
		scan->reading = true;
	}
	MemoryContextSwitchTo(before);
}

/* The scan gives what was asked for first. */
static void
take_asked(PylonScan *scan)
{
	Asked	   *asked = linitial(scan->asked);

	scan->asked = list_delete_first(scan->asked);
	scan->spare = lappend(scan->spare, scan->filter);
	scan->filter = asked->filter;
	scan->next = 0;
	if (asked->is_present)
		searches_refilter(scan->searches, scan->filter);
	else
	{
		scan_stop(scan->node);
		set_signature(scan, asked->signature);
		searches_take_first(scan->searches);
		scan->reading = true;
	}
	scan->request = asked->request;
	pfree(asked);
}

/* Computes what is to be asked; false if that is nothing. */
static bool
evaluate(ForeignScanState *node, PylonScan *scan)
{
	filter_forget(scan->filter);
	scan->request = filter_evaluate(scan->filter, node->ss.ps.ps_ExprContext);
	if (scan->request != FILTER_NOTHING && scan->connection == NULL)
		scan_connect(node, scan);
	return scan->request != FILTER_NOTHING;
}

/*
 * Goes back to the first row, if the request is the same as before and the
 * rows are at hand; else false. The filter was evaluated anew, so its searches
 * must be made again, too. From the second start on, rows are kept that
 * the page in hand doesn't hold.
 */
static bool
scan_rewind(PylonScan *scan)
{
	const char *signature = filter_signature(scan->filter);
	bool		is_same = scan->signature != NULL && strcmp(scan->signature, signature) == 0;

	if (!can_rewind(scan, signature))
	{
		scan->repeats |= is_same && !scan->takes_keys;
		set_signature(scan, signature);
		return false;
	}
	searches_refilter(scan->searches, scan->filter);
	if (scan->keeps)
		row_store_rewind(scan->store);
	else
	{
		scan->repeats |= !scan->takes_keys;
		scan->next = 0;
		keep_from_here(scan);
	}
	return true;
}

/* Are the rows of what has this signature at hand, from the first one on? */
static bool
can_rewind(PylonScan *scan, const char *signature)
{
	return scan->signature != NULL && strcmp(scan->signature, signature) == 0 &&
		(scan->keeps || searches_can_rewind(scan->searches));
}

/* What is read now; NULL if no later start can be the same. */
static void
set_signature(PylonScan *scan, const char *signature)
{
	if (scan->signature != NULL)
		pfree(scan->signature);
	scan->signature = signature == NULL ? NULL : MemoryContextStrdup(scan->context, signature);
}

/*
 * The API refused a search, before it gave any of its objects: asks for
 * less, in the end for all objects. The executor checks every row in any
 * case, so these stay right; only the cost has changed, which the user should
 * know once it is certain. What is asked now has another signature, unless
 * searches before it have given rows.
 */
static void
scan_retreat(ForeignScanState *node, PylonScan *scan)
{
	MemoryContext before = MemoryContextSwitchTo(scan->context);
	int			batch = searches_batch(scan->searches);

	if (!filter_retreat(scan->filter, batch))
		searches_raise_refusal(scan->searches);
	if (scan->request == FILTER_SEARCH && !scan->warned && scan->refusal == NULL)
		scan->refusal = pstrdup(searches_refusal(scan->searches));
	scan->request = filter_evaluate(scan->filter, node->ss.ps.ps_ExprContext);
	scan->page = NULL;
	set_signature(scan, batch > 0 || scan->request == FILTER_NOTHING ? NULL :
				  filter_signature(scan->filter));
	searches_set_limit(scan->searches, row_limit(node, scan));
	searches_restart(scan->searches, scan->request);
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

/* Moves on to the next object; false at the end, or if it must be waited for. */
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
		page = searches_page(scan->searches, reads_whole(scan));
		if (page != NULL)
			begin_page(node, scan, page);
		else if (searches_refusal(scan->searches) != NULL)
			scan_retreat(node, scan);
		else if (searches_next(scan->searches))
			scan->page = NULL;
		else
			return false;
	}
	scan->next++;
	if (scan->next % ROWS_PER_POLL == 0)
		pylon_poll();
	return true;
}

/* A page came; its rows are kept where they may be wanted again. */
static void
begin_page(ForeignScanState *node, PylonScan *scan, const PylonPage *page)
{
	scan->page = reread_written(scan, page);
	scan->next = 0;
	scan->turn--;
	filter_confirm(scan->filter);
	warn_of_refusal(node, scan);
	keep_from_here(scan);
}

/* Keeps the rows from the first page on, unless that holds all of them. */
static void
keep_from_here(PylonScan *scan)
{
	if (!scan->repeats || scan->keeps || scan->page == NULL ||
		!searches_can_rewind(scan->searches) || searches_are_in_hand(scan->searches))
		return;
	if (scan->store == NULL)
		scan->store = row_store_begin(scan->context, scan->owner.owner);
	scan->keeps = true;
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
	if (!scan->by_page || scan->turn > 0)
		searches_start(scan->searches, reads_whole(scan), scan->takes_keys);
	scan->waiting = scan->turn <= 0 || !searches_are_ready(scan->searches);
	return scan->waiting;
}

/* Is all that the scan could ask for certain to be wanted? */
static bool
reads_whole(const PylonScan *scan)
{
	return scan->whole && scan->limit == SCAN_ALL;
}

static void
store_row(PylonScan *scan, TupleTableSlot *slot)
{
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	object_read(scan->layout, page_object(scan->page, scan->next - 1),
				NULL, slot->tts_values, slot->tts_isnull);
	ExecStoreVirtualTuple(slot);
}

/* The rows that will do, for searches_set_limit. */
static double
row_limit(ForeignScanState *node, PylonScan *scan)
{
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	double		limit = 0;
	ListCell   *lc;

	if (scan->limit != SCAN_LIMITED)
		return scan->limit == SCAN_ALL ? -1 : INFINITY;
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
