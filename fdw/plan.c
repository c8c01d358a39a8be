/*-------------------------------------------------------------------------
 *
 * plan.c
 *		Sizes, costs and plans of foreign scans.
 *
 * Costs are counted in requests: what the API allows in a minute is spent
 * long before the CPU matters. Planning asks the API nothing.
 *
 * IDENTIFICATION
 *		fdw/plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/sysattr.h"
#include "access/table.h"
#include "compat.h"
#include "contact.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "pylon_fdw.h"
#include "utils/rel.h"

/* What the planner knows of a foreign table; its rel's fdw_private. */
typedef struct PylonRelation
{
	PylonOptions options;
	List	   *filter;
	List	   *values;			/* of the filter */
	List	   *pushed;			/* RestrictInfos that the filter stands for */
	double		fetched;		/* contacts that the API is expected to send */
} PylonRelation;

static double estimate_fetched(PlannerInfo *root, RelOptInfo *baserel,
							   PylonRelation *relation);
static double estimate_requests(PylonRelation *relation);
static List *needed_columns(RelOptInfo *baserel, List *clauses,
							Oid foreigntableid);
static ScanLimit find_limit(PlannerInfo *root, PylonRelation *relation,
							int nclauses, List **exprs);
static bool rows_pass_through(PlannerInfo *root);

/*
 * Checks the columns, finds what can be pushed, and estimates the rows.
 * Raises HV005 for a column that shows no field.
 */
void
pylonGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel,
					   Oid foreigntableid)
{
	PylonRelation *relation = palloc0(sizeof(PylonRelation));
	ForeignTable *table = GetForeignTable(foreigntableid);
	Relation	rel = table_open(foreigntableid, NoLock);

	baserel->fdw_private = relation;
	option_read_server(&relation->options,
					   GetForeignServer(table->serverid)->options,
					   table->options);
	contact_check_columns(rel);
	relation->filter = filter_plan(rel, baserel, baserel->baserestrictinfo,
								   &relation->pushed, &relation->values);
	table_close(rel, NoLock);

	if (baserel->tuples < 0)
		baserel->tuples = relation->options.estimated_contacts;
	set_baserel_size_estimates(root, baserel);
	relation->fetched = estimate_fetched(root, baserel, relation);
	baserel->rows = clamp_row_est(Min(baserel->rows, relation->fetched));
}

/* One path: the scan with all that can be pushed. */
void
pylonGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel,
					 Oid foreigntableid)
{
	PylonRelation *relation = baserel->fdw_private;
	double		request_cost = relation->options.request_cost;
	Cost		startup = request_cost + baserel->baserestrictcost.startup +
		baserel->reltarget->cost.startup;
	Cost		total = startup + (estimate_requests(relation) - 1) * request_cost +
		relation->fetched * (cpu_tuple_cost + baserel->baserestrictcost.per_tuple) +
		baserel->rows * baserel->reltarget->cost.per_tuple;

	add_path(baserel, (Path *)
			 compat_create_foreignscan_path(root, baserel, baserel->rows,
											startup, total,
											baserel->lateral_relids, NIL));
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
	PylonRelation *relation = baserel->fdw_private;
	List	   *clauses = extract_actual_clauses(scan_clauses, false);
	List	   *exprs = list_copy(relation->values);
	List	   *attnums = needed_columns(baserel, clauses, foreigntableid);
	ScanLimit	limit = find_limit(root, relation, list_length(clauses),
								   &exprs);

	return make_foreignscan(tlist, clauses, baserel->relid, exprs,
							list_make4(relation->filter,
									   makeInteger(list_length(relation->values)),
									   attnums, makeInteger(limit)),
							NIL, NIL, outer_plan);
}

/* How many contacts the pushed conditions leave. */
static double
estimate_fetched(PlannerInfo *root, RelOptInfo *baserel,
				 PylonRelation *relation)
{
	double		fetched = baserel->tuples *
		clauselist_selectivity(root, relation->pushed, baserel->relid,
							   JOIN_INNER, NULL);

	return Min(fetched, filter_max_rows(root, relation->filter,
										relation->values));
}

static double
estimate_requests(PylonRelation *relation)
{
	double		requests = ceil(relation->fetched / relation->options.page_size);

	return filter_is_lookup(relation->filter) ? 1 : Max(requests, 1);
}

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
		if (TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attisdropped)
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
find_limit(PlannerInfo *root, PylonRelation *relation, int nclauses,
		   List **exprs)
{
	Query	   *parse = root->parse;

	if (!rows_pass_through(root))
		return SCAN_ALL;
	if (parse->limitCount == NULL)
		return root->tuple_fraction >= 1 ? SCAN_OPEN : SCAN_ALL;
	if (list_length(relation->pushed) < nclauses ||
		contain_volatile_functions(parse->limitCount) ||
		contain_volatile_functions(parse->limitOffset))
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
