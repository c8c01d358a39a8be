"""The definitions of custom fields, by object, and what a written value must look like."""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation

CREATED = "2026-01-05T09:00:00Z"
LONG_SLUG = "customer_success_health_score_as_reported_by_the_quarterly_review_board"
SALESFORCE_SLUG = "contact.salesforce.Contact_ID_for_Pylon__c"
ANNUAL_REVENUE_SLUG = "account.hubspot.annualrevenue"
TIER_SLUG = "account.salesforce.Account_Tier__c"
LAST_MEETING_SLUG = "calendar.last_meeting_date"

# slug, label, type, option slugs
CONTACT_FIELDS = (
    ("tier", "Tier", "select", ("gold", "silver", "bronze")),
    ("seats", "Seats", "number", ()),
    ("mrr", "Monthly revenue", "decimal", ()),
    ("vip", "VIP", "boolean", ()),
    ("renewal", "Renewal date", "date", ()),
    ("last_seen", "Last seen", "datetime", ()),
    ("regions", "Regions", "multiselect", ("eu", "us", "apac")),
    ("notes", "Notes", "text", ()),
    ("website", "Website", "url", ()),
    ("owner", "Owner", "user", ()),
    (SALESFORCE_SLUG, "Salesforce contact", "text", ()),
    (LONG_SLUG, "Health score", "text", ()),
    ("email", "E-mail (private)", "text", ()),
)
# "seats" and "notes" are contacts' slugs, too, with other meanings; "tags" is a field of the account itself.
ACCOUNT_FIELDS = (
    ("plan", "Plan", "select", ("free", "team", "enterprise")),
    ("seats", "Seats bought", "number", ()),
    ("health", "Health", "decimal", ()),
    ("is_trial", "On trial", "boolean", ()),
    ("renewal_date", "Renewal date", "date", ()),
    ("products", "Products", "multiselect", ("chat", "email", "portal")),
    ("notes", "Notes", "text", ()),
    ("status_page", "Status page", "url", ()),
    ("csm", "Success manager", "user", ()),
    (ANNUAL_REVENUE_SLUG, "Annual revenue", "number", ()),
    (TIER_SLUG, "Account tier", "text", ()),
    (LAST_MEETING_SLUG, "Last meeting", "datetime", ()),
    ("tags", "Tags (private)", "text", ()),
)
FIELDS_OF = {"contact": CONTACT_FIELDS, "account": ACCOUNT_FIELDS}

# What another program keeps is read-only.
SOURCES = {SALESFORCE_SLUG: "salesforce", ANNUAL_REVENUE_SLUG: "hubspot", TIER_SLUG: "salesforce",
           LAST_MEETING_SLUG: "calendar"}
CURRENCIES = {"mrr": "EUR", ANNUAL_REVENUE_SLUG: "USD"}
FIRST_IDS = {"contact": "00000000-0000-4000-9000", "account": "00000000-0000-4000-9001"}


def definition(object_type: str, number: int, slug: str, label: str, kind: str, options: tuple) -> dict:
    """One definition in the API's shape; members that don't apply to the type are null."""
    currency = CURRENCIES.get(slug)
    select = [{"slug": option, "label": option.capitalize(), "ai_description": ""} for option in options]
    return {
        "id": f"{FIRST_IDS[object_type]}-{number:012d}", "slug": slug, "label": label, "type": kind,
        "object_type": object_type, "description": "", "source": SOURCES.get(slug, "pylon"),
        "is_read_only": slug in SOURCES, "default_value": None, "default_values": None,
        "select_metadata": {"options": select} if options else None,
        "number_metadata": {"format": "currency", "currency": currency, "decimal_places": 2} if currency else None,
        "created_at": CREATED, "updated_at": CREATED,
    }


def standard(object_type: str) -> list[dict]:
    """The definitions a fresh server has."""
    return [definition(object_type, number, *row) for number, row in enumerate(FIELDS_OF[object_type], 1)]


def instant(text: str) -> datetime:
    """A date or a date with time as a moment; a date is its midnight in UTC, as is a time without zone."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else datetime.fromisoformat(moment.isoformat() + "+00:00")


def is_decimal(text: str) -> bool:
    """Finite numbers only: NaN is a Decimal, too."""
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def parses(reader, text: str) -> bool:
    """Whether a reader that raises ValueError takes the text."""
    try:
        reader(text)
    except ValueError:
        return False
    return True


CHECKS = {
    "number": lambda text: text.lstrip("-").isdigit() and text.isascii(),
    "decimal": is_decimal,
    "boolean": lambda text: text in ("true", "false"),
    "date": lambda text: len(text) == 10 and parses(date.fromisoformat, text),
    "datetime": lambda text: len(text) > 10 and parses(instant, text),
}


def option_slugs(field: dict) -> list[str]:
    """The options of a select; a definition set by a test may lack them."""
    return [option["slug"] for option in (field.get("select_metadata") or {}).get("options") or []]


def value_fits(field: dict, text: str) -> bool:
    """Whether a field of this type can hold the text."""
    if field.get("type") in ("select", "multiselect") and option_slugs(field):
        return text in option_slugs(field)
    check = CHECKS.get(field.get("type"))
    return check is None or check(text)
