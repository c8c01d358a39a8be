/*-------------------------------------------------------------------------
 *
 * lookup_path.c
 *		When objects are joined by looking them up: paths and their costs.
 *
 * A lookup join reads the other side in batches and asks for the objects
 * that have one of a batch's keys. It is offered beside the paths of core
 * for each join of a foreign table with anything by a field that can be
 * searched, and wins where it makes the fewest requests.
 *
 * The objects may be those of several workspaces, as partitions or children
 * of a table or branches of a UNION ALL: each of these foreign tables is asked
 * then. What else belongs to that table, often an empty parent, is read for
 * each batch.
 *
 * lookup_plan.c makes the plan of a path, and lookup_join.c executes it.
 *
 * IDENTIFICATION
 *		fdw/query/lookup_path.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "compat.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "parser/parse_oper.h"
#include "query/lookup_plan.h"
#include "query/plan.h"
#include "query/plan_guess.h"
#include "query/plan_note.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

/* Setting pylon_fdw.enable_lookup_join. */
bool		pylon_enable_lookup_join = true;

/* A join for which lookups are considered. */
typedef struct LookupCandidate
{
	PlannerInfo *root;
	RelOptInfo *joinrel;
	RelOptInfo *inner;			/* the objects */
	List	   *members;		/* RelOptInfo: the tables of "inner" */
	JoinType	jointype;
	JoinPathExtraData *extra;
	Node	   *inner_key;		/* an expression on "inner" */
	Node	   *outer_key;
	List	   *keys;			/* FilterJoinKey: the same for each member,
								 * NULL for one without objects */
	RestrictInfo *clause;		/* the condition that says so */
	double		matches;		/* objects that have the same key */
	RelOptInfo *semijoinrel;	/* of objects with rows, or NULL */
} LookupCandidate;

static void consider_lookup_join(PlannerInfo *root, RelOptInfo *joinrel,
								 RelOptInfo *outerrel, RelOptInfo *innerrel,
								 JoinType jointype, JoinPathExtraData *extra);
static void charge_restarts(PlannerInfo *root, RelOptInfo *joinrel);
static bool reads_objects(PlannerInfo *root, Path *path);
static bool is_table_of_query(PlannerInfo *root, RelOptInfo *rel);
static List *find_members(PlannerInfo *root, RelOptInfo *rel);
static bool has_objects(List *members);
static bool choose_key(LookupCandidate *join, RelOptInfo *outerrel);
static void consider_key(LookupCandidate *join, RelOptInfo *outerrel,
						 RestrictInfo *rinfo);
static Node *lookup_path_translate(LookupCandidate *join, Node *node, RelOptInfo *member);
static bool find_member_keys(LookupCandidate *join, RelOptInfo *outerrel,
							 RestrictInfo *rinfo, List **keys);
static double rows_with_keys(LookupCandidate *join, RelOptInfo *member,
							 Node *inner_key, double keys);
static List *outer_paths(PlannerInfo *root, RelOptInfo *outerrel);
static Path *sorted_path(PlannerInfo *root, RelOptInfo *outerrel);
static bool has_row_identity(List *exprs);
static void add_lookup_path(LookupCandidate *join, Path *outer);
static Path *create_lookup_path(LookupCandidate *join, Path *outer,
								ParamPathInfo *param_info, List *clauses);
static void consider_target(LookupCandidate *join, RelOptInfo *outerrel,
							Path *outer);
static RelOptInfo *joinrel_of_member(LookupCandidate *join, RelOptInfo *member);
static void consider_semijoin(LookupCandidate *join, RelOptInfo *rows);
static bool can_be_read_twice(PlannerInfo *root, RelOptInfo *rel);
static bool gives_same_twice(List *conditions);
static Path *distinct_keys(LookupCandidate *join, RelOptInfo *rows);
static void cost_lookup_path(LookupCandidate *join, CustomPath *path);
static int	batch_size(LookupCandidate *join);
static double count_keys(LookupCandidate *join, Path *outer);
static double most_keys(LookupCandidate *join);
static bool knows_rows(LookupCandidate *join);
static double rows_before_unique(Path *path);
static Cost cost_lookups(LookupCandidate *join, double keys, double share,
						 double batches);
static void add_members(LookupCandidate *join, CustomPath *path, double keys,
						double batches);
static ScanEstimate estimate_lookups(LookupCandidate *join, RelOptInfo *member,
									 double keys, double share,
									 double batches);
static double doubtful_factor(PlannerInfo *root, RelOptInfo *member);

static set_join_pathlist_hook_type previous_hook = NULL;

void
lookup_install_hook(void)
{
	previous_hook = set_join_pathlist_hook;
	set_join_pathlist_hook = consider_lookup_join;
}

/* The planner asks for more paths that join "outerrel" with "innerrel". */
static void
consider_lookup_join(PlannerInfo *root, RelOptInfo *joinrel,
					 RelOptInfo *outerrel, RelOptInfo *innerrel,
					 JoinType jointype, JoinPathExtraData *extra)
{
	LookupCandidate join = {.root = root,.joinrel = joinrel,.inner = innerrel,
	.jointype = jointype,.extra = extra};
	LookupCandidate semijoin = {.root = root,.joinrel = outerrel,.inner = outerrel,
	.jointype = JOIN_INNER,.extra = extra,.semijoinrel = joinrel};
	Path	   *unique = NULL;
	ListCell   *lc;

	if (previous_hook != NULL)
		previous_hook(root, joinrel, outerrel, innerrel, jointype, extra);
	if (!plan_has_objects(root))
		return;
	plan_charge_first_pass(joinrel, innerrel);
	charge_restarts(root, joinrel);
	if (!pylon_enable_lookup_join || IS_DUMMY_REL(outerrel))
		return;
	if (jointype == JOIN_SEMI && extra->sjinfo->semi_rhs_exprs == NIL)
		consider_semijoin(&semijoin, innerrel);
	if (!is_table_of_query(root, innerrel))
		return;
	if (jointype == JOIN_UNIQUE_OUTER)
	{
		/* Objects for which there is a row: each row's key once. */
		join.jointype = JOIN_INNER;
		unique = compat_unique_path(root, outerrel, extra->sjinfo);
	}
	if (has_row_identity(innerrel->reltarget->exprs))
	{
		if (join.jointype == JOIN_INNER)
			consider_target(&join, outerrel,
							jointype == JOIN_INNER ? outerrel->cheapest_total_path : unique);
		return;
	}
	join.members = find_members(root, innerrel);
	if (!has_objects(join.members) || !choose_key(&join, outerrel))
		return;

	switch (jointype)
	{
		case JOIN_UNIQUE_OUTER:
			add_lookup_path(&join, unique);
			break;
		case JOIN_INNER:
		case JOIN_LEFT:
		case JOIN_SEMI:
		case JOIN_ANTI:
			foreach(lc, outer_paths(root, outerrel))
				add_lookup_path(&join, lfirst(lc));
			break;
		default:
			break;				/* all objects are wanted, or another path is
								 * the better one */
	}
}

/*
 * A hash join that is started over keeps its hash table, core thinks, and
 * takes both that and the start of the other side for free. But objects that
 * a parameter decides about are asked for anew. Core sees nothing kept where
 * there are several batches, hence two of them; for the execution they are
 * counted again.
 */
static void
charge_restarts(PlannerInfo *root, RelOptInfo *joinrel)
{
	ListCell   *lc;

	foreach(lc, joinrel->pathlist)
	{
		HashPath   *hash = lfirst(lc);
		Path	   *outer;
		Path	   *inner;

		if (!IsA(hash, HashPath) || hash->jpath.path.param_info == NULL || hash->num_batches != 1)
			continue;
		outer = hash->jpath.outerjoinpath;
		inner = hash->jpath.innerjoinpath;
		/* What is kept of other objects counts for more than the start. */
		if (reads_objects(root, inner) ? inner->param_info != NULL :
			outer->param_info != NULL && reads_objects(root, outer))
			hash->num_batches = 2;
	}
}

/* Are objects among what the path reads? */
static bool
reads_objects(PlannerInfo *root, Path *path)
{
	int			relid = -1;
	ListCell   *lc;

	while ((relid = bms_next_member(path->parent->relids, relid)) >= 0)
	{
		/* An outer join has a number, too. */
		if (root->simple_rel_array[relid] == NULL)
			continue;
		foreach(lc, find_members(root, root->simple_rel_array[relid]))
		{
			if (plan_is_objects(lfirst(lc)))
				return true;
		}
	}
	return false;
}

/*
 * Is "rel" one that the query names, with all of its rows, and independent of
 * others? A copy of it, with paths that drop repeated rows, is another one.
 */
static bool
is_table_of_query(PlannerInfo *root, RelOptInfo *rel)
{
	return rel->reloptkind == RELOPT_BASEREL &&
		root->simple_rel_array[rel->relid] == rel &&
		rel->lateral_relids == NULL && !IS_DUMMY_REL(rel);
}

/*
 * The tables whose rows are those of "rel": itself, or its children. NIL if
 * it is of another kind.
 */
static List *
find_members(PlannerInfo *root, RelOptInfo *rel)
{
	List	   *members = NIL;
	ListCell   *lc;

	if (!root->simple_rte_array[rel->relid]->inh)
		return list_make1(rel);
	foreach(lc, root->append_rel_list)
	{
		AppendRelInfo *child = lfirst_node(AppendRelInfo, lc);
		RelOptInfo *childrel = root->simple_rel_array[child->child_relid];

		if (child->parent_relid == rel->relid && !IS_DUMMY_REL(childrel))
			members = list_concat(members, find_members(root, childrel));
	}
	return members;
}

/* Is there a foreign table of objects, and can all be read without parameters? */
static bool
has_objects(List *members)
{
	bool		found = false;
	ListCell   *lc;

	foreach(lc, members)
	{
		RelOptInfo *member = lfirst(lc);

		if (member->cheapest_total_path == NULL ||
			member->cheapest_total_path->param_info != NULL)
			return false;
		found |= plan_is_objects(member);
	}
	return found;
}

/*
 * Finds the join condition by which the fewest objects come; false if there
 * is none to look up by.
 */
static bool
choose_key(LookupCandidate *join, RelOptInfo *outerrel)
{
	ListCell   *lc;

	foreach(lc, join->extra->restrictlist)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (rinfo->pseudoconstant && !compat_pseudoconstants_are_checked())
			return false;
		/* One of the result is none of the join. */
		if (!IS_OUTER_JOIN(join->jointype) ||
			!RINFO_IS_PUSHED_DOWN(rinfo, join->joinrel->relids))
			consider_key(join, outerrel, rinfo);
	}
	return join->keys != NIL;
}

/* Takes a condition as the join's key, if all objects can be searched by it. */
static void
consider_key(LookupCandidate *join, RelOptInfo *outerrel, RestrictInfo *rinfo)
{
	List	   *keys = NIL;
	double		matches = 0;
	Node	   *inner_key;
	Node	   *outer_key;
	ListCell   *lc;

	if (!find_member_keys(join, outerrel, rinfo, &keys))
		return;
	if (linitial(join->members) == join->inner)
	{
		FilterJoinKey *key = linitial(keys);

		inner_key = (Node *) key->inner;
		outer_key = (Node *) key->outer;
	}
	else
	{
		bool		swapped = bms_is_subset(pull_varnos(join->root, get_leftop(rinfo->clause)),
											outerrel->relids);

		inner_key = swapped ? get_rightop(rinfo->clause) : get_leftop(rinfo->clause);
		outer_key = swapped ? get_leftop(rinfo->clause) : get_rightop(rinfo->clause);
	}
	foreach(lc, join->members)
		matches += rows_with_keys(join, lfirst(lc), inner_key, 1);
	if (join->keys != NIL && matches >= join->matches)
		return;
	join->inner_key = inner_key;
	join->outer_key = outer_key;
	join->keys = keys;
	join->clause = rinfo;
	join->matches = matches;
}

/* The key that a condition gives for each member; false if one can't be asked. */
static bool
find_member_keys(LookupCandidate *join, RelOptInfo *outerrel,
				 RestrictInfo *rinfo, List **keys)
{
	FilterJoinKey *first = NULL;
	ListCell   *lc;

	foreach(lc, join->members)
	{
		RelOptInfo *member = lfirst(lc);
		FilterJoinKey *key = NULL;

		if (plan_is_objects(member))
		{
			key = plan_join_key(join->root, member,
								(RestrictInfo *) lookup_path_translate(join, (Node *) rinfo, member));
			if (key == NULL ||
				!bms_is_subset(pull_varnos(join->root, (Node *) key->outer), outerrel->relids))
				return false;
			if (first == NULL)
				first = key;
			/* One text of a key must do for all of them. */
			if (filter_key_ignores_case(key) != filter_key_ignores_case(first))
				return false;
		}
		*keys = lappend(*keys, key);
	}
	return true;
}

/* What an expression on the objects is on one of the foreign tables. */
static Node *
lookup_path_translate(LookupCandidate *join, Node *node, RelOptInfo *member)
{
	AppendRelInfo *appinfo;

	if (member == join->inner)
		return node;
	appinfo = join->root->append_rel_array[member->relid];
	node = lookup_path_translate(join, node, find_base_rel(join->root, appinfo->parent_relid));
	return adjust_appendrel_attrs(join->root, node, 1, &appinfo);
}

/* How many of a member's rows have one of so many keys. */
static double
rows_with_keys(LookupCandidate *join, RelOptInfo *member, Node *inner_key,
			   double keys)
{
	VariableStatData variable;
	double		rows = member->rows;
	double		distinct;
	bool		is_default;

	if (plan_is_objects(member))
		rows = member->tuples *
			clauselist_selectivity(join->root,
								   ((PylonRelation *) member->fdw_private)->filter->pushed,
								   member->relid, JOIN_INNER, NULL);
	examine_variable(join->root, lookup_path_translate(join, inner_key, member), 0, &variable);
	distinct = get_variable_numdistinct(&variable, &is_default);
	/* Most objects lack most custom fields. */
	if (HeapTupleIsValid(variable.statsTuple))
		rows *= 1 - ((Form_pg_statistic) GETSTRUCT(variable.statsTuple))->stanullfrac;
	ReleaseVariableStats(variable);
	return rows * Min(keys / Max(distinct, 1), 1);
}

/*
 * Paths of the other side that are worth to be tried: the cheapest, those
 * with an order that the join would keep, and parameterized ones.
 */
static List *
outer_paths(PlannerInfo *root, RelOptInfo *outerrel)
{
	List	   *paths = list_make1(outerrel->cheapest_total_path);
	Path	   *sorted = sorted_path(root, outerrel);
	ListCell   *lc;

	if (sorted != NULL)
		paths = lappend(paths, sorted);
	if (outerrel->cheapest_startup_path != NULL)
		paths = list_append_unique_ptr(paths, outerrel->cheapest_startup_path);
	foreach(lc, outerrel->pathlist)
	{
		Path	   *path = lfirst(lc);

		if (path->pathkeys != NIL && path->param_info == NULL)
			paths = list_append_unique_ptr(paths, path);
	}
	return list_concat_unique_ptr(paths, outerrel->cheapest_parameterized_paths);
}

/*
 * The other side in the order of the query, if that has a LIMIT: then few of
 * the keys need be looked up. NULL if that order isn't one of that side.
 */
static Path *
sorted_path(PlannerInfo *root, RelOptInfo *outerrel)
{
	Path	   *path = outerrel->cheapest_total_path;
	ListCell   *lc;

	if (root->tuple_fraction <= 0 || path->param_info != NULL ||
		pathkeys_contained_in(root->query_pathkeys, path->pathkeys))
		return NULL;
	foreach(lc, root->query_pathkeys)
	{
		if (!relation_can_be_sorted_early(root, outerrel,
										  lfirst_node(PathKey, lc)->pk_eclass, false))
			return NULL;
	}
	return (Path *) create_sort_path(root, outerrel, path, root->query_pathkeys, -1);
}

/*
 * Do these columns hold what identifies the rows of an inherited or partitioned
 * target? EXPLAIN can't show such a column of a custom scan.
 */
static bool
has_row_identity(List *exprs)
{
	ListCell   *lc;

	foreach(lc, exprs)
	{
		if (IsA(lfirst(lc), Var) && ((Var *) lfirst(lc))->varno == ROWID_VAR)
			return true;
	}
	return false;
}

static void
add_lookup_path(LookupCandidate *join, Path *outer)
{
	List	   *clauses = list_copy(join->extra->restrictlist);
	ParamPathInfo *param_info;
	Relids		required;

	if (outer == NULL || bms_overlap(PATH_REQ_OUTER(outer), join->inner->relids) ||
		has_row_identity(outer->pathtarget->exprs))
		return;
	required = calc_nestloop_required_outer(outer->parent->relids, PATH_REQ_OUTER(outer),
											join->inner->relids, NULL);
	if (!bms_is_empty(required) &&
		!bms_overlap(required, join->extra->param_source_rels))
		return;					/* parameters from where core wants none */

	param_info = get_joinrel_parampathinfo(join->root, join->joinrel, outer,
										   join->inner->cheapest_total_path,
										   join->extra->sjinfo, required, &clauses);
	add_path(join->joinrel, create_lookup_path(join, outer, param_info, clauses));
}

static Path *
create_lookup_path(LookupCandidate *join, Path *outer, ParamPathInfo *param_info,
				   List *clauses)
{
	CustomPath *path = makeNode(CustomPath);

	path->path.pathtype = T_CustomScan;
	path->path.parent = join->joinrel;
	path->path.pathtarget = join->joinrel->reltarget;
	path->path.param_info = param_info;
	path->path.pathkeys = build_join_pathkeys(join->root, join->joinrel,
											  join->jointype, outer->pathkeys);
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_paths = list_make1(outer);
	path->custom_private = list_make4(makeInteger(join->jointype),
									  list_make2(join->inner_key, join->outer_key),
									  clauses,
									  join->inner->reltarget->exprs);
	path->methods = &lookup_path_methods;
	compat_set_custom_join(path, outer, clauses);
	cost_lookup_path(join, path);
	return (Path *) path;
}

/* ------------------------------------------------------------------------
 * Several workspaces that are written to
 * ------------------------------------------------------------------------
 */

/*
 * Looks up in one workspace after the other, below an Append, where the
 * objects are those of an inherited or partitioned target. The columns that
 * identify its rows have no place in the tuple of a custom scan (core asserts
 * that, and EXPLAIN can't show them) before the workspace is known.
 */
static void
consider_target(LookupCandidate *join, RelOptInfo *outerrel, Path *outer)
{
	List	   *paths = NIL;
	ListCell   *lc;

	if (outer == NULL || outer->param_info != NULL || !can_be_read_twice(join->root, outerrel))
		return;
	foreach(lc, find_members(join->root, join->inner))
	{
		JoinPathExtraData extra = *join->extra;
		LookupCandidate child = *join;

		child.inner = lfirst(lc);
		child.members = list_make1(child.inner);
		child.joinrel = joinrel_of_member(join, child.inner);
		child.extra = &extra;
		extra.restrictlist = (List *)
			lookup_path_translate(join, (Node *) extra.restrictlist, child.inner);
		if (!has_objects(child.members) || !choose_key(&child, outerrel))
			return;
		paths = lappend(paths, create_lookup_path(&child, outer, NULL, extra.restrictlist));
	}
	if (paths != NIL)
		add_path(join->joinrel, compat_append_path(join->root, join->joinrel, paths));
}

/* The join as it is of one of the tables whose rows are those of "inner". */
static RelOptInfo *
joinrel_of_member(LookupCandidate *join, RelOptInfo *member)
{
	RelOptInfo *rel = makeNode(RelOptInfo);

	*rel = *join->joinrel;
	rel->pathlist = NIL;
	rel->rows = clamp_row_est(rel->rows * member->rows / Max(join->inner->rows, 1));
	rel->reltarget = copy_pathtarget(rel->reltarget);
	rel->reltarget->exprs = (List *)
		lookup_path_translate(join, (Node *) rel->reltarget->exprs, member);
	return rel;
}

/* ------------------------------------------------------------------------
 * Semijoins of objects
 * ------------------------------------------------------------------------
 */

/*
 * The objects for which there is one of these rows, where more than equality
 * decides: EXISTS (SELECT FROM rows WHERE v = email AND n > length(name)). Such
 * rows can't be made unique, so core reads all objects. Here those are
 * looked up that have one of the rows' keys, each key once; which of them
 * have such a row is for a join of core.
 */
static void
consider_semijoin(LookupCandidate *join, RelOptInfo *rows)
{
	JoinCostWorkspace workspace;
	List	   *hashclauses;
	Path	   *keys;
	Path	   *objects;

	if (rows->cheapest_total_path->param_info != NULL || !can_be_read_twice(join->root, rows) ||
		!is_table_of_query(join->root, join->inner) ||
		has_row_identity(join->inner->reltarget->exprs))
		return;
	join->members = find_members(join->root, join->inner);
	if (!has_objects(join->members) || !choose_key(join, rows) ||
		!OidIsValid(join->clause->hashjoinoperator))
		return;
	keys = distinct_keys(join, rows);
	if (keys == NULL)
		return;
	objects = create_lookup_path(join, keys, NULL, list_make1(join->clause));
	objects->rows = clamp_row_est(Min(join->inner->rows, keys->rows * join->matches));

	hashclauses = list_make1(join->clause);
	initial_cost_hashjoin(join->root, &workspace, JOIN_SEMI, hashclauses, objects,
						  rows->cheapest_total_path, join->extra, false);
	add_path(join->semijoinrel, (Path *)
			 create_hashjoin_path(join->root, join->semijoinrel, JOIN_SEMI, &workspace,
								  join->extra, objects, rows->cheapest_total_path, false,
								  join->extra->restrictlist, NULL, hashclauses));
}

/* Local tables give the same rows twice in one plan, if their conditions do; but no sample does. */
static bool
can_be_read_twice(PlannerInfo *root, RelOptInfo *rel)
{
	int			relid = -1;

	if (plan_may_recheck(root))
		return false;
	while ((relid = bms_next_member(rel->relids, relid)) >= 0)
	{
		RelOptInfo *table = root->simple_rel_array[relid];
		ListCell   *lc;

		if (table == NULL)
			continue;			/* an outer join */
		if (table->rtekind != RTE_RELATION || !is_table_of_query(root, table))
			return false;
		foreach(lc, find_members(root, table))
		{
			RelOptInfo *member = lfirst(lc);

			if (member->rtekind != RTE_RELATION || member->fdwroutine != NULL ||
				planner_rt_fetch(member->relid, root)->tablesample != NULL ||
				!gives_same_twice(member->baserestrictinfo) ||
				!gives_same_twice(member->joininfo))
				return false;
		}
	}
	return true;
}

static bool
gives_same_twice(List *conditions)
{
	Node	   *clauses = (Node *) extract_actual_clauses(conditions, false);

	return !contain_volatile_functions(clauses) && !contain_subplans(clauses);
}

/* Each key of these rows once; NULL if what is one key to a hash isn't to the join. */
static Path *
distinct_keys(LookupCandidate *join, RelOptInfo *rows)
{
	PathTarget *target = create_empty_pathtarget();
	SortGroupClause *group = makeNode(SortGroupClause);
	Oid			collation = exprCollation(join->outer_key);
	Path	   *path;

	get_sort_group_operators(exprType(join->outer_key), false, true, false,
							 NULL, &group->eqop, NULL, &group->hashable);
	if (!group->hashable ||
		(OidIsValid(collation) && !get_collation_isdeterministic(collation)))
		return NULL;
	group->tleSortGroupRef = 1;
	add_column_to_pathtarget(target, (Expr *) join->outer_key, group->tleSortGroupRef);
	set_pathtarget_cost_width(join->root, target);
	path = (Path *) create_projection_path(join->root, rows, rows->cheapest_total_path, target);
	return (Path *) create_agg_path(join->root, rows, path, target, AGG_HASHED, AGGSPLIT_SIMPLE,
									list_make1(group), NIL, NULL,
									estimate_num_groups(join->root, list_make1(join->outer_key),
														path->rows, NULL, NULL));
}

/* ------------------------------------------------------------------------
 * Costs
 * ------------------------------------------------------------------------
 */

/*
 * Costs, above all of requests. The first batch comes before the first row,
 * and so does its share of the other side.
 */
static void
cost_lookup_path(LookupCandidate *join, CustomPath *path)
{
	Path	   *outer = linitial(path->custom_paths);
	double		keys = count_keys(join, outer);
	double		first = lookup_first_batch(join->root, &path->path);
	double		size = batch_size(join);
	double		batches;
	double		share;
	QualCost	quals;
	Cost		local;
	Cost		rest;

	path->path.rows = path->path.param_info != NULL ?
		path->path.param_info->ppi_rows : join->joinrel->rows;

	first = Min(keys, first > 0 ? Min(first, size) : size);
	batches = ceil((keys - first) / size);
	share = first / keys;
	cost_qual_eval(&quals, list_nth(path->custom_private, LookupPathClauses), join->root);
	local = outer->total_cost - outer->startup_cost +
		outer->rows * (cpu_tuple_cost + cpu_operator_cost) +
		outer->rows * join->matches * (cpu_tuple_cost + quals.per_tuple);
	rest = local * (1 - share);
	if (batches > 0)
		rest += cost_lookups(join, keys, 1 - share, batches);
	add_members(join, path, keys, batches + 1);
	path->path.startup_cost = outer->startup_cost + quals.startup +
		local * share + cost_lookups(join, keys, share, 1) +
		join->joinrel->reltarget->cost.startup;
	path->path.total_cost = path->path.startup_cost + rest +
		path->path.rows * join->joinrel->reltarget->cost.per_tuple;
}

/* The most keys that all members take in one request. */
static int
batch_size(LookupCandidate *join)
{
	int			size = INT_MAX;
	ListCell   *lc;
	ListCell   *lc2;

	forboth(lc, join->members, lc2, join->keys)
	{
		PylonRelation *relation = ((RelOptInfo *) lfirst(lc))->fdw_private;

		if (lfirst(lc2) != NULL)
			size = Min(size, relation->options.lookup_batch_size);
	}
	return size;
}

/*
 * How many keys the other side has. Where nothing is known of these, each row
 * may have its own, as core has it for Memoize; unless the objects are just
 * a guess, too: then the lookups are the lesser risk, for there can't be more
 * keys than rows.
 */
static double
count_keys(LookupCandidate *join, Path *outer)
{
	EstimationInfo info;
	double		stored = plan_stored_share(join->root, outer->parent->relids);
	double		keys = estimate_num_groups(join->root, list_make1(join->outer_key),
										   clamp_row_est(outer->rows * stored), NULL, &info);

	if ((info.flags & SELFLAG_USED_DEFAULT) != 0 && knows_rows(join))
		keys = rows_before_unique(outer) * stored;
	return clamp_row_est(Min(keys, most_keys(join)));
}

/* A key that is one table's can't have more values than that table has rows. */
static double
most_keys(LookupCandidate *join)
{
	Relids		relids = pull_varnos(join->root, join->outer_key);
	int			relid;

	if (!bms_get_singleton_member(relids, &relid) ||
		join->root->simple_rel_array[relid] == NULL)
		return INFINITY;
	return join->root->simple_rel_array[relid]->rows * plan_stored_share(join->root, relids);
}

/* Is the number of objects known, by ANALYZE or an option? */
static bool
knows_rows(LookupCandidate *join)
{
	ListCell   *lc;

	foreach(lc, join->members)
	{
		RelOptInfo *member = lfirst(lc);

		if (plan_is_objects(member) &&
			!((PylonRelation *) member->fdw_private)->is_counted)
			return false;
	}
	return true;
}

/* A path that drops repeated rows has as many as there are thought to be keys. */
static double
rows_before_unique(Path *path)
{
	if (IsA(path, UniquePath))
		return ((UniquePath *) path)->subpath->rows;
	if (IsA(path, AggPath))
		return ((AggPath *) path)->subpath->rows;
	return path->rows;
}

/* What it takes to look up this share of so many keys in so many batches. */
static Cost
cost_lookups(LookupCandidate *join, double keys, double share, double batches)
{
	Cost		cost = 0;
	ListCell   *lc;
	ListCell   *lc2;

	forboth(lc, join->members, lc2, join->keys)
	{
		RelOptInfo *member = lfirst(lc);
		PylonRelation *relation = member->fdw_private;
		ScanEstimate estimate;

		if (lfirst(lc2) == NULL)
		{
			cost += batches * (member->cheapest_total_path->total_cost +
							   member->rows * (cpu_tuple_cost + cpu_operator_cost));
			continue;
		}
		estimate = estimate_lookups(join, member, keys, share, batches);
		cost += estimate.requests * relation->options.request_cost +
			estimate.fetched * (cpu_tuple_cost + cpu_operator_cost);
	}
	return cost;
}

/* Adds a path for each member, which is read for each batch. */
static void
add_members(LookupCandidate *join, CustomPath *path, double keys, double batches)
{
	ListCell   *lc;
	ListCell   *lc2;

	forboth(lc, join->members, lc2, join->keys)
	{
		RelOptInfo *member = lfirst(lc);
		Path	   *scan = member->cheapest_total_path;

		if (lfirst(lc2) != NULL)
			scan = plan_lookup_scan(join->root, member, lfirst(lc2),
									estimate_lookups(join, member, keys, 1, batches),
									batches);
		path->custom_paths = lappend(path->custom_paths, scan);
	}
}

/*
 * How many objects come, in how many requests, for all of so many batches.
 * That of all keys is shared out, as there may be more keys than an object
 * can have.
 */
static ScanEstimate
estimate_lookups(LookupCandidate *join, RelOptInfo *member, double keys,
				 double share, double batches)
{
	PylonRelation *relation = member->fdw_private;
	double		lists = ceil(filter_max_values(join->root, relation->filter) /
							 relation->options.lookup_batch_size);
	ScanEstimate estimate;
	double		pages;
	double		most;

	estimate.fetched = share * rows_with_keys(join, member, join->inner_key, keys);
	pages = estimate.fetched / batches / relation->options.page_size;
	most = pages * doubtful_factor(join->root, member);
	/* A long list among the other conditions takes several searches itself. */
	lists = Max(lists, 1);
	estimate.requests = batches * plan_guess_requests(Max(ceil(pages), lists),
													  Max(ceil(most), lists));
	return estimate;
}

/*
 * How many times as many objects may come as is thought, since what is known
 * of their other conditions is a guess. That may be none, hence the least
 * share, which is less than any object's.
 */
static double
doubtful_factor(PlannerInfo *root, RelOptInfo *member)
{
	List	   *pushed = ((PylonRelation *) member->fdw_private)->filter->pushed;

	return plan_most_share(root, member, pushed) /
		Max(clauselist_selectivity(root, pushed, member->relid, JOIN_INNER, NULL), 1e-9);
}
