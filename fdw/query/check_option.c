/*-------------------------------------------------------------------------
 *
 * check_option.c
 *		WITH CHECK OPTION before a row is sent.
 *
 * Core checks a view's option when the row has been written, which can be
 * undone there, and not in Pylon. The new row of an update is known, so that
 * core's own function does it before as well (modify.c). Of a new object,
 * the API adds an id and defaults; here those conditions are checked that
 * look at nothing else than what is sent. The others remain to core.
 *
 * IDENTIFICATION
 *		fdw/query/check_option.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "optimizer/optimizer.h"
#include "query/check_option.h"

/* One condition, of those that a view's option joins by AND. */
typedef struct CheckOption
{
	const char *view;
	Bitmapset  *columns;		/* that it looks at */
	bool		other;			/* it looks at more than columns */
	ExprState  *condition;
} CheckOption;

static CheckOption *make_option(ModifyTableState *mtstate,
								const char *view, Expr *condition);

/* The conditions on new rows of "rinfo", in the memory of the query. */
List *
check_options_create(ModifyTableState *mtstate, ResultRelInfo *rinfo)
{
	MemoryContext before = MemoryContextSwitchTo(mtstate->ps.state->es_query_cxt);
	List	   *options = NIL;
	ListCell   *lc;
	ListCell   *clause;

	foreach(lc, rinfo->ri_WithCheckOptions)
	{
		WithCheckOption *wco = lfirst_node(WithCheckOption, lc);

		/* A policy has an error of its own: core's function knows it. */
		if (wco->kind != WCO_VIEW_CHECK)
			continue;
		foreach(clause, castNode(List, wco->qual))
			options = lappend(options, make_option(mtstate, wco->relname, lfirst(clause)));
	}
	MemoryContextSwitchTo(before);
	return options;
}

static CheckOption *
make_option(ModifyTableState *mtstate, const char *view, Expr *condition)
{
	CheckOption *option = palloc0(sizeof(CheckOption));
	ListCell   *lc;

	option->view = view;
	option->condition = ExecInitQual(list_make1(condition), &mtstate->ps);
	foreach(lc, pull_var_clause((Node *) condition, PVC_RECURSE_PLACEHOLDERS))
	{
		Var		   *var = lfirst_node(Var, lc);

		if (AttrNumberIsForUserDefinedAttr(var->varattno))
			option->columns = bms_add_member(option->columns, var->varattno);
		else
			option->other = true;
	}
	return option;
}

/*
 * Raises 44000 if "row" violates a condition that looks at the "known"
 * columns alone.
 */
void
check_options_known(List *options, EState *estate, TupleTableSlot *row,
					const Bitmapset *known)
{
	ExprContext *econtext = GetPerTupleExprContext(estate);
	ListCell   *lc;

	econtext->ecxt_scantuple = row;
	foreach(lc, options)
	{
		CheckOption *option = lfirst(lc);

		if (!option->other && bms_is_subset(option->columns, known) &&
			!ExecQual(option->condition, econtext))
			ereport(ERROR,
					(errcode(ERRCODE_WITH_CHECK_OPTION_VIOLATION),
					 errmsg("new row violates check option for view \"%s\"", option->view)));
	}
}
