/*-------------------------------------------------------------------------
 *
 * json.h
 *		Bodies of requests, and answers that hold no objects.
 *
 * IDENTIFICATION
 *		fdw/wire/json.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_JSON_H
#define PYLON_JSON_H

#include "nodes/pg_list.h"

/*
 * The API's Filter object: a leaf has field and value or values, a compound
 * one ("and", "or") has subfilters. Strings in the server's encoding.
 */
typedef struct PylonFilter
{
	const char *operator;
	const char *field;			/* NULL in a compound filter */
	const char *value;			/* or NULL */
	List	   *values;			/* of char *, or NIL */
	List	   *subfilters;		/* of PylonFilter *, or NIL */
} PylonFilter;

/* What the API says of a failure; members that it left out are NULL. */
typedef struct PylonError
{
	char	   *message;
	char	   *code;
	char	   *request_id;
	char	   *exists_id;
} PylonError;

/* Who GET /me says we are; members that it left out are NULL. */
typedef struct PylonMe
{
	char	   *organization;
	char	   *token_name;
} PylonMe;

/* The definition of a custom field. */
typedef struct PylonCustomField
{
	char	   *slug;
	char	   *type;			/* "" if the API left it out */
	bool		read_only;
} PylonCustomField;

/* What has been read of the definitions. */
typedef struct PylonDefinitions
{
	List	   *fields;			/* of PylonCustomField * */
	char	   *cursor;			/* of the next page, NULL at the last one */
	bool		hollow;			/* the page read last announces another one,
								 * but holds nothing, or no cursor */
} PylonDefinitions;

/* The body of a write, while it is made; owned by its memory context. */
typedef struct JsonTree JsonTree;

extern JsonTree *json_body_create(void);
extern void json_body_string(JsonTree *body, const char *key,
							 const char *text);
extern void json_body_boolean(JsonTree *body, const char *key, bool value);
extern void json_body_list(JsonTree *body, const char *key, List *texts);
extern void json_body_json(JsonTree *body, const char *key,
						   const char *json);
extern void json_body_addresses(JsonTree *body, const char *key,
								const char *member, List *addresses,
								const char *primary);
extern void json_body_custom_value(JsonTree *body, const char *key,
								   const char *slug, const char *value);
extern void json_body_custom_values(JsonTree *body, const char *key,
									const char *slug, List *values);
extern char *json_body_text(JsonTree *body);

extern char *json_filter_text(const PylonFilter *filter);
extern char *json_search_body(const PylonFilter *filter, int limit,
							  const char *cursor);
extern bool json_read_error(const char *body, size_t length,
							PylonError *error);
extern bool json_read_me(const char *body, size_t length, PylonMe *me);
extern bool json_read_definitions(const char *body, size_t length,
								  PylonDefinitions *found);

#endif							/* PYLON_JSON_H */
