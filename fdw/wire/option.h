/*-------------------------------------------------------------------------
 *
 * option.h
 *		The options of pylon_fdw, as read from the catalogs.
 *
 * IDENTIFICATION
 *		fdw/wire/option.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_OPTION_H
#define PYLON_OPTION_H

#include "nodes/pg_list.h"

/* Does the API heed case when it compares text? Its documentation doesn't say. */
typedef enum PylonCase
{
	CASE_UNKNOWN,
	CASE_HEEDED,
	CASE_IGNORED,
} PylonCase;

/* Options of the server, overridden by those of the table. */
typedef struct PylonOptions
{
	char	   *base_url;		/* without a trailing slash */
	char	   *ca_file;		/* NULL: the system's CAs */
	int			page_size;
	int			lookup_batch_size;
	int			max_concurrent_requests;
	int			connect_timeout;	/* ms */
	int			request_timeout;	/* ms */
	int			max_retries;
	int			max_retry_wait; /* ms */
	int			max_response_size;	/* bytes, inflated */
	bool		updatable;
	PylonCase	case_sensitive;
	double		request_cost;
	double		estimated_contacts;
} PylonOptions;

/* Options of a user mapping; just one of them is set. */
typedef struct PylonMappingOptions
{
	char	   *api_token;
	char	   *api_token_file;
} PylonMappingOptions;

/* Options of a column. */
typedef struct PylonColumnOptions
{
	char	   *field;
	char	   *custom_field;
	bool		readonly;
	char	   *field_type;		/* the API's word; NULL: not known */
} PylonColumnOptions;

/* The values of option "object" (of char *); who knows the objects sets it. */
extern List *(*option_objects) (void);

extern void option_read_server(PylonOptions *options, List *server,
							   List *table);
extern void option_read_mapping(PylonMappingOptions *options, List *mapping);
extern char *option_read_object(List *table);
extern void option_read_column(PylonColumnOptions *options, List *column);
extern const char *option_token_problem(const char *token);
extern bool option_is_field_type(const char *type);

#endif							/* PYLON_OPTION_H */
