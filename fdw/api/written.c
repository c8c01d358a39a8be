/*-------------------------------------------------------------------------
 *
 * written.c
 *		Which objects were written: by a statement, and lately by a session.
 *
 * A statement writes an object once, however often it finds it. And what a
 * session has just written, a search of the API may not know yet. Both keep
 * hashes of the objects' paths: equal hashes are as good as equal paths,
 * and a hundred thousand of them take some megabytes.
 *
 * What a session knows is kept in two generations: when the young one is
 * full, it becomes the old one, and that is forgotten. So no entry has to be
 * searched for in order to be dropped.
 *
 * IDENTIFICATION
 *		fdw/api/written.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/written.h"
#include "common/hashfn.h"
#include "utils/memutils.h"

/*
 * For how long a search may lag behind a write, in ms. Nobody has said;
 * clients of this API wait a second or two. Longer costs requests, one for
 * each object that the session has written and finds again in that time.
 */
#define LATELY 60000.0

/*
 * Objects of a generation. The API lets a few hundred be written in a
 * minute; this bounds what a session keeps to about a megabyte.
 */
#define MAX_LATELY 8192

typedef struct WrittenKey
{
	uint64		hash[2];
} WrittenKey;

typedef struct WrittenObject
{
	WrittenKey	key;
	double		at;				/* monotonic ms, 0 if not written yet */
} WrittenObject;

/* The generations of a session. Lives as long as that. */
struct WrittenHistory
{
	HTAB	   *young;
	HTAB	   *old;			/* or NULL */
};

static WrittenKey make_key(Oid serverid, const char *path);
static WrittenObject *written_enter(PylonSession *session, const char *path);
static WrittenObject *written_find(const PylonSession *session, const WrittenKey *key);
static void start_generation(struct WrittenHistory *history);

/* The objects that a statement has written; belongs to the context. */
HTAB *
written_set_create(MemoryContext context)
{
	HASHCTL		ctl = {.keysize = sizeof(WrittenKey),.entrysize = sizeof(WrittenKey),.hcxt = context};

	return hash_create("pylon_fdw objects of a statement", 64, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* False if the object is among them already. */
bool
written_set_add(HTAB *set, Oid serverid, const char *path)
{
	WrittenKey	key = make_key(serverid, path);
	bool		found;

	(void) hash_search(set, &key, HASH_ENTER, &found);
	return !found;
}

/*
 * The object is about to be written. Makes room for what becomes of it, since
 * there may be no memory for that when it is known.
 */
void
written_expect(PylonSession *session, const char *path)
{
	(void) written_enter(session, path);
}

/* The object was written just now, or may have been. */
void
written_note(PylonSession *session, const char *path)
{
	written_enter(session, path)->at = connection_now();
}

/* The same where nothing can be allocated, after written_expect. */
void
written_note_expected(PylonSession *session, const char *path)
{
	WrittenKey	key = make_key(InvalidOid, path);
	WrittenObject *object = written_find(session, &key);

	if (object != NULL)
		object->at = connection_now();
}

/* Was the object created, updated or deleted within the last minute? */
bool
written_lately(const PylonSession *session, const char *path)
{
	WrittenKey	key = make_key(InvalidOid, path);
	WrittenObject *object = written_find(session, &key);

	return object != NULL && object->at > 0 && connection_now() - object->at <= LATELY;
}

static WrittenKey
make_key(Oid serverid, const char *path)
{
	const unsigned char *bytes = (const unsigned char *) path;
	WrittenKey	key;

	key.hash[0] = hash_bytes_extended(bytes, strlen(path), serverid);
	key.hash[1] = hash_bytes_extended(bytes, strlen(path), ~(uint64) serverid);
	return key;
}

/* The object in the young generation, with what the old one knows of it. */
static WrittenObject *
written_enter(PylonSession *session, const char *path)
{
	WrittenKey	key = make_key(InvalidOid, path);
	struct WrittenHistory *history = session->written;
	WrittenObject *before;
	WrittenObject *object;
	bool		found;

	if (history == NULL)
	{
		history = MemoryContextAllocZero(TopMemoryContext, sizeof(struct WrittenHistory));
		session->written = history;
	}
	if (history->young == NULL || hash_get_num_entries(history->young) >= MAX_LATELY)
		start_generation(history);
	before = written_find(session, &key);
	object = hash_search(history->young, &key, HASH_ENTER, &found);
	if (!found)
		object->at = before != NULL ? before->at : 0;
	return object;
}

static WrittenObject *
written_find(const PylonSession *session, const WrittenKey *key)
{
	struct WrittenHistory *history = session->written;
	HTAB	   *generations[2] = {NULL, NULL};

	if (history != NULL)
	{
		generations[0] = history->young;
		generations[1] = history->old;
	}
	for (size_t i = 0; i < lengthof(generations); i++)
	{
		WrittenObject *object = generations[i] == NULL ? NULL :
			hash_search(generations[i], key, HASH_FIND, NULL);

		if (object != NULL)
			return object;
	}
	return NULL;
}

static void
start_generation(struct WrittenHistory *history)
{
	HASHCTL		ctl = {.keysize = sizeof(WrittenKey),.entrysize = sizeof(WrittenObject)};
	HTAB	   *young = hash_create("pylon_fdw objects written lately", 64, &ctl,
									HASH_ELEM | HASH_BLOBS);

	if (history->old != NULL)
		hash_destroy(history->old);
	history->old = history->young;
	history->young = young;
}
