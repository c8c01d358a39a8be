/*-------------------------------------------------------------------------
 *
 * lookup_join.c
 *		Execution of a lookup join: the other side in batches, and for each
 *		the objects that have one of its keys.
 *
 * The rows of a batch go to a tuplestore while their keys are collected.
 * The scans of the objects, children of this node, are started with these
 * keys, and their rows are noted in a table by their key. Then the next batch
 * is collected and its requests sent, and while the API answers these, the
 * rows of this one are joined, in their order. There are several scans where
 * the objects are those of several workspaces; all are asked at once. Where
 * some rows of that side are no objects, these are read for each batch.
 *
 * What is joined is decided by the conditions of the join, checked on each
 * pair; the table just has to find at least the pairs that satisfy them.
 * All expressions see the columns of both sides as one tuple.
 *
 * IDENTIFICATION
 *		fdw/query/lookup_join.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "api/pylon_api.h"
#include "catalog/pg_collation.h"
#include "compat.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "nodes/nodeFuncs.h"
#include "query/explain.h"
#include "query/lookup_join.h"
#include "query/lookup_table.h"
#include "query/plan_private.h"
#include "query/scan.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

/*
 * If rows may not all be wanted, the first batch ends after so many rows for
 * each key that it may have: where most rows repeat a few keys, a LIMIT would
 * else read all of the other side for it. Half of it may cost a request more,
 * the double reads more rows in vain.
 */
#define ROWS_PER_KEY 100

/* A side of the equality by which objects are looked up. */
typedef struct LookupSide
{
	int			first;			/* place of its columns in the joined tuple */
	ExprState  *key;
	FmgrInfo	output;			/* of the key's type */
} LookupSide;

/* Rows of the other side whose keys are asked for together. */
typedef struct LookupBatch
{
	MemoryContext context;		/* of the keys */
	List	   *keys;			/* of char *: those to ask for */
	bool		asks;			/* there are keys that aren't known */
	bool		all;			/* ask for all objects instead */
	Tuplestorestate *rows;
	int64		nrows;
} LookupBatch;

typedef struct LookupJoin
{
	CustomScanState css;
	JoinType	jointype;
	PlanState  *outer;			/* the other side's plan */
	List	   *scans;			/* of the objects: PlanState * */
	List	   *lookups;		/* ForeignScanState *: those that take keys */
	LookupSide	inner;
	LookupSide	other;
	ExprState  *outerqual;		/* conditions without the objects */
	ExprState  *joinqual;		/* the others */
	int			batch_size;
	int			first_size;		/* of the first batch, if the query may end
								 * early */
	bool		ignores_case;

	MemoryContext context;		/* of all that lives as long as the node */
	LookupTable *table;
	LookupBatch *current;		/* being joined, or NULL */
	LookupBatch *ahead;			/* asked for, or NULL */
	LookupBatch *spare;			/* not in use, or NULL */
	bool		begun;			/* the first batch was collected */
	bool		outer_done;
	TupleTableSlot *outer_slot; /* the row that is being joined */
	bool		has_outer;
	bool		matched;
	LookupCursor matches;		/* objects to try */
	TupleTableSlot *inner_slot;

	/* for EXPLAIN */
	uint64		batches;
	uint64		keys;
} LookupJoin;

static Node *create_state(CustomScan *scan);
static void lookup_join_begin(CustomScanState *node, EState *estate, int eflags);
static void begin_children(LookupJoin *join, CustomScan *plan, EState *estate,
						   int eflags);
static PlanState *behind_gate(PlanState *child);
static bool gate_is_open(PlanState *child);
static void begin_side(LookupJoin *join, LookupSide *side, int first, Node *key);
static void begin_lookups(LookupJoin *join, EState *estate);
static TupleTableSlot *lookup_join_execute(CustomScanState *node);
static void lookup_join_end(CustomScanState *node);
static void lookup_join_rescan(CustomScanState *node);
static bool depends_on_changes(LookupJoin *join);
static void lookup_join_explain(CustomScanState *node, List *ancestors, ExplainState *es);
static bool join_row(LookupJoin *join);
static bool next_pair(LookupJoin *join);
static bool next_outer_row(LookupJoin *join);
static bool next_batch(LookupJoin *join);
static LookupBatch *collect_batch(LookupJoin *join);
static void collect_rows(LookupJoin *join, LookupBatch *batch);
static bool is_full(LookupJoin *join, LookupBatch *batch);
static bool keys_are_refused(LookupJoin *join);
static void add_key(LookupJoin *join, LookupBatch *batch, TupleTableSlot *row);
static FilterKeyKind key_kind(LookupJoin *join, const char *key);
static void lookup_join_ask(LookupJoin *join, LookupBatch *batch);
static List *keys_for(ForeignScanState *scan, LookupBatch *batch);
static void lookup_join_receive(LookupJoin *join, LookupBatch *batch);
static bool takes_turns(LookupJoin *join, PlanState *child);
static void receive_in_turns(LookupJoin *join, LookupBatch *batch);
static void receive_from(LookupJoin *join, LookupBatch *batch,
						 PlanState *scan);
static Tuplestorestate *begin_rows(LookupJoin *join);
static bool next_stored(LookupJoin *join, Tuplestorestate *rows,
						TupleTableSlot *slot);
static LookupBatch *create_batch(LookupJoin *join);
static void release_batch(LookupJoin *join, LookupBatch **batch);
static void destroy_batch(LookupBatch *batch);
static char *outer_key(LookupJoin *join, TupleTableSlot *row);
static char *evaluate_key(LookupJoin *join, LookupSide *side, TupleTableSlot *row);
static void lookup_join_fill(LookupJoin *join, LookupSide *side, TupleTableSlot *row);
static void fill_nulls(LookupJoin *join, LookupSide *side);

const CustomScanMethods lookup_join_methods = {
	.CustomName = LOOKUP_JOIN_NAME,
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods lookup_exec_methods = {
	.CustomName = LOOKUP_JOIN_NAME,
	.BeginCustomScan = lookup_join_begin,
	.ExecCustomScan = lookup_join_execute,
	.EndCustomScan = lookup_join_end,
	.ReScanCustomScan = lookup_join_rescan,
	.ExplainCustomScan = lookup_join_explain,
};

static Node *
create_state(CustomScan *scan)
{
	LookupJoin *join = (LookupJoin *) newNode(sizeof(LookupJoin), T_CustomScanState);

	join->css.methods = &lookup_exec_methods;
	return (Node *) join;
}

/* Prepares all children and expressions; asks nothing. */
static void
lookup_join_begin(CustomScanState *node, EState *estate, int eflags)
{
	LookupJoin *join = (LookupJoin *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	int			nouter = intVal(list_nth(plan->custom_private, LookupPrivateOtherQuals));

	join->jointype = intVal(list_nth(plan->custom_private, LookupPrivateJoinType));
	join->first_size = intVal(list_nth(plan->custom_private, LookupPrivateFirstBatch));
	begin_children(join, plan, estate, eflags);
	begin_side(join, &join->other, 0, list_nth(plan->custom_exprs, LookupExprKey));
	begin_side(join, &join->inner, ExecGetResultType(join->outer)->natts,
			   list_nth(plan->custom_exprs, LookupExprInnerKey));
	join->outerqual = ExecInitQual(list_truncate(list_copy_tail(plan->custom_exprs, LookupExprQuals), nouter),
								   (PlanState *) node);
	join->joinqual = ExecInitQual(list_copy_tail(plan->custom_exprs, LookupExprQuals + nouter),
								  (PlanState *) node);
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		begin_lookups(join, estate);
}

/* The first plan is that of the other side; all others scan objects. */
static void
begin_children(LookupJoin *join, CustomScan *plan, EState *estate, int eflags)
{
	ListCell   *lc;

	foreach(lc, plan->custom_plans)
		join->css.custom_ps = lappend(join->css.custom_ps,
									  ExecInitNode(lfirst(lc), estate, eflags));
	join->outer = linitial(join->css.custom_ps);
	join->scans = list_copy_tail(join->css.custom_ps, 1);
	foreach(lc, join->scans)
	{
		PlanState  *scan = behind_gate(lfirst(lc));

		if (scan_takes_keys(scan))
			join->lookups = lappend(join->lookups, scan);
	}
}

/*
 * The scan of a child. Core puts a Result above one that has a condition
 * without columns, such as of a branch of a UNION ALL that is constant there.
 */
static PlanState *
behind_gate(PlanState *child)
{
	return IsA(child, ResultState) && outerPlanState(child) != NULL ?
		outerPlanState(child) : child;
}

/* Will a child read its scan at all? */
static bool
gate_is_open(PlanState *child)
{
	return behind_gate(child) == child ||
		ExecQualAndReset(((ResultState *) child)->resconstantqual, child->ps_ExprContext);
}

static void
begin_side(LookupJoin *join, LookupSide *side, int first, Node *key)
{
	Oid			function;
	bool		varlena;

	side->first = first;
	side->key = ExecInitExpr((Expr *) key, &join->css.ss.ps);
	getTypeOutputInfo(exprType(key), &function, &varlena);
	fmgr_info(function, &side->output);
}

/* What takes more than to explain the join. */
static void
begin_lookups(LookupJoin *join, EState *estate)
{
	ListCell   *lc;

	join->context = AllocSetContextCreate(estate->es_query_cxt, "pylon_fdw lookup join",
										  ALLOCSET_DEFAULT_SIZES);
	join->batch_size = INT_MAX;
	foreach(lc, join->lookups)
		join->batch_size = Min(join->batch_size, filter_batch_size(scan_filter(lfirst(lc))));
	join->ignores_case = filter_ignores_case(scan_filter(linitial(join->lookups)));
	join->outer_slot = ExecInitExtraTupleSlot(estate, ExecGetResultType(join->outer),
											  &TTSOpsMinimalTuple);
	join->inner_slot = ExecInitExtraTupleSlot(estate, ExecGetResultType(linitial(join->scans)),
												&TTSOpsMinimalTuple);
}

/* The next row of the result, in the slot that core projects to. */
static TupleTableSlot *
lookup_join_execute(CustomScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	if (!join_row(join))
		return ExecClearTuple(node->ss.ps.ps_ProjInfo == NULL ? slot :
							  node->ss.ps.ps_ProjInfo->pi_state.resultslot);
	return node->ss.ps.ps_ProjInfo == NULL ? slot : ExecProject(node->ss.ps.ps_ProjInfo);
}

static void
lookup_join_end(CustomScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;
	ListCell   *lc;

	if (join->context != NULL)
	{
		/* What they hold may live in the context. */
		ExecClearTuple(join->outer_slot);
		ExecClearTuple(join->inner_slot);
		if (join->table != NULL)
			lookup_table_reset(join->table);
		destroy_batch(join->current);
		destroy_batch(join->ahead);
		destroy_batch(join->spare);
		MemoryContextDelete(join->context);
	}
	foreach(lc, node->custom_ps)
		ExecEndNode(lfirst(lc));
}

/*
 * The next row is the first one again. What was looked up stays known,
 * unless the objects depend on a parameter that has changed.
 */
static void
lookup_join_rescan(CustomScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;
	ListCell   *lc;

	if (node->ss.ps.chgParam != NULL)
	{
		foreach(lc, node->custom_ps)
			UpdateChangedParamSet(lfirst(lc), node->ss.ps.chgParam);
	}
	if (join->context == NULL)
		return;					/* just explained */
	ExecClearTuple(join->outer_slot);
	ExecClearTuple(join->inner_slot);
	if (join->table != NULL)
	{
		/* Nobody will receive what is on its way. */
		if (join->ahead != NULL)
			lookup_table_forget_batch(join->table);
		lookup_table_retire(join->table);
		if (depends_on_changes(join) || node->ss.ps.state->es_epq_active != NULL)
			lookup_table_reset(join->table);
	}
	release_batch(join, &join->current);
	release_batch(join, &join->ahead);
	join->begun = false;
	join->outer_done = false;
	join->has_outer = false;
	if (join->outer->chgParam == NULL)
		ExecReScan(join->outer);
}

/* Do the objects depend on a parameter that has changed? */
static bool
depends_on_changes(LookupJoin *join)
{
	ListCell   *lc;

	foreach(lc, join->scans)
	{
		if (((PlanState *) lfirst(lc))->chgParam != NULL)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------------
 * Joining
 * ------------------------------------------------------------------------
 */

/* Puts the next row into the slot of the scan tuple; false after the last. */
static bool
join_row(LookupJoin *join)
{
	PlanState  *ps = &join->css.ss.ps;

	for (;;)
	{
		ResetExprContext(ps->ps_ExprContext);
		if (!join->has_outer && !next_outer_row(join))
			return false;
		if (!next_pair(join))
			continue;
		if (ExecQual(ps->qual, ps->ps_ExprContext))
			return true;
		InstrCountFiltered1(ps, 1);
	}
}

/*
 * The next object that joins with the row of the other side or, where no
 * object does, the row alone if the join wants that. False if there is
 * nothing more for that row.
 */
static bool
next_pair(LookupJoin *join)
{
	ExprContext *econtext = join->css.ss.ps.ps_ExprContext;

	while (lookup_table_fetch(&join->matches, join->inner_slot))
	{
		CHECK_FOR_INTERRUPTS();
		/* Who got the last row may have made the slot's values its own. */
		lookup_join_fill(join, &join->other, join->outer_slot);
		lookup_join_fill(join, &join->inner, join->inner_slot);
		if (!ExecQual(join->joinqual, econtext))
		{
			ResetExprContext(econtext);
			continue;
		}
		join->matched = true;
		if (join->jointype == JOIN_ANTI || join->jointype == JOIN_SEMI)
			join->has_outer = false;	/* one object decides */
		return join->jointype != JOIN_ANTI;
	}
	join->has_outer = false;
	if (join->matched || (join->jointype != JOIN_LEFT && join->jointype != JOIN_ANTI))
		return false;
	lookup_join_fill(join, &join->other, join->outer_slot);
	fill_nulls(join, &join->inner);
	return true;
}

/* Moves on to the next row of the other side, over the ends of batches. */
static bool
next_outer_row(LookupJoin *join)
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

/* ------------------------------------------------------------------------
 * Looking up
 * ------------------------------------------------------------------------
 */

/*
 * Moves on to the next batch, the objects of which are then known, and
 * sends the request of the one after it. False if there are no more rows.
 */
static bool
next_batch(LookupJoin *join)
{
	ExecClearTuple(join->outer_slot);
	release_batch(join, &join->current);
	if (join->table == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(join->context);

		join->table = lookup_table_create(work_mem);
		MemoryContextSwitchTo(before);
	}
	lookup_table_retire(join->table);
	join->current = join->ahead != NULL ? join->ahead : collect_batch(join);
	join->ahead = NULL;
	if (join->current == NULL)
		return false;
	lookup_join_receive(join, join->current);

	/* Whether more rows are wanted is open where the first batch is small. */
	if (join->first_size == 0 && join->css.ss.ps.state->es_epq_active == NULL)
		join->ahead = collect_batch(join);
	return true;
}

/* Reads the rows of a batch and asks for its keys; NULL if there are none. */
static LookupBatch *
collect_batch(LookupJoin *join)
{
	LookupBatch *batch;

	if (join->outer_done)
		return NULL;
	batch = create_batch(join);
	lookup_table_next_batch(join->table);
	batch->all = keys_are_refused(join);
	collect_rows(join, batch);
	join->begun = true;
	if (batch->nrows == 0)
	{
		release_batch(join, &batch);
		return NULL;
	}
	if (batch->asks)
		lookup_join_ask(join, batch);
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
		if (batch->nrows >= (int64) size * ROWS_PER_KEY)
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
	join->keys++;
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

/* Sends the requests for a batch's keys, and doesn't wait for the answers. */
static void
lookup_join_ask(LookupJoin *join, LookupBatch *batch)
{
	ListCell   *lc;

	join->batches++;
	foreach(lc, join->lookups)
		filter_set_keys(scan_filter(lfirst(lc)), keys_for(lfirst(lc), batch), batch->all);
	foreach(lc, join->scans)
	{
		PlanState  *scan = behind_gate(lfirst(lc));

		ExecReScan(lfirst(lc));
		if (scan->chgParam != NULL)
			ExecReScan(scan);	/* a Result leaves that for later */
	}
	if (join->css.ss.ps.state->es_epq_active != NULL)
		return;
	foreach(lc, join->scans)
	{
		PlanState  *scan = behind_gate(lfirst(lc));

		if (list_member_ptr(join->lookups, scan) && gate_is_open(lfirst(lc)))
			scan_send((ForeignScanState *) scan);
	}
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

/* Receives all objects that have one of the batch's keys. */
static void
lookup_join_receive(LookupJoin *join, LookupBatch *batch)
{
	ListCell   *lc;

	if (!batch->asks)
		return;
	receive_in_turns(join, batch);
	foreach(lc, join->scans)
	{
		if (!takes_turns(join, lfirst(lc)))
			receive_from(join, batch, lfirst(lc));
	}
}

/*
 * Is it one of several scans that are all read at the same time? Read one
 * after the other, they would ask for their further pages so, too.
 */
static bool
takes_turns(LookupJoin *join, PlanState *child)
{
	return list_length(join->lookups) > 1 && list_member_ptr(join->lookups, child) &&
		join->css.ss.ps.state->es_epq_active == NULL;
}

/* Receives a page of each scan at a time, as they come. */
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
	while (unread != NIL)
	{
		if (!ready)
			pylon_wait_any();
		ready = false;
		foreach(lc, unread)
		{
			ForeignScanState *scan = lfirst(lc);

			scan_set_asynchronous(scan, 1);
			receive_from(join, batch, &scan->ss.ps);
			if (!scan_is_waiting(scan))
				unread = foreach_delete_current(unread, lc);
			else
				ready |= scan_is_ready(scan);
		}
	}
}

/* Receives what a scan gives: all, or the page whose turn it is. */
static void
receive_from(LookupJoin *join, LookupBatch *batch, PlanState *scan)
{
	for (;;)
	{
		TupleTableSlot *row = ExecProcNode(scan);
		char	   *key;

		if (TupIsNull(row))
			return;

		/*
		 * Refused, so all objects come: let them answer all rows, if those
		 * of other scans don't lack.
		 */
		if (!batch->all && list_length(join->scans) == 1 &&
			!filter_asks_keys(scan_filter(linitial(join->lookups))))
		{
			batch->all = true;
			collect_rows(join, batch);
		}
		ResetExprContext(join->css.ss.ps.ps_ExprContext);
		key = evaluate_key(join, &join->inner, row);
		if (key != NULL)
			lookup_table_add_match(join->table, key, row);
		CHECK_FOR_INTERRUPTS();
	}
}

/* A store of rows that lives as long as the node. */
static Tuplestorestate *
begin_rows(LookupJoin *join)
{
	MemoryContext before = MemoryContextSwitchTo(join->context);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);

	MemoryContextSwitchTo(before);
	return rows;
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
	LookupBatch *batch = join->spare;

	join->spare = NULL;
	if (batch == NULL)
	{
		batch = palloc0(sizeof(LookupBatch));
		batch->context = AllocSetContextCreate(join->context, "pylon_fdw lookup keys",
											   ALLOCSET_SMALL_SIZES);
		batch->rows = begin_rows(join);
	}
	MemoryContextSwitchTo(before);
	return batch;
}

/* Empties a batch, which may be used again. */
static void
release_batch(LookupJoin *join, LookupBatch **batch)
{
	if (*batch == NULL)
		return;
	MemoryContextReset((*batch)->context);
	(*batch)->keys = NIL;
	(*batch)->asks = false;
	(*batch)->all = false;
	(*batch)->nrows = 0;
	tuplestore_clear((*batch)->rows);
	if (join->spare == NULL)
		join->spare = *batch;
	else
		destroy_batch(*batch);
	*batch = NULL;
}

static void
destroy_batch(LookupBatch *batch)
{
	if (batch == NULL)
		return;
	tuplestore_end(batch->rows);
	MemoryContextDelete(batch->context);
	pfree(batch);
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

	lookup_join_fill(join, side, row);
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
static void
lookup_join_fill(LookupJoin *join, LookupSide *side, TupleTableSlot *row)
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

static void
fill_nulls(LookupJoin *join, LookupSide *side)
{
	TupleTableSlot *slot = join->css.ss.ss_ScanTupleSlot;

	memset(slot->tts_isnull + side->first, true,
		   (slot->tts_tupleDescriptor->natts - side->first) * sizeof(bool));
	join->css.ss.ps.ps_ExprContext->ecxt_scantuple = slot;
}

/* ------------------------------------------------------------------------
 * EXPLAIN
 * ------------------------------------------------------------------------
 */

/* What is looked up and how, and with ANALYZE how often. */
static void
lookup_join_explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	LookupJoin *join = (LookupJoin *) node;

	explain_lookup_join((CustomScan *) node->ss.ps.plan, join->lookups, ancestors, es);
	if (!es->analyze)
		return;
	ExplainPropertyUInteger("Pylon Batches", NULL, join->batches, es);
	ExplainPropertyUInteger("Pylon Keys", NULL, join->keys, es);
	explain_scan_counters(join->lookups, es);
}
