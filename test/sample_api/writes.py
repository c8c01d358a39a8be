"""What a body of POST or PATCH does to an object: what contacts and accounts have in common."""

import copy
from urllib.parse import urlsplit

from custom_fields import value_fits
from errors import refuse
from normal_forms import normal

TYPE_NAMES = {str: "a string", list: "an array", bool: "a boolean"}
EMPTY = ("", [])


class Change:
    """An object on its way from one state to the next; a subclass has its fields and their rules."""

    # all fields; what a new object has besides its id; what a create passes over
    fields: tuple[str, ...]
    on_create: dict
    not_on_create: tuple[str, ...]
    # fields as they are written, and the types of their values; those that era A knows; two that exclude each other
    writable: dict[str, type]
    writable_in_a: tuple[str, ...]
    exclusive: tuple[str, str] | None = None

    def __init__(self, workspace, store, former: dict | None = None) -> None:
        """The former record is left untouched, for searches that lag."""
        self.workspace = workspace
        self.store = store
        self.settings = store.settings
        self.is_new = former is None
        self.record = dict.fromkeys(self.fields) if former is None else copy.deepcopy(former)

    def create(self, body: dict) -> dict:
        """The object that a create makes; empty optional fields count as left out."""
        given = {field: value for field, value in self.given(body).items() if field not in self.not_on_create}
        self.check_create(given)
        self.record.update(id=self.store.next_id(), **copy.deepcopy(self.on_create))
        self.apply({field: value for field, value in given.items() if value not in EMPTY})
        return self.record

    def update(self, body: dict) -> dict:
        """The object after a PATCH."""
        given = self.given(body)
        self.check_update(given)
        self.apply(given)
        return self.record

    def check_create(self, given: dict) -> None:
        """What a create must have."""
        if not given.get("name"):
            raise refuse("name is required")

    def check_update(self, given: dict) -> None:
        """What a change can't be."""
        if given.get("name") == "":
            raise refuse("name can't be empty")

    def given(self, body: dict) -> dict:
        """The writable members with a value: null counts as left out, unknown keys are ignored, types are checked."""
        known = self.writable_in_a if self.settings.era == "A" else self.writable
        given = {field: body[field] for field in known if body.get(field) is not None}
        for field, value in given.items():
            if not isinstance(value, self.writable[field]) and (value != "" or self.writable[field] is bool):
                raise refuse(f"{field} must be {TYPE_NAMES[self.writable[field]]}")
        if self.exclusive and all(field in given for field in self.exclusive):
            raise refuse(f"{self.exclusive[0]} and {self.exclusive[1]} can't be given together")
        return {field: normal(value, self.settings.normalise) for field, value in given.items()
                if field not in self.settings.ignore_fields}

    def apply(self, given: dict) -> None:
        """Every field by its own rule; an empty value clears where the switch lets it."""
        for field, value in given.items():
            if value not in EMPTY or field == "custom_fields":
                getattr(self, "set_" + field, lambda value, field=field: self.set_text(field, value))(value)
            elif self.settings.allows("clear_works", field):
                self.clear(field, value)
        self.finish(given)

    def finish(self, given: dict) -> None:
        """What is to be settled when every field has its value."""

    def clear(self, field: str, value) -> None:
        """An empty string or list."""
        raise NotImplementedError

    def duplicates(self) -> list[tuple[str, str]]:
        """Fields and values of a new object that no other one may have."""
        raise NotImplementedError

    def set_text(self, field: str, value) -> None:
        """A field without rules."""
        self.record[field] = value

    def set_picture(self, field: str, value: str) -> None:
        """Only what the address tells of the picture can be checked."""
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.path.lower().endswith((".png", ".jpg", ".jpeg")):
            raise refuse(f"{field} must be the URL of a .png, .jpg or .jpeg")
        self.record[field] = value

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
        forms = {"null": {"value": None}, "text": {"value": ""}, "list": {"values": []}}
        empty = forms.get(self.settings.cleared_custom)
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
