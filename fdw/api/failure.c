/*-------------------------------------------------------------------------
 *
 * failure.c
 *		What a request that failed means in SQL.
 *
 * A failure is raised with the SQLSTATE of the tables below and the API's
 * own words in DETAIL. Remote text is cleaned before it stands in a message,
 * and never holds the token.
 *
 * IDENTIFICATION
 *		fdw/api/failure.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/failure.h"
#include "api/write_log.h"
#include "lib/stringinfo.h"
#include "utils/formatting.h"
#include "wire/base_url.h"
#include "wire/safe_text.h"

/* An error object is of some hundred bytes; what is larger than this is something else. */
#define MAX_ERROR_BODY (64 * 1024)

/* What an answer's status means: the first line with its range counts. */
static const struct
{
	int			first;
	int			last;
	int			sqlstate;
	const char *summary;
	const char *hint;
}			status_failures[] =

{
	{300, 399, ERRCODE_PROTOCOL_VIOLATION, "the server answered with a redirect",
	"Redirects are not followed, since each request carries the token. Check option \"base_url\" of the server."},
	{401, 401, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, "the API did not accept the token",
	"Check option \"api_token\" of the user mapping."},
	{403, 403, ERRCODE_INSUFFICIENT_PRIVILEGE, "the API denied permission",
	"Use a token that has the permission."},
	{404, 404, ERRCODE_FDW_ERROR, "the API has no such path",
	"Check option \"base_url\" of the server."},
	{429, 429, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, "the rate limit of the API is used up",
	"Try again later, or raise option \"max_retry_wait\" of the server."},
	{400, 499, ERRCODE_FDW_ERROR, "the API refused the request", NULL},
	{500, 599, ERRCODE_SYSTEM_ERROR, "the API failed",
	"Try again later."},
	{0, 999, ERRCODE_PROTOCOL_VIOLATION, "the server's answer is not one of the API",
	"Check option \"base_url\" of the server."},
};

/* What it means to get no answer. */
static const struct
{
	HttpOutcome outcome;
	int			sqlstate;
	const char *summary;
	const char *hint;
}			outcome_failures[] =

{
	{HTTP_NO_CONNECTION, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION,
		"no connection to the API",
	"Check option \"base_url\" of the server, the network, and for a certificate that isn't trusted, option \"ca_file\"."},
	{HTTP_CONNECTION_LOST, ERRCODE_CONNECTION_FAILURE,
	"the connection to the API was lost", "Try again later."},
	{HTTP_BAD_ANSWER, ERRCODE_PROTOCOL_VIOLATION,
	"the server's answer can't be used", "Check option \"base_url\" of the server."},
	{HTTP_OUT_OF_MEMORY, ERRCODE_OUT_OF_MEMORY, "out of memory", NULL},
};

static const char *outcome_hint(const HttpResponse *response, const char *hint);
static const char *time_out_hint(const HttpResponse *response);
static int	errtable_written(const PylonConnection *connection);
static char *with_writes(const HttpResponse *response, const char *detail);
static bool is_write(const HttpResponse *response);
static char *without_stop(const char *text);
static char *full_path(const HttpResponse *response);
static void failure_mask(char *text, const char *secret);
static const char *other_region(const PylonConnection *connection);

/* Raises the error that the request's final outcome amounts to. */
void
failure_raise(const HttpResponse *response)
{
	const HttpCall *call = &response->call;
	const char *purpose = call->purpose;
	const char *hint;

	if (response->outcome == HTTP_ANSWERED)
		failure_raise_refusal(response, NULL);

	for (size_t i = 0; i < lengthof(outcome_failures); i++)
	{
		if (outcome_failures[i].outcome != response->outcome)
			continue;
		hint = outcome_hint(response, outcome_failures[i].hint);
		ereport(ERROR,
				(errcode(outcome_failures[i].sqlstate),
				 response->timed_out ?
				 errmsg("could not %s: the time-out of the request has passed", purpose) :
				 errmsg("could not %s: %s", purpose, outcome_failures[i].summary),
				 errdetail_internal("%s", with_writes(response,
													  psprintf("%s %s: %s (tries: %d)", call->method,
															   full_path(response),
															   safe_text(response->error),
															   response->tries))),
				 hint ? errhint("%s", hint) : 0,
				 errtable_written(response->connection)));
	}
	elog(ERROR, "unexpected outcome of a request: %d", response->outcome);
}

/* "hint" is that of the outcome in general. */
static const char *
outcome_hint(const HttpResponse *response, const char *hint)
{
	if (response->timed_out)
		return time_out_hint(response);
	if (!response->too_large)
		return hint;
	return response->call.page ?
		"Lower option \"page_size\" of the server or the table, or raise \"max_response_size\" of the server." :
		"Raise option \"max_response_size\" of the server.";
}

/* Which of the two time-outs it was; libcurl has one code for both. */
static const char *
time_out_hint(const HttpResponse *response)
{
	const PylonOptions *options = &response->connection->options;

	if (response->outcome == HTTP_NO_CONNECTION &&
		options->connect_timeout < options->request_timeout)
		return "Try again later, or raise option \"connect_timeout\" of the server.";
	return "Try again later, or raise option \"request_timeout\" of the server.";
}

/*
 * Raises 40003: nobody knows whether this create was done. "more" is what
 * else is to be said, as sentences, or NULL.
 */
void
failure_raise_unknown(const HttpResponse *response, const char *more)
{
	const PylonConnection *connection = response->connection;
	PylonError	error;
	char	   *detail = response->outcome == HTTP_ANSWERED ?
		failure_describe(response, &error) :
		psprintf("%s %s: %s", response->call.method, response->call.path,
				 safe_text(response->error));

	if (more != NULL)
		detail = psprintf("%s. %s", without_stop(detail), more);

	ereport(ERROR,
			(errcode(ERRCODE_T_R_STATEMENT_COMPLETION_UNKNOWN),
			 errmsg("it is unknown whether Pylon did %s", response->call.purpose),
			 errdetail_internal("%s. %s", without_stop(detail), writes_done(connection)),
			 errhint("It was not tried again, to not create the %s twice. See whether it is there.%s",
					 connection->nouns->one,
					 response->timed_out ? " For a server that is slow, raise option \"request_timeout\"." : ""),
			 errtable_written(connection)));
}

/* Adds to a DETAIL what the statement has written before it failed. */
static char *
with_writes(const HttpResponse *response, const char *detail)
{
	if (response->connection->statement == NULL)
		return pstrdup(detail);
	return psprintf("%s. %s%s", without_stop(detail),
					is_write(response) && response->unknown ?
					"It is unknown whether this was done. " : "",
					writes_done(response->connection));
}

/* Is it one that changes something? A write may also read back. */
static bool
is_write(const HttpResponse *response)
{
	return strcmp(response->call.method, "GET") != 0;
}

static char *
without_stop(const char *text)
{
	size_t		length = strlen(text);

	return pnstrdup(text, length > 0 && text[length - 1] == '.' ? length - 1 : length);
}

/*
 * Raises the error for an answer that isn't what was asked for; "problem" is
 * what is wrong with one that looked like a success, else NULL.
 */
void
failure_raise_refusal(const HttpResponse *response, const char *problem)
{
	const PylonConnection *connection = response->connection;
	PylonError	error;
	char	   *detail = failure_describe(response, &error);
	const char *summary;
	const char *hint;
	bool		of_reference = connection->statement != NULL && failure_is_of_reference(response);
	int			i = 0;

	if (connection->statement != NULL && failure_is_duplicate(response))
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("could not %s: there is such %s already", response->call.purpose,
						connection->nouns->a),
				 errdetail_internal("%s. %s%s", without_stop(detail),
									!connection->shows_ids ? "" :
									psprintf("It is %s %s. ", connection->nouns->one,
											 safe_text(error.exists_id)),
									writes_done(connection)),
				 errtable_written(connection)));

	/* A success that came here has the wrong shape, the last line, or errors. */
	while (response->status < status_failures[i].first ||
		   response->status > status_failures[i].last)
		i++;
	summary = status_failures[i].summary;
	hint = status_failures[i].hint;
	if (response->status == 400 && (response->call.large_page || failure_is_of_page(response)))
		hint = psprintf("The API may give fewer %s at once: lower option \"page_size\" of the server or the table.",
						connection->nouns->many);
	if (response->status == 404 && connection_base_path(connection)[0] != '\0')
		hint = psprintf("Option \"base_url\" of the server has a path, which stands in front of each of the API's. Leave out \"%s\".",
						safe_text(connection_base_path(connection)));
	if (response->status == 401 && connection->token_file != NULL)
		hint = psprintf("Check the token in file \"%s\".", connection->token_file);
	if (response->status <= 299 && error.message != NULL)
	{
		summary = "the API answered with an error";
		hint = NULL;
	}
	/* What else was asked of it has been answered. */
	if (response->status == 404 && error.message != NULL && !connection->use->reached &&
		session_is_reached(connection->session))
		hint = psprintf("This server has no %s, it seems.", connection->nouns->many);
	if (error.code != NULL && strcmp(error.code, "wrong_region_token") == 0)
		hint = psprintf("The token belongs to another region: set option \"base_url\" of the server to \"%s\".",
						other_region(connection));
	if (of_reference)
	{
		summary = "the API refused the request";
		hint = NULL;
	}
	ereport(ERROR,
			(errcode(of_reference ||
					 (connection->statement != NULL && (response->status == 400 || response->status == 422)) ?
					 ERRCODE_INVALID_PARAMETER_VALUE : status_failures[i].sqlstate),
			 errmsg("could not %s: %s", response->call.purpose, summary),
			 errdetail_internal("%s", with_writes(response, problem == NULL ? detail :
												  psprintf("%s. %s", without_stop(detail), problem))),
			 hint ? errhint("%s", hint) : 0,
			 errtable_written(connection)));
}

/* Names the table that is written, if any, for clients that read such fields. */
static int
errtable_written(const PylonConnection *connection)
{
	if (connection->statement == NULL)
		return 0;
	err_generic_string(PG_DIAG_SCHEMA_NAME, connection->schema_name);
	return err_generic_string(PG_DIAG_TABLE_NAME, connection->table_name);
}

/*
 * Raises 08P01 for a page that announces another one and is of no use; it has
 * been asked for several times.
 */
void
failure_raise_hollow(const HttpResponse *response)
{
	PylonError	error;

	ereport(ERROR,
			(errcode(ERRCODE_PROTOCOL_VIOLATION),
			 errmsg("could not %s: a page that announces another one is empty, or has no cursor",
					response->call.purpose),
			 errdetail_internal("%s", failure_describe(response, &error)),
			 errhint("Nothing is known of what is missing. Try again later.")));
}

/*
 * Method, path, status, the API's own words and its request_id, allocated in
 * the current memory context; "error" is set as by failure_read, or to zeros.
 */
char *
failure_describe(const HttpResponse *response, PylonError *error)
{
	const PylonConnection *connection = response->connection;
	StringInfoData detail;

	if (!failure_read(response, error))
		memset(error, 0, sizeof(*error));

	initStringInfo(&detail);
	appendStringInfo(&detail, "%s %s: HTTP status %d",
					 response->call.method, full_path(response),
					 response->status);
	if (error->message == NULL && response->length > 0)
		appendStringInfo(&detail, ", \"%s\"",
						 safe_text(response->body));
	if (error->message != NULL)
		appendStringInfo(&detail, ", \"%s\"",
						 safe_text(error->message));
	if (error->code != NULL)
		appendStringInfo(&detail, ", code %s", safe_text(error->code));
	if (error->request_id != NULL)
		appendStringInfo(&detail, ", request_id %s",
						 safe_text(error->request_id));
	if (response->tries > 1)
		appendStringInfo(&detail, " (tries: %d)", response->tries);
	if (error->exists_id != NULL && !connection->shows_ids)
		failure_mask(detail.data, error->exists_id);
	if (response->wait_exhausted && response->retry_after >= 0)
		appendStringInfo(&detail, ". The API asks to wait for %.0f s; %.0f s of %.0f s are used up.",
						 response->retry_after / 1000, response->waited / 1000,
						 connection->options.max_retry_wait / 1000.0);
	return detail.data;
}

/* With the one in base_url, which may be what is wrong; fit for a message. */
static char *
full_path(const HttpResponse *response)
{
	return safe_text(psprintf("%s%s", connection_base_path(response->connection),
							  response->call.path));
}

/*
 * Is an error about the size of a page, rather than what was searched? Just
 * the API's own words tell: the reference calls that size "limit".
 */
bool
failure_is_of_page(const HttpResponse *response)
{
	static const char *const others[] = {"filter", "operator", "value", "depth"};
	PylonError	error;
	char	   *words;

	if (!failure_read(response, &error) || error.message == NULL)
		return false;
	words = asc_tolower(error.message, strlen(error.message));
	for (size_t i = 0; i < lengthof(others); i++)
	{
		if (strstr(words, others[i]) != NULL)
			return false;
	}
	return strstr(words, "limit") != NULL || strstr(words, "page size") != NULL;
}

/*
 * Do the API's own words say this noun, as in "Thing not found!"? A path that
 * they may show has its plural.
 */
bool
failure_names(const HttpResponse *response, const char *noun)
{
	PylonError	error;

	return failure_read(response, &error) && error.message != NULL &&
		strstr(asc_tolower(error.message, strlen(error.message)), psprintf("%s ", noun)) != NULL;
}

/*
 * Is it a 404 of something that a write's body refers to, such as "Account not
 * found!" of a contact? Then the object itself may well be there.
 */
bool
failure_is_of_reference(const HttpResponse *response)
{
	static const char *const referred[] = {"account", "contact", "user", "owner"};
	const char *own = response->connection->nouns->one;
	bool		names_other = false;

	if (response->status != 404 || failure_names(response, own))
		return false;
	for (size_t i = 0; i < lengthof(referred); i++)
		names_other |= failure_names(response, referred[i]);
	return names_other;
}

/* Whoever may not read a table learns no ids of it, whoever quotes them. */
static void
failure_mask(char *text, const char *secret)
{
	size_t		length = strlen(secret);

	/* It may be of stars itself. */
	for (; (text = strstr(text, secret)) != NULL; text += length)
		memset(text, '*', length);
}

/* Does the API refuse an object because there is such a one already? */
bool
failure_is_duplicate(const HttpResponse *response)
{
	PylonError	error;

	return response->outcome == HTTP_ANSWERED &&
		(response->status == 400 || response->status == 409 || response->status == 422) &&
		failure_read(response, &error) && error.exists_id != NULL;
}

/*
 * What the API says of an error, as json_read_error. False if it says
 * nothing; megabytes aren't its words on an error.
 */
bool
failure_read(const HttpResponse *response, PylonError *error)
{
	return response->length <= MAX_ERROR_BODY &&
		json_read_error(response->body, response->length, error);
}

static const char *
other_region(const PylonConnection *connection)
{
	return strcmp(connection->options.base_url, BASE_URL_EU) == 0 ? BASE_URL_US : BASE_URL_EU;
}
