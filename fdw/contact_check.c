/*-------------------------------------------------------------------------
 *
 * contact_check.c
 *		Has the API done what was sent?
 *
 * The API ignores what it doesn't know instead of refusing it, so its answer
 * is compared with what was sent. A value may come back normalized, but it
 * must come back: what is as it was before, or of a new contact something
 * else altogether, has been ignored.
 *
 * IDENTIFICATION
 *		fdw/contact_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "contact_check.h"
#include "contact_text.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

static bool is_done(const SentField *sent, const Datum *values,
					const bool *nulls);
static bool is_missing(const SentField *sent, const Datum *values,
					   const bool *nulls);
static bool is_ignored(const SentField *sent, Datum answer);
static JsonbValue *find_member(const SentField *sent, Datum value,
							   JsonbValue *buffer);
static bool is_same(const SentField *sent, Datum value, const char *answer);
static bool is_address(const WriterColumn *column);
static bool is_similar(const SentField *sent, const char *answer);

/*
 * Does the contact in the API's answer, read into "values" and "nulls", have
 * what was sent? Raises 22023 for what the API has ignored: what it didn't
 * clear, what is missing, and what is still as it was or got a default.
 * "id" is that of a new contact, NULL of one that the user knows.
 */
void
contact_check_answer(ContactWriter *writer, const ContactChange *change,
					 const char *id, const Datum *values, const bool *nulls)
{
	int			modes = contact_begin_texts();
	ListCell   *lc;

	foreach(lc, change->sent)
	{
		SentField  *sent = lfirst(lc);
		char	   *detail;

		if (sent->ignorable || is_done(sent, values, nulls))
			continue;
		detail = psprintf("%s%s%s%s%s%s%s",
						  sent->slug ? "Custom field \"" : "", sent->slug ? sent->slug : "",
						  sent->slug ? "\"." : "", sent->slug && id ? " " : "",
						  id ? "The new contact has id \"" : "", id ? id : "", id ? "\"." : "");
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 sent->cleared ?
				 errmsg("the API did not clear column \"%s\" of foreign table \"%s\"",
						sent->column->name, writer->table) :
				 errmsg("the API ignored the value for column \"%s\" of foreign table \"%s\"",
						sent->column->name, writer->table),
				 detail[0] != '\0' ? errdetail_internal("%s", detail) : 0,
				 errhint("The rest of the row was written. Does the field exist, and may it be written?")));
	}
	AtEOXact_GUC(true, modes);
}

/* Addresses that differ in the case of letters are one. */
bool
contact_same_address(const char *left, const char *right)
{
	for (; pg_ascii_tolower(*left) == pg_ascii_tolower(*right); left++, right++)
	{
		if (*left == '\0')
			return true;
	}
	return false;
}

static bool
is_done(const SentField *sent, const Datum *values, const bool *nulls)
{
	bool		missing = is_missing(sent, values, nulls);

	return missing ? sent->cleared :
		!sent->cleared && !is_ignored(sent, values[sent->column->attnum - 1]);
}

/* Has the answer no value where one was sent or cleared? */
static bool
is_missing(const SentField *sent, const Datum *values, const bool *nulls)
{
	int			place = sent->column->attnum - 1;
	JsonbValue *member;
	JsonbValue	buffer;

	if (nulls[place])
		return true;
	if (sent->slug != NULL)
	{
		member = find_member(sent, values[place], &buffer);
		return member == NULL ||
			(member->type == jbvBinary && JsonContainerIsArray(member->val.binary.data) &&
			 JsonContainerSize(member->val.binary.data) == 0);
	}
	if (sent->column->field->kind == FIELD_JSON)
		return strcmp(contact_value_text(sent->column->type, values[place]), "[]") == 0;
	return contact_is_list(sent->column) &&
		contact_list_texts(sent->column, values[place]) == NIL;
}

/*
 * Does the answer show another value than was sent, namely the old one or,
 * of a new contact, a default? A value may come back in another form.
 */
static bool
is_ignored(const SentField *sent, Datum value)
{
	JsonbValue	buffer;
	const char *answer = sent->slug == NULL ? contact_sent_text(sent->column, value) :
		contact_member_text(find_member(sent, value, &buffer));

	if (is_same(sent, value, answer))
		return false;
	if (sent->before != NULL)
		return strcmp(answer, sent->before) == 0;
	return sent->column->field->kind == FIELD_STRING && !is_similar(sent, answer);
}

static JsonbValue *
find_member(const SentField *sent, Datum value, JsonbValue *buffer)
{
	Jsonb	   *json = contact_object_of(sent->column, value, false);

	return getKeyJsonValueFromContainer(&json->root, sent->slug, strlen(sent->slug), buffer);
}

/* Is it what was sent, by the type's own notion of that, or by the field's? */
static bool
is_same(const SentField *sent, Datum value, const char *answer)
{
	const WriterColumn *column = sent->column;
	TypeCacheEntry *type;
	char		category;
	bool		preferred;

	if (strcmp(sent->text, answer) == 0)
		return true;
	if (is_address(column))
		return contact_same_address(sent->text, answer);
	if (column->field->kind != FIELD_CUSTOM)
		return false;
	get_type_category_preferred(column->type, &category, &preferred);
	type = lookup_type_cache(column->type, TYPECACHE_EQ_OPR_FINFO);
	/* 12.5 and 12.50 are one number; of texts each character counts. */
	return category != TYPCATEGORY_STRING && OidIsValid(type->eq_opr_finfo.fn_oid) &&
		DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, type->typcollation,
									   sent->value, value));
}

static bool
is_address(const WriterColumn *column)
{
	return column->field->name != NULL &&
		(strcmp(column->field->name, "email") == 0 || strcmp(column->field->name, "emails") == 0);
}

/*
 * The same letters and digits, whatever their case and what stands between
 * them; of a picture's URL another one, as the API may keep pictures itself.
 */
static bool
is_similar(const SentField *field, const char *answer)
{
	const char *sent = field->text;

	if (strcmp(field->column->field->name, "avatar_url") == 0)
		return strncmp(answer, "http", 4) == 0;
	for (;; sent++, answer++)
	{
		while (*sent != '\0' && !IS_HIGHBIT_SET(*sent) && !isalnum((unsigned char) *sent))
			sent++;
		while (*answer != '\0' && !IS_HIGHBIT_SET(*answer) && !isalnum((unsigned char) *answer))
			answer++;
		if (pg_ascii_tolower(*sent) != pg_ascii_tolower(*answer))
			return false;
		if (*sent == '\0')
			return true;
	}
}
