/*-------------------------------------------------------------------------
 *
 * compat.h
 *		Every difference between the PostgreSQL versions that pylon_fdw
 *		builds on. No other file tests PG_VERSION_NUM.
 *
 * IDENTIFICATION
 *		fdw/compat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_COMPAT_H
#define PYLON_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "pylon_fdw needs PostgreSQL 15 or newer"
#endif

#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_server.h"
#include "commands/vacuum.h"
#include "common/jsonapi.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/pathnodes.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#include "storage/waiteventset.h"
#else
#include "commands/explain.h"
#include "storage/latch.h"
#endif
#if PG_VERSION_NUM < 170000
#include "postmaster/autovacuum.h"
#endif
#include "utils/wait_event.h"

/* Memory for what a check hook of a setting hands on, or NULL. */
#if PG_VERSION_NUM >= 160000
#define compat_guc_malloc(size) guc_malloc(LOG, (size))
#else
#define compat_guc_malloc(size) malloc(size)
#endif

/* PostgreSQL 18 lets a module carry its name and version. */
#ifdef PG_MODULE_MAGIC_EXT
#define PYLON_MODULE_MAGIC \
	PG_MODULE_MAGIC_EXT(.name = "pylon_fdw", .version = PYLON_FDW_VERSION)
#else
#define PYLON_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* The mark of 18, which stands before the function. */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 19 has a type for what the callbacks of the catalog caches are told. */
#if PG_VERSION_NUM >= 190000
typedef SysCacheIdentifier CompatCacheId;
#else
typedef int CompatCacheId;
#endif

/* The wait set is owned by the session; 17 put a resource owner in front. */
static inline WaitEventSet *
compat_create_wait_event_set(int nevents)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, nevents);
#else
	return CreateWaitEventSet(TopMemoryContext, nevents);
#endif
}

/* Until 18, who runs a query said whether it will do so once. */
#if PG_VERSION_NUM >= 180000
#define COMPAT_RUN_ONCE
#define COMPAT_PASS_ONCE
#else
#define COMPAT_RUN_ONCE , bool once
#define COMPAT_PASS_ONCE , once
#endif

/* Waits show under an own name in pg_stat_activity from 17 on. */
static inline uint32
compat_wait_event(void)
{
#if PG_VERSION_NUM >= 170000
	static uint32 wait_event = 0;

	if (wait_event == 0)
		wait_event = WaitEventExtensionNew("PylonHttp");
	return wait_event;
#else
	return PG_WAIT_EXTENSION;
#endif
}

/* A lexer over "len" bytes of "json"; 17 made the input const. */
static inline JsonLexContext *
compat_make_json_lexer(const char *json, int len, int encoding,
					   bool need_escapes)
{
#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, json, len, encoding,
										need_escapes);
#else
	return makeJsonLexContextCstringLen(unconstify(char *, json), len,
										encoding, need_escapes);
#endif
}

/*
 * Does the error mean a character that the server can't hold? Before 16, the
 * lexer raises an error of its own for those that its encoding lacks.
 */
static inline bool
compat_json_untranslatable(JsonParseErrorType error)
{
#if PG_VERSION_NUM >= 160000
	if (error == JSON_UNICODE_UNTRANSLATABLE)
		return true;
#endif
	return error == JSON_UNICODE_CODE_POINT_ZERO ||
		error == JSON_UNICODE_HIGH_ESCAPE;
}

static inline void
compat_free_json_lexer(JsonLexContext *lex)
{
#if PG_VERSION_NUM >= 170000
	freeJsonLexContext(lex);
#else
	if (lex->strval != NULL)
	{
		pfree(lex->strval->data);
		pfree(lex->strval);
	}
	pfree(lex);
#endif
}

/* 17 added the restrictions of a join, 18 the count of disabled nodes. */
static inline ForeignPath *
compat_create_foreignscan_path(PlannerInfo *root, RelOptInfo *rel,
							   double rows, Cost startup_cost,
							   Cost total_cost, Relids required_outer,
							   List *fdw_private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreignscan_path(root, rel, NULL, rows, 0, startup_cost,
								   total_cost, NIL, required_outer, NULL,
								   NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
	return create_foreignscan_path(root, rel, NULL, rows, startup_cost,
								   total_cost, NIL, required_outer, NULL,
								   NIL, fdw_private);
#else
	return create_foreignscan_path(root, rel, NULL, rows, startup_cost,
								   total_cost, NIL, required_outer, NULL,
								   fdw_private);
#endif
}

/* What a custom path of a join tells since 17, and 18. */
static inline void
compat_set_custom_join(CustomPath *path, Path *outer, List *restrictlist)
{
#if PG_VERSION_NUM >= 170000
	path->custom_restrictinfo = restrictlist;
#endif
#if PG_VERSION_NUM >= 180000
	path->path.disabled_nodes = outer->disabled_nodes;
#endif
}

/* Before 17, core doesn't check constant conditions of such a join. */
static inline bool
compat_pseudoconstants_are_checked(void)
{
#if PG_VERSION_NUM >= 170000
	return true;
#else
	return false;
#endif
}

/*
 * The path of the other side of a semijoin, each row once; NULL if that
 * can't be had. 19 hands over a rel whose paths do that already.
 */
static inline Path *
compat_unique_path(PlannerInfo *root, RelOptInfo *rel, SpecialJoinInfo *sjinfo)
{
#if PG_VERSION_NUM >= 190000
	return rel->cheapest_total_path;
#else
	return (Path *) create_unique_path(root, rel, rel->cheapest_total_path, sjinfo);
#endif
}

/* All rows of these paths. 19 takes the paths in a struct. */
static inline Path *
compat_append_path(PlannerInfo *root, RelOptInfo *rel, List *paths)
{
#if PG_VERSION_NUM >= 190000
	AppendPathInput input = {.subpaths = paths};

	return (Path *) create_append_path(root, rel, input, NIL, NULL, 0, false, -1);
#else
	return (Path *) create_append_path(root, rel, paths, NIL, NIL, NULL, 0, false, -1);
#endif
}

/* 17 looks into the statistics, and wants the planner's root for that. */
static inline double
compat_estimate_array_length(PlannerInfo *root, Node *array)
{
#if PG_VERSION_NUM >= 170000
	return estimate_array_length(root, array);
#else
	return estimate_array_length(array);
#endif
}

/*
 * The user that a scan runs as: a view's owner where a view stands between,
 * else the current user.
 */
static inline Oid
compat_scan_user(ForeignScanState *node)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	Oid			userid;

#if PG_VERSION_NUM >= 160000
	userid = plan->checkAsUser;
#else
	userid = exec_rt_fetch(plan->scan.scanrelid,
						   node->ss.ps.state)->checkAsUser;
#endif
	return OidIsValid(userid) ? userid : GetUserId();
}

/* 18 tells analyze from vacuum. */
static inline void
compat_analyze_delay_point(void)
{
#if PG_VERSION_NUM >= 180000
	vacuum_delay_point(true);
#else
	vacuum_delay_point();
#endif
}

/* Is this a worker of autovacuum? */
static inline bool
compat_is_autovacuum_worker(void)
{
#if PG_VERSION_NUM >= 170000
	return AmAutoVacuumWorkerProcess();
#else
	return IsAutoVacuumWorkerProcess();
#endif
}

/* Computed whenever it is read, so that no row holds it; since 18. */
static inline bool
compat_is_virtual(Form_pg_attribute attr)
{
#if PG_VERSION_NUM >= 180000
	return attr->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	return false;
#endif
}

/* 16 has one function for the privileges on objects of any kind. */
static inline AclResult
compat_foreign_server_aclcheck(Oid serverid, Oid userid, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ForeignServerRelationId, serverid, userid, mode);
#else
	return pg_foreign_server_aclcheck(serverid, userid, mode);
#endif
}

/*
 * The members of an equivalence class that are of the query's own tables or
 * of the children "relids"; 18 took the latter out of the list.
 */
static inline List *
compat_eclass_members(EquivalenceClass *ec, Relids relids)
{
#if PG_VERSION_NUM >= 180000
	EquivalenceMemberIterator it;
	EquivalenceMember *member;
	List	   *members = NIL;

	setup_eclass_member_iterator(&it, ec, relids);
	while ((member = eclass_member_iterator_next(&it)) != NULL)
		members = lappend(members, member);
	return members;
#else
	return ec->ec_members;
#endif
}

/* The user that a write runs as. */
static inline Oid
compat_modify_user(ResultRelInfo *rinfo, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	return ExecGetResultRelCheckAsUser(rinfo, estate);
#else
	RangeTblEntry *rte;
	Oid			userid = InvalidOid;

	/* A partition that rows are routed to has no entry of its own. */
	if (rinfo->ri_RangeTableIndex != 0)
		rte = exec_rt_fetch(rinfo->ri_RangeTableIndex, estate);
	else if (rinfo->ri_RootResultRelInfo != NULL)
		rte = exec_rt_fetch(rinfo->ri_RootResultRelInfo->ri_RangeTableIndex, estate);
	else
		rte = NULL;
	if (rte != NULL)
		userid = rte->checkAsUser;
	return OidIsValid(userid) ? userid : GetUserId();
#endif
}

/* 16 has initClosestMatch and its companions; 15 has just the distance. */
#if PG_VERSION_NUM < 160000
typedef struct ClosestMatchState
{
	const char *source;
	int			min_d;
	int			max_d;
	const char *match;
} ClosestMatchState;

static inline void
initClosestMatch(ClosestMatchState *state, const char *source, int max_d)
{
	state->source = source;
	state->min_d = -1;
	state->max_d = max_d;
	state->match = NULL;
}

static inline void
updateClosestMatch(ClosestMatchState *state, const char *candidate)
{
	int			dist;

	if (strlen(state->source) >= NAMEDATALEN)
		return;
	dist = varstr_levenshtein_less_equal(state->source, strlen(state->source),
										 candidate, strlen(candidate),
										 1, 1, 1, state->max_d, true);
	/* Like core: too far, or more than half of the source, is no match. */
	if (dist <= state->max_d && dist <= (int) strlen(state->source) / 2 &&
		(state->min_d == -1 || dist < state->min_d))
	{
		state->min_d = dist;
		state->match = candidate;
	}
}

static inline const char *
getClosestMatch(ClosestMatchState *state)
{
	return state->match;
}
#endif

#endif							/* PYLON_COMPAT_H */
