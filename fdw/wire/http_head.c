/*-------------------------------------------------------------------------
 *
 * http_head.c
 *		What the head of an answer says: how it is packed, when to try again.
 *
 * How much of a head is taken, and what becomes of an answer that isn't,
 * is decided in http.c.
 *
 * IDENTIFICATION
 *		fdw/wire/http_head.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "wire/http_head.h"

/* Longer waits than this (seconds) are as good as for ever. */
#define LONGEST_RETRY_AFTER 1e9

/*
 * How an answer may be packed: once, and as it was asked for. One packed
 * several times over can keep libcurl busy for minutes with some kilobytes,
 * without a byte of it coming out; libcurl unpacks what nobody asked for, too.
 */
static const struct
{
	const char *header;
	const char *values[5];
}			packings[] =

{
	{"content-encoding:", {"gzip", "x-gzip", "deflate", "identity", NULL}},
	{"transfer-encoding:", {"chunked", NULL}},
};

static bool is_one_of(const char *const *values, const char *text,
					  size_t length);
static double seconds_until(CURL *easy, const char *date);

/*
 * What is wrong with a line of a head, or NULL; a sentence for DETAIL. To be
 * called by libcurl's callback, so nothing here throws.
 */
const char *
http_head_problem(const char *line, size_t length)
{
	/* Libcurl has come to take any version that a server claims to speak. */
	if (length > 5 && strncmp(line, "HTTP/", 5) == 0 && line[5] != '1' && line[5] != '2')
		return "The answer is not HTTP/1 or HTTP/2.";
	for (size_t i = 0; i < lengthof(packings); i++)
	{
		size_t		prefix = strlen(packings[i].header);

		if (length >= prefix && pg_strncasecmp(line, packings[i].header, prefix) == 0 &&
			!is_one_of(packings[i].values, line + prefix, length - prefix))
			return "The answer is packed in a way that was not asked for.";
	}
	return NULL;
}

/* Is the text, apart from blanks around it, one of these values? */
static bool
is_one_of(const char *const *values, const char *text, size_t length)
{
	while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
		length--;
	for (; length > 0 && (*text == ' ' || *text == '\t'); length--)
		text++;
	for (; *values != NULL; values++)
	{
		if (strlen(*values) == length && pg_strncasecmp(text, *values, length) == 0)
			return true;
	}
	return false;
}

/*
 * Milliseconds that the server asks to wait, or -1: Pylon's X-Retry-After
 * in seconds, or the standard's header in seconds or as a date.
 */
double
http_head_retry_after(CURL *easy)
{
	static const char *const names[] = {"X-Retry-After", "Retry-After"};

	for (size_t i = 0; i < lengthof(names); i++)
	{
		struct curl_header *header;
		char	   *end;
		double		seconds;

		if (curl_easy_header(easy, names[i], 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
			continue;
		seconds = strtod(header->value, &end);
		if (end == header->value || *end != '\0' ||
			strspn(header->value, "0123456789.") != strlen(header->value))
			seconds = seconds_until(easy, header->value);
		if (seconds >= 0)
			return Min(seconds, LONGEST_RETRY_AFTER) * 1000;
	}
	return -1;
}

/*
 * Seconds until a date, by the server's clock where the answer tells it; -1
 * for what is no date.
 */
static double
seconds_until(CURL *easy, const char *date)
{
	struct curl_header *header;
	time_t		then = curl_getdate(date, NULL);
	time_t		now = -1;

	if (then == -1)
		return -1;
	/* libcurl owns the value, until the next call. */
	if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
		now = curl_getdate(header->value, NULL);
	if (now == -1)
		now = time(NULL);
	return Max(difftime(then, now), 0);
}
