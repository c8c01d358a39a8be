/*-------------------------------------------------------------------------
 *
 * async.c
 *		Foreign scans under one Append, read at the same time.
 *
 * All of a session's requests are driven together (see http.c), so a scan
 * gives no socket to Append's wait set. Instead Append asks each scan that
 * waits for a page to configure its event, and one that has its page by then
 * hands over a row right there. If nothing else can be done, that is also
 * where the session waits, for any of the requests in flight.
 *
 * IDENTIFICATION
 *		fdw/async.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/execAsync.h"
#include "executor/instrument.h"
#include "http.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "pylon_fdw.h"
#include "storage/latch.h"
#include "utils/timeout.h"

/* Append waits for another wrapper: it comes back to us after so long (ms). */
#define LOOK_AGAIN 10

static void produce_row(AsyncRequest *request);
static bool is_ours(const AsyncRequest *request);
static void wait_or_poll(AppendState *append);
static void look_again_soon(void);
static void wake_up(void);

/* Each scan can: its pages come through the same waiting place. */
bool
pylonIsForeignPathAsyncCapable(ForeignPath *path)
{
	return true;
}

/* A row, if one is at hand; else what it takes for one is on its way. */
void
pylonForeignAsyncRequest(AsyncRequest *request)
{
	scan_set_asynchronous(castNode(ForeignScanState, request->requestee));
	produce_row(request);
}

/*
 * Append is about to wait. Between the answer to a request and this call may
 * lie much of other scans' work, so what is at hand by now is handed over;
 * unlike in pylonForeignAsyncNotify, Append must be told of it.
 */
void
pylonForeignAsyncConfigureWait(AsyncRequest *request)
{
	ForeignScanState *node = castNode(ForeignScanState, request->requestee);

	Assert(request->callback_pending);
	if (!scan_is_ready(node))
		wait_or_poll(castNode(AppendState, request->requestor));
	if (!scan_is_ready(node))
		return;

	request->callback_pending = false;
	produce_row(request);
	ExecAsyncResponse(request);
	/* The executor counts the rows of the other two callbacks only. */
	if (node->ss.ps.instrument != NULL)
		InstrUpdateTupleCount(node->ss.ps.instrument,
							  TupIsNull(request->result) ? 0.0 : 1.0);
}

/* An event of ours came about. */
void
pylonForeignAsyncNotify(AsyncRequest *request)
{
	produce_row(request);
}

/*
 * The next row that passes the scan's quals, as the request's result; the
 * request is left pending if that takes a page that isn't there yet.
 */
static void
produce_row(AsyncRequest *request)
{
	ForeignScanState *node = castNode(ForeignScanState, request->requestee);
	TupleTableSlot *slot = node->ss.ps.ExecProcNodeReal(&node->ss.ps);

	if (TupIsNull(slot) && scan_is_waiting(node))
		ExecAsyncRequestPending(request);
	else
		ExecAsyncRequestDone(request, slot);
}

/* Is it the request of a scan of this wrapper? */
static bool
is_ours(const AsyncRequest *request)
{
	return IsA(request->requestee, ForeignScanState) &&
		((ForeignScanState *) request->requestee)->fdwroutine->ForeignAsyncRequest ==
		pylonForeignAsyncRequest;
}

/*
 * Waits until something stirs, but only if Append has neither a local plan
 * to go on with, nor a row to return, nor a scan that could give one. What
 * other wrappers wait for can't be seen from here: Append waits for that.
 */
static void
wait_or_poll(AppendState *append)
{
	int			i = -1;

	http_poll();
	if (!append->as_syncdone || !bms_is_empty(append->as_needrequest))
		return;
	while ((i = bms_next_member(append->as_asyncplans, i)) >= 0)
	{
		AsyncRequest *request = append->as_asyncrequests[i];

		if (!request->callback_pending)
			continue;
		if (!is_ours(request))
		{
			look_again_soon();
			return;
		}
		if (scan_is_ready((ForeignScanState *) request->requestee))
			return;
	}
	http_wait_any();
}

/* Append's wait ends after a while, should no event have ended it before. */
static void
look_again_soon(void)
{
	static TimeoutId timeout = MAX_TIMEOUTS;

	if (timeout == MAX_TIMEOUTS)
		timeout = RegisterTimeout(USER_TIMEOUT, wake_up);
	enable_timeout_after(timeout, LOOK_AGAIN);
}

/* In a signal handler. */
static void
wake_up(void)
{
	SetLatch(MyLatch);
}
