"""An object, or any other value, as the bytes of an answer, in the shape that the switches ask for."""

import json
from functools import lru_cache
from zlib import crc32

from custom_fields import FIELDS_OF
from objects import ObjectType

# A decoy, as are those that an object's description names.
EXTRA_OF_ANSWER = {"meta": {"data": [1, {"id": "not-a-contact"}], "pagination": {"cursor": "decoy"}}, "took": 1.5e0}


class RawRecord(dict):
    """An object given by a test: served exactly as it is, absent members staying absent."""


@lru_cache(maxsize=4)
def encoder(escapes: bool, pretty: bool) -> json.JSONEncoder:
    """Making an encoder costs more than encoding an object."""
    if pretty:
        return json.JSONEncoder(ensure_ascii=escapes, indent=2, separators=(" ,", " : "))
    return json.JSONEncoder(ensure_ascii=escapes, separators=(",", ":"))


def dump(value, settings) -> bytes:
    """A value as JSON in the layout of the switches."""
    return encoder(settings.unicode_escapes, settings.pretty).encode(value).encode()


def envelope(members: list[tuple[str, bytes]], settings) -> bytes:
    """An answer's outermost object, of members that are JSON already."""
    if settings.extra_keys:
        members = [(key, dump(value, settings)) for key, value in EXTRA_OF_ANSWER.items()] + members
    if settings.pretty:
        return b"\r\n{ " + b" ,\n\t".join(b'"%s" : %s' % (key.encode(), value) for key, value in members) + b" }\n"
    return b"{" + b",".join(b'"%s":%s' % (key.encode(), value) for key, value in members) + b"}"


def array(items: list[bytes], settings) -> bytes:
    """A list of JSON values."""
    return b"[" + (b" ,\n" if settings.pretty else b",").join(items) + b"]"


def served(kind: ObjectType, record: dict, settings) -> dict:
    """An object as the API gives it: fields of the era, unset ones as the switch says."""
    if isinstance(record, RawRecord):
        shown = dict(record)
    else:
        shown = with_custom_shape(shaped(kind, record, settings), settings)
    return with_extras(kind, shown) if settings.extra_keys else shown


def shaped(kind: ObjectType, record: dict, settings) -> dict:
    """Fields of the era in the order of the documentation."""
    shown = {}
    draw = crc32(record["id"].encode())
    for number, field in enumerate(kind.fields[settings.era]):
        value = record[field]
        if value is None or (field == "custom_fields" and not value):
            put_unset(kind, shown, field, unset_style(kind, settings.absent, field, draw >> 2 * (number & 15)))
        else:
            shown[field] = value
    if settings.era == "A" and shown.get(kind.nested):
        shown[kind.nested] = {"id": shown[kind.nested]["id"]}
    return with_unset_slug(kind, shown, settings.absent, draw)


def unset_style(kind: ObjectType, absent: str, field: str, draw: int) -> str:
    """Mixed gives what was recorded, or draws one style for each object and field.

    A list is then never empty, for that would be a value.
    """
    if absent != "mixed":
        return absent
    drawn = ("null", "absent", "null" if field in kind.empties else "empty", "absent")[draw & 3]
    return kind.recorded.get(field, drawn)


def put_unset(kind: ObjectType, shown: dict, field: str, style: str) -> None:
    """One unset field; where it is an object of its own it can't be empty, only null."""
    if style != "absent":
        shown[field] = kind.empties.get(field, "") if style == "empty" else None


def with_unset_slug(kind: ObjectType, shown: dict, absent: str, draw: int) -> dict:
    """An unset custom field is left out or given with null: the latter for some objects, or for all."""
    if absent not in ("mixed", "null") or (absent == "mixed" and draw >> 26 & 7) or not shown.get("custom_fields"):
        return shown
    unset = [slug for slug, *_ in FIELDS_OF[kind.noun] if slug not in shown["custom_fields"]]
    nulls = {slug: {"slug": slug, "value": None} for slug in (unset if absent == "null" else unset[:1])}
    return {**shown, "custom_fields": {**shown["custom_fields"], **nulls}}


def with_custom_shape(shown: dict, settings) -> dict:
    """The values of custom fields in the form of the switches; recorded answers have no slug in them."""
    if not shown.get("custom_fields"):
        return shown
    fields = {}
    for slug, entry in shown["custom_fields"].items():
        fields[slug] = {"slug": slug} if settings.custom_slug else {}
        if settings.multi_valued == "both" and "values" in entry:
            fields[slug]["value"] = ""
        fields[slug].update((key, value) for key, value in entry.items() if key != "slug")
    return {**shown, "custom_fields": fields}


def with_extras(kind: ObjectType, shown: dict) -> dict:
    """Undocumented members, before and after the documented ones."""
    if isinstance(shown.get("custom_fields"), dict):
        fields = {slug: {**entry, "interpreted_value": entry.get("value")} if isinstance(entry, dict) else entry
                  for slug, entry in shown["custom_fields"].items()}
        shown = {**shown, "custom_fields": fields}
    if isinstance(shown.get(kind.nested), dict):
        shown = {**shown, kind.nested: {"name": "Extra", "domains": [{"id": "x"}], **shown[kind.nested]}}
    return {"merged": {"id": None}, **shown, **kind.extras}


def canonical(kind: ObjectType, record: dict, settings) -> dict:
    """Every field, null where unset, as served otherwise: what a faithful local copy holds."""
    shown = served(kind, record, settings) if isinstance(record, RawRecord) else shaped(kind, record, settings)
    full = {field: shown.get(field) for field in kind.fields["C"]}
    for field, value in full.items():
        if value == "":
            full[field] = None
    fields = full["custom_fields"] if isinstance(full["custom_fields"], dict) else {}
    full["custom_fields"] = {slug: entry for slug, entry in fields.items() if isinstance(entry, dict)
                             and (entry.get("value") is not None or entry.get("values") is not None)}
    return full
