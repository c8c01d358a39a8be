/*-------------------------------------------------------------------------
 *
 * fuzz_answer.c
 *		Target "answer": small answers, and what a message says of them.
 *
 * IDENTIFICATION
 *		test/fuzz/fuzz_answer.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "failure.h"
#include "mb/pg_wchar.h"

/* The API echoes it, perhaps: no message may. The dictionary has it, too. */
#define TOKEN "sample-token"

/* The longest DETAIL: a few pieces of remote text, each of them capped. */
#define MAX_DETAIL 10000

static void run(FuzzInput *input);
static void failure_part(FuzzInput *input);
static void check_words(const char *text);

const FuzzTarget fuzz_answer = {"answer", NULL, run};

static void
run(FuzzInput *input)
{
	int			part = fuzz_byte(input) % 4;
	size_t		length;
	char	   *body;
	PylonError	error;
	PylonMe		me;
	PylonDefinitions found = {0};

	if (part == 3)
	{
		failure_part(input);
		return;
	}
	length = input->size;
	body = fuzz_rest(input);
	if (part == 0)
		(void) json_read_error(body, length, &error);
	else if (part == 1 && json_read_me(body, length, &me))
	{
		check_words(me.organization);
		check_words(me.token_name);
	}
	else if (part == 2 && json_read_definitions(body, length, &found))
	{
		ListCell   *lc;

		check_words(found.cursor);
		foreach(lc, found.fields)
			check_words(((PylonCustomField *) lfirst(lc))->slug);
	}
}

static void
check_words(const char *text)
{
	PROMISE(text == NULL || pg_verify_mbstr(PG_UTF8, text, strlen(text), true));
}

/* A DETAIL has no token, no control character, and is of bounded length. */
static void
failure_part(FuzzInput *input)
{
	PylonConnection connection = {.token = TOKEN,.purpose = "fuzz",.options.base_url = "https://fuzz/v1"};
	HttpResponse response = {.connection = &connection,.status = 400,.tries = 1};
	PylonError	error;
	char	   *detail;

	response.call.method = "GET";
	response.call.path = psprintf("/contacts/%s", fuzz_text(input));
	response.length = input->size;
	response.body = fuzz_rest(input);
	detail = failure_describe(&response, &error);

	check_words(detail);
	PROMISE(strlen(detail) < MAX_DETAIL);
	PROMISE(strstr(detail, TOKEN) == NULL);
	for (const char *p = detail; *p != '\0'; p++)
		PROMISE((unsigned char) *p >= ' ' && *p != 0x7f);
}
