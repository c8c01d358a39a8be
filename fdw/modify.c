/*-------------------------------------------------------------------------
 *
 * modify.c
 *		INSERT, UPDATE and DELETE.
 *
 * Each row becomes a request that takes effect at once: Pylon has no
 * transactions, so what a statement has done before it failed or was rolled
 * back remains, and the user is told (connection.c). Creates of several rows
 * are in flight together; an error is raised only when all of these have
 * ended. Updates and deletes go to the id of the row that was read.
 *
 * IDENTIFICATION
 *		fdw/modify.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "compat.h"
#include "contact_write.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/inherit.h"
#include "pylon_api.h"
#include "pylon_fdw.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* The junk column that brings the id of the row to be written. */
#define ID_JUNK_NAME "pylon_id"

/* Rows that core hands over at once, for each create in flight. */
#define ROWS_PER_CREATE 16

/* The state of a write to one foreign table; in the query's memory. */
typedef struct PylonModify
{
	Relation	table;
	PylonConnection *connection;
	ContactWriter *writer;
	ContactReader *contacts;	/* of answers: all columns */
	AttrNumber	id_junk;		/* in the plan's rows */
	AttrNumber	row_junk;		/* the whole old row, of a DELETE */
	bool		skip_duplicates;
	int			concurrency;
	MemoryContext row_context;	/* of what a row or batch needs; reset each
								 * time */
} PylonModify;

/* A create of a batch. */
typedef struct BatchCreate
{
	ContactChange *change;
	char	   *purpose;
	PylonCall  *call;			/* NULL before it is sent */
} BatchCreate;

static PylonModify *begin_modify(Relation table, Oid userid,
								 bool skip_duplicates);
static Bitmapset *all_attnums(Relation table);
static char *insert_purpose(PylonModify *modify, TupleTableSlot *slot);
static char *row_purpose(PylonModify *modify, const char *verb,
						 const char *id);
static char *junk_id(PylonModify *modify, TupleTableSlot *plan_slot);
static bool answer_row(PylonModify *modify, const ContactChange *change,
					   const PylonPage *page, TupleTableSlot *slot);
static bool finish_create(PylonModify *modify, BatchCreate *create,
						  int others, TupleTableSlot *slot);
static void settle_others(BatchCreate *creates, int count);
static void warn_of_unknown(int count);
static void show_dry_run(const char *method, const char *id,
						 const char *body);
static char *server_text(const char *utf8);

/* Which of INSERT, UPDATE and DELETE the options allow, as a bit mask. */
int
pylonIsForeignRelUpdatable(Relation rel)
{
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));
	PylonOptions options;

	option_read_server(&options, GetForeignServer(table->serverid)->options,
					   table->options);
	return options.updatable ?
		(1 << CMD_INSERT) | (1 << CMD_UPDATE) | (1 << CMD_DELETE) : 0;
}

/*
 * The id says which contact to write. A DELETE that returns rows needs these
 * as they were; for an UPDATE core asks for the whole row itself.
 */
void
pylonAddForeignUpdateTargets(PlannerInfo *root, Index rtindex,
							 RangeTblEntry *target_rte,
							 Relation target_relation)
{
	AttrNumber	attnum = contact_id_column(target_relation);
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(target_relation), attnum - 1);
	Var		   *var = makeVar(rtindex, attnum, attr->atttypid, attr->atttypmod,
							  attr->attcollation, 0);

	add_row_identity_var(root, var, rtindex, ID_JUNK_NAME);
	if (root->parse->commandType == CMD_DELETE && root->parse->returningList != NIL)
	{
		/* Of type record, as core's own: partitions share the column. */
		var = makeVar(rtindex, InvalidAttrNumber, RECORDOID, -1, InvalidOid, 0);
		add_row_identity_var(root, var, rtindex, "wholerow");
	}
}

/* Raises 428C9 for what an UPDATE can't assign; nothing else is planned. */
List *
pylonPlanForeignModify(PlannerInfo *root, ModifyTable *plan,
					   Index resultRelation, int subplan_index)
{
	RangeTblEntry *rte = planner_rt_fetch(resultRelation, root);
	Relation	table = table_open(rte->relid, NoLock);

	if (plan->operation == CMD_UPDATE)
	{
		Bitmapset  *columns = get_rel_all_updated_cols(root, find_base_rel(root, resultRelation));
		Bitmapset  *attnums = NULL;
		int			member = -1;

		while ((member = bms_next_member(columns, member)) >= 0)
			attnums = bms_add_member(attnums, member + FirstLowInvalidHeapAttributeNumber);
		contact_check_assigned(table, attnums);
	}
	table_close(table, NoLock);
	return list_make1(makeBoolean(plan->onConflictAction == ONCONFLICT_NOTHING));
}

void
pylonBeginForeignModify(ModifyTableState *mtstate, ResultRelInfo *rinfo,
						List *fdw_private, int subplan_index, int eflags)
{
	PylonModify *modify;
	Plan	   *subplan;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	modify = begin_modify(rinfo->ri_RelationDesc,
						  compat_modify_user(rinfo, mtstate->ps.state),
						  boolVal(linitial(fdw_private)));
	if (mtstate->operation != CMD_INSERT)
	{
		subplan = outerPlanState(mtstate)->plan;
		modify->id_junk = ExecFindJunkAttributeInTlist(subplan->targetlist, ID_JUNK_NAME);
		modify->row_junk = ExecFindJunkAttributeInTlist(subplan->targetlist, "wholerow");
		if (!AttributeNumberIsValid(modify->id_junk))
			elog(ERROR, "could not find junk column \"%s\"", ID_JUNK_NAME);
	}
	rinfo->ri_FdwState = modify;
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
	rinfo->ri_FdwState = begin_modify(rinfo->ri_RelationDesc,
									  compat_modify_user(rinfo, mtstate->ps.state),
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
	BatchCreate *creates;
	TupleTableSlot **rows;		/* core's own array must stay as it is */
	int			total = *numSlots;
	int			sent = 0;
	int			created = 0;
	MemoryContext before;

	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	creates = palloc0(total * sizeof(BatchCreate));
	rows = palloc(total * sizeof(TupleTableSlot *));
	for (int i = 0; i < total; i++)
	{
		creates[i].change = contact_creation(modify->writer, slots[i]);
		creates[i].purpose = insert_purpose(modify, slots[i]);
	}

	for (int i = 0; i < total; i++)
	{
		if (pylon_dry_run)
		{
			show_dry_run("POST", NULL, creates[i].change->body);
			rows[created++] = slots[i];
			continue;
		}
		while (sent < total && sent < i + modify->concurrency)
		{
			creates[sent].call = pylon_start_create(modify->connection, creates[sent].change->body);
			sent++;
		}
		if (finish_create(modify, &creates[i], sent - i - 1, slots[i]))
			rows[created++] = slots[i];
	}
	MemoryContextSwitchTo(before);
	*numSlots = created;
	return rows;
}

/* One row, by its differences; NULL if the contact is gone. */
TupleTableSlot *
pylonExecForeignUpdate(EState *estate, ResultRelInfo *rinfo,
					   TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	PylonModify *modify = rinfo->ri_FdwState;
	MemoryContext before;
	ContactChange *change;
	char	   *id;
	bool		found = true;

	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	id = junk_id(modify, planSlot);
	modify->connection->purpose = row_purpose(modify, "update", id);
	change = contact_update(modify->writer, rinfo->ri_oldTupleSlot, slot);
	if (change->body != NULL && pylon_dry_run)
		show_dry_run("PATCH", id, change->body);
	else if (change->body != NULL)
		found = answer_row(modify, change,
						   pylon_update(modify->connection, id, change->body, modify->contacts),
						   slot);
	MemoryContextSwitchTo(before);
	return found ? slot : NULL;
}

/* One row; NULL if the contact is gone already. */
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

	MemoryContextReset(modify->row_context);
	before = MemoryContextSwitchTo(modify->row_context);
	id = junk_id(modify, planSlot);
	modify->connection->purpose = row_purpose(modify, "delete", id);
	if (pylon_dry_run)
		show_dry_run("DELETE", id, NULL);
	else
		found = pylon_delete(modify->connection, id);
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
begin_modify(Relation table, Oid userid, bool skip_duplicates)
{
	PylonModify *modify = palloc0(sizeof(PylonModify));
	ForeignTable *foreign = GetForeignTable(RelationGetRelid(table));

	contact_check_columns(table);
	modify->table = table;
	modify->connection = connection_open(foreign->serverid, userid, foreign->options,
										 psprintf("write foreign table \"%s\"",
												  RelationGetRelationName(table)));
	modify->connection->writing = true;
	modify->writer = contact_writer_create(table);
	modify->contacts = contact_reader_create(table, all_attnums(table));
	modify->skip_duplicates = skip_duplicates;
	modify->concurrency = modify->connection->options.max_concurrent_requests;
	modify->row_context = AllocSetContextCreate(CurrentMemoryContext, "pylon_fdw write",
												ALLOCSET_DEFAULT_SIZES);
	return modify;
}

static Bitmapset *
all_attnums(Relation table)
{
	Bitmapset  *attnums = NULL;

	for (int i = 0; i < RelationGetNumberOfAttributes(table); i++)
	{
		if (contact_has_column(table, i + 1))
			attnums = bms_add_member(attnums, i + 1);
	}
	return attnums;
}

/* Names the row by its address, else by its name. */
static char *
insert_purpose(PylonModify *modify, TupleTableSlot *slot)
{
	return psprintf("insert contact %s into foreign table \"%s\"",
					contact_label(modify->writer, slot),
					RelationGetRelationName(modify->table));
}

static char *
row_purpose(PylonModify *modify, const char *verb, const char *id)
{
	return psprintf("%s contact %s of foreign table \"%s\"", verb, id,
					RelationGetRelationName(modify->table));
}

/* The id of the row that was read. */
static char *
junk_id(PylonModify *modify, TupleTableSlot *plan_slot)
{
	bool		null;
	Datum		value = ExecGetJunkAttribute(plan_slot, modify->id_junk, &null);
	Oid			function;
	bool		varlena;

	if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cannot write a contact of foreign table \"%s\" that has no id",
						RelationGetRelationName(modify->table))));
	getTypeOutputInfo(TupleDescAttr(RelationGetDescr(modify->table),
									contact_id_column(modify->table) - 1)->atttypid,
					  &function, &varlena);
	return OidOutputFunctionCall(function, value);
}

/*
 * Puts the contact that the API answered with into the slot, and checks that
 * it has what was sent. False if there is none.
 */
static bool
answer_row(PylonModify *modify, const ContactChange *change,
		   const PylonPage *page, TupleTableSlot *slot)
{
	int			natts = slot->tts_tupleDescriptor->natts;
	Datum	   *values = palloc0(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));

	if (page->ncontacts == 0)
		return false;
	memset(nulls, true, natts * sizeof(bool));
	contact_read(modify->contacts, page_contact(page, 0), values, nulls);
	contact_check_answer(modify->writer, change, values, nulls);

	ExecClearTuple(slot);
	memcpy(slot->tts_values, values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	/* The slot outlives the memory of this row. */
	ExecMaterializeSlot(slot);
	return true;
}

/*
 * Waits for a create of a batch; false if it was skipped. If it fails, the
 * "others" in flight behind it take effect all the same, so their ends are
 * awaited and counted before the error is raised.
 */
static bool
finish_create(PylonModify *modify, BatchCreate *create, int others,
			  TupleTableSlot *slot)
{
	volatile bool settled = false;
	volatile bool created = false;

	modify->connection->purpose = create->purpose;
	PG_TRY();
	{
		const PylonPage *page;

		if (pylon_create_failed(create->call, modify->skip_duplicates))
		{
			settled = true;
			settle_others(create + 1, others);
		}
		page = pylon_finish_create(create->call, modify->contacts, modify->skip_duplicates);
		created = page != NULL && answer_row(modify, create->change, page, slot);
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		/* A cancel doesn't wait; what happens to these creates is unknown. */
		if (code == ERRCODE_QUERY_CANCELED || code == ERRCODE_ADMIN_SHUTDOWN)
			warn_of_unknown(others + 1);
		else if (!settled)
			settle_others(create + 1, others);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return created;
}

static void
settle_others(BatchCreate *creates, int count)
{
	for (int i = 0; i < count; i++)
		pylon_settle_create(creates[i].call);
}

static void
warn_of_unknown(int count)
{
	ereport(WARNING,
			(errmsg("it is unknown whether Pylon did %d creates that were on their way",
					count)));
}

static void
show_dry_run(const char *method, const char *id, const char *body)
{
	ereport(NOTICE,
			(errmsg_internal("%s /contacts%s%s%s%s", method,
							 id ? "/" : "", id ? id : "",
							 body ? " " : "", body ? server_text(body) : "")));
}

static char *
server_text(const char *utf8)
{
	return pg_any_to_server(utf8, strlen(utf8), PG_UTF8);
}
