/*-------------------------------------------------------------------------
 *
 * object.h
 *		What an object is: its fields, and how they become columns.
 *
 * IDENTIFICATION
 *		fdw/object.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_H
#define PYLON_OBJECT_H

#include "access/tupdesc.h"
#include "fmgr.h"
#include "json_slice.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

typedef enum PylonFieldKind
{
	FIELD_STRING,				/* "" is NULL */
	FIELD_LIST,					/* an array of strings */
	FIELD_JSON,					/* the API's own JSON */
	FIELD_FIRST_ID,				/* of a list of external ids the first one; ""
								 * is NULL */
	FIELD_CUSTOM_FIELDS,		/* the map of all custom fields, flattened */
	FIELD_CUSTOM,				/* one custom field */
} PylonFieldKind;

/* Operators of the search that a field takes (reference: filterable fields). */
#define FIELD_EQUALS			0x01
#define FIELD_IN				0x02
#define FIELD_NOT_IN			0x04
#define FIELD_STRING_CONTAINS	0x08
#define FIELD_IS_SET			0x10	/* and is_unset */
#define FIELD_CONTAINS			0x20
#define FIELD_OPERATORS			0x3f	/* all of these */
/* Those that the reference page lists; a server may know no others. */
#define FIELD_REFERENCE(operators)	((operators) << 8)
#define FIELD_IN_REFERENCE(operators, operator) \
	((((operators) >> 8) & (operator)) != 0)
/* Text that people write: the API may compare it ignoring case. */
#define FIELD_CASE				0x10000
/* Hardly two objects have the same. */
#define FIELD_UNIQUE			0x20000
/* Few objects have the same. */
#define FIELD_RARE				0x40000

/* Where a field can be written (reference: bodies of create and update). */
#define FIELD_ON_INSERT			0x01
#define FIELD_ON_UPDATE			0x02

/* A field of an object. */
typedef struct PylonField
{
	const char *name;			/* of the column, by default */
	const char *parent;			/* member of the object that holds it, or
								 * NULL */
	const char *key;			/* its name in the API */
	PylonFieldKind kind;
	const char *type;			/* of an imported column */
	int			operators;		/* FIELD_... of the search */
	int			writes;			/* FIELD_ON_... */
	bool		required;		/* an object can't be without it */
} PylonField;

#define FIELD_IS_STRING(field) \
	((field)->kind == FIELD_STRING || (field)->kind == FIELD_FIRST_ID)

/*
 * One member of the API's object that is wanted. Several columns may show
 * the same.
 */
typedef struct ObjectSource
{
	const char *key;			/* UTF-8, as in the JSON */
	int			length;
} ObjectSource;

/* The members that an object's JSON is cut into, by where they stand. */
typedef enum ObjectLevel
{
	LEVEL_OBJECT,
	LEVEL_ACCOUNT,
	LEVEL_CUSTOM,				/* keys are slugs */
	NUM_OBJECT_LEVELS,
} ObjectLevel;

/* A wanted column of a foreign table. */
typedef struct ObjectColumn
{
	AttrNumber	attnum;
	const char *name;
	const PylonField *field;
	int			source;			/* index of its slice */
	Oid			type;
	int32		typmod;
	bool		is_domain;
	Oid			domain;			/* over an array, whose checks remain to do */
	bool		is_array;
	bool		is_json;		/* json or jsonb, which hold lists, too */
	FmgrInfo	input;			/* of the type, or of the array's element */
	bool		takes_strings;	/* the input: any text, '' too */
	bool		takes_integers;
	Oid			ioparam;
	Oid			element;
	int16		element_length;
	bool		element_byval;
	char		element_align;
} ObjectColumn;

/*
 * How the objects of one scan become rows. The sources of a level stand
 * together, in the order of their keys; the object's id is always the
 * first of all.
 */
typedef struct ObjectLayout
{
	const char *table;			/* its name, for messages */
	int			ncolumns;
	ObjectColumn *columns;
	int			nsources;
	ObjectSource *sources;
	int			level_start[NUM_OBJECT_LEVELS + 1];
} ObjectLayout;

#define OBJECT_ID_SOURCE 0

/*
 * No id is longer (bytes): Pylon's own have 36, external ids a few more. Three
 * times as long in a path, it stays below the 8,000 that each server takes.
 */
#define OBJECT_MAX_ID 2048

extern const PylonField *object_fields(int *count);
extern const PylonField *object_column_field(Relation table,
												AttrNumber attnum,
												char **slug);
extern bool object_has_column(Relation table, AttrNumber attnum);
extern Bitmapset *object_columns(Relation table);
extern bool object_slug_is_searchable(const char *slug);
extern int	object_field_operators(const char *name);
extern const char *object_column_type(Relation table, AttrNumber attnum);
extern const char *object_slug_type(Relation table, const char *slug);
extern int	object_type_operators(const char *type);
extern void object_check_columns(Relation table);
extern ObjectLayout *object_layout_create(Relation table,
											Bitmapset *attnums);
extern int	object_layout_find(const ObjectLayout *reader,
								ObjectLevel level, JsonSlice key);
extern void object_read(const ObjectLayout *reader,
						 const JsonSlice *slices, Datum *values, bool *nulls);
extern List *object_external_ids(const ObjectLayout *reader,
								  AttrNumber attnum,
								  const JsonSlice *slices);
extern bool object_id_is_possible(const char *id);
extern char *object_id_text(const JsonSlice *slices);

#endif							/* PYLON_OBJECT_H */
