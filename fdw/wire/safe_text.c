/*-------------------------------------------------------------------------
 *
 * safe_text.c
 *		Text of others made fit for a message.
 *
 * What the API sends, an id or a slug as much as its words on an error, may
 * be megabytes, end a line of the log and begin another, steer a terminal,
 * turn the direction of writing round, or repeat the token. All of it goes
 * through here before it stands in a message, a DETAIL or a CONTEXT.
 *
 * The tokens are those that this session has used: whoever writes a message
 * about an id has none at hand.
 *
 * IDENTIFICATION
 *		fdw/wire/safe_text.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"
#include "wire/safe_text.h"

/* Words in a message are cut to this, in bytes: the API's own are a sentence or two. */
#define MAX_TEXT 512

/* What is shorter than this is no secret, but part of many words. */
#define MIN_SECRET 6

/* More tokens than this are used by no session at a time. */
#define MAX_SECRETS 64

/*
 * Characters that don't show, or change how others show: C1 controls, soft
 * hyphen, signs of direction, zero-width ones, separators of lines, tags.
 */
static const struct
{
	pg_wchar	first;
	pg_wchar	last;
}			unfit[] =

{
	{0x80, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c}, {0x180e, 0x180e},
	{0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff},
	{0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
};

static char *secrets[MAX_SECRETS];	/* in TopMemoryContext; NULL at the end */
static int	next_secret = 0;

static char *fit_text(const char *text, size_t limit);
static size_t secret_length(const char *text);
static size_t same_text(const char *text, const char *secret);
static size_t same_character(const char *text, char character);
static bool is_hex_of(const char *digits, char character);
static size_t append_character(StringInfo safe, const char *text);

/* From now on, "secret" is hidden in all messages of this session. */
void
safe_text_hide(const char *secret)
{
	char	   *copy;

	if (strlen(secret) < MIN_SECRET)
		return;
	for (int i = 0; i < MAX_SECRETS && secrets[i] != NULL; i++)
	{
		if (strcmp(secrets[i], secret) == 0)
			return;
	}
	copy = MemoryContextStrdup(TopMemoryContext, secret);
	if (secrets[next_secret] != NULL)
	{
		explicit_bzero(secrets[next_secret], strlen(secrets[next_secret]));
		pfree(secrets[next_secret]);
	}
	secrets[next_secret] = copy;
	next_secret = (next_secret + 1) % MAX_SECRETS;
}

/*
 * "text", which may be any bytes, as it may stand in a message: cut, valid in
 * the server's encoding, on one line, and without a token, be that written as
 * it is, with JSON's escapes or percent-encoded. In the current context.
 */
char *
safe_text(const char *text)
{
	return fit_text(text, MAX_TEXT);
}

/* The same, but not cut. */
char *
safe_text_long(const char *text)
{
	return fit_text(text, MaxAllocSize);
}

static char *
fit_text(const char *text, size_t limit)
{
	StringInfoData safe;

	initStringInfo(&safe);
	while (*text != '\0')
	{
		size_t		hidden = secret_length(text);
		int			before = safe.len;

		if (hidden > 0)
			appendStringInfoString(&safe, "***");
		text += hidden > 0 ? hidden : append_character(&safe, text);
		if ((size_t) safe.len > limit)
		{
			safe.len = before;
			safe.data[safe.len] = '\0';
			break;
		}
	}
	return safe.data;
}

/* How many bytes at the start of "text" are a token, 0 if it is none. */
static size_t
secret_length(const char *text)
{
	for (int i = 0; i < MAX_SECRETS && secrets[i] != NULL; i++)
	{
		size_t		length = same_text(text, secrets[i]);

		if (length > 0)
			return length;
	}
	return 0;
}

static size_t
same_text(const char *text, const char *secret)
{
	const char *p = text;

	for (; *secret != '\0'; secret++)
	{
		size_t		length = same_character(p, *secret);

		if (length == 0)
			return 0;
		p += length;
	}
	return p - text;
}

/* In how many bytes does "text" start with the character? 0 if it doesn't. */
static size_t
same_character(const char *text, char character)
{
	if (*text == character)
		return 1;
	if (*text == '%' && is_hex_of(text + 1, character))
		return 3;
	if (strncmp(text, "\\u00", 4) == 0 && is_hex_of(text + 4, character))
		return 6;
	if (*text == '\\' && text[1] == character)
		return 2;
	return 0;
}

static bool
is_hex_of(const char *digits, char character)
{
	static const unsigned char hex[] = "0123456789abcdef";

	return pg_tolower((unsigned char) digits[0]) == hex[(unsigned char) character >> 4] &&
		pg_tolower((unsigned char) digits[1]) == hex[character & 0x0f];
}

/* One character, or what stands for it; gives its bytes in "text". */
static size_t
append_character(StringInfo safe, const char *text)
{
	const unsigned char *p = (const unsigned char *) text;
	int			length = pg_utf_mblen(p);

	if (*p < 0x80)
	{
		appendStringInfoChar(safe, *p < ' ' || *p == 0x7f ? ' ' : *p);
		return 1;
	}
	if (GetDatabaseEncoding() == PG_UTF8 && strnlen(text, length) == (size_t) length &&
		pg_utf8_islegal(p, length))
	{
		pg_wchar	code = utf8_to_unicode(p);
		bool		fit = true;

		for (size_t i = 0; i < lengthof(unfit); i++)
			fit = fit && !(code >= unfit[i].first && code <= unfit[i].last);
		if (fit)
			appendBinaryStringInfo(safe, text, length);
		else
			appendStringInfoChar(safe, '?');
		return length;
	}
	appendStringInfoChar(safe, '?');
	return 1;
}
