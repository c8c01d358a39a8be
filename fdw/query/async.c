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
 *		fdw/query/async.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "api/pylon_api.h"
#include "executor/execAsync.h"
#include "executor/instrument.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "query/callbacks.h"
#include "query/plan.h"
#include "query/scan.h"

static void produce_row(AsyncRequest *request, int turn);
static void hand_over(AsyncRequest *request);
static void give_up(AsyncRequest *request);
static bool is_ours(const AsyncRequest *request);
static bool has_nothing_to_do(const AppendState *append);

/* Each scan can: its pages come through the same waiting place. */
bool
pylonIsForeignPathAsyncCapable(ForeignPath *path)
{
	return true;
}

/*
 * A row, if one is at hand; else what it takes for one is on its way.
 *
 * Append looks after scans that wait only when none of the others has a row,
 * so where a page ends is their turn; else one that never has to wait would
 * keep them from asking for their next pages. While local plans give rows,
 * Append looks after nobody: then a scan makes use of what it has got.
 */
void
pylonForeignAsyncRequest(AsyncRequest *request)
{
	AppendState *append = castNode(AppendState, request->requestor);

	produce_row(request, append->as_syncdone ? 0 : INT_MAX);
}

/*
 * Append is about to wait, or to see whether it would have to. Between the
 * answer to a request and this call may lie much work for other scans, so
 * what is at hand by now is handed over.
 *
 * What scans of another wrapper wait for can't be seen from here. Under one
 * Append with these, each may wait for the other: rows come later, but come.
 *
 * An Append that starts over first waits until no scan is pending (in the
 * minor releases since 2026). If it does so with other parameters, what
 * comes is of no use to anybody, and isn't waited for.
 */
void
pylonForeignAsyncConfigureWait(AsyncRequest *request)
{
	ForeignScanState *node = castNode(ForeignScanState, request->requestee);
	AppendState *append = castNode(AppendState, request->requestor);

	Assert(request->callback_pending);
	if (append->ps.chgParam != NULL)
	{
		give_up(request);
		return;
	}
	if (!append->as_syncdone)
		pylon_poll();
	else if (has_nothing_to_do(append))
		pylon_wait_any();
	if (scan_is_ready(node))
		hand_over(request);
}

/* An event of ours came about. */
void
pylonForeignAsyncNotify(AsyncRequest *request)
{
	produce_row(request, 1);
}

/*
 * The next row that passes the scan's quals, as the request's result; the
 * request is left pending if that takes a page that isn't there yet, or more
 * than "turn" of them.
 */
static void
produce_row(AsyncRequest *request, int turn)
{
	ForeignScanState *node = castNode(ForeignScanState, request->requestee);
	TupleTableSlot *slot;

	scan_set_asynchronous(node, turn);
	slot = node->ss.ps.ExecProcNodeReal(&node->ss.ps);
	if (TupIsNull(slot) && scan_is_waiting(node))
		ExecAsyncRequestPending(request);
	else
		ExecAsyncRequestDone(request, slot);
}

/*
 * The same outside of the callbacks that are meant for it: Append must be
 * told, and the row be counted.
 */
static void
hand_over(AsyncRequest *request)
{
	AppendState *append = castNode(AppendState, request->requestor);

	request->callback_pending = false;
	produce_row(request, append->as_syncdone ? 1 : INT_MAX);
	ExecAsyncResponse(request);
	if (request->requestee->instrument != NULL)
		InstrUpdateTupleCount(request->requestee->instrument,
							  TupIsNull(request->result) ? 0.0 : 1.0);
}

/* No more rows for this request; the scan itself is left as it is. */
static void
give_up(AsyncRequest *request)
{
	request->callback_pending = false;
	ExecAsyncRequestDone(request, NULL);
	ExecAsyncResponse(request);
}

/* Is it the request of a scan of this wrapper? */
static bool
is_ours(const AsyncRequest *request)
{
	return IsA(request->requestee, ForeignScanState) &&
		plan_is_ours(((ForeignScanState *) request->requestee)->fdwroutine);
}

/*
 * Has Append, whose local plans are done, neither a row to return nor a scan
 * of ours that could give one?
 */
static bool
has_nothing_to_do(const AppendState *append)
{
	int			i = -1;

	if (!bms_is_empty(append->as_needrequest))
		return false;
	while ((i = bms_next_member(append->as_asyncplans, i)) >= 0)
	{
		AsyncRequest *request = append->as_asyncrequests[i];

		if (request->callback_pending && is_ours(request) &&
			scan_is_ready((ForeignScanState *) request->requestee))
			return false;
	}
	return true;
}
