/*-------------------------------------------------------------------------
 *
 * object_form.c
 *		When are two values one?
 *
 * Two questions are answered here. Would a write of the second value change
 * the first one (object_same_value)? And may the API have answered with the
 * second one when the first was sent, because it has a form of its own in
 * which it keeps values (object_is_form)? The latter is generous: nobody
 * knows the API's forms, and an UPDATE of many objects must not stop at a
 * blank that the API has trimmed.
 *
 * IDENTIFICATION
 *		fdw/object/object_form.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/string.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "object/object_form.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

/*
 * Numbers are compared as such up to this length, and this exponent: each
 * double fits in there, however it is written (309 digits, e308). Others are
 * compared as text, lest one of megabytes is computed with.
 */
#define MAX_NUMBER_LENGTH 400
#define MAX_EXPONENT_DIGITS 3

/*
 * The last digits of a phone number, without what depends on the country. Few
 * local numbers are shorter; fewer digits may be the same by chance.
 */
#define MIN_PHONE_DIGITS 6

static bool same_json(const WriterColumn *column, Datum left, Datum right);
static bool each_has_form(const WriterColumn *column, List *left, List *right);
static bool holds_text(List *texts, const char *text);
static List *object_form_listed(SentTexts texts);
static bool is_text_form(const WriterColumn *column, const char *left,
						 const char *right);
static bool is_number(const char *text);
static bool same_moment(const char *left, const char *right);
static bool read_moment(const char *text, double *moment);
static bool read_time(const char *text, double *seconds);
static bool read_zone(const char *text, double *seconds);
static bool same_phone(const char *left, const char *right);
static char *digits_of(const char *text);
static char *plain_form(const char *text);
static Oid	folding_collation(void);
static char *object_form_composed(char *written);
static char *without_blanks(const char *text);

/*
 * Would writing "right" where "left" is change nothing? Numbers and dates are
 * compared as such; of text every character counts.
 */
bool
object_same_value(const WriterColumn *column, Datum left, Datum right)
{
	if (datum_image_eq(left, right, column->byval, column->length))
		return true;
	if (column->field->kind == FIELD_CUSTOM_FIELDS)
		return false;
	if (column->field->kind == FIELD_JSON || column->type == JSONOID)
		return same_json(column, left, right);
	return object_same_by_type(column, left, right) ||
		object_same_texts(object_texts(column, left), object_texts(column, right));
}

/* By the type's own notion: 12.5 and 12.50 are one. Never of texts. */
bool
object_same_by_type(const WriterColumn *column, Datum left, Datum right)
{
	TypeCacheEntry *type = lookup_type_cache(column->type, TYPECACHE_EQ_OPR_FINFO);
	char		category;
	bool		preferred;

	get_type_category_preferred(OidIsValid(column->element) ? column->element : column->type,
								&category, &preferred);
	return category != TYPCATEGORY_STRING && OidIsValid(type->eq_opr_finfo.fn_oid) &&
		DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, type->typcollation, left, right));
}

static bool
same_json(const WriterColumn *column, Datum left, Datum right)
{
	const char *left_text = object_json_text(column, left);
	const char *right_text = object_json_text(column, right);

	return left_text != NULL && right_text != NULL && strcmp(left_text, right_text) == 0;
}

/* Addresses that differ in the case of letters are one. */
bool
object_same_address(const char *left, const char *right)
{
	for (; pg_ascii_tolower(*left) == pg_ascii_tolower(*right); left++, right++)
	{
		if (*left == '\0')
			return true;
	}
	return false;
}

/*
 * May "answer" be the form in which the API keeps what was sent? Blanks, the
 * case of letters, the form of numbers, times and JSON and that of Unicode may
 * differ, and lists are sets.
 */
bool
object_is_form(const WriterColumn *column, SentTexts sent, SentTexts answer)
{
	if (!sent.list && !answer.list)
		return is_text_form(column, linitial(sent.texts), linitial(answer.texts));
	return each_has_form(column, object_form_listed(sent), object_form_listed(answer)) &&
		each_has_form(column, object_form_listed(answer), object_form_listed(sent));
}

/* The same of a list that may hold more than what was sent. */
bool
object_holds_form(const WriterColumn *column, SentTexts sent,
				   SentTexts answer)
{
	return each_has_form(column, object_form_listed(sent), object_form_listed(answer));
}

/*
 * Has each on the left one on the right? How many the API answers with is its
 * own affair, so that forms are thrown away at once, and a cancel is heeded.
 */
static bool
each_has_form(const WriterColumn *column, List *left, List *right)
{
	MemoryContext forms = AllocSetContextCreate(CurrentMemoryContext, "pylon_fdw forms",
												ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(forms);
	bool		all = true;
	ListCell   *lc;
	ListCell   *rc;

	foreach(lc, left)
	{
		bool		found = holds_text(right, lfirst(lc));

		foreach(rc, right)
		{
			if (found)
				break;
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(forms);
			found = is_text_form(column, lfirst(lc), lfirst(rc));
		}
		all = all && found;
		if (!all)
			break;
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(forms);
	return all;
}

/* The very text? That is so of most, and by far the faster to find out. */
static bool
holds_text(List *texts, const char *text)
{
	ListCell   *lc;

	foreach(lc, texts)
	{
		if (strcmp(lfirst(lc), text) == 0)
			return true;
	}
	return false;
}

/* In a text column, a list stands as JSON; a single value is a list of one. */
static List *
object_form_listed(SentTexts texts)
{
	List	   *elements;

	if (!texts.list && object_json_list(linitial(texts.texts), &elements))
		return elements;
	return texts.texts;
}

static bool
is_text_form(const WriterColumn *column, const char *left, const char *right)
{
	if (strcmp(left, right) == 0)
		return true;
	if (column->field->is_phone)
		return same_phone(left, right);
	return object_same_number(left, right) || same_moment(left, right) ||
		strcmp(plain_form(left), plain_form(right)) == 0;
}

/* Are both texts numbers, and the same one? */
bool
object_same_number(const char *left, const char *right)
{
	const char *const texts[] = {left, right};
	Datum		numbers[2];

	for (int i = 0; i < 2; i++)
	{
		if (!is_number(texts[i]))
			return false;
		numbers[i] = DirectFunctionCall3(numeric_in, CStringGetDatum(texts[i]),
										 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	}
	return DatumGetBool(DirectFunctionCall2(numeric_eq, numbers[0], numbers[1]));
}

/* One that numeric takes without an error. */
static bool
is_number(const char *text)
{
	size_t		length = strlen(text);
	size_t		whole;
	size_t		part = 0;
	size_t		exponent;

	text += *text == '-' || *text == '+';
	whole = strspn(text, "0123456789");
	text += whole;
	if (*text == '.')
	{
		part = strspn(text + 1, "0123456789");
		text += part + 1;
	}
	if (whole + part == 0 || length > MAX_NUMBER_LENGTH)
		return false;
	if (*text != 'e' && *text != 'E')
		return *text == '\0';
	text += text[1] == '-' || text[1] == '+' ? 2 : 1;
	exponent = strspn(text, "0123456789");
	return exponent > 0 && exponent <= MAX_EXPONENT_DIGITS && text[exponent] == '\0';
}

/* Are both texts a date, with or without time, and the same moment? */
static bool
same_moment(const char *left, const char *right)
{
	double		left_moment;
	double		right_moment;

	return read_moment(left, &left_moment) && read_moment(right, &right_moment) &&
		left_moment == right_moment;
}

/*
 * Seconds of a moment by ISO 8601; one without time is its midnight, one
 * without zone is in UTC.
 */
static bool
read_moment(const char *text, double *moment)
{
	int			year;
	int			month;
	int			day;
	int			end = 0;
	double		seconds = 0;

	if (strspn(text, "0123456789") != 4 ||
		sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3 || end != 10)
		return false;
	text += end;
	if ((*text == 'T' || *text == 't' || *text == ' ') ? !read_time(text + 1, &seconds) : *text != '\0')
		return false;
	*moment = date2j(year, month, day) * 86400.0 + seconds;
	return true;
}

static bool
read_time(const char *text, double *seconds)
{
	int			hour;
	int			minute;
	int			end = 0;
	double		second = 0;
	double		zone;
	char	   *rest;

	if (sscanf(text, "%2d:%2d%n", &hour, &minute, &end) != 2 || end != 5)
		return false;
	text += end;
	if (text[0] == ':' && isdigit((unsigned char) text[1]))
	{
		second = strtod(text + 1, &rest);
		text = rest;
	}
	if (!read_zone(text, &zone))
		return false;
	*seconds = hour * 3600 + minute * 60 + second - zone;
	return true;
}

/* How far it is ahead of UTC. */
static bool
read_zone(const char *text, double *seconds)
{
	int			hours;
	int			minutes = 0;
	int			end = 0;

	*seconds = 0;
	if (*text == '\0' || pg_strcasecmp(text, "z") == 0)
		return true;
	if ((*text != '+' && *text != '-') ||
		sscanf(text + 1, "%2d%n:%2d%n", &hours, &end, &minutes, &end) < 1 || text[1 + end] != '\0')
		return false;
	*seconds = (*text == '-' ? -60 : 60) * (hours * 60 + minutes);
	return true;
}

/*
 * The same digits, whatever stands between them; what a country puts in
 * front may be there or not.
 */
static bool
same_phone(const char *left, const char *right)
{
	char	   *left_digits = digits_of(left);
	char	   *right_digits = digits_of(right);
	size_t		left_length = strlen(left_digits);
	size_t		right_length = strlen(right_digits);
	size_t		common = Min(left_length, right_length);

	return common >= MIN_PHONE_DIGITS || left_length == right_length ?
		strcmp(left_digits + left_length - common, right_digits + right_length - common) == 0 : false;
}

/* Without zeros in front. */
static char *
digits_of(const char *text)
{
	char	   *digits = palloc(strlen(text) + 1);
	int			n = 0;

	for (; *text != '\0'; text++)
	{
		if (isdigit((unsigned char) *text) && (n > 0 || *text != '0'))
			digits[n++] = *text;
	}
	digits[n] = '\0';
	return digits;
}

/*
 * A text in small letters, with single blanks, composed; of one that looks
 * like JSON, without those that mean nothing.
 */
static char *
plain_form(const char *text)
{
	char	   *plain = object_form_composed(asc_tolower(text, strlen(text)));

	return without_blanks(str_tolower(plain, strlen(plain), folding_collation()));
}

/* One that knows all letters, which the database's own needn't (C). */
static Oid
folding_collation(void)
{
	Oid			unicode = get_collation_oid(list_make2(makeString("pg_catalog"),
													   makeString("und-x-icu")), true);

	return OidIsValid(unicode) ? unicode : DEFAULT_COLLATION_OID;
}

/* Unicode's NFKC, which only UTF-8 needs. */
static char *
object_form_composed(char *written)
{
	if (GetDatabaseEncoding() != PG_UTF8 || pg_is_ascii(written))
		return written;
	return TextDatumGetCString(DirectFunctionCall2(unicode_normalize_func,
												   CStringGetTextDatum(written),
												   CStringGetTextDatum("NFKC")));
}

static char *
without_blanks(const char *text)
{
	StringInfoData result;
	bool		quoted = false;
	bool		json;

	text += strspn(text, " \t\r\n\f\v");
	json = *text == '{' || *text == '[';
	initStringInfo(&result);
	while (*text != '\0')
	{
		size_t		blanks = strspn(text, " \t\r\n\f\v");

		if (blanks > 0 && text[blanks] != '\0' && (!json || quoted))
			appendStringInfoChar(&result, ' ');
		text += blanks;
		if (*text == '\0')
			break;
		quoted ^= *text == '"';
		if (*text == '\\' && text[1] != '\0')
			appendStringInfoChar(&result, *text++);
		appendStringInfoChar(&result, *text++);
	}
	return result.data;
}

/*
 * The same letters and digits, whatever stands between them? That is how a
 * value that was there already is told from one that the API has put in the
 * place of what was sent.
 */
bool
object_resembles(const char *sent, const char *answer)
{
	sent = plain_form(sent);
	answer = plain_form(answer);
	for (;; sent++, answer++)
	{
		while (*sent != '\0' && !IS_HIGHBIT_SET(*sent) && !isalnum((unsigned char) *sent))
			sent++;
		while (*answer != '\0' && !IS_HIGHBIT_SET(*answer) && !isalnum((unsigned char) *answer))
			answer++;
		if (*sent != *answer)
			return false;
		if (*sent == '\0')
			return true;
	}
}
