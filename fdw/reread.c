/*-------------------------------------------------------------------------
 *
 * reread.c
 *		What a session has just written is read again by its id.
 *
 * A search may lag behind the writes: it gives a contact as it was, or one
 * that is gone. Where an update computes its differences from that, it sends
 * the wrong ones or none. So what this session has written within the last
 * minute, and a search or a list gives to a scan that feeds a write, is asked
 * for by its id, of which the API gives what it has.
 *
 * IDENTIFICATION
 *		fdw/reread.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "contact_id.h"
#include "reread.h"
#include "written.h"

/* A contact of a page. */
typedef struct Reread
{
	const char *id;				/* of one that was written lately, else NULL */
	PylonReader *reader;
} Reread;

static int	find_written(PylonSession *session, const PylonPage *page,
						 Reread *contacts);
static void ask_next(PylonConnection *connection, const ContactReader *contacts,
					 Reread *rereads, int count, int *next);
static const JsonSlice *receive(Reread *reread);

/*
 * "page" itself if it has no contact that the session has written lately,
 * else a copy of it where these are as they are now, without those that are
 * gone. Allocated in the current memory context, as are the answers that it
 * points into. Raises errors as pylon_next_page.
 */
const PylonPage *
reread_page(PylonConnection *connection, const ContactReader *contacts,
			const PylonPage *page)
{
	Reread	   *rereads;
	PylonPage  *fresh;
	int			next = 0;

	if (!written_any(connection->session))
		return page;
	rereads = palloc0(page->ncontacts * sizeof(Reread));
	if (find_written(connection->session, page, rereads) == 0)
		return page;

	fresh = palloc(sizeof(PylonPage));
	*fresh = *page;
	fresh->ncontacts = 0;
	fresh->slices = palloc_extended((Size) page->ncontacts * page->nslices * sizeof(JsonSlice),
									MCXT_ALLOC_HUGE);
	for (int i = 0; i < connection->options.max_concurrent_requests; i++)
		ask_next(connection, contacts, rereads, page->ncontacts, &next);
	for (int i = 0; i < page->ncontacts; i++)
	{
		const JsonSlice *slices = page_contact(page, i);

		if (rereads[i].id != NULL)
		{
			slices = receive(&rereads[i]);
			ask_next(connection, contacts, rereads, page->ncontacts, &next);
		}
		if (slices != NULL)
			memcpy(fresh->slices + (size_t) fresh->ncontacts++ * page->nslices,
				   slices, page->nslices * sizeof(JsonSlice));
	}
	return fresh;
}

/* Notes which contacts of a page were written lately; gives their number. */
static int
find_written(PylonSession *session, const PylonPage *page, Reread *rereads)
{
	int			count = 0;

	for (int i = 0; i < page->ncontacts; i++)
	{
		JsonSlice	slice = page_contact(page, i)[CONTACT_ID_SOURCE];
		char	   *id = json_slice_is_string(slice) ? json_slice_cstring(slice) : NULL;

		if (id == NULL || !written_lately(session, pylon_contact_path(id)))
			continue;
		rereads[i].id = id;
		count++;
	}
	return count;
}

/* Sends the request for the next contact that was written, from "next" on. */
static void
ask_next(PylonConnection *connection, const ContactReader *contacts,
		 Reread *rereads, int count, int *next)
{
	while (*next < count && rereads[*next].id == NULL)
		(*next)++;
	if (*next == count)
		return;
	rereads[*next].reader = pylon_reader_create(connection, contacts);
	pylon_read_contact(rereads[*next].reader, rereads[*next].id);
	pylon_start(rereads[*next].reader);
	(*next)++;
}

/* Waits for a contact; NULL if it is gone. */
static const JsonSlice *
receive(Reread *reread)
{
	const PylonPage *page = pylon_next_page(reread->reader);

	if (page == NULL)
		pylon_raise_refusal(reread->reader);
	if (page->ncontacts == 0 || !contact_id_is(reread->id, false, page_contact(page, 0)))
		return NULL;
	return page_contact(page, 0);
}
