/*-------------------------------------------------------------------------
 *
 * row_store.h
 *		Rows that were read before they are wanted, or may be wanted again.
 *
 * IDENTIFICATION
 *		fdw/query/row_store.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_ROW_STORE_H
#define PYLON_ROW_STORE_H

#include "executor/tuptable.h"
#include "utils/resowner.h"

typedef struct RowStore RowStore;

extern RowStore *row_store_begin(MemoryContext context, ResourceOwner owner);
extern bool row_store_next(RowStore *store, TupleTableSlot *slot);
extern bool row_store_at_end(const RowStore *store);
extern void row_store_keep(RowStore *store, TupleTableSlot *slot);
extern void row_store_add(RowStore *store, TupleTableSlot *slot);
extern void row_store_rewind(RowStore *store);
extern void row_store_end(RowStore *store);

#endif							/* PYLON_ROW_STORE_H */
