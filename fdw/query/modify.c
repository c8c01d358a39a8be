/*-------------------------------------------------------------------------
 *
 * modify.c
 *		INSERT, UPDATE and DELETE.
 *
 * Each row becomes a request that takes effect at once: Pylon has no
 * transactions, so what a statement has done before it failed or was rolled
 * back remains, and the user is told (write_log.c). Creates of several rows
 * are in flight together; an error is raised only when all of these have
 * ended. Updates and deletes go to the id of the row that was read.
 *
 * IDENTIFICATION
 *		fdw/query/modify.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "api/pylon_api.h"
#include "api/pylon_write.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "object/object_check.h"
#include "object/object_id.h"
#include "object/object_read.h"
#include "object/object_row.h"
#include "optimizer/appendinfo.h"
#include "optimizer/inherit.h"
#include "query/callbacks.h"
#include "query/check_option.h"
#include "query/dry_run.h"
#include "query/modify.h"
#include "query/plan_private.h"
#include "query/scan.h"
#include "query/system_columns.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "wire/safe_text.h"

/*
 * The junk column that brings the id of the row to be written. Partitions
 * share it where the id has the same place in them; else each has its own.
 */
#define ID_JUNK_NAME "pylon_id_%d"

/*
 * Rows that core hands over at once, for each create in flight. Between two
 * batches none is in flight, which costs up to about a sixteenth of the time.
 * Larger batches would have more rows computed, checked and held in memory
 * before the first one is sent.
 */
#define ROWS_PER_CREATE 16

/* The state of a write to one foreign table; in the query's memory. */
typedef struct PylonModify
{
	Relation	table;
	ModifyTableState *mtstate;
	ResultRelInfo *rinfo;
	List	   *check_options;	/* of new rows; NIL before the first one */
	PylonConnection *connection;
	ObjectWriter *writer;
	ObjectLayout *layout;		/* of answers: all columns */
	AttrNumber	id_column;		/* of the table, of an UPDATE or DELETE */
	AttrNumber	id_junk;		/* in the plan's rows */
	Oid			id_type;		/* base type of that column */
	AttrNumber	row_junk;		/* the whole old row, of a DELETE */
	bool		skip_duplicates;
	bool		dry_run;		/* writes are shown instead of sent */
	int			concurrency;
	MemoryContext row_context;	/* of what a row or batch needs; reset each
								 * time */
} PylonModify;

/* A row that is written. */
typedef struct RowWrite
{
	TupleTableSlot *slot;		/* as it shall be; then as it is */
	TupleTableSlot *old_slot;	/* as it was read, of an update */
	const char *id;				/* the same */
	const char *path;			/* by which it is written */
	ObjectChange *change;
	char	   *purpose;		/* "insert ..." */
	List	   *keys;			/* of a create, see object_creation_keys */
	PylonWriteRequest *request; /* of a create; NULL before it is sent */
	const PylonPage *page;		/* that answer */
	bool		wanted;			/* somebody looks at the row afterwards */
} RowWrite;

/* A step of a row's write that fails only because of the row's values. */
typedef void (*RowStep) (PylonModify *modify, RowWrite *row);

static void check_may_delete(Relation table);
static void find_row_columns(PylonModify *modify, ModifyTableState *mtstate);
static PylonModify *begin_modify(ModifyTableState *mtstate,
								 ResultRelInfo *rinfo, List *assigned,
								 bool skip_duplicates);
static bool may_read_ids(Relation table);
static char *row_purpose(PylonModify *modify, const char *verb,
						 const char *id);
static char *junk_id(PylonModify *modify, TupleTableSlot *plan_slot);
static bool is_row_wanted(ResultRelInfo *rinfo);
static void read_before_write(PylonModify *modify);
static ErrorData *try_step(PylonModify *modify, RowWrite *row, RowStep step);
static void do_step(PylonModify *modify, RowWrite *row, RowStep step);
static void raise_of_row(PylonModify *modify, const RowWrite *row,
						 ErrorData *error);
static void prepare_create(PylonModify *modify, RowWrite *row);
static void prepare_update(PylonModify *modify, RowWrite *row);
static void take_created(PylonModify *modify, RowWrite *row);
static void take_answer(PylonModify *modify, RowWrite *row);
static void check_same_object(PylonModify *modify, const RowWrite *row);
static int	create_rows(PylonModify *modify, RowWrite *rows, int total,
						TupleTableSlot **created);
static bool is_in_flight(const RowWrite *open_rows, int open,
						 const RowWrite *row);
static void fail_create(PylonModify *modify, RowWrite *failed, int open,
						ErrorData *error);
static List *settle_creates(RowWrite *failed, int open, const char *failure);
static char *unknown_detail(List *unknown, const char *failure);
static void settling_error_callback(void *arg);

/* Which of INSERT, UPDATE and DELETE the API has and the options allow. */
int
pylonIsForeignRelUpdatable(Relation rel)
{
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));
	PylonOptions options;

	option_read_server(&options, GetForeignServer(table->serverid)->options,
					   table->options);
	return options.updatable ? object_of_table(rel)->commands : 0;
}

/*
 * The id says which object to write. A DELETE that returns rows needs these
 * as they were; for an UPDATE core asks for the whole row itself. Raises
 * 0A000 for a DELETE that the object doesn't have: core would say later, and
 * just that the table does not allow it.
 */
void
pylonAddForeignUpdateTargets(PlannerInfo *root, Index rtindex,
							 RangeTblEntry *target_rte,
							 Relation target_relation)
{
	AttrNumber	attnum;
	Form_pg_attribute attr;
	Var		   *var;

	if (root->parse->commandType == CMD_DELETE)
		check_may_delete(target_relation);
	attnum = object_id_column(target_relation);
	attr = TupleDescAttr(RelationGetDescr(target_relation), attnum - 1);
	var = makeVar(rtindex, attnum, attr->atttypid, attr->atttypmod, attr->attcollation, 0);
	add_row_identity_var(root, var, rtindex, psprintf(ID_JUNK_NAME, attnum));
	if (root->parse->commandType == CMD_DELETE && root->parse->returningList != NIL)
	{
		/* Of type record, as core's own: partitions share the column. */
		var = makeVar(rtindex, InvalidAttrNumber, RECORDOID, -1, InvalidOid, 0);
		add_row_identity_var(root, var, rtindex, "wholerow");
	}
}

static void
check_may_delete(Relation table)
{
	const PylonObject *object = object_of_table(table);

	if (object->commands & (1 << CMD_DELETE))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot delete %s from foreign table \"%s\"",
					object->nouns.many, RelationGetRelationName(table)),
			 errdetail_internal("%s", object->why_no_delete),
			 errhint("Delete %s in Pylon itself.", object->nouns.a),
			 errtable(table)));
}

/*
 * Raises 0A000 for system columns of the rows written. The plan has what
 * PylonModifyPrivate says.
 */
List *
pylonPlanForeignModify(PlannerInfo *root, ModifyTable *plan,
					   Index resultRelation, int subplan_index)
{
	Relation	table = table_open(planner_rt_fetch(resultRelation, root)->relid, NoLock);
	List	   *assigned = NIL;

	system_columns_check_write(plan, subplan_index, resultRelation, table);
	table_close(table, NoLock);
	if (plan->operation == CMD_UPDATE)
	{
		Bitmapset  *columns = get_rel_all_updated_cols(root, find_base_rel(root, resultRelation));
		int			member = -1;

		while ((member = bms_next_member(columns, member)) >= 0)
			assigned = lappend_int(assigned, member + FirstLowInvalidHeapAttributeNumber);
	}
	return list_make2(makeBoolean(plan->onConflictAction == ONCONFLICT_NOTHING), assigned);
}

void
pylonBeginForeignModify(ModifyTableState *mtstate, ResultRelInfo *rinfo,
						List *fdw_private, int subplan_index, int eflags)
{
	PylonModify *modify;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	modify = begin_modify(mtstate, rinfo, list_nth(fdw_private, ModifyPrivateAssigned),
						  boolVal(list_nth(fdw_private, ModifyPrivateSkipDuplicates)));
	if (mtstate->operation != CMD_INSERT)
		find_row_columns(modify, mtstate);
	rinfo->ri_FdwState = modify;
}

/* Where the plan's rows have what tells the row to be written. */
static void
find_row_columns(PylonModify *modify, ModifyTableState *mtstate)
{
	List	   *targets = outerPlanState(mtstate)->plan->targetlist;
	char	   *id_junk;

	modify->id_column = object_id_column(modify->table);
	modify->id_type = getBaseType(TupleDescAttr(RelationGetDescr(modify->table),
												modify->id_column - 1)->atttypid);
	id_junk = psprintf(ID_JUNK_NAME, modify->id_column);
	modify->id_junk = ExecFindJunkAttributeInTlist(targets, id_junk);
	modify->row_junk = ExecFindJunkAttributeInTlist(targets, "wholerow");
	if (!AttributeNumberIsValid(modify->id_junk))
		elog(ERROR, "could not find junk column \"%s\"", id_junk);
}

/* COPY, and rows that are routed to a partition. */
void
pylonBeginForeignInsert(ModifyTableState *mtstate, ResultRelInfo *rinfo)
{
	ModifyTable *plan = (ModifyTable *) mtstate->ps.plan;

	/* A row can't move into a table that the same UPDATE writes. */
	if (plan != NULL && plan->operation == CMD_UPDATE &&
		rinfo->ri_RangeTableIndex != 0 && rinfo->ri_FdwState != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot route tuples into foreign table to be updated \"%s\"",
						RelationGetRelationName(rinfo->ri_RelationDesc))));
	if (plan != NULL)
		system_columns_check_routed(plan, rinfo->ri_RelationDesc);
	rinfo->ri_FdwState = begin_modify(mtstate, rinfo, NIL,
									  plan != NULL && plan->onConflictAction == ONCONFLICT_NOTHING);
}

void
pylonEndForeignInsert(EState *estate, ResultRelInfo *rinfo)
{
	pylonEndForeignModify(estate, rinfo);
}

void
pylonEndForeignModify(EState *estate, ResultRelInfo *rinfo)
{
	PylonModify *modify = rinfo->ri_FdwState;

	if (modify != NULL)
		MemoryContextDelete(modify->row_context);
}

/* What a write has done so far; NULL if it isn't carried out. */
const PylonCounters *
modify_counters(ResultRelInfo *rinfo)
{
	PylonModify *modify = rinfo->ri_FdwState;

	return modify == NULL ? NULL : &modify->connection->counters;
}

/* Numbers of the columns that a planned UPDATE assigns (IntList). */
List *
modify_assigned(List *fdw_private)
{
	return list_nth(fdw_private, ModifyPrivateAssigned);
}

/*
 * How many rows core may hand over at once: enough to keep creates in
 * flight. One by one where somebody looks at each row's result.
 */
int
pylonGetForeignModifyBatchSize(ResultRelInfo *rinfo)
{
	PylonModify *modify = rinfo->ri_FdwState;

	if (modify == NULL || rinfo->ri_projectReturning != NULL ||
		rinfo->ri_WithCheckOptions != NIL ||
		(rinfo->ri_TrigDesc != NULL &&
		 (rinfo->ri_TrigDesc->trig_insert_before_row ||
		  rinfo->ri_TrigDesc->trig_insert_after_row)))
		return 1;
	return modify->concurrency * ROWS_PER_CREATE;
}

/* One row; NULL if it is there already and ON CONFLICT says to skip that. */
TupleTableSlot *
pylonExecForeignInsert(EState *estate, ResultRelInfo *rinfo,
					   TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	int			count = 1;
	TupleTableSlot **rows = pylonExecForeignBatchInsert(estate, rinfo, &slot,
														&planSlot, &count);

	return count > 0 ? rows[0] : NULL;
}

/*
 * Several rows, some of them in flight together. Every row is checked before
 * the first one is sent. "numSlots" becomes the number that was created.
 */
TupleTableSlot **
pylonExecForeignBatchInsert(EState *estate, ResultRelInfo *rinfo,
							TupleTableSlot **slots, TupleTableSlot **planSlots,
							int *numSlots)
{
	PylonModify *modify = rinfo->ri_FdwState;
	RowWrite   *rows;
	TupleTableSlot **created;	/* core's own array must stay as it is */
	MemoryContext before;

	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	rows = palloc0(*numSlots * sizeof(RowWrite));
	created = palloc(*numSlots * sizeof(TupleTableSlot *));
	for (int i = 0; i < *numSlots; i++)
	{
		rows[i].slot = slots[i];
		rows[i].wanted = is_row_wanted(rinfo);
		do_step(modify, &rows[i], prepare_create);
	}
	read_before_write(modify);
	*numSlots = create_rows(modify, rows, *numSlots, created);
	MemoryContextSwitchTo(before);
	return created;
}

/*
 * One row, by its differences; NULL if the object is gone, or was written by
 * the same statement before.
 */
TupleTableSlot *
pylonExecForeignUpdate(EState *estate, ResultRelInfo *rinfo,
					   TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	PylonModify *modify = rinfo->ri_FdwState;
	RowWrite	row = {.slot = slot,.old_slot = rinfo->ri_oldTupleSlot};
	MemoryContext before;
	bool		found = true;

	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	row.id = junk_id(modify, planSlot);
	row.path = pylon_object_path(modify->layout->object, row.id);
	if (!writes_claim(modify->connection, row.path))
	{
		MemoryContextSwitchTo(before);
		return NULL;
	}
	row.purpose = row_purpose(modify, "update", row.id);
	row.wanted = is_row_wanted(rinfo);
	do_step(modify, &row, prepare_update);
	if (row.change->body != NULL && modify->dry_run)
	{
		dry_run_show("PATCH", row.path, row.change->body);
		object_fill_row(modify->writer, slot);
	}
	else if (row.change->body != NULL)
	{
		read_before_write(modify);
		row.page = pylon_update(modify->connection, row.purpose, row.id,
								row.change->body, modify->layout);
		found = row.page->nobjects > 0;
		if (found)
			do_step(modify, &row, take_answer);
	}
	else if (row.wanted)
		object_keep_row(modify->writer, row.old_slot, slot);
	MemoryContextSwitchTo(before);
	return found ? slot : NULL;
}

/* One row; NULL as for an update. */
TupleTableSlot *
pylonExecForeignDelete(EState *estate, ResultRelInfo *rinfo,
					   TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	PylonModify *modify = rinfo->ri_FdwState;
	MemoryContext before;
	bool		null = true;
	bool		found = true;
	Datum		old_row = (Datum) 0;
	char	   *id;
	char	   *path;

	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	id = junk_id(modify, planSlot);
	path = pylon_object_path(modify->layout->object, id);
	if (!writes_claim(modify->connection, path))
		found = false;
	else if (modify->dry_run)
		dry_run_show("DELETE", path, NULL);
	else
	{
		read_before_write(modify);
		found = pylon_delete(modify->connection, row_purpose(modify, "delete", id), id,
							 modify->id_type == UUIDOID, modify->layout);
	}
	MemoryContextSwitchTo(before);

	if (AttributeNumberIsValid(modify->row_junk))
		old_row = ExecGetJunkAttribute(planSlot, modify->row_junk, &null);
	if (found && !null)
	{
		HeapTupleHeader header = DatumGetHeapTupleHeader(old_row);
		HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header),.t_data = header};

		ExecClearTuple(slot);
		heap_deform_tuple(&tuple, slot->tts_tupleDescriptor, slot->tts_values, slot->tts_isnull);
		ExecStoreVirtualTuple(slot);
		ExecMaterializeSlot(slot);
	}
	return found ? slot : NULL;
}

/* The connection is made at once: a missing token fails before any row. */
static PylonModify *
begin_modify(ModifyTableState *mtstate, ResultRelInfo *rinfo, List *assigned,
			 bool skip_duplicates)
{
	PylonModify *modify = palloc0(sizeof(PylonModify));
	Relation	table = rinfo->ri_RelationDesc;
	EState	   *estate = mtstate->ps.state;
	Oid			userid = compat_modify_user(rinfo, estate);
	ForeignTable *foreign = GetForeignTable(RelationGetRelid(table));

	object_check_columns(table);
	modify->layout = object_layout_create(table, object_columns(table));
	modify->mtstate = mtstate;
	modify->rinfo = rinfo;
	modify->table = table;
	modify->connection = connection_open(foreign->serverid, userid, foreign->options,
										 &modify->layout->object->nouns,
										 psprintf("write foreign table \"%s\"",
												  RelationGetRelationName(table)));
	modify->connection->statement = writes_of_statement(estate->es_query_cxt);
	modify->connection->schema_name = get_namespace_name(RelationGetNamespace(table));
	modify->connection->table_name = pstrdup(RelationGetRelationName(table));
	modify->connection->shows_ids = may_read_ids(table) ||
		(rinfo->ri_RootResultRelInfo != NULL &&
		 may_read_ids(rinfo->ri_RootResultRelInfo->ri_RelationDesc));
	modify->writer = object_writer_create(table, assigned);
	modify->skip_duplicates = skip_duplicates;
	modify->dry_run = dry_run_is_on(table, userid);
	modify->concurrency = modify->connection->options.max_concurrent_requests;
	modify->row_context = AllocSetContextCreate(CurrentMemoryContext, "pylon_fdw write",
												ALLOCSET_DEFAULT_SIZES);
	return modify;
}

/*
 * May the user who runs this (not the one as whom a view writes) read the ids
 * of the table's objects?
 */
static bool
may_read_ids(Relation table)
{
	Oid			relid = RelationGetRelid(table);
	AttrNumber	id = get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE ? InvalidAttrNumber :
		object_id_find(table);

	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		(AttributeNumberIsValid(id) &&
		 pg_attribute_aclcheck(relid, id, GetUserId(), ACL_SELECT) == ACLCHECK_OK);
}

static char *
row_purpose(PylonModify *modify, const char *verb, const char *id)
{
	return psprintf("%s %s %s of foreign table \"%s\"", verb,
					modify->layout->object->nouns.one, safe_text(id),
					RelationGetRelationName(modify->table));
}

/* The id of the row that was read. */
static char *
junk_id(PylonModify *modify, TupleTableSlot *plan_slot)
{
	bool		null;
	Datum		value = ExecGetJunkAttribute(plan_slot, modify->id_junk, &null);
	char	   *id;

	if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cannot write %s of foreign table \"%s\" that has no id",
						modify->layout->object->nouns.a, RelationGetRelationName(modify->table))));
	id = object_value_text(modify->id_type, value);
	if (!object_id_is_possible(id))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot write %s of foreign table \"%s\" by its id",
						modify->layout->object->nouns.a, RelationGetRelationName(modify->table)),
				 errdetail("An id that is too long, \".\" or \"..\" can't be part of a path.")));
	return id;
}

/* Does somebody look at a row after it was written? Else it needn't be read. */
static bool
is_row_wanted(ResultRelInfo *rinfo)
{
	return rinfo->ri_projectReturning != NULL || rinfo->ri_WithCheckOptions != NIL ||
		(rinfo->ri_TrigDesc != NULL &&
		 (rinfo->ri_TrigDesc->trig_insert_after_row || rinfo->ri_TrigDesc->trig_update_after_row));
}

/* Other statements' scans that are open don't get to see what is written. */
static void
read_before_write(PylonModify *modify)
{
	if (!modify->dry_run)
		scan_read_before_write(modify->connection->serverid, modify->mtstate->ps.state);
}

/*
 * Runs a step. The error that it raises is returned, for others are in
 * flight, whose ends are to be awaited first; NULL if none.
 *
 * That waiting happens outside of PG_CATCH, when core has forgotten the error:
 * a cancel or a termination is then an error like any other. No subtransaction
 * is needed for that, as nothing but this wrapper runs until the error is
 * raised again, which ends the statement in any case.
 */
static ErrorData *
try_step(PylonModify *modify, RowWrite *row, RowStep step)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		step(modify, row);
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		if (code == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		MemoryContextSwitchTo(modify->row_context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

/* Runs a step while nothing else is in flight. */
static void
do_step(PylonModify *modify, RowWrite *row, RowStep step)
{
	ErrorData  *error = try_step(modify, row, step);

	if (error != NULL)
		raise_of_row(modify, row, error);
}

/* Raises the error, saying of which row it is and what was done before. */
static void
raise_of_row(PylonModify *modify, const RowWrite *row, ErrorData *error)
{
	if (writes_any_done(modify->connection))
		error->detail = psprintf("%s%s%s", error->detail ? error->detail : "",
								 error->detail ? " " : "", writes_done(modify->connection));
	error->context = psprintf("%s%s%s", error->context ? error->context : "",
							  error->context ? "\n" : "", row->purpose);
	if (error->table_name == NULL && error->datatype_name == NULL)
	{
		error->schema_name = modify->connection->schema_name;
		error->table_name = modify->connection->table_name;
	}
	ReThrowError(error);
}

static void
prepare_create(PylonModify *modify, RowWrite *row)
{
	row->purpose = psprintf("insert %s %s into foreign table \"%s\"",
							modify->layout->object->nouns.one,
							safe_text(object_label(modify->writer, row->slot)),
							RelationGetRelationName(modify->table));
	row->change = object_creation(modify->writer, row->slot);
	row->keys = object_creation_keys(row->change);
	if (modify->rinfo->ri_WithCheckOptions == NIL)
		return;
	/* Policies of a partitioned table, which core doesn't check of foreign rows. */
	ExecWithCheckOptions(WCO_RLS_INSERT_CHECK, modify->rinfo, row->slot, modify->mtstate->ps.state);
	if (modify->check_options == NIL)
		modify->check_options = check_options_create(modify->mtstate, modify->rinfo);
	check_options_known(modify->check_options, modify->mtstate->ps.state, row->slot,
						row->change->known);
}

static void
prepare_update(PylonModify *modify, RowWrite *row)
{
	bool		checked = modify->rinfo->ri_WithCheckOptions != NIL;

	if (checked)
		object_fill_row(modify->writer, row->slot);
	row->change = object_update(modify->writer, row->old_slot, row->slot);
	if (checked)
	{
		ExecWithCheckOptions(WCO_RLS_UPDATE_CHECK, modify->rinfo, row->slot, modify->mtstate->ps.state);
		ExecWithCheckOptions(WCO_VIEW_CHECK, modify->rinfo, row->slot, modify->mtstate->ps.state);
	}
}

static void
take_created(PylonModify *modify, RowWrite *row)
{
	row->page = pylon_created(row->request, modify->layout);
	if (row->page->problem == NULL)
		take_answer(modify, row);
}

/*
 * Checks that the object that the API answered with has what was sent, and
 * puts it into the slot, if that is wanted. Else only those columns are read,
 * lest the API's default for another one doesn't fit its type.
 */
static void
take_answer(PylonModify *modify, RowWrite *row)
{
	TupleTableSlot *slot = row->slot;
	int			natts = slot->tts_tupleDescriptor->natts;
	const JsonSlice *object = page_object(row->page, 0);
	Datum	   *values = palloc0(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));

	memset(nulls, true, natts * sizeof(bool));
	check_same_object(modify, row);
	object_read(modify->layout, object, row->wanted ? NULL : row->change->attnums, values, nulls);
	object_check_answer(row->change, row->request != NULL ? object_id_text(object) : NULL,
						modify->layout, object, values, nulls);
	if (row->wanted)
		object_store_row(slot, values, nulls);
}

/*
 * An id that the API takes for an external id of another object has that one
 * updated, or read back.
 */
static void
check_same_object(PylonModify *modify, const RowWrite *row)
{
	const JsonSlice *object = page_object(row->page, 0);
	const char *noun = modify->layout->object->nouns.one;
	const char *other;

	if (row->id == NULL || object_id_is(row->id, modify->id_type == UUIDOID, object))
		return;
	other = object_id_text(object);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("could not %s: the API answers with %s %s",
					row->purpose, noun, other != NULL ? other : "of another id"),
			 errdetail("The id that was read with the row is no longer that %s's, but an external id of this one, it seems.",
					   noun),
			 errhint("See whether %s %s was changed.", noun, other != NULL ? other : "of that external id")));
}

/*
 * Creates rows that have been prepared, some of them in flight together.
 * Sets "created" to the slots of those that were not skipped, and returns
 * their number.
 */
static int
create_rows(PylonModify *modify, RowWrite *rows, int total,
			TupleTableSlot **created)
{
	int			sent = 0;
	int			count = 0;

	for (int i = 0; i < total; i++)
	{
		ErrorData  *error = NULL;
		PylonCreated result;

		if (modify->dry_run)
		{
			dry_run_show("POST", modify->layout->object->path, rows[i].change->body);
			object_fill_row(modify->writer, rows[i].slot);
			created[count++] = rows[i].slot;
			continue;
		}
		for (; sent < total && sent < i + modify->concurrency &&
			 !is_in_flight(&rows[i], sent - i, &rows[sent]); sent++)
		{
			rows[sent].request = pylon_start_create(modify->connection, rows[sent].purpose,
													modify->layout->object, rows[sent].change->body);
		}
		result = pylon_finish_create(rows[i].request);
		if (result == CREATE_DUPLICATE && modify->skip_duplicates)
			continue;
		if (result == CREATE_DONE)
			error = try_step(modify, &rows[i], take_created);
		if (result != CREATE_DONE || error != NULL || rows[i].page->problem != NULL)
			fail_create(modify, &rows[i], sent - i - 1, error);
		created[count++] = rows[i].slot;
	}
	return count;
}

/*
 * May one of the "open" creates be of the same object as "row"? Then this one
 * waits for it: of two at once, the API might let both through.
 */
static bool
is_in_flight(const RowWrite *open_rows, int open, const RowWrite *row)
{
	ListCell   *lc;
	ListCell   *lc2;

	for (int i = 0; i < open; i++)
	{
		foreach(lc, open_rows[i].keys)
		{
			foreach(lc2, row->keys)
			{
				if (strcmp(lfirst(lc), lfirst(lc2)) == 0)
					return true;
			}
		}
	}
	return false;
}

/*
 * Raises what went wrong with a create. The "open" ones in flight behind it
 * take effect all the same, so their ends are awaited before. Where it is
 * unknown of one whether it was done, that is the error, so that nobody takes
 * the other one for all there is to handle.
 */
static void
fail_create(PylonModify *modify, RowWrite *failed, int open, ErrorData *error)
{
	bool		bad_answer = failed->page != NULL && failed->page->problem != NULL;
	char	   *failure = psprintf("could not %s: %s", failed->purpose,
								   error != NULL ? error->message :
								   bad_answer ? failed->page->problem :
								   pylon_create_failure(failed->request));
	List	   *unknown = settle_creates(failed, open, failure);

	if (unknown != NIL)
	{
		RowWrite   *first = linitial(unknown);

		pylon_raise_create(first->request, NULL,
						   unknown_detail(unknown, first == failed ? NULL : failure));
	}
	if (error != NULL)
		raise_of_row(modify, failed, error);
	pylon_raise_create(failed->request, bad_answer ? failed->page->problem : NULL, NULL);
}

/*
 * Waits for the creates in flight behind a failed one; those of which it is
 * unknown whether they were done are returned, the failed one included.
 */
static List *
settle_creates(RowWrite *failed, int open, const char *failure)
{
	ErrorContextCallback callback = {.callback = settling_error_callback,
	.arg = unconstify(char *, failure),.previous = error_context_stack};
	List	   *unknown = NIL;

	/* A cancel takes the place of the failure; it is not to be lost. */
	error_context_stack = &callback;
	for (RowWrite *row = failed; row <= failed + open; row++)
	{
		if (row == failed ? pylon_create_is_unknown(row->request) :
			pylon_finish_create(row->request) == CREATE_UNKNOWN)
			unknown = lappend(unknown, row);
	}
	error_context_stack = callback.previous;
	return unknown;
}

static void
settling_error_callback(void *arg)
{
	errcontext("waiting for the creates in flight after a failure: %s", (const char *) arg);
}

/* What else is unknown than the first one, and what failed; NULL if nothing. */
static char *
unknown_detail(List *unknown, const char *failure)
{
	StringInfoData detail;

	initStringInfo(&detail);
	if (failure != NULL)
		appendStringInfo(&detail, "Besides, it %s. ", failure);
	for (int i = 1; i < list_length(unknown); i++)
		appendStringInfo(&detail, "%s%s", i == 1 ? "The same of: " : "; ",
						 ((RowWrite *) list_nth(unknown, i))->purpose);
	if (list_length(unknown) > 1)
		appendStringInfoString(&detail, ". ");
	if (detail.len == 0)
		return NULL;
	detail.data[detail.len - 2] = '\0';
	return detail.data;
}
