/*-------------------------------------------------------------------------
 *
 * query_owner.c
 *		Does what a query has opened still belong to it?
 *
 * A cursor that has failed below a savepoint loses its resources when that is
 * rolled back: its relations and files are closed, and their owner is freed.
 * Its memory, with the scans in there, lasts until the cursor is closed. What
 * comes upon such a scan from outside finds here that its query is no more.
 *
 * IDENTIFICATION
 *		fdw/query/query_owner.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "query/query_owner.h"

static dlist_head watched = DLIST_STATIC_INIT(watched);

static void note_release(ResourceReleasePhase phase, bool is_commit,
						 bool is_top_level, void *arg);

/* The present owner is that of a query; query_owner_forget is to follow. */
void
query_owner_watch(QueryOwner *query)
{
	static bool registered = false;

	if (!registered)
		RegisterResourceReleaseCallback(note_release, NULL);
	registered = true;
	query->owner = CurrentResourceOwner;
	dlist_push_tail(&watched, &query->node);
}

/* The memory of a query goes. */
void
query_owner_forget(QueryOwner *query)
{
	dlist_delete(&query->node);
}

/* What the present owner has is being released. */
static void
note_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level,
			 void *arg)
{
	dlist_iter	iter;

	dlist_foreach(iter, &watched)
	{
		QueryOwner *query = dlist_container(QueryOwner, node, iter.cur);

		if (query->owner == CurrentResourceOwner)
			query->owner = NULL;
	}
}
