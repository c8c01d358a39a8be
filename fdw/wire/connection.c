/*-------------------------------------------------------------------------
 *
 * connection.c
 *		Options, token and counters of a server, for one scan or write.
 *
 * Nothing read from the catalogs is kept: a connection is looked up again
 * for each execution (some microseconds, against milliseconds of a request),
 * so ALTER SERVER and ALTER USER MAPPING take effect at the next statement
 * without any invalidation. What lives for the whole session is in session.c.
 *
 * IDENTIFICATION
 *		fdw/wire/connection.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>
#include <math.h>

#include "compat.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "wire/base_url.h"
#include "wire/connection.h"
#include "wire/safe_text.h"
#include "wire/server_file.h"

/* A token is some dozens of bytes; a file of more isn't one. */
#define MAX_TOKEN_FILE_SIZE 4096

/* All authorities of the world are 230 kB; libcurl takes up to 8 MB. */
#define MAX_CA_FILE_SIZE (4 * 1024 * 1024)

/* Setting pylon_fdw.progress_interval, in ms; 0 is off. */
int			pylon_progress_interval = 0;

/* Of a connection on which nothing has another name. */
static const PylonNouns row_nouns = {"row", "a row", "rows", "Rows"};

static double last_progress = 0;

static char *read_text(const PylonConnection *connection);
static char *written_text(const PylonProgress *progress);
static List *find_mapping_options(PylonConnection *connection, Oid userid);
static void read_ca_file(PylonConnection *connection);
static char *read_token_file(PylonConnection *connection, const char *path);
static char *mapping_owner(const PylonConnection *connection, Oid userid);
pg_noreturn static void raise_no_token(PylonConnection *connection,
									   const char *detail, const char *hint);
pg_noreturn static void raise_bad_token_file(PylonConnection *connection,
											 const char *detail);

/*
 * A connection to "serverid" as "userid", allocated in the current memory
 * context. "table_options" is NIL and "nouns" NULL where no table is
 * concerned. "purpose" completes "could not ..." in messages on requests that
 * have none of their own; it must live as long.
 *
 * Sends nothing. Raises 28000 where the user has no token.
 */
PylonConnection *
connection_open(Oid serverid, Oid userid, List *table_options,
				const PylonNouns *nouns, char *purpose)
{
	PylonConnection *connection = connection_prepare(serverid, table_options, nouns, purpose);

	connection_find_token(connection, userid);
	return connection;
}

/* All of a connection but the token, without which nothing can be sent. */
PylonConnection *
connection_prepare(Oid serverid, List *table_options, const PylonNouns *nouns,
				   char *purpose)
{
	PylonConnection *connection = palloc0(sizeof(PylonConnection));
	ForeignServer *server = GetForeignServer(serverid);

	connection->serverid = serverid;
	connection->server_name = server->servername;
	connection->nouns = nouns != NULL ? nouns : &row_nouns;
	connection->purpose = purpose;
	option_read_server(&connection->options, server->options, table_options);
	/* The validator has seen to this, unless the wrapper has none. */
	if (base_url_problem(connection->options.base_url) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\" of server \"%s\"",
						"base_url", server->servername),
				 errdetail_internal("%s", base_url_problem(connection->options.base_url))));
	if (connection->options.ca_file != NULL)
		read_ca_file(connection);
	connection->started = connection_now();
	connection->session = session_of_server(serverid);
	connection->use = session_use(connection->session, nouns);
	return connection;
}

/* Gives the connection the token of a user, from the mapping or the file that names. */
void
connection_find_token(PylonConnection *connection, Oid userid)
{
	PylonMappingOptions mapping;

	option_read_mapping(&mapping, find_mapping_options(connection, userid));
	connection->token = mapping.api_token;
	if (connection->token == NULL)
	{
		if (mapping.api_token_file == NULL)
			raise_no_token(connection,
						   "The user mapping has neither option \"api_token\" nor \"api_token_file\".",
						   psprintf("Run ALTER USER MAPPING FOR %s SERVER %s OPTIONS (ADD api_token '...');",
									mapping_owner(connection, userid),
									quote_identifier(connection->server_name)));
		connection->token_file = mapping.api_token_file;
		connection->token = read_token_file(connection, mapping.api_token_file);
	}
	safe_text_hide(connection->token);
	if (option_token_problem(connection->token) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\" of the user mapping for server \"%s\"",
						"api_token", connection->server_name),
				 errdetail_internal("%s", option_token_problem(connection->token))));
}

/* The path in base_url, in front of each of the API's; "" if there is none. */
const char *
connection_base_path(const PylonConnection *connection)
{
	const char *host = strstr(connection->options.base_url, "://") + 3;
	const char *path = strchr(host, '/');

	return path != NULL ? path : "";
}

/* Milliseconds on a clock that nobody sets. */
double
connection_now(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_MILLISEC(now);
}

/* "1 create", "1,200 creates", in the current memory context. */
char *
connection_count_text(uint64 count, const char *noun)
{
	return psprintf("%s %s%s", connection_number_text(count), noun, count == 1 ? "" : "s");
}

/* "11,988", whatever the locale says, in the current memory context. */
char *
connection_number_text(uint64 number)
{
	char	   *rest = number < 1000 ? pstrdup("") : connection_number_text(number / 1000);

	return psprintf(number < 1000 ? "%s%d" : "%s,%03d", rest, (int) (number % 1000));
}

/* Milliseconds until the next progress message may be sent, -1 if never. */
long
connection_progress_due(void)
{
	double		due;

	if (pylon_progress_interval <= 0)
		return -1;
	due = last_progress + pylon_progress_interval - connection_now();
	return due > 0 ? (long) due + 1 : pylon_progress_interval;
}

/*
 * A NOTICE on long work for "purpose", at most each
 * pylon_fdw.progress_interval. "rate_limit_wait" is what is still to wait, in ms, 0 for not waiting.
 */
void
connection_report_progress(PylonConnection *connection, const char *purpose,
						   double rate_limit_wait)
{
	double		now = connection_now();
	char	   *done;

	if (pylon_progress_interval <= 0 ||
		now - Max(last_progress, connection->started) < pylon_progress_interval)
		return;
	done = psprintf("%s, %.0f s", connection->progress != NULL ?
					written_text(connection->progress) : read_text(connection),
					(now - connection->started) / 1000);

	/*
	 * Who waits for a second or two is told so once, even with a short
	 * interval.
	 */
	if (connection->reported != NULL && strcmp(connection->reported, done) == 0)
		return;
	connection->reported = MemoryContextStrdup(GetMemoryChunkContext(connection), done);
	last_progress = now;
	ereport(NOTICE,
			(errmsg("%s: %s", connection->progress != NULL ? connection->purpose : purpose, done),
			 rate_limit_wait > 0 ?
			 errdetail("Waiting %.0f s for the rate limit.",
					   ceil(rate_limit_wait / 1000)) : 0));
}

/* "12 pages, 11,988 of about 100,000 contacts"; the total where it is known, and not yet passed. */
static char *
read_text(const PylonConnection *connection)
{
	const PylonCounters *counters = &connection->counters;
	char	   *rows = counters->rows_read >= connection->expected ?
		connection_count_text(counters->rows_read, connection->nouns->one) :
		psprintf("%s of about %s", connection_number_text(counters->rows_read),
				 connection_count_text((uint64) connection->expected, connection->nouns->one));

	/* A single question, as pylon_fdw_ping has it: there is nothing to count. */
	if (connection->nouns == &row_nouns)
		return pstrdup("no answer yet");
	return psprintf("%s, %s", connection_count_text(counters->pages, "page"), rows);
}

/* "180 of 500 updates", or just "180 updates". */
static char *
written_text(const PylonProgress *progress)
{
	return progress->done >= progress->total ?
		connection_count_text(progress->done, progress->noun) :
		psprintf("%s of %s", connection_number_text(progress->done),
				 connection_count_text(progress->total, progress->noun));
}

/* Those of the user's own mapping, else of PUBLIC's. A view runs as its owner. */
static List *
find_mapping_options(PylonConnection *connection, Oid userid)
{
	const char *user = GetUserNameFromId(userid, false);

	if (!connection_has_mapping(connection->serverid, userid) &&
		!connection_has_mapping(connection->serverid, InvalidOid))
		raise_no_token(connection,
					   psprintf(userid == GetUserId() ? "There is no user mapping for user \"%s\"." :
								"This runs as user \"%s\", who has no user mapping.", user),
					   psprintf("Run CREATE USER MAPPING FOR %s SERVER %s OPTIONS (api_token '...');",
								quote_identifier(user), quote_identifier(connection->server_name)));
	return GetUserMapping(userid, connection->serverid)->options;
}

/* Whose mapping it is that a user has, as a statement names him. */
static char *
mapping_owner(const PylonConnection *connection, Oid userid)
{
	return !connection_has_mapping(connection->serverid, userid) ? pstrdup("PUBLIC") :
		pstrdup(quote_identifier(GetUserNameFromId(userid, false)));
}

/* Is there a mapping of this very user, or with InvalidOid one of PUBLIC? */
bool
connection_has_mapping(Oid serverid, Oid userid)
{
	return SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(userid),
								 ObjectIdGetDatum(serverid));
}

/*
 * The authorities that are trusted, and no others. libcurl gets the bytes
 * rather than the name: a connection made, or a TLS session kept, under other
 * ones is not used again then, even where it is the file that has changed.
 */
static void
read_ca_file(PylonConnection *connection)
{
	const char *path = connection->options.ca_file;
	bool		readable;
	const char *problem;

	connection->ca = server_file_read(path, MAX_CA_FILE_SIZE, &connection->ca_length,
									  &readable, &problem);
	if (connection->ca != NULL)
		return;
	ereport(ERROR,
			(errcode(readable ? ERRCODE_INVALID_PARAMETER_VALUE :
					 ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
			 errmsg("could not use option \"%s\" of server \"%s\"", "ca_file",
					connection->server_name),
			 errdetail_internal("%s", problem),
			 errhint("The value of \"%s\" is the path of a PEM file on the database server, readable by the user that PostgreSQL runs as.",
					 "ca_file")));
}

/* Read anew at each connection, so that a rotated token needs no ALTER. */
static char *
read_token_file(PylonConnection *connection, const char *path)
{
	size_t		length;
	bool		readable;
	const char *problem;
	char	   *buffer = server_file_read(path, MAX_TOKEN_FILE_SIZE, &length,
										  &readable, &problem);
	char	   *token;

	if (buffer == NULL)
		raise_bad_token_file(connection, problem);
	while (length > 0 && isspace((unsigned char) buffer[length - 1]))
		buffer[--length] = '\0';
	for (token = buffer; isspace((unsigned char) *token); token++)
		;
	if (*token == '\0')
		raise_bad_token_file(connection, psprintf("File \"%s\" is empty.", path));
	problem = strlen(buffer) != length ? "It has a zero byte in it." : option_token_problem(token);
	if (problem != NULL)
		raise_bad_token_file(connection, psprintf("File \"%s\" doesn't hold just a token. %s",
												  path, problem));
	return token;
}

static void
raise_no_token(PylonConnection *connection, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("no API token for server \"%s\"", connection->server_name),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

/* That there is a mapping, which names a file, is right. */
static void
raise_bad_token_file(PylonConnection *connection, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("no API token for server \"%s\"", connection->server_name),
			 errdetail_internal("%s", detail),
			 errhint("Put the token, and nothing else, into that file on the database server, readable by the user that PostgreSQL runs as.")));
}
