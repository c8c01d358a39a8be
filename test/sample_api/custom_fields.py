"""The definitions of the contacts' custom fields, and what a written value must look like."""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation

CREATED = "2026-01-05T09:00:00Z"
LONG_SLUG = "customer_success_health_score_as_reported_by_the_quarterly_review_board"
SALESFORCE_SLUG = "contact.salesforce.Contact_ID_for_Pylon__c"

# slug, label, type, option slugs
BASIC = (
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
SLUGS = tuple(row[0] for row in BASIC)


def definition(number: int, slug: str, label: str, kind: str, options: tuple) -> dict:
    """One definition in the API's shape; members that don't apply to the type are null."""
    synced = slug == SALESFORCE_SLUG
    select = [{"slug": option, "label": option.capitalize(), "ai_description": ""} for option in options]
    return {
        "id": f"00000000-0000-4000-9000-{number:012d}", "slug": slug, "label": label, "type": kind,
        "object_type": "contact", "description": "", "source": "salesforce" if synced else "pylon",
        "is_read_only": synced, "default_value": None, "default_values": None,
        "select_metadata": {"options": select} if options else None,
        "number_metadata": {"format": "currency", "currency": "EUR", "decimal_places": 2} if slug == "mrr" else None,
        "created_at": CREATED, "updated_at": CREATED,
    }


def standard() -> list[dict]:
    """The definitions a fresh server has."""
    return [definition(number, *row) for number, row in enumerate(BASIC, 1)]


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
