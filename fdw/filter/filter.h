/*-------------------------------------------------------------------------
 *
 * filter.h
 *		From SQL conditions to the filter of a search.
 *
 * filter.c plans, filter_plan.c tells the planner about it, filter_run.c
 * evaluates by way of filter_value.c, and filter_tree.c puts together.
 *
 * IDENTIFICATION
 *		fdw/filter/filter.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FILTER_H
#define PYLON_FILTER_H

#include "filter/filter_node.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "object/object.h"
#include "utils/relcache.h"
#include "wire/connection.h"
#include "wire/json.h"

/* What an evaluated filter asks of the API. */
typedef enum FilterRequest
{
	FILTER_NOTHING,				/* no object can satisfy it: no request */
	FILTER_LIST,				/* all objects */
	FILTER_SEARCH,
	FILTER_ID,					/* the object with "id" */
} FilterRequest;

/* How a lookup join can ask for objects that have a key. */
typedef enum FilterKeyKind
{
	FILTER_KEY_ASKED,			/* as one of a list */
	FILTER_KEY_NEVER,			/* not at all: no object has it */
	FILTER_KEY_UNKNOWN,			/* by asking for all objects */
} FilterKeyKind;

/* Texts, sorted. */
typedef struct FilterKeys
{
	const char **texts;
	int			count;
} FilterKeys;

/* One of the searches into which FILTER_SEARCH falls. */
typedef struct FilterBatch
{
	const PylonFilter *filter;
	FilterKeys	keys;			/* those of a long list that it asks for */
	bool		documented;		/* the reference page says that it is taken */
} FilterBatch;

/* What became of the conditions of a scan. */
typedef struct FilterPlan
{
	List	   *filter;			/* the tree, NIL if nothing can be pushed */
	List	   *values;			/* Exprs that its nodes compare with */
	List	   *pushed;			/* what it stands for: a RestrictInfo, or a
								 * part of its clause */
	List	   *places;			/* Integer: of which condition each member of
								 * the tree is */
	List	   *local;			/* Integer place of each other condition ... */
	List	   *reasons;		/* ... and a String: why */
} FilterPlan;

/* A join condition by which objects can be looked up. */
typedef struct FilterJoinKey
{
	List	   *node;			/* of the tree: a FILTER_KEYS */
	Expr	   *inner;			/* the side of the objects */
	Expr	   *outer;
} FilterJoinKey;

/* What EXPLAIN shows of a filter: values that aren't constant as SQL ("$1"). */
typedef struct FilterDescription
{
	const PylonObject *object;
	FilterRequest request;
	const char *id;				/* of FILTER_ID, as SQL if "id_is_sql" */
	bool		id_is_sql;
	PylonFilter *filter;		/* of FILTER_SEARCH; a long list in one */
	List	   *left_out;		/* String: field and operator, since refused */
	List	   *problems;		/* char *, for each member of the tree: why
								 * its values can't be asked for, or NULL */
} FilterDescription;

typedef struct FilterState FilterState;

/* plan time: filter.c */
extern FilterPlan *filter_plan(PlannerInfo *root, Relation table,
							   RelOptInfo *rel, List *clauses,
							   PylonCase case_sensitive);

/* for the planner: filter_plan.c */
extern RestrictInfo *filter_searchable_clause(PlannerInfo *root, Relation table,
											  RelOptInfo *rel,
											  RestrictInfo *rinfo,
											  PylonCase case_sensitive);
extern FilterJoinKey *filter_plan_join_key(PlannerInfo *root, Relation table,
										   RelOptInfo *rel, RestrictInfo *rinfo,
										   PylonCase case_sensitive);
extern bool filter_key_ignores_case(FilterJoinKey *key);
extern void filter_add_keys(FilterPlan *plan, List *node);
extern bool filter_is_lookup(List *filter);
extern bool filter_has_keys(List *filter);
extern double filter_max_rows(PlannerInfo *root, FilterPlan *plan);
extern double filter_max_values(PlannerInfo *root, FilterPlan *plan);

/* putting filters together: filter_tree.c */
extern PylonFilter filter_never;	/* no object satisfies the condition */
extern PylonFilter filter_always;	/* the API can't be asked about it */

extern PylonFilter *filter_combine(const char *operator, List *filters);
extern PylonFilter *filter_fit(PylonFilter *filter, bool *exact);
extern int	filter_field_operator(const PylonFilter *filter);

/* run time: filter_run.c */
extern FilterState *filter_begin(const PylonObject *object, List *filter,
								 List *values, List *value_states,
								 int batch_size, PylonSession *session);
extern FilterRequest filter_evaluate(FilterState *state, ExprContext *econtext);
extern bool filter_is_exact(FilterState *state);
extern const char *filter_signature(FilterState *state);
extern const char *filter_id(FilterState *state);
extern int	filter_batches(FilterState *state);
extern const FilterBatch *filter_batch(FilterState *state, int batch);
extern void filter_use(FilterState *state, const FilterBatch *batch);
extern void filter_adopt(FilterState *state, const FilterState *other);
extern bool filter_accepts(FilterState *state, TupleTableSlot *slot);
extern bool filter_retreat(FilterState *state, int batch);
extern void filter_confirm(FilterState *state);
extern void filter_forget(FilterState *state);
extern void filter_set_keys(FilterState *state, List *keys, bool all);
extern bool filter_keys_are_refused(FilterState *state);
extern FilterKeyKind filter_key_kind(FilterState *state, const char *key);
extern bool filter_ignores_case(FilterState *state);
extern bool filter_asks_keys(FilterState *state);
extern int	filter_batch_size(FilterState *state);

/* EXPLAIN: filter_explain.c */
extern FilterDescription *filter_describe(const PylonObject *object,
										  List *filter, List *values,
										  List *deparse_context,
										  const char *keys, int batch_size,
										  PylonSession *session);

#endif							/* PYLON_FILTER_H */
