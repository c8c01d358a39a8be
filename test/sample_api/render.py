"""A contact, or any other value, as the bytes of an answer, in the shape that the switches ask for."""

import json
from functools import lru_cache
from zlib import crc32

from contacts import FIELDS
from custom_fields import SLUGS

ERA_A_FIELDS = ("id", "name", "email", "emails", "account", "avatar_url", "custom_fields", "portal_role")
LISTS = {"emails": [], "phone_numbers": [], "external_ids": [], "integration_user_ids": [], "custom_fields": {}}

# Decoys: a reader that looks for a key anywhere in a contact finds a wrong one here.
EXTRA_OF_CONTACT = {"score": 0.5, "tags": ["x", None], "merged_from": [{"id": "not-the-id", "email": "not@the.email",
                    "name": None, "custom_fields": {"tier": {"slug": "tier", "value": "decoy"}}}]}
EXTRA_OF_ANSWER = {"meta": {"data": [1, {"id": "not-a-contact"}], "pagination": {"cursor": "decoy"}}, "took": 1.5e0}


class RawContact(dict):
    """A contact given by a test: served exactly as it is, absent members staying absent."""


@lru_cache(maxsize=4)
def encoder(escapes: bool, pretty: bool) -> json.JSONEncoder:
    """Making an encoder costs more than encoding a contact."""
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


def served(record: dict, settings) -> dict:
    """A contact as the API gives it: fields of the era, unset ones as the switch says."""
    if isinstance(record, RawContact):
        shown = dict(record)
    else:
        shown = with_custom_shape(shaped(record, settings), settings)
    return with_extras(shown) if settings.extra_keys else shown


def shaped(record: dict, settings) -> dict:
    """Fields of the era in the order of the documentation."""
    shown = {}
    draw = crc32(record["id"].encode())
    for number, field in enumerate(ERA_A_FIELDS if settings.era == "A" else FIELDS):
        value = record[field]
        if value is None or (field == "custom_fields" and not value):
            put_unset(shown, field, unset_style(settings.absent, field, draw >> 2 * number))
        else:
            shown[field] = value
    if settings.era == "A" and shown.get("account"):
        shown["account"] = {"id": shown["account"]["id"]}
    return with_unset_slug(shown, settings.absent, draw)


def unset_style(absent: str, field: str, draw: int) -> str:
    """Mixed draws one style for each contact and field; a list is then never empty, for that would be a value."""
    if absent != "mixed":
        return absent
    return ("null", "absent", "null" if field in LISTS else "empty", "absent")[draw & 3]


def put_unset(shown: dict, field: str, style: str) -> None:
    """One unset field; an account can't be empty, only null."""
    if style == "absent":
        return
    shown[field] = None
    if style == "empty" and field != "account":
        shown[field] = LISTS.get(field, "")


def with_unset_slug(shown: dict, absent: str, draw: int) -> dict:
    """An unset custom field is left out or given with null: the latter for some contacts, or for all."""
    if absent not in ("mixed", "null") or (absent == "mixed" and draw >> 26 & 7) or not shown.get("custom_fields"):
        return shown
    unset = [slug for slug in SLUGS if slug not in shown["custom_fields"]]
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


def with_extras(shown: dict) -> dict:
    """Undocumented members, before and after the documented ones."""
    if isinstance(shown.get("custom_fields"), dict):
        fields = {slug: {**entry, "interpreted_value": entry.get("value")} if isinstance(entry, dict) else entry
                  for slug, entry in shown["custom_fields"].items()}
        shown = {**shown, "custom_fields": fields}
    if isinstance(shown.get("account"), dict):
        shown = {**shown, "account": {"name": "Extra", "domains": [{"id": "x"}], **shown["account"]}}
    return {"merged": {"id": None}, **shown, **EXTRA_OF_CONTACT}


def canonical(record: dict, settings) -> dict:
    """Every field, null where unset, as served otherwise: what a faithful local copy holds."""
    shown = served(record, settings) if isinstance(record, RawContact) else shaped(record, settings)
    full = {field: shown.get(field) for field in FIELDS}
    for field, value in full.items():
        if value == "":
            full[field] = None
    fields = full["custom_fields"] if isinstance(full["custom_fields"], dict) else {}
    full["custom_fields"] = {slug: entry for slug, entry in fields.items() if isinstance(entry, dict)
                             and (entry.get("value") is not None or entry.get("values") is not None)}
    return full
