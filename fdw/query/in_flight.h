/*-------------------------------------------------------------------------
 *
 * in_flight.h
 *		The rows of a write that are in flight.
 *
 * IDENTIFICATION
 *		fdw/query/in_flight.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_IN_FLIGHT_H
#define PYLON_IN_FLIGHT_H

#include "api/pylon_write.h"
#include "lib/ilist.h"
#include "nodes/execnodes.h"
#include "object/object_write.h"

/*
 * The rows of one ModifyTable that are in flight, whichever of its tables
 * they are of, the oldest first; in the query's memory.
 */
typedef struct RowFlight
{
	ModifyTableState *mtstate;
	dlist_head	rows;
	PylonProgress progress;
} RowFlight;

/* The state of a write to one foreign table; in the query's memory. */
typedef struct PylonModify
{
	Relation	table;
	ModifyTableState *mtstate;
	ResultRelInfo *rinfo;
	List	   *check_options;	/* of new rows; NIL before the first one */
	PylonConnection *connection;
	ObjectWriter *writer;
	ObjectLayout *layout;		/* of answers: all columns */
	AttrNumber	id_column;		/* of the table, of an UPDATE or DELETE */
	AttrNumber	id_junk;		/* in the plan's rows */
	Oid			id_type;		/* base type of that column */
	AttrNumber	row_junk;		/* the whole old row, of a DELETE */
	bool		skip_duplicates;
	bool		dry_run;		/* writes are shown instead of sent */
	int			concurrency;
	RowFlight  *flight;			/* NULL before the first row */
	bool		late;			/* nobody waits for what becomes of a row */
	TupleDesc	desc;			/* of rows that are copied, then */
	MemoryContext context;		/* of rows and batches, a child for each */
} PylonModify;

/* A row that is written; in its own context, or that of its batch. */
typedef struct RowWrite
{
	PylonModify *modify;
	PylonWrite	kind;
	MemoryContext context;
	TupleTableSlot *plan_slot;	/* that it comes from */
	TupleTableSlot *slot;		/* as it shall be; then as it is */
	TupleTableSlot *old_slot;	/* as it was read, of an update */
	const char *id;				/* the same */
	const char *path;			/* by which it is written */
	ObjectChange *change;
	char	   *purpose;		/* "insert ...", NULL before it has an id */
	List	   *keys;			/* see object_write_keys */
	PylonWriting *writing;		/* NULL before it is sent */
	const PylonPage *page;		/* that answers */
	bool		wanted;			/* somebody looks at the row afterwards */
	bool		found;			/* it was written */
	dlist_node	node;			/* in its flight */
} RowWrite;

/* A step of a row's write that fails only because of the row's values. */
typedef void (*RowStep) (RowWrite *row);

extern RowFlight *flight_create(ModifyTableState *mtstate, PylonWrite kind,
								uint64 total);
extern void flight_make_room(PylonModify *modify);
extern void flight_step(RowWrite *row, RowStep step);
extern void flight_send(RowWrite *row);
extern void flight_finish(void *flight);

#endif							/* PYLON_IN_FLIGHT_H */
