/*-------------------------------------------------------------------------
 *
 * reread.c
 *		What a session has just written is read again by its id.
 *
 * A search may lag behind the writes: it gives an object as it was, or one
 * that is gone. Where an update computes its differences from that, it sends
 * the wrong ones or none. So an object that this session has written within
 * the last minute is asked for again, by its id, where a search or a list
 * gives it to a scan that feeds a write.
 *
 * IDENTIFICATION
 *		fdw/api/reread.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/reread.h"
#include "api/written.h"
#include "object/object_id.h"

/* An object of a page. */
typedef struct Reread
{
	const char *id;				/* of one that was written lately, else NULL */
	PylonReader *reader;
} Reread;

static int	find_written(PylonSession *session, const PylonObject *object,
						 const PylonPage *page, Reread *rereads);
static void ask_next(PylonConnection *connection, const ObjectLayout *layout,
					 Reread *rereads, int count, int *next);
static const JsonSlice *reread_receive(Reread *reread);

/*
 * "page" itself if it has no object that the session has written lately,
 * else a copy of it where these are as they are now, without those that are
 * gone. Allocated in the current memory context, as are the answers that it
 * points into. Raises errors as pylon_next_page.
 */
const PylonPage *
reread_page(PylonConnection *connection, const ObjectLayout *layout,
			const PylonPage *page)
{
	Reread	   *rereads;
	PylonPage  *fresh;
	int			next = 0;

	rereads = palloc0(page->nobjects * sizeof(Reread));
	if (find_written(connection->session, layout->object, page, rereads) == 0)
		return page;

	fresh = palloc(sizeof(PylonPage));
	*fresh = *page;
	fresh->nobjects = 0;
	fresh->slices = palloc_extended((Size) page->nobjects * page->nslices * sizeof(JsonSlice),
									MCXT_ALLOC_HUGE);
	for (int i = 0; i < connection->options.max_concurrent_requests; i++)
		ask_next(connection, layout, rereads, page->nobjects, &next);
	for (int i = 0; i < page->nobjects; i++)
	{
		const JsonSlice *slices = page_object(page, i);

		if (rereads[i].id != NULL)
		{
			slices = reread_receive(&rereads[i]);
			ask_next(connection, layout, rereads, page->nobjects, &next);
		}
		if (slices != NULL)
			memcpy(fresh->slices + (size_t) fresh->nobjects++ * page->nslices,
				   slices, page->nslices * sizeof(JsonSlice));
	}
	return fresh;
}

/* Notes which objects of a page were written lately; gives their number. */
static int
find_written(PylonSession *session, const PylonObject *object,
			 const PylonPage *page, Reread *rereads)
{
	int			count = 0;

	for (int i = 0; i < page->nobjects; i++)
	{
		JsonSlice	slice = page_object(page, i)[OBJECT_ID_SOURCE];
		char	   *id = json_slice_is_string(slice) ? json_slice_cstring(slice) : NULL;

		if (id == NULL || !written_lately(session, pylon_object_path(object, id)))
			continue;
		rereads[i].id = id;
		count++;
	}
	return count;
}

/* Sends the request for the next object that was written, from "next" on. */
static void
ask_next(PylonConnection *connection, const ObjectLayout *layout,
		 Reread *rereads, int count, int *next)
{
	while (*next < count && rereads[*next].id == NULL)
		(*next)++;
	if (*next == count)
		return;
	rereads[*next].reader = pylon_reader_create(connection, layout);
	pylon_read_id(rereads[*next].reader, rereads[*next].id);
	pylon_start(rereads[*next].reader);
	(*next)++;
}

/* Waits for an object; NULL if it is gone. */
static const JsonSlice *
reread_receive(Reread *reread)
{
	const PylonPage *page = pylon_next_page(reread->reader);

	if (page == NULL)
		pylon_raise_refusal(reread->reader);
	if (page->nobjects == 0 || !object_id_is(reread->id, false, page_object(page, 0)))
		return NULL;
	return page_object(page, 0);
}
