/*-------------------------------------------------------------------------
 *
 * filter_value.h
 *		What filter_run.c and filter_value.c know of a planned filter.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_value.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FILTER_VALUE_H
#define PYLON_FILTER_VALUE_H

#include "filter/filter.h"
#include "fmgr.h"

/* A node of the tree, as planned and as last evaluated. */
typedef struct FilterNode
{
	FilterTest	test;
	List	   *children;		/* of FilterNode *, of FILTER_AND and
								 * FILTER_OR */
	const char *field;
	int			flags;
	AttrNumber	attnum;
	int			max_length;
	Oid			collation;		/* by which SQL folds case */
	ExprState  *value;			/* NULL if the test has none */
	Oid			type;			/* of the value */
	Oid			element;		/* of an array, else invalid */
	FmgrInfo	output;			/* of the type or the element */
	List	   *texts;			/* of a list that is too long for one search */
} FilterNode;

/* Why nothing can be asked with a value, as EXPLAIN VERBOSE says it. */
#define REASON_UNKNOWN		"the API can't be asked for this value"
#define REASON_LONG			"the list is longer than lookup_batch_size"

/* What an evaluation goes by, and what it finds. */
typedef struct FilterEvaluation
{
	const PylonObject *object;	/* that is searched */
	PylonSession *session;		/* knows what the API has refused */
	List	   *refused;		/* PylonRefusals in this scan */
	bool		in_path;		/* no search, so no refusal counts */
	int			batch_size;		/* the longest list that is sent */
	bool		exact;			/* what comes is what SQL wants */
	List	   *left_out;		/* String: field and operator, since refused */
	const char *problem;		/* REASON_..., or NULL for what was left out */
} FilterEvaluation;

extern const char *filter_operator_name(const FilterNode *node);

extern PylonFilter *filter_test(FilterEvaluation *evaluation,
								FilterNode *node, Datum value);
extern PylonFilter *filter_test_null(FilterEvaluation *evaluation,
									 FilterNode *node);
extern char *filter_fold(const FilterNode *node, char *text);
extern FilterKeyKind filter_test_key(const FilterNode *node, const char *text);
extern bool filter_is_refused(FilterEvaluation *evaluation, const char *field,
							  const char *operator, int values);
extern char *filter_pair(const PylonObject *object, const char *field,
						 const char *operator);
extern PylonFilter *filter_make_leaf(FilterEvaluation *evaluation,
									 const char *field, const char *operator,
									 const char *value, List *values);

#endif							/* PYLON_FILTER_VALUE_H */
