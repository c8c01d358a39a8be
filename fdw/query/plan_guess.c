/*-------------------------------------------------------------------------
 *
 * plan_guess.c
 *		How far the planner's estimates are trusted.
 *
 * Core has a selectivity for every condition, and doesn't say whether it has
 * counted or guessed: 0.5 % of the objects have a text in a custom field that
 * nobody has looked at. Requests are too dear for that. A search whose
 * number of pages is a guess is judged by that guess and by the most that it
 * can be, so that a plan whose requests are certain wins over it, unless the
 * guess is better by far. The rows that EXPLAIN shows stay core's.
 *
 * IDENTIFICATION
 *		fdw/query/plan_guess.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/table.h"
#include "catalog/pg_statistic.h"
#include "compat.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "query/plan_guess.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

/*
 * The rule of three: what none of n samples shows is true, with 95 %
 * certainty, of no more than 3/n of all.
 */
#define UNSEEN 3.0

static double doubt_of(PlannerInfo *root, Node *clause);
static double doubt_of_list(PlannerInfo *root, List *clauses);
static double doubt_of_operator(PlannerInfo *root, Oid operator, List *args);
static double doubt_of_samples(VariableStatData *variable);
static bool find_statistics(PlannerInfo *root, Node *node,
							VariableStatData *variable);
static bool has_statistics(PlannerInfo *root, Node *node);
static double stored_share(PlannerInfo *root, RelOptInfo *rel);

/* ------------------------------------------------------------------------
 * Searches
 * ------------------------------------------------------------------------
 */

/*
 * By how many requests a plan is judged that is thought to make "guess" of
 * them, and may make "most". Any number is as likely as ten times that, so it
 * is their geometric mean.
 */
double
plan_guess_requests(double guess, double most)
{
	return sqrt(guess * Max(guess, most));
}

/* At most what share of the objects satisfies the conditions of a search. */
double
plan_most_share(PlannerInfo *root, RelOptInfo *baserel, List *pushed)
{
	List	   *measured = NIL;
	double		most = 1;
	ListCell   *lc;

	foreach(lc, pushed)
	{
		double		doubt = doubt_of(root, lfirst(lc));

		if (doubt == 0)
			measured = lappend(measured, lfirst(lc));
		else if (doubt < 1)
			most = Min(most, doubt +
					   clause_selectivity(root, lfirst(lc), baserel->relid, JOIN_INNER, NULL));
	}
	return Min(most, clauselist_selectivity(root, measured, baserel->relid, JOIN_INNER, NULL));
}

/*
 * By how much core may underrate the share of rows that satisfy a condition:
 * 0 if values were counted, 1 if it just guesses.
 */
static double
doubt_of(PlannerInfo *root, Node *clause)
{
	if (IsA(clause, RestrictInfo))
		clause = (Node *) ((RestrictInfo *) clause)->clause;
	switch (nodeTag(clause))
	{
		case T_BoolExpr:
			return doubt_of_list(root, ((BoolExpr *) clause)->args);
		case T_OpExpr:
			return doubt_of_operator(root, ((OpExpr *) clause)->opno,
									 ((OpExpr *) clause)->args);
		case T_ScalarArrayOpExpr:
			return doubt_of_operator(root, ((ScalarArrayOpExpr *) clause)->opno,
									 ((ScalarArrayOpExpr *) clause)->args);
		case T_NullTest:
			return has_statistics(root, (Node *) ((NullTest *) clause)->arg) ? 0 : 1;
		case T_BooleanTest:
			return has_statistics(root, (Node *) ((BooleanTest *) clause)->arg) ? 0 : 1;
		default:
			return has_statistics(root, clause) ? 0 : 1;
	}
}

/* The doubts about each may add up. */
static double
doubt_of_list(PlannerInfo *root, List *clauses)
{
	double		doubt = 0;
	ListCell   *lc;

	foreach(lc, clauses)
		doubt += doubt_of(root, lfirst(lc));
	return Min(doubt, 1);
}

/* Equality is counted; patterns and containment in jsonb are tried on samples. */
static double
doubt_of_operator(PlannerInfo *root, Oid operator, List *args)
{
	VariableStatData variable;
	double		doubt;

	if (list_length(args) != 2 ||
		(!find_statistics(root, linitial(args), &variable) &&
		 !find_statistics(root, lsecond(args), &variable)))
		return 1;
	switch (get_oprrest(operator))
	{
		case F_EQSEL:
		case F_NEQSEL:
		case F_ARRAYCONTSEL:
			doubt = 0;
			break;
		case F_LIKESEL:
		case F_ICLIKESEL:
		case F_PREFIXSEL:
		case F_MATCHINGSEL:
			doubt = doubt_of_samples(&variable);
			break;
		default:
			doubt = 1;
	}
	ReleaseVariableStats(variable);
	return doubt;
}

/*
 * What can have escaped the values that ANALYZE has kept: a list of all values
 * leaves nothing out, a histogram is so many samples.
 */
static double
doubt_of_samples(VariableStatData *variable)
{
	AttStatsSlot slot;
	double		doubt;

	if (get_attstatsslot(&slot, variable->statsTuple, STATISTIC_KIND_HISTOGRAM, InvalidOid,
						 ATTSTATSSLOT_VALUES))
		doubt = Min(UNSEEN / Max(slot.nvalues, 1), 1);
	else if (get_attstatsslot(&slot, variable->statsTuple, STATISTIC_KIND_MCV, InvalidOid,
							  ATTSTATSSLOT_VALUES))
		doubt = 0;
	else
		return 1;
	free_attstatsslot(&slot);
	return doubt;
}

/*
 * Finds what ANALYZE has noted of a column or, where CREATE STATISTICS has
 * asked for it, of an expression; to be released then. What plan_stats.c
 * assumes of a column is none.
 */
static bool
find_statistics(PlannerInfo *root, Node *node, VariableStatData *variable)
{
	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (IsA(node, Const) || IsA(node, Param))
		return false;
	if (IsA(node, Var) &&
		!SearchSysCacheExists3(STATRELATTINH,
							   ObjectIdGetDatum(planner_rt_fetch(((Var *) node)->varno, root)->relid),
							   Int16GetDatum(((Var *) node)->varattno), BoolGetDatum(false)))
		return false;
	examine_variable(root, node, 0, variable);
	if (HeapTupleIsValid(variable->statsTuple))
		return true;
	ReleaseVariableStats(*variable);
	return false;
}

static bool
has_statistics(PlannerInfo *root, Node *node)
{
	VariableStatData variable;

	if (!find_statistics(root, node, &variable))
		return false;
	ReleaseVariableStats(variable);
	return true;
}

/* ------------------------------------------------------------------------
 * Local tables
 * ------------------------------------------------------------------------
 */

/*
 * How much of what core thinks of these relations together is there. Core
 * takes a table that nobody has vacuumed yet for ten pages at least, since it
 * may be filled once the plan is made. So a new table of 250 keys seems to be one
 * of 1,200 and to take 12 requests instead of 3, and a plan is chosen that is
 * only guessed to need fewer.
 */
double
plan_stored_share(PlannerInfo *root, Relids relids)
{
	double		share = 1;
	int			relid = -1;

	while ((relid = bms_next_member(relids, relid)) >= 0)
	{
		if (root->simple_rel_array[relid] != NULL)
			share *= stored_share(root, root->simple_rel_array[relid]);
	}
	return share;
}

static double
stored_share(PlannerInfo *root, RelOptInfo *rel)
{
	RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
	BlockNumber blocks = 0;
	Relation	table;

	if (rte->rtekind != RTE_RELATION || rte->inh || !RELKIND_HAS_TABLE_AM(rte->relkind))
		return 1;
	table = table_open(rte->relid, NoLock);
	if (table->rd_rel->reltuples < 0)
		blocks = RelationGetNumberOfBlocks(table);
	table_close(table, NoLock);
	return blocks > 0 && blocks < rel->pages ? (double) blocks / rel->pages : 1;
}
