/*-------------------------------------------------------------------------
 *
 * contact.h
 *		What a contact is: its fields, and how they become columns.
 *
 * IDENTIFICATION
 *		fdw/contact.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CONTACT_H
#define PYLON_CONTACT_H

#include "access/tupdesc.h"
#include "fmgr.h"
#include "json_slice.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

typedef enum ContactFieldKind
{
	FIELD_STRING,				/* "" is NULL */
	FIELD_LIST,					/* an array of strings */
	FIELD_JSON,					/* the API's own JSON */
	FIELD_FIRST_ID,				/* of a list of external ids the first one; ""
								 * is NULL */
	FIELD_CUSTOM_FIELDS,		/* the map of all custom fields, flattened */
	FIELD_CUSTOM,				/* one custom field */
} ContactFieldKind;

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
/* Hardly two contacts have the same. */
#define FIELD_UNIQUE			0x20000
/* Few contacts have the same. */
#define FIELD_RARE				0x40000

/* Where a field can be written (reference: bodies of create and update). */
#define FIELD_ON_INSERT			0x01
#define FIELD_ON_UPDATE			0x02

/* A field of a contact. */
typedef struct ContactField
{
	const char *name;			/* of the column, by default */
	const char *parent;			/* member of the contact that holds it, or
								 * NULL */
	const char *key;			/* its name in the API */
	ContactFieldKind kind;
	const char *type;			/* of an imported column */
	int			operators;		/* FIELD_... of the search */
	int			writes;			/* FIELD_ON_... */
	bool		required;		/* a contact can't be without it */
} ContactField;

#define FIELD_IS_STRING(field) \
	((field)->kind == FIELD_STRING || (field)->kind == FIELD_FIRST_ID)

/*
 * One member of the API's contact that is wanted. Several columns may show
 * the same.
 */
typedef struct ContactSource
{
	const char *key;			/* UTF-8, as in the JSON */
	int			length;
} ContactSource;

/* The members that a contact's JSON is cut into, by where they stand. */
typedef enum ContactLevel
{
	LEVEL_CONTACT,
	LEVEL_ACCOUNT,
	LEVEL_CUSTOM,				/* keys are slugs */
	NUM_CONTACT_LEVELS,
} ContactLevel;

/* A wanted column of a foreign table. */
typedef struct ContactColumn
{
	AttrNumber	attnum;
	const char *name;
	const ContactField *field;
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
} ContactColumn;

/*
 * How the contacts of one scan become rows. The sources of a level stand
 * together, in the order of their keys; the contact's id is always the
 * first of all.
 */
typedef struct ContactReader
{
	const char *table;			/* its name, for messages */
	int			ncolumns;
	ContactColumn *columns;
	int			nsources;
	ContactSource *sources;
	int			level_start[NUM_CONTACT_LEVELS + 1];
} ContactReader;

#define CONTACT_ID_SOURCE 0

/*
 * No id is longer (bytes): Pylon's own have 36, external ids a few more. Three
 * times as long in a path, it stays below the 8,000 that each server takes.
 */
#define CONTACT_MAX_ID 2048

extern const ContactField *contact_fields(int *count);
extern const ContactField *contact_column_field(Relation table,
												AttrNumber attnum,
												char **slug);
extern bool contact_has_column(Relation table, AttrNumber attnum);
extern Bitmapset *contact_columns(Relation table);
extern bool contact_slug_is_searchable(const char *slug);
extern int	contact_field_operators(const char *name);
extern const char *contact_column_type(Relation table, AttrNumber attnum);
extern const char *contact_slug_type(Relation table, const char *slug);
extern int	contact_type_operators(const char *type);
extern void contact_check_columns(Relation table);
extern ContactReader *contact_reader_create(Relation table,
											Bitmapset *attnums);
extern int	contact_reader_find(const ContactReader *reader,
								ContactLevel level, JsonSlice key);
extern void contact_read(const ContactReader *reader,
						 const JsonSlice *slices, Datum *values, bool *nulls);
extern List *contact_external_ids(const ContactReader *reader,
								  AttrNumber attnum,
								  const JsonSlice *slices);
extern bool contact_id_is_possible(const char *id);
extern char *contact_id_text(const JsonSlice *slices);

#endif							/* PYLON_CONTACT_H */
