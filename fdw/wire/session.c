/*-------------------------------------------------------------------------
 *
 * session.c
 *		What a session knows of the servers that it has used.
 *
 *
 * Counters, what the API has refused, and what was written lately (written.c).
 * It lives as long as the session; ALTER SERVER has the refusals forgotten.
 *
 * IDENTIFICATION
 *		fdw/wire/session.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#include "wire/session.h"

static HTAB *sessions = NULL;

static void forget_refusals(Datum arg, CompatCacheId cache,
							uint32 hash_value);

/* What this session knows of a server; valid until the session ends. */
PylonSession *
session_of_server(Oid serverid)
{
	PylonSession *session;
	bool		found;

	if (sessions == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(PylonSession)};

		sessions = hash_create("pylon_fdw sessions", 8, &ctl,
							   HASH_ELEM | HASH_BLOBS);
		CacheRegisterSyscacheCallback(FOREIGNSERVEROID, forget_refusals,
									  (Datum) 0);
	}
	session = hash_search(sessions, &serverid, HASH_ENTER, &found);
	if (!found)
	{
		session->uses = NIL;
		session->refused = NIL;
		session->written = NULL;
		session->limits = NULL;
		session->hash_value = GetSysCacheHashValue1(FOREIGNSERVEROID,
													ObjectIdGetDatum(serverid));
	}
	return session;
}

/*
 * What it knows of an object of that server, or with NULL, of requests that
 * are of none; valid until the session ends.
 */
PylonUse *
session_use(PylonSession *session, const PylonNouns *nouns)
{
	MemoryContext before;
	PylonUse   *use;
	ListCell   *lc;

	foreach(lc, session->uses)
	{
		use = lfirst(lc);
		if (use->nouns == nouns)
			return use;
	}
	before = MemoryContextSwitchTo(TopMemoryContext);
	use = palloc0(sizeof(PylonUse));
	use->nouns = nouns;
	session->uses = lappend(session->uses, use);
	MemoryContextSwitchTo(before);
	return use;
}

/* Has the server answered with success, whatever was asked? */
bool
session_is_reached(const PylonSession *session)
{
	ListCell   *lc;

	foreach(lc, session->uses)
	{
		if (((PylonUse *) lfirst(lc))->reached)
			return true;
	}
	return false;
}

/* Was anything asked, be it before the counters were reset? */
bool
session_is_used(const PylonUse *use)
{
	return use->used || use->counters.requests > 0;
}

/*
 * "refused" with one more pair of field and operator, refused for a list of
 * "values". In the current memory context.
 */
List *
session_add_refusal(List *refused, const char *pair, int values)
{
	PylonRefusal *refusal;
	ListCell   *lc;

	foreach(lc, refused)
	{
		refusal = lfirst(lc);
		if (strcmp(refusal->pair, pair) == 0)
		{
			refusal->values = Min(refusal->values, values);
			return refused;
		}
	}
	refusal = palloc(offsetof(PylonRefusal, pair) + strlen(pair) + 1);
	refusal->values = values;
	strcpy(refusal->pair, pair);
	return lappend(refused, refusal);
}

/* It isn't tried again in this session, unless the server is altered. */
void
session_remember_refusal(PylonSession *session, const char *pair,
							int values)
{
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

	session->refused = session_add_refusal(session->refused, pair, values);
	MemoryContextSwitchTo(before);
}

/* Is this operator on this field, with so many values, among "refused"? */
bool
session_is_refused(List *refused, const char *pair, int values)
{
	ListCell   *lc;

	foreach(lc, refused)
	{
		const PylonRefusal *refusal = lfirst(lc);

		if (values >= refusal->values && strcmp(refusal->pair, pair) == 0)
			return true;
	}
	return false;
}

/* A server was altered, or with "hash_value" 0 any may have been. */
static void
forget_refusals(Datum arg, CompatCacheId cache, uint32 hash_value)
{
	HASH_SEQ_STATUS status;
	PylonSession *session;
	ListCell   *lc;

	/* Nothing may be allocated here: nobody knows in which context. */
	hash_seq_init(&status, sessions);
	while ((session = hash_seq_search(&status)) != NULL)
	{
		if (hash_value != 0 && session->hash_value != hash_value)
			continue;
		list_free_deep(session->refused);
		session->refused = NIL;
		foreach(lc, session->uses)
			((PylonUse *) lfirst(lc))->reached = false;
	}
}

/* PylonSession of each server that this session has used. */
List *
session_list(void)
{
	List	   *list = NIL;
	HASH_SEQ_STATUS status;
	PylonSession *session;

	if (sessions == NULL)
		return NIL;
	hash_seq_init(&status, sessions);
	while ((session = hash_seq_search(&status)) != NULL)
		list = lappend(list, session);
	return list;
}

/* Adds "more" to "sum". */
void
session_add_counters(PylonCounters *sum, const PylonCounters *more)
{
	sum->requests += more->requests;
	sum->retries += more->retries;
	sum->rate_limited += more->rate_limited;
	sum->rate_limit_wait += more->rate_limit_wait;
	sum->bytes_sent += more->bytes_sent;
	sum->bytes_received += more->bytes_received;
	sum->pages += more->pages;
	sum->rows_read += more->rows_read;
	sum->rows_created += more->rows_created;
	sum->rows_updated += more->rows_updated;
	sum->rows_deleted += more->rows_deleted;
}

/* All counters of the session start at 0 again. */
void
session_reset_counters(void)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, session_list())
	{
		foreach(lc2, ((PylonSession *) lfirst(lc))->uses)
		{
			PylonUse   *use = lfirst(lc2);

			use->used = session_is_used(use);
			memset(&use->counters, 0, sizeof(use->counters));
		}
	}
}
