/*-------------------------------------------------------------------------
 *
 * lookup_table.c
 *		What a lookup join knows: keys, and the objects that have them.
 *
 * Keys belong to the batch that asks for them. Those of earlier batches stay
 * as long as memory allows, so that they aren't asked for again. They live
 * in two generations, each with a third of the memory: once the young one is
 * full it becomes the old one, and the old one is dropped as soon as the
 * rows that may need it are joined; until then it is the retired one, which
 * takes the last third, and there is no room for batches that would make it
 * two. The objects of a generation that need more memory
 * are kept in a temporary file, each with the place of the one before it that
 * has the same key, so that they take no memory however many they are. If all
 * of that may be looked up once more, keys alone may take all of the memory
 * before any are dropped.
 *
 * IDENTIFICATION
 *		fdw/query/lookup_table.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "query/lookup_table.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

/* An object with the key, as the row of the scan. */
struct LookupMatch
{
	const LookupMatch *next;
	MinimalTuple tuple;
};

typedef struct LookupKey
{
	const char *text;
	uint32		hash;
	char		status;			/* of simplehash */
	int			batch;			/* that asks for it */
	const LookupMatch *first;
	LookupMatch *last;
	LookupPlace filed;			/* the last one in the generation's file */
} LookupKey;

#define SH_PREFIX keys
#define SH_ELEMENT_TYPE LookupKey
#define SH_KEY_TYPE const char *
#define SH_KEY text
#define SH_HASH_KEY(table, key) hash_bytes((const unsigned char *) (key), strlen(key))
#define SH_EQUAL(table, a, b) (strcmp(a, b) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, element) (element)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Keys and objects that are dropped together. */
typedef struct Generation
{
	MemoryContext context;
	keys_hash  *keys;
	int			needed;			/* by batches up to this one */
	BufFile    *file;			/* of objects for which there was no memory */
	LookupPlace end;			/* of the file */
} Generation;

struct LookupTable
{
	MemoryContext context;
	Size		limit;			/* bytes of a generation for objects ... */
	Size		most;			/* ... and before it gives way to another one */
	int			batch;			/* number of the last one */
	Generation *young;
	Generation *old;			/* or NULL */
	Generation *retired;		/* or NULL */
};

static Generation *create_generation(LookupTable *table);
static void drop_generation(Generation **generation);
static LookupKey *find_key(Generation *generation, const char *key);
static bool has_match(const LookupKey *entry);
static LookupKey *find_asked(LookupTable *table, int first, int last,
							 const char *key, Generation **generation);
static void write_match(Generation *generation, LookupKey *entry, TupleTableSlot *slot);
static void read_match(LookupCursor *cursor, TupleTableSlot *slot);
static void read_file(BufFile *file, void *data, size_t size);

/*
 * A table in the current memory context, that takes "memory_kb" of memory
 * unless a single batch has more keys than fit.
 */
LookupTable *
lookup_table_create(int memory_kb)
{
	LookupTable *table = palloc0(sizeof(LookupTable));

	table->context = CurrentMemoryContext;
	table->limit = table->most = (Size) memory_kb * 1024 / 3;
	table->young = create_generation(table);
	return table;
}

/* Forgets everything. */
void
lookup_table_reset(LookupTable *table)
{
	drop_generation(&table->retired);
	drop_generation(&table->old);
	drop_generation(&table->young);
	table->young = create_generation(table);
}

/* From now on, keys are kept as long as they fit: they will be asked for again. */
void
lookup_table_keep(LookupTable *table)
{
	table->most = 3 * table->limit;
}

/*
 * From now on, keys are those of another batch, whose number it gives. What
 * may be dropped for it stays until lookup_table_retire.
 */
int
lookup_table_next_batch(LookupTable *table)
{
	if (lookup_table_full(table) && table->retired == NULL)
	{
		table->retired = table->old;
		table->old = table->young;
		table->young = create_generation(table);
	}
	return ++table->batch;
}

/*
 * Is there room for another batch while others are asked for? Else the rows of
 * these are to be joined first.
 */
bool
lookup_table_has_room(LookupTable *table)
{
	return !lookup_table_full(table) || table->retired == NULL;
}

/* The rows of the batches up to this one are joined. */
void
lookup_table_retire(LookupTable *table, int batch)
{
	if (table->retired != NULL && table->retired->needed <= batch)
		drop_generation(&table->retired);
}

/* Adds a key to the last batch; false if it is asked for already. */
bool
lookup_table_add_key(LookupTable *table, const char *key)
{
	LookupKey  *entry;
	bool		found;

	table->young->needed = table->batch;
	if (find_key(table->old, key) != NULL)
	{
		table->old->needed = table->batch;
		return false;
	}
	entry = keys_insert(table->young->keys, key, &found);
	if (found)
		return false;
	entry->text = MemoryContextStrdup(table->young->context, key);
	entry->batch = table->batch;
	entry->first = entry->last = NULL;
	entry->filed.fileno = -1;
	return true;
}

/* Forgets the keys of the batches from this one on: nobody has got their objects. */
void
lookup_table_forget(LookupTable *table, int batch)
{
	Generation *generations[] = {table->retired, table->old, table->young};

	for (size_t i = 0; i < lengthof(generations); i++)
	{
		keys_iterator iterator;
		LookupKey  *entry;

		if (generations[i] == NULL)
			continue;
		keys_start_iterate(generations[i]->keys, &iterator);
		while ((entry = keys_iterate(generations[i]->keys, &iterator)) != NULL)
		{
			if (entry->batch >= batch)
				keys_delete_item(generations[i]->keys, entry);
		}
	}
}

/* Is the memory used up that the batches should take? */
bool
lookup_table_full(LookupTable *table)
{
	return MemoryContextMemAllocated(table->young->context, true) > table->most;
}

/*
 * Adds an object that has the key, if that is one of the batches from "first"
 * to "last". One that wasn't asked for, or by an earlier batch, isn't taken;
 * nor is a further one of its key, where one will do.
 */
LookupFound
lookup_table_add_match(LookupTable *table, int first, int last, const char *key,
					   TupleTableSlot *slot, bool one_will_do)
{
	LookupFound found;
	Generation *generation;
	LookupKey  *entry = find_asked(table, first, last, key, &generation);
	MemoryContext before;
	LookupMatch *match;

	if (entry == NULL)
		return LOOKUP_STRANGER;
	found = has_match(entry) ? LOOKUP_FURTHER : LOOKUP_FIRST;
	if (found == LOOKUP_FURTHER && one_will_do)
		return found;
	before = MemoryContextSwitchTo(generation->context);
	if (MemoryContextMemAllocated(generation->context, true) > table->limit)
		write_match(generation, entry, slot);
	else
	{
		match = palloc(sizeof(LookupMatch));
		match->next = NULL;
		match->tuple = ExecCopySlotMinimalTuple(slot);
		if (entry->last != NULL)
			entry->last->next = match;
		else
			entry->first = match;
		entry->last = match;
	}
	MemoryContextSwitchTo(before);
	return found;
}

/* Has an object come that has this key of these batches? */
bool
lookup_table_has_match(LookupTable *table, int first, int last, const char *key)
{
	Generation *generation;
	LookupKey  *entry = find_asked(table, first, last, key, &generation);

	return entry != NULL && has_match(entry);
}

/* The objects that have the key; none for NULL. */
LookupCursor
lookup_table_find(LookupTable *table, const char *key)
{
	/* What was retired may be asked for again, but that isn't answered yet. */
	Generation *generations[] = {table->retired, table->old, table->young};
	LookupCursor cursor = {.place.fileno = -1};

	for (size_t i = 0; key != NULL && i < lengthof(generations); i++)
	{
		LookupKey  *entry = find_key(generations[i], key);

		if (entry == NULL)
			continue;
		cursor.next = entry->first;
		cursor.file = generations[i]->file;
		cursor.place = entry->filed;
		break;
	}
	return cursor;
}

/* Puts the next object into a slot for minimal tuples; false after the last. */
bool
lookup_table_fetch(LookupCursor *cursor, TupleTableSlot *slot)
{
	if (cursor->next != NULL)
	{
		ExecStoreMinimalTuple(cursor->next->tuple, slot, false);
		cursor->next = cursor->next->next;
		return true;
	}
	if (cursor->place.fileno < 0)
		return false;
	read_match(cursor, slot);
	return true;
}

/* A key of these batches, and the generation that it belongs to; NULL if it is none. */
static LookupKey *
find_asked(LookupTable *table, int first, int last, const char *key,
		   Generation **generation)
{
	Generation *generations[] = {table->retired, table->old, table->young};

	for (size_t i = 0; i < lengthof(generations); i++)
	{
		LookupKey  *entry = find_key(generations[i], key);

		*generation = generations[i];
		if (entry != NULL && entry->batch >= first && entry->batch <= last)
			return entry;
	}
	return NULL;
}

static bool
has_match(const LookupKey *entry)
{
	return entry->first != NULL || entry->filed.fileno >= 0;
}

static Generation *
create_generation(LookupTable *table)
{
	MemoryContext context = AllocSetContextCreate(table->context,
												  "pylon_fdw lookups",
												  ALLOCSET_SMALL_SIZES);
	Generation *generation = MemoryContextAllocZero(context, sizeof(Generation));

	generation->context = context;
	generation->keys = keys_create(context, 64, NULL);
	return generation;
}

static void
drop_generation(Generation **generation)
{
	if (*generation == NULL)
		return;
	if ((*generation)->file != NULL)
		BufFileClose((*generation)->file);
	MemoryContextDelete((*generation)->context);
	*generation = NULL;
}

static LookupKey *
find_key(Generation *generation, const char *key)
{
	return generation == NULL ? NULL : keys_lookup(generation->keys, key);
}

/*
 * Appends an object with the key to the generation's file, which belongs to
 * the current memory context.
 */
static void
write_match(Generation *generation, LookupKey *entry, TupleTableSlot *slot)
{
	bool		should_free;
	MinimalTuple tuple = ExecFetchSlotMinimalTuple(slot, &should_free);
	LookupPlace place;

	memset(&place, 0, sizeof(place));	/* its padding is written, too */
	if (generation->file == NULL)
		generation->file = BufFileCreateTemp(false);
	else if (BufFileSeek(generation->file, generation->end.fileno,
						 generation->end.offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write to a temporary file of a lookup join")));
	BufFileTell(generation->file, &place.fileno, &place.offset);
	BufFileWrite(generation->file, &entry->filed, sizeof(LookupPlace));
	/* The length is the first member of a minimal tuple. */
	BufFileWrite(generation->file, tuple, tuple->t_len);
	BufFileTell(generation->file, &generation->end.fileno, &generation->end.offset);
	entry->filed = place;
	if (should_free)
		pfree(tuple);
}

/* Reads an object from the file, and where the one before it is. */
static void
read_match(LookupCursor *cursor, TupleTableSlot *slot)
{
	MinimalTuple tuple;
	uint32		length;

	if (BufFileSeek(cursor->file, cursor->place.fileno, cursor->place.offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file of a lookup join")));
	read_file(cursor->file, &cursor->place, sizeof(LookupPlace));
	read_file(cursor->file, &length, sizeof(length));
	tuple = MemoryContextAlloc(slot->tts_mcxt, length);
	tuple->t_len = length;
	read_file(cursor->file, (char *) tuple + sizeof(length), length - sizeof(length));
	ExecStoreMinimalTuple(tuple, slot, true);
}

static void
read_file(BufFile *file, void *data, size_t size)
{
	if (BufFileRead(file, data, size) != size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file of a lookup join")));
}
