/*-------------------------------------------------------------------------
 *
 * lookup_table.h
 *		What a lookup join knows of which key.
 *
 * IDENTIFICATION
 *		fdw/query/lookup_table.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_LOOKUP_TABLE_H
#define PYLON_LOOKUP_TABLE_H

#include "executor/tuptable.h"

typedef struct LookupTable LookupTable;
typedef struct LookupMatch LookupMatch;

/* The place of an object in a temporary file. */
typedef struct LookupPlace
{
	int			fileno;			/* -1 if there is none */
	off_t		offset;
} LookupPlace;

/* The objects with a key that are still to be fetched. */
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

#endif							/* PYLON_LOOKUP_TABLE_H */
