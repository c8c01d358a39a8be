/*-------------------------------------------------------------------------
 *
 * system_columns.c
 *		Which system columns of a foreign table a query may name.
 *
 * An object has none of PostgreSQL's: its ctid would be the same in every
 * row, so that a driver or a tool that writes "WHERE ctid = ..." to mean one
 * row would write to all. Only tableoid is known. The others are refused
 * when the query is planned, wherever they stand in it; only queries of
 * objects are looked at, and what the planner itself adds is let through.
 *
 * IDENTIFICATION
 *		fdw/query/system_columns.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/heap.h"
#include "nodes/nodeFuncs.h"
#include "object/object_id.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/prep.h"
#include "query/system_columns.h"
#include "utils/rel.h"

#define CTID_MEMBER (SelfItemPointerAttributeNumber - FirstLowInvalidHeapAttributeNumber)

static void pull_from_clauses(List *clauses, Index relid, Bitmapset **named);
static bool is_ctid_for_row_mark(PlannerInfo *root, Index relid);
static bool is_row_mark_column(PlannerInfo *root, TargetEntry *entry,
							   Index relid);
static void check_result_list(List *exprs, Index relid, Relation table);
static bool find_result_column(Node *node, void *attnum);
static void system_columns_refuse(Relation table, Bitmapset *named);

/*
 * Raises 0A000 if the query names a system column of a foreign table that it
 * scans: for its result, a join, a condition, or another part of the query.
 */
void
system_columns_check_scan(PlannerInfo *root, RelOptInfo *baserel,
						  Relation table)
{
	Index		top = baserel->relid;
	Bitmapset  *named = NULL;

	/* Core refuses to MERGE into it, after it has asked for a ctid. */
	if (root->parse->commandType == CMD_MERGE &&
		bms_is_member(baserel->relid, root->all_result_relids))
		return;
	if (baserel->top_parent_relids != NULL)
		top = bms_singleton_member(baserel->top_parent_relids);

	pull_varattnos((Node *) baserel->reltarget->exprs, baserel->relid, &named);
	if (top != baserel->relid && is_ctid_for_row_mark(root, top))
		named = bms_del_member(named, CTID_MEMBER);
	pull_from_clauses(baserel->baserestrictinfo, baserel->relid, &named);
	pull_from_clauses(baserel->joininfo, baserel->relid, &named);
	/* Conditions that are always true, as core thinks, have been dropped. */
	pull_varattnos((Node *) root->parse->jointree, top, &named);
	system_columns_refuse(table, named);
}

/*
 * The same for the foreign table that a plan writes to: what it returns and
 * checks of the rows written is no part of any scan.
 */
void
system_columns_check_write(ModifyTable *plan, int index,
						   Index result_relation, Relation table)
{
	if (plan->returningLists != NIL)
		check_result_list(list_nth(plan->returningLists, index), result_relation, table);
	if (plan->withCheckOptionLists != NIL)
		check_result_list(list_nth(plan->withCheckOptionLists, index), result_relation, table);
}

/*
 * The same for a partition that a row is about to be routed to, which the
 * planner has not met; the plan speaks of the partitioned table then.
 */
void
system_columns_check_routed(ModifyTable *plan, Relation table)
{
	if (plan->returningLists != NIL)
		check_result_list(linitial(plan->returningLists), 0, table);
	if (plan->withCheckOptionLists != NIL)
		check_result_list(linitial(plan->withCheckOptionLists), 0, table);
}

static void
pull_from_clauses(List *clauses, Index relid, Bitmapset **named)
{
	ListCell   *lc;

	foreach(lc, clauses)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause, relid, named);
}

/*
 * A row of an inheritance tree with local tables in it is found again by its
 * ctid, where it is locked or joined with what is written, so core asks all
 * of the tree for one. Does only core ask?
 */
static bool
is_ctid_for_row_mark(PlannerInfo *root, Index relid)
{
	RelOptInfo *parent = find_base_rel(root, relid);
	PlanRowMark *mark = get_plan_rowmark(root->rowMarks, relid);
	Bitmapset  *named = NULL;
	Relids		needed;
	ListCell   *lc;

	if (mark == NULL || (mark->allMarkTypes & ~(1 << ROW_MARK_COPY)) == 0)
		return false;
	/* It is part of the plan's result, which is relation 0, and of no more. */
	needed = parent->attr_needed[SelfItemPointerAttributeNumber - parent->min_attr];
	if (!bms_is_member(0, needed) || bms_num_members(needed) > 1)
		return false;
	foreach(lc, root->processed_tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!is_row_mark_column(root, entry, relid))
			pull_varattnos((Node *) entry->expr, relid, &named);
	}
	pull_varattnos(root->parse->havingQual, relid, &named);
	return !bms_is_member(CTID_MEMBER, named);
}

/* Core names it by the number of its row mark, and no user can. */
static bool
is_row_mark_column(PlannerInfo *root, TargetEntry *entry, Index relid)
{
	PlanRowMark *mark = get_plan_rowmark(root->rowMarks, relid);

	return entry->resjunk && entry->ressortgroupref == 0 && entry->resname != NULL &&
		strcmp(entry->resname, psprintf("ctid%u", mark->rowmarkId)) == 0;
}

/* "relid" 0 stands for any relation that is still named, not a plan's output. */
static void
check_result_list(List *exprs, Index relid, Relation table)
{
	Bitmapset  *named = NULL;
	AttrNumber	attnum = 0;

	if (relid != 0)
		pull_varattnos((Node *) exprs, relid, &named);
	else if (find_result_column((Node *) exprs, &attnum))
		named = bms_make_singleton(attnum - FirstLowInvalidHeapAttributeNumber);
	system_columns_refuse(table, named);
}

/* Finds the number of a system column of the relation that is written. */
static bool
find_result_column(Node *node, void *attnum)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		*(AttrNumber *) attnum = var->varattno;
		return !IS_SPECIAL_VARNO(var->varno) && var->varattno < 0 &&
			var->varattno != TableOidAttributeNumber;
	}
	return expression_tree_walker(node, find_result_column, attnum);
}

/* Raises the error if there is one but tableoid among the columns. */
static void
system_columns_refuse(Relation table, Bitmapset *named)
{
	const PylonObject *object = object_of_table(table);
	int			member = -1;

	while ((member = bms_next_member(named, member)) >= 0)
	{
		AttrNumber	attnum = member + FirstLowInvalidHeapAttributeNumber;
		AttrNumber	id = object_id_find(table);

		if (attnum == TableOidAttributeNumber || attnum >= 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot use system column \"%s\" of foreign table \"%s\"",
						NameStr(SystemAttributeDefinition(attnum)->attname),
						RelationGetRelationName(table)),
				 errdetail("It would be the same for all %s.", object->nouns.many),
				 errhint("Use column \"%s\", by which %s is known.",
						 AttributeNumberIsValid(id) ?
						 NameStr(TupleDescAttr(RelationGetDescr(table), id - 1)->attname) :
						 object_id_field(object)->name,
						 object->nouns.a)));
	}
}
