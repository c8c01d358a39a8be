/*-------------------------------------------------------------------------
 *
 * object_id.c
 *		By what an object is known to be the one that was meant.
 *
 * An object is written by the id that was read with its row. This file says
 * which column shows that, whether its type keeps it as it is, and whether
 * an object that the API answers with is the same.
 *
 * IDENTIFICATION
 *		fdw/object/object_id.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "object/object_id.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "wire/safe_text.h"

/* An id is a UUID, as it is printed; a varchar for less may cut it. */
#define ID_LENGTH 36

/* safe_text shortens what it gets; no more of an id than this is copied for it. */
#define MAX_SHOWN 4096

static bool shows_id(Relation table, AttrNumber attnum);
static bool holds_id(Form_pg_attribute attr);
static bool is_printable_ascii(JsonSlice slice);

/*
 * The column that shows the object's id, if possible one whose type keeps it
 * as it is; invalid where the table has none.
 */
AttrNumber
object_id_find(Relation table)
{
	TupleDesc	desc = RelationGetDescr(table);
	AttrNumber	found = InvalidAttrNumber;

	for (int attnum = 1; attnum <= desc->natts; attnum++)
	{
		if (!shows_id(table, attnum))
			continue;
		if (holds_id(TupleDescAttr(desc, attnum - 1)))
			return attnum;
		if (!AttributeNumberIsValid(found))
			found = attnum;
	}
	return found;
}

/*
 * The same, by which the object is updated and deleted. Raises 55000 where
 * the table has none, or none that keeps the id as it is: what the type makes
 * of it may be another object's.
 */
AttrNumber
object_id_column(Relation table)
{
	AttrNumber	attnum = object_id_find(table);
	Form_pg_attribute attr;

	if (!AttributeNumberIsValid(attnum))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot update or delete from foreign table \"%s\"",
						RelationGetRelationName(table)),
				 errdetail("None of its columns shows the %s' id.",
						   object_of_table(table)->nouns.many)));
	attr = TupleDescAttr(RelationGetDescr(table), attnum - 1);
	if (!holds_id(attr))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot update or delete from foreign table \"%s\"",
						RelationGetRelationName(table)),
				 errdetail("Column \"%s\" of type %s does not hold every id as the API gives it.",
						   NameStr(attr->attname),
						   format_type_with_typemod(attr->atttypid, attr->atttypmod)),
				 errhint("Make it a column of type text.")));
	return attnum;
}

/*
 * Is the object of an answer the one with this id? With "any_case", where a
 * column of type uuid has brought the id into its own form. An answer that
 * doesn't tell its id isn't known to be another's.
 */
bool
object_id_is(const char *id, bool any_case, const JsonSlice *slices)
{
	JsonSlice	slice = slices[OBJECT_ID_SOURCE];
	char	   *found;

	if (json_slice_is_null(slice))
		return true;
	found = json_slice_cstring(slice);
	return any_case ? pg_strcasecmp(id, found) == 0 : strcmp(id, found) == 0;
}

/*
 * Can "id" be that of an object? A path that ends in nothing, or in dots,
 * would name something else, and one that is too long nothing at all.
 */
bool
object_id_is_possible(const char *id)
{
	return id[0] != '\0' && strcmp(id, ".") != 0 && strcmp(id, "..") != 0 &&
		strlen(id) <= OBJECT_MAX_ID;
}

/*
 * The id of an answer's object, for a message; NULL if it would spoil that. An
 * id may be megabytes where somebody is no friend.
 */
char *
object_id_text(const JsonSlice *slices)
{
	JsonSlice	id = slices[OBJECT_ID_SOURCE];

	if (!json_slice_is_string(id) || !is_printable_ascii(id))
		return NULL;
	return safe_text(pnstrdup(id.data + 1, Min(id.length - 2, MAX_SHOWN)));
}

static bool
shows_id(Relation table, AttrNumber attnum)
{
	char	   *slug;

	if (!object_has_column(table, attnum))
		return false;
	return object_column_field(table, attnum, &slug)->is_id;
}

/* Is what the column gives for an id always the id itself? */
static bool
holds_id(Form_pg_attribute attr)
{
	int32		typmod = attr->atttypmod;
	Oid			type = getBaseTypeAndTypmod(attr->atttypid, &typmod);
	char		category;
	bool		preferred;

	switch (type)
	{
		case UUIDOID:
			return true;
		case BPCHAROID:			/* loses blanks */
		case NAMEOID:			/* is cut */
		case CHAROID:
			return false;
		case VARCHAROID:
			return typmod < 0 || typmod - VARHDRSZ >= ID_LENGTH;
		default:
			get_type_category_preferred(type, &category, &preferred);
			return category == TYPCATEGORY_STRING;
	}
}

static bool
is_printable_ascii(JsonSlice slice)
{
	for (int i = 0; i < slice.length; i++)
	{
		if (slice.data[i] < ' ' || slice.data[i] > '~')
			return false;
	}
	return true;
}
