/*-------------------------------------------------------------------------
 *
 * page.c
 *		An answer that holds contacts, cut into slices of the wanted members.
 *
 * Takes the answers of list, search, get, create and update, which hold
 * contacts under "data": many, one, or none. Whatever else the answer or a
 * contact holds is passed over. Slices become Datums later, a row at a time
 * (contact.c), so that a page costs little more than lexing it.
 *
 * IDENTIFICATION
 *		fdw/page.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "page.h"

/* The end of an answer in which the pagination is looked for. */
#define PEEK_LENGTH 2048
#define PAGINATION_KEY "\"pagination\""

static void parse_data(PylonPage *page, const ContactReader *contacts,
					   bool single, JsonReader *reader);
static void parse_contact(PylonPage *page, const ContactReader *contacts,
						  JsonReader *reader);
static void parse_object(const ContactReader *contacts, ContactLevel level,
						 JsonReader *reader, JsonSlice *slices);
static ContactLevel nested_level(JsonSlice key);
static bool level_is_wanted(const ContactReader *contacts, ContactLevel level);
static JsonSlice *add_contact(PylonPage *page);
static void parse_pagination(PylonPage *page, JsonReader *reader);

/* Members of a contact that are objects with wanted members of their own. */
static const struct
{
	const char *key;
	ContactLevel level;
}			nested[] =

{
	{"account", LEVEL_ACCOUNT},
	{"custom_fields", LEVEL_CUSTOM},
};

/*
 * Parses an answer (reference: "Get all contacts", 200), or with "single"
 * one to a question for one contact. Absent or null "data" is no contact,
 * absent or null "pagination" the last page. Where the answer
 * isn't JSON or has another shape, "problem" says so, and nothing else of
 * the page is to be used.
 *
 * The page is allocated in the current memory context. Interruptible.
 */
PylonPage *
page_parse(const ContactReader *contacts, bool single, const char *body,
		   size_t length)
{
	PylonPage  *page = palloc0(sizeof(PylonPage));
	JsonReader	reader;
	JsonSlice	key;
	bool		first = true;

	page->nslices = contacts->nsources;
	json_reader_begin(&reader, body, (int) length);
	json_reader_enter(&reader);
	while (json_reader_next_member(&reader, &first, &key))
	{
		if (json_slice_key_is(key, "data", 4))
			parse_data(page, contacts, single, &reader);
		else if (json_slice_key_is(key, "pagination", 10))
			parse_pagination(page, &reader);
		else
			(void) json_reader_value(&reader);
	}
	if (!json_reader_end(&reader))
		page->problem = psprintf("It is not the JSON that was expected, at byte %d of %zu.",
								 reader.failed_at, length);
	return page;
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
	parse_pagination(&page, &reader);
	return reader.failed || page.problem != NULL ? NULL : page.cursor;
}

/* The slices of a contact, in the order of the reader's sources. */
const JsonSlice *
page_contact(const PylonPage *page, int index)
{
	Assert(index >= 0 && index < page->ncontacts);
	return page->slices + (size_t) index * page->nslices;
}

/* A list of contacts, or with "single" one contact, or null. */
static void
parse_data(PylonPage *page, const ContactReader *contacts, bool single,
		   JsonReader *reader)
{
	JsonTokenType type = json_reader_token(reader);
	bool		first = true;

	page->ncontacts = 0;
	if (type == JSON_TOKEN_OBJECT_START && single)
		parse_contact(page, contacts, reader);
	else if (type == JSON_TOKEN_ARRAY_START && !single)
	{
		json_reader_enter(reader);
		while (json_reader_next_element(reader, &first))
		{
			CHECK_FOR_INTERRUPTS();
			parse_contact(page, contacts, reader);
		}
	}
	else
	{
		if (type != JSON_TOKEN_NULL)
			page->problem = single ? "Member \"data\" is no contact." :
				"Member \"data\" is no list of contacts.";
		(void) json_reader_value(reader);
	}
}

static void
parse_contact(PylonPage *page, const ContactReader *contacts,
			  JsonReader *reader)
{
	JsonSlice  *slices = add_contact(page);

	if (json_reader_token(reader) != JSON_TOKEN_OBJECT_START)
	{
		page->problem = "Member \"data\" holds something other than contacts.";
		(void) json_reader_value(reader);
		return;
	}
	parse_object(contacts, LEVEL_CONTACT, reader, slices);
}

/*
 * The wanted members of a contact, or of an object in it. A member may be
 * wanted as a whole and for its members.
 */
static void
parse_object(const ContactReader *contacts, ContactLevel level,
			 JsonReader *reader, JsonSlice *slices)
{
	JsonSlice	key;
	bool		first = true;

	json_reader_enter(reader);
	while (json_reader_next_member(reader, &first, &key))
	{
		const char *start = json_reader_position(reader);
		int			source = contact_reader_find(contacts, level, key);
		ContactLevel inner = level == LEVEL_CONTACT ? nested_level(key) : level;
		JsonSlice	value;

		if (inner != level && level_is_wanted(contacts, inner) &&
			json_reader_token(reader) == JSON_TOKEN_OBJECT_START)
		{
			parse_object(contacts, inner, reader, slices);
			value = json_reader_since(reader, start);
		}
		else
			value = json_reader_value(reader);
		if (source >= 0)
			slices[source] = value;
	}
}

/* LEVEL_CONTACT for a member that holds nothing of interest. */
static ContactLevel
nested_level(JsonSlice key)
{
	for (size_t i = 0; i < lengthof(nested); i++)
	{
		if (json_slice_key_is(key, nested[i].key, strlen(nested[i].key)))
			return nested[i].level;
	}
	return LEVEL_CONTACT;
}

static bool
level_is_wanted(const ContactReader *contacts, ContactLevel level)
{
	return contacts->level_start[level] < contacts->level_start[level + 1];
}

/* Room for one more contact, all of its slices null. */
static JsonSlice *
add_contact(PylonPage *page)
{
	Size		size = page->nslices * sizeof(JsonSlice);
	JsonSlice  *slices;

	if (page->ncontacts == page->capacity)
	{
		page->capacity = page->capacity == 0 ? 64 : page->capacity * 2;
		page->slices = page->slices == NULL ?
			palloc_extended(page->capacity * size, MCXT_ALLOC_HUGE) :
			repalloc_huge(page->slices, page->capacity * size);
	}
	slices = page->slices + (size_t) page->ncontacts++ * page->nslices;
	memset(slices, 0, size);
	return slices;
}

/*
 * There is a next page only if has_next_page is true and the cursor isn't
 * empty; both have been seen null and absent on last pages. What is no
 * pagination at all must not pass for that of a last page, or rows would be
 * missing unnoticed.
 */
static void
parse_pagination(PylonPage *page, JsonReader *reader)
{
	JsonTokenType type = json_reader_token(reader);
	JsonSlice	key;
	JsonSlice	cursor = JSON_SLICE_NULL;
	bool		first = true;
	bool		more = false;

	if (type != JSON_TOKEN_OBJECT_START)
	{
		if (type != JSON_TOKEN_NULL)
			page->problem = "Member \"pagination\" is no object.";
		(void) json_reader_value(reader);
		return;
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
	else if (more && cursor.length > 2)
		page->cursor = json_slice_cstring(cursor);
}
