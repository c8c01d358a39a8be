/*-------------------------------------------------------------------------
 *
 * import.c
 *		IMPORT FOREIGN SCHEMA pylon.
 *
 * The fixed columns come from the entry of the object, the custom fields of the
 * workspace, where they are wanted as columns, from the API.
 *
 * IDENTIFICATION
 *		fdw/query/import.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "api/pylon_api.h"
#include "catalog/heap.h"
#include "commands/defrem.h"
#include "compat.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "object/object.h"
#include "query/callbacks.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#define SCHEMA_NAME "pylon"

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

/* A name that a column has. */
typedef struct TakenName
{
	char		name[NAMEDATALEN];	/* hash key */
	int			last_suffix;	/* of the columns that would have it, too */
} TakenName;

/* What is read of the definitions of custom fields, in messages. */
static const PylonNouns custom_field_nouns = {
	"custom field", "a custom field", "custom fields", "Custom fields"
};

static CustomFieldsMode read_mode(List *options);
static void note_unknown_tables(ImportForeignSchemaStmt *stmt);
static bool is_wanted(ImportForeignSchemaStmt *stmt,
					  const PylonObject *object);
static char *make_table(const PylonObject *object, CustomFieldsMode mode,
						List *custom_fields, const char *server);
static List *read_custom_fields(Oid serverid, const PylonObject *object,
								CustomFieldsMode mode);
static void append_custom_field(StringInfo sql, PylonCustomField *field,
								HTAB *names);
static const char *sql_type(const char *api_type);
static char *unique_name(const char *slug, HTAB *names);
static int *take_name(const char *name, HTAB *names);

/*
 * The commands that create the foreign tables. Raises HV00Q for another
 * schema than "pylon" and, where the custom fields are wanted as columns,
 * the errors of the API.
 */
List *
pylonImportForeignSchema(ImportForeignSchemaStmt *stmt, Oid serverOid)
{
	CustomFieldsMode mode = read_mode(stmt->options);
	List	   *commands = NIL;
	int			count;
	const PylonObject *const *objects = object_all(&count);

	if (strcmp(stmt->remote_schema, SCHEMA_NAME) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("schema \"%s\" is not present on foreign server \"%s\"",
						stmt->remote_schema, stmt->server_name),
				 errhint("The only remote schema is \"%s\".", SCHEMA_NAME)));
	note_unknown_tables(stmt);
	for (int i = 0; i < count; i++)
	{
		List	   *custom_fields = NIL;

		if (!is_wanted(stmt, objects[i]))
			continue;
		if (mode & CUSTOM_FIELDS_COLUMNS)
			custom_fields = read_custom_fields(serverOid, objects[i], mode);
		commands = lappend(commands, make_table(objects[i], mode, custom_fields, stmt->server_name));
	}
	return commands;
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

/* Of LIMIT TO and EXCEPT: nothing would come of a name that is misspelt. */
static void
note_unknown_tables(ImportForeignSchemaStmt *stmt)
{
	int			count;
	const PylonObject *const *objects = object_all(&count);
	ListCell   *lc;

	foreach(lc, stmt->table_list)
	{
		const char *name = lfirst_node(RangeVar, lc)->relname;
		StringInfoData known;
		bool		found = false;

		initStringInfo(&known);
		for (int i = 0; i < count; i++)
		{
			found |= strcmp(name, objects[i]->nouns.many) == 0;
			appendStringInfo(&known, "%s\"%s\"", i > 0 ? ", " : "", objects[i]->nouns.many);
		}
		if (!found)
			ereport(NOTICE,
					(errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
					 errmsg("remote schema \"%s\" has no table \"%s\"", SCHEMA_NAME, name),
					 errhint("Its tables: %s.", known.data)));
	}
}

/* LIMIT TO and EXCEPT, so that nothing is asked for a table left out. */
static bool
is_wanted(ImportForeignSchemaStmt *stmt, const PylonObject *object)
{
	ListCell   *lc;
	bool		listed = false;

	foreach(lc, stmt->table_list)
		listed |= strcmp(lfirst_node(RangeVar, lc)->relname, object->nouns.many) == 0;
	return stmt->list_type == FDW_IMPORT_SCHEMA_ALL ||
		listed == (stmt->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO);
}

/* Those that there is room for beside the fixed columns; more are refused. */
static List *
read_custom_fields(Oid serverid, const PylonObject *object, CustomFieldsMode mode)
{
	PylonConnection *connection = connection_open(serverid, GetUserId(), NIL, &object->nouns,
												  psprintf("read the custom fields of %s",
														   object->nouns.many));
	int			room = MaxHeapAttributeNumber - object->nfields + (mode & CUSTOM_FIELDS_JSONB ? 0 : 1);
	List	   *found;

	connection->nouns = &custom_field_nouns;
	found = pylon_custom_fields(connection, object, room);
	if (list_length(found) > room)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("there are more custom fields than a table can have columns"),
				 errdetail("Beside the other columns there is room for %d.", room),
				 errhint("Import with custom_fields 'jsonb', and write those that you need into a foreign table of your own.")));
	return found;
}

static char *
make_table(const PylonObject *object, CustomFieldsMode mode, List *custom_fields,
		   const char *server)
{
	HASHCTL		control = {.keysize = NAMEDATALEN,.entrysize = sizeof(TakenName),.hcxt = CurrentMemoryContext};
	HTAB	   *names = hash_create("pylon_fdw column names", 64, &control,
									HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	StringInfoData sql;
	const char *separator = "";
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE FOREIGN TABLE %s (", object->nouns.many);
	for (int i = 0; i < object->nfields; i++)
	{
		const PylonField *field = &object->fields[i];

		if (field->kind == FIELD_CUSTOM_FIELDS && !(mode & CUSTOM_FIELDS_JSONB))
			continue;
		appendStringInfo(&sql, "%s\n  %s %s", separator,
						 quote_identifier(field->name), field->type);
		separator = ",";
		(void) take_name(field->name, names);
	}
	foreach(lc, custom_fields)
		append_custom_field(&sql, lfirst(lc), names);
	/* However the table is renamed, it goes on showing this. */
	appendStringInfo(&sql, "\n) SERVER %s OPTIONS (object %s)", quote_identifier(server),
					 quote_literal_cstr(object->nouns.many));
	return sql.data;
}

static void
append_custom_field(StringInfo sql, PylonCustomField *field, HTAB *names)
{
	CHECK_FOR_INTERRUPTS();
	appendStringInfo(sql, ",\n  %s %s OPTIONS (custom_field %s",
					 quote_identifier(unique_name(field->slug, names)),
					 sql_type(field->type), quote_literal_cstr(field->slug));
	if (option_is_field_type(field->type))
		appendStringInfo(sql, ", field_type '%s'", field->type);
	appendStringInfo(sql, "%s)", field->read_only ? ", readonly 'true'" : "");
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
unique_name(const char *slug, HTAB *names)
{
	int			length = pg_mbcliplen(slug, strlen(slug), NAMEDATALEN - 1);
	char	   *name = pnstrdup(slug, length);
	int		   *used = take_name(name, names);

	while (used != NULL)
	{
		char	   *suffix = psprintf("_%d", ++*used);

		length = pg_mbcliplen(slug, strlen(slug), NAMEDATALEN - 1 - strlen(suffix));
		name = psprintf("%.*s%s", length, slug, suffix);
		if (take_name(name, names) == NULL)
			break;
	}
	return name;
}

/*
 * Takes a name for a column. Where another column has it, or a system column,
 * which every table has, gives the number that was put behind it last: so
 * that many slugs alike take no longer than others.
 */
static int *
take_name(const char *name, HTAB *names)
{
	bool		found;
	TakenName  *taken = hash_search(names, name, HASH_ENTER, &found);

	if (!found)
		taken->last_suffix = 1;
	return found || SystemAttributeByName(name) != NULL ? &taken->last_suffix : NULL;
}
