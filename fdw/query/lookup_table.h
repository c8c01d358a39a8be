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

/* Which object of its key is one that came? */
typedef enum LookupFound
{
	LOOKUP_STRANGER,			/* nobody has asked for it */
	LOOKUP_FIRST,
	LOOKUP_FURTHER,
} LookupFound;

extern LookupTable *lookup_table_create(int memory_kb);
extern void lookup_table_reset(LookupTable *table);
extern void lookup_table_keep(LookupTable *table);
extern int	lookup_table_next_batch(LookupTable *table);
extern bool lookup_table_has_room(LookupTable *table);
extern void lookup_table_retire(LookupTable *table, int batch);
extern bool lookup_table_add_key(LookupTable *table, const char *key);
extern void lookup_table_forget(LookupTable *table, int batch);
extern bool lookup_table_full(LookupTable *table);
extern LookupFound lookup_table_add_match(LookupTable *table, int first, int last,
										  const char *key, TupleTableSlot *slot,
										  bool one_will_do);
extern bool lookup_table_has_match(LookupTable *table, int first, int last,
								   const char *key);
extern LookupCursor lookup_table_find(LookupTable *table, const char *key);
extern bool lookup_table_fetch(LookupCursor *cursor, TupleTableSlot *slot);

#endif							/* PYLON_LOOKUP_TABLE_H */
