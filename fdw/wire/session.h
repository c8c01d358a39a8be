/*-------------------------------------------------------------------------
 *
 * session.h
 *		What a session knows of the servers that it has used.
 *
 * IDENTIFICATION
 *		fdw/wire/session.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_SESSION_H
#define PYLON_SESSION_H

#include "nodes/pg_list.h"

/* What was done, of one scan or write, or of a server in this session. */
typedef struct PylonCounters
{
	uint64		requests;		/* HTTP requests sent, repeated ones too */
	uint64		retries;
	uint64		rate_limited;	/* answers 429 */
	double		rate_limit_wait;	/* ms */
	uint64		bytes_sent;
	uint64		bytes_received; /* as they came over the wire */
	uint64		pages;
	uint64		rows_read;
	uint64		rows_created;
	uint64		rows_updated;
	uint64		rows_deleted;
} PylonCounters;

/*
 * What an object of the API is called in messages. Each object has one of these,
 * by whose address it is known here.
 */
typedef struct PylonNouns
{
	const char *one;			/* "row" */
	const char *a;				/* "a row" */
	const char *many;			/* "rows" */
	const char *title;			/* "Rows" */
} PylonNouns;

/* What a session knows of an object of a server; lives as long as the session. */
typedef struct PylonUse
{
	const PylonNouns *nouns;	/* NULL: of requests that are of no object */
	PylonCounters counters;
	bool		used;			/* before the counters were reset */
	bool		reached;		/* the server has answered with success; ALTER
								 * SERVER clears it */
} PylonUse;

/*
 * A search that the API has answered with 400: an operator on a field. A
 * list may just have been too long, so this is of lists of at least that
 * length.
 */
typedef struct PylonRefusal
{
	int			values;			/* 0 if the operator takes one value */
	char		pair[FLEXIBLE_ARRAY_MEMBER];	/* "object field operator" */
} PylonRefusal;

/* What a session knows of a server; lives as long as the session. */
typedef struct PylonSession
{
	Oid			serverid;		/* hash key */
	uint32		hash_value;		/* of the server in the catalog cache */
	List	   *uses;			/* of PylonUse *, in the order of their first */
	List	   *refused;		/* of PylonRefusal *; ALTER SERVER clears it */
	struct WrittenHistory *written; /* objects, lately; or NULL */
	struct HttpLimit *limits;	/* of its endpoints */
} PylonSession;

extern PylonSession *session_of_server(Oid serverid);
extern PylonUse *session_use(PylonSession *session, const PylonNouns *nouns);
extern bool session_is_reached(const PylonSession *session);
extern bool session_is_used(const PylonUse *use);
extern List *session_add_refusal(List *refused, const char *pair, int values);
extern void session_remember_refusal(PylonSession *session, const char *pair,
									 int values);
extern bool session_is_refused(List *refused, const char *pair, int values);
extern List *session_list(void);
extern void session_add_counters(PylonCounters *sum, const PylonCounters *more);
extern void session_reset_counters(void);

#endif							/* PYLON_SESSION_H */
