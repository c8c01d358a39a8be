/*-------------------------------------------------------------------------
 *
 * object_check.c
 *		Has the API done what was sent?
 *
 * The API ignores what it doesn't know instead of refusing it, so its answer
 * is compared with what was sent. A value may come back in a form of the
 * API's own (object_form.c), but it must come back: what is as it was
 * before, or of a new object something else altogether, has been ignored.
 *
 * IDENTIFICATION
 *		fdw/object/object_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "object/object_check.h"
#include "object/object_form.h"
#include "object/object_read.h"
#include "utils/guc.h"
#include "utils/rel.h"

static bool has_linked_id(const SentField *sent, const ObjectLayout *layout,
						  const JsonSlice *slices);
static void raise_ignored(const SentField *sent, const PylonObject *object,
						  const char *id);
static bool is_done(const SentField *sent, const Datum *values,
					const bool *nulls);
static bool read_answer(const SentField *sent, Datum value,
						SentTexts *answer);
static bool is_form(const SentField *sent, Datum value, SentTexts answer);
static bool is_ignored(const SentField *sent, SentTexts answer);
static bool is_replaced(const SentField *sent, SentTexts answer);

/*
 * Does the object in the API's answer, read from "slices" into "values" and
 * "nulls", have what was sent? Raises 22023 for what the API has ignored:
 * what it didn't clear, what is missing, and what is still as it was or got a
 * default. "id" is that of a new object, NULL of one that the user knows.
 */
void
object_check_answer(const ObjectChange *change, const char *id,
					 const ObjectLayout *layout, const JsonSlice *slices,
					 const Datum *values, const bool *nulls)
{
	int			modes = object_begin_texts();
	ListCell   *lc;

	foreach(lc, change->sent)
	{
		SentField  *sent = lfirst(lc);
		bool		done = sent->column->field->kind == FIELD_FIRST_ID && !sent->cleared ?
			has_linked_id(sent, layout, slices) : is_done(sent, values, nulls);

		if (!done)
			raise_ignored(sent, layout->object, id);
	}
	AtEOXact_GUC(true, modes);
}

/* Of what has several external ids, an account, the first may be another one. */
static bool
has_linked_id(const SentField *sent, const ObjectLayout *layout,
			  const JsonSlice *slices)
{
	SentTexts	ids = {.list = true,
	.texts = object_external_ids(layout, sent->column->attnum, slices)};

	return object_holds_form(sent->column, sent->texts, ids);
}

static void
raise_ignored(const SentField *sent, const PylonObject *object, const char *id)
{
	const char *table = RelationGetRelationName(sent->column->table);
	const char *slug = sent->column->slug == NULL ? sent->slug : NULL;
	char	   *created = id == NULL ? "" :
		psprintf("The new %s has id \"%s\".", object->nouns.one, id);
	char	   *detail = psprintf("%s%s%s%s%s",
								  slug ? "Custom field \"" : "", slug ? slug : "",
								  slug ? "\"." : "", slug && id ? " " : "", created);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 sent->cleared ?
			 errmsg("the API did not clear column \"%s\" of foreign table \"%s\"",
					sent->column->name, table) :
			 errmsg("the API ignored the value for column \"%s\" of foreign table \"%s\"",
					sent->column->name, table),
			 detail[0] != '\0' ? errdetail_internal("%s", detail) : 0,
			 errhint("The rest of the row was written. Does the field exist, and may it be written?"),
			 errtablecol(sent->column->table, sent->column->attnum)));
}

static bool
is_done(const SentField *sent, const Datum *values, const bool *nulls)
{
	int			place = sent->column->attnum - 1;
	SentTexts	answer;
	bool		missing = nulls[place] || !read_answer(sent, values[place], &answer);

	if (!missing && !sent->cleared && is_form(sent, values[place], answer))
		return true;
	/* Nothing is what was sent, or what is left of blanks. */
	if (missing || object_is_empty(answer))
		return sent->cleared || object_is_blank(sent->texts);
	return !sent->cleared && !is_ignored(sent, answer);
}

/* False if the answer has no value of the field. */
static bool
read_answer(const SentField *sent, Datum value, SentTexts *answer)
{
	Jsonb	   *json;
	JsonbValue *member;
	JsonbValue	buffer;

	if (sent->column->field->kind != FIELD_CUSTOM_FIELDS)
	{
		*answer = object_texts(sent->column, value);
		return true;
	}
	json = object_map_of(sent->column, value, false);
	member = getKeyJsonValueFromContainer(&json->root, sent->slug, strlen(sent->slug), &buffer);
	return member != NULL && object_member_texts(member, answer);
}

/* Is it what was sent, in whatever form? */
static bool
is_form(const SentField *sent, Datum value, SentTexts answer)
{
	return object_is_form(sent->column, sent->texts, answer) ||
		(sent->column->field->kind == FIELD_CUSTOM &&
		 object_same_by_type(sent->column, sent->value, value));
}

/* Of what is something else: the old value or, where there was none, a default? */
static bool
is_ignored(const SentField *sent, SentTexts answer)
{
	if (sent->had)
		return object_is_form(sent->column, sent->before, answer);
	return FIELD_IS_STRING(sent->column->field) && is_replaced(sent, answer);
}

/* Of a picture's URL, another one will do: the API may keep pictures itself. */
static bool
is_replaced(const SentField *sent, SentTexts answer)
{
	const char *text = linitial(answer.texts);

	if (sent->column->field->is_picture && strncmp(text, "http", 4) == 0)
		return false;
	return !object_resembles(linitial(sent->texts.texts), text);
}
