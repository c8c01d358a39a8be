/*-------------------------------------------------------------------------
 *
 * object.c
 *		Which object a foreign table shows, and which field each column shows.
 *
 * An object's entry is looked at here by the names that users
 * give: those of tables and columns, their options, and slugs.
 *
 * IDENTIFICATION
 *		fdw/object/object.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "object/object.h"
#include "utils/rel.h"
#include "wire/option.h"

#define VALUE_OPERATORS	(FIELD_EQUALS | FIELD_IN | FIELD_NOT_IN | FIELD_IS_SET)
#define TEXT_OPERATORS	(VALUE_OPERATORS | FIELD_STRING_CONTAINS)

/* The first one is what a table shows that has the name of none. */
static const PylonObject *const objects[] =
{
	&object_contacts,
	&object_accounts,
};

/*
 * Operators of the search by the type of a custom field, where that is known.
 * One with several values holds its text in each of them, or in none.
 */
static const struct
{
	const char *type;
	int			operators;
}			type_operators[] =

{
	{"text", TEXT_OPERATORS},
	{"url", TEXT_OPERATORS},
	{"user", TEXT_OPERATORS},
	{"select", TEXT_OPERATORS},
	{"number", VALUE_OPERATORS},
	{"decimal", VALUE_OPERATORS},
	{"boolean", VALUE_OPERATORS},
	{"date", VALUE_OPERATORS},
	{"datetime", VALUE_OPERATORS},
	{"multiselect", FIELD_CONTAINS | FIELD_IS_SET},
};

static const PylonObject *find_object(const char *name);
static const PylonField *find_field(const PylonObject *object,
									const char *name);
static const PylonObject *find_meant(const PylonObject *object,
									 Relation table, const char *field);
pg_noreturn static void raise_unmapped(const PylonObject *object,
									   Relation table, const char *column,
									   const char *field);

/* All that can be a foreign table. */
const PylonObject *const *
object_all(int *count)
{
	*count = lengthof(objects);
	return objects;
}

/* The names of all, as option "object" takes them: of char *. */
List *
object_names(void)
{
	List	   *names = NIL;

	for (size_t i = 0; i < lengthof(objects); i++)
		names = lappend(names, unconstify(char *, objects[i]->nouns.many));
	return names;
}

/*
 * What a foreign table shows: what its option "object" says, else what has
 * its name, else contacts.
 */
const PylonObject *
object_of_table(Relation table)
{
	char	   *named = option_read_object(GetForeignTable(RelationGetRelid(table))->options);
	const PylonObject *object = find_object(named != NULL ? named :
											RelationGetRelationName(table));

	return object != NULL ? object : objects[0];
}

/*
 * What column "attnum" of a foreign table shows: the field named by its
 * option "field", else by its own name, or with "slug" set, the custom field
 * of option "custom_field". "slug" is allocated in the current context.
 *
 * Raises HV005 where the column maps to nothing.
 */
const PylonField *
object_column_field(Relation table, AttrNumber attnum, char **slug)
{
	const PylonObject *object = object_of_table(table);
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(table), attnum - 1);
	const char *name = NameStr(attr->attname);
	const PylonField *field;
	PylonColumnOptions options;

	option_read_column(&options,
					   GetForeignColumnOptions(RelationGetRelid(table), attnum));
	*slug = options.custom_field;
	if (options.custom_field != NULL)
		return object->custom_field;

	field = find_field(object, options.field != NULL ? options.field : name);
	if (field == NULL)
		raise_unmapped(object, table, name, options.field);
	return field;
}

/* The field that holds an object's own id. */
const PylonField *
object_id_field(const PylonObject *object)
{
	const PylonField *field = object->fields;

	while (!field->is_id)
		field++;
	return field;
}

/* Does the column show a field? Not if it is dropped, or computed on reading. */
bool
object_has_column(Relation table, AttrNumber attnum)
{
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(table), attnum - 1);

	return !attr->attisdropped && !compat_is_virtual(attr);
}

/* The numbers of all columns that show a field, in the current memory context. */
Bitmapset *
object_columns(Relation table)
{
	Bitmapset  *attnums = NULL;

	for (int i = 0; i < RelationGetNumberOfAttributes(table); i++)
	{
		if (object_has_column(table, i + 1))
			attnums = bms_add_member(attnums, i + 1);
	}
	return attnums;
}

/* Raises HV005 if any column of "table" maps to nothing. */
void
object_check_columns(Relation table)
{
	char	   *slug;

	for (int i = 0; i < RelationGetNumberOfAttributes(table); i++)
	{
		if (object_has_column(table, i + 1))
			(void) object_column_field(table, i + 1, &slug);
	}
}

/* Not if it is empty, or if the API would take it for an own field of the object. */
bool
object_slug_is_searchable(const PylonObject *object, const char *slug)
{
	return slug[0] != '\0' && find_field(object, slug) == NULL;
}

/* What the name in a filter stands for: a field, or a slug. */
const PylonField *
object_searched_field(const PylonObject *object, const char *name)
{
	const PylonField *field = find_field(object, name);

	return field != NULL ? field : object->custom_field;
}

/* Are both read from the same member of the API's object? */
bool
object_same_source(const PylonField *left, const PylonField *right)
{
	return (left->parent == NULL) == (right->parent == NULL) &&
		(left->parent == NULL || strcmp(left->parent, right->parent) == 0) &&
		strcmp(left->key, right->key) == 0;
}

/*
 * The API's word for the type of the custom field that a column shows, NULL
 * where it isn't known. In the current memory context.
 */
const char *
object_column_type(Relation table, AttrNumber attnum)
{
	PylonColumnOptions options;

	option_read_column(&options,
					   GetForeignColumnOptions(RelationGetRelid(table), attnum));
	return options.field_type;
}

/*
 * The API's word for the type of a custom field, as far as one of the columns
 * tells it; else NULL. In the current memory context.
 */
const char *
object_slug_type(Relation table, const char *slug)
{
	for (int i = 0; i < RelationGetNumberOfAttributes(table); i++)
	{
		PylonColumnOptions options;

		if (!object_has_column(table, i + 1))
			continue;
		option_read_column(&options,
						   GetForeignColumnOptions(RelationGetRelid(table), i + 1));
		if (options.field_type != NULL && options.custom_field != NULL &&
			strcmp(options.custom_field, slug) == 0)
			return options.field_type;
	}
	return NULL;
}

/* The FIELD_... that a type of custom fields takes; all where it isn't known. */
int
object_type_operators(const char *type)
{
	for (size_t i = 0; type != NULL && i < lengthof(type_operators); i++)
	{
		if (strcmp(type_operators[i].type, type) == 0)
			return type_operators[i].operators;
	}
	return FIELD_OPERATORS;
}

/* The object with this name, or NULL. */
static const PylonObject *
find_object(const char *name)
{
	for (size_t i = 0; i < lengthof(objects); i++)
	{
		if (strcmp(objects[i]->nouns.many, name) == 0)
			return objects[i];
	}
	return NULL;
}

static const PylonField *
find_field(const PylonObject *object, const char *name)
{
	for (int i = 0; i < object->nfields; i++)
	{
		if (strcmp(object->fields[i].name, name) == 0)
			return &object->fields[i];
	}
	return NULL;
}

/*
 * The object that a table without option "object" was made for, by a field
 * that "object" doesn't have, or NULL: before there was another object, a table
 * showed the first one whatever its name.
 */
static const PylonObject *
find_meant(const PylonObject *object, Relation table, const char *field)
{
	if (option_read_object(GetForeignTable(RelationGetRelid(table))->options) != NULL)
		return NULL;
	for (size_t i = 0; i < lengthof(objects); i++)
	{
		if (objects[i] != object && find_field(objects[i], field) != NULL)
			return objects[i];
	}
	return NULL;
}

static void
raise_unmapped(const PylonObject *object, Relation table, const char *column,
			   const char *field)
{
	const PylonObject *meant = find_meant(object, table, field != NULL ? field : column);
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < object->nfields; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", object->fields[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 errmsg("column \"%s\" of foreign table \"%s\" shows no field of %s",
					column, RelationGetRelationName(table), object->nouns.a),
			 field ? errdetail("There is no field \"%s\".", field) : 0,
			 meant != NULL ?
			 errhint("If the table is to show %s, set its option \"object\" to \"%s\". Fields of %s are: %s.",
					 meant->nouns.many, meant->nouns.many, object->nouns.a, names.data) :
			 errhint("Name one in the column's option \"field\", or a custom field in \"custom_field\". Fields are: %s.",
					 names.data)));
}
