/*-------------------------------------------------------------------------
 *
 * filter_pattern.c
 *		Regular expressions as patterns of LIKE.
 *
 * Many are no more than that in another notation, and so is what SIMILAR TO
 * is turned into.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_pattern.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "filter/filter_pattern.h"
#include "lib/stringinfo.h"

static bool add_pattern(StringInfo pattern, const char *p, const char *end);

/*
 * The pattern that the same texts match, in the current memory context. NULL
 * where a regular expression is made of anything but literals, ".", ".*" and
 * ".+" between anchors or none.
 */
char *
filter_regex_pattern(const char *regex)
{
	const char *end = regex + strlen(regex);
	StringInfoData pattern;

	initStringInfo(&pattern);
	if (end - regex >= 6 && strncmp(regex, "^(?:", 4) == 0 && strcmp(end - 2, ")$") == 0)
		return add_pattern(&pattern, regex + 4, end - 2) ? pattern.data : NULL;
	if (*regex == '^')
		regex++;
	else
		appendStringInfoChar(&pattern, '%');
	if (end - regex >= 1 && end[-1] == '$' && (end - regex < 2 || end[-2] != '\\'))
		return add_pattern(&pattern, regex, end - 1) ? pattern.data : NULL;
	if (!add_pattern(&pattern, regex, end))
		return NULL;
	appendStringInfoChar(&pattern, '%');
	return pattern.data;
}

static bool
add_pattern(StringInfo pattern, const char *p, const char *end)
{
	for (; p < end; p++)
	{
		if (*p == '.')
		{
			char		next = p + 1 < end ? p[1] : '\0';

			appendStringInfoString(pattern, next == '*' ? "%" : next == '+' ? "_%" : "_");
			p += next == '*' || next == '+';
			continue;
		}
		/* Before a letter or a digit, a backslash means anything. */
		if (*p == '\\' ? ++p == end || IS_HIGHBIT_SET(*p) || isalnum((unsigned char) *p) :
			strchr("^$*+?{}()[]|", *p) != NULL)
			return false;
		if (*p == '%' || *p == '_' || *p == '\\')
			appendStringInfoChar(pattern, '\\');
		appendStringInfoChar(pattern, *p);
	}
	return true;
}
