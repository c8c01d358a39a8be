"""What a body of POST or PATCH /contacts does to a contact: validation and effect of every writable field."""

import copy
import re
from urllib.parse import urlsplit

from contacts import FIELDS
from custom_fields import value_fits
from errors import refuse
from normal_forms import normal, phone

ERA_A_WRITABLE = ("name", "email", "account_id", "avatar_url", "portal_role", "custom_fields")
TEXT_FIELDS = ("name", "email", "account_id", "account_external_id", "avatar_url", "portal_role", "portal_role_id",
               "primary_phone_number")
LIST_FIELDS = ("emails", "phone_numbers", "external_ids", "custom_fields")
PHONE = re.compile(r"[0-9]{1,15}")


def new_contact(body: dict, store) -> dict:
    """The contact that a create makes; empty optional fields count as left out."""
    change = Change(store, dict.fromkeys(FIELDS))
    given = change.given(body)
    given.pop("emails", None)
    if not given.get("name"):
        raise refuse("name is required")
    if store.settings.era == "A" and not given.get("email"):
        raise refuse("email is required")
    record = change.record
    record.update(id=store.next_id(), portal_role="no_access", custom_fields={})
    change.apply({field: value for field, value in given.items() if value not in ("", [])})
    if record["email"]:
        record["emails"] = [record["email"]]
    return record


def changed_contact(record: dict, body: dict, store) -> dict:
    """The contact after a PATCH; the former one is left untouched for searches that lag."""
    change = Change(store, copy.deepcopy(record))
    given = change.given(body)
    if "email" in given and "emails" in given:
        raise refuse("email and emails can't be given together")
    if given.get("name") == "":
        raise refuse("name can't be empty")
    change.apply(given)
    return change.record


class Change:
    """A contact on its way from one state to the next."""

    def __init__(self, store, record: dict) -> None:
        self.store = store
        self.settings = store.settings
        self.record = record

    def given(self, body: dict) -> dict:
        """The writable members with a value: null counts as left out, unknown keys are ignored, types are checked."""
        known = ERA_A_WRITABLE if self.settings.era == "A" else TEXT_FIELDS + LIST_FIELDS
        given = {field: body[field] for field in known if body.get(field) is not None}
        for field, value in given.items():
            if not isinstance(value, str if field in TEXT_FIELDS else list) and value != "":
                raise refuse(f"{field} must be {'a string' if field in TEXT_FIELDS else 'an array'}")
        if "account_id" in given and "account_external_id" in given:
            raise refuse("account_id and account_external_id can't be given together")
        return {field: normal(value, self.settings.normalise) for field, value in given.items()
                if field not in self.settings.ignore_fields}

    def apply(self, given: dict) -> None:
        """Every field by its own rule; an empty value clears where the switch lets it."""
        for field, value in given.items():
            if value not in ("", []) or field == "custom_fields":
                getattr(self, "set_" + field, lambda value, field=field: self.set_text(field, value))(value)
            elif self.settings.allows("clear_works", field):
                self.clear(field, value)
        self.settle_primary_phone(given)

    def clear(self, field: str, value) -> None:
        """An empty string unsets, an empty list stays one."""
        if field in ("account_id", "account_external_id"):
            self.record["account"] = None
            return
        self.record[field] = None if value == "" else []
        if field == "emails":
            self.record["email"] = None
        if field == "email":
            self.record["emails"] = None
        if field == "phone_numbers":
            self.record["primary_phone_number"] = None

    def set_text(self, field: str, value: str) -> None:
        """A field without rules."""
        self.record[field] = value

    def address(self, value) -> str:
        """An e-mail address, normalised if the server does that."""
        if not isinstance(value, str) or not value.partition("@")[2]:
            raise refuse(f"{value!r} is not an e-mail address")
        return value.lower() if self.settings.normalise_email else value

    def set_email(self, value: str) -> None:
        """The primary address; the other addresses stay."""
        old, new = self.record.get("email"), self.address(value)
        others = [item for item in self.record.get("emails") or [] if item not in (old, new)]
        self.record["email"], self.record["emails"] = new, [new] + others

    def set_emails(self, value: list) -> None:
        """All addresses: objects on write, strings on read; the first is primary unless one says that it is."""
        if not all(isinstance(item, dict) for item in value):
            raise refuse("emails must be objects with email and is_primary")
        addresses = [self.address(item.get("email")) for item in value]
        primary = [address for address, item in zip(addresses, value) if item.get("is_primary") is True]
        if len(primary) > 1:
            raise refuse("only one of the emails can be primary")
        self.record["emails"], self.record["email"] = addresses, (primary or addresses)[0]

    def set_account_id(self, value: str) -> None:
        """Any id is taken: there is no list of accounts here to check it against."""
        self.record["account"] = self.store.generator.account_by_id(value)

    def set_account_external_id(self, value: str) -> None:
        """An account by its external id."""
        account = self.store.generator.account_by_external_id(value)
        if account is None:
            raise refuse(f"no account has the external id {value!r}")
        self.record["account"] = account

    def set_avatar_url(self, value: str) -> None:
        """Only what the address tells of the picture can be checked."""
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.path.lower().endswith((".png", ".jpg", ".jpeg")):
            raise refuse("avatar_url must be the URL of a .png, .jpg or .jpeg")
        self.record["avatar_url"] = value

    def set_phone_numbers(self, value: list) -> None:
        """Digits only, although they may be read with a plus sign."""
        if not all(isinstance(phone, str) and PHONE.fullmatch(phone) for phone in value):
            raise refuse("phone numbers must be of digits 0-9 only, at most 15")
        self.record["phone_numbers"] = [phone(digits, self.settings.normalise) for digits in value]

    def set_primary_phone_number(self, value: str) -> None:
        """In the form of the others."""
        self.record["primary_phone_number"] = phone(value, self.settings.normalise)

    def settle_primary_phone(self, given: dict) -> None:
        """The primary number is one of the numbers; the first, where nothing else is said."""
        numbers, primary = self.record.get("phone_numbers") or [], self.record.get("primary_phone_number")
        if given.get("primary_phone_number") and primary not in numbers:
            raise refuse("primary_phone_number must be one of phone_numbers")
        if "phone_numbers" in given and primary not in numbers:
            self.record["primary_phone_number"] = numbers[0] if numbers else None

    def set_external_ids(self, value: list) -> None:
        """Replaces the set; a label can stand in it once."""
        if not all(isinstance(item, dict) and isinstance(item.get("external_id"), str) for item in value):
            raise refuse("external_ids must be objects with external_id and label")
        labels = [item.get("label") or "" for item in value]
        if not all(isinstance(label, str) for label in labels) or len(set(labels)) < len(labels):
            raise refuse("labels of external_ids must be different strings")
        self.record["external_ids"] = [{"external_id": item["external_id"], "label": label}
                                       for item, label in zip(value, labels)]

    def set_custom_fields(self, value: list) -> None:
        """Only the listed fields change."""
        fields = dict(self.record.get("custom_fields") or {})
        for entry in value or []:
            if not isinstance(entry, dict) or not isinstance(entry.get("slug"), str):
                raise refuse("custom_fields must be an array of objects with a slug")
            if entry["slug"] not in self.settings.ignore_fields:
                self.set_custom_field(fields, entry)
        self.record["custom_fields"] = fields

    def set_custom_field(self, fields: dict, entry: dict) -> None:
        """One custom field; an entry with neither value nor values unsets it."""
        slug = entry["slug"]
        field = self.store.by_slug.get(slug)
        if field is None:
            if self.settings.unknown_slug_write == "error":
                raise refuse(f"there is no custom field {slug!r}")
            return
        if field.get("is_read_only"):
            raise refuse(f"custom field {slug!r} is read-only")
        key = "values" if field.get("type") == "multiselect" else "value"
        value = self.custom_operand(field, entry, key)
        if value is None:
            self.clear_custom_field(fields, slug)
        else:
            fields[slug] = {"slug": slug, key: value}

    def clear_custom_field(self, fields: dict, slug: str) -> None:
        """Unset, in whatever way that shows."""
        empty = {"null": {"value": None}, "text": {"value": ""}, "list": {"values": []}}.get(self.settings.cleared_custom)
        if empty is None:
            fields.pop(slug, None)
        else:
            fields[slug] = {"slug": slug, **empty}

    def custom_operand(self, field: dict, entry: dict, key: str) -> str | list | None:
        """The value of an entry, under the key that suits the type; an empty text fits every type."""
        slug, kind = field["slug"], field.get("type")
        if entry.get("value" if key == "values" else "values") is not None:
            raise refuse(f"custom field {slug!r} of type {kind} takes {key}")
        found = entry.get(key)
        items = [found] if key == "value" else found
        if found is None:
            return None
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise refuse(f"custom field {slug!r} takes {'a string' if key == 'value' else 'an array of strings'}")
        for item in items:
            if item and not value_fits(field, item):
                raise refuse(f"custom field {slug!r} of type {kind} can't be {item!r}")
        return found
