/*-------------------------------------------------------------------------
 *
 * lookup_join.h
 *		The custom scan that joins contacts by looking them up.
 *
 * lookup_path.c plans it and lookup_join.c executes it, with what
 * lookup_table.c remembers of the answers.
 *
 * IDENTIFICATION
 *		fdw/lookup_join.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_LOOKUP_JOIN_H
#define PYLON_LOOKUP_JOIN_H

#include "nodes/extensible.h"
#include "executor/tuptable.h"

/* As EXPLAIN shows it. */
#define LOOKUP_JOIN_NAME "Pylon Lookup Join"

/* Members of a CustomScan's custom_private. */
typedef enum LookupPrivateIndex
{
	LookupPrivateJoinType,		/* Integer */
	LookupPrivateFirstBatch,	/* Integer: its size if the query may end
								 * early, else 0 */
	LookupPrivateOtherQuals,	/* Integer: how many conditions of the join
								 * see the other side alone */
} LookupPrivateIndex;

/*
 * Members of custom_exprs. The conditions of the join come last, those that
 * see the other side alone before the others. All see the columns of both
 * children as one tuple.
 */
typedef enum LookupExprIndex
{
	LookupExprContactsKey,
	LookupExprKey,
	LookupExprQuals,			/* first one */
} LookupExprIndex;

extern const CustomScanMethods lookup_join_methods;

/* lookup_table.c */
typedef struct LookupTable LookupTable;
typedef struct LookupMatch LookupMatch;

/* The place of a contact in a temporary file. */
typedef struct LookupPlace
{
	int			fileno;			/* -1 if there is none */
	off_t		offset;
} LookupPlace;

/* The contacts with a key that are still to be fetched. */
typedef struct LookupCursor
{
	const LookupMatch *next;	/* those in memory, or NULL */
	struct BufFile *file;
	LookupPlace place;			/* then those in the file */
} LookupCursor;

extern LookupTable *lookup_table_create(int memory_kb);
extern void lookup_table_reset(LookupTable *table);
extern void lookup_table_next_batch(LookupTable *table);
extern void lookup_table_retire(LookupTable *table);
extern bool lookup_table_add_key(LookupTable *table, const char *key);
extern void lookup_table_forget_batch(LookupTable *table);
extern bool lookup_table_full(LookupTable *table);
extern void lookup_table_add_match(LookupTable *table, const char *key,
								   TupleTableSlot *slot);
extern LookupCursor lookup_table_find(LookupTable *table, const char *key);
extern bool lookup_table_fetch(LookupCursor *cursor, TupleTableSlot *slot);

#endif							/* PYLON_LOOKUP_JOIN_H */
