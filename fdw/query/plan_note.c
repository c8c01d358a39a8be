/*-------------------------------------------------------------------------
 *
 * plan_note.c
 *		Which of the queries that are being planned read objects.
 *
 * The planner's hooks are called for all queries of a session that has this
 * library loaded. They ask here first, so that they cost those that have
 * nothing of ours next to nothing.
 *
 * IDENTIFICATION
 *		fdw/query/plan_note.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "query/plan_note.h"
#include "utils/memutils.h"

/* A query, or part of one, that reads objects; in the planner's memory. */
typedef struct PlanNote
{
	PlannerInfo *root;
	List	   *servers;		/* OIDs of those that it reads */
	dlist_node	node;			/* of "notes" */
	MemoryContextCallback callback;
} PlanNote;

static dlist_head notes = DLIST_STATIC_INIT(notes);

static PlanNote *find_note(PlannerInfo *root);
static void forget_note(void *note);
static bool plan_note_reads(PlannerInfo *root, List *servers);

/*
 * Remembers that "root" reads objects of a server, for as long as the
 * planner's memory lives.
 */
void
plan_note(PlannerInfo *root, Oid serverid)
{
	PlanNote   *note = find_note(root);
	MemoryContext before = MemoryContextSwitchTo(root->planner_cxt);

	if (note == NULL)
	{
		note = palloc0(sizeof(PlanNote));
		note->root = root;
		note->callback.func = forget_note;
		note->callback.arg = note;
		MemoryContextRegisterResetCallback(root->planner_cxt, &note->callback);
		dlist_push_head(&notes, &note->node);
	}
	note->servers = list_append_unique_oid(note->servers, serverid);
	MemoryContextSwitchTo(before);
}

/* Are objects among the tables of this query itself, as far as it is planned? */
bool
plan_has_objects(PlannerInfo *root)
{
	return find_note(root) != NULL;
}

/* Is any query being planned that reads objects? */
bool
plan_notes_exist(void)
{
	return !dlist_is_empty(&notes);
}

/*
 * Does the query, one of its subqueries, or one that its values and WITH
 * clauses may come from, read objects of one of these servers?
 */
bool
plan_reads(PlannerInfo *root, List *servers)
{
	ListCell   *lc;

	if (plan_note_reads(root, servers))
		return true;
	foreach(lc, root->glob->subroots)
	{
		if (lfirst(lc) != NULL && plan_note_reads(lfirst(lc), servers))
			return true;
	}
	return false;
}

static PlanNote *
find_note(PlannerInfo *root)
{
	dlist_iter	iter;

	dlist_foreach(iter, &notes)
	{
		PlanNote   *note = dlist_container(PlanNote, node, iter.cur);

		if (note->root == root)
			return note;
	}
	return NULL;
}

static void
forget_note(void *note)
{
	dlist_delete(&((PlanNote *) note)->node);
}

/* The query itself, or a subquery in its FROM. */
static bool
plan_note_reads(PlannerInfo *root, List *servers)
{
	PlanNote   *note = find_note(root);
	ListCell   *lc;

	if (note != NULL)
	{
		foreach(lc, servers)
		{
			if (list_member_oid(note->servers, lfirst_oid(lc)))
				return true;
		}
	}
	for (int i = 1; i < root->simple_rel_array_size; i++)
	{
		RelOptInfo *rel = root->simple_rel_array[i];

		if (rel != NULL && rel->subroot != NULL && plan_note_reads(rel->subroot, servers))
			return true;
	}
	return false;
}
