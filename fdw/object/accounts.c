/*-------------------------------------------------------------------------
 *
 * accounts.c
 *		Accounts: the customers that contacts belong to.
 *
 * The table of what the API says of them, and nothing else.
 *
 * IDENTIFICATION
 *		fdw/object/accounts.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodes.h"
#include "object/object.h"

#define ID_OPERATORS	(FIELD_EQUALS | FIELD_IN | FIELD_NOT_IN)
#define NAME_OPERATORS	(ID_OPERATORS | FIELD_STRING_CONTAINS)
#define OWNER_OPERATORS (ID_OPERATORS | FIELD_IS_SET)
#define ALWAYS			(FIELD_ON_INSERT | FIELD_ON_UPDATE)

/* Fields that others name. */
enum
{
	DOMAINS = 4,
};

/*
 * Published reference: the account in the answer of "Get an account", the
 * bodies of "Create an account" and "Update an account", and for the operators
 * "Search for accounts". Those of the logo and of the parent are from recorded
 * answers.
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
		/* What the API takes for a second account of a kind nobody has said. */
		.name = "name",.type = "text NOT NULL",
		.kind = FIELD_STRING,.key = "name",
		.operators = NAME_OPERATORS,.documented = NAME_OPERATORS,.is_prose = true,.is_rare = true,
		.writes = ALWAYS,.required = true,.is_key = true,
		.label = 1,
	},
	{
		/* A word of the workspace's own, too; which can be written, the API says. */
		.name = "type",.type = "text",
		.kind = FIELD_STRING,.key = "type",
		.writes = ALWAYS,.written_as = "account_type",
	},
	{
		/* With "domain" before: an answer that has just that is an old one. */
		.name = "primary_domain",.type = "text",
		.kind = FIELD_PRIMARY,.key = "primary_domain",.key_before = "domain",
		.operators = FIELD_EQUALS | FIELD_IN,.within = &fields[DOMAINS],.is_prose = true,.is_unique = true,
		.writes = ALWAYS,.primary_of = &fields[DOMAINS],.is_key = true,
	},
	[DOMAINS] = {
		.name = "domains",.type = "text[]",
		.kind = FIELD_LIST_OF_PRIMARY,.key = "domains",
		.operators = FIELD_CONTAINS,.documented = FIELD_CONTAINS,.is_prose = true,
		.writes = ALWAYS,.is_key = true,
	},
	{
		.name = "tags",.type = "text[]",
		.kind = FIELD_LIST,.key = "tags",
		.operators = FIELD_CONTAINS,.documented = FIELD_CONTAINS,.is_prose = true,
		.writes = ALWAYS,
	},
	{
		/* Empty, it takes the owner away. */
		.name = "owner_id",.type = "text",
		.kind = FIELD_STRING,.parent = "owner",.key = "id",
		.operators = OWNER_OPERATORS,.documented = OWNER_OPERATORS,
		.writes = ALWAYS,
	},
	{
		.name = "owner_email",.type = "text",
		.kind = FIELD_STRING,.parent = "owner",.key = "email",
	},
	{
		/* Presence can be searched, too, but an empty list is no NULL in SQL. */
		.name = "external_ids",.type = "jsonb",
		.kind = FIELD_JSON,.key = "external_ids",
		.operators = FIELD_HOLDS_ID,.documented = FIELD_EQUALS,.is_unique = true,
		.writes = ALWAYS,.is_key = true,
	},
	{
		.name = "crm_settings",.type = "jsonb",
		.kind = FIELD_JSON,.key = "crm_settings",
	},
	{
		.name = "channels",.type = "jsonb",
		.kind = FIELD_JSON,.key = "channels",
	},
	{
		.name = "is_disabled",.type = "boolean",
		.kind = FIELD_BOOLEAN,.key = "is_disabled",
		.writes = FIELD_ON_UPDATE,
	},
	{
		.name = "parent_account_id",.type = "text",
		.kind = FIELD_STRING,.key = "parent_account_id",
	},
	{
		.name = "logo_url",.type = "text",
		.kind = FIELD_STRING,.key = "logo_url",
		.writes = ALWAYS,.is_picture = true,
	},
	{
		.name = "created_at",.type = "timestamptz",
		.kind = FIELD_STRING,.key = "created_at",
	},
	{
		.name = "updated_at",.type = "timestamptz",
		.kind = FIELD_STRING,.key = "updated_at",
	},
	{
		.name = "latest_customer_activity_time",.type = "timestamptz",
		.kind = FIELD_STRING,.key = "latest_customer_activity_time",
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

const PylonObject object_accounts =
{
	.nouns = {.one = "account",.a = "an account",.many = "accounts",.title = "Accounts"},
	.path = "/accounts",
	.type = "account",
	.commands = (1 << CMD_INSERT) | (1 << CMD_UPDATE),
	.why_no_delete = "Pylon would remove the account for good, and it is not documented what becomes of its contacts and issues.",
	.fields = fields,
	.nfields = lengthof(fields),
	.custom_field = &custom_field,
};
