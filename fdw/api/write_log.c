/*-------------------------------------------------------------------------
 *
 * write_log.c
 *		What was written, what is on its way, and what a rollback leaves.
 *
 * A write takes effect at once, whatever becomes of the transaction, so
 * three things are kept: how many writes a statement has done, how many each
 * level of savepoints has, and which are on their way. When a level is
 * rolled back, the user is told what remains, and of which writes nobody
 * knows. Those that a cancel or a termination leaves on their way are judged
 * by what is known when their level, or the memory of their request, ends:
 * nothing here depends on anybody catching the error.
 *
 * IDENTIFICATION
 *		fdw/api/write_log.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "api/write_log.h"
#include "api/written.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

/*
 * At most so many writes of unknown outcome are named in a message, and the
 * others counted. By default four are in flight at once.
 */
#define MAX_NAMES 10

/* What a statement has written so far, to all its tables. */
typedef struct PylonStatement
{
	MemoryContext query;		/* owns it */
	uint64		writes[NUM_PYLON_WRITES];
	HTAB	   *rows;			/* updated or deleted, or NULL */
	dlist_node	node;
	MemoryContextCallback callback;
} PylonStatement;

/* What a level of savepoints has written of one object; in TopTransactionContext. */
typedef struct WriteLevel
{
	int			level;
	const PylonNouns *nouns;	/* of that object */
	struct WriteLevel *next;	/* that was rolled back, of another object */
	uint64		writes[NUM_PYLON_WRITES];
	uint64		unknown[NUM_PYLON_WRITES];
	List	   *names;			/* of char *: the first of those unknown */
} WriteLevel;

/* That a write is on its way; in TopTransactionContext. */
typedef struct WriteNote
{
	PylonWriteRequest *write;	/* NULL where its memory is gone */
	WriteFate	fate;			/* of one whose memory is gone */
	PylonWrite	kind;
	const PylonNouns *nouns;	/* what is written */
	int			level;			/* of savepoints */
	dlist_node	node;
	char		name[FLEXIBLE_ARRAY_MEMBER];	/* "insert ..." */
} WriteNote;

/* In the memory of its request. */
struct PylonWriteRequest
{
	HttpRequest *request;
	bool		doubtful;		/* a success by its status alone */
	PylonConnection *connection;
	const char *path;
	WriteNote  *note;			/* NULL when it is settled */
	MemoryContextCallback callback;
};

static const char *const nouns[NUM_PYLON_WRITES] = {"create", "update", "delete"};

static dlist_head statements = DLIST_STATIC_INIT(statements);
static dlist_head notes = DLIST_STATIC_INIT(notes);
static List *write_levels = NIL;	/* of WriteLevel *, innermost last */
static WriteLevel *rolled_back = NULL;	/* not told yet, one an object */

static void forget_statement(void *arg);
static void release_write(void *arg);
static bool is_of_object(const WriteNote *note);
static WriteFate writes_judge(PylonWriteRequest *write);
static void close_note(WriteNote *note, WriteFate fate);
static void count_write(PylonConnection *connection, PylonWrite kind);
static void register_callbacks(void);
static WriteLevel *get_level(int level, const PylonNouns *nouns);
static void add_level(WriteLevel *sum, const WriteLevel *level);
static void close_levels(int level);
static void add_rolled_back(WriteLevel *level);
static void end_transaction(XactEvent event, void *arg);
static void end_subtransaction(SubXactEvent event, SubTransactionId id,
							   SubTransactionId parent, void *arg);
static void tell_rolled_back(void);
static void tell_level(const WriteLevel *told);
static char *names_text(const WriteLevel *level);
static uint64 writes_total(const uint64 *writes);
static char *writes_counted(const uint64 *writes, bool zeros);

/*
 * The counters of the statement whose execution owns "query", made at the
 * first call: a statement may write several tables. They live as long.
 */
PylonStatement *
writes_of_statement(MemoryContext query)
{
	PylonStatement *statement;
	dlist_iter	iter;

	dlist_foreach(iter, &statements)
	{
		statement = dlist_container(PylonStatement, node, iter.cur);
		if (statement->query == query)
			return statement;
	}
	statement = MemoryContextAllocZero(query, sizeof(PylonStatement));
	statement->query = query;
	statement->callback.func = forget_statement;
	statement->callback.arg = statement;
	MemoryContextRegisterResetCallback(query, &statement->callback);
	dlist_push_tail(&statements, &statement->node);
	return statement;
}

static void
forget_statement(void *arg)
{
	dlist_delete(&((PylonStatement *) arg)->node);
}

/*
 * Is it the first time that the statement is about to update or delete the
 * object with this path? A later time, of whichever of its tables and parts,
 * finds what PostgreSQL calls a row that the same command has modified: it is
 * none any more.
 */
bool
writes_claim(PylonConnection *connection, const char *path)
{
	PylonStatement *statement = connection->statement;

	if (statement->rows == NULL)
		statement->rows = written_set_create(statement->query);
	return written_set_add(statement->rows, connection->serverid, path);
}

/*
 * Sends a write without waiting for its answer; its purpose names it in
 * messages. Belongs to the current memory context, as http_start says.
 */
PylonWriteRequest *
writes_send(PylonConnection *connection, PylonWrite kind, const HttpCall *call)
{
	PylonWriteRequest *write = palloc0(sizeof(PylonWriteRequest));
	WriteNote  *note;

	register_callbacks();
	note = MemoryContextAlloc(TopTransactionContext,
							  offsetof(WriteNote, name) + strlen(call->purpose) + 1);
	strcpy(note->name, call->purpose);
	note->kind = kind;
	note->nouns = connection->nouns;
	note->level = GetCurrentTransactionNestLevel();
	/* Made now, as there may be no memory for it when it is needed. */
	(void) get_level(note->level, note->nouns);
	if (is_of_object(note))
		written_expect(connection->session, call->path);

	write->connection = connection;
	write->path = call->path;
	write->request = http_start(connection, call);
	/* Called before the request's own, which was registered earlier. */
	write->callback.func = release_write;
	write->callback.arg = write;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &write->callback);
	write->note = note;
	note->write = write;
	dlist_push_tail(&notes, &note->node);
	return write;
}

/* Waits for the answer, as http_wait; writes_settle is to follow. */
const HttpResponse *
writes_wait(PylonWriteRequest *write)
{
	return http_wait(write->request);
}

/* The answer, which is there, says by its status alone that the write was done. */
void
writes_doubt(PylonWriteRequest *write)
{
	write->doubtful = true;
	http_doubt(write->request);
}

/*
 * After how many ms a write that can't simply be repeated may be sent again,
 * and that again: as http_resend_wait and http_resend say.
 */
double
writes_resend_wait(PylonWriteRequest *write)
{
	return http_resend_wait(write->request);
}

void
writes_resend(PylonWriteRequest *write)
{
	http_resend(write->request);
}

/*
 * Takes a write back that nobody has done, and that waits to be sent: as
 * http_withdraw says. It is settled then.
 */
bool
writes_withdraw(PylonWriteRequest *write)
{
	if (!http_withdraw(write->request))
		return false;
	writes_settle_as(write, WRITE_NOT_DONE);
	return true;
}

/*
 * Waits until the writes to the connection's server that other statements
 * have on their way have their answers: what is read or written now, by a
 * function that such a statement runs, comes after them. Interruptible.
 */
void
writes_await(const PylonConnection *connection)
{
	dlist_iter	iter;

	dlist_foreach(iter, &notes)
	{
		WriteNote  *note = dlist_container(WriteNote, node, iter.cur);

		if (note->write != NULL && note->write->connection->serverid == connection->serverid &&
			note->write->connection->statement != connection->statement)
			(void) http_wait(note->write->request);
	}
}

/* Takes to the books what has become of a write that has its answer. */
WriteFate
writes_settle(PylonWriteRequest *write)
{
	WriteFate	fate = writes_judge(write);

	writes_settle_as(write, fate);
	return fate;
}

/* The same, where the caller knows better; at most once for each write. */
void
writes_settle_as(PylonWriteRequest *write, WriteFate fate)
{
	if (fate == WRITE_DONE)
		count_write(write->connection, write->note->kind);
	if (fate != WRITE_NOT_DONE && is_of_object(write->note))
		written_note(write->connection->session, write->path);
	close_note(write->note, fate);
}

/* Does the path of the write name the object? */
static bool
is_of_object(const WriteNote *note)
{
	return note->kind != PYLON_CREATE;
}

/* Has the statement written anything yet? */
bool
writes_any_done(const PylonConnection *connection)
{
	for (int i = 0; i < NUM_PYLON_WRITES; i++)
	{
		if (connection->statement->writes[i] > 0)
			return true;
	}
	return false;
}

/* What the statement has written, as a sentence in the current context. */
char *
writes_done(const PylonConnection *connection)
{
	return psprintf("Of this statement, %s were done.",
					writes_counted(connection->statement->writes, true));
}

/* The request's memory goes while it is open: an error has come between. */
static void
release_write(void *arg)
{
	PylonWriteRequest *write = arg;

	if (write->note == NULL)
		return;
	write->note->fate = writes_judge(write);
	if (write->note->fate == WRITE_DONE)
		count_write(write->connection, write->note->kind);
	if (write->note->fate != WRITE_NOT_DONE && is_of_object(write->note))
		written_note_expected(write->connection->session, write->path);
	write->note->write = NULL;
	write->note = NULL;
}

/* By all that is known at this moment. */
static WriteFate
writes_judge(PylonWriteRequest *write)
{
	const HttpResponse *response = http_peek(write->request);

	if (response != NULL && http_is_success(response))
		return write->doubtful ? WRITE_UNKNOWN : WRITE_DONE;
	return http_is_unknown(write->request) ? WRITE_UNKNOWN : WRITE_NOT_DONE;
}

/* The write isn't on its way any more; adds it to its level. */
static void
close_note(WriteNote *note, WriteFate fate)
{
	WriteLevel *level = get_level(note->level, note->nouns);

	if (fate == WRITE_DONE)
		level->writes[note->kind]++;
	if (fate == WRITE_UNKNOWN)
	{
		MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);

		level->unknown[note->kind]++;
		if (list_length(level->names) < MAX_NAMES)
			level->names = lappend(level->names, pstrdup(note->name));
		MemoryContextSwitchTo(before);
	}
	if (note->write != NULL)
		note->write->note = NULL;
	dlist_delete(&note->node);
	pfree(note);
}

/* Counts for the statement, its table, and the session. */
static void
count_write(PylonConnection *connection, PylonWrite kind)
{
	connection->statement->writes[kind]++;
	switch (kind)
	{
		case PYLON_CREATE:
			CONNECTION_COUNT(connection, rows_created, 1);
			break;
		case PYLON_UPDATE:
			CONNECTION_COUNT(connection, rows_updated, 1);
			break;
		case PYLON_DELETE:
			CONNECTION_COUNT(connection, rows_deleted, 1);
			break;
		case NUM_PYLON_WRITES:
			break;
	}
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
	registered = true;
}

/* A level that is open, made if it is new. */
static WriteLevel *
get_level(int level, const PylonNouns *nouns)
{
	ListCell   *lc;
	WriteLevel *made;
	MemoryContext before;
	int			place = 0;

	foreach(lc, write_levels)
	{
		WriteLevel *found = lfirst(lc);

		if (found->level == level && found->nouns == nouns)
			return found;
		if (found->level <= level)
			place++;
	}
	before = MemoryContextSwitchTo(TopTransactionContext);
	made = palloc0(sizeof(WriteLevel));
	made->level = level;
	made->nouns = nouns;
	write_levels = list_insert_nth(write_levels, place, made);
	MemoryContextSwitchTo(before);
	return made;
}

/* "sum" is in memory that lives as long as the transaction. */
static void
add_level(WriteLevel *sum, const WriteLevel *level)
{
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);

	for (int i = 0; i < NUM_PYLON_WRITES; i++)
	{
		sum->writes[i] += level->writes[i];
		sum->unknown[i] += level->unknown[i];
	}
	sum->names = list_concat(sum->names, level->names);
	MemoryContextSwitchTo(before);
}

/* This level and those within are rolled back. */
static void
close_levels(int level)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &notes)
	{
		WriteNote  *note = dlist_container(WriteNote, node, iter.cur);

		if (note->level < level)
			continue;
		if (note->write != NULL)
			release_write(note->write);
		close_note(note, note->fate);
	}
	while (write_levels != NIL && ((WriteLevel *) llast(write_levels))->level >= level)
	{
		add_rolled_back(llast(write_levels));
		write_levels = list_delete_last(write_levels);
	}
}

/* Takes the level over: there may be no memory for another one. */
static void
add_rolled_back(WriteLevel *level)
{
	WriteLevel **place = &rolled_back;

	while (*place != NULL && (*place)->nouns != level->nouns)
		place = &(*place)->next;
	if (*place == NULL)
		*place = level;
	else
		add_level(*place, level);
}

static void
end_transaction(XactEvent event, void *arg)
{
	dlist_mutable_iter iter;

	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			if (write_levels != NIL)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has written %s",
								((WriteLevel *) linitial(write_levels))->nouns->many)));
			break;
		case XACT_EVENT_ABORT:
			close_levels(0);
			tell_rolled_back();
			break;
		case XACT_EVENT_COMMIT:
			break;
		default:
			return;
	}

	/* The memory of these goes with the transaction. */
	dlist_foreach_modify(iter, &notes)
	{
		WriteNote  *note = dlist_container(WriteNote, node, iter.cur);

		if (note->write != NULL)
			note->write->note = NULL;
		dlist_delete(&note->node);
	}
	write_levels = NIL;
	rolled_back = NULL;
}

/*
 * A savepoint that is released hands its writes to the level around it. One
 * that is rolled back is told of at once, but where the user ends several
 * levels in one command, which shows in the block's status, only after the
 * last: then the savepoint begins anew, or the transaction ends.
 */
static void
end_subtransaction(SubXactEvent event, SubTransactionId id,
				   SubTransactionId parent, void *arg)
{
	int			nest = GetCurrentTransactionNestLevel();
	dlist_iter	iter;

	switch (event)
	{
		case SUBXACT_EVENT_START_SUB:
			tell_rolled_back();
			break;
		case SUBXACT_EVENT_ABORT_SUB:
			close_levels(nest);
			if (TransactionBlockStatusCode() != 'E')
				tell_rolled_back();
			break;
		case SUBXACT_EVENT_COMMIT_SUB:
			dlist_foreach(iter, &notes)
			{
				WriteNote  *note = dlist_container(WriteNote, node, iter.cur);

				note->level = Min(note->level, nest - 1);
			}
			while (write_levels != NIL && ((WriteLevel *) llast(write_levels))->level >= nest)
			{
				WriteLevel *last = llast(write_levels);

				write_levels = list_delete_last(write_levels);
				add_level(get_level(nest - 1, last->nouns), last);
			}
			break;
		default:
			break;
	}
}

/* What remains of the levels that were rolled back, and what is unknown. */
static void
tell_rolled_back(void)
{
	WriteLevel *told = rolled_back;

	rolled_back = NULL;
	for (; told != NULL; told = told->next)
		tell_level(told);
}

static void
tell_level(const WriteLevel *told)
{
	char	   *done = writes_counted(told->writes, false);
	char	   *unknown = writes_counted(told->unknown, false);
	uint64		all = writes_total(told->unknown);

	if (done != NULL)
		ereport(WARNING,
				(errmsg("rolled back here, but not in Pylon: %s of %s remain",
						writes_counted(told->writes, true), told->nouns->many),
				 errhint("Pylon has no transactions: each write takes effect at once.")));
	if (unknown != NULL)
		ereport(WARNING,
				(all == 1 ?
				 errmsg("it is unknown whether Pylon did %s that was on its way", unknown) :
				 errmsg("it is unknown whether Pylon did %s that were on their way", unknown),
				 errdetail_internal("%s.", names_text(told)),
				 all == 1 ? errhint("See whether it took effect.") :
				 errhint("See which of them took effect.")));
}

static char *
names_text(const WriteLevel *level)
{
	StringInfoData names;
	uint64		all = writes_total(level->unknown);
	int			named = 0;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, level->names)
	{
		if (named++ < MAX_NAMES)
			appendStringInfo(&names, "%s%s", names.len > 0 ? "; " : "", (char *) lfirst(lc));
	}
	if (all > MAX_NAMES)
		appendStringInfo(&names, "; and " UINT64_FORMAT " more", all - MAX_NAMES);
	names.data[0] = pg_toupper((unsigned char) names.data[0]);
	return names.data;
}

static uint64
writes_total(const uint64 *writes)
{
	uint64		sum = 0;

	for (int i = 0; i < NUM_PYLON_WRITES; i++)
		sum += writes[i];
	return sum;
}

/*
 * "1 create, 0 updates and 2 deletes", without "zeros" only those that are
 * more, or NULL where none is. In the current memory context.
 */
static char *
writes_counted(const uint64 *writes, bool zeros)
{
	const char *parts[NUM_PYLON_WRITES] = {NULL};
	int			count = 0;

	for (int i = 0; i < NUM_PYLON_WRITES; i++)
	{
		if (writes[i] > 0 || zeros)
			parts[count++] = connection_count_text(writes[i], nouns[i]);
	}
	switch (count)
	{
		case 0:
			return NULL;
		case 1:
			return pstrdup(parts[0]);
		case 2:
			return psprintf("%s and %s", parts[0], parts[1]);
		default:
			return psprintf("%s, %s and %s", parts[0], parts[1], parts[2]);
	}
}
