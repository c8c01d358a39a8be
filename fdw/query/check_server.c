/*-------------------------------------------------------------------------
 *
 * check_server.c
 *		SQL functions that ask a server who we are, and how far we get.
 *
 * pylon_fdw_check is for the first hour: it goes the way that every query
 * goes, a row a step, and ends with a row that says what stands in the way and
 * what helps. So it raises none of the errors that a query would; each step
 * runs in a subtransaction, as a block with EXCEPTION of PL/pgSQL does. The
 * API is asked outside of these, where a cancel is just a cancel.
 *
 * IDENTIFICATION
 *		fdw/query/check_server.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "api/probe.h"
#include "api/pylon_api.h"
#include "catalog/pg_foreign_server.h"
#include "compat.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "query/plan.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"
#include "wire/safe_text.h"

/* More servers than this aren't listed where one isn't found. */
#define MAX_SERVERS_LISTED 10

/* The way so far. */
typedef struct ServerCheck
{
	ReturnSetInfo *result;
	const char *server_name;
	ForeignServer *server;
	Oid			userid;
	char	   *purpose;
	PylonConnection *connection;
	PylonProbe	probe;			/* what was asked last */
	const PylonObject *object;	/* ... and of what */

	/* of the step at hand */
	bool		ok;
	char	   *detail;
	char	   *hint;			/* NULL: there is nothing to do */
} ServerCheck;

typedef void (*CheckStep) (ServerCheck *check);

/* What helps where a request doesn't get as far as an answer. */
static const struct
{
	const char *name;
	HttpStep	step;
	const char *hint;
}			network_steps[] =

{
	{"dns", HTTP_STEP_DNS,
	"Check the host name in option \"base_url\" of the server, and that the machine of the database can look it up."},
	{"connect", HTTP_STEP_CONNECT,
	"Check that a firewall lets the machine of the database reach this host and port; proxies are not used."},
	{"tls", HTTP_STEP_TLS,
	"Check that the port in option \"base_url\" of the server is one of https; TLS must be 1.2 or newer."},
};

#define UNTRUSTED_HINT \
	"Install the system's certificates (package ca-certificates), or name the file of the authority that you trust in option \"ca_file\" of the server."

PG_FUNCTION_INFO_V1(pylon_fdw_ping);
PG_FUNCTION_INFO_V1(pylon_fdw_check);

static bool is_ours(ForeignServer *server);
static bool may_use(Oid serverid, Oid userid);
static void set_text(Datum *value, bool *null, const char *text);
static void run_checks(ServerCheck *check);
static bool check_step(ServerCheck *check, const char *name, CheckStep step);
static void try_step(ServerCheck *check, CheckStep step);
static void explain_error(ServerCheck *check, const ErrorData *error);
static void fail_step(ServerCheck *check, char *detail, char *hint);
static void put_row(ServerCheck *check, const char *name);
static void check_options(ServerCheck *check);
static char *list_servers(void);
static void check_mapping(ServerCheck *check);
static void check_token(ServerCheck *check);
static bool check_network(ServerCheck *check);
static char *describe_step(const ServerCheck *check, HttpStep step);
static void check_answer(ServerCheck *check);
static void check_me(ServerCheck *check);
static char *describe_name(const char *noun, const char *name);
static bool check_list(ServerCheck *check, bool is_optional);
static void check_objects(ServerCheck *check);
static void check_custom_fields(ServerCheck *check);
static char *describe_answer(const ServerCheck *check, char *what);
static char *host_of(const PylonConnection *connection);

/*
 * pylon_fdw_ping(server name): who the current user's token is, in one
 * request. Errors are those of any request.
 */
Datum
pylon_fdw_ping(PG_FUNCTION_ARGS)
{
	ForeignServer *server = GetForeignServerByName(NameStr(*PG_GETARG_NAME(0)), false);
	PylonConnection *connection;
	PylonMe    *me;
	double		latency;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!is_ours(server))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is not one of pylon_fdw", server->servername)));
	if (!may_use(server->serverid, GetUserId()))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER, server->servername);
	connection = connection_open(server->serverid, GetUserId(), NIL, NULL,
								 psprintf("ping server \"%s\"", server->servername));
	me = pylon_me(connection, &latency);

	set_text(&values[0], &nulls[0], me->organization);
	set_text(&values[1], &nulls[1], me->token_name);
	set_text(&values[2], &nulls[2], connection->options.base_url);
	/* No clock of a network is better than that. */
	values[3] = Float8GetDatum(rint(latency * 10) / 10);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * pylon_fdw_check(server name): how far the current user gets with a server, a
 * row a step up to the first that fails. Raises no error but that of a cancel;
 * at most four requests, none of which is sent twice.
 */
Datum
pylon_fdw_check(PG_FUNCTION_ARGS)
{
	ServerCheck check = {.server_name = NameStr(*PG_GETARG_NAME(0)),.userid = GetUserId()};

	InitMaterializedSRF(fcinfo, 0);
	check.result = (ReturnSetInfo *) fcinfo->resultinfo;
	check.purpose = psprintf("check server \"%s\"", check.server_name);
	run_checks(&check);
	return (Datum) 0;
}

/* Is the wrapper of "server" made with this module's handler? */
static bool
is_ours(ForeignServer *server)
{
	Oid			handler = GetForeignDataWrapper(server->fdwid)->fdwhandler;

	return OidIsValid(handler) && plan_is_ours(GetFdwRoutine(handler));
}

/*
 * A mapping of one's own is leave to use the token in it. That of PUBLIC is
 * for tables that one may read, or with USAGE on the server for anything.
 */
static bool
may_use(Oid serverid, Oid userid)
{
	return connection_has_mapping(serverid, userid) ||
		compat_foreign_server_aclcheck(serverid, userid, ACL_USAGE) == ACLCHECK_OK;
}

static void
set_text(Datum *value, bool *null, const char *text)
{
	*null = text == NULL;
	*value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

/* ------------------------------------------------------------------------
 * The way, step by step
 * ------------------------------------------------------------------------
 */

static void
run_checks(ServerCheck *check)
{
	int			count;
	const PylonObject *const *objects = object_all(&count);

	if (!check_step(check, "options", check_options) ||
		!check_step(check, "mapping", check_mapping) ||
		!check_step(check, "token", check_token))
		return;
	check->probe = probe_me(check->connection);
	if (!check_network(check) ||
		!check_step(check, "authentication", check_me))
		return;
	for (int i = 0; i < count; i++)
	{
		check->object = objects[i];
		check->probe = probe_objects(check->connection, objects[i]);
		if (!check_list(check, i > 0))
			return;
	}
	check->object = objects[0];
	check->probe = probe_custom_fields(check->connection, objects[0]);
	(void) check_step(check, "custom_fields", check_custom_fields);
}

/* Takes a step and puts its row; false if that is the last one. */
static bool
check_step(ServerCheck *check, const char *name, CheckStep step)
{
	check->ok = true;
	check->detail = check->hint = NULL;
	try_step(check, step);
	put_row(check, name);
	return check->ok;
}

/* What a step raises becomes its detail and hint. */
static void
try_step(ServerCheck *check, CheckStep step)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		step(check);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		explain_error(check, error);
	}
	PG_END_TRY();
}

/* The row's own name says what "could not be done". */
static void
explain_error(ServerCheck *check, const ErrorData *error)
{
	char	   *prefix = psprintf("could not %s: ", check->purpose);
	const char *message = error->message;

	if (strncmp(message, prefix, strlen(prefix)) == 0)
		message += strlen(prefix);
	fail_step(check, error->detail == NULL ? pstrdup(message) :
			  psprintf("%s. %s", message, error->detail), error->hint);
}

static void
fail_step(ServerCheck *check, char *detail, char *hint)
{
	check->ok = false;
	check->detail = detail;
	check->hint = hint;
}

static void
put_row(ServerCheck *check, const char *name)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(name);
	values[1] = BoolGetDatum(check->ok);
	set_text(&values[2], &nulls[2], check->detail);
	set_text(&values[3], &nulls[3], check->hint);
	tuplestore_putvalues(check->result->setResult, check->result->setDesc, values, nulls);
}

/* ------------------------------------------------------------------------
 * On this side
 * ------------------------------------------------------------------------
 */

/* Is there such a server, and can its options be used? */
static void
check_options(ServerCheck *check)
{
	check->server = GetForeignServerByName(check->server_name, true);
	if (check->server == NULL)
		fail_step(check, psprintf("server \"%s\" does not exist", check->server_name), list_servers());
	else if (!is_ours(check->server))
		fail_step(check, psprintf("server \"%s\" is not one of pylon_fdw", check->server_name), list_servers());
	else
	{
		check->connection = connection_prepare(check->server->serverid, NIL, NULL, check->purpose);
		check->detail = psprintf("base_url %s", check->connection->options.base_url);
	}
}

/*
 * A hint that names the servers that there are. Their wrappers are known by
 * the name of the handler, since to ask others for their callbacks would load
 * all libraries.
 */
static char *
list_servers(void)
{
	Relation	catalog = table_open(ForeignServerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, ForeignServerNameIndexId, true, NULL, 0, NULL);
	StringInfoData names;
	HeapTuple	tuple;
	int			count = 0;

	initStringInfo(&names);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_foreign_server server = (Form_pg_foreign_server) GETSTRUCT(tuple);
		char	   *handler = get_func_name(GetForeignDataWrapper(server->srvfdw)->fdwhandler);

		if (handler == NULL || strcmp(handler, "pylon_fdw_handler") != 0)
			continue;
		if (++count <= MAX_SERVERS_LISTED)
			appendStringInfo(&names, "%s\"%s\"", count > 1 ? ", " : "", NameStr(server->srvname));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	if (count == 0)
		return "There is none of pylon_fdw yet: CREATE SERVER ... FOREIGN DATA WRAPPER pylon_fdw;";
	if (count > MAX_SERVERS_LISTED)
		appendStringInfo(&names, " and %d more", count - MAX_SERVERS_LISTED);
	return psprintf("Servers of pylon_fdw: %s.", names.data);
}

/* Is there a mapping, and one that this user may use here? */
static void
check_mapping(ServerCheck *check)
{
	Oid			serverid = check->server->serverid;
	const char *server = quote_identifier(check->server->servername);
	const char *user = GetUserNameFromId(check->userid, false);
	bool		has_own = connection_has_mapping(serverid, check->userid);
	bool		has_public = connection_has_mapping(serverid, InvalidOid);
	char	   *create = psprintf("run CREATE USER MAPPING FOR CURRENT_USER SERVER %s OPTIONS (api_token '...');", server);
	char	   *grant = psprintf("Its owner can run GRANT USAGE ON FOREIGN SERVER %s TO %s;", server,
								 quote_identifier(user));

	if (!may_use(serverid, check->userid))
		fail_step(check, psprintf("user \"%s\" has neither a user mapping nor USAGE on the server", user),
				  has_public ? grant : psprintf("%s then you can %s", grant, create));
	else if (!has_own && !has_public)
		fail_step(check, psprintf("there is no user mapping for user \"%s\"", user), psprintf("You can %s", create));
	else
		check->detail = has_own ? psprintf("of user \"%s\"", user) : "of PUBLIC";
}

static void
check_token(ServerCheck *check)
{
	connection_find_token(check->connection, check->userid);
	check->detail = check->connection->token_file == NULL ? "in option \"api_token\"" :
		psprintf("in file \"%s\"", check->connection->token_file);
}

/* ------------------------------------------------------------------------
 * On the way to the API, and there
 * ------------------------------------------------------------------------
 */

/* A row for each step before the answer; false if it ended on the way. */
static bool
check_network(ServerCheck *check)
{
	const HttpFacts *facts = check->probe.facts;

	for (size_t i = 0; i < lengthof(network_steps); i++)
	{
		check->ok = true;
		check->hint = NULL;
		check->detail = describe_step(check, network_steps[i].step);
		if (facts->ended == network_steps[i].step)
		{
			try_step(check, check_answer);
			if (!check->probe.response->timed_out)
				check->hint = facts->untrusted ? UNTRUSTED_HINT : unconstify(char *, network_steps[i].hint);
		}
		put_row(check, network_steps[i].name);
		if (!check->ok)
			return false;
	}
	return true;
}

static char *
describe_step(const ServerCheck *check, HttpStep step)
{
	const HttpFacts *facts = check->probe.facts;
	const char *host = host_of(check->connection);
	StringInfoData text;

	initStringInfo(&text);
	switch (step)
	{
		case HTTP_STEP_DNS:
			if (host[0] == '[' || host[strspn(host, "0123456789.")] == '\0')
				return psprintf("%s is an address", host);
			/* libcurl doesn't tell the addresses at which nobody answers. */
			if (facts->address == NULL)
				appendStringInfo(&text, "%s was found", host);
			else
				appendStringInfo(&text, "%s is %s", host, facts->address);
			break;
		case HTTP_STEP_CONNECT:
			appendStringInfo(&text, "%s port %d", facts->address != NULL ? facts->address : host, facts->port);
			break;
		case HTTP_STEP_TLS:
			if (!facts->encrypted)
				return "not used, since the host is this machine";
			appendStringInfoString(&text, facts->tls_version != NULL ? safe_text(facts->tls_version) : "TLS");
			if (facts->issuer != NULL && facts->expires != NULL)
				appendStringInfo(&text, ", certificate by %s until %s",
								 safe_text(facts->issuer), safe_text(facts->expires));
			break;
		case HTTP_STEP_ANSWER:
			break;
	}
	appendStringInfo(&text, ", %.1f ms", facts->ms[step]);
	return text.data;
}

/* Raises what became of a request that got no answer. */
static void
check_answer(ServerCheck *check)
{
	(void) probe_read_me(&check->probe);
}

static void
check_me(ServerCheck *check)
{
	PylonMe    *me = probe_read_me(&check->probe);

	check->detail = describe_answer(check, psprintf("%s, %s", describe_name("organization", me->organization),
													describe_name("token", me->token_name)));
}

/* "name" is NULL where the answer has none. */
static char *
describe_name(const char *noun, const char *name)
{
	return name == NULL ? psprintf("no %s named", noun) : psprintf("%s \"%s\"", noun, safe_text(name));
}

/*
 * A row for the list of an object; false if that is the last one. Older servers
 * don't have all of them, and what it takes to do without is another thing than
 * a wrong URL: the way goes on.
 */
static bool
check_list(ServerCheck *check, bool is_optional)
{
	const char *many = check->object->nouns.many;
	bool		is_lacking;

	check->ok = true;
	check->detail = check->hint = NULL;
	try_step(check, check_objects);
	is_lacking = !check->ok && is_optional && check->probe.response->status == 404;
	if (is_lacking)
		check->hint = psprintf("This server has no %s; all else can be used: IMPORT FOREIGN SCHEMA ... EXCEPT (%s) ...",
							   many, many);
	put_row(check, many);
	return check->ok || is_lacking;
}

static void
check_objects(ServerCheck *check)
{
	bool		any = probe_read_objects(&check->probe, check->object);

	check->detail = describe_answer(check, any ? "can be read" : "can be read, but there are none");
}

static void
check_custom_fields(ServerCheck *check)
{
	bool		more;
	int			count = probe_read_custom_fields(&check->probe, &more);

	check->detail = describe_answer(check, psprintf("%s%d of %s", more ? "more than " : "", count,
													check->object->nouns.many));
}

/* With what each answer tells beside. */
static char *
describe_answer(const ServerCheck *check, char *what)
{
	const HttpFacts *facts = check->probe.facts;

	if (facts->rate_left < 0)
		return psprintf("%s, %.1f ms", what, facts->ms[HTTP_STEP_ANSWER]);
	return psprintf("%s, %.1f ms; requests left of the rate limit: %.0f", what,
					facts->ms[HTTP_STEP_ANSWER], facts->rate_left);
}

/* The host in base_url, without its port. */
static char *
host_of(const PylonConnection *connection)
{
	const char *host = strstr(connection->options.base_url, "://") + 3;

	return pnstrdup(host, *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/"));
}
