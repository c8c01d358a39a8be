/*-------------------------------------------------------------------------
 *
 * plan.c
 *		Sizes, costs and plans of foreign scans.
 *
 * Costs are counted in requests: what the API allows in a minute is spent
 * long before the CPU matters. Planning asks the API nothing.
 *
 * IDENTIFICATION
 *		fdw/query/plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/sysattr.h"
#include "access/table.h"
#include "compat.h"
#include "foreign/foreign.h"
#include "object/object.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "query/callbacks.h"
#include "query/plan.h"
#include "query/plan_guess.h"
#include "query/plan_note.h"
#include "query/plan_private.h"
#include "query/system_columns.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/*
 * A scan that is started over for each row of a loop makes requests that a
 * lookup join, for about the same cost, can't: this decides between them.
 * Without it, loops of two or three requests are chosen where a join makes
 * one; half and twice of it choose the same plans in the tests.
 */
#define LOOP_RISK 0.05

/*
 * How many objects a search finds is a guess, unless it names them. Where
 * other ways take as many requests by that guess, they are preferred: by more
 * than a loop is, whose rows are a guess as well. Half and twice of it, with
 * the other one, choose the same plans in the tests.
 */
#define SEARCH_RISK 0.08

/*
 * Where not even the number of objects is known, there may be so many times
 * as many as the default says. Without it, less would be risked for a table
 * that is known than for one that isn't.
 */
#define UNCOUNTED 4

static FilterPlan *plan_filter(PlannerInfo *root, RelOptInfo *baserel,
							   Oid foreigntableid, List *clauses);
static ScanEstimate estimate_scan(PlannerInfo *root, RelOptInfo *baserel,
								  FilterPlan *filter);
static void add_scan_path(PlannerInfo *root, RelOptInfo *baserel,
						  ParamPathInfo *param_info, FilterPlan *filter);
static double loop_doubt(PlannerInfo *root, Relids outer);
static double most_objects(PlannerInfo *root, RelOptInfo *baserel,
						   FilterPlan *filter);
static double most_requests(PlannerInfo *root, RelOptInfo *baserel,
							FilterPlan *filter);
static void add_parameterized_paths(PlannerInfo *root, RelOptInfo *baserel,
									Oid foreigntableid);
static List *collect_join_clauses(PlannerInfo *root, RelOptInfo *baserel);
static bool is_join_key(PlannerInfo *root, RelOptInfo *rel,
						EquivalenceClass *ec, EquivalenceMember *em,
						void *arg);
static bool is_counted(const RelOptInfo *baserel, const ForeignTable *table);
static List *needed_columns(RelOptInfo *baserel, List *clauses,
							Oid foreigntableid);
static ScanLimit find_limit(PlannerInfo *root, FilterPlan *filter,
							List **exprs);
static bool rows_pass_through(PlannerInfo *root);

/*
 * Checks the columns, finds what can be pushed, and estimates the rows.
 * Raises HV005 for a column that shows no field, and 0A000 for a system
 * column.
 */
void
pylonGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel,
					   Oid foreigntableid)
{
	PylonRelation *relation = palloc0(sizeof(PylonRelation));
	ForeignTable *table = GetForeignTable(foreigntableid);
	Relation	rel = table_open(foreigntableid, NoLock);
	double		fetched;

	plan_note(root, table->serverid);
	baserel->fdw_private = relation;
	option_read_server(&relation->options,
					   GetForeignServer(table->serverid)->options,
					   table->options);
	object_check_columns(rel);
	system_columns_check_scan(root, baserel, rel);
	table_close(rel, NoLock);
	relation->filter = plan_filter(root, baserel, foreigntableid,
								   baserel->baserestrictinfo);

	relation->is_counted = is_counted(baserel, table);
	if (baserel->tuples < 0)
		baserel->tuples = relation->options.estimated_contacts;
	set_baserel_size_estimates(root, baserel);
	fetched = estimate_scan(root, baserel, relation->filter).fetched;
	baserel->rows = clamp_row_est(Min(baserel->rows, fetched));
}

/* Do ANALYZE or an option say how many objects there are? */
static bool
is_counted(const RelOptInfo *baserel, const ForeignTable *table)
{
	ListCell   *lc;

	foreach(lc, table->options)
	{
		if (strcmp(((DefElem *) lfirst(lc))->defname, "estimated_contacts") == 0)
			return true;
	}
	return baserel->tuples >= 0;
}

/*
 * The scan with what its own conditions let be pushed and, for nested loops,
 * one with each key by which other relations join.
 */
void
pylonGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel,
					 Oid foreigntableid)
{
	PylonRelation *relation = baserel->fdw_private;
	ParamPathInfo *param_info = NULL;

	if (baserel->lateral_relids != NULL)
		param_info = get_baserel_parampathinfo(root, baserel,
											   baserel->lateral_relids);
	add_scan_path(root, baserel, param_info, relation->filter);
	add_parameterized_paths(root, baserel, foreigntableid);
}

/*
 * The plan: all clauses are checked by the executor, those that are pushed
 * too, which also makes EvalPlanQual right.
 */
ForeignScan *
pylonGetForeignPlan(PlannerInfo *root, RelOptInfo *baserel,
					Oid foreigntableid, ForeignPath *best_path, List *tlist,
					List *scan_clauses, Plan *outer_plan)
{
	FilterPlan *filter = plan_filter(root, baserel, foreigntableid, scan_clauses);
	List	   *clauses = extract_actual_clauses(scan_clauses, false);
	List	   *exprs = list_copy(filter->values);
	ScanLimit	limit = find_limit(root, filter, &exprs);
	List	   *private;

	/* The scan of a lookup join: its keys are one condition more. */
	if (best_path->fdw_private != NIL)
		filter_add_keys(filter, linitial(best_path->fdw_private));
	private = list_make4(filter->filter,
						 makeInteger(list_length(filter->values)),
						 needed_columns(baserel, clauses, foreigntableid),
						 makeInteger(limit));
	private = lappend(private, filter->local);
	private = lappend(private, filter->reasons);
	private = lappend(private, filter->places);
	return make_foreignscan(tlist, clauses, baserel->relid, exprs, private,
							NIL, NIL, outer_plan);
}

static FilterPlan *
plan_filter(PlannerInfo *root, RelOptInfo *baserel, Oid foreigntableid,
			List *clauses)
{
	PylonRelation *relation = baserel->fdw_private;
	Relation	rel = table_open(foreigntableid, NoLock);
	List	   *searchable = NIL;
	FilterPlan *filter;
	ListCell   *lc;

	foreach(lc, clauses)
		searchable = lappend(searchable,
							 filter_searchable_clause(root, rel, baserel, lfirst(lc),
													  relation->options.case_sensitive));
	filter = filter_plan(root, rel, baserel, searchable,
						 relation->options.case_sensitive);
	table_close(rel, NoLock);
	return filter;
}

/* How many objects the filter leaves, and in how many requests they come. */
static ScanEstimate
estimate_scan(PlannerInfo *root, RelOptInfo *baserel, FilterPlan *filter)
{
	const PylonOptions *options = &((PylonRelation *) baserel->fdw_private)->options;
	ScanEstimate estimate;

	estimate.fetched = baserel->tuples *
		clauselist_selectivity(root, filter->pushed, baserel->relid,
							   JOIN_INNER, NULL);
	estimate.fetched = Min(estimate.fetched, filter_max_rows(root, filter));
	estimate.requests = filter_is_lookup(filter->filter) ? 1 :
		Max(ceil(estimate.fetched / options->page_size),
			ceil(filter_max_values(root, filter) / options->lookup_batch_size));
	estimate.requests = Max(estimate.requests, 1);
	return estimate;
}

static void
add_scan_path(PlannerInfo *root, RelOptInfo *baserel,
			  ParamPathInfo *param_info, FilterPlan *filter)
{
	PylonRelation *relation = baserel->fdw_private;
	double		request_cost = relation->options.request_cost;
	ScanEstimate estimate = estimate_scan(root, baserel, filter);
	double		rows = param_info != NULL ? param_info->ppi_rows : baserel->rows;
	QualCost	quals = baserel->baserestrictcost;
	Cost		startup;
	Cost		total;

	if (param_info != NULL)
	{
		QualCost	join_quals;

		cost_qual_eval(&join_quals, param_info->ppi_clauses, root);
		quals.startup += join_quals.startup;
		quals.per_tuple += join_quals.per_tuple;
		rows = clamp_row_est(Min(rows, estimate.fetched));
		/* The loop may turn out longer than is thought. */
		request_cost *= (1 + LOOP_RISK) * loop_doubt(root, param_info->ppi_req_outer);
	}
	else if (filter->pushed != NIL && isinf(filter_max_rows(root, filter)))
	{
		request_cost *= 1 + SEARCH_RISK;
		estimate.requests = plan_guess_requests(estimate.requests,
												most_requests(root, baserel, filter));
	}
	startup = request_cost + quals.startup + baserel->reltarget->cost.startup;
	total = startup + (estimate.requests - 1) * request_cost +
		estimate.fetched * (cpu_tuple_cost + quals.per_tuple) +
		rows * baserel->reltarget->cost.per_tuple;
	add_path(baserel, (Path *)
			 compat_create_foreignscan_path(root, baserel, rows, startup, total,
											param_info != NULL ? param_info->ppi_req_outer : NULL,
											NIL));
}

/*
 * By how many times as many rounds a loop over these relations is judged than
 * core expects: how many objects a search finds may be a guess. The least risk
 * doesn't do for that, as core takes costs for equal that differ by 1 %, and
 * what comes before the loop may cost so much more than one round.
 */
static double
loop_doubt(PlannerInfo *root, Relids outer)
{
	double		doubt = 1;
	int			relid = -1;

	while ((relid = bms_next_member(outer, relid)) >= 0)
	{
		RelOptInfo *rel = root->simple_rel_array[relid];
		FilterPlan *filter;

		if (rel == NULL || !plan_is_objects(rel))
			continue;
		filter = ((PylonRelation *) rel->fdw_private)->filter;
		if (filter->pushed != NIL && isinf(filter_max_rows(root, filter)))
			doubt *= plan_guess_requests(rel->rows, most_objects(root, rel, filter)) / rel->rows;
	}
	return doubt;
}

/* As many objects as a search may find, if its guesses are wrong. */
static double
most_objects(PlannerInfo *root, RelOptInfo *baserel, FilterPlan *filter)
{
	double		objects = baserel->tuples * plan_most_share(root, baserel, filter->pushed);

	return ((PylonRelation *) baserel->fdw_private)->is_counted ? objects : objects * UNCOUNTED;
}

/* As many pages as it may take then. */
static double
most_requests(PlannerInfo *root, RelOptInfo *baserel, FilterPlan *filter)
{
	PylonRelation *relation = baserel->fdw_private;

	return ceil(most_objects(root, baserel, filter) / relation->options.page_size);
}

/* A path for each set of relations whose keys the API can be asked for. */
static void
add_parameterized_paths(PlannerInfo *root, RelOptInfo *baserel,
						Oid foreigntableid)
{
	List	   *clauses = collect_join_clauses(root, baserel);
	List	   *param_infos = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		Relids		outer;
		ParamPathInfo *param_info;
		FilterPlan *filter;

		if (!join_clause_is_movable_to(rinfo, baserel) ||
			plan_filter(root, baserel, foreigntableid, list_make1(rinfo))->pushed == NIL)
			continue;
		outer = bms_union(rinfo->clause_relids, baserel->lateral_relids);
		outer = bms_del_member(outer, baserel->relid);
		if (bms_is_empty(outer))
			continue;
		param_info = get_baserel_parampathinfo(root, baserel, outer);
		if (list_member_ptr(param_infos, param_info))
			continue;
		param_infos = lappend(param_infos, param_info);
		filter = plan_filter(root, baserel, foreigntableid,
							 list_concat_copy(baserel->baserestrictinfo,
											  param_info->ppi_clauses));
		add_scan_path(root, baserel, param_info, filter);
	}
}

/* Conditions that relate the table to others, as written and as implied. */
static List *
collect_join_clauses(PlannerInfo *root, RelOptInfo *baserel)
{
	List	   *clauses = list_copy(baserel->joininfo);

	if (baserel->has_eclass_joins)
		clauses = list_concat(clauses,
							  generate_implied_equalities_for_column(root, baserel,
																	 is_join_key,
																	 NULL,
																	 baserel->lateral_referencers));
	return clauses;
}

/* Any member on the table; filter_searchable_clause looks at the others. */
static bool
is_join_key(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec,
			EquivalenceMember *em, void *arg)
{
	return true;
}

/* ------------------------------------------------------------------------
 * For joins
 * ------------------------------------------------------------------------
 */

/* Are these the callbacks of this wrapper? NULL has none. */
bool
plan_is_ours(const FdwRoutine *routine)
{
	return routine != NULL && routine->GetForeignPaths == pylonGetForeignPaths;
}

/* Is "rel" a foreign table of ours? */
bool
plan_is_objects(RelOptInfo *rel)
{
	return plan_is_ours(rel->fdwroutine) &&
		rel->fdw_private != NULL;	/* else it is a parent, or empty */
}

/* The key that a join condition gives for looking up objects, or NULL. */
FilterJoinKey *
plan_join_key(PlannerInfo *root, RelOptInfo *baserel, RestrictInfo *rinfo)
{
	PylonRelation *relation = baserel->fdw_private;
	Relation	rel = table_open(planner_rt_fetch(baserel->relid, root)->relid, NoLock);
	FilterJoinKey *key = filter_plan_join_key(root, rel, baserel, rinfo,
											  relation->options.case_sensitive);

	table_close(rel, NoLock);
	return key;
}

/*
 * The scan below a lookup join, which starts it over with each batch of
 * keys. "estimate" is that of all its "scans" together.
 */
Path *
plan_lookup_scan(PlannerInfo *root, RelOptInfo *baserel, FilterJoinKey *key,
				 ScanEstimate estimate, double scans)
{
	PylonRelation *relation = baserel->fdw_private;
	double		fetched = estimate.fetched / scans;
	Cost		startup = relation->options.request_cost +
		baserel->baserestrictcost.startup + baserel->reltarget->cost.startup;
	Cost		total = startup +
		(estimate.requests / scans - 1) * relation->options.request_cost +
		fetched * (cpu_tuple_cost + baserel->baserestrictcost.per_tuple +
				   baserel->reltarget->cost.per_tuple);

	return (Path *) compat_create_foreignscan_path(root, baserel, clamp_row_est(fetched),
												   startup, total, NULL,
												   list_make1(key->node));
}

/*
 * A nested loop reads all the objects for its first row of the other side,
 * but core spreads what they cost over all rows: a LIMIT would seem to save
 * most of the pages. Of a semijoin that is true where the row has a match,
 * and the first one that has none reads on to the end.
 *
 * Only the startup costs of core's paths over objects are raised here, once
 * they stand beside each other. Without this, ten rows of a join of 2,500
 * objects, 100 a page, took 25 requests where look-ups take 10.
 */
void
plan_charge_first_pass(RelOptInfo *joinrel, RelOptInfo *innerrel)
{
	ListCell   *lc;

	if (!plan_is_objects(innerrel))
		return;
	foreach(lc, joinrel->pathlist)
	{
		JoinPath   *join = lfirst(lc);
		Path	   *inner;

		if (!IsA(join, NestPath))
			continue;
		inner = join->innerjoinpath;
		if (inner->parent == innerrel && inner->param_info == NULL)
			join->path.startup_cost = Max(join->path.startup_cost,
										  Min(join->path.total_cost,
											  join->outerjoinpath->startup_cost + inner->total_cost));
	}
}

/* ------------------------------------------------------------------------
 * What a plan carries to its execution
 * ------------------------------------------------------------------------
 */

/* The columns that the query looks at, as an IntList of their numbers. */
static List *
needed_columns(RelOptInfo *baserel, List *clauses, Oid foreigntableid)
{
	Relation	rel = table_open(foreigntableid, NoLock);
	Bitmapset  *used = NULL;
	List	   *attnums = NIL;
	bool		whole_row;

	pull_varattnos((Node *) baserel->reltarget->exprs, baserel->relid, &used);
	pull_varattnos((Node *) clauses, baserel->relid, &used);
	whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used);
	for (AttrNumber attnum = 1; attnum <= RelationGetNumberOfAttributes(rel); attnum++)
	{
		if (!object_has_column(rel, attnum))
			continue;
		if (whole_row ||
			bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, used))
			attnums = lappend_int(attnums, attnum);
	}
	table_close(rel, NoLock);
	return attnums;
}

/*
 * What the query's LIMIT says of the scan; its count and offset go to
 * "exprs". This decides about the size of pages and about reading ahead,
 * never about rows: those end when the executor stops asking.
 */
static ScanLimit
find_limit(PlannerInfo *root, FilterPlan *filter, List **exprs)
{
	Query	   *parse = root->parse;

	if (!rows_pass_through(root))
		return SCAN_ALL;
	if (parse->limitCount == NULL)
		return root->tuple_fraction >= 1 ? SCAN_OPEN : SCAN_ALL;
	/* A subplan would be executed twice, and in the memory of the scan. */
	if (filter->local != NIL ||
		contain_volatile_functions(parse->limitCount) ||
		contain_volatile_functions(parse->limitOffset) ||
		contain_subplans(parse->limitCount) ||
		contain_subplans(parse->limitOffset))
		return SCAN_OPEN;
	*exprs = lappend(*exprs, copyObject(parse->limitCount));
	if (parse->limitOffset != NULL)
		*exprs = lappend(*exprs, copyObject(parse->limitOffset));
	return SCAN_LIMITED;
}

/* Does each row of the only table become a row of the result, at once? */
static bool
rows_pass_through(PlannerInfo *root)
{
	Query	   *parse = root->parse;

	return list_length(parse->jointree->fromlist) == 1 &&
		IsA(linitial(parse->jointree->fromlist), RangeTblRef) &&
		!parse->hasAggs && !parse->hasWindowFuncs && !parse->hasTargetSRFs &&
		parse->groupClause == NIL && parse->groupingSets == NIL &&
		parse->distinctClause == NIL && parse->setOperations == NULL &&
		root->sort_pathkeys == NIL;
}

/*
 * May rows be looked at again that others have changed meanwhile? Then each
 * table has just the one row that is looked at, and gives it once.
 */
bool
plan_may_recheck(PlannerInfo *root)
{
	int			relid = -1;
	ListCell   *lc;

	foreach(lc, root->rowMarks)
	{
		if (lfirst_node(PlanRowMark, lc)->markType < ROW_MARK_REFERENCE)
			return true;
	}
	if (root->parse->commandType == CMD_INSERT)
		return false;
	while ((relid = bms_next_member(root->leaf_result_relids, relid)) >= 0)
	{
		if (planner_rt_fetch(relid, root)->relkind != RELKIND_FOREIGN_TABLE)
			return true;
	}
	return false;
}
