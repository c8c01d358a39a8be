/*-------------------------------------------------------------------------
 *
 * filter.h
 *		From SQL conditions to the filter of a search.
 *
 * filter.c plans, filter_plan.c tells the planner about it, filter_run.c
 * evaluates by way of filter_test.c, and filter_tree.c puts together.
 *
 * IDENTIFICATION
 *		fdw/filter.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FILTER_H
#define PYLON_FILTER_H

#include "connection.h"
#include "json.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "utils/relcache.h"

/*
 * A planned filter is a tree of Lists, so that plans can be copied and
 * cached. The first member of a node is an Integer, its FilterTest; a
 * FILTER_AND or FILTER_OR goes on with its children, a test of a field with
 * these members.
 */
typedef enum FilterNodeIndex
{
	FilterNodeTest,				/* Integer */
	FilterNodeField,			/* String: field or slug */
	FilterNodeFlags,			/* Integer: FILTER_NODE_... */
	FilterNodeAttnum,			/* Integer: the column, or 0 */
	FilterNodeMaxLength,		/* Integer: of a varchar(n), else 0 */
	FilterNodeCollation,		/* Integer: the one that folds case, or 0 */
	FilterNodeValue,			/* Integer: place in the list of values, or -1 */
} FilterNodeIndex;

#define FILTER_NODE_CUSTOM		0x01	/* the field is a slug */
#define FILTER_NODE_FOLD		0x02	/* case is to be ignored */
#define FILTER_NODE_EXTRACTED	0x04	/* by ->> from the column */
#define FILTER_NODE_LOOSE		0x08	/* the API may ignore case */
#define FILTER_NODE_LOOKUP		0x10	/* names one id: GET /objects/{id} */
#define FILTER_NODE_WIDE		0x20	/* more comes than SQL wants */
#define FILTER_NODE_NULLS		0x40	/* just NULL decides; nothing is asked */

/* What is asked of a field. */
typedef enum FilterTest
{
	FILTER_AND,
	FILTER_OR,
	FILTER_EQUALS,				/* f = value */
	FILTER_IN,					/* f = ANY (array) */
	FILTER_NOT_EQUALS,			/* f <> value */
	FILTER_NOT_IN,				/* f <> ALL (array) */
	FILTER_LIKE,				/* f LIKE pattern */
	FILTER_PREFIX,				/* starts_with(f, value) */
	FILTER_SUBSTRING,			/* strpos(f, value) > 0 */
	FILTER_SET,					/* f IS NOT NULL */
	FILTER_UNSET,				/* f IS NULL */
	FILTER_HAS,					/* value = ANY (f) */
	FILTER_HAS_ALL,				/* f @> array */
	FILTER_HAS_ANY,				/* f && array */
	FILTER_JSON,				/* custom_fields @> value */
	FILTER_KEYS,				/* f = ANY (keys of a lookup join) */
} FilterTest;

/* What an evaluated filter asks of the API. */
typedef enum FilterRequest
{
	FILTER_NOTHING,				/* no object can satisfy it: no request */
	FILTER_LIST,				/* all objects */
	FILTER_SEARCH,
	FILTER_ID,				/* the object with "id" */
} FilterRequest;

/* How a lookup join can ask for objects that have a key. */
typedef enum FilterKeyKind
{
	FILTER_KEY_ASKED,			/* as one of a list */
	FILTER_KEY_NEVER,			/* not at all: no object has it */
	FILTER_KEY_UNKNOWN,			/* by asking for all objects */
} FilterKeyKind;

/* What became of the conditions of a scan. */
typedef struct FilterPlan
{
	List	   *filter;			/* the tree, NIL if nothing can be pushed */
	List	   *values;			/* Exprs that its nodes compare with */
	List	   *pushed;			/* what it stands for: a RestrictInfo, or a
								 * part of its clause */
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
	FilterRequest request;
	const char *id;				/* of FILTER_ID, as SQL if "id_is_sql" */
	bool		id_is_sql;
	PylonFilter *filter;		/* of FILTER_SEARCH; a long list in one */
	List	   *left_out;		/* String: field and operator, since refused */
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
extern FilterState *filter_begin(List *filter, List *values,
								 List *value_states, int batch_size,
								 PylonSession *session);
extern FilterRequest filter_evaluate(FilterState *state, ExprContext *econtext);
extern bool filter_is_exact(FilterState *state);
extern const char *filter_signature(FilterState *state);
extern const char *filter_id(FilterState *state);
extern int	filter_batches(FilterState *state);
extern const PylonFilter *filter_batch(FilterState *state, int batch);
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
extern FilterDescription *filter_describe(List *filter, List *values,
										  List *deparse_context,
										  const char *keys, int batch_size,
										  PylonSession *session);

#endif							/* PYLON_FILTER_H */
