"""The forms in which an API may keep what it is given: switch `normalise` says which of them this one does."""

import json
import unicodedata
from datetime import timezone
from decimal import Decimal

from custom_fields import CHECKS, instant, is_decimal


def blanks(text: str) -> str:
    """No blanks around, single ones within."""
    return " ".join(text.split())


def compact(text: str) -> str:
    """A text that is a JSON object or array, without white space."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return text


def number(text: str) -> str:
    """No zeros that say nothing."""
    return f"{Decimal(text).normalize():f}" if is_decimal(text) else text


def time(text: str) -> str:
    """A time in UTC."""
    if not CHECKS["datetime"](text):
        return text
    return instant(text).astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


# In this order: what is composed or trimmed first may be a number then.
TEXT_FORMS = {
    "unicode": lambda text: unicodedata.normalize("NFC", text),
    "blanks": blanks,
    "case": str.lower,
    "json": compact,
    "numbers": number,
    "times": time,
}
FORMS = (*TEXT_FORMS, "order", "phones")


def normal(value, forms: frozenset):
    """A text, or all texts in a list or an object; the keys that the API itself defines stay."""
    if isinstance(value, str):
        for form, apply in TEXT_FORMS.items():
            if form in forms:
                value = apply(value)
        return value
    if isinstance(value, dict):
        return {key: item if key == "slug" else normal(item, forms) for key, item in value.items()}
    if isinstance(value, list):
        items = [normal(item, forms) for item in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if "order" in forms else items
    return value


def phone(digits: str, forms: frozenset) -> str:
    """Phone numbers may be kept with a plus."""
    return f"+{digits}" if "phones" in forms else digits
