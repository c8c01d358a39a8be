/*-------------------------------------------------------------------------
 *
 * fuzz_option.c
 *		Target "option": values of options, base URLs, times to wait.
 *
 * What the validator lets in must be read back, within its bounds; a base
 * URL that it lets in sends the token to nobody in the clear but this host.
 *
 * IDENTIFICATION
 *		test/fuzz/fuzz_option.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <curl/curl.h>

#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "wire/base_url.h"
#include "wire/http_head.h"
#include "wire/option.h"

typedef struct OptionName
{
	Oid			catalog;
	const char *name;
} OptionName;

static const OptionName names[] =
{
	{ForeignServerRelationId, "base_url"},
	{ForeignServerRelationId, "page_size"},
	{ForeignServerRelationId, "lookup_batch_size"},
	{ForeignServerRelationId, "max_concurrent_requests"},
	{ForeignServerRelationId, "connect_timeout"},
	{ForeignServerRelationId, "request_timeout"},
	{ForeignServerRelationId, "max_retries"},
	{ForeignServerRelationId, "max_retry_wait"},
	{ForeignServerRelationId, "max_response_size"},
	{ForeignServerRelationId, "case_sensitive"},
	{ForeignServerRelationId, "request_cost"},
	{ForeignTableRelationId, "estimated_contacts"},
	{UserMappingRelationId, "api_token"},
	{AttributeRelationId, "field"},
	{AttributeRelationId, "custom_field"},
	{AttributeRelationId, "readonly"},
	{AttributeRelationId, "field_type"},
};

static char *headers[2];		/* Retry-After and Date, NULL where absent */

extern Datum pylon_fdw_validator(PG_FUNCTION_ARGS);
extern CURLHcode __wrap_curl_easy_header(CURL *easy, const char *name, size_t index,
										 unsigned int origin, int request,
										 struct curl_header **header);

static void run(FuzzInput *input);
static void option_part(FuzzInput *input);
static void url_part(FuzzInput *input);
static void wait_part(FuzzInput *input);
static void check_server(List *options);
static void check_base_url(const char *url);

const FuzzTarget fuzz_option = {"option", NULL, run};

static void
run(FuzzInput *input)
{
	switch (fuzz_byte(input) % 3)
	{
		case 0:
			option_part(input);
			break;
		case 1:
			url_part(input);
			break;
		default:
			wait_part(input);
	}
}

static void
option_part(FuzzInput *input)
{
	const OptionName *name = &names[fuzz_byte(input) % lengthof(names)];
	List	   *given = list_make1(makeDefElem(pstrdup(name->name),
											   (Node *) makeString(fuzz_text(input)), -1));
	Datum		array = transformRelOptions((Datum) 0, given, NULL, NULL, false, false);

	(void) DirectFunctionCall2(pylon_fdw_validator, array, ObjectIdGetDatum(name->catalog));

	if (name->catalog == ForeignServerRelationId || name->catalog == ForeignTableRelationId)
		check_server(given);
	else if (name->catalog == UserMappingRelationId)
	{
		PylonMappingOptions mapping;

		option_read_mapping(&mapping, given);
		for (const char *p = mapping.api_token; *p != '\0'; p++)
			PROMISE(*p > ' ' && *p <= '~');
	}
	else
	{
		PylonColumnOptions column;

		option_read_column(&column, given);
	}
}

static void
check_server(List *given)
{
	PylonOptions options;

	option_read_server(&options, given, NIL);
	PROMISE(options.page_size >= 1 && options.page_size <= 999);
	PROMISE(options.lookup_batch_size >= 1 && options.lookup_batch_size <= 999);
	PROMISE(options.max_concurrent_requests >= 1 && options.max_concurrent_requests <= 64);
	PROMISE(options.connect_timeout >= 1 && options.connect_timeout <= 86400000);
	PROMISE(options.request_timeout >= 1 && options.request_timeout <= 86400000);
	PROMISE(options.max_retries >= 0 && options.max_retries <= 20);
	PROMISE(options.max_retry_wait >= 0 && options.max_retry_wait <= 86400000);
	PROMISE(options.max_response_size >= 1);
	PROMISE(options.request_cost >= 0 && options.request_cost <= 1e10);
	PROMISE(options.estimated_contacts > 0 && options.estimated_contacts <= 1e12);
	check_base_url(options.base_url);
}

static void
url_part(FuzzInput *input)
{
	char	   *url = fuzz_text(input);
	char	   *normal;

	if (base_url_problem(url) != NULL)
		return;
	normal = base_url_normalize(url);
	PROMISE(strcmp(normal, base_url_normalize(normal)) == 0);
	PROMISE(base_url_problem(normal) == NULL);
	check_base_url(normal);
}

/* With a path behind it, the URL goes where it seems to. */
static void
check_base_url(const char *url)
{
	CURLU	   *parsed = curl_url();
	char	   *scheme = NULL;
	char	   *host = NULL;
	char	   *path = NULL;
	char	   *extra = NULL;
	int			a,
				b,
				c,
				d,
				end = 0;

	PROMISE(curl_url_set(parsed, CURLUPART_URL, psprintf("%s/contacts/x", url), 0) == CURLUE_OK);
	PROMISE(curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK);
	PROMISE(curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK);
	PROMISE(curl_url_get(parsed, CURLUPART_PATH, &path, 0) == CURLUE_OK);
	PROMISE(curl_url_get(parsed, CURLUPART_USER, &extra, 0) != CURLUE_OK);
	PROMISE(curl_url_get(parsed, CURLUPART_QUERY, &extra, 0) != CURLUE_OK);
	PROMISE(curl_url_get(parsed, CURLUPART_FRAGMENT, &extra, 0) != CURLUE_OK);
	PROMISE(strlen(path) >= 11 && strcmp(path + strlen(path) - 11, "/contacts/x") == 0);
	if (strcmp(scheme, "https") != 0)
	{
		PROMISE(strcmp(scheme, "http") == 0);
		if (pg_strcasecmp(host, "localhost") != 0 && strcmp(host, "[::1]") != 0)
		{
			PROMISE(sscanf(host, "%3d.%3d.%3d.%3d%n", &a, &b, &c, &d, &end) == 4 &&
					host[end] == '\0');
			PROMISE(a == 127 && b < 256 && c < 256 && d < 256);
		}
	}
	curl_free(path);
	curl_free(host);
	curl_free(scheme);
	curl_url_cleanup(parsed);
}

/* How long an answer asks to wait; and whether a line of its head is taken. */
static void
wait_part(FuzzInput *input)
{
	double		wait;
	char	   *line;

	headers[0] = fuzz_text(input);
	headers[1] = input->size > 0 ? fuzz_text(input) : NULL;
	wait = http_head_retry_after(NULL);
	PROMISE(wait == -1 || (wait >= 0 && wait <= 1e12));
	/* libcurl hands a line over without a zero byte. */
	line = palloc(input->size);
	memcpy(line, input->data, input->size);
	(void) http_head_problem(line, input->size);
}

/* The linker puts this in the place of libcurl's own. */
CURLHcode
__wrap_curl_easy_header(CURL *easy, const char *name, size_t index, unsigned int origin,
						int request, struct curl_header **header)
{
	static struct curl_header found;
	char	   *value = strcmp(name, "Retry-After") == 0 ? headers[0] :
		strcmp(name, "Date") == 0 ? headers[1] : NULL;

	if (value == NULL)
		return CURLHE_MISSING;
	found.value = value;
	*header = &found;
	return CURLHE_OK;
}
