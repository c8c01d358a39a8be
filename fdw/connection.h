/*-------------------------------------------------------------------------
 *
 * connection.h
 *		With what a statement talks to one server: options, token, counters.
 *
 * IDENTIFICATION
 *		fdw/connection.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CONNECTION_H
#define PYLON_CONNECTION_H

#include "option.h"

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
 * A search that the API has answered with 400: an operator on a field. A
 * list may just have been too long, so this is of lists of at least that
 * length.
 */
typedef struct PylonRefusal
{
	int			values;			/* 0 if the operator takes one value */
	char		pair[FLEXIBLE_ARRAY_MEMBER];	/* "field operator" */
} PylonRefusal;

/* What a session knows of a server; lives as long as the session. */
typedef struct PylonSession
{
	Oid			serverid;		/* hash key */
	uint32		hash_value;		/* of the server in the catalog cache */
	PylonCounters counters;
	bool		used;			/* before the counters were reset */
	List	   *refused;		/* of PylonRefusal *; ALTER SERVER clears it */
	bool		reached;		/* it has answered with success; likewise */
	struct WrittenHistory *written; /* objects, lately; or NULL */
} PylonSession;

/*
 * Made anew for each scan, so that it never outlives a change of the options
 * or of the user mapping. What is expensive, the TCP and TLS connections,
 * belongs to http.c and is shared by all of them.
 */
typedef struct PylonConnection
{
	Oid			serverid;
	char	   *server_name;
	char	   *purpose;		/* "read foreign table \"objects\"" */
	PylonOptions options;
	char	   *token;
	char	   *ca;				/* what ca_file holds; NULL: the system's */
	size_t		ca_length;
	char	   *token_file;		/* that it was read from, or NULL */
	struct PylonStatement *statement;	/* that it writes for, or NULL */
	char	   *schema_name;	/* with it, of the table that is written: what */
	char	   *table_name;		/* errors of a row name */
	bool		shows_ids;		/* the user may read the ids of that table */
	double		started;		/* monotonic ms */
	PylonCounters calls;		/* of this connection alone */
	PylonSession *session;
} PylonConnection;

/* Counts "n" of a member of PylonCounters. */
#define CONNECTION_COUNT(connection, member, n) \
	((connection)->calls.member += (n), \
	 (connection)->session->counters.member += (n))

extern int	pylon_progress_interval;

extern PylonConnection *connection_open(Oid serverid, Oid userid,
										List *table_options, char *purpose);
extern const char *connection_base_path(const PylonConnection *connection);
extern PylonSession *connection_session(Oid serverid);
extern List *connection_add_refusal(List *refused, const char *pair,
									int values);
extern void connection_remember_refusal(PylonSession *session,
										const char *pair, int values);
extern bool connection_is_refused(List *refused, const char *pair,
								  int values);
extern List *connection_sessions(void);
extern void connection_reset_counters(void);
extern double connection_now(void);
extern char *connection_count_text(uint64 count, const char *noun);
extern long connection_progress_due(void);
extern void connection_report_progress(PylonConnection *connection,
									   double rate_limit_wait);

#endif							/* PYLON_CONNECTION_H */
