/*-------------------------------------------------------------------------
 *
 * object_writer.c
 *		How the columns of a foreign table are written.
 *
 * Compiled once for a statement, as a layout is for reading.
 *
 * IDENTIFICATION
 *		fdw/object/object_writer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "foreign/foreign.h"
#include "object/object_writer.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "wire/option.h"

/*
 * Prepares to write rows of "table", which must stay open, in the current
 * memory context. "assigned" are the attribute numbers that an UPDATE assigns.
 */
ObjectWriter *
object_writer_create(Relation table, List *assigned)
{
	ObjectWriter *writer = palloc0(sizeof(ObjectWriter));
	TupleDesc	desc = RelationGetDescr(table);

	writer->object = object_of_table(table);
	writer->table = table;
	writer->columns = palloc0(desc->natts * sizeof(WriterColumn));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);
		WriterColumn *column = &writer->columns[writer->ncolumns];
		PylonColumnOptions options;
		char	   *slug;

		if (!object_has_column(table, i + 1))
			continue;
		option_read_column(&options, GetForeignColumnOptions(RelationGetRelid(table), i + 1));
		column->table = table;
		column->attnum = i + 1;
		column->name = pstrdup(NameStr(attr->attname));
		column->field = object_column_field(table, i + 1, &slug);
		column->slug = slug;
		column->field_type = options.field_type;
		column->read_only = options.readonly;
		column->assigned = list_member_int(assigned, i + 1);
		column->type = getBaseType(attr->atttypid);
		column->element = get_base_element_type(column->type);
		get_typlenbyval(attr->atttypid, &column->length, &column->byval);
		writer->ncolumns++;
	}
	return writer;
}
