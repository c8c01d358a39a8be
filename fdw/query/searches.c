/*-------------------------------------------------------------------------
 *
 * searches.c
 *		What a scan asks for, in order, several requests in flight.
 *
 * A question is an evaluated filter; it falls into one or more searches (or is
 * a list, or a look-up of one id), each of which has a reader of its own. The
 * first search gives its pages; those behind it are sent before it has come
 * to its end, where they are certain to be needed: up to
 * max_concurrent_requests of the server's are in flight then. Each of these
 * holds a page and the one behind it, and no more.
 *
 * Nothing here knows of rows: which are taken, and what becomes of a refusal,
 * is decided in scan.c.
 *
 * IDENTIFICATION
 *		fdw/query/searches.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "query/searches.h"

typedef struct Question
{
	FilterState *filter;		/* the scan's */
	FilterRequest request;
	bool		begun;			/* its first search was begun */
} Question;

typedef struct Search
{
	Question   *question;
	int			number;			/* of the question's searches */
	const FilterBatch *batch;	/* of FILTER_SEARCH, else NULL */
	PylonReader *reader;
} Search;

/* Lives in the memory context in which it was created. */
struct Searches
{
	PylonConnection *connection;
	const ObjectLayout *layout;
	MemoryContext context;
	double		limit;			/* see searches_set_limit */
	bool		answered;		/* a search of this kind was taken */
	List	   *questions;		/* the present one first; empty: none */
	List	   *begun;			/* of Search *: the first gives its pages, the
								 * others may be on their way */
	List	   *spare;			/* of Search *: to be used again */
};

static bool has_next(const Searches *searches, Question **question, int *number);
static bool has_more_searches(const Search *search);
static bool is_welcome(const Searches *searches);
static bool may_go_ahead(const Searches *searches);
static void go_ahead(Searches *searches, bool whole);
static void begin_first(Searches *searches);
static Search *begin_search(Searches *searches, Question *question, int number);
static void begin_reading(Searches *searches, Search *search);
static void use_first(Searches *searches);
static void drop_search(Searches *searches, Search *search);
static void drop_begun(Searches *searches, Question *question);
static void drop_question(Searches *searches, Question *question);
static Search *first_search(const Searches *searches);

/* In the current memory context; nothing is asked yet. */
Searches *
searches_create(PylonConnection *connection, const ObjectLayout *layout)
{
	Searches   *searches = palloc0(sizeof(Searches));

	searches->connection = connection;
	searches->layout = layout;
	searches->context = CurrentMemoryContext;
	searches->limit = -1;
	return searches;
}

/*
 * How many objects will do, of questions that are begun from now on: -1 if all
 * are wanted, infinity if it is open how many.
 */
void
searches_set_limit(Searches *searches, double limit)
{
	searches->limit = limit;
}

/* Asks this instead of all that was to be asked; sends nothing yet. */
void
searches_begin(Searches *searches, FilterState *filter, FilterRequest request)
{
	searches_clear(searches);
	searches_add(searches, filter, request);
	searches_take_first(searches);
}

/* The filter of the present question was evaluated anew: asks that instead. */
void
searches_restart(Searches *searches, FilterRequest request)
{
	Question   *question = linitial(searches->questions);

	drop_begun(searches, question);
	question->request = request;
	searches->answered = false;
	begin_first(searches);
}

/* Another question, behind all others, with a filter of its own. */
void
searches_add(Searches *searches, FilterState *filter, FilterRequest request)
{
	MemoryContext before = MemoryContextSwitchTo(searches->context);
	Question   *question = palloc0(sizeof(Question));

	question->filter = filter;
	question->request = request;
	searches->questions = lappend(searches->questions, question);
	MemoryContextSwitchTo(before);
}

/* The present question is over. */
void
searches_drop_first(Searches *searches)
{
	drop_question(searches, linitial(searches->questions));
}

/* The first question is the present one now. */
void
searches_take_first(Searches *searches)
{
	if (((Question *) linitial(searches->questions))->begun)
		use_first(searches);
	else
		begin_first(searches);
}

/* There are no questions. */
void
searches_clear(Searches *searches)
{
	while (searches->questions != NIL)
		drop_question(searches, llast(searches->questions));
}

/* The question behind all others isn't to be asked. */
void
searches_drop_last(Searches *searches)
{
	drop_question(searches, llast(searches->questions));
}

/* The present question's filter was evaluated anew, to the same. */
void
searches_refilter(Searches *searches, FilterState *filter)
{
	Question   *question = linitial(searches->questions);
	ListCell   *lc;

	question->filter = filter;
	foreach(lc, searches->begun)
	{
		Search	   *search = lfirst(lc);

		if (search->question != question || search->batch == NULL)
			continue;
		search->batch = filter_batch(filter, search->number);
		pylon_refilter(search->reader, search->batch->filter);
	}
	use_first(searches);
}

/*
 * Sends as much as there is room for, without waiting: the first search of
 * each question and, with "whole", all others.
 */
void
searches_send(Searches *searches, bool whole)
{
	go_ahead(searches, whole);
}

/*
 * The same, and what searches_page will wait for: that, too, only if there is
 * room for it with "bounded".
 */
void
searches_start(Searches *searches, bool whole, bool bounded)
{
	Search	   *first = first_search(searches);

	if (first != NULL && (!bounded || pylon_has_room(searches->connection)))
		pylon_start(first->reader);
	go_ahead(searches, whole);
}

/*
 * The next page of the present search, or NULL after its last one or where it
 * was refused. Errors as pylon_next_page.
 */
const PylonPage *
searches_page(Searches *searches, bool whole)
{
	Search	   *first = first_search(searches);
	const PylonPage *page;
	ListCell   *lc;

	if (first == NULL)
		return NULL;
	if (whole)
		searches_start(searches, whole, false);
	page = pylon_next_page(first->reader);
	if (page == NULL)
		return NULL;
	searches->answered = true;
	for_each_from(lc, searches->begun, 1)
	{
		if (pylon_has_room(searches->connection))
			pylon_advance(((Search *) lfirst(lc))->reader);
	}
	go_ahead(searches, whole);
	return page;
}

/* Moves on to the next search of the present question; false after the last. */
bool
searches_next(Searches *searches)
{
	Search	   *first = first_search(searches);
	MemoryContext before;

	if (first == NULL || !has_more_searches(first))
		return false;
	searches->begun = list_delete_first(searches->begun);
	if (first_search(searches) == NULL)
	{
		before = MemoryContextSwitchTo(searches->context);
		searches->begun = lcons(begin_search(searches, first->question, first->number + 1),
								searches->begun);
		MemoryContextSwitchTo(before);
	}
	drop_search(searches, first);
	use_first(searches);
	return true;
}

/* Which of its question's searches is the present one? */
int
searches_batch(const Searches *searches)
{
	Search	   *first = first_search(searches);

	return first == NULL ? 0 : first->number;
}

/* Can the question start over without a request? */
bool
searches_can_rewind(const Searches *searches)
{
	Search	   *first = first_search(searches);

	return first != NULL && first->number == 0 && pylon_can_rewind(first->reader);
}

/* Is the page in hand, which must be the first one, all that there is? */
bool
searches_are_in_hand(const Searches *searches)
{
	return searches_can_rewind(searches) && !searches_want_more(searches) &&
		!pylon_may_ask(first_search(searches)->reader);
}

/* Is there more to the present question that is certain to be wanted? */
bool
searches_want_more(const Searches *searches)
{
	Search	   *first = first_search(searches);

	return first != NULL && (pylon_wants_more(first->reader) || has_more_searches(first));
}

/* Will searches_page hardly have to wait? */
bool
searches_are_ready(const Searches *searches)
{
	Search	   *first = first_search(searches);

	return first == NULL || pylon_is_ready(first->reader);
}

/* What the API said when it refused the present search; NULL if it didn't. */
const char *
searches_refusal(const Searches *searches)
{
	Search	   *first = first_search(searches);

	return first == NULL ? NULL : pylon_refusal(first->reader);
}

/* Raises that as an error. */
void
searches_raise_refusal(const Searches *searches)
{
	pylon_raise_refusal(first_search(searches)->reader);
}

/* ------------------------------------------------------------------------
 * Going ahead
 * ------------------------------------------------------------------------
 */

/* Sends searches behind those that are begun, as many as there is room for. */
static void
go_ahead(Searches *searches, bool whole)
{
	MemoryContext before = MemoryContextSwitchTo(searches->context);
	Question   *question;
	int			number;

	while (is_welcome(searches) && may_go_ahead(searches) &&
		   has_next(searches, &question, &number) && (whole || number == 0))
	{
		Search	   *search = begin_search(searches, question, number);

		searches->begun = lappend(searches->begun, search);
		pylon_start(search->reader);
	}
	MemoryContextSwitchTo(before);
}

/*
 * What the API may refuse is asked once, and not several times at once, before
 * it has been taken.
 */
static bool
is_welcome(const Searches *searches)
{
	Search	   *last = searches->begun == NIL ? NULL : llast(searches->begun);

	return searches->answered || last == NULL || last->batch == NULL ||
		last->batch->documented;
}

/*
 * Those that have given all their pages, but whose rows nobody has wanted yet,
 * don't count: else a slow answer would keep those behind it from being
 * sent. They hold memory, so there are no more of them than of the others.
 */
static bool
may_go_ahead(const Searches *searches)
{
	int			most = searches->connection->options.max_concurrent_requests;
	int			asking = 0;
	ListCell   *lc;

	foreach(lc, searches->begun)
		asking += pylon_may_ask(((Search *) lfirst(lc))->reader) ? 1 : 0;
	return asking < most && list_length(searches->begun) < 2 * most &&
		pylon_has_room(searches->connection);
}

/* What comes behind all that is begun; false if there is nothing. */
static bool
has_next(const Searches *searches, Question **question, int *number)
{
	Search	   *last = searches->begun == NIL ? NULL : llast(searches->begun);
	ListCell   *lc;

	if (last != NULL && has_more_searches(last))
	{
		*question = last->question;
		*number = last->number + 1;
		return true;
	}
	*number = 0;
	foreach(lc, searches->questions)
	{
		*question = lfirst(lc);
		if (!(*question)->begun && (*question)->request != FILTER_NOTHING)
			return true;
	}
	return false;
}

/* Does its question have searches behind this one? */
static bool
has_more_searches(const Search *search)
{
	return search->question->request == FILTER_SEARCH &&
		search->number + 1 < filter_batches(search->question->filter);
}

/* Begins with the present question, unless it asks for nothing. */
static void
begin_first(Searches *searches)
{
	Question   *question = linitial(searches->questions);
	MemoryContext before = MemoryContextSwitchTo(searches->context);

	question->begun = true;
	if (question->request != FILTER_NOTHING)
		searches->begun = lcons(begin_search(searches, question, 0), searches->begun);
	MemoryContextSwitchTo(before);
	use_first(searches);
}

static Search *
begin_search(Searches *searches, Question *question, int number)
{
	Search	   *search;

	if (searches->spare != NIL)
	{
		search = llast(searches->spare);
		searches->spare = list_delete_last(searches->spare);
	}
	else
	{
		search = palloc0(sizeof(Search));
		search->reader = pylon_reader_create(searches->connection, searches->layout);
	}
	question->begun = true;
	search->question = question;
	search->number = number;
	search->batch = question->request == FILTER_SEARCH ?
		filter_batch(question->filter, number) : NULL;
	begin_reading(searches, search);
	return search;
}

/*
 * What the filter lets through beyond what SQL wants may make more objects
 * necessary than the limit says; whether it does is known once it is made.
 */
static void
begin_reading(Searches *searches, Search *search)
{
	FilterState *filter = search->question->filter;
	double		limit = searches->limit < 0 || filter_is_exact(filter) ? searches->limit : INFINITY;

	switch (search->question->request)
	{
		case FILTER_LIST:
			pylon_read_list(search->reader, limit);
			break;
		case FILTER_SEARCH:
			pylon_read_search(search->reader, search->batch->filter, limit);
			break;
		case FILTER_ID:
			pylon_read_id(search->reader, filter_id(filter));
			break;
		case FILTER_NOTHING:
			break;
	}
}

/* The first search is the one whose objects come. */
static void
use_first(Searches *searches)
{
	Search	   *first = first_search(searches);

	if (first != NULL)
		filter_use(first->question->filter, first->batch);
}

/* Breaks off a search that isn't among those begun any more. */
static void
drop_search(Searches *searches, Search *search)
{
	MemoryContext before = MemoryContextSwitchTo(searches->context);

	/* Its pages and what is in flight go with this. */
	pylon_read_list(search->reader, INFINITY);
	searches->spare = lappend(searches->spare, search);
	MemoryContextSwitchTo(before);
}

static void
drop_begun(Searches *searches, Question *question)
{
	ListCell   *lc;

	foreach(lc, searches->begun)
	{
		Search	   *search = lfirst(lc);

		if (search->question != question)
			continue;
		searches->begun = foreach_delete_current(searches->begun, lc);
		drop_search(searches, search);
	}
}

static void
drop_question(Searches *searches, Question *question)
{
	drop_begun(searches, question);
	searches->questions = list_delete_ptr(searches->questions, question);
	pfree(question);
}

/* The present question's search whose pages come; NULL if there is none. */
static Search *
first_search(const Searches *searches)
{
	Search	   *first = searches->begun == NIL ? NULL : linitial(searches->begun);

	return first != NULL && first->question == linitial(searches->questions) ? first : NULL;
}
