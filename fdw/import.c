/*-------------------------------------------------------------------------
 *
 * import.c
 *		IMPORT FOREIGN SCHEMA pylon.
 *
 * The fixed columns come from the table in contact.c, the custom fields of
 * the workspace, where they are wanted as columns, from the API.
 *
 * IDENTIFICATION
 *		fdw/import.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/heap.h"
#include "commands/defrem.h"
#include "compat.h"
#include "contact.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "pylon_api.h"
#include "pylon_fdw.h"
#include "utils/builtins.h"

#define SCHEMA_NAME "pylon"
#define TABLE_NAME "contacts"

/* How the custom fields become columns. */
typedef enum CustomFieldsMode
{
	CUSTOM_FIELDS_JSONB = 0x01,
	CUSTOM_FIELDS_COLUMNS = 0x02,
	CUSTOM_FIELDS_BOTH = CUSTOM_FIELDS_JSONB | CUSTOM_FIELDS_COLUMNS,
} CustomFieldsMode;

static const struct
{
	const char *name;
	CustomFieldsMode mode;
}			modes[] =

{
	{"jsonb", CUSTOM_FIELDS_JSONB},
	{"columns", CUSTOM_FIELDS_COLUMNS},
	{"both", CUSTOM_FIELDS_BOTH},
};

/* Types of custom fields; any other is text. */
static const struct
{
	const char *api;
	const char *sql;
}			types[] =

{
	{"number", "numeric"},
	{"decimal", "numeric"},
	{"boolean", "boolean"},
	{"date", "date"},
	{"datetime", "timestamptz"},
	{"multiselect", "text[]"},
};

static CustomFieldsMode read_mode(List *options);
static bool is_wanted(ImportForeignSchemaStmt *stmt);
static char *make_table(CustomFieldsMode mode, List *custom_fields,
						const char *server);
static void append_custom_field(StringInfo sql, PylonCustomField *field,
								List **names);
static const char *sql_type(const char *api_type);
static char *unique_name(const char *slug, List *names);
static bool is_taken(const char *name, List *names);

/*
 * The commands that create the foreign table. Raises HV00Q for another
 * schema than "pylon" and, where the custom fields are wanted as columns,
 * the errors of the API.
 */
List *
pylonImportForeignSchema(ImportForeignSchemaStmt *stmt, Oid serverOid)
{
	CustomFieldsMode mode = read_mode(stmt->options);
	List	   *custom_fields = NIL;

	if (strcmp(stmt->remote_schema, SCHEMA_NAME) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("schema \"%s\" is not present on foreign server \"%s\"",
						stmt->remote_schema, stmt->server_name),
				 errhint("The only remote schema is \"%s\".", SCHEMA_NAME)));
	if (!is_wanted(stmt))
		return NIL;
	if (mode & CUSTOM_FIELDS_COLUMNS)
	{
		PylonConnection *connection = connection_open(serverOid, GetUserId(), NIL,
													  "read the custom fields of contacts");

		custom_fields = pylon_contact_custom_fields(connection);
	}
	return list_make1(make_table(mode, custom_fields, stmt->server_name));
}

static CustomFieldsMode
read_mode(List *options)
{
	CustomFieldsMode mode = CUSTOM_FIELDS_JSONB;
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		size_t		i;

		if (strcmp(def->defname, "custom_fields") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\"", def->defname),
					 errhint("Perhaps you meant the option \"%s\".",
							 "custom_fields")));
		for (i = 0; i < lengthof(modes); i++)
		{
			if (strcmp(modes[i].name, defGetString(def)) == 0)
				break;
		}
		if (i == lengthof(modes))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for option \"%s\": \"%s\"",
							def->defname, defGetString(def)),
					 errhint("The value of \"%s\" is jsonb, columns or both.",
							 def->defname)));
		mode = modes[i].mode;
	}
	return mode;
}

/* LIMIT TO and EXCEPT, so that nothing is asked for a table left out. */
static bool
is_wanted(ImportForeignSchemaStmt *stmt)
{
	ListCell   *lc;
	bool		listed = false;

	foreach(lc, stmt->table_list)
		listed |= strcmp(lfirst_node(RangeVar, lc)->relname, TABLE_NAME) == 0;
	return stmt->list_type == FDW_IMPORT_SCHEMA_ALL ||
		listed == (stmt->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO);
}

static char *
make_table(CustomFieldsMode mode, List *custom_fields, const char *server)
{
	StringInfoData sql;
	List	   *names = NIL;
	int			count;
	const ContactField *fields = contact_fields(&count);
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "CREATE FOREIGN TABLE " TABLE_NAME " (");
	for (int i = 0; i < count; i++)
	{
		if (fields[i].kind == FIELD_CUSTOM_FIELDS && !(mode & CUSTOM_FIELDS_JSONB))
			continue;
		appendStringInfo(&sql, "%s\n  %s %s", names != NIL ? "," : "",
						 quote_identifier(fields[i].name), fields[i].type);
		names = lappend(names, unconstify(char *, fields[i].name));
	}
	foreach(lc, custom_fields)
		append_custom_field(&sql, lfirst(lc), &names);
	appendStringInfo(&sql, "\n) SERVER %s", quote_identifier(server));
	return sql.data;
}

static void
append_custom_field(StringInfo sql, PylonCustomField *field, List **names)
{
	char	   *name = unique_name(field->slug, *names);

	appendStringInfo(sql, ",\n  %s %s OPTIONS (custom_field %s",
					 quote_identifier(name), sql_type(field->type),
					 quote_literal_cstr(field->slug));
	if (option_is_field_type(field->type))
		appendStringInfo(sql, ", field_type '%s'", field->type);
	appendStringInfo(sql, "%s)", field->read_only ? ", readonly 'true'" : "");
	*names = lappend(*names, name);
}

static const char *
sql_type(const char *api_type)
{
	for (size_t i = 0; i < lengthof(types); i++)
	{
		if (strcmp(types[i].api, api_type) == 0)
			return types[i].sql;
	}
	return "text";
}

/* The slug, cut to what a name may be long, with _2, _3, ... if taken. */
static char *
unique_name(const char *slug, List *names)
{
	char		suffix[16] = "";

	for (int n = 2;; n++)
	{
		int			room = NAMEDATALEN - 1 - strlen(suffix);
		int			length = pg_mbcliplen(slug, strlen(slug), room);
		char	   *name = psprintf("%.*s%s", length, slug, suffix);

		if (!is_taken(name, names))
			return name;
		snprintf(suffix, sizeof(suffix), "_%d", n);
	}
}

/* By another column, or by a system column, which every table has. */
static bool
is_taken(const char *name, List *names)
{
	ListCell   *lc;

	if (SystemAttributeByName(name) != NULL)
		return true;
	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}
