/*-------------------------------------------------------------------------
 *
 * dry_run.c
 *		Setting pylon_fdw.dry_run: writes are shown instead of sent.
 *
 * It is for one's own statements. The body of another user's function or
 * view may write what the caller may not see, and whoever calls it takes it
 * for done; so who has set the value goes along with it, and a write that
 * runs as somebody else is refused.
 *
 * IDENTIFICATION
 *		fdw/query/dry_run.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "query/dry_run.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "wire/safe_text.h"

#define SETTING "pylon_fdw.dry_run"

static bool dry_run = false;

/* What goes along with a value: SET LOCAL and savepoints restore both. */
typedef struct Setter
{
	Oid			user;			/* InvalidOid is the session itself: the value
								 * comes from the configuration, from the
								 * client's start, or from before the library
								 * knew */
	bool		misread;		/* it stands for "misread" */
} Setter;

static Setter setter = {InvalidOid, false};

/* Set before the library was loaded to what is no boolean: to this, or NULL. */
static char *misread = NULL;

/* The library is being loaded. */
static bool loading = false;

static bool check_dry_run(bool *value, void **extra, GucSource source);
static void assign_dry_run(bool value, void *extra);

/*
 * Defines the setting, as the library is loaded. A value that it was given
 * before was just text to the server, which drops one that is no boolean
 * with a warning: too quiet for somebody who is about to see what an UPDATE
 * would do.
 */
void
dry_run_define(void)
{
	const char *before = GetConfigOption(SETTING, true, false);
	bool		value;

	if (before != NULL && !parse_bool(before, &value))
		misread = MemoryContextStrdup(TopMemoryContext, before);
	loading = true;
	DefineCustomBoolVariable(SETTING,
							 "Shows writes as notices instead of sending them.",
							 NULL,
							 &dry_run,
							 false,
							 PGC_USERSET, 0,
							 check_dry_run, assign_dry_run, NULL);
	loading = false;
}

/* Notes the user with the value, so that both are restored together. */
static bool
check_dry_run(bool *value, void **extra, GucSource source)
{
	Setter	   *noted = compat_guc_malloc(sizeof(Setter));
	int			context;

	if (noted == NULL)
		return false;
	noted->user = InvalidOid;
	noted->misread = loading && misread != NULL;
	/* While it is loaded, in another user's function maybe, nobody sets it. */
	if (source >= PGC_S_INTERACTIVE && !loading)
		GetUserIdAndSecContext(&noted->user, &context);
	*extra = noted;
	return true;
}

static void
assign_dry_run(bool value, void *extra)
{
	static const Setter unknown = {InvalidOid, false};

	setter = extra == NULL ? unknown : *(Setter *) extra;
}

/*
 * Are writes to "table" as "userid" only to be shown? Raises 42501 where that
 * is another user than the one who wants it, 22023 where it is unknown
 * whether it is wanted.
 */
bool
dry_run_is_on(Relation table, Oid userid)
{
	Oid			user = OidIsValid(setter.user) ? setter.user : GetOuterUserId();

	if (setter.misread)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot write foreign table \"%s\": parameter \"%s\" was set to \"%s\", which is no Boolean value",
						RelationGetRelationName(table), SETTING, misread),
				 errhint("Set it to on or off.")));
	if (dry_run && userid != user)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot write foreign table \"%s\" as user \"%s\" in a dry run of user \"%s\"",
						RelationGetRelationName(table), GetUserNameFromId(userid, false),
						GetUserNameFromId(user, false)),
				 errdetail("Parameter \"%s\" is for one's own statements. A function, view or rule of another user is not to show what it writes.",
						   SETTING),
				 errhint("Set it as the user who writes, or turn it off.")));
	return dry_run;
}

/* Shows a write; "body" is UTF-8, or NULL for none. */
void
dry_run_show(const char *method, const char *path, const char *body)
{
	ereport(NOTICE,
			(errmsg_internal("%s %s%s%s", method, safe_text(path), body ? " " : "",
							 body ? safe_text_long(pg_any_to_server(body, strlen(body), PG_UTF8)) : "")));
}
