/*-------------------------------------------------------------------------
 *
 * object_layout.c
 *		Which members of an object become which columns of a row.
 *
 * What a scan or a write needs of an object is compiled once: page.c cuts the
 * JSON into slices by it, and object_read.c makes Datums of a row's slices.
 *
 * IDENTIFICATION
 *		fdw/object/object_layout.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "object/object_layout.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static int	find_by_halves(const ObjectLayout *layout, JsonSlice key, int low,
						   int high);
static ObjectSource make_source(ObjectLayout *layout, const char *parent,
								const char *key);
static int	find_level(ObjectLayout *layout, const char *parent);
static ObjectSource id_source(const ObjectLayout *layout);
static void settle_sources(ObjectLayout *layout, const ObjectSource *wanted,
						   int count);
static int	find_source(const ObjectLayout *layout, const ObjectSource *source);
static void settle_levels(ObjectLayout *layout);
static int	compare_sources(const void *a, const void *b);
static int	compare_keys(const char *a, int alength, const char *b, int blength);
static void prepare_input(ObjectColumn *column, Form_pg_attribute attr);
static void classify_input(ObjectColumn *column, Oid type);

/*
 * Prepares to read the columns "attnums" (numbers, not offset) of a table.
 * Allocated in the current memory context.
 */
ObjectLayout *
object_layout_create(Relation table, Bitmapset *attnums)
{
	ObjectLayout *layout = palloc0(sizeof(ObjectLayout));
	int			count = bms_num_members(attnums);
	ObjectSource *wanted = palloc(2 * count * sizeof(ObjectSource));
	int			nwanted = 0;
	int			attnum = -1;

	layout->object = object_of_table(table);
	layout->table = pstrdup(RelationGetRelationName(table));
	layout->columns = palloc0(count * sizeof(ObjectColumn));
	layout->levels = palloc0((count + 1) * sizeof(ObjectLevel));
	layout->nlevels = 1;

	while ((attnum = bms_next_member(attnums, attnum)) >= 0)
	{
		ObjectColumn *column = &layout->columns[layout->ncolumns];
		Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(table), attnum - 1);
		char	   *slug;

		column->attnum = attnum;
		column->name = pstrdup(NameStr(attr->attname));
		column->field = object_column_field(table, attnum, &slug);
		prepare_input(column, attr);
		column->source = nwanted;
		column->source_before = -1;
		wanted[nwanted++] = make_source(layout, column->field->parent,
										slug == NULL ? column->field->key :
										pg_server_to_any(slug, strlen(slug), PG_UTF8));
		if (column->field->kind == FIELD_CUSTOM)
			layout->levels[wanted[column->source].level].is_custom = true;
		if (column->field->key_before != NULL)
		{
			column->source_before = nwanted;
			wanted[nwanted++] = make_source(layout, column->field->parent,
											column->field->key_before);
		}
		layout->ncolumns++;
	}
	settle_sources(layout, wanted, nwanted);
	settle_levels(layout);
	return layout;
}

/* The same for who wants no column of a table, just to see whether there is an object. */
ObjectLayout *
object_layout_of_id(const PylonObject *object)
{
	ObjectLayout *layout = palloc0(sizeof(ObjectLayout));
	ObjectSource none = {0};	/* not looked at */

	layout->object = object;
	layout->levels = palloc0(sizeof(ObjectLevel));
	layout->nlevels = 1;
	settle_sources(layout, &none, 0);
	settle_levels(layout);
	return layout;
}

/* The index of the wanted member "key" of a level, or -1. */
int
object_layout_find(const ObjectLayout *layout, int level, JsonSlice key)
{
	const ObjectSource *sources = layout->sources;
	int			low = layout->levels[level].first;
	int			high = layout->levels[level].end;

	/* Few names: length and first bytes settle it; many slugs: halve. */
	if (level > 0 && high - low > 16 && memchr(key.data, '\\', key.length) == NULL)
		return find_by_halves(layout, key, low, high);
	for (int i = low; i < high; i++)
	{
		if (sources[i].length == key.length - 2 &&
			memcmp(sources[i].key, key.data + 1, key.length - 2) == 0)
			return i;
	}
	if (memchr(key.data, '\\', key.length) == NULL)
		return -1;
	for (int i = low; i < high; i++)
	{
		if (json_slice_key_is(key, sources[i].key, sources[i].length))
			return i;
	}
	return -1;
}

/* The same among sources that are in order, for a key without escapes. */
static int
find_by_halves(const ObjectLayout *layout, JsonSlice key, int low, int high)
{
	while (low < high)
	{
		int			middle = (low + high) / 2;
		int			order = compare_keys(key.data + 1, key.length - 2,
										 layout->sources[middle].key,
										 layout->sources[middle].length);

		if (order == 0)
			return middle;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return -1;
}

/* The level that the member "key" of an object is; 0 if none is in it. */
int
object_layout_level(const ObjectLayout *layout, JsonSlice key)
{
	for (int level = 1; level < layout->nlevels; level++)
	{
		if (json_slice_key_is(key, layout->levels[level].key,
							  layout->levels[level].length))
			return level;
	}
	return 0;
}

/* Where a field's value comes from. */
static ObjectSource
make_source(ObjectLayout *layout, const char *parent, const char *key)
{
	return (ObjectSource) {.level = find_level(layout, parent),.key = key,.length = strlen(key)};
}

/* The level of a member that holds others, made if it is new. */
static int
find_level(ObjectLayout *layout, const char *parent)
{
	if (parent == NULL)
		return 0;
	for (int level = 1; level < layout->nlevels; level++)
	{
		if (strcmp(layout->levels[level].key, parent) == 0)
			return level;
	}
	layout->levels[layout->nlevels].key = parent;
	layout->levels[layout->nlevels].length = strlen(parent);
	return layout->nlevels++;
}

static ObjectSource
id_source(const ObjectLayout *layout)
{
	const PylonField *field = object_id_field(layout->object);

	return (ObjectSource) {.level = 0,.key = field->key,.length = strlen(field->key)};
}

/*
 * Each source once, the id first. "wanted" are those of the columns, which
 * know them by their places there.
 */
static void
settle_sources(ObjectLayout *layout, const ObjectSource *wanted, int count)
{
	ObjectSource *sources = palloc((count + 1) * sizeof(ObjectSource));
	int			n = 1;

	sources[OBJECT_ID_SOURCE] = id_source(layout);
	memcpy(sources + 1, wanted, count * sizeof(ObjectSource));
	qsort(sources + 1, count, sizeof(ObjectSource), compare_sources);
	for (int i = 1; i <= count; i++)
	{
		if (compare_sources(&sources[i], &sources[OBJECT_ID_SOURCE]) != 0 &&
			compare_sources(&sources[i], &sources[n - 1]) != 0)
			sources[n++] = sources[i];
	}
	layout->sources = sources;
	layout->nsources = n;

	for (int i = 0; i < layout->ncolumns; i++)
	{
		ObjectColumn *column = &layout->columns[i];

		column->source = find_source(layout, &wanted[column->source]);
		if (column->source_before >= 0)
			column->source_before = find_source(layout, &wanted[column->source_before]);
	}
}

/* The place of a source among those that are settled. */
static int
find_source(const ObjectLayout *layout, const ObjectSource *source)
{
	const ObjectSource *found = bsearch(source, layout->sources + 1, layout->nsources - 1,
										sizeof(ObjectSource), compare_sources);

	return found == NULL ? OBJECT_ID_SOURCE : found - layout->sources;
}

/* Which sources stand in which level. */
static void
settle_levels(ObjectLayout *layout)
{
	int			n = 0;

	for (int level = 0; level < layout->nlevels; level++)
	{
		layout->levels[level].first = n;
		while (n < layout->nsources && layout->sources[n].level == level)
			n++;
		layout->levels[level].end = n;
	}
}

/* By level, then by key. */
static int
compare_sources(const void *a, const void *b)
{
	const ObjectSource *left = a;
	const ObjectSource *right = b;

	if (left->level != right->level)
		return left->level < right->level ? -1 : 1;
	return compare_keys(left->key, left->length, right->key, right->length);
}

static int
compare_keys(const char *a, int alength, const char *b, int blength)
{
	if (alength != blength)
		return alength < blength ? -1 : 1;
	return memcmp(a, b, alength);
}

/*
 * Which input function makes the column's values. A list goes element by
 * element into an array; into any other type goes its JSON.
 */
static void
prepare_input(ObjectColumn *column, Form_pg_attribute attr)
{
	Oid			base;
	Oid			function;

	column->type = attr->atttypid;
	column->typmod = attr->atttypmod;
	base = getBaseType(column->type);
	column->is_domain = base != column->type;
	column->element = get_element_type(base);
	column->is_array = OidIsValid(column->element) &&
		(FIELD_IS_LIST(column->field) || column->field->kind == FIELD_CUSTOM);
	if (column->is_array)
	{
		if (column->is_domain)
		{
			column->domain = column->type;
			(void) getBaseTypeAndTypmod(column->type, &column->typmod);
		}
		get_typlenbyvalalign(column->element, &column->element_length,
							 &column->element_byval, &column->element_align);
	}
	column->is_json = base == JSONOID || base == JSONBOID;
	classify_input(column, column->is_array ? column->element : column->type);
	getTypeInputInfo(column->is_array ? column->element : column->type,
					 &function, &column->ioparam);
	fmgr_info(function, &column->input);
}

/* What texts the input function of "type" takes. */
static void
classify_input(ObjectColumn *column, Oid type)
{
	Oid			base = getBaseType(type);
	char		category;
	bool		preferred;

	get_type_category_preferred(base, &category, &preferred);
	column->takes_strings = category == TYPCATEGORY_STRING;
	column->takes_integers = base == INT2OID || base == INT4OID || base == INT8OID;
}
