/*-------------------------------------------------------------------------
 *
 * fuzz_read.c
 *		Target "read": bytes of an answer to slices to values.
 *
 * The first byte of an input chooses table and shape, the rest is the answer.
 * What a page is must agree with PostgreSQL's own reading of the same JSON.
 *
 * IDENTIFICATION
 *		test/fuzz/fuzz_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "object/object_read.h"
#include "object/page.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#define SINGLE		0x01		/* an answer with one object */
#define TABLE		0x06		/* which of these */

/* What test/fuzz/tables.sql makes. */
static const char *const tables[] = {"contacts", "typed", "many", "few"};

typedef struct Table
{
	TupleDesc	columns;
	ObjectLayout *layout;
} Table;

static Table prepared[lengthof(tables)];

static void prepare(void);
static void run(FuzzInput *input);
static void read_page(const Table *table, const PylonPage *page, Jsonb *json);
static void check_slices(const PylonPage *page, const char *body, size_t length);
static Jsonb *read_json(const char *body);
static bool same_text(const text *shown, const JsonbValue *member);
static void check_text(const Table *table, const char *name, Datum *values, bool *nulls,
					   JsonbValue *object);

const FuzzTarget fuzz_read = {"read", prepare, run};

static void
prepare(void)
{
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

	for (size_t i = 0; i < lengthof(tables); i++)
	{
		Relation	table = table_openrv(makeRangeVar(NULL, pstrdup(tables[i]), -1),
										 AccessShareLock);

		prepared[i].columns = RelationGetDescr(table);
		prepared[i].layout = object_layout_create(table, object_columns(table));
	}
	MemoryContextSwitchTo(before);
}

static void
run(FuzzInput *input)
{
	int			choice = fuzz_byte(input);
	const Table *table = &prepared[(choice & TABLE) >> 1];
	bool		single = (choice & SINGLE) != 0;
	size_t		length = input->size;
	char	   *body = fuzz_rest(input);
	PageGlance	glance = page_glance(body, length);
	bool		error = page_is_error(body, length);
	PylonPage  *page;

	(void) page_peek_cursor(body, length);
	(void) page_glance(body, length);
	(void) page_is_error(body, length);
	page = page_parse(table->layout, single, body, length);
	if (page->problem != NULL)
		return;
	PROMISE(!error);
	PROMISE(single || glance != PAGE_IS_HOLLOW || page->hollow);
	/* A zero byte ends PostgreSQL's text, and is no JSON. */
	PROMISE(strlen(body) == length && fuzz_is_json(body));
	PROMISE(!single || page->nobjects <= 1);
	check_slices(page, body, length);
	read_page(table, page, single ? NULL : read_json(body));
}

/* Each slice is a piece of the answer, and a value. */
static void
check_slices(const PylonPage *page, const char *body, size_t length)
{
	for (int i = 0; i < page->nobjects; i++)
	{
		const JsonSlice *slices = page_object(page, i);

		for (int j = 0; j < page->nslices; j++)
		{
			if (json_slice_is_null(slices[j]))
				continue;
			PROMISE(slices[j].data > body && slices[j].length > 0);
			PROMISE(slices[j].data + slices[j].length <= body + length);
			PROMISE(fuzz_is_json(pnstrdup(slices[j].data, slices[j].length)));
		}
	}
}

/* The answer as jsonb; NULL if that can't hold it. */
static Jsonb *
read_json(const char *body)
{
	Jsonb	   *json = NULL;
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(body)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return json;
}

static void
read_page(const Table *table, const PylonPage *page, Jsonb *json)
{
	Datum	   *values = palloc0(table->columns->natts * sizeof(Datum));
	bool	   *nulls = palloc0(table->columns->natts * sizeof(bool));
	JsonbValue *data = json == NULL ? NULL :
		getKeyJsonValueFromContainer(&json->root, "data", 4, NULL);

	for (int i = 0; i < page->nobjects; i++)
	{
		JsonbValue *object = data == NULL ? NULL :
			getIthJsonbValueFromContainer(data->val.binary.data, i);

		object_read(table->layout, page_object(page, i), NULL, values, nulls);
		if (object == NULL)
			continue;
		check_text(table, "id", values, nulls, object);
		check_text(table, "name", values, nulls, object);
		check_text(table, "email", values, nulls, object);
	}
}

static bool
same_text(const text *shown, const JsonbValue *member)
{
	int			length = VARSIZE_ANY_EXHDR(shown);

	(void) pg_verifymbstr(VARDATA_ANY(shown), length, false);
	return length == member->val.string.len &&
		memcmp(VARDATA_ANY(shown), member->val.string.val, length) == 0;
}

/* A column of type text shows the object's own member of its name. */
static void
check_text(const Table *table, const char *name, Datum *values, bool *nulls,
		   JsonbValue *object)
{
	JsonbValue *member = getKeyJsonValueFromContainer(object->val.binary.data,
													  name, strlen(name), NULL);

	for (int i = 0; i < table->columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(table->columns, i);

		if (column->atttypid != TEXTOID || strcmp(NameStr(column->attname), name) != 0)
			continue;
		if (nulls[i])
			PROMISE(member == NULL || member->type == jbvNull ||
					(member->type == jbvString && member->val.string.len == 0));
		else
		{
			PROMISE(member != NULL);
			PROMISE(member->type != jbvString || same_text(DatumGetTextPP(values[i]), member));
		}
	}
}
