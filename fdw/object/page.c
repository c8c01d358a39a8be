/*-------------------------------------------------------------------------
 *
 * page.c
 *		An answer that holds objects, cut into slices of the wanted members.
 *
 * Takes the answers of list, search, get, create and update, which hold
 * objects under "data": many, one, or none. Whatever else the answer or an
 * object holds is passed over. Slices become Datums later, a row at a time
 * (object_read.c), so that a page costs little more than lexing it.
 *
 * IDENTIFICATION
 *		fdw/object/page.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "object/custom_value.h"
#include "object/page.h"

/*
 * Bytes at the end of an answer in which the pagination is looked for: some
 * hundred, but for a cursor that is very long. Where it isn't found there, the
 * next page is asked for when this one is parsed.
 */
#define PEEK_LENGTH 2048
#define PAGINATION_KEY "\"pagination\""

static void parse_data(PylonPage *page, const ObjectLayout *layout,
					   bool single, JsonReader *reader);
static void parse_entry(PylonPage *page, const ObjectLayout *layout,
						  JsonReader *reader);
static void parse_object(const ObjectLayout *layout, int level,
						 JsonReader *reader, JsonSlice *slices);
static JsonSlice *add_entry(PylonPage *page);
static bool parse_pagination(PylonPage *page, bool single, JsonReader *reader);
static bool skip_nothing(JsonReader *reader);
static bool holds_something(JsonSlice value);

/*
 * Parses an answer (reference: "Get all ...", 200), or with "single"
 * one to a question for one object. Absent or null "data" is no object,
 * absent or null "pagination" the last page. Where the answer isn't JSON, has
 * another shape, or holds errors in place of objects, "problem" says so, and
 * nothing else of the page is to be used.
 *
 * The page is allocated in the current memory context. Interruptible.
 */
PylonPage *
page_parse(const ObjectLayout *layout, bool single, const char *body,
		   size_t length)
{
	PylonPage  *page = palloc0(sizeof(PylonPage));
	JsonReader	reader;
	JsonSlice	key;
	JsonSlice	errors = JSON_SLICE_NULL;
	bool		first = true;
	bool		more = false;

	page->nslices = layout->nsources;
	json_reader_begin(&reader, body, (int) length);
	json_reader_enter(&reader);
	while (page->problem == NULL && json_reader_next_member(&reader, &first, &key))
	{
		if (json_slice_key_is(key, "data", 4))
			parse_data(page, layout, single, &reader);
		else if (json_slice_key_is(key, "pagination", 10))
			more = parse_pagination(page, single, &reader);
		else if (json_slice_key_is(key, "errors", 6))
			errors = json_reader_value(&reader);
		else
			(void) json_reader_value(&reader);
	}
	if (!json_reader_end(&reader) && page->problem == NULL)
		page->problem = reader.too_deep ?
			psprintf("It is nested more than %d levels deep.", JSON_MAX_DEPTH) :
			psprintf("It is not the JSON that was expected, at byte %d of %zu.",
					 reader.failed_at, length);
	if (page->problem == NULL && page->nobjects == 0 && holds_something(errors))
	{
		page->problem = "It holds errors and no data.";
		page->refused = true;
	}
	page->hollow = more && !single && (page->nobjects == 0 || page->cursor == NULL);
	return page;
}

/*
 * Looks at an answer to a question for many no further than to its first
 * object. What is wrong with an answer is for page_parse to say.
 */
PageGlance
page_glance(const char *body, size_t length)
{
	PylonPage	page = {0};
	JsonReader	reader;
	JsonSlice	key;
	bool		first = true;
	bool		more = false;
	bool		full = false;
	bool		failed = false;

	json_reader_begin(&reader, body, (int) length);
	json_reader_enter(&reader);
	while (!full && !failed && json_reader_next_member(&reader, &first, &key))
	{
		if (json_slice_key_is(key, "data", 4))
			full = !skip_nothing(&reader);
		else if (json_slice_key_is(key, "pagination", 10))
			more = parse_pagination(&page, false, &reader);
		else if (json_slice_key_is(key, "errors", 6))
			failed = holds_something(json_reader_value(&reader));
		else
			(void) json_reader_value(&reader);
	}
	/* At the end only if there was nothing to stop at. */
	if (json_reader_end(&reader) && more && page.problem == NULL)
		return PAGE_IS_HOLLOW;
	return full ? PAGE_HOLDS_OBJECTS : PAGE_IS_OTHER;
}

/* Leaves null or an empty list behind; false, and no further, at anything else. */
static bool
skip_nothing(JsonReader *reader)
{
	bool		first = true;

	if (json_reader_token(reader) == JSON_TOKEN_ARRAY_START)
	{
		json_reader_enter(reader);
		return !json_reader_next_element(reader, &first);
	}
	if (json_reader_token(reader) != JSON_TOKEN_NULL)
		return false;
	(void) json_reader_value(reader);
	return true;
}

/*
 * Does an answer with a status of success hold errors in place of data? Then
 * nothing was read, and nobody knows whether anything was written.
 */
bool
page_is_error(const char *body, size_t length)
{
	JsonReader	reader;
	JsonSlice	key;
	JsonSlice	data = JSON_SLICE_NULL;
	JsonSlice	errors = JSON_SLICE_NULL;
	bool		first = true;

	json_reader_begin(&reader, body, (int) length);
	json_reader_enter(&reader);
	while (json_reader_next_member(&reader, &first, &key))
	{
		JsonSlice	value = json_reader_value(&reader);

		if (json_slice_key_is(key, "data", 4))
			data = value;
		else if (json_slice_key_is(key, "errors", 6))
			errors = value;
	}
	return json_reader_end(&reader) && holds_something(errors) &&
		!holds_something(data);
}

/*
 * The cursor that an answer probably holds, without parsing all of it: the
 * pagination usually stands at its end. NULL if none is found there. Only a
 * guess, which the caller compares with what page_parse finds.
 */
char *
page_peek_cursor(const char *body, size_t length)
{
	const char *tail = body + (length > PEEK_LENGTH ? length - PEEK_LENGTH : 0);
	const char *found = NULL;
	PylonPage	page = {0};
	JsonReader	reader;

	for (const char *p = tail; (p = strstr(p, PAGINATION_KEY)) != NULL; p++)
		found = p + strlen(PAGINATION_KEY);
	if (found == NULL)
		return NULL;
	found += strspn(found, " \t\r\n:");
	json_reader_begin(&reader, found, (int) (body + length - found));
	(void) parse_pagination(&page, false, &reader);
	return reader.failed || page.problem != NULL ? NULL : page.cursor;
}

/* The slices of an object, in the order of the layout's sources. */
const JsonSlice *
page_object(const PylonPage *page, int index)
{
	Assert(index >= 0 && index < page->nobjects);
	return page->slices + (size_t) index * page->nslices;
}

/* A list of objects, or with "single" one object, or null. */
static void
parse_data(PylonPage *page, const ObjectLayout *layout, bool single,
		   JsonReader *reader)
{
	JsonTokenType type = json_reader_token(reader);
	bool		first = true;

	page->nobjects = 0;
	if (type == JSON_TOKEN_OBJECT_START && single)
	{
		const char *start = json_reader_position(reader);

		parse_entry(page, layout, reader);
		/* An object without members is nobody. */
		if (!reader->failed && !holds_something(json_reader_since(reader, start)))
			page->nobjects = 0;
	}
	else if (type == JSON_TOKEN_ARRAY_START && !single)
	{
		json_reader_enter(reader);
		while (page->problem == NULL && json_reader_next_element(reader, &first))
		{
			CHECK_FOR_INTERRUPTS();
			parse_entry(page, layout, reader);
		}
	}
	else
	{
		if (type != JSON_TOKEN_NULL)
			page->problem = single ?
				psprintf("Member \"data\" is no %s.", layout->object->nouns.one) :
				psprintf("Member \"data\" is no list of %s.", layout->object->nouns.many);
		(void) json_reader_value(reader);
	}
}

static void
parse_entry(PylonPage *page, const ObjectLayout *layout,
			  JsonReader *reader)
{
	if (json_reader_token(reader) != JSON_TOKEN_OBJECT_START)
		page->problem = psprintf("Member \"data\" holds something other than %s.",
								 layout->object->nouns.many);
	else if (page->nobjects == PAGE_MAX_OBJECTS)
		page->problem = psprintf("It holds more than %d %s.", PAGE_MAX_OBJECTS,
								 layout->object->nouns.many);
	else
		parse_object(layout, 0, reader, add_entry(page));
}

/*
 * The wanted members of an object, or of an object in it. A member may be
 * wanted as a whole and for its members.
 */
static void
parse_object(const ObjectLayout *layout, int level,
			 JsonReader *reader, JsonSlice *slices)
{
	JsonSlice	key;
	bool		first = true;

	json_reader_enter(reader);
	while (json_reader_next_member(reader, &first, &key))
	{
		const char *start = json_reader_position(reader);
		int			source = object_layout_find(layout, level, key);
		int			inner = 0;
		JsonSlice	value;

		if (level == 0 && json_reader_token(reader) == JSON_TOKEN_OBJECT_START)
			inner = object_layout_level(layout, key);
		if (inner > 0)
		{
			parse_object(layout, inner, reader, slices);
			value = json_reader_since(reader, start);
		}
		else if (source >= 0 && layout->levels[level].is_custom)
			value = custom_value_read(reader);
		else
			value = json_reader_value(reader);
		if (source >= 0)
			slices[source] = value;
	}
}

/* Room for one more object, all of its slices null. */
static JsonSlice *
add_entry(PylonPage *page)
{
	Size		size = page->nslices * sizeof(JsonSlice);
	JsonSlice  *slices;

	if (page->nobjects == page->capacity)
	{
		page->capacity = page->capacity == 0 ? 64 : page->capacity * 2;
		page->slices = page->slices == NULL ?
			palloc_extended(page->capacity * size, MCXT_ALLOC_HUGE) :
			repalloc_huge(page->slices, page->capacity * size);
	}
	slices = page->slices + (size_t) page->nobjects++ * page->nslices;
	memset(slices, 0, size);
	return slices;
}

/*
 * Is there a next page? Only if has_next_page is true; it and the cursor have
 * been seen null and absent on last pages. What is no pagination at all must
 * not pass for that of a last page, or rows would be missing unnoticed. A
 * single object is of no page: its answer must not fail for what is in there.
 */
static bool
parse_pagination(PylonPage *page, bool single, JsonReader *reader)
{
	JsonTokenType type = json_reader_token(reader);
	JsonSlice	key;
	JsonSlice	cursor = JSON_SLICE_NULL;
	bool		first = true;
	bool		more = false;

	page->cursor = NULL;
	if (type != JSON_TOKEN_OBJECT_START)
	{
		if (type != JSON_TOKEN_NULL)
			page->problem = "Member \"pagination\" is no object.";
		(void) json_reader_value(reader);
		return false;
	}
	json_reader_enter(reader);
	while (json_reader_next_member(reader, &first, &key))
	{
		bool		is_true = json_reader_token(reader) == JSON_TOKEN_TRUE;
		JsonSlice	value = json_reader_value(reader);

		if (json_slice_key_is(key, "cursor", 6))
			cursor = value;
		else if (json_slice_key_is(key, "has_next_page", 13))
			more = is_true;
	}
	if (!json_slice_is_null(cursor) && !json_slice_is_string(cursor))
		page->problem = "Member \"cursor\" is no string.";
	else if (more && cursor.length > PAGE_MAX_CURSOR)
		page->problem = psprintf("Member \"cursor\" is longer than %d bytes.", PAGE_MAX_CURSOR);
	else if (more && !single && cursor.length > 2)
		page->cursor = json_slice_cstring(cursor);
	return more;
}

/* Is it a list, object or string that isn't empty? */
static bool
holds_something(JsonSlice value)
{
	if (!json_slice_is_array(value) && !json_slice_is_object(value) &&
		!json_slice_is_string(value))
		return false;
	for (int i = 1; i < value.length - 1; i++)
	{
		if (strchr(" \t\r\n", value.data[i]) == NULL)
			return true;
	}
	return false;
}
