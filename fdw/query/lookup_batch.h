/*-------------------------------------------------------------------------
 *
 * lookup_batch.h
 *		A lookup join while it is executed, for its two files.
 *
 * IDENTIFICATION
 *		fdw/query/lookup_batch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_LOOKUP_BATCH_H
#define PYLON_LOOKUP_BATCH_H

#include "fmgr.h"
#include "nodes/execnodes.h"
#include "query/lookup_table.h"
#include "utils/tuplestore.h"

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
	int			first;			/* of the table's batches, whose keys */
	int			last;			/* these are */
	int			nkeys;			/* that aren't known */
	int			undecided;		/* of these, no object has come yet */
	int			taken;			/* objects of the page that is read now */
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
	int			most_ahead;		/* batches on their way at a time */
	bool		whole;			/* it will be read to its end */
	bool		one_will_do;	/* an object with its key decides on a row */
	int			first_size;		/* of the first batch, if the query may end
								 * early */
	bool		ignores_case;

	MemoryContext context;		/* of all that lives as long as the node */
	LookupTable *table;
	LookupBatch *current;		/* being joined, or NULL */
	List	   *ahead;			/* of LookupBatch *: asked for, in order */
	List	   *spare;			/* of LookupBatch *: not in use */
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

extern PlanState *lookup_behind_gate(PlanState *child);
extern bool lookup_next_row(LookupJoin *join);
extern void lookup_forget(LookupJoin *join, bool objects);
extern void lookup_release(LookupJoin *join);
extern void lookup_fill(LookupJoin *join, LookupSide *side, TupleTableSlot *row);
extern void lookup_fill_nulls(LookupJoin *join, LookupSide *side);

#endif							/* PYLON_LOOKUP_BATCH_H */
