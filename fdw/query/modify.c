/*-------------------------------------------------------------------------
 *
 * modify.c
 *		INSERT, UPDATE and DELETE.
 *
 * Each row becomes a request that takes effect at once: Pylon has no
 * transactions, so what a statement has done before it failed or was rolled
 * back remains, and the user is told (write_log.c). Updates and deletes go to
 * the id of the row that was read.
 *
 * Several rows are in flight together (in_flight.c). Of creates, core hands
 * over a batch. Of updates and deletes it hands over one after the other, and
 * wants to know what became of it; where nobody looks at that, it is told
 * that there was no row, and the row is counted when it has its answer. The
 * last ones have it before the spool below says that there are no more.
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
#include "object/object_id.h"
#include "object/object_row.h"
#include "optimizer/appendinfo.h"
#include "optimizer/inherit.h"
#include "query/callbacks.h"
#include "query/check_option.h"
#include "query/dry_run.h"
#include "query/in_flight.h"
#include "query/modify.h"
#include "query/plan.h"
#include "query/plan_private.h"
#include "query/scan.h"
#include "query/spool.h"
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

static void check_may_delete(Relation table);
static void find_row_columns(PylonModify *modify, ModifyTableState *mtstate);
static PylonModify *begin_modify(ModifyTableState *mtstate,
								 ResultRelInfo *rinfo, List *assigned,
								 bool skip_duplicates);
static bool may_read_ids(Relation table);
static char *row_purpose(PylonModify *modify, const char *verb,
						 const char *id);
static RowWrite *begin_row(PylonModify *modify, PylonWrite kind,
						   TupleTableSlot *plan_slot);
static void find_flight(PylonModify *modify, PylonWrite kind);
static void join_flight(PylonModify *modify, RowFlight *flight);
static bool all_are_ours(ModifyTableState *mtstate);
static uint64 count_rows(ModifyTableState *mtstate);
static bool needs_each_answer(ModifyTableState *mtstate);
static bool has_row_triggers(const TriggerDesc *triggers, CmdType operation);
static bool claim_row(RowWrite *row, const char *verb);
static void find_id(RowWrite *row);
static TupleTableSlot *copy_slot(PylonModify *modify, TupleTableSlot *slot);
static TupleTableSlot *end_row(RowWrite *row, TupleTableSlot *slot);
static bool is_row_wanted(ResultRelInfo *rinfo);
static void read_before_write(PylonModify *modify);
static void prepare_create(RowWrite *row);
static void prepare_update(RowWrite *row);
static void create_row(RowWrite *row);
static void show_row(RowWrite *row, const char *method, const char *path,
					 TupleTableSlot *slot);
static void take_old_row(PylonModify *modify, TupleTableSlot *plan_slot,
						 TupleTableSlot *slot);

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
 * Raises HV005 for a column that shows no field, and 0A000 for system columns
 * of the rows written. The plan has what PylonModifyPrivate says.
 */
List *
pylonPlanForeignModify(PlannerInfo *root, ModifyTable *plan,
					   Index resultRelation, int subplan_index)
{
	Relation	table = table_open(planner_rt_fetch(resultRelation, root)->relid, NoLock);
	List	   *assigned = NIL;

	object_check_columns(table);
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
		MemoryContextDelete(modify->context);
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
	int			count = 0;

	if (modify->flight == NULL)
		join_flight(modify, flight_create(modify->mtstate, PYLON_CREATE,
										  count_rows(modify->mtstate)));
	MemoryContextReset(modify->context);
	before = MemoryContextSwitchTo(modify->context);
	rows = palloc0(*numSlots * sizeof(RowWrite));
	created = palloc(*numSlots * sizeof(TupleTableSlot *));
	for (int i = 0; i < *numSlots; i++)
	{
		rows[i].modify = modify;
		rows[i].kind = PYLON_CREATE;
		rows[i].context = modify->context;
		rows[i].slot = slots[i];
		rows[i].wanted = is_row_wanted(rinfo);
		flight_step(&rows[i], prepare_create);
	}
	read_before_write(modify);
	for (int i = 0; i < *numSlots; i++)
		create_row(&rows[i]);
	flight_finish(modify->flight);
	for (int i = 0; i < *numSlots; i++)
	{
		if (rows[i].found)
			created[count++] = rows[i].slot;
	}
	*numSlots = count;
	MemoryContextSwitchTo(before);
	return created;
}

/* A row that has been prepared. */
static void
create_row(RowWrite *row)
{
	PylonModify *modify = row->modify;

	if (!modify->dry_run)
	{
		flight_send(row);
		return;
	}
	show_row(row, "POST", modify->layout->object->path, row->slot);
	row->found = true;
}

/* Shows a row's write in place of sending it; the slot gets what would come of it. */
static void
show_row(RowWrite *row, const char *method, const char *path, TupleTableSlot *slot)
{
	PylonModify *modify = row->modify;

	dry_run_show(method, path, row->change->body);
	object_fill_row(modify->writer, slot);
	object_take_sent(modify->layout, row->change->body, slot);
}

/*
 * One row, by its differences; NULL if the object is gone, or was written by
 * the same statement before, or if it is still in flight.
 */
TupleTableSlot *
pylonExecForeignUpdate(EState *estate, ResultRelInfo *rinfo,
					   TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	PylonModify *modify = rinfo->ri_FdwState;
	RowWrite   *row = begin_row(modify, PYLON_UPDATE, planSlot);
	MemoryContext before = MemoryContextSwitchTo(row->context);

	if (claim_row(row, "update"))
	{
		row->slot = copy_slot(modify, slot);
		row->old_slot = copy_slot(modify, rinfo->ri_oldTupleSlot);
		flight_step(row, prepare_update);
		row->found = true;
		if (row->change->body != NULL && modify->dry_run)
			show_row(row, "PATCH", row->path, slot);
		else if (row->change->body != NULL)
		{
			read_before_write(modify);
			flight_send(row);
		}
		else if (row->wanted)
			object_keep_row(modify->writer, row->old_slot, slot);
	}
	MemoryContextSwitchTo(before);
	return end_row(row, slot);
}

/* One row; NULL as for an update. */
TupleTableSlot *
pylonExecForeignDelete(EState *estate, ResultRelInfo *rinfo,
					   TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	PylonModify *modify = rinfo->ri_FdwState;
	RowWrite   *row = begin_row(modify, PYLON_DELETE, planSlot);
	MemoryContext before = MemoryContextSwitchTo(row->context);

	if (claim_row(row, "delete"))
	{
		row->found = true;
		if (modify->dry_run)
			dry_run_show("DELETE", row->path, NULL);
		else
		{
			read_before_write(modify);
			flight_send(row);
		}
	}
	MemoryContextSwitchTo(before);
	slot = end_row(row, slot);
	if (slot != NULL && AttributeNumberIsValid(modify->row_junk))
		take_old_row(modify, planSlot, slot);
	return slot;
}

/* Puts the row as it was read into a slot. */
static void
take_old_row(PylonModify *modify, TupleTableSlot *plan_slot, TupleTableSlot *slot)
{
	bool		null;
	Datum		old_row = ExecGetJunkAttribute(plan_slot, modify->row_junk, &null);
	HeapTupleData tuple = {0};

	if (null)
		return;
	tuple.t_data = DatumGetHeapTupleHeader(old_row);
	tuple.t_len = HeapTupleHeaderGetDatumLength(tuple.t_data);
	ExecClearTuple(slot);
	heap_deform_tuple(&tuple, slot->tts_tupleDescriptor, slot->tts_values, slot->tts_isnull);
	ExecStoreVirtualTuple(slot);
	ExecMaterializeSlot(slot);
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
	modify->context = AllocSetContextCreate(CurrentMemoryContext, "pylon_fdw write",
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

/*
 * A row to be updated or deleted, in a context of its own. One more can be in
 * flight when it has come.
 */
static RowWrite *
begin_row(PylonModify *modify, PylonWrite kind, TupleTableSlot *plan_slot)
{
	MemoryContext context;
	RowWrite   *row;

	if (modify->flight == NULL)
		find_flight(modify, kind);
	flight_make_room(modify);
	context = AllocSetContextCreate(modify->context, "pylon_fdw row", ALLOCSET_DEFAULT_SIZES);
	row = MemoryContextAllocZero(context, sizeof(RowWrite));
	row->modify = modify;
	row->kind = kind;
	row->context = context;
	row->plan_slot = plan_slot;
	row->wanted = is_row_wanted(modify->rinfo);
	return row;
}

/*
 * All tables of a ModifyTable share the flight, which ends with the spool's
 * rows, where their answers are not waited for.
 */
static void
find_flight(PylonModify *modify, PylonWrite kind)
{
	ModifyTableState *mtstate = modify->mtstate;
	SpoolEnd   *end = spool_end(outerPlanState(mtstate));

	modify->late = end != NULL && all_are_ours(mtstate) && !needs_each_answer(mtstate);
	if (!modify->late)
	{
		join_flight(modify, flight_create(mtstate, kind, count_rows(mtstate)));
		return;
	}
	if (end->arg == NULL)
	{
		end->arg = flight_create(mtstate, kind, end->rows);
		end->callback = flight_finish;
	}
	join_flight(modify, end->arg);
	modify->desc = CreateTupleDescCopy(RelationGetDescr(modify->table));
}

static void
join_flight(PylonModify *modify, RowFlight *flight)
{
	modify->flight = flight;
	modify->connection->progress = &flight->progress;
}

static bool
all_are_ours(ModifyTableState *mtstate)
{
	for (int i = 0; i < mtstate->mt_nrels; i++)
	{
		FdwRoutine *routine = mtstate->resultRelInfo[i].ri_FdwRoutine;

		if (routine == NULL || !plan_is_ours(routine))
			return false;
	}
	return true;
}

/* How many rows come to the table, where all that are read come to it; else 0. */
static uint64
count_rows(ModifyTableState *mtstate)
{
	SpoolEnd   *end = spool_end(outerPlanState(mtstate));

	return end != NULL && mtstate->mt_nrels == 1 && all_are_ours(mtstate) ? end->rows : 0;
}

/*
 * Must each row have its answer before the next one is sent? Where somebody
 * looks at the row that was written, or where something else than this
 * wrapper runs between two rows, as it does for tables of others: that must
 * see the rows before it as written, and if it fails, nothing is to be under
 * way.
 */
static bool
needs_each_answer(ModifyTableState *mtstate)
{
	if (((ModifyTable *) mtstate->ps.plan)->returningLists != NIL ||
		mtstate->mt_transition_capture != NULL)
		return true;
	for (int i = 0; i < mtstate->mt_nrels; i++)
	{
		ResultRelInfo *rinfo = &mtstate->resultRelInfo[i];
		TupleConstr *constr = RelationGetDescr(rinfo->ri_RelationDesc)->constr;

		if (rinfo->ri_WithCheckOptions != NIL ||
			has_row_triggers(rinfo->ri_TrigDesc, mtstate->operation) ||
			(constr != NULL && constr->has_generated_stored))
			return true;
	}
	return false;
}

static bool
has_row_triggers(const TriggerDesc *triggers, CmdType operation)
{
	if (triggers == NULL)
		return false;
	return operation == CMD_UPDATE ?
		triggers->trig_update_before_row || triggers->trig_update_after_row :
		triggers->trig_delete_before_row || triggers->trig_delete_after_row;
}

/* Sets what names the row; false if the statement has written it before. */
static bool
claim_row(RowWrite *row, const char *verb)
{
	PylonModify *modify = row->modify;

	flight_step(row, find_id);
	row->path = pylon_object_path(modify->layout->object, row->id);
	row->purpose = row_purpose(modify, verb, row->id);
	return writes_claim(modify->connection, row->path);
}

/* The id of the row that was read. */
static void
find_id(RowWrite *row)
{
	PylonModify *modify = row->modify;
	bool		null;
	Datum		value = ExecGetJunkAttribute(row->plan_slot, modify->id_junk, &null);

	if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cannot write %s of foreign table \"%s\" that has no id",
						modify->layout->object->nouns.a, RelationGetRelationName(modify->table))));
	row->id = object_value_text(modify->id_type, value);
	if (!object_id_is_possible(row->id))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot write %s of foreign table \"%s\" by its id",
						modify->layout->object->nouns.a, RelationGetRelationName(modify->table)),
				 errdetail("An id that is too long, \".\" or \"..\" can't be part of a path.")));
}

/*
 * What outlives the row that core hands over; that itself where its answer is
 * waited for. The descriptor is a copy, for nothing counts references to it.
 */
static TupleTableSlot *
copy_slot(PylonModify *modify, TupleTableSlot *slot)
{
	TupleTableSlot *copy;

	if (!modify->late)
		return slot;
	copy = MakeSingleTupleTableSlot(modify->desc, &TTSOpsHeapTuple);
	return ExecCopySlot(copy, slot);
}

/* The slot if the row was written, or is taken to be; NULL if it is none, or in flight. */
static TupleTableSlot *
end_row(RowWrite *row, TupleTableSlot *slot)
{
	bool		found;

	if (row->writing != NULL && row->modify->late)
		return NULL;
	if (row->writing != NULL)
		flight_finish(row->modify->flight);
	else
		row->modify->flight->progress.done++;
	found = row->found;
	MemoryContextDelete(row->context);
	return found ? slot : NULL;
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
	if (modify->dry_run)
		return;
	writes_await(modify->connection);
	scan_read_before_write(modify->connection->serverid, modify->mtstate->ps.state);
}

static void
prepare_create(RowWrite *row)
{
	PylonModify *modify = row->modify;

	row->purpose = psprintf("insert %s %s into foreign table \"%s\"",
							modify->layout->object->nouns.one,
							safe_text(object_label(modify->writer, row->slot)),
							RelationGetRelationName(modify->table));
	row->change = object_creation(modify->writer, row->slot);
	row->keys = object_write_keys(row->change);
	if (modify->rinfo->ri_WithCheckOptions == NIL)
		return;

	/*
	 * Policies of a partitioned table, which core doesn't check of foreign
	 * rows.
	 */
	ExecWithCheckOptions(WCO_RLS_INSERT_CHECK, modify->rinfo, row->slot, modify->mtstate->ps.state);
	if (modify->check_options == NIL)
		modify->check_options = check_options_create(modify->mtstate, modify->rinfo);
	check_options_known(modify->check_options, modify->mtstate->ps.state, row->slot,
						row->change->known);
}

static void
prepare_update(RowWrite *row)
{
	PylonModify *modify = row->modify;
	bool		checked = modify->rinfo->ri_WithCheckOptions != NIL;

	if (checked)
		object_fill_row(modify->writer, row->slot);
	row->change = object_update(modify->writer, row->old_slot, row->slot);
	row->keys = object_write_keys(row->change);
	if (checked)
	{
		ExecWithCheckOptions(WCO_RLS_UPDATE_CHECK, modify->rinfo, row->slot, modify->mtstate->ps.state);
		ExecWithCheckOptions(WCO_VIEW_CHECK, modify->rinfo, row->slot, modify->mtstate->ps.state);
	}
}
