"""What an object of the API is: the one description that store, filters, rendering and endpoints work by."""

from typing import Callable, NamedTuple


class ObjectType(NamedTuple):
    """Contacts or accounts; the descriptions stand at the ends of contacts.py and accounts.py."""

    noun: str
    plural: str
    # names of the fields in the order of the documentation, by era
    fields: dict[str, tuple[str, ...]]
    # fields that are not texts: what `absent=empty` gives of them where they are unset
    empties: dict
    # how an unset field was recorded: null, absent or empty; the others are drawn
    recorded: dict[str, str]
    # the member that is an object of its own: era A knows its id alone
    nested: str
    # operators of POST …/search by field, and the fields that era A has no filter on
    operators: dict[str, set[str]]
    later_filters: tuple[str, ...]
    # fields whose values lead to few positions
    indexed: tuple[str, ...]
    # what search_text looks into
    fuzzy: tuple[str, ...]
    # eras in which the id in a path may be an external id
    external_path: tuple[str, ...]
    # value(record, field): text, list of texts or None, whatever shape a test gave the record
    value: Callable[[dict, str], str | list | None]
    # undocumented members, as decoys
    extras: dict


def text_of(record: dict, name: str) -> str | None:
    """A text; empty text is no value."""
    value = record.get(name)
    return value if isinstance(value, str) and value else None


def texts_of(record: dict, name: str) -> list[str] | None:
    """A list of texts; an empty one is no value."""
    value = record.get(name)
    return [item for item in value if isinstance(item, str)] or None if isinstance(value, list) else None


def nested_id(record: dict, name: str) -> str | None:
    """The id of a member."""
    value = record.get(name)
    return text_of(value, "id") if isinstance(value, dict) else None


def external_ids(record: dict) -> list | None:
    """The bare external ids."""
    listed = record.get("external_ids")
    if not isinstance(listed, list):
        return None
    found = [item.get("external_id") for item in listed if isinstance(item, dict)]
    return [external_id for external_id in found if isinstance(external_id, str)] or None


def as_list(value: str | list) -> list:
    """A single value is a list of one."""
    return value if isinstance(value, list) else [value]
