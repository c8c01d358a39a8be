/*-------------------------------------------------------------------------
 *
 * row_store.c
 *		Rows that were read before they are wanted, or may be wanted again.
 *
 * They take work_mem, and then a file. There are two places in a store: the one
 * that is read, and the end, where rows are added.
 *
 * IDENTIFICATION
 *		fdw/query/row_store.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/tuptable.h"
#include "miscadmin.h"
#include "query/row_store.h"
#include "utils/tuplestore.h"

/* The store's places; the first is the one that tuplestores begin with. */
#define READING 0
#define ADDING 1

struct RowStore
{
	MemoryContext context;
	Tuplestorestate *rows;
	TupleTableSlot *slot;		/* of what is read; NULL before */
};

/* An empty store in "context"; a file that it may take belongs to "owner". */
RowStore *
row_store_begin(MemoryContext context, ResourceOwner owner)
{
	MemoryContext before = MemoryContextSwitchTo(context);
	ResourceOwner owner_before = CurrentResourceOwner;
	RowStore   *store = palloc0(sizeof(RowStore));

	store->context = context;
	CurrentResourceOwner = owner;
	store->rows = tuplestore_begin_heap(false, false, work_mem);
	CurrentResourceOwner = owner_before;
	(void) tuplestore_alloc_read_pointer(store->rows, 0);
	MemoryContextSwitchTo(before);
	return store;
}

/* Copies the next row into the slot; false if all have been read. */
bool
row_store_next(RowStore *store, TupleTableSlot *slot)
{
	MemoryContext before;
	bool		found;

	before = MemoryContextSwitchTo(store->context);
	if (store->slot == NULL)
		store->slot = MakeSingleTupleTableSlot(slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
	found = tuplestore_gettupleslot(store->rows, true, false, store->slot);
	MemoryContextSwitchTo(before);
	if (found)
		ExecCopySlot(slot, store->slot);
	return found;
}

/* Have all rows been read? It may be found out only by trying. */
bool
row_store_at_end(const RowStore *store)
{
	return tuplestore_ateof(store->rows);
}

/* Adds the row that is read now, behind all others, to be read once more. */
void
row_store_keep(RowStore *store, TupleTableSlot *slot)
{
	/* The place that is read is at the end, and known to be: it moves on. */
	if (!tuplestore_ateof(store->rows))
		(void) tuplestore_advance(store->rows, true);
	tuplestore_puttupleslot(store->rows, slot);
}

/* Adds a row behind all others, that is yet to be read. */
void
row_store_add(RowStore *store, TupleTableSlot *slot)
{
	tuplestore_select_read_pointer(store->rows, ADDING);
	tuplestore_puttupleslot(store->rows, slot);
	tuplestore_select_read_pointer(store->rows, READING);
}

/* The next row is the first one again. */
void
row_store_rewind(RowStore *store)
{
	tuplestore_rescan(store->rows);
}

/* Gives back memory and file. */
void
row_store_end(RowStore *store)
{
	if (store->slot != NULL)
		ExecDropSingleTupleTableSlot(store->slot);
	tuplestore_end(store->rows);
	pfree(store);
}
