/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *		libFuzzer in a single-user backend.
 *
 * The code under attack runs where it always runs: with PostgreSQL's memory
 * contexts, errors, catalogs and input functions. pylon_fuzz() hands the
 * session over to libFuzzer, which calls run_input again and again and ends
 * the process when its time is over, or at a finding.
 *
 * An error that is raised is as good an outcome as any, but for those that
 * say that the code is at its wit's end (XX000).
 *
 * IDENTIFICATION
 *		test/fuzz/fuzz.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "catalog/pg_type.h"
#include "common/jsonapi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "fuzz_memory.h"

extern int	LLVMFuzzerRunDriver(int *argc, char ***argv,
								int (*callback) (const uint8_t *data, size_t size));

PG_FUNCTION_INFO_V1(pylon_fuzz);

static const FuzzTarget *const targets[] =
{
	&fuzz_read, &fuzz_filter, &fuzz_option, &fuzz_answer,
};

static const FuzzTarget *target;
static MemoryContext input_context;

static int	run_input(const uint8_t *data, size_t size);
static void check_error(ErrorData *error);

/* pylon_fuzz(target, arguments of libFuzzer, its own name first) */
Datum
pylon_fuzz(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum	   *elements;
	char	  **arguments;
	int			count;

	for (size_t i = 0; i < lengthof(targets); i++)
	{
		if (strcmp(targets[i]->name, name) == 0)
			target = targets[i];
	}
	if (target == NULL)
		elog(ERROR, "no target \"%s\"", name);

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &count);
	arguments = palloc0((count + 1) * sizeof(char *));
	for (int i = 0; i < count; i++)
		arguments[i] = TextDatumGetCString(elements[i]);

	if (target->prepare != NULL)
		target->prepare();
	input_context = fuzz_context_create(TopMemoryContext, "fuzz input", 0, 0, 0);
	(void) LLVMFuzzerRunDriver(&count, &arguments, run_input);
	PG_RETURN_VOID();
}

static int
run_input(const uint8_t *data, size_t size)
{
	MemoryContext before = MemoryContextSwitchTo(input_context);
	FuzzInput	input = {data, size};

	PG_TRY();
	{
		target->run(&input);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(input_context);
		check_error(CopyErrorData());
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(before);
	MemoryContextReset(input_context);
	return 0;
}

static void
check_error(ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_INTERNAL_ERROR)
	{
		fprintf(stderr, "internal error: %s\n", error->message);
		fuzz_broken("no internal error", error->filename, error->lineno);
	}
	/* What is to be told must be fit for a client. */
	if (error->message != NULL)
		(void) pg_verifymbstr(error->message, strlen(error->message), false);
	if (error->detail != NULL)
		(void) pg_verifymbstr(error->detail, strlen(error->detail), false);
}

void
fuzz_broken(const char *promise, const char *file, int line)
{
	fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, promise);
	abort();
}

/* The next byte, 0 behind the end. */
int
fuzz_byte(FuzzInput *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

/* The text up to the next zero byte or the end: what the server could hold. */
char *
fuzz_text(FuzzInput *input)
{
	size_t		length = strnlen((const char *) input->data, input->size);
	char	   *text = pnstrdup((const char *) input->data, length);
	size_t		skip = Min(length + 1, input->size);

	input->data += skip;
	input->size -= skip;
	text[pg_verify_mbstr_len(PG_UTF8, text, length, true) >= 0 ? length :
		 pg_encoding_verifymbstr(PG_UTF8, text, length)] = '\0';
	return text;
}

/* All that is left, byte for byte, with a zero byte behind it. */
char *
fuzz_rest(FuzzInput *input)
{
	char	   *rest = palloc(input->size + 1);

	memcpy(rest, input->data, input->size);
	rest[input->size] = '\0';
	return rest;
}

/* Does PostgreSQL's parser take it? */
bool
fuzz_is_json(const char *json)
{
	JsonLexContext *lex = makeJsonLexContextCstringLen(unconstify(char *, json), strlen(json),
													   PG_UTF8, false);

	return pg_parse_json(lex, &nullSemAction) == JSON_SUCCESS;
}
