/*-------------------------------------------------------------------------
 *
 * object_primary.c
 *		Lists of which one is primary: addresses, domains.
 *
 * The API has two ways to be told. A list of addresses is sent as objects, one
 * of which says that it is primary. A list of domains is sent with the primary
 * one beside it, and always both, since what the API would make of one alone
 * is not documented; so each must be known, lest a domain is lost that nobody
 * wanted to lose.
 *
 * IDENTIFICATION
 *		fdw/object/object_primary.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "object/object_form.h"
#include "object/object_primary.h"
#include "utils/rel.h"

/* A list and the primary one of it, as they will be. */
typedef struct PrimaryPair
{
	const PylonField *list_field;
	const PylonField *single_field;
	List	   *texts;
	const char *primary;		/* among them; NULL if there are none */
	const char *former;			/* the primary one as it was read, or NULL */
	bool		list_changes;
	bool		single_changes;
} PrimaryPair;

static PrimaryPair find_pair(const ChangeContext *context,
							 const PylonField *list_field,
							 const WriterColumn *list);
static const WriterColumn *written_column(const ChangeContext *context,
										  const PylonField *field,
										  bool *changes);
static void require_columns(const ChangeContext *context,
							const PrimaryPair *pair,
							const WriterColumn *list,
							const WriterColumn *single);
static void settle_primary(PrimaryPair *pair, const WriterColumn *list,
						   const WriterColumn *single);
static void add_pair(ChangeContext *context, const PrimaryPair *pair);
static bool has_texts(const WriterColumn *column, Datum value, bool null);
static const PylonField *primary_field(const ChangeContext *context,
									   const PylonField *list);
static const char *find_primary(const ChangeContext *context,
								const WriterColumn *list, List *addresses);
static const char *find_spelling(List *texts, const char *text);
static bool holds(List *texts, const char *text);
static List *put_spelling(List *texts, const char *text);
static List *without_repeats(List *texts);
static List *distinct(List *addresses, const char *primary);

/* A list with the primary one beside it. */
List *
primary_send_list(ChangeContext *context, const ColumnChange *change)
{
	PrimaryPair pair = find_pair(context, change->column->field, change->column);
	SentField  *sent = change_begin_sent(change);

	if (!pair.list_changes)
		return NIL;
	change_set_texts(sent, (SentTexts) {.list = true,.texts = pair.texts});
	if (change_is_repeated(context, sent))
		return NIL;
	add_pair(context, &pair);
	return list_make1(sent);
}

/*
 * The primary one with its list. Cleared beside a new list it leaves the choice
 * to that.
 */
List *
primary_send(ChangeContext *context, const ColumnChange *change)
{
	PrimaryPair pair = find_pair(context, change->column->field->primary_of, NULL);
	SentField  *sent = change_begin_sent(change);

	if (sent->cleared && pair.primary != NULL)
		return NIL;
	if (!sent->cleared)
		change_set_texts(sent, object_texts(change->column, sent->value));
	if (change_is_repeated(context, sent))
		return NIL;
	add_pair(context, &pair);
	return list_make1(sent);
}

/*
 * What the list and its primary one will be. "list" is the column of it that
 * changes, or NULL to find that. Raises 22023 where both change and don't fit,
 * or where a list would be left without a primary one.
 */
static PrimaryPair
find_pair(const ChangeContext *context, const PylonField *list_field, const WriterColumn *list)
{
	PrimaryPair pair = {.list_field = list_field,.single_field = primary_field(context, list_field),
	.list_changes = true};
	const WriterColumn *single = written_column(context, pair.single_field, &pair.single_changes);

	if (list == NULL)
		list = written_column(context, pair.list_field, &pair.list_changes);
	require_columns(context, &pair, list, single);
	if (list != NULL)
	{
		ColumnChange change = change_of_column(context, list);

		if (!change.cleared)
			pair.texts = object_list_texts(list, change.value);
		/* Nothing instead of nothing is no change. */
		if (pair.texts == NIL && !has_texts(list, change.old_value, change.old_null))
			pair.list_changes = false;
	}
	if (single != NULL)
	{
		ColumnChange change = change_of_column(context, single);

		if (!change.cleared)
			pair.primary = linitial(object_texts(single, change.value).texts);
		if (change.had)
			pair.former = linitial(object_texts(single, change.old_value).texts);
	}
	settle_primary(&pair, list, single);
	return pair;
}

/* The column that shows a field, of several one that changes; NULL if none does. */
static const WriterColumn *
written_column(const ChangeContext *context, const PylonField *field, bool *changes)
{
	const WriterColumn *found = NULL;

	*changes = false;
	for (int i = 0; i < context->writer->ncolumns && !*changes; i++)
	{
		const WriterColumn *column = &context->writer->columns[i];
		ColumnChange change;

		if (column->field != field)
			continue;
		change = change_of_column(context, column);
		*changes = change_differs(&change);
		if (found == NULL || *changes)
			found = column;
	}
	return found;
}

/* An update must know both, as a new object needn't. */
static void
require_columns(const ChangeContext *context, const PrimaryPair *pair,
				const WriterColumn *list, const WriterColumn *single)
{
	const WriterColumn *there = list != NULL ? list : single;
	const PylonField *missing = list == NULL ? pair->list_field : pair->single_field;

	if (context->old_row == NULL || (list != NULL && single != NULL))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot update column \"%s\" of foreign table \"%s\" without one that shows field \"%s\"",
					there->name, RelationGetRelationName(there->table), missing->name),
			 errdetail("The API takes both together, and what is not known would be lost."),
			 errhint("Add a column with the option (field '%s') to the foreign table.", missing->name),
			 errtablecol(there->table, there->attnum)));
}

/*
 * A new primary one that isn't in a list that stays is added to it, and so is
 * the former one, which an answer may show without a list. A list that loses
 * its primary one has its first one instead. Where the two differ in case
 * alone, the one that changes is right, the primary one if both do.
 */
static void
settle_primary(PrimaryPair *pair, const WriterColumn *list, const WriterColumn *single)
{
	const char *listed;

	if (pair->primary != NULL && !pair->list_changes && pair->former != NULL &&
		!holds(pair->texts, pair->former))
		pair->texts = lappend(pair->texts, unconstify(char *, pair->former));
	listed = pair->primary == NULL ? NULL : find_spelling(pair->texts, pair->primary);
	if (listed != NULL && pair->single_changes)
		pair->texts = put_spelling(pair->texts, pair->primary);
	else if (listed != NULL)
		pair->primary = listed;
	else if (pair->primary != NULL)
	{
		if (pair->single_changes && pair->list_changes)
			change_raise_twice(single, list, psprintf("field \"%s\"", pair->single_field->name));
		if (pair->single_changes)
			pair->texts = lappend(pair->texts, unconstify(char *, pair->primary));
		else
			pair->primary = NULL;
	}
	if (pair->primary == NULL && pair->texts != NIL)
	{
		if (!pair->list_changes)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" of foreign table \"%s\" can't become NULL or empty",
							single->name, RelationGetRelationName(single->table)),
					 errdetail("One of the list in column \"%s\" is always primary.", list->name),
					 errhint("Name another one, or empty the list."),
					 errtablecol(single->table, single->attnum)));
		pair->primary = linitial(pair->texts);
	}
	pair->texts = without_repeats(pair->texts);
}

/* Puts both into the body, unless another column has done that. */
static void
add_pair(ChangeContext *context, const PrimaryPair *pair)
{
	ListCell   *lc;

	foreach(lc, context->change->sent)
	{
		const PylonField *field = ((SentField *) lfirst(lc))->column->field;

		if (field == pair->list_field || field == pair->single_field)
			return;
	}
	json_body_list(context->body, pair->list_field->name, pair->texts);
	json_body_string(context->body, pair->single_field->name,
					 pair->primary != NULL ? pair->primary : "");
}

/* Does a column's value hold anything? */
static bool
has_texts(const WriterColumn *column, Datum value, bool null)
{
	return !object_is_null(column, value, null) && object_list_texts(column, value) != NIL;
}

/* The list says which address is primary, without such a one the first. */
List *
primary_send_addresses(ChangeContext *context, const ColumnChange *change)
{
	const WriterColumn *column = change->column;
	SentField  *sent = change_begin_sent(change);
	SentTexts	texts = {.list = true};
	const char *primary;

	if (!sent->cleared)
		texts = object_texts(column, sent->value);
	primary = find_primary(context, column, texts.texts);
	texts.texts = distinct(texts.texts, primary);
	change_set_texts(sent, texts);
	if (change_is_repeated(context, sent))
		return NIL;
	if (primary == NULL && !sent->cleared)
		primary = linitial(texts.texts);
	json_body_addresses(context->body, change_body_key(sent),
						primary_field(context, column->field)->key, texts.texts, primary);
	return list_make1(sent);
}

/* The field that holds the primary one of a list of addresses. */
static const PylonField *
primary_field(const ChangeContext *context, const PylonField *list)
{
	const PylonField *field = context->writer->object->fields;

	while (field->primary_of != list)
		field++;
	return field;
}

/*
 * Which address of the list is to be the primary one: that which is assigned to
 * the column of the primary address, be it the one that it has already, which is
 * spelt as in the list. NULL if none is. Raises 22023 for a new one that isn't in
 * the list.
 */
static const char *
find_primary(const ChangeContext *context, const WriterColumn *list,
			 List *addresses)
{
	const char *primary = NULL;

	for (int i = 0; i < context->writer->ncolumns; i++)
	{
		const WriterColumn *column = &context->writer->columns[i];
		ColumnChange change;
		const char *text;

		if (column->field->primary_of != list->field)
			continue;
		change = change_of_column(context, column);
		if (change.cleared || (!column->assigned && !change_differs(&change)))
			continue;
		text = object_value_text(column->type, change.value);
		if (holds(addresses, text))
			primary = change_differs(&change) ? text : find_spelling(addresses, text);
		else if (change_differs(&change))
			change_raise_twice(column, list, "the primary address");
	}
	return primary;
}

/* A text as a list has it: in the very spelling, else in another case; NULL if it hasn't. */
static const char *
find_spelling(List *texts, const char *text)
{
	const char *other = NULL;
	ListCell   *lc;

	foreach(lc, texts)
	{
		if (strcmp(lfirst(lc), text) == 0)
			return text;
		if (other == NULL && object_same_address(lfirst(lc), text))
			other = lfirst(lc);
	}
	return other;
}

static bool
holds(List *texts, const char *text)
{
	return find_spelling(texts, text) != NULL;
}

/* The list with a text that it has in this spelling. */
static List *
put_spelling(List *texts, const char *text)
{
	const char *listed = find_spelling(texts, text);
	List	   *spelt = NIL;
	ListCell   *lc;

	foreach(lc, texts)
		spelt = lappend(spelt, lfirst(lc) == listed ? unconstify(char *, text) : lfirst(lc));
	return spelt;
}

/* Each text once; one in another case is another one. */
static List *
without_repeats(List *texts)
{
	List	   *once = NIL;
	ListCell   *lc;

	foreach(lc, texts)
	{
		const char *found = find_spelling(once, lfirst(lc));

		if (found == NULL || strcmp(found, lfirst(lc)) != 0)
			once = lappend(once, lfirst(lc));
	}
	return once;
}

/*
 * Each address once, whatever its case, "primary" (which is among them,
 * unless it is NULL) in its own spelling.
 */
static List *
distinct(List *addresses, const char *primary)
{
	List	   *distinct = NIL;
	ListCell   *lc;

	foreach(lc, addresses)
	{
		const char *address = lfirst(lc);

		if (primary != NULL && object_same_address(address, primary))
			address = primary;
		if (!holds(distinct, address))
			distinct = lappend(distinct, unconstify(char *, address));
	}
	return distinct;
}
