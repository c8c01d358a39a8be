/*-------------------------------------------------------------------------
 *
 * object_layout.h
 *		Which members of an object become which columns of a row.
 *
 * IDENTIFICATION
 *		fdw/object/object_layout.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_LAYOUT_H
#define PYLON_OBJECT_LAYOUT_H

#include "fmgr.h"
#include "object/object.h"
#include "wire/json_slice.h"

/*
 * One member of the API's object that is wanted. Several columns may show
 * the same.
 */
typedef struct ObjectSource
{
	int			level;			/* in which it stands */
	const char *key;			/* UTF-8, as in the JSON */
	int			length;
} ObjectSource;

/* The object itself, the first level, or a member that holds wanted ones. */
typedef struct ObjectLevel
{
	const char *key;			/* of that member */
	int			length;
	int			first;			/* its sources */
	int			end;
	bool		is_custom;		/* these are custom fields */
} ObjectLevel;

/* A wanted column of a foreign table. */
typedef struct ObjectColumn
{
	AttrNumber	attnum;
	const char *name;
	const PylonField *field;
	int			source;			/* index of its slice */
	int			source_before;	/* of that which counts where it has nothing;
								 * -1 if there is none */
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
 * How objects become rows of a table. The sources of a level stand together,
 * in the order of their keys; the object's id is always the first of all.
 */
typedef struct ObjectLayout
{
	const PylonObject *object;
	const char *table;			/* its name, for messages */
	int			ncolumns;
	ObjectColumn *columns;
	int			nsources;
	ObjectSource *sources;
	int			nlevels;
	ObjectLevel *levels;
} ObjectLayout;

/* Where that id is among the sources. */
#define OBJECT_ID_SOURCE 0

extern ObjectLayout *object_layout_create(Relation table, Bitmapset *attnums);
extern ObjectLayout *object_layout_of_id(const PylonObject *object);
extern int	object_layout_find(const ObjectLayout *layout, int level,
							   JsonSlice key);
extern int	object_layout_level(const ObjectLayout *layout, JsonSlice key);

#endif							/* PYLON_OBJECT_LAYOUT_H */
