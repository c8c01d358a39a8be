/*-------------------------------------------------------------------------
 *
 * json_slice.c
 *		Reading JSON in place, with the lexer of PostgreSQL's own parser.
 *
 * The text stays as it came, in UTF-8, and nothing is copied while reading:
 * a value that nobody needs costs its lexing and no more. That lexer goes
 * from byte to byte (in PostgreSQL 15, some 12 instructions for each), so what
 * an answer nearly always consists of is seen here, eight bytes at a time:
 * punctuation, and strings without escapes. All else is the lexer's, and so
 * is every judgement that something is wrong. Escapes are
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
#include "port/pg_bitutils.h"
#include "wire/json_slice.h"
#include "wire/safe_text.h"

static bool has_foreign_escape(JsonSlice slice);
static void json_slice_advance(JsonReader *reader);
static bool see_token(JsonReader *reader);
static const char *see_string(const char *p, const char *end);
static uint64 stops_in(uint64 bytes);
static int	first_stop(uint64 stops);
static void lex_token(JsonReader *reader);
static void check_entered(JsonReader *reader, bool first, JsonTokenType type);
static void json_slice_expect(JsonReader *reader, JsonTokenType type);
static void json_slice_skip(JsonReader *reader);
static void json_slice_fail(JsonReader *reader);

/*
 * Starts reading "text", which must outlive the slices. Where the lexer is
 * needed, it is allocated in the memory context that is current then.
 */
void
json_reader_begin(JsonReader *reader, const char *text, int length)
{
	reader->lex = NULL;
	reader->text = reader->after = text;
	reader->end = text + length;
	reader->depth = 0;
	reader->failed = reader->too_deep = false;
	json_slice_advance(reader);
}

/* Frees the lexer. Was all of the text one sound value? */
bool
json_reader_end(JsonReader *reader)
{
	/* To the lexer, a zero byte behind a backslash is an escape. */
	if (reader->type != JSON_TOKEN_END ||
		memchr(reader->text, '\0', reader->end - reader->text) != NULL)
		json_slice_fail(reader);
	if (reader->lex != NULL)
		compat_free_json_lexer(reader->lex);
	return !reader->failed;
}

/* The type of the token at hand. */
JsonTokenType
json_reader_token(JsonReader *reader)
{
	return reader->type;
}

/* Steps into the object or array at hand. */
void
json_reader_enter(JsonReader *reader)
{
	if (reader->type != JSON_TOKEN_OBJECT_START &&
		reader->type != JSON_TOKEN_ARRAY_START)
		json_slice_fail(reader);
	reader->entered = reader->type;
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
	check_entered(reader, *first, JSON_TOKEN_OBJECT_START);
	if (reader->type == JSON_TOKEN_OBJECT_END)
	{
		json_slice_advance(reader);
		return false;
	}
	if (!*first)
		json_slice_expect(reader, JSON_TOKEN_COMMA);
	*first = false;
	if (reader->type != JSON_TOKEN_STRING)
		json_slice_fail(reader);
	key->data = reader->token;
	key->length = reader->after - reader->token;
	json_slice_advance(reader);
	json_slice_expect(reader, JSON_TOKEN_COLON);
	return !reader->failed;
}

/* The same for the elements of an array. */
bool
json_reader_next_element(JsonReader *reader, bool *first)
{
	check_entered(reader, *first, JSON_TOKEN_ARRAY_START);
	if (reader->type == JSON_TOKEN_ARRAY_END)
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
	bool		null = reader->type == JSON_TOKEN_NULL;

	json_slice_skip(reader);
	return null || reader->failed ? JSON_SLICE_NULL :
		json_reader_since(reader, start);
}

/* Where the token at hand starts. */
const char *
json_reader_position(JsonReader *reader)
{
	return reader->token;
}

/* What has been read since "start", to the end of the last token. */
JsonSlice
json_reader_since(JsonReader *reader, const char *start)
{
	JsonSlice	slice;

	slice.data = start;
	slice.length = reader->before - start;
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
	if (reader->failed)
		return;
	reader->before = reader->after;
	if (!see_token(reader))
		lex_token(reader);
}

/* Is the next token one of those that are known at a glance? */
static bool
see_token(JsonReader *reader)
{
	const char *p = reader->after;
	const char *end = reader->end;

	while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	if (p == end)
	{
		reader->type = JSON_TOKEN_END;
		reader->token = NULL;
		reader->after = p;
		return true;
	}
	reader->token = p++;
	switch (*reader->token)
	{
		case '{':
			reader->type = JSON_TOKEN_OBJECT_START;
			break;
		case '}':
			reader->type = JSON_TOKEN_OBJECT_END;
			break;
		case '[':
			reader->type = JSON_TOKEN_ARRAY_START;
			break;
		case ']':
			reader->type = JSON_TOKEN_ARRAY_END;
			break;
		case ',':
			reader->type = JSON_TOKEN_COMMA;
			break;
		case ':':
			reader->type = JSON_TOKEN_COLON;
			break;
		case '"':
			p = see_string(p, end);
			if (p == NULL)
				return false;
			reader->type = JSON_TOKEN_STRING;
			break;
		default:
			return false;
	}
	reader->after = p;
	return true;
}

/*
 * Where the string ends of which "p" is the first byte behind the quote; NULL
 * if something else comes first that only the lexer knows about.
 */
static const char *
see_string(const char *p, const char *end)
{
	uint64		bytes;
	uint64		stops = 0;

	while (stops == 0 && end - p >= (ptrdiff_t) sizeof(bytes))
	{
		memcpy(&bytes, p, sizeof(bytes));
		stops = stops_in(bytes);
		p += stops == 0 ? (int) sizeof(bytes) : first_stop(stops);
	}
	while (p < end && *p != '"' && *p != '\\' && (unsigned char) *p >= ' ')
		p++;
	return p < end && *p == '"' ? p + 1 : NULL;
}

/*
 * The high bits of those of eight bytes that are a quote, a backslash or below
 * a space: such a byte borrows when something is taken off, and its high bit
 * wasn't set before. A borrow may set that of the next higher byte by mistake.
 */
static uint64
stops_in(uint64 bytes)
{
	const uint64 each = UINT64CONST(0x0101010101010101);
	uint64		quotes = bytes ^ (each * '"');
	uint64		backslashes = bytes ^ (each * '\\');

	return (((quotes - each) & ~quotes) | ((backslashes - each) & ~backslashes) |
			((bytes - each * ' ') & ~bytes)) & (each * 0x80);
}

/* How many bytes stand before the first of these; 0 where it may be another. */
static int
first_stop(uint64 stops)
{
#ifdef WORDS_BIGENDIAN
	return 0;
#else
	return pg_rightmost_one_pos64(stops) / BITS_PER_BYTE;
#endif
}

/*
 * The lexer's fields are for reading, but for the place where it goes on,
 * which is what it would have left behind after the tokens that were seen.
 */
static void
lex_token(JsonReader *reader)
{
	JsonLexContext *lex = reader->lex;
	JsonParseErrorType error;

	if (lex == NULL)
		lex = reader->lex = compat_make_json_lexer(reader->text,
												   (int) (reader->end - reader->text), PG_UTF8, false);
	lex->token_terminator = unconstify(char *, reader->after);
	error = json_lex(lex);
	reader->type = error == JSON_SUCCESS ? lex->token_type : JSON_TOKEN_INVALID;
	reader->token = lex->token_start;
	reader->after = lex->token_terminator;
	if (error != JSON_SUCCESS)
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
	if (reader->type != type)
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
	switch (reader->type)
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
	if (reader->failed)
		return;
	reader->failed = true;
	reader->failed_at = (int) ((reader->token != NULL ? reader->token : reader->end) - reader->text);
}
