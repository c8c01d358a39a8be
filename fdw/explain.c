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

static void explain_local(ForeignScan *plan, List *context, ExplainState *es);

/*
 * Adds "Pylon Request", "Pylon Filter", with VERBOSE "Pylon Local Filter"
 * and with ANALYZE "Pylon Calls".
 */
void
pylonExplainForeignScan(ForeignScanState *node, ExplainState *es)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	List	   *context = set_deparse_context_plan(es->deparse_cxt,
												   (Plan *) plan, NIL);
	bool		in_join = filter_has_keys(list_nth(plan->fdw_private, ScanPrivateFilter));

	/* A lookup join tells what its scan asks for. */
	if (!in_join)
		explain_scan_request(plan, context, NULL, es);
	if (es->verbose)
		explain_local(plan, context, es);
	if (es->analyze && !in_join)
		explain_scan_calls(node, es);
}

/* What a scan asks for, "keys" being those of a lookup join, as SQL. */
void
explain_scan_request(ForeignScan *plan, List *context, const char *keys,
					 ExplainState *es)
{
	List	   *filter = list_nth(plan->fdw_private, ScanPrivateFilter);
	List	   *values = plan->fdw_exprs;
	bool		impossible;
	char	   *id;
	PylonFilter *described = filter_describe(filter, values, context, keys,
											 &impossible);

	if (impossible)
		ExplainPropertyText("Pylon Request", "none", es);
	else if (filter_is_lookup(filter) &&
			 (id = filter_describe_id(filter, values, context)) != NULL)
		ExplainPropertyText("Pylon Request", psprintf("GET /contacts/%s", id), es);
	else if (described == NULL)
		ExplainPropertyText("Pylon Request", "GET /contacts", es);
	else
	{
		ExplainPropertyText("Pylon Request", "POST /contacts/search", es);
		ExplainPropertyText("Pylon Filter", json_filter_text(described), es);
	}
}

/* Each condition that isn't pushed, and why. */
static void
explain_local(ForeignScan *plan, List *context, ExplainState *es)
{
	bool		prefix = list_length(es->rtable) > 1;
	List	   *local = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	forboth(lc, (List *) list_nth(plan->fdw_private, ScanPrivateLocal),
			lc2, (List *) list_nth(plan->fdw_private, ScanPrivateReasons))
		local = lappend(local,
						psprintf("%s: %s",
								 deparse_expression(list_nth(plan->scan.plan.qual, intVal(lfirst(lc))),
													context, prefix, false),
								 strVal(lfirst(lc2))));
	if (local != NIL)
		ExplainPropertyList("Pylon Local Filter", local, es);
}

/* What a scan has done: a line of text, or a group where machines read it. */
void
explain_scan_calls(ForeignScanState *node, ExplainState *es)
{
	static const PylonCounters none = {0};
	const PylonCounters *calls = scan_counters(node);

	if (calls == NULL)
		calls = &none;
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
