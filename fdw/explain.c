/*-------------------------------------------------------------------------
 *
 * explain.c
 *		What EXPLAIN says of a foreign scan.
 *
 * Everything comes from the plan, from what the session knows of the server,
 * and with ANALYZE from the counters of the scan; nothing is asked of the API.
 *
 * IDENTIFICATION
 *		fdw/explain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "foreign/foreign.h"
#include "pylon_api.h"
#include "pylon_fdw.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

static FilterDescription *describe(ForeignScanState *node, List *context,
								   const char *keys);
static void explain_request(const FilterDescription *description,
							ExplainState *es);
static void explain_local(ForeignScan *plan,
						  const FilterDescription *description, List *context,
						  ExplainState *es);

/*
 * Adds "Pylon Request", "Pylon Filter", with VERBOSE "Pylon Local Filter"
 * and with ANALYZE "Pylon Calls". Of a scan below a lookup join, that one
 * tells what is asked for.
 */
void
pylonExplainForeignScan(ForeignScanState *node, ExplainState *es)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	List	   *context = set_deparse_context_plan(es->deparse_cxt,
												   (Plan *) plan, NIL);
	bool		joined = filter_has_keys(list_nth(plan->fdw_private, ScanPrivateFilter));
	FilterDescription *description = describe(node, context, joined ? "" : NULL);

	if (!joined)
		explain_request(description, es);
	if (es->verbose)
		explain_local(plan, description, context, es);
	if (es->analyze && !joined)
		explain_scan_calls(node, es);
}

/* What a lookup join's scan asks for, "keys" being those of a row, as SQL. */
void
explain_scan_request(ForeignScanState *node, List *context, const char *keys,
					 ExplainState *es)
{
	explain_request(describe(node, context, keys), es);
}

static FilterDescription *
describe(ForeignScanState *node, List *context, const char *keys)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	ForeignTable *table = GetForeignTable(RelationGetRelid(node->ss.ss_currentRelation));
	PylonOptions options;

	option_read_server(&options, GetForeignServer(table->serverid)->options,
					   table->options);
	return filter_describe(list_nth(plan->fdw_private, ScanPrivateFilter),
						   plan->fdw_exprs, context, keys,
						   options.lookup_batch_size,
						   connection_session(table->serverid));
}

static void
explain_request(const FilterDescription *description, ExplainState *es)
{
	const char *request = "none";

	switch (description->request)
	{
		case FILTER_NOTHING:
			break;
		case FILTER_LIST:
			request = "GET /contacts";
			break;
		case FILTER_SEARCH:
			request = "POST /contacts/search";
			break;
		case FILTER_CONTACT:
			request = psprintf("GET %s", description->id_is_sql ?
							   psprintf("/contacts/%s", description->id) :
							   pylon_contact_path(description->id));
			break;
	}
	ExplainPropertyText("Pylon Request", request, es);
	if (description->request == FILTER_SEARCH)
		ExplainPropertyText("Pylon Filter", json_filter_text(description->filter), es);
}

/* Each condition that isn't pushed, and why. */
static void
explain_local(ForeignScan *plan, const FilterDescription *description,
			  List *context, ExplainState *es)
{
	bool		prefix = list_length(es->rtable) > 1;
	List	   *local = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	forboth(lc, (List *) list_nth(plan->fdw_private, ScanPrivateLocal),
			lc2, (List *) list_nth(plan->fdw_private, ScanPrivateReasons))
	{
		Node	   *qual = list_nth(plan->scan.plan.qual, intVal(lfirst(lc)));

		local = lappend(local,
						psprintf("%s: %s",
								 deparse_expression(qual, context, prefix, false),
								 strVal(lfirst(lc2))));
	}
	foreach(lc, description->left_out)
		local = lappend(local,
						psprintf("%s: the API has refused it in this session",
								 strVal(lfirst(lc))));
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
