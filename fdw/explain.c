/*-------------------------------------------------------------------------
 *
 * explain.c
 *		What EXPLAIN says of a foreign scan.
 *
 * Everything comes from the plan, and with ANALYZE from the counters of the
 * scan; nothing is asked of the API.
 *
 * IDENTIFICATION
 *		fdw/explain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "pylon_fdw.h"
#include "utils/ruleutils.h"

static void explain_request(List *filter, List *values, List *context,
							ExplainState *es);
static char *lookup_path(const PylonFilter *filter);
static void explain_calls(const PylonCounters *calls, ExplainState *es);

/* Adds "Pylon Request", "Pylon Filter" and, with ANALYZE, "Pylon Calls". */
void
pylonExplainForeignScan(ForeignScanState *node, ExplainState *es)
{
	static const PylonCounters none = {0};
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	const PylonCounters *calls = scan_counters(node);
	List	   *context = set_deparse_context_plan(es->deparse_cxt,
												   (Plan *) plan, NIL);

	explain_request(list_nth(plan->fdw_private, ScanPrivateFilter),
					plan->fdw_exprs, context, es);
	if (es->analyze)
		explain_calls(calls != NULL ? calls : &none, es);
}

static void
explain_request(List *filter, List *values, List *context, ExplainState *es)
{
	PylonFilter *described = filter_describe(filter, values, context);

	if (described == NULL)
		ExplainPropertyText("Pylon Request", "GET /contacts", es);
	else if (filter_is_lookup(filter))
		ExplainPropertyText("Pylon Request", lookup_path(described), es);
	else
	{
		ExplainPropertyText("Pylon Request", "POST /contacts/search", es);
		ExplainPropertyText("Pylon Filter", json_filter_text(described), es);
	}
}

/* The path of a filter that names an id, by itself or among others. */
static char *
lookup_path(const PylonFilter *filter)
{
	const char *id = filter->value;
	ListCell   *lc;

	foreach(lc, filter->subfilters)
	{
		const PylonFilter *leaf = lfirst(lc);

		if (leaf->value != NULL && strcmp(leaf->field, "id") == 0)
			id = leaf->value;
	}
	return psprintf("GET /contacts/%s", id);
}

/* One line of text, or a group where machines read it. */
static void
explain_calls(const PylonCounters *calls, ExplainState *es)
{
	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		ExplainPropertyText("Pylon Calls",
							psprintf("requests=" UINT64_FORMAT
									 " pages=" UINT64_FORMAT
									 " contacts=" UINT64_FORMAT
									 " retries=" UINT64_FORMAT
									 " rate-limit wait=%.0f ms"
									 " bytes=" UINT64_FORMAT,
									 calls->requests, calls->pages,
									 calls->contacts_read, calls->retries,
									 calls->rate_limit_wait,
									 calls->bytes_received), es);
		return;
	}
	ExplainOpenGroup("Pylon Calls", "Pylon Calls", true, es);
	ExplainPropertyUInteger("Requests", NULL, calls->requests, es);
	ExplainPropertyUInteger("Pages", NULL, calls->pages, es);
	ExplainPropertyUInteger("Contacts", NULL, calls->contacts_read, es);
	ExplainPropertyUInteger("Retries", NULL, calls->retries, es);
	ExplainPropertyFloat("Rate-Limit Wait", "ms", calls->rate_limit_wait, 0, es);
	ExplainPropertyUInteger("Bytes", NULL, calls->bytes_received, es);
	ExplainCloseGroup("Pylon Calls", "Pylon Calls", true, es);
}
