/*-------------------------------------------------------------------------
 *
 * written.c
 *		Which contacts a statement has written.
 *
 * A statement writes a contact once, however often it finds it. Kept are
 * hashes of the contacts' paths: equal hashes are as good as equal paths,
 * and a hundred thousand of them take some megabytes.
 *
 * IDENTIFICATION
 *		fdw/written.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "written.h"

typedef struct WrittenKey
{
	uint64		hash[2];
} WrittenKey;

static WrittenKey make_key(Oid serverid, const char *path);

/* The contacts that a statement has written; belongs to the context. */
HTAB *
written_set_create(MemoryContext context)
{
	HASHCTL		ctl = {.keysize = sizeof(WrittenKey),.entrysize = sizeof(WrittenKey),.hcxt = context};

	return hash_create("pylon_fdw contacts of a statement", 64, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* False if the contact is among them already. */
bool
written_set_add(HTAB *set, Oid serverid, const char *path)
{
	WrittenKey	key = make_key(serverid, path);
	bool		found;

	(void) hash_search(set, &key, HASH_ENTER, &found);
	return !found;
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
