/*-------------------------------------------------------------------------
 *
 * filter_run.h
 *		A filter while it is evaluated. For filter_run.c and filter_explain.c.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_run.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FILTER_RUN_H
#define PYLON_FILTER_RUN_H

#include "filter/filter_value.h"

struct FilterState
{
	FilterEvaluation evaluation;
	FilterNode *root;			/* a FILTER_AND, or NULL */
	MemoryContext context;		/* of what is evaluated; reset each time */
	bool		no_lookup;		/* GET by an id was refused */

	/* of a lookup join */
	FilterNode *keys_node;		/* NULL if there is none */
	List	   *join_keys;		/* of char *: those to look up now */
	bool		all_keys;		/* some of them can't be asked for */
	bool		keys_asked;		/* the last evaluation asks for them */

	/* of the last evaluation */
	FilterRequest request;
	const char *id;
	PylonFilter *common;		/* all conditions but "split" */
	FilterNode *split;			/* the list sent in batches, or NULL */
	const FilterBatch *batch;	/* whose objects come now, or NULL */

	/* of batches that were read before the API refused the next one */
	MemoryContext done_context;
	List	   *done;			/* of FilterDone * */

	/* the one reason that the last refusal can have had, or NULL */
	PylonRefusal *suspect;
};

extern bool filter_names_one(FilterNode *node);
extern void filter_find_split(FilterState *state);
extern PylonFilter *filter_make_list(FilterState *state, List *texts);
extern PylonFilter *filter_evaluate_keys(FilterState *state);

#endif							/* PYLON_FILTER_RUN_H */
