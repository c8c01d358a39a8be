/*-------------------------------------------------------------------------
 *
 * json_slice.c
 *		Reading JSON in place, with the lexer of PostgreSQL's own parser.
 *
 * The text stays as it came, in UTF-8, and nothing is copied while reading:
 * a value that nobody needs costs its lexing and no more. Escapes are
 * resolved, and the encoding is checked and converted, only where a slice is
 * turned into text. That keeps a bad character in one field from spoiling
 * all others, and lets the error name the column.
 *
 * Nothing here raises an error for what the text is; only turning a slice
 * into text may.
 *
 * IDENTIFICATION
 *		fdw/wire/json_slice.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "wire/json_slice.h"
#include "wire/safe_text.h"

static bool has_foreign_escape(JsonSlice slice);
static void json_slice_advance(JsonReader *reader);
static void check_entered(JsonReader *reader, bool first, JsonTokenType type);
static void json_slice_expect(JsonReader *reader, JsonTokenType type);
static void json_slice_skip(JsonReader *reader);
static void json_slice_fail(JsonReader *reader);

/*
 * Starts reading "text"; the lexer is allocated in the current memory
 * context. "text" must outlive the slices.
 */
void
json_reader_begin(JsonReader *reader, const char *text, int length)
{
	reader->lex = compat_make_json_lexer(text, length, PG_UTF8, false);
	reader->depth = 0;
	reader->failed = reader->too_deep = false;
	json_slice_advance(reader);
}

/* Frees the lexer. Was all of the text one sound value? */
bool
json_reader_end(JsonReader *reader)
{
	JsonLexContext *lex = reader->lex;

	/* To the lexer, a zero byte behind a backslash is an escape. */
	if (lex->token_type != JSON_TOKEN_END ||
		memchr(lex->input, '\0', lex->input_length) != NULL)
		json_slice_fail(reader);
	compat_free_json_lexer(lex);
	return !reader->failed;
}

/* The type of the token at hand. */
JsonTokenType
json_reader_token(JsonReader *reader)
{
	return reader->lex->token_type;
}

/* Steps into the object or array at hand. */
void
json_reader_enter(JsonReader *reader)
{
	if (reader->lex->token_type != JSON_TOKEN_OBJECT_START &&
		reader->lex->token_type != JSON_TOKEN_ARRAY_START)
		json_slice_fail(reader);
	reader->entered = reader->lex->token_type;
	json_slice_advance(reader);
}

/*
 * The next key of the object that was entered; then its value is at hand
 * and must be read. False at the end of the object, which is left. "first"
 * is true at the first call and kept by the caller.
 */
bool
json_reader_next_member(JsonReader *reader, bool *first, JsonSlice *key)
{
	JsonLexContext *lex = reader->lex;

	check_entered(reader, *first, JSON_TOKEN_OBJECT_START);
	if (lex->token_type == JSON_TOKEN_OBJECT_END)
	{
		json_slice_advance(reader);
		return false;
	}
	if (!*first)
		json_slice_expect(reader, JSON_TOKEN_COMMA);
	*first = false;
	if (lex->token_type != JSON_TOKEN_STRING)
		json_slice_fail(reader);
	key->data = lex->token_start;
	key->length = lex->token_terminator - lex->token_start;
	json_slice_advance(reader);
	json_slice_expect(reader, JSON_TOKEN_COLON);
	return !reader->failed;
}

/* The same for the elements of an array. */
bool
json_reader_next_element(JsonReader *reader, bool *first)
{
	check_entered(reader, *first, JSON_TOKEN_ARRAY_START);
	if (reader->lex->token_type == JSON_TOKEN_ARRAY_END)
	{
		json_slice_advance(reader);
		return false;
	}
	if (!*first)
		json_slice_expect(reader, JSON_TOKEN_COMMA);
	*first = false;
	return !reader->failed;
}

/* The value at hand, which is left behind. */
JsonSlice
json_reader_value(JsonReader *reader)
{
	const char *start = json_reader_position(reader);
	bool		null = reader->lex->token_type == JSON_TOKEN_NULL;

	json_slice_skip(reader);
	return null || reader->failed ? JSON_SLICE_NULL :
		json_reader_since(reader, start);
}

/* Where the token at hand starts. */
const char *
json_reader_position(JsonReader *reader)
{
	return reader->lex->token_start;
}

/* What has been read since "start", to the end of the last token. */
JsonSlice
json_reader_since(JsonReader *reader, const char *start)
{
	JsonSlice	slice;

	slice.data = start;
	slice.length = reader->lex->prev_token_terminator - start;
	return slice;
}

/*
 * A string's text, escapes resolved, or any other value's JSON, in the
 * server's encoding. The result is not NUL-terminated; it may point into the
 * slice or be allocated in the current memory context.
 *
 * Raises what the encoding conversion raises, and 22P05 for \u0000.
 */
const char *
json_slice_text(JsonSlice slice, int *length)
{
	bool		string = json_slice_is_string(slice);
	JsonLexContext *lex;
	JsonParseErrorType error;
	char	   *text;

	if (string && memchr(slice.data, '\\', slice.length) == NULL)
	{
		slice.data++;
		slice.length -= 2;
		string = false;
	}
	text = pg_any_to_server(slice.data, slice.length, PG_UTF8);
	*length = text == slice.data ? slice.length : (int) strlen(text);

	if (!string)
		return text;

	/* Still with its escapes: these are ASCII in any server encoding. */
	lex = compat_make_json_lexer(text, *length, GetDatabaseEncoding(), true);
	error = json_lex(lex);
	if (error != JSON_SUCCESS)
		ereport(ERROR,
				(errcode(compat_json_untranslatable(error) ?
						 ERRCODE_UNTRANSLATABLE_CHARACTER :
						 ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid text in the answer of the API"),
				 errdetail_internal("%s", safe_text(json_errdetail(error, lex)))));
	*length = lex->strval->len;
	return lex->strval->data;
}

/* The same as a C string, allocated in the current memory context. */
char *
json_slice_cstring(JsonSlice slice)
{
	int			length;
	const char *text = json_slice_text(slice, &length);

	return pnstrdup(text, length);
}

/* Null, an empty string, or a list of nothing. */
bool
json_slice_is_empty(JsonSlice slice)
{
	if (!json_slice_is_array(slice))
		return json_slice_is_null(slice) || json_slice_is_empty_string(slice);
	for (int i = 1; i < slice.length - 1; i++)
	{
		if (strchr(" \t\r\n", slice.data[i]) == NULL)
			return false;
	}
	return true;
}

bool
json_slice_is_empty_string(JsonSlice slice)
{
	return json_slice_is_string(slice) && slice.length == 2;
}

/*
 * Is "key" the member "name" (UTF-8, without escapes)? Keys that are written
 * with escapes are rare enough to be resolved on the spot; one that can't be
 * is none that we know.
 */
bool
json_slice_key_is(JsonSlice key, const char *name, int length)
{
	JsonLexContext *lex;
	bool		equal;

	if (key.length == length + 2 && memcmp(key.data + 1, name, length) == 0)
		return true;
	/* An escape is longer than what it stands for. */
	if (key.length <= length + 2 || memchr(key.data, '\\', key.length) == NULL ||
		has_foreign_escape(key))
		return false;

	lex = compat_make_json_lexer(key.data, key.length, PG_UTF8, true);
	equal = json_lex(lex) == JSON_SUCCESS && lex->strval->len == length &&
		memcmp(lex->strval->data, name, length) == 0;
	compat_free_json_lexer(lex);
	return equal;
}

/*
 * Is there an escape that the lexer would convert to another encoding than
 * UTF-8, and raise an error where it can't?
 */
static bool
has_foreign_escape(JsonSlice slice)
{
	const char *end = slice.data + slice.length;

	if (GetDatabaseEncoding() == PG_UTF8)
		return false;
	for (const char *p = slice.data; p < end; p++)
	{
		if (*p != '\\')
			continue;
		p++;
		if (*p == 'u' && (strncmp(p, "u00", 3) != 0 || p[3] > '7'))
			return true;
	}
	return false;
}

static void
json_slice_advance(JsonReader *reader)
{
	if (!reader->failed && json_lex(reader->lex) != JSON_SUCCESS)
		json_slice_fail(reader);
}

/* Else "[}" would be an object, and an array whose elements have keys, too. */
static void
check_entered(JsonReader *reader, bool first, JsonTokenType type)
{
	if (first && reader->entered != type)
		json_slice_fail(reader);
}

static void
json_slice_expect(JsonReader *reader, JsonTokenType type)
{
	if (reader->lex->token_type != type)
		json_slice_fail(reader);
	json_slice_advance(reader);
}

/*
 * Leaves a whole value behind, checking that it is one, and not nested too
 * deep.
 */
static void
json_slice_skip(JsonReader *reader)
{
	bool		first = true;
	JsonSlice	key;

	CHECK_FOR_INTERRUPTS();
	if (++reader->depth > JSON_MAX_DEPTH)
	{
		reader->too_deep = !reader->failed;
		json_slice_fail(reader);
	}
	switch (reader->lex->token_type)
	{
		case JSON_TOKEN_OBJECT_START:
			check_stack_depth();
			json_reader_enter(reader);
			while (json_reader_next_member(reader, &first, &key))
				json_slice_skip(reader);
			break;
		case JSON_TOKEN_ARRAY_START:
			check_stack_depth();
			json_reader_enter(reader);
			while (json_reader_next_element(reader, &first))
				json_slice_skip(reader);
			break;
		case JSON_TOKEN_STRING:
		case JSON_TOKEN_NUMBER:
		case JSON_TOKEN_TRUE:
		case JSON_TOKEN_FALSE:
		case JSON_TOKEN_NULL:
			json_slice_advance(reader);
			break;
		default:
			json_slice_fail(reader);
	}
	reader->depth--;
}

/* The first error is the one to tell of. */
static void
json_slice_fail(JsonReader *reader)
{
	JsonLexContext *lex = reader->lex;

	if (reader->failed)
		return;
	reader->failed = true;
	reader->failed_at = lex->token_start != NULL ?
		(int) (lex->token_start - lex->input) : (int) lex->input_length;
}
