/*-------------------------------------------------------------------------
 *
 * connection.h
 *		With what a statement talks to one server: options, token, counters.
 *
 * IDENTIFICATION
 *		fdw/wire/connection.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CONNECTION_H
#define PYLON_CONNECTION_H

#include "wire/option.h"
#include "wire/session.h"

/* How far a write is; all tables of a statement's part share it. */
typedef struct PylonProgress
{
	const char *noun;			/* "update" */
	uint64		done;			/* rows, with those for which nothing is sent */
	uint64		total;			/* 0: not known */
} PylonProgress;

/*
 * Made anew for each scan, so that it never outlives a change of the options
 * or of the user mapping. What is expensive, the TCP and TLS connections,
 * belongs to http.c and is shared by all of them.
 */
typedef struct PylonConnection
{
	Oid			serverid;
	char	   *server_name;
	const PylonNouns *nouns;	/* what it reads or writes is called so */
	char	   *purpose;		/* "read foreign table ...": of requests that
								 * have none of their own */
	PylonOptions options;
	char	   *token;
	char	   *ca;				/* what ca_file holds; NULL: the system's */
	size_t		ca_length;
	char	   *token_file;		/* that it was read from, or NULL */
	struct PylonStatement *statement;	/* that it writes for, or NULL */
	const PylonProgress *progress;	/* with it, from the first row on */
	char	   *schema_name;	/* with it, of the table that is written: what */
	char	   *table_name;		/* errors of a row name */
	bool		shows_ids;		/* the user may read the ids of that table */
	double		started;		/* monotonic ms */
	double		expected;		/* rows to read, by the statistics; 0: not
								 * known */
	char	   *reported;		/* the last progress message, or NULL */
	PylonCounters counters;		/* of this connection alone */
	PylonSession *session;
	PylonUse   *use;			/* the object's in that */
} PylonConnection;

/* Counts "n" of a member of PylonCounters. */
#define CONNECTION_COUNT(connection, member, n) \
	((connection)->counters.member += (n), \
	 (connection)->use->counters.member += (n))

extern int	pylon_progress_interval;

extern PylonConnection *connection_open(Oid serverid, Oid userid,
										List *table_options,
										const PylonNouns *nouns,
										char *purpose);
extern PylonConnection *connection_prepare(Oid serverid, List *table_options,
										   const PylonNouns *nouns,
										   char *purpose);
extern void connection_find_token(PylonConnection *connection, Oid userid);
extern bool connection_has_mapping(Oid serverid, Oid userid);
extern const char *connection_base_path(const PylonConnection *connection);
extern double connection_now(void);
extern char *connection_count_text(uint64 count, const char *noun);
extern char *connection_number_text(uint64 number);
extern long connection_progress_due(void);
extern void connection_report_progress(PylonConnection *connection,
									   const char *purpose,
									   double rate_limit_wait);

#endif							/* PYLON_CONNECTION_H */
