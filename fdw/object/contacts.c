/*-------------------------------------------------------------------------
 *
 * contacts.c
 *		Contacts: the people who write to Pylon's users.
 *
 * The table of what the API says of them, and nothing else.
 *
 * IDENTIFICATION
 *		fdw/object/contacts.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodes.h"
#include "object/object.h"

#define ID_OPERATORS	(FIELD_EQUALS | FIELD_IN | FIELD_NOT_IN)
#define TEXT_OPERATORS	(ID_OPERATORS | FIELD_STRING_CONTAINS)
#define ALWAYS			(FIELD_ON_INSERT | FIELD_ON_UPDATE)

/* Fields that others name. */
enum
{
	EMAILS = 4,
};

/*
 * Reference: the response of "Get a contact by its ID", the bodies of "Create
 * a new contact" and "Update an existing contact", and for the operators
 * "Search for contacts by a given filter". That page doesn't list those of
 * name, which is searched like email all the same.
 */
static const PylonField fields[] =
{
	{
		.name = "id",.type = "text",
		.kind = FIELD_STRING,.key = "id",
		.operators = ID_OPERATORS,.documented = ID_OPERATORS,.is_unique = true,
		.is_id = true,
	},
	{
		/* Empty, it takes the contact out of its account. */
		.name = "account_id",.type = "text",
		.kind = FIELD_STRING,.parent = "account",.key = "id",
		.operators = ID_OPERATORS,.documented = ID_OPERATORS,.is_rare = true,
		.writes = ALWAYS,.link = "account",
	},
	{
		.name = "name",.type = "text NOT NULL",
		.kind = FIELD_STRING,.key = "name",
		.operators = TEXT_OPERATORS,.is_prose = true,.is_rare = true,
		.writes = ALWAYS,.required = true,
		.label = 2,
	},
	{
		.name = "email",.type = "text",
		.kind = FIELD_STRING,.key = "email",
		.operators = TEXT_OPERATORS,.documented = TEXT_OPERATORS,.is_prose = true,.is_unique = true,
		.writes = ALWAYS,.primary_of = &fields[EMAILS],.is_key = true,
		.label = 1,
	},
	[EMAILS] = {
		.name = "emails",.type = "text[]",
		.kind = FIELD_ADDRESSES,.key = "emails",
		.writes = FIELD_ON_UPDATE,
	},
	{
		.name = "avatar_url",.type = "text",
		.kind = FIELD_STRING,.key = "avatar_url",
		.writes = ALWAYS,.is_picture = true,
	},
	{
		.name = "portal_role",.type = "text",
		.kind = FIELD_STRING,.key = "portal_role",
		.writes = ALWAYS,
	},
	{
		.name = "portal_role_id",.type = "text",
		.kind = FIELD_STRING,.key = "portal_role_id",
		.writes = ALWAYS,
	},
	{
		.name = "phone_numbers",.type = "text[]",
		.kind = FIELD_LIST,.key = "phone_numbers",
		.writes = ALWAYS,
		.is_phone = true,
	},
	{
		.name = "primary_phone_number",.type = "text",
		.kind = FIELD_STRING,.key = "primary_phone_number",
		.writes = ALWAYS,
		.is_phone = true,
	},
	{
		.name = "external_ids",.type = "jsonb",
		.kind = FIELD_JSON,.key = "external_ids",
		.writes = ALWAYS,.is_key = true,
	},
	{
		/* That it may be cleared, too, is not documented. */
		.name = "account_external_id",.type = "text",
		.kind = FIELD_FIRST_ID,.parent = "account",.key = "external_ids",
		.writes = ALWAYS,.cleared_as = "account_id",.link = "account",
	},
	{
		.name = "account_external_ids",.type = "jsonb",
		.kind = FIELD_JSON,.parent = "account",.key = "external_ids",
	},
	{
		.name = "integration_user_ids",.type = "jsonb",
		.kind = FIELD_JSON,.key = "integration_user_ids",
	},
	{
		.name = "custom_fields",.type = "jsonb",
		.kind = FIELD_CUSTOM_FIELDS,.key = "custom_fields",
		.writes = ALWAYS,
	},
};

/* The page says just that slugs can be searched; "equals" is the least that means. */
static const PylonField custom_field =
{
	.kind = FIELD_CUSTOM,.parent = "custom_fields",
	.operators = FIELD_EQUALS | FIELD_IN | FIELD_STRING_CONTAINS | FIELD_IS_SET | FIELD_CONTAINS,
	.documented = FIELD_EQUALS,.is_prose = true,
	.writes = ALWAYS,
};

const PylonObject object_contacts =
{
	.nouns = {.one = "contact",.a = "a contact",.many = "contacts",.title = "Contacts"},
	.path = "/contacts",
	.type = "contact",
	.is_everywhere = true,
	.commands = (1 << CMD_INSERT) | (1 << CMD_UPDATE) | (1 << CMD_DELETE),
	.fields = fields,
	.nfields = lengthof(fields),
	.custom_field = &custom_field,
};
