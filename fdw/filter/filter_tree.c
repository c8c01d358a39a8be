/*-------------------------------------------------------------------------
 *
 * filter_tree.c
 *		Filters put together with and/or, as deep as the API allows.
 *
 * A filter may only become wider on the way, never narrower: what it lets
 * through too much, the executor drops. Knows nothing of SQL.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_tree.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "filter/filter.h"

/* Levels of and/or above the leaves that every reading of the API allows. */
#define MAX_LEVELS 2

/*
 * Into how many conditions an OR of ANDs may be multiplied out: their lengths
 * multiply, so that four ANDs of two make sixteen, and of ten a thousand.
 */
#define MAX_PRODUCT 16

/*
 * The operators by how few objects they let through, and as FIELD_... of
 * the reference.
 */
static const struct
{
	const char *name;
	int			operator;
}			operators_by_rank[] =

{
	{"equals", FIELD_EQUALS},
	{"in", FIELD_IN},
	{"contains", FIELD_CONTAINS},
	{"string_contains", FIELD_STRING_CONTAINS},
	{"is_set", FIELD_IS_SET},
	{"not_in", FIELD_NOT_IN},
	{"is_unset", FIELD_IS_SET},
};

/* The two results of a condition that are no filter. */
PylonFilter filter_never;
PylonFilter filter_always;

static PylonFilter *filter_fit_node(PylonFilter *filter, int levels, bool *exact);
static List *multiply_out(PylonFilter *filter);
static PylonFilter *best_of(List *filters, bool *exact);
static int	filter_rank(const PylonFilter *filter);

/*
 * "and" or "or" of filters, in the current memory context: what decides
 * alone does so, what says nothing falls away, and compounds of the same
 * kind are merged.
 */
PylonFilter *
filter_combine(const char *operator, List *filters)
{
	PylonFilter *decisive = strcmp(operator, "and") == 0 ? &filter_never : &filter_always;
	PylonFilter *neutral = decisive == &filter_never ? &filter_always : &filter_never;
	PylonFilter *compound;
	List	   *members = NIL;
	ListCell   *lc;

	foreach(lc, filters)
	{
		PylonFilter *filter = lfirst(lc);

		if (filter == decisive)
			return decisive;
		if (filter == neutral)
			continue;
		if (strcmp(filter->operator, operator) == 0)
			members = list_concat(members, filter->subfilters);
		else
			members = lappend(members, filter);
	}
	if (members == NIL)
		return neutral;
	if (list_length(members) == 1)
		return linitial(members);
	compound = palloc0(sizeof(PylonFilter));
	compound->operator = operator;
	compound->subfilters = members;
	return compound;
}

/*
 * The filter with as many levels of and/or as the API allows. What is nested
 * deeper is multiplied out where that doesn't grow too much, else widened:
 * "exact" is cleared then.
 */
PylonFilter *
filter_fit(PylonFilter *filter, bool *exact)
{
	return filter_fit_node(filter, MAX_LEVELS, exact);
}

static PylonFilter *
filter_fit_node(PylonFilter *filter, int levels, bool *exact)
{
	bool		is_and;
	List	   *members = NIL;
	ListCell   *lc;

	if (filter->subfilters == NIL)
		return filter;			/* "never" and "always" as well */
	is_and = strcmp(filter->operator, "and") == 0;
	if (levels == 0)
	{
		*exact = false;
		return is_and ? best_of(filter->subfilters, exact) : &filter_always;
	}
	foreach(lc, filter->subfilters)
	{
		PylonFilter *member = lfirst(lc);
		List	   *product = is_and && levels > 1 ? multiply_out(member) : NIL;

		if (product != NIL)
			members = list_concat(members, product);
		else
			members = lappend(members, filter_fit_node(member, levels - 1, exact));
	}
	return filter_combine(filter->operator, members);
}

/*
 * An OR that holds ANDs of leaves, as a list of ORs of leaves that must all
 * hold: "(a and b) or c" is "a or c" and "b or c". NIL for anything else, or
 * if these would be too many.
 */
static List *
multiply_out(PylonFilter *filter)
{
	List	   *products = list_make1(NIL); /* of Lists of leaves */
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *lc2;
	ListCell   *lc3;

	if (filter->subfilters == NIL || strcmp(filter->operator, "or") != 0)
		return NIL;
	foreach(lc, filter->subfilters)
	{
		PylonFilter *branch = lfirst(lc);
		List	   *factors = branch->subfilters == NIL ? list_make1(branch) :
			branch->subfilters;
		List	   *next = NIL;

		if (list_length(products) * list_length(factors) > MAX_PRODUCT)
			return NIL;
		foreach(lc2, factors)
		{
			if (((PylonFilter *) lfirst(lc2))->subfilters != NIL)
				return NIL;
			foreach(lc3, products)
				next = lappend(next, lappend(list_copy(lfirst(lc3)), lfirst(lc2)));
		}
		products = next;
	}
	foreach(lc, products)
		result = lappend(result, filter_combine("or", lfirst(lc)));
	return result;
}

/* Of filters that must all hold, the leaf that lets through the fewest. */
static PylonFilter *
best_of(List *filters, bool *exact)
{
	PylonFilter *best = &filter_always;
	ListCell   *lc;

	foreach(lc, filters)
	{
		PylonFilter *filter = filter_fit_node(lfirst(lc), 0, exact);

		if (filter != &filter_always && (best == &filter_always || filter_rank(filter) < filter_rank(best)))
			best = filter;
	}
	return best;
}

static int
filter_rank(const PylonFilter *filter)
{
	int			place = 0;

	while (strcmp(operators_by_rank[place].name, filter->operator) != 0)
		place++;
	return place;
}

/* The FIELD_... of a leaf's operator. */
int
filter_field_operator(const PylonFilter *filter)
{
	return operators_by_rank[filter_rank(filter)].operator;
}
