"""The switches: every behaviour of the API that is unknown, or that differs between its documented eras.

One table holds name, kind, default and meaning; validation, the README's table and the tests come from it.
"""

from typing import Any, Callable, NamedTuple

from normal_forms import FORMS


class SwitchError(ValueError):
    """A switch that does not exist, or a value that it does not take."""


class Kind(NamedTuple):
    """How the text of a value is read, and how the choice is shown to a person."""

    label: str
    read: Callable[[str], Any]


def choice(*values: str) -> Kind:
    """One word of a few; anything else is refused, so that a typing error can't pass for a test."""

    def read(text: str) -> str:
        if text not in values:
            raise ValueError
        return text

    return Kind(" ".join(values), read)


def number_from(text: str) -> int:
    """Counts, seconds and milliseconds: negative ones have no meaning for any switch."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def seconds_from(text: str) -> float:
    """Seconds may be a fraction: a lag of a second would make the tests slow."""
    value = float(text)
    if not 0 <= value < 86400:
        raise ValueError
    return value


def names_from(text: str) -> frozenset[str]:
    """A comma list; an empty text is the empty list."""
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def forms_from(text: str) -> frozenset[str]:
    """The same of forms that there are."""
    names = names_from(text)
    if not names <= set(FORMS):
        raise ValueError
    return names


FLAG = Kind("on off", {"on": True, "off": False}.__getitem__)
NUMBER = Kind("number", number_from)
SECONDS = Kind("seconds", seconds_from)
FORM_NAMES = Kind("comma list of " + " ".join(sorted(FORMS)), forms_from)
NAMES = Kind("comma list", names_from)
NAMES_OR_ALL = Kind("all, none or comma list", names_from)


class Switch(NamedTuple):
    """A line of the table."""

    name: str
    default: str
    kind: Kind
    doc: str


SWITCHES = (
    # which API
    Switch("era", "C", choice("A", "B", "C"),
           "documented state of the API: A has 8 contact fields, no filter on their name, e-mail required on create; "
           "B adds phones, roles, external and integration ids, name filter, search_text, `updated_at` of accounts; "
           "C adds `code` to errors, logos and parents of accounts"),
    Switch("external_id_in_path", "on", FLAG,
           "in era C, and of accounts in B, the id in a path may also be an external id"),
    Switch("accounts", "on", FLAG, "whether there are accounts at all; off: 404 for their paths, no definitions"),
    # filters
    Switch("case_sensitive", "on", FLAG, "equals, in, not_in, string_contains and their opposites heed case"),
    Switch("refuse_name_filter", "off", FLAG, "400 for a filter on name in every era"),
    Switch("custom_operators", "all", NAMES_OR_ALL, "operators accepted on custom fields; others get 400"),
    Switch("typed_operators", "on", FLAG, "400 for an operator that does not suit the custom field's type"),
    Switch("lists_hold_text", "refuse", choice("refuse", "into", "none"),
           "string_contains on a multi-valued custom field: 400, the text in one of its values, or never true"),
    Switch("text_pattern", "off", FLAG, "string_contains takes % and _ for wildcards, and \\ for their escape"),
    Switch("empty_is_set", "on", FLAG, "whether is_set finds a custom field that is an empty text or list"),
    Switch("not_in_null", "match", choice("match", "skip"),
           "whether not_in, not_equals and the does_not operators let objects without a value through"),
    Switch("empty_in", "error", choice("all", "none", "error"), "what `in` with an empty list finds"),
    Switch("max_in", "0", NUMBER, "longest list of values accepted; 0 = no limit"),
    Switch("unknown_slug", "error", choice("error", "empty"),
           "filter on an undefined slug: 400, or as a field that no object has a value of"),
    Switch("depth_counts_leaves", "on", FLAG, "whether leaves count for the filter's greatest depth of 3"),
    Switch("search_lag", "0", SECONDS, "seconds by which a search lags behind writes"),
    # pages
    Switch("last_page", "no_pagination", choice("empty_cursor", "null_cursor", "no_pagination", "no_has_next"),
           "shape of the last page; no_has_next has a cursor but no has_next_page"),
    Switch("zero_matches", "empty", choice("empty", "missing", "null"), "`data` of a page of nothing"),
    Switch("end_page", "exact", choice("exact", "trailing"),
           "trailing: a full last page announces another page, which is empty"),
    Switch("cursor", "opaque", choice("opaque", "offset"),
           "opaque cursors hold a position that stays; offset ones shift when objects are deleted"),
    Switch("max_limit", "999", NUMBER, "largest limit of a list taken; 400 for a larger one"),
    Switch("max_search_limit", "999", NUMBER, "the same for a search"),
    Switch("short_pages", "0", NUMBER, "never more than this many in a page, whatever the limit; 0 = off"),
    Switch("page_order", "data_first", choice("data_first", "pagination_first"), "order of an answer's members"),
    # how values are given
    Switch("absent", "mixed", choice("null", "absent", "empty", "mixed"),
           "how unset values are given; mixed differs by object and field (a list is then null or absent), "
           "but for what was recorded of accounts"),
    Switch("custom_slug", "off", FLAG, "whether the value of a custom field has its slug in it, besides being its key"),
    Switch("multi_valued", "both", choice("both", "values"),
           "a multi-valued custom field has `values`, or both, with an empty `value`"),
    Switch("extra_keys", "off", FLAG, "undocumented members at top level, in contacts, accounts, custom values"),
    Switch("unicode_escapes", "off", FLAG, "non-ASCII characters as \\uXXXX"),
    Switch("pretty", "off", FLAG, "white space in the JSON"),
    # writes
    Switch("create_status", "200", choice("200", "201"), "status of a create"),
    Switch("patch_answer", "full", choice("full", "empty", "no_data", "204"),
           "answer to PATCH: the object, 200 without a body, JSON without `data`, 204"),
    Switch("normalise_email", "off", FLAG, "lower-cases addresses on write"),
    Switch("normalise", "", FORM_NAMES, "forms of its own in which the API keeps what is written"),
    Switch("cleared_custom", "absent", choice("absent", "null", "text", "list"),
           "how a custom field that was cleared is given: not at all, null, an empty text, an empty list"),
    Switch("ignore_fields", "", NAMES, "fields and slugs silently left out on write"),
    Switch("clear_works", "all", NAMES_OR_ALL, "fields that an empty string or list clears; others keep their value"),
    Switch("unknown_slug_write", "ignore", choice("ignore", "error"), "writing an undefined slug"),
    Switch("duplicate_check", "on", FLAG,
           "a create with an address in use is refused with exists_id; so are accounts, see the next one"),
    Switch("account_duplicate", "domain", choice("domain", "name", "none"),
           "what of an account must be new in a create; its external ids always must be, in a PATCH as well"),
    Switch("duplicate_status", "400", choice("400", "409", "422"), "status of that refusal"),
    Switch("duplicate_ignores_case", "on", FLAG,
           "whether addresses, domains or names that differ in case are duplicates"),
    Switch("unknown_account", "take", choice("take", "error"),
           "a contact's account_id that is no account: taken as it is, or 400"),
    Switch("deleted_account", "detach", choice("detach", "keep"),
           "contacts of a deleted account: without account, or still with its id"),
    # transport
    Switch("rate_limit", "0", NUMBER, "requests per window and endpoint before 429; 0 = off"),
    Switch("rate_window", "60", SECONDS, "length of the rate limit's window"),
    Switch("retry_after", "x_seconds", choice("x_seconds", "seconds", "date", "none"),
           "what a 429 says: X-Retry-After, Retry-After in seconds or as a date, nothing"),
    Switch("latency", "0", NUMBER, "milliseconds from a request to its answer"),
    Switch("write_latency", "0", NUMBER,
           "milliseconds that a POST, PATCH or DELETE of an object takes, unless a fault refuses it"),
    Switch("compress", "off", FLAG, "gzip or deflate where Accept-Encoding allows it"),
    Switch("chunked", "off", FLAG, "answers without Content-Length, in chunks"),
)

BY_NAME = {switch.name: switch for switch in SWITCHES}

# An object's bytes depend on these alone: a change makes the rendered ones stale.
SHAPE = ("era", "absent", "custom_slug", "multi_valued", "extra_keys", "unicode_escapes", "pretty")


def as_text(value: Any) -> str:
    """JSON gives true and 5 where the command line gives on and 5: one reader serves both."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise SwitchError(f"a switch takes a string, a number or a boolean, not {value!r}")


def parse(name: str, value: Any) -> Any:
    """Read one value, or say which name or value is wrong."""
    if name not in BY_NAME:
        raise SwitchError(f"unknown switch {name!r}; there are: {', '.join(sorted(BY_NAME))}")
    kind = BY_NAME[name].kind
    try:
        return kind.read(as_text(value))
    except (ValueError, KeyError):
        raise SwitchError(f"switch {name} takes {kind.label}, not {as_text(value)!r}") from None


class Settings:
    """The switches' present values, one attribute each; `version` counts their changes."""

    def __init__(self, initial: dict[str, Any]) -> None:
        self.initial = initial
        self.version = 0
        self.reset()

    def reset(self) -> None:
        """Back to what the server was started with, not to bare defaults: --set describes the server."""
        self.update({switch.name: switch.default for switch in SWITCHES})
        self.update(self.initial)

    def update(self, values: dict[str, Any]) -> None:
        """All or nothing: a refused value leaves the others as they were."""
        parsed = {name: parse(name, value) for name, value in values.items()}
        for name, value in parsed.items():
            setattr(self, name, value)
        self.version += 1

    def shape(self) -> tuple:
        """What a rendered object depends on."""
        return tuple(getattr(self, name) for name in SHAPE)

    def allows(self, name: str, member: str) -> bool:
        """Whether a list switch that knows `all` and `none` holds a member."""
        members = getattr(self, name)
        return member in members or "all" in members
