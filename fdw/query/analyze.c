/*-------------------------------------------------------------------------
 *
 * analyze.c
 *		ANALYZE of a foreign table: a sample of the objects.
 *
 * The API can neither count nor sample, so all pages are read and a sample
 * is kept by the reservoir method; only rows of the sample are converted.
 *
 * IDENTIFICATION
 *		fdw/query/analyze.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "api/pylon_api.h"
#include "commands/vacuum.h"
#include "compat.h"
#include "foreign/foreign.h"
#include "object/object_read.h"
#include "optimizer/plancat.h"
#include "query/callbacks.h"
#include "utils/rel.h"
#include "utils/sampling.h"

/* The sample that grows while pages are read. */
typedef struct Sample
{
	Relation	table;
	ObjectLayout *layout;
	ReservoirStateData reservoir;
	HeapTuple  *rows;
	int			wanted;
	int			kept;
	double		seen;			/* objects so far */
	double		skip;			/* objects to pass over before the next one */
	Datum	   *values;
	bool	   *nulls;
	MemoryContext row_context;	/* of a row that is being made */
} Sample;

static BlockNumber estimate_blocks(Relation relation);
static int	acquire_sample(Relation table, int elevel, HeapTuple *rows,
						   int wanted, double *total, double *dead);
static void consider_row(Sample *sample, const JsonSlice *slices);
static int	choose_place(Sample *sample);
static HeapTuple make_row(Sample *sample, const JsonSlice *slices);

/*
 * Offers the table to ANALYZE. Asks nothing of the API yet.
 *
 * Autovacuum comes here where the table has a local parent whose rows have
 * changed. Nobody has asked for these requests, and the failure of one would
 * keep the parent from being analyzed, so it gets the local rows only.
 */
bool
pylonAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc *func,
						 BlockNumber *totalpages)
{
	if (compat_is_autovacuum_worker())
		return false;
	*func = acquire_sample;
	*totalpages = estimate_blocks(relation);
	return true;
}

/*
 * The size of a local table with these objects: by it, a parent of several
 * tables divides its sample between them.
 */
static BlockNumber
estimate_blocks(Relation relation)
{
	ForeignTable *table = GetForeignTable(RelationGetRelid(relation));
	PylonOptions options;
	double		rows = relation->rd_rel->reltuples;
	double		width = MAXALIGN(get_rel_data_width(relation, NULL)) +
		MAXALIGN(SizeofHeapTupleHeader) + sizeof(ItemIdData);

	if (rows < 0)
	{
		option_read_server(&options, GetForeignServer(table->serverid)->options,
						   table->options);
		rows = options.estimated_contacts;
	}
	return (BlockNumber) Max(1, Min(ceil(rows * width / BLCKSZ), MaxBlockNumber));
}

/* Reads all objects as the table's owner; keeps "wanted" of them at most. */
static int
acquire_sample(Relation table, int elevel, HeapTuple *rows, int wanted,
			   double *total, double *dead)
{
	ForeignTable *foreign = GetForeignTable(RelationGetRelid(table));
	int			natts = RelationGetDescr(table)->natts;
	Sample		sample = {.table = table,.rows = rows,.wanted = wanted};
	PylonConnection *connection;
	PylonReader *reader;
	const PylonPage *page;

	sample.layout = object_layout_create(table, object_columns(table));
	sample.values = palloc0(natts * sizeof(Datum));
	sample.nulls = palloc(natts * sizeof(bool));
	sample.row_context = AllocSetContextCreate(CurrentMemoryContext,
											   "pylon_fdw sample row",
											   ALLOCSET_DEFAULT_SIZES);
	reservoir_init_selection_state(&sample.reservoir, wanted);

	connection = connection_open(foreign->serverid, table->rd_rel->relowner,
								 foreign->options, &sample.layout->object->nouns,
								 psprintf("analyze foreign table \"%s\"",
										  RelationGetRelationName(table)));
	connection->expected = Max(table->rd_rel->reltuples, 0);
	reader = pylon_reader_create(connection, sample.layout);
	pylon_read_list(reader, -1);
	while ((page = pylon_next_page(reader)) != NULL)
	{
		for (int i = 0; i < page->nobjects; i++)
		{
			compat_analyze_delay_point();
			consider_row(&sample, page_object(page, i));
		}
	}

	*total = sample.seen;
	*dead = 0;
	ereport(elevel,
			(errmsg("\"%s\": table contains %.0f %s; %d rows in sample",
					RelationGetRelationName(table), sample.seen,
					sample.layout->object->nouns.many, sample.kept)));
	return sample.kept;
}

static void
consider_row(Sample *sample, const JsonSlice *slices)
{
	int			place = choose_place(sample);

	if (place < 0)
		return;
	if (place < sample->kept)
		heap_freetuple(sample->rows[place]);
	else
		sample->kept++;
	sample->rows[place] = make_row(sample, slices);
}

/* Where the next object goes in the sample, -1 for nowhere. */
static int
choose_place(Sample *sample)
{
	sample->seen++;
	if (sample->kept < sample->wanted)
		return sample->kept;
	if (sample->skip <= 0)
		sample->skip = reservoir_get_next_S(&sample->reservoir, sample->seen - 1,
											sample->wanted) + 1;
	if (--sample->skip > 0)
		return -1;
	return (int) (sample->wanted * sampler_random_fract(&sample->reservoir.randstate));
}

/* The row outlives what it took to make it. */
static HeapTuple
make_row(Sample *sample, const JsonSlice *slices)
{
	MemoryContext before = MemoryContextSwitchTo(sample->row_context);
	HeapTuple	row;

	memset(sample->nulls, true, RelationGetDescr(sample->table)->natts * sizeof(bool));
	object_read(sample->layout, slices, NULL, sample->values, sample->nulls);
	MemoryContextSwitchTo(before);
	row = heap_form_tuple(RelationGetDescr(sample->table), sample->values, sample->nulls);
	MemoryContextReset(sample->row_context);
	return row;
}
