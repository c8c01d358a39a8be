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

#include "api/failure.h"
#include "mb/pg_wchar.h"
#include "wire/safe_text.h"

/* The API echoes it, perhaps: no message may. The dictionary has it, too. */
#define TOKEN "sample-token"

/* The longest DETAIL: a few pieces of remote text, each of them capped. */
#define MAX_DETAIL 20000

static void prepare(void);
static void run(FuzzInput *input);
static void failure_part(FuzzInput *input);
static void check_safe(const char *text);
static void check_words(const char *text);

const FuzzTarget fuzz_answer = {"answer", prepare, run};

static void
prepare(void)
{
	safe_text_hide(TOKEN);
}

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

/* What is told of a failure, and of any text. */
static void
failure_part(FuzzInput *input)
{
	PylonConnection connection = {.token = TOKEN,.options.base_url = "https://fuzz/v1"};
	HttpResponse response = {.connection = &connection,.call.purpose = "fuzz",.status = 400,.tries = 1};
	PylonError	error;
	char	   *text = fuzz_text(input);
	char	   *detail;

	check_safe(safe_text(text));
	check_safe(safe_text_long(text));
	connection.options.base_url = "https://api.usepylon.com";
	response.call.method = "GET";
	response.call.path = psprintf("/contacts/%s", text);
	response.length = input->size;
	response.body = fuzz_rest(input);
	detail = failure_describe(&response, &error);
	check_safe(detail);
	PROMISE(strlen(detail) < MAX_DETAIL);
	(void) failure_is_of_page(&response);
	(void) failure_is_duplicate(&response);
}

/* No token, no control character, nothing that turns the direction of writing. */
static void
check_safe(const char *text)
{
	check_words(text);
	PROMISE(strstr(text, TOKEN) == NULL);
	PROMISE(strstr(text, "\xe2\x80\xae") == NULL && strstr(text, "\xc2\x9b") == NULL);
	for (const char *p = text; *p != '\0'; p++)
		PROMISE((unsigned char) *p >= ' ' && *p != 0x7f);
}
