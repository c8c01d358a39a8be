/*-------------------------------------------------------------------------
 *
 * object_writer.h
 *		How the columns of a foreign table are written.
 *
 * IDENTIFICATION
 *		fdw/object/object_writer.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_WRITER_H
#define PYLON_OBJECT_WRITER_H

#include "object/object.h"

/* A column, as it is written. */
typedef struct WriterColumn
{
	Relation	table;
	AttrNumber	attnum;
	const char *name;
	const PylonField *field;
	const char *slug;			/* of FIELD_CUSTOM */
	const char *field_type;		/* of that, if it is known */
	bool		read_only;		/* by option */
	bool		assigned;		/* by the UPDATE */
	Oid			type;			/* base type */
	int16		length;
	bool		byval;
	Oid			element;		/* of an array, else invalid */
} WriterColumn;

typedef struct ObjectWriter
{
	const PylonObject *object;
	Relation	table;
	int			ncolumns;
	WriterColumn *columns;
} ObjectWriter;

extern ObjectWriter *object_writer_create(Relation table, List *assigned);

#endif							/* PYLON_OBJECT_WRITER_H */
