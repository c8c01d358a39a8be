/*-------------------------------------------------------------------------
 *
 * explain.c
 *		What EXPLAIN says of a foreign scan, of a lookup join, and of a write.
 *
 * Everything comes from the plan, from what the session knows of the server,
 * and with ANALYZE from the counters of the scan or write; nothing is asked
 * of the API.
 *
 * IDENTIFICATION
 *		fdw/query/explain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/pylon_api.h"
#include "compat.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "query/callbacks.h"
#include "query/explain.h"
#include "query/modify.h"
#include "query/plan_private.h"
#include "query/scan.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

static List *explain_printable(ForeignScan *plan, List *exprs);
static Node *number_parameters(Node *node, void *known);
static FilterDescription *explain_describe(ForeignScanState *node, List *values,
										   List *context, const char *keys);
static const char *request_text(const FilterDescription *description);
static void explain_texts(const char *label, List *texts, ExplainState *es);
static List *written_columns(const ModifyTable *plan, Relation table,
							 List *fdw_private);
static void explain_counters(const PylonObject *object,
							 const PylonCounters *counters, bool pages,
							 ExplainState *es);
static const char *join_type_name(JoinType type);
static List *other_conditions(List *exprs);
static void explain_local(ForeignScan *plan,
						  const FilterDescription *description, List *context,
						  ExplainState *es);
static void add_unasked(List *members, List *problems, List **places,
						List **reasons);

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
	FilterDescription *description = explain_describe(node, explain_printable(plan, plan->fdw_exprs),
													  context, joined ? "" : NULL);

	if (!joined)
		explain_scan_requests(list_make1(node), context, NULL, es);
	if (es->verbose)
		explain_local(plan, description, context, es);
	if (es->analyze && !joined)
		explain_scan_counters(list_make1(node), es);
}

/*
 * Expressions as core can print them. It finds out what is behind a parameter
 * from the plans above the scan, of which we aren't told; it would print $1
 * then, but takes that for a bug if the parameter isn't an external one.
 */
static List *
explain_printable(ForeignScan *plan, List *exprs)
{
	List	   *known = NIL;
	ListCell   *lc;

	foreach(lc, plan->scan.plan.initPlan)
		known = list_concat_copy(known, lfirst_node(SubPlan, lc)->setParam);
	return (List *) number_parameters((Node *) exprs, known);
}

/* Makes parameters external ones, but those in "known" (IntList). */
static Node *
number_parameters(Node *node, void *known)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Param) && !list_member_int(known, ((Param *) node)->paramid))
	{
		Param	   *param = copyObject((Param *) node);

		param->paramkind = PARAM_EXTERN;
		return (Node *) param;
	}
	/* A subplan's own are told apart by it. */
	if (IsA(node, SubPlan))
		known = list_concat_copy(known, ((SubPlan *) node)->paramIds);
	return expression_tree_mutator(node, number_parameters, known);
}

/*
 * What scans ask for; of a lookup join's scans, "keys" are those of a row, as
 * SQL. What several of them ask in the same way is told once.
 */
void
explain_scan_requests(List *scans, List *context, const char *keys,
					  ExplainState *es)
{
	List	   *requests = NIL;
	List	   *filters = NIL;
	ListCell   *lc;

	foreach(lc, scans)
	{
		ForeignScanState *scan = lfirst(lc);
		ForeignScan *plan = (ForeignScan *) scan->ss.ps.plan;
		FilterDescription *description =
			explain_describe(scan, keys == NULL ? explain_printable(plan, plan->fdw_exprs) : plan->fdw_exprs,
							 context, keys);

		requests = list_append_unique(requests,
									  makeString(unconstify(char *, request_text(description))));
		if (description->request == FILTER_SEARCH)
			filters = list_append_unique(filters,
										 makeString(json_filter_text(description->filter)));
	}
	explain_texts("Pylon Request", requests, es);
	explain_texts("Pylon Filter", filters, es);
}

/* A text, or a list of them (of String) if there are several. */
static void
explain_texts(const char *label, List *texts, ExplainState *es)
{
	List	   *strings = NIL;
	ListCell   *lc;

	foreach(lc, texts)
		strings = lappend(strings, strVal(lfirst(lc)));
	if (list_length(strings) == 1)
		ExplainPropertyText(label, linitial(strings), es);
	else if (strings != NIL)
		ExplainPropertyList(label, strings, es);
}

static FilterDescription *
explain_describe(ForeignScanState *node, List *values, List *context, const char *keys)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	ForeignTable *table = GetForeignTable(RelationGetRelid(node->ss.ss_currentRelation));
	PylonOptions options;

	option_read_server(&options, GetForeignServer(table->serverid)->options,
					   table->options);
	return filter_describe(object_of_table(node->ss.ss_currentRelation),
						   list_nth(plan->fdw_private, ScanPrivateFilter),
						   values, context, keys,
						   options.lookup_batch_size,
						   session_of_server(table->serverid));
}

static const char *
request_text(const FilterDescription *description)
{
	const PylonObject *object = description->object;

	switch (description->request)
	{
		case FILTER_LIST:
			return psprintf("GET %s", object->path);
		case FILTER_SEARCH:
			return psprintf("POST %s/search", object->path);
		case FILTER_ID:
			return psprintf("GET %s", description->id_is_sql ?
							psprintf("%s/%s", object->path, description->id) :
							pylon_object_path(object, description->id));
		default:
			return "none";
	}
}

/* Each condition that isn't pushed, and why. */
static void
explain_local(ForeignScan *plan, const FilterDescription *description,
			  List *context, ExplainState *es)
{
	bool		prefix = list_length(es->rtable) > 1;
	List	   *quals = explain_printable(plan, plan->scan.plan.qual);
	List	   *local = NIL;
	List	   *places = list_copy(list_nth(plan->fdw_private, ScanPrivateLocal));
	List	   *reasons = list_copy(list_nth(plan->fdw_private, ScanPrivateReasons));
	ListCell   *lc;
	ListCell   *lc2;

	add_unasked(list_nth(plan->fdw_private, ScanPrivatePlaces), description->problems,
				&places, &reasons);
	forboth(lc, places, lc2, reasons)
	{
		Node	   *qual = list_nth(quals, intVal(lfirst(lc)));

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

/*
 * Adds the conditions whose values let nothing be asked: those at "members"
 * all of which have a problem, and that aren't in "places" yet.
 */
static void
add_unasked(List *members, List *problems, List **places, List **reasons)
{
	List	   *told = list_copy(*places);
	ListCell   *lc;
	ListCell   *lc2;

	forboth(lc, members, lc2, problems)
	{
		if (lfirst(lc2) == NULL)
			told = list_append_unique(told, lfirst(lc));
	}
	forboth(lc, members, lc2, problems)
	{
		if (list_member(told, lfirst(lc)))
			continue;
		told = lappend(told, lfirst(lc));
		*places = lappend(*places, lfirst(lc));
		*reasons = lappend(*reasons, makeString(lfirst(lc2)));
	}
}

/* What a lookup join looks up, by which of its scans, and how. */
void
explain_lookup_join(CustomScan *plan, List *lookups, List *ancestors,
					ExplainState *es)
{
	JoinType	type = intVal(list_nth(plan->custom_private, LookupPrivateJoinType));
	List	   *context = set_deparse_context_plan(es->deparse_cxt, (Plan *) plan, ancestors);
	char	   *inner_key = deparse_expression(list_nth(plan->custom_exprs, LookupExprInnerKey),
												  context, true, false);
	char	   *key = deparse_expression(list_nth(plan->custom_exprs, LookupExprKey),
										 context, true, false);
	List	   *conditions = other_conditions(plan->custom_exprs);

	ExplainPropertyText("Join Type", join_type_name(type), es);
	ExplainPropertyText("Pylon Key", psprintf("%s = %s", inner_key, key), es);
	if (conditions != NIL)
		ExplainPropertyText("Join Filter",
							deparse_expression((Node *) make_ands_explicit(conditions),
											   context, true, false), es);
	explain_scan_requests(lookups, context, key, es);
}

static const char *
join_type_name(JoinType type)
{
	switch (type)
	{
		case JOIN_LEFT:
			return "Left";
		case JOIN_SEMI:
			return "Semi";
		case JOIN_ANTI:
			return "Anti";
		default:
			return "Inner";
	}
}

/* The conditions of the join apart from the equality of the keys. */
static List *
other_conditions(List *exprs)
{
	List	   *conditions = NIL;
	ListCell   *lc;

	for_each_from(lc, exprs, LookupExprQuals)
	{
		OpExpr	   *op = lfirst(lc);

		if (!IsA(op, OpExpr) || list_length(op->args) != 2 ||
			!list_member(op->args, list_nth(exprs, LookupExprKey)) ||
			!list_member(op->args, list_nth(exprs, LookupExprInnerKey)))
			conditions = lappend(conditions, op);
	}
	return conditions;
}

/* What scans have done: a line of text, or a group where machines read it. */
void
explain_scan_counters(List *scans, ExplainState *es)
{
	ForeignScanState *first = linitial(scans);
	PylonCounters sum = {0};
	ListCell   *lc;

	foreach(lc, scans)
	{
		const PylonCounters *counters = scan_counters(lfirst(lc));

		if (counters == NULL)
			continue;
		sum.requests += counters->requests;
		sum.pages += counters->pages;
		sum.rows_read += counters->rows_read;
		sum.retries += counters->retries;
		sum.rate_limit_wait += counters->rate_limit_wait;
		sum.bytes_received += counters->bytes_received;
	}
	explain_counters(object_of_table(first->ss.ss_currentRelation), &sum, true, es);
}

/*
 * Adds "Pylon Request" and "Pylon Columns" to a write, with ANALYZE "Pylon
 * Calls" as well: what the rows were read by is told by their scan.
 */
void
pylonExplainForeignModify(ModifyTableState *mtstate, ResultRelInfo *rinfo,
						  List *fdw_private, int subplan_index,
						  ExplainState *es)
{
	static const char *const requests[] = {
		[CMD_INSERT] = "POST %s",
		[CMD_UPDATE] = "PATCH %s/{id}",
		[CMD_DELETE] = "DELETE %s/{id}",
	};
	const PylonObject *object = object_of_table(rinfo->ri_RelationDesc);
	List	   *columns = written_columns((ModifyTable *) mtstate->ps.plan,
										  rinfo->ri_RelationDesc, fdw_private);
	const PylonCounters *counters = modify_counters(rinfo);

	ExplainPropertyText("Pylon Request", psprintf(requests[mtstate->operation], object->path), es);
	if (columns != NIL)
		ExplainPropertyList("Pylon Columns", columns, es);
	if (es->analyze && counters != NULL)
	{
		PylonCounters written = *counters;

		written.rows_read = counters->rows_created + counters->rows_updated +
			counters->rows_deleted;
		explain_counters(object, &written, false, es);
	}
}

/*
 * Names of the columns that are sent: those that an UPDATE assigns, or those
 * for which an INSERT has another value than NULL.
 */
static List *
written_columns(const ModifyTable *plan, Relation table, List *fdw_private)
{
	TupleDesc	desc = RelationGetDescr(table);
	List	   *names = NIL;
	ListCell   *lc;

	if (plan->operation == CMD_INSERT)
	{
		foreach(lc, outerPlan(plan)->targetlist)
		{
			TargetEntry *entry = lfirst(lc);

			if (!entry->resjunk && entry->resno <= desc->natts &&
				!(IsA(entry->expr, Const) && ((Const *) entry->expr)->constisnull))
				names = lappend(names, NameStr(TupleDescAttr(desc, entry->resno - 1)->attname));
		}
		return names;
	}
	foreach(lc, modify_assigned(fdw_private))
		names = lappend(names, NameStr(TupleDescAttr(desc, lfirst_int(lc) - 1)->attname));
	return names;
}

/* A line of text, or a group where machines read it. */
static void
explain_counters(const PylonObject *object, const PylonCounters *counters,
				 bool pages, ExplainState *es)
{
	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		char	   *page_text = pages ? psprintf(" pages=" UINT64_FORMAT, counters->pages) : "";

		ExplainPropertyText("Pylon Calls",
							psprintf("requests=" UINT64_FORMAT
									 "%s %s=" UINT64_FORMAT
									 " retries=" UINT64_FORMAT
									 " rate-limit wait=%.0f ms"
									 " bytes=" UINT64_FORMAT,
									 counters->requests, page_text,
									 object->nouns.many, counters->rows_read, counters->retries,
									 counters->rate_limit_wait,
									 counters->bytes_received), es);
		return;
	}
	ExplainOpenGroup("Pylon Calls", "Pylon Calls", true, es);
	ExplainPropertyUInteger("Requests", NULL, counters->requests, es);
	if (pages)
		ExplainPropertyUInteger("Pages", NULL, counters->pages, es);
	ExplainPropertyUInteger(object->nouns.title, NULL, counters->rows_read, es);
	ExplainPropertyUInteger("Retries", NULL, counters->retries, es);
	ExplainPropertyFloat("Rate-Limit Wait", "ms", counters->rate_limit_wait, 0, es);
	ExplainPropertyUInteger("Bytes", NULL, counters->bytes_received, es);
	ExplainCloseGroup("Pylon Calls", "Pylon Calls", true, es);
}
