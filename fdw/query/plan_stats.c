/*-------------------------------------------------------------------------
 *
 * plan_stats.c
 *		What the planner may assume of columns before ANALYZE has looked.
 *
 *
 * Without statistics core takes 200 different values for any column. Of some
 * fields we know better: this tells it through the hook for statistics.
 *
 * IDENTIFICATION
 *		fdw/query/plan_stats.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_statistic.h"
#include "compat.h"
#include "object/object.h"
#include "query/plan.h"
#include "query/plan_note.h"
#include "query/plan_stats.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

/*
 * Objects for each value of a field that few have in common, until ANALYZE
 * has counted them: those of one account, say. The default of core, 200 values
 * in all, would have a look-up of some accounts find most of a large table.
 * With half or twice as many, those of a hundred accounts are still a page.
 */
#define ROWS_PER_VALUE 5

static bool column_statistics(PlannerInfo *root, RangeTblEntry *rte,
							  AttrNumber attnum, VariableStatData *vardata);
static HeapTuple distinct_statistics(Oid relid, AttrNumber attnum,
									 double share);
static double distinct_share(PlannerInfo *root, Index relid,
							 AttrNumber attnum);
static double distinct_share_of_children(PlannerInfo *root, Index parent,
										 AttrNumber attnum);

static get_relation_stats_hook_type previous_hook = NULL;

void
plan_stats_install_hook(void)
{
	previous_hook = get_relation_stats_hook;
	get_relation_stats_hook = column_statistics;
}

/*
 * Lets the planner know that an id or an address is hardly ever that of two
 * objects, and that few have the same account or name, until ANALYZE has told
 * it more.
 */
static bool
column_statistics(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attnum,
				  VariableStatData *vardata)
{
	double		share;

	if (previous_hook != NULL &&
		previous_hook(root, rte, attnum, vardata))
		return true;
	if (!plan_has_objects(root) ||
		vardata->rel == NULL || !IS_SIMPLE_REL(vardata->rel) ||
		vardata->rel->relid >= (Index) root->simple_rel_array_size ||
		root->simple_rte_array[vardata->rel->relid] != rte)
		return false;			/* that of a subquery, which has another root */
	share = distinct_share(root, vardata->rel->relid, attnum);
	if (share == 1)
		vardata->isunique = true;
	else if (share > 0)
	{
		vardata->statsTuple = distinct_statistics(rte->relid, attnum, share);
		vardata->freefunc = heap_freetuple;
		vardata->acl_ok = true;
	}
	return share > 0;
}

/* Statistics as ANALYZE would make them that just say how many values there are. */
static HeapTuple
distinct_statistics(Oid relid, AttrNumber attnum, double share)
{
	Relation	catalog = table_open(StatisticRelationId, AccessShareLock);
	Datum		values[Natts_pg_statistic] = {0};
	bool		nulls[Natts_pg_statistic] = {0};
	HeapTuple	tuple;

	for (int i = 0; i < STATISTIC_NUM_SLOTS; i++)
	{
		nulls[Anum_pg_statistic_stanumbers1 - 1 + i] = true;
		nulls[Anum_pg_statistic_stavalues1 - 1 + i] = true;
	}
	values[Anum_pg_statistic_starelid - 1] = ObjectIdGetDatum(relid);
	values[Anum_pg_statistic_staattnum - 1] = Int16GetDatum(attnum);
	values[Anum_pg_statistic_stadistinct - 1] = Float4GetDatum(-share);
	tuple = heap_form_tuple(RelationGetDescr(catalog), values, nulls);
	table_close(catalog, AccessShareLock);
	return tuple;
}

/*
 * The number of different values for each object, of a column of which we
 * know that without ANALYZE, which hasn't seen it; else 0. A column of several
 * workspaces is one of each of them.
 */
static double
distinct_share(PlannerInfo *root, Index relid, AttrNumber attnum)
{
	RangeTblEntry *rte = root->simple_rte_array[relid];
	RelOptInfo *baserel = root->simple_rel_array[relid];
	Relation	rel;
	const PylonField *field;
	char	   *slug;

	if (attnum <= 0 || baserel == NULL ||
		(rte->rtekind == RTE_RELATION &&
		 SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(rte->relid),
							   Int16GetDatum(attnum), BoolGetDatum(rte->inh))))
		return 0;
	if (rte->inh)
		return distinct_share_of_children(root, relid, attnum);
	if (!plan_is_ours(baserel->fdwroutine))
		return 0;
	rel = table_open(rte->relid, NoLock);
	field = object_column_field(rel, attnum, &slug);
	table_close(rel, NoLock);
	if (field->is_unique)
		return 1;
	return field->is_rare ? 1.0 / ROWS_PER_VALUE : 0;
}

/* The least of the children's, which are of the same kind or don't count. */
static double
distinct_share_of_children(PlannerInfo *root, Index parent, AttrNumber attnum)
{
	double		least = INFINITY;
	ListCell   *lc;

	foreach(lc, root->append_rel_list)
	{
		AppendRelInfo *child = lfirst_node(AppendRelInfo, lc);
		Var		   *column;

		if (child->parent_relid != parent)
			continue;
		column = list_nth(child->translated_vars, attnum - 1);
		if (column == NULL || !IsA(column, Var))
			return 0;
		least = Min(least, distinct_share(root, child->child_relid, column->varattno));
	}
	return isinf(least) ? 0 : least;
}
