/*-------------------------------------------------------------------------
 *
 * option.c
 *		One table of all options. The validator, the readers and the hints
 *		come from it.
 *
 * The validator decides what may stand in the catalogs and who may put it
 * there; the readers trust it and parse by the same functions. What an
 * option means is decided where it is used.
 *
 * IDENTIFICATION
 *		fdw/wire/option.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>
#include <limits.h>

#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "compat.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "wire/base_url.h"
#include "wire/option.h"

/* Catalogs in which an option may stand. */
#define ON_SERVER	0x01
#define ON_TABLE	0x02
#define ON_MAPPING	0x04
#define ON_COLUMN	0x08

typedef enum OptionType
{
	OPTION_TEXT,
	OPTION_URL,
	OPTION_FILE,				/* read by the server: privileged */
	OPTION_TOKEN,				/* never shown in a message */
	OPTION_INT,
	OPTION_TIME,				/* in ms */
	OPTION_SIZE,				/* in bytes */
	OPTION_REAL,
	OPTION_POSITIVE_REAL,		/* zero is out of range */
	OPTION_BOOL,
	OPTION_CASE,				/* a boolean that may be unset */
	OPTION_FIELD_TYPE,			/* one of field_types */
	OPTION_OBJECT,				/* one of option_objects */
} OptionType;

typedef struct Option
{
	const char *name;
	int			catalogs;
	OptionType	type;
	size_t		offset;			/* in the struct that the readers fill */
	double		min;
	double		max;
	const char *range;			/* "min" to "max" in words, for messages; NULL
								 * of an object */
	const char *initial;		/* NULL: unset */
} Option;

#define SERVER(member)	offsetof(PylonOptions, member)
#define MAPPING(member) offsetof(PylonMappingOptions, member)
#define COLUMN(member)	offsetof(PylonColumnOptions, member)
#define DAY_MS			(24 * 60 * 60 * 1000)
#define TIME_RANGE		"a time from 1ms to 1d, such as \"10s\" or \"1500ms\""

static const Option options[] =
{
	{"base_url", ON_SERVER, OPTION_URL, SERVER(base_url), 0, 0,
		"an https:// URL (or http:// of a loopback host)",
	BASE_URL_US},
	{"ca_file", ON_SERVER, OPTION_FILE, SERVER(ca_file), 0, 0,
	"the path of a file", NULL},
	{"page_size", ON_SERVER | ON_TABLE, OPTION_INT, SERVER(page_size), 1, 999,
	"an integer from 1 to 999", "999"},
	{"lookup_batch_size", ON_SERVER, OPTION_INT, SERVER(lookup_batch_size),
	1, 999, "an integer from 1 to 999", "100"},
	{"max_concurrent_requests", ON_SERVER, OPTION_INT,
		SERVER(max_concurrent_requests), 1, 64,
	"an integer from 1 to 64", "4"},
	{"connect_timeout", ON_SERVER, OPTION_TIME, SERVER(connect_timeout),
	1, DAY_MS, TIME_RANGE, "10s"},
	{"request_timeout", ON_SERVER, OPTION_TIME, SERVER(request_timeout),
	1, DAY_MS, TIME_RANGE, "60s"},
	{"max_retries", ON_SERVER, OPTION_INT, SERVER(max_retries), 0, 20,
	"an integer from 0 to 20", "5"},
	{"max_retry_wait", ON_SERVER, OPTION_TIME, SERVER(max_retry_wait),
		0, DAY_MS, "a time from 0 to 1d, such as \"2min\" or \"1500ms\"",
	"2min"},
	{"max_response_size", ON_SERVER, OPTION_SIZE, SERVER(max_response_size),
		1, INT_MAX / 2, "a size from 1B to 1023MB, such as \"64MB\"",
	"64MB"},
	{"updatable", ON_SERVER | ON_TABLE, OPTION_BOOL, SERVER(updatable), 0, 0,
	"a boolean", "true"},
	{"case_sensitive", ON_SERVER, OPTION_CASE, SERVER(case_sensitive), 0, 0,
	"a boolean", NULL},
	{"request_cost", ON_SERVER, OPTION_REAL, SERVER(request_cost), 0, 1e10,
	"a number from 0 to 1e10", "1000"},
	{"estimated_contacts", ON_TABLE, OPTION_POSITIVE_REAL,
		SERVER(estimated_contacts), 0, 1e12,
	"a number above 0, at most 1e12", "10000"},
	{"object", ON_TABLE, OPTION_OBJECT, 0, 0, 0, NULL, NULL},

	{"api_token", ON_MAPPING, OPTION_TOKEN, MAPPING(api_token), 0, 0,
	"the token alone: printable ASCII without blanks", NULL},
	{"api_token_file", ON_MAPPING, OPTION_FILE, MAPPING(api_token_file), 0, 0,
	"the path of a file", NULL},

	{"field", ON_COLUMN, OPTION_TEXT, COLUMN(field), 0, 0,
	"the name of a field", NULL},
	{"custom_field", ON_COLUMN, OPTION_TEXT, COLUMN(custom_field), 0, 0,
	"the slug of a custom field", NULL},
	{"readonly", ON_COLUMN, OPTION_BOOL, COLUMN(readonly), 0, 0,
	"a boolean", "false"},
	{"field_type", ON_COLUMN, OPTION_FIELD_TYPE, COLUMN(field_type), 0, 0,
		"text, number, decimal, boolean, date, datetime, user, url, select or multiselect",
	NULL},
};

/* Types of custom fields (reference: "Create a custom field"). */
static const char *const field_types[] =
{
	"text", "number", "decimal", "boolean", "date", "datetime", "user", "url",
	"select", "multiselect",
};

/* What others call the same, as other wrappers and clients do. */
static const struct
{
	const char *word;
	const char *option;
}			other_words[] =

{
	{"url", "base_url"}, {"uri", "base_url"}, {"host", "base_url"}, {"hostname", "base_url"},
	{"endpoint", "base_url"}, {"server", "base_url"}, {"region", "base_url"},
	{"token", "api_token"}, {"bearer", "api_token"}, {"bearer_token", "api_token"},
	{"access_token", "api_token"}, {"auth_token", "api_token"}, {"apikey", "api_token"},
	{"key", "api_token"}, {"secret", "api_token"}, {"password", "api_token"},
	{"token_file", "api_token_file"}, {"passfile", "api_token_file"}, {"password_file", "api_token_file"},
	{"timeout", "request_timeout"}, {"retries", "max_retries"}, {"fetch_size", "page_size"},
	{"limit", "page_size"}, {"batch_size", "lookup_batch_size"}, {"sslrootcert", "ca_file"},
	{"cacert", "ca_file"}, {"column", "field"}, {"column_name", "field"}, {"slug", "custom_field"},
	{"read_only", "readonly"}, {"table", "object"}, {"table_name", "object"}, {"resource", "object"},
	{"rows", "estimated_contacts"},
};

/* The catalogs in words, as a HINT names them. */
static const struct
{
	int			catalog;
	const char *name;
}			catalog_names[] =

{
	{ON_SERVER, "the server"}, {ON_TABLE, "the foreign table"}, {ON_MAPPING, "the user mapping"},
	{ON_COLUMN, "a column"},
};

/* Pairs that exclude each other. */
static const char *const exclusive_options[][2] =
{
	{"api_token", "api_token_file"},
	{"field", "custom_field"},
};

List	   *(*option_objects) (void) = NULL;

PG_FUNCTION_INFO_V1(pylon_fdw_validator);

static const Option *find_option(const char *name, int catalog);
pg_noreturn static void raise_unknown_option(const char *name, int catalog);
pg_noreturn static void raise_invalid_value(const Option *option,
											const char *value,
											const char *detail);
static const char *usual_word(const char *name);
static const char *place_of(const Option *option);
static char *objects_text(void);
static bool is_object(const char *value);
static void check_option(const Option *option, const char *value);
static void check_exclusive(List *given);
static void check_file_privilege(const Option *option);
static void check_url_privilege(const char *value);
static bool has_unit(const char *value);
static double parse_number(const Option *option, const char *value);
static void store_option(void *target, const Option *option,
						 const char *value);
static void read_options(void *target, int catalogs, List *given);

/*
 * Validator of all options: refuses unknown names (HV00D), bad values
 * (22023) and what the current user may not set (42501).
 */
Datum
pylon_fdw_validator(PG_FUNCTION_ARGS)
{
	List	   *given = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog_id = PG_GETARG_OID(1);
	int			catalog = 0;
	ListCell   *lc;

	if (catalog_id == ForeignServerRelationId)
		catalog = ON_SERVER;
	else if (catalog_id == ForeignTableRelationId)
		catalog = ON_TABLE;
	else if (catalog_id == UserMappingRelationId)
		catalog = ON_MAPPING;
	else if (catalog_id == AttributeRelationId)
		catalog = ON_COLUMN;

	foreach(lc, given)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const Option *option = find_option(def->defname, catalog);

		if (option == NULL)
			raise_unknown_option(def->defname, catalog);
		else
			check_option(option, defGetString(def));
	}
	check_exclusive(given);

	PG_RETURN_VOID();
}

/*
 * The options of a server and one of its tables, defaults filled in.
 *
 * "table" is NIL where no table is concerned. Strings point into the lists
 * or are allocated in the current memory context.
 */
void
option_read_server(PylonOptions *options_out, List *server, List *table)
{
	memset(options_out, 0, sizeof(*options_out));
	read_options(options_out, ON_SERVER | ON_TABLE, server);
	read_options(options_out, 0, table);
}

/* The table's option "object", NULL without; points into the list. */
char *
option_read_object(List *table)
{
	ListCell   *lc;

	foreach(lc, table)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, "object") == 0)
			return defGetString(def);
	}
	return NULL;
}

/* The options of a user mapping; strings as in option_read_server. */
void
option_read_mapping(PylonMappingOptions *options_out, List *mapping)
{
	memset(options_out, 0, sizeof(*options_out));
	read_options(options_out, ON_MAPPING, mapping);
}

/* The options of a column; strings as in option_read_server. */
void
option_read_column(PylonColumnOptions *options_out, List *column)
{
	memset(options_out, 0, sizeof(*options_out));
	read_options(options_out, ON_COLUMN, column);
}

/*
 * NULL if "token" may stand in a header, else what is wrong with it, as a
 * sentence that doesn't show it. A control character could end the header and
 * start another; a blank and quotes are the signs of a value pasted wrongly.
 */
const char *
option_token_problem(const char *token)
{
	size_t		length = strlen(token);

	if (length == 0)
		return "It is empty.";
	if (pg_strncasecmp(token, "Bearer ", 7) == 0)
		return "It begins with \"Bearer\", which is to be left out.";
	if (length > 1 && strchr("\"'`", token[0]) != NULL && token[length - 1] == token[0])
		return "It is in quotes, which are to be left out.";
	for (const char *p = token; *p != '\0'; p++)
	{
		if (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')
			return "It has a blank or a line break in it.";
		if (*p < ' ' || *p > '~')
			return "It has a character in it that is not printable ASCII.";
	}
	return NULL;
}

/* Is "type" the API's word for a type of custom field that option field_type takes? */
bool
option_is_field_type(const char *type)
{
	for (size_t i = 0; i < lengthof(field_types); i++)
	{
		if (strcmp(field_types[i], type) == 0)
			return true;
	}
	return false;
}

/* Fills in the defaults of the "catalogs" and then the "given" options. */
static void
read_options(void *target, int catalogs, List *given)
{
	ListCell   *lc;

	for (size_t i = 0; i < lengthof(options); i++)
	{
		if ((options[i].catalogs & catalogs) && options[i].initial != NULL)
			store_option(target, &options[i], options[i].initial);
	}

	foreach(lc, given)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const Option *option = find_option(def->defname, ~0);

		if (option != NULL)
			store_option(target, option, defGetString(def));
	}
}

static const Option *
find_option(const char *name, int catalog)
{
	for (size_t i = 0; i < lengthof(options); i++)
	{
		if ((options[i].catalogs & catalog) &&
			strcmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

static void
raise_unknown_option(const char *name, int catalog)
{
	ClosestMatchState match;
	StringInfoData valid;
	const Option *meant = find_option(usual_word(name), ~0);
	const char *closest;
	bool		fits = meant != NULL && (meant->catalogs & catalog) != 0;

	initClosestMatch(&match, name, 4);
	initStringInfo(&valid);
	for (size_t i = 0; i < lengthof(options); i++)
	{
		if (options[i].catalogs & catalog)
		{
			updateClosestMatch(&match, options[i].name);
			appendStringInfo(&valid, "%s%s", valid.len > 0 ? ", " : "",
							 options[i].name);
		}
	}
	closest = fits ? meant->name : getClosestMatch(&match);

	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", name),
			 meant != NULL && !fits ?
			 errhint("Perhaps you meant the option \"%s\" of %s.", meant->name, place_of(meant)) :
			 closest != NULL ? errhint("Perhaps you meant the option \"%s\".", closest) :
			 valid.len > 0 ? errhint("Valid options in this context are: %s.", valid.data) :
			 errhint("There are no valid options in this context.")));
}

/* What an option is called here, whatever others call it. */
static const char *
usual_word(const char *name)
{
	for (size_t i = 0; i < lengthof(other_words); i++)
	{
		if (pg_strcasecmp(other_words[i].word, name) == 0)
			return other_words[i].option;
	}
	return name;
}

/* Where an option is set, in the first place. */
static const char *
place_of(const Option *option)
{
	size_t		i = 0;

	while (!(option->catalogs & catalog_names[i].catalog))
		i++;
	return catalog_names[i].name;
}

static void
raise_invalid_value(const Option *option, const char *value,
					const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 option->type == OPTION_TOKEN ?
			 errmsg("invalid value for option \"%s\"", option->name) :
			 errmsg("invalid value for option \"%s\": \"%s\"", option->name,
					value),
			 detail ? errdetail("%s", detail) : 0,
			 errhint("The value of \"%s\" is %s.", option->name,
					 option->range != NULL ? option->range : objects_text())));
}

/* "these, those or others" */
static char *
objects_text(void)
{
	List	   *names = option_objects();
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, names)
		appendStringInfo(&text, "%s%s", text.len == 0 ? "" : lnext(names, lc) != NULL ? ", " : " or ",
						 (char *) lfirst(lc));
	return text.data;
}

static bool
is_object(const char *value)
{
	ListCell   *lc;

	foreach(lc, option_objects())
	{
		if (strcmp(lfirst(lc), value) == 0)
			return true;
	}
	return false;
}

static void
check_option(const Option *option, const char *value)
{
	const char *problem = NULL;
	bool		boolean;

	switch (option->type)
	{
		case OPTION_URL:
			problem = base_url_problem(value);
			if (problem != NULL)
				raise_invalid_value(option, value, problem);
			check_url_privilege(value);
			break;
		case OPTION_FILE:
			if (value[0] == '\0')
				raise_invalid_value(option, value, NULL);
			check_file_privilege(option);
			break;
		case OPTION_TOKEN:
			problem = option_token_problem(value);
			if (problem != NULL)
				raise_invalid_value(option, value, problem);
			break;
		case OPTION_TEXT:
			if (value[0] == '\0')
				raise_invalid_value(option, value, NULL);
			break;
		case OPTION_BOOL:
		case OPTION_CASE:
			if (!parse_bool(value, &boolean))
				raise_invalid_value(option, value, NULL);
			break;
		case OPTION_FIELD_TYPE:
			if (!option_is_field_type(value))
				raise_invalid_value(option, value, NULL);
			break;
		case OPTION_OBJECT:
			if (!is_object(value))
				raise_invalid_value(option, value, NULL);
			break;
		default:
			(void) parse_number(option, value);
	}
}

static void
check_exclusive(List *given)
{
	for (size_t i = 0; i < lengthof(exclusive_options); i++)
	{
		int			found = 0;
		ListCell   *lc;

		foreach(lc, given)
		{
			const char *name = lfirst_node(DefElem, lc)->defname;

			if (strcmp(name, exclusive_options[i][0]) == 0 ||
				strcmp(name, exclusive_options[i][1]) == 0)
				found++;
		}
		if (found > 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("options \"%s\" and \"%s\" exclude each other",
							exclusive_options[i][0], exclusive_options[i][1])));
	}
}

/* The server process opens the file: who may name it may probe for it. */
static void
check_file_privilege(const Option *option)
{
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"%s\"",
						option->name),
				 errdetail("Only roles with privileges of the \"%s\" role may set this option.",
						   "pg_read_server_files")));
}

/*
 * The owner of a server isn't the owner of its user mappings: another URL
 * could collect their tokens, or reach hosts behind the database's firewall.
 */
static void
check_url_privilege(const char *value)
{
	if (!base_url_is_pylon(value) && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"%s\" to \"%s\"",
						"base_url", value),
				 errdetail("Users other than superusers may set it to \"%s\" or \"%s\".",
						   BASE_URL_US, BASE_URL_EU)));
}

/* Does anything follow the number? */
static bool
has_unit(const char *value)
{
	char	   *end;

	(void) strtod(value, &end);
	while (isspace((unsigned char) *end))
		end++;
	return *end != '\0';
}

/* Any of the number types, its range checked. */
static double
parse_number(const Option *option, const char *value)
{
	const char *hint = NULL;
	double		number = 0;
	int			integer = 0;
	bool		valid;

	switch (option->type)
	{
		case OPTION_REAL:
		case OPTION_POSITIVE_REAL:
			valid = parse_real(value, &number, 0, &hint);
			break;
		default:
			valid = parse_int(value, &integer,
							  option->type == OPTION_TIME ? GUC_UNIT_MS :
							  option->type == OPTION_SIZE ? GUC_UNIT_BYTE : 0,
							  &hint);
			number = integer;
	}
	/* Core would round 5.5, and take 1e2 and 0x10. */
	if (option->type == OPTION_INT && strspn(value, "0123456789") != strlen(value))
		valid = false;

	/* Would "10" be seconds, or milliseconds? */
	if (valid && integer != 0 && !has_unit(value) &&
		(option->type == OPTION_TIME || option->type == OPTION_SIZE))
		raise_invalid_value(option, value, "It has no unit.");
	/* Written so that NaN fails. */
	if (!valid || !(number >= option->min && number <= option->max) ||
		(option->type == OPTION_POSITIVE_REAL && number == 0))
		raise_invalid_value(option, value, hint ? _(hint) : NULL);
	return number;
}

static void
store_option(void *target, const Option *option, const char *value)
{
	void	   *member = (char *) target + option->offset;
	bool		boolean;

	switch (option->type)
	{
		case OPTION_URL:
			*(char **) member = base_url_normalize(value);
			break;
		case OPTION_FILE:
		case OPTION_TOKEN:
		case OPTION_TEXT:
		case OPTION_FIELD_TYPE:
			*(char **) member = pstrdup(value);
			break;
		case OPTION_BOOL:
			(void) parse_bool(value, (bool *) member);
			break;
		case OPTION_CASE:
			if (parse_bool(value, &boolean))
				*(PylonCase *) member = boolean ? CASE_HEEDED : CASE_IGNORED;
			break;
		case OPTION_REAL:
		case OPTION_POSITIVE_REAL:
			*(double *) member = parse_number(option, value);
			break;
		case OPTION_OBJECT:
			break;				/* option_read_object tells */
		default:
			*(int *) member = (int) parse_number(option, value);
	}
}
