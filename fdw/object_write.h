/*-------------------------------------------------------------------------
 *
 * object_write.h
 *		Rows to bodies of creates and updates.
 *
 * IDENTIFICATION
 *		fdw/object_write.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OBJECT_WRITE_H
#define PYLON_OBJECT_WRITE_H

#include "object.h"
#include "executor/tuptable.h"
#include "utils/jsonb.h"

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

/* How the columns of a foreign table are written. */
typedef struct ObjectWriter
{
	Relation	table;
	int			ncolumns;
	WriterColumn *columns;
} ObjectWriter;

/* A value in the form in which it is sent. */
typedef struct SentTexts
{
	bool		list;
	List	   *texts;			/* of char *: one, unless it is a list */
} SentTexts;

/* One write: what is sent, and what the answer must show. */
typedef struct ObjectChange
{
	char	   *body;			/* UTF-8 JSON; NULL if nothing changes */
	List	   *sent;			/* of SentField *, see object_check.h */
	Bitmapset  *attnums;		/* of the columns that were sent */
	Bitmapset  *known;			/* of those, the ones sent as a whole */
} ObjectChange;

extern ObjectWriter *object_writer_create(Relation table, List *assigned);
extern ObjectChange *object_creation(ObjectWriter *writer,
									   TupleTableSlot *row);
extern ObjectChange *object_update(ObjectWriter *writer,
									 TupleTableSlot *old_row,
									 TupleTableSlot *new_row);
extern Jsonb *object_map_of(const WriterColumn *column, Datum value,
								bool null);

#endif							/* PYLON_OBJECT_WRITE_H */
