/*
 * The least that a program can do to read all contacts: ask for a page, find
 * the cursor in it, ask for the next one.  With "parse" each page goes through
 * PostgreSQL's own JSON parser too, which resolves no string and keeps nothing.
 * What the foreign scan takes beyond this is its own.
 *
 * Usage: floor_pages BASE_URL TOKEN [parse]; prints pages and seconds.
 */
#include "postgres_fe.h"

#include <time.h>

#include <curl/curl.h>

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

typedef struct Body
{
	char	   *data;
	size_t		length;
	size_t		capacity;
} Body;

static size_t
append(char *data, size_t size, size_t count, void *arg)
{
	Body	   *body = arg;
	size_t		bytes = size * count;

	if (body->length + bytes + 1 > body->capacity)
	{
		body->capacity = 2 * (body->length + bytes + 1);
		body->data = realloc(body->data, body->capacity);
		if (body->data == NULL)
			return 0;
	}
	memcpy(body->data + body->length, data, bytes);
	body->length += bytes;
	body->data[body->length] = '\0';
	return bytes;
}

/* Looks just at the end of the page, where the pagination stands. */
static int
find_cursor(const Body *body, char *cursor, size_t size)
{
	const char *tail = body->data + (body->length > 1024 ? body->length - 1024 : 0);
	const char *start = strstr(tail, "\"cursor\":\"");
	const char *end;

	if (start == NULL || strstr(tail, "\"has_next_page\":true") == NULL)
		return 0;
	start += strlen("\"cursor\":\"");
	end = strchr(start, '"');
	if (end == NULL || end == start || (size_t) (end - start) >= size)
		return 0;
	memcpy(cursor, start, end - start);
	cursor[end - start] = '\0';
	return 1;
}

static int
parse(const Body *body)
{
	JsonLexContext *lex;
	JsonParseErrorType error;

#if PG_VERSION_NUM >= 170000
	lex = makeJsonLexContextCstringLen(NULL, body->data, body->length, PG_UTF8, false);
#else
	lex = makeJsonLexContextCstringLen(body->data, body->length, PG_UTF8, false);
#endif
	error = pg_parse_json(lex, &nullSemAction);
#if PG_VERSION_NUM >= 170000
	freeJsonLexContext(lex);
#else
	pfree(lex);
#endif
	return error == JSON_SUCCESS;
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static CURL *
open_handle(const char *token, Body *body)
{
	CURL	   *curl = curl_easy_init();
	char		authorization[256];

	if (curl == NULL)
		exit(1);
	snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", token);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, curl_slist_append(NULL, authorization));
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 64 * 1024L);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	return curl;
}

int
main(int argc, char **argv)
{
	Body		body = {0};
	CURL	   *curl;
	char		cursor[512];
	char		url[2048];
	double		start;
	int			pages = 0;
	int			more = 1;

	if (argc < 3)
		return 2;
	curl = open_handle(argv[2], &body);
	start = seconds();
	snprintf(url, sizeof(url), "%s/contacts?limit=999", argv[1]);
	while (more)
	{
		char	   *escaped;

		body.length = 0;
		curl_easy_setopt(curl, CURLOPT_URL, url);
		if (curl_easy_perform(curl) != CURLE_OK)
			return 1;
		if (argc > 3 && !parse(&body))
			return 1;
		pages++;
		more = find_cursor(&body, cursor, sizeof(cursor));
		if (more)
		{
			escaped = curl_easy_escape(curl, cursor, 0);
			snprintf(url, sizeof(url), "%s/contacts?limit=999&cursor=%s", argv[1], escaped);
			curl_free(escaped);
		}
	}
	printf("%d %.6f\n", pages, seconds() - start);
	return 0;
}
