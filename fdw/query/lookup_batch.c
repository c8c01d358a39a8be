/*-------------------------------------------------------------------------
 *
 * lookup_batch.c
 *		The other side of a lookup join in batches, and what is asked for them.
 *
 * The rows of a batch go to a tuplestore while their keys are collected, and
 * then these are asked for. Where all rows are certain to be wanted, several
 * batches are asked for before the first answer comes, up to
 * max_concurrent_requests of a server's; else the next one while the rows of
 * this one are joined. Answers are taken in the order of the batches. There are several scans
 * where the objects are those of several workspaces; all are asked at once.
 * Where some rows of that side are no objects, these are read for each batch.
 *
 * IDENTIFICATION
 *		fdw/query/lookup_batch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "api/pylon_api.h"
#include "catalog/pg_collation.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "query/lookup_batch.h"
#include "query/scan.h"
#include "utils/formatting.h"

/*
 * If rows may not all be wanted, the first batch ends after so many rows for
 * each key that it may have: where most rows repeat a few keys, a LIMIT would
 * else read all of the other side for it. Half of it may cost a request more,
 * the double reads more rows in vain.
 */
#define ROWS_PER_KEY 100

/*
 * Rows of the other side after which what is in flight gets a chance to go
 * on: the system call is nothing beside so many rows.
 */
#define ROWS_PER_POLL 64

/* The least that work_mem can be, in kB. */
#define LEAST_MEMORY 64

static bool next_batch(LookupJoin *join);
static void go_ahead(LookupJoin *join, int most);
static LookupBatch *collect_batch(LookupJoin *join);
static void collect_rows(LookupJoin *join, LookupBatch *batch);
static bool is_full(LookupJoin *join, LookupBatch *batch);
static bool keys_are_refused(LookupJoin *join);
static void add_key(LookupJoin *join, LookupBatch *batch, TupleTableSlot *row);
static FilterKeyKind key_kind(LookupJoin *join, const char *key);
static void ask(LookupJoin *join, LookupBatch *batch);
static bool gate_is_open(PlanState *child);
static List *keys_for(ForeignScanState *scan, LookupBatch *batch);
static void receive(LookupJoin *join, LookupBatch *batch);
static void start_scans(LookupJoin *join);
static bool takes_turns(LookupJoin *join, PlanState *child);
static void receive_in_turns(LookupJoin *join, LookupBatch *batch);
static void receive_page(LookupJoin *join, LookupBatch *batch, ForeignScanState *scan);
static List *undecided_keys(LookupJoin *join, ForeignScanState *scan, LookupBatch *batch);
static void receive_from(LookupJoin *join, LookupBatch *batch, PlanState *scan);
static void add_object(LookupJoin *join, LookupBatch *batch, TupleTableSlot *row);
static bool asks_for_all(LookupJoin *join, LookupBatch *batch);
static void merge_ahead(LookupJoin *join, LookupBatch *batch);
static void merge_batch(LookupJoin *join, LookupBatch *batch, LookupBatch *other);
static void ask_for_all_ahead(LookupJoin *join);
static void forget_asked(LookupJoin *join);
static Tuplestorestate *begin_rows(LookupJoin *join);
static bool next_stored(LookupJoin *join, Tuplestorestate *rows,
						TupleTableSlot *slot);
static LookupBatch *create_batch(LookupJoin *join);
static void release_batch(LookupJoin *join, LookupBatch *batch);
static void destroy_batch(LookupBatch *batch);
static char *outer_key(LookupJoin *join, TupleTableSlot *row);
static char *evaluate_key(LookupJoin *join, LookupSide *side, TupleTableSlot *row);

/*
 * The scan of a child. Core puts a Result above one that has a condition
 * without columns, such as of a branch of a UNION ALL that is constant there.
 */
PlanState *
lookup_behind_gate(PlanState *child)
{
	return IsA(child, ResultState) && outerPlanState(child) != NULL ?
		outerPlanState(child) : child;
}

/*
 * Moves on to the next row of the other side, over the ends of batches, and
 * finds its objects; false if there are no more.
 */
bool
lookup_next_row(LookupJoin *join)
{
	char	   *key;

	for (;;)
	{
		if (join->current != NULL &&
			next_stored(join, join->current->rows, join->outer_slot))
			break;
		if (!next_batch(join))
			return false;
	}
	key = outer_key(join, join->outer_slot);
	join->matches = lookup_table_find(join->table, key);
	join->matched = false;
	join->has_outer = true;
	CHECK_FOR_INTERRUPTS();
	return true;
}

/*
 * The next row is the first one again. What was looked up stays known, unless
 * "objects" says that these may be others. Nobody will receive what is on its way.
 */
void
lookup_forget(LookupJoin *join, bool objects)
{
	ListCell   *lc;

	ExecClearTuple(join->outer_slot);
	ExecClearTuple(join->inner_slot);
	forget_asked(join);
	if (join->table != NULL)
	{
		if (join->ahead != NIL)
			lookup_table_forget(join->table, ((LookupBatch *) linitial(join->ahead))->first);
		lookup_table_retire(join->table, INT_MAX);
		lookup_table_keep(join->table);
		if (objects)
			lookup_table_reset(join->table);
	}
	release_batch(join, join->current);
	foreach(lc, join->ahead)
		release_batch(join, lfirst(lc));
	list_free(join->ahead);
	join->current = NULL;
	join->ahead = NIL;
	join->begun = false;
	join->outer_done = false;
	join->has_outer = false;
}

/* Gives back what doesn't go with the memory. */
void
lookup_release(LookupJoin *join)
{
	ListCell   *lc;

	/* What they hold may live in the context. */
	ExecClearTuple(join->outer_slot);
	ExecClearTuple(join->inner_slot);
	if (join->table != NULL)
		lookup_table_reset(join->table);
	destroy_batch(join->current);
	foreach(lc, join->ahead)
		destroy_batch(lfirst(lc));
	foreach(lc, join->spare)
		destroy_batch(lfirst(lc));
}

/*
 * Moves on to the next batch, the objects of which are then known; those
 * behind it are on their way. False if there are no more rows.
 */
static bool
next_batch(LookupJoin *join)
{
	bool		in_epq = join->css.ss.ps.state->es_epq_active != NULL;

	ExecClearTuple(join->outer_slot);
	if (join->table == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(join->context);

		join->table = lookup_table_create(work_mem);
		MemoryContextSwitchTo(before);
	}
	if (join->current != NULL)
		lookup_table_retire(join->table, join->current->last);
	release_batch(join, join->current);
	if (join->ahead == NIL)
		join->current = collect_batch(join);
	else
	{
		join->current = linitial(join->ahead);
		join->ahead = list_delete_first(join->ahead);
	}
	if (join->current == NULL)
		return false;

	if (join->whole && !in_epq)
		go_ahead(join, join->most_ahead - 1);
	receive(join, join->current);
	/* Whether more rows are wanted is open where the first batch is small. */
	if (!in_epq && (join->whole || join->first_size == 0))
		go_ahead(join, join->whole ? join->most_ahead : 1);
	return true;
}

/*
 * Asks for further batches, until so many are on their way. Behind one that
 * asks for all objects there is no other: it takes as many rows as it can.
 */
static void
go_ahead(LookupJoin *join, int most)
{
	while (list_length(join->ahead) < most && !join->outer_done &&
		   lookup_table_has_room(join->table))
	{
		LookupBatch *last = join->ahead == NIL ? NULL : llast(join->ahead);
		LookupBatch *batch;
		MemoryContext before;

		if (last != NULL && last->all)
			return;
		batch = collect_batch(join);
		if (batch == NULL)
			return;
		before = MemoryContextSwitchTo(join->context);
		join->ahead = lappend(join->ahead, batch);
		MemoryContextSwitchTo(before);
	}
}

/* Reads the rows of a batch and asks for its keys; NULL if there are none. */
static LookupBatch *
collect_batch(LookupJoin *join)
{
	LookupBatch *batch;

	if (join->outer_done)
		return NULL;
	batch = create_batch(join);
	batch->first = batch->last = lookup_table_next_batch(join->table);
	batch->all = keys_are_refused(join);
	collect_rows(join, batch);
	join->begun = true;
	if (batch->nrows == 0)
	{
		release_batch(join, batch);
		return NULL;
	}
	if (batch->asks)
		ask(join, batch);
	return batch;
}

static void
collect_rows(LookupJoin *join, LookupBatch *batch)
{
	while (!join->outer_done && !is_full(join, batch))
	{
		TupleTableSlot *row = ExecProcNode(join->outer);

		if (TupIsNull(row))
		{
			join->outer_done = true;
			break;
		}
		ResetExprContext(join->css.ss.ps.ps_ExprContext);
		tuplestore_puttupleslot(batch->rows, row);
		batch->nrows++;
		add_key(join, batch, row);
		if (batch->nrows % ROWS_PER_POLL == 0)
			pylon_poll();
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Has the batch as many keys as one request can ask for? Where all objects
 * must be read, they are read once, for all rows or as many as fit.
 */
static bool
is_full(LookupJoin *join, LookupBatch *batch)
{
	int			size = join->batch_size;

	if (batch->all)
		return lookup_table_full(join->table);
	if (join->first_size > 0 && !join->begun)
	{
		size = Min(size, join->first_size);
		/* Rows whose keys are all known take no request, and may do. */
		if (batch->nrows >= (batch->asks ? (int64) size * ROWS_PER_KEY : size))
			return true;
	}
	return list_length(batch->keys) >= size;
}

/* Has one of the servers refused to be asked for keys? */
static bool
keys_are_refused(LookupJoin *join)
{
	ListCell   *lc;

	foreach(lc, join->lookups)
	{
		if (filter_keys_are_refused(scan_filter(lfirst(lc))))
			return true;
	}
	return false;
}

/* Notes the key of a row, unless that is known. */
static void
add_key(LookupJoin *join, LookupBatch *batch, TupleTableSlot *row)
{
	char	   *key = outer_key(join, row);
	FilterKeyKind kind;

	if (key == NULL)
		return;
	kind = key_kind(join, key);
	if (kind == FILTER_KEY_NEVER || !lookup_table_add_key(join->table, key))
		return;
	batch->nkeys++;
	batch->undecided++;
	batch->asks = true;
	if (kind == FILTER_KEY_UNKNOWN)
		batch->all = true;
	else
	{
		MemoryContext before = MemoryContextSwitchTo(batch->context);

		batch->keys = lappend(batch->keys, pstrdup(key));
		MemoryContextSwitchTo(before);
	}
}

/*
 * How the objects with a key can be asked for, of all scans. Rows that are no
 * objects may have any key.
 */
static FilterKeyKind
key_kind(LookupJoin *join, const char *key)
{
	FilterKeyKind result = list_length(join->scans) > list_length(join->lookups) ?
		FILTER_KEY_ASKED : FILTER_KEY_NEVER;
	ListCell   *lc;

	foreach(lc, join->lookups)
	{
		FilterKeyKind kind = filter_key_kind(scan_filter(lfirst(lc)), key);

		if (kind == FILTER_KEY_UNKNOWN)
			return kind;
		if (kind == FILTER_KEY_ASKED)
			result = kind;
	}
	return result;
}

/* ------------------------------------------------------------------------
 * Asking
 * ------------------------------------------------------------------------
 */

/*
 * Sends the requests for a batch's keys, and doesn't wait for the answers. In
 * EvalPlanQual the objects are at hand.
 */
static void
ask(LookupJoin *join, LookupBatch *batch)
{
	ListCell   *lc;

	foreach(lc, join->scans)
	{
		PlanState  *scan = lookup_behind_gate(lfirst(lc));

		if (!list_member_ptr(join->lookups, scan))
			continue;
		if (join->css.ss.ps.state->es_epq_active != NULL)
			filter_set_keys(scan_filter((ForeignScanState *) scan), batch->keys, batch->all);
		else if (gate_is_open(lfirst(lc)))
			scan_ask((ForeignScanState *) scan,
					 keys_for((ForeignScanState *) scan, batch), batch->all);
	}
}

/* Will a child read its scan at all? */
static bool
gate_is_open(PlanState *child)
{
	return lookup_behind_gate(child) == child ||
		ExecQualAndReset(((ResultState *) child)->resconstantqual, child->ps_ExprContext);
}

/* Those of the batch's keys that an object of the scan can have. */
static List *
keys_for(ForeignScanState *scan, LookupBatch *batch)
{
	MemoryContext before = MemoryContextSwitchTo(batch->context);
	List	   *keys = NIL;
	ListCell   *lc;

	foreach(lc, batch->keys)
	{
		if (filter_key_kind(scan_filter(scan), lfirst(lc)) == FILTER_KEY_ASKED)
			keys = lappend(keys, lfirst(lc));
	}
	MemoryContextSwitchTo(before);
	return keys;
}

/* What was asked for, and not received, isn't wanted any more. */
static void
forget_asked(LookupJoin *join)
{
	ListCell   *lc;

	foreach(lc, join->lookups)
		scan_forget_asked(lfirst(lc));
}

/* ------------------------------------------------------------------------
 * Receiving
 * ------------------------------------------------------------------------
 */

/* Receives all objects that have one of the batch's keys. */
static void
receive(LookupJoin *join, LookupBatch *batch)
{
	ListCell   *lc;

	if (!batch->asks)
		return;
	start_scans(join);
	receive_in_turns(join, batch);
	foreach(lc, join->scans)
	{
		if (!takes_turns(join, lfirst(lc)))
			receive_from(join, batch, lfirst(lc));
	}
	join->batches++;
	join->keys += batch->nkeys;
	if (keys_are_refused(join))
		ask_for_all_ahead(join);
}

/* Each scan gives what it was asked for first. */
static void
start_scans(LookupJoin *join)
{
	ListCell   *lc;

	foreach(lc, join->scans)
		ExecReScan(lfirst(lc));
}

/*
 * Is it one of several scans that are all read at the same time? Read one
 * after the other, they would ask for their further pages so, too. Is it one
 * whose next page may not be needed? Then it is asked for when that is known.
 */
static bool
takes_turns(LookupJoin *join, PlanState *child)
{
	return (list_length(join->lookups) > 1 || join->one_will_do) &&
		list_member_ptr(join->lookups, child) &&
		join->css.ss.ps.state->es_epq_active == NULL;
}

/*
 * Receives a page of each scan at a time, as they come, until none has any or
 * all keys are decided.
 */
static void
receive_in_turns(LookupJoin *join, LookupBatch *batch)
{
	MemoryContext before = MemoryContextSwitchTo(batch->context);
	List	   *unread = NIL;
	bool		ready = true;
	ListCell   *lc;

	foreach(lc, join->scans)
	{
		if (takes_turns(join, lfirst(lc)))
			unread = lappend(unread, lfirst(lc));
	}
	MemoryContextSwitchTo(before);
	while (unread != NIL && !(join->one_will_do && batch->undecided == 0))
	{
		if (!ready)
			pylon_wait_any();
		ready = false;
		foreach(lc, unread)
		{
			ForeignScanState *scan = lfirst(lc);

			receive_page(join, batch, scan);
			if (!scan_is_waiting(scan))
				unread = foreach_delete_current(unread, lc);
			else
				ready |= scan_turn_is_over(scan) || scan_is_ready(scan);
		}
	}
}

/*
 * Receives a page, if it has come. Where objects of all that it holds are
 * decided by it, fewer are left to those that aren't than its cursor leads to.
 */
static void
receive_page(LookupJoin *join, LookupBatch *batch, ForeignScanState *scan)
{
	int			undecided = batch->undecided;

	batch->taken = 0;
	scan_set_asynchronous(scan, 1);
	receive_from(join, batch, &scan->ss.ps);
	if (join->one_will_do && batch->undecided > 0 && batch->undecided < undecided &&
		!batch->all && scan_is_waiting(scan))
		scan_narrow(scan, undecided_keys(join, scan, batch), batch->taken);
}

/* Those of the batch's keys that a scan may have, and of which no object has come. */
static List *
undecided_keys(LookupJoin *join, ForeignScanState *scan, LookupBatch *batch)
{
	List	   *keys = keys_for(scan, batch);
	ListCell   *lc;

	foreach(lc, keys)
	{
		if (lookup_table_has_match(join->table, batch->first, batch->last, lfirst(lc)))
			keys = foreach_delete_current(keys, lc);
	}
	return keys;
}

/* Receives what a scan gives: all, or the page whose turn it is. */
static void
receive_from(LookupJoin *join, LookupBatch *batch, PlanState *scan)
{
	for (;;)
	{
		TupleTableSlot *row = ExecProcNode(scan);

		if (TupIsNull(row))
			return;
		if (asks_for_all(join, batch))
		{
			batch->all = true;
			merge_ahead(join, batch);
			collect_rows(join, batch);
		}
		add_object(join, batch, row);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
add_object(LookupJoin *join, LookupBatch *batch, TupleTableSlot *row)
{
	char	   *key;
	LookupFound found;

	ResetExprContext(join->css.ss.ps.ps_ExprContext);
	key = evaluate_key(join, &join->inner, row);
	if (key == NULL)
		return;
	found = lookup_table_add_match(join->table, batch->first, batch->last, key, row,
								   join->one_will_do);
	batch->undecided -= found == LOOKUP_FIRST ? 1 : 0;
	batch->taken += found == LOOKUP_STRANGER ? 0 : 1;
}

/*
 * Were the keys refused, so that all objects come? Then these answer all rows,
 * if those of other scans don't lack.
 */
static bool
asks_for_all(LookupJoin *join, LookupBatch *batch)
{
	return !batch->all && list_length(join->scans) == 1 &&
		!filter_asks_keys(scan_filter(linitial(join->lookups)));
}

/* The batches that were asked for behind this one become part of it. */
static void
merge_ahead(LookupJoin *join, LookupBatch *batch)
{
	ListCell   *lc;

	forget_asked(join);
	foreach(lc, join->ahead)
		merge_batch(join, batch, lfirst(lc));
	list_free(join->ahead);
	join->ahead = NIL;
}

static void
merge_batch(LookupJoin *join, LookupBatch *batch, LookupBatch *other)
{
	while (next_stored(join, other->rows, join->outer_slot))
	{
		tuplestore_puttupleslot(batch->rows, join->outer_slot);
		CHECK_FOR_INTERRUPTS();
	}
	ExecClearTuple(join->outer_slot);
	batch->nrows += other->nrows;
	batch->nkeys += other->nkeys;
	batch->undecided += other->undecided;
	batch->asks |= other->asks;
	batch->last = other->last;
	release_batch(join, other);
}

/*
 * The keys of this batch were refused. Those ahead would be, too, and each
 * would read all objects: one batch does so for all of them.
 */
static void
ask_for_all_ahead(LookupJoin *join)
{
	LookupBatch *batch;
	MemoryContext before;

	if (join->ahead == NIL || ((LookupBatch *) linitial(join->ahead))->all)
		return;
	batch = linitial(join->ahead);
	join->ahead = list_delete_first(join->ahead);
	batch->all = true;
	merge_ahead(join, batch);
	collect_rows(join, batch);
	if (batch->asks)
		ask(join, batch);
	before = MemoryContextSwitchTo(join->context);
	join->ahead = list_make1(batch);
	MemoryContextSwitchTo(before);
}

/* ------------------------------------------------------------------------
 * Batches
 * ------------------------------------------------------------------------
 */

/*
 * A store of rows that lives as long as the node. All of those that are in
 * use at a time share the memory that one may take.
 */
static Tuplestorestate *
begin_rows(LookupJoin *join)
{
	return tuplestore_begin_heap(false, false,
								 Max(work_mem / (join->most_ahead + 1), LEAST_MEMORY));
}

/* The next row of a store; its memory must outlive that of a row. */
static bool
next_stored(LookupJoin *join, Tuplestorestate *rows, TupleTableSlot *slot)
{
	MemoryContext before = MemoryContextSwitchTo(join->context);
	bool		found = tuplestore_gettupleslot(rows, true, false, slot);

	MemoryContextSwitchTo(before);
	return found;
}

static LookupBatch *
create_batch(LookupJoin *join)
{
	MemoryContext before = MemoryContextSwitchTo(join->context);
	LookupBatch *batch;

	if (join->spare != NIL)
	{
		batch = llast(join->spare);
		join->spare = list_delete_last(join->spare);
	}
	else
	{
		batch = palloc0(sizeof(LookupBatch));
		batch->context = AllocSetContextCreate(join->context, "pylon_fdw lookup keys",
											   ALLOCSET_SMALL_SIZES);
		batch->rows = begin_rows(join);
	}
	MemoryContextSwitchTo(before);
	return batch;
}

/* Empties a batch, which may be used again; NULL is none. */
static void
release_batch(LookupJoin *join, LookupBatch *batch)
{
	MemoryContext before = MemoryContextSwitchTo(join->context);

	if (batch != NULL)
	{
		MemoryContextReset(batch->context);
		batch->keys = NIL;
		batch->asks = batch->all = false;
		batch->nkeys = batch->undecided = 0;
		batch->nrows = 0;
		tuplestore_clear(batch->rows);
		join->spare = lappend(join->spare, batch);
	}
	MemoryContextSwitchTo(before);
}

static void
destroy_batch(LookupBatch *batch)
{
	if (batch != NULL)
		tuplestore_end(batch->rows);
}

/* ------------------------------------------------------------------------
 * Rows and keys
 * ------------------------------------------------------------------------
 */

/*
 * The text of a row's key, or NULL. Equal keys have equal texts. It lives in
 * the per-tuple context; the row is in the scan tuple then.
 */
static char *
evaluate_key(LookupJoin *join, LookupSide *side, TupleTableSlot *row)
{
	ExprContext *econtext = join->css.ss.ps.ps_ExprContext;
	MemoryContext before;
	Datum		value;
	bool		null;
	char	   *text;

	lookup_fill(join, side, row);
	value = ExecEvalExprSwitchContext(side->key, econtext, &null);
	if (null)
		return NULL;
	before = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	text = OutputFunctionCall(&side->output, value);

	if (join->ignores_case)
		text = str_tolower(text, strlen(text), DEFAULT_COLLATION_OID);

	MemoryContextSwitchTo(before);
	return text;
}

/* The key by which the other side's row may join; NULL if it can't. */
static char *
outer_key(LookupJoin *join, TupleTableSlot *row)
{
	char	   *key = evaluate_key(join, &join->other, row);

	return key != NULL && ExecQual(join->outerqual, join->css.ss.ps.ps_ExprContext) ?
		key : NULL;
}

/* Copies the columns of a side to their place in the scan tuple. */
void
lookup_fill(LookupJoin *join, LookupSide *side, TupleTableSlot *row)
{
	TupleTableSlot *slot = join->css.ss.ss_ScanTupleSlot;
	int			natts = row->tts_tupleDescriptor->natts;

	slot_getallattrs(row);
	ExecClearTuple(slot);
	memcpy(slot->tts_values + side->first, row->tts_values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull + side->first, row->tts_isnull, natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	join->css.ss.ps.ps_ExprContext->ecxt_scantuple = slot;
}

void
lookup_fill_nulls(LookupJoin *join, LookupSide *side)
{
	TupleTableSlot *slot = join->css.ss.ss_ScanTupleSlot;

	memset(slot->tts_isnull + side->first, true,
		   (slot->tts_tupleDescriptor->natts - side->first) * sizeof(bool));
	join->css.ss.ps.ps_ExprContext->ecxt_scantuple = slot;
}
