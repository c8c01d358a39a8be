/*-------------------------------------------------------------------------
 *
 * filter.h
 *		From SQL conditions to the filter of a search.
 *
 * IDENTIFICATION
 *		fdw/filter.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FILTER_H
#define PYLON_FILTER_H

#include "json.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "utils/relcache.h"

/*
 * A planned filter is a List of nodes, each a List (so that plans can be
 * copied and cached) with these members; all nodes must hold.
 */
typedef enum FilterNodeIndex
{
	FilterNodeOperator,			/* Integer: FilterOperator */
	FilterNodeField,			/* String: in the API */
	FilterNodeAttnum,			/* Integer: of the column */
	FilterNodeValue,			/* Integer: place in the list of values */
} FilterNodeIndex;

typedef enum FilterOperator
{
	FILTER_EQUALS,				/* one value */
	FILTER_IN,					/* an array of values */
} FilterOperator;

/* What an evaluated filter asks of the API. */
typedef enum FilterRequest
{
	FILTER_NOTHING,				/* no contact can satisfy it: no request */
	FILTER_LIST,				/* all contacts */
	FILTER_SEARCH,
	FILTER_CONTACT,				/* the contact with "id" */
} FilterRequest;

typedef struct FilterState FilterState;

/* plan time */
extern List *filter_plan(Relation table, RelOptInfo *rel, List *clauses,
						 List **pushed, List **values);
extern bool filter_is_lookup(List *filter);
extern double filter_max_rows(PlannerInfo *root, List *filter, List *values);

/* run time */
extern FilterState *filter_begin(List *filter, List *values,
								 List *value_states, int batch_size);
extern FilterRequest filter_evaluate(FilterState *state, ExprContext *econtext);
extern bool filter_is_exact(FilterState *state);
extern char *filter_signature(FilterState *state);
extern const char *filter_id(FilterState *state);
extern int	filter_batches(FilterState *state);
extern const PylonFilter *filter_batch(FilterState *state, int batch);
extern bool filter_accepts(FilterState *state, int batch, TupleTableSlot *slot);

/* EXPLAIN */
extern PylonFilter *filter_describe(List *filter, List *values,
									List *deparse_context);
extern char *filter_describe_value(Node *value, List *deparse_context);

#endif							/* PYLON_FILTER_H */
