/*-------------------------------------------------------------------------
 *
 * object.h
 *		What an object of the API is: its names, its paths, its fields.
 *
 * An entry (contacts.c, accounts.c) tells all that the rest of the extension knows of an
 * object. Nobody else compares the name of a field with a word of its own:
 * what is special about a field is a member here.
 *
 * IDENTIFICATION
 *		fdw/object/object.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_H
#define PYLON_OBJECT_H

#include "access/attnum.h"
#include "nodes/bitmapset.h"
#include "utils/relcache.h"
#include "wire/connection.h"

/* In which shape a field is read and written. */
typedef enum PylonFieldKind
{
	FIELD_STRING,				/* "" is NULL */
	FIELD_BOOLEAN,				/* true or false */
	FIELD_LIST,					/* an array of strings */
	FIELD_LIST_OF_PRIMARY,		/* the same, written with the one of them that
								 * is primary */
	FIELD_PRIMARY,				/* that one, a string, written with the list */
	FIELD_ADDRESSES,			/* the same, written as objects of which one
								 * is primary */
	FIELD_JSON,					/* the API's own JSON */
	FIELD_FIRST_ID,				/* of a list of external ids the first one; ""
								 * is NULL */
	FIELD_CUSTOM_FIELDS,		/* the map of all custom fields, flattened */
	FIELD_CUSTOM,				/* one custom field */
} PylonFieldKind;

/* Operators of the search (reference: filterable fields). */
#define FIELD_EQUALS			0x01
#define FIELD_IN				0x02
#define FIELD_NOT_IN			0x04
#define FIELD_STRING_CONTAINS	0x08
#define FIELD_IS_SET			0x10	/* and is_unset */
#define FIELD_CONTAINS			0x20
#define FIELD_HOLDS_ID			0x40	/* equals one of the external ids */
#define FIELD_OPERATORS			0x7f	/* all of these */

/* Where a field can be written (reference: bodies of create and update). */
#define FIELD_ON_INSERT			0x01
#define FIELD_ON_UPDATE			0x02

/* The member of an external id that is it. */
#define OBJECT_EXTERNAL_ID "external_id"

typedef struct PylonField
{
	/* as a column */
	const char *name;			/* of the column, by default; also in filters */
	const char *type;			/* of an imported one */

	/* as it is read */
	PylonFieldKind kind;
	const char *parent;			/* member of the object that holds it, or NULL */
	const char *key;			/* its name there */
	const char *key_before;		/* its former name, which counts where that
								 * holds nothing */

	/* as it is searched */
	const struct PylonField *within;	/* it is one of this list, which is
										 * searched instead */
	int			operators;		/* FIELD_... that it takes */
	int			documented;		/* those of them that the reference page
								 * lists; a server may know no others */
	bool		is_prose;		/* text that people write: the API may compare
								 * it ignoring case */
	bool		is_unique;		/* hardly two objects have the same */
	bool		is_rare;		/* few objects have the same */

	/* as it is written */
	int			writes;			/* FIELD_ON_... */
	const char *written_as;		/* in a body, where that isn't its name */
	const char *cleared_as;		/* the same for NULL, where that differs */
	const char *link;			/* names what it links the object to: a body
								 * has one field with the same link */
	const struct PylonField *primary_of;	/* it is one of this list; of
											 * FIELD_ADDRESSES, it is not
											 * written beside it */
	bool		required;		/* an object can't be without it */
	bool		is_key;			/* the API refuses a second object with it */
	bool		is_picture;		/* the URL of a picture, of which the API may
								 * keep a copy at another */

	/* what it means */
	bool		is_id;			/* the object's own */
	bool		is_phone;
	int			label;			/* names a new row in messages: the first from
								 * 1 on that has a value; 0: doesn't */
} PylonField;

#define FIELD_IS_STRING(field) \
	((field)->kind == FIELD_STRING || (field)->kind == FIELD_BOOLEAN || \
	 (field)->kind == FIELD_PRIMARY || (field)->kind == FIELD_FIRST_ID)
#define FIELD_IS_LIST(field) \
	((field)->kind == FIELD_LIST || (field)->kind == FIELD_LIST_OF_PRIMARY || \
	 (field)->kind == FIELD_ADDRESSES)

typedef struct PylonObject
{
	PylonNouns	nouns;
	const char *path;			/* of its list; with an id behind it, of one */
	const char *type;			/* the API's word for it where custom fields
								 * are defined */
	bool		is_everywhere;	/* each server has it */
	int			commands;		/* that write it: 1 << CMD_... */
	const char *why_no_delete;	/* where CMD_DELETE isn't one: a sentence */
	const PylonField *fields;	/* in the order of an imported table */
	int			nfields;
	const PylonField *custom_field; /* what stands for the field of a column
									 * with option "custom_field" */
} PylonObject;

extern const PylonObject object_contacts;
extern const PylonObject object_accounts;

extern const PylonObject *const *object_all(int *count);
extern List *object_names(void);
extern const PylonObject *object_of_table(Relation table);
extern const PylonField *object_column_field(Relation table,
											 AttrNumber attnum, char **slug);
extern const PylonField *object_id_field(const PylonObject *object);
extern bool object_has_column(Relation table, AttrNumber attnum);
extern Bitmapset *object_columns(Relation table);
extern void object_check_columns(Relation table);
extern bool object_slug_is_searchable(const PylonObject *object,
									  const char *slug);
extern bool object_same_source(const PylonField *left,
							   const PylonField *right);
extern const PylonField *object_searched_field(const PylonObject *object,
											   const char *name);
extern const char *object_column_type(Relation table, AttrNumber attnum);
extern const char *object_slug_type(Relation table, const char *slug);
extern int	object_type_operators(const char *type);

#endif							/* PYLON_OBJECT_H */
