/*-------------------------------------------------------------------------
 *
 * json_slice.h
 *		Reading JSON in place: slices of a text.
 *
 * IDENTIFICATION
 *		fdw/wire/json_slice.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_JSON_SLICE_H
#define PYLON_JSON_SLICE_H

#include "common/jsonapi.h"

/*
 * A JSON value or key as it stands in the text (UTF-8, a string with its
 * quotes). Points into the text that was read. Absent and null are the same:
 * data is NULL.
 */
typedef struct JsonSlice
{
	const char *data;
	int			length;
} JsonSlice;

/*
 * A place in a JSON text; json_reader_* move it forward. A syntax error is
 * noted, not raised: from there on nothing more is found.
 */
typedef struct JsonReader
{
	const char *text;
	const char *end;			/* of the text */
	JsonLexContext *lex;		/* of PostgreSQL, for what isn't seen at a
								 * glance */
	JsonTokenType type;			/* of the token at hand */
	const char *token;			/* where it starts; NULL at the end */
	const char *after;			/* where it ends */
	const char *before;			/* where the one before it ends */
	int			depth;			/* of the value that is being passed over */
	JsonTokenType entered;		/* what opened the object or array that was
								 * entered last */
	bool		failed;
	bool		too_deep;		/* is why it failed */
	int			failed_at;		/* byte of the text */
} JsonReader;

/*
 * Values that are nested deeper are refused. What the API gives has some five
 * levels; a document in a field that we don't know may have tens. Each level
 * costs a few hundred bytes of stack, here and in jsonb's input function.
 */
#define JSON_MAX_DEPTH 256

#define JSON_SLICE_NULL ((JsonSlice) {NULL, 0})

/* The first byte tells the type. */
#define json_slice_is_null(slice) ((slice).data == NULL)
#define json_slice_is_string(slice) ((slice).data != NULL && (slice).data[0] == '"')
#define json_slice_is_object(slice) ((slice).data != NULL && (slice).data[0] == '{')
#define json_slice_is_array(slice) ((slice).data != NULL && (slice).data[0] == '[')

extern void json_reader_begin(JsonReader *reader, const char *text, int length);
extern bool json_reader_end(JsonReader *reader);
extern JsonTokenType json_reader_token(JsonReader *reader);
extern void json_reader_enter(JsonReader *reader);
extern bool json_reader_next_member(JsonReader *reader, bool *first,
									JsonSlice *key);
extern bool json_reader_next_element(JsonReader *reader, bool *first);
extern JsonSlice json_reader_value(JsonReader *reader);
extern const char *json_reader_position(JsonReader *reader);
extern JsonSlice json_reader_since(JsonReader *reader, const char *start);

extern const char *json_slice_text(JsonSlice slice, int *length);
extern char *json_slice_cstring(JsonSlice slice);
extern bool json_slice_is_empty(JsonSlice slice);
extern bool json_slice_is_empty_string(JsonSlice slice);
extern bool json_slice_key_is(JsonSlice key, const char *name, int length);

#endif							/* PYLON_JSON_SLICE_H */
