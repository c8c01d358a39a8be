"""The accounts: eight fixed ones, then those that the generated contacts belong to, made from (seed, number).

A generated account can be traced back to its number, which is that of its contacts' addresses: account 17 has the
domain umbrella17.example, the name "Umbrella 17 …", external id acct-17 if 3 divides it, and its id holds it.

The fixed accounts, index 0 to 7. Owners are users 1 to 7, of whom 5 to 7 have no e-mail address; the first two have
contacts:

    id ends in  name                    domains                 owner  external id  why
    1 = ACME    Acme                    acme.com, acme.example  1      acme         everything is set, hubspot 8001
    2 = GLOBEX  Globex                  globex.com              6      globex       no tags, no address of the owner
    3           Globex                  globex.example          -      -            the same name, a CRM id
    4           Tables "R" Us\\Söhne 🚀  tables.example          2      o'4/4        the domain of contact 7, who has no account
    5           O'Neill & Co, Ltd.      -                       -      -            disabled, no domain
    6           100%_pure               pure.example            1      -            partner of Acme's, wildcards of LIKE
    7           acme                    Acme.Test               -      ACME         the first one in another case
    8 = LABS    Acme Labs               labs.acme.com           1      -            a part of Acme
"""

import re
from datetime import date

from custom_fields import ANNUAL_REVENUE_SLUG, LAST_MEETING_SLUG, TIER_SLUG
from generated import COMPANIES, Generator, custom_value, laid_out, make_uuid, number_after, uuid_number
from objects import ObjectType, external_ids, nested_id, text_of, texts_of


def fixed_id(number: int) -> str:
    """The id of a fixed account."""
    return f"00000000-0000-4000-a000-{number:012d}"


def user_id(number: int) -> str:
    """The id of one of the seven users, who own accounts."""
    return f"00000000-0000-4000-b000-{number:012d}"


ACME, GLOBEX, LABS = fixed_id(1), fixed_id(2), fixed_id(8)
OWNER = user_id(1)
USERS = {user_id(number): f"owner{number}@sample.example" if number < 5 else None for number in range(1, 8)}

# What the published OpenAPI document lists; the recorded answers of era C have more.
LISTED = ("id", "name", "owner", "domain", "domains", "primary_domain", "type", "channels", "created_at", "updated_at",
          "latest_customer_activity_time", "tags", "custom_fields", "external_ids", "crm_settings", "is_disabled")
FIELDS = ("id", "name", "logo_url", *LISTED[2:], "parent_account_id", "subaccount_ids", "associated_account_ids")

# Names that trip quoting, escaping and trimming: about one account in twelve has one. All hold the number.
DIRTY_NAMES = (
    lambda company, number: f"  {company} {number}",
    lambda company, number: f'{company} "{number}" & Sons',
    lambda company, number: f"{company}\\{number}",
    lambda company, number: f"{company} {number}, Inc.",
    lambda company, number: f"{company}'s {number}",
    lambda company, number: f"Société {company} {number} 🚀",
    lambda company, number: f"株式会社 {number}",
    lambda company, number: f"50%_{company}{number}",
)
SUFFIXES = ("", " GmbH", " Inc", " Ltd")
TAGS = (["enterprise"], ["eu"], ["enterprise", "eu"], ["churn risk"], ["a,b", 'say "hi"'], ["Größe"], ["EU"], [])
TYPES = ("customer", "customer", "customer", "partner", "prospect", "internal", "community", "customer")
DAYS = date(2026, 1, 1).toordinal()

# slug, how many of 256 accounts have it, value from a 16 bit number
CUSTOM = laid_out(32, (
    ("plan", 190, lambda n: ("free", "team", "enterprise")[n % 3]),
    ("seats", 150, lambda n: str(n % 1000)),
    ("health", 80, lambda n: f"{n % 1000 / 10:.1f}"),
    ("is_trial", 120, lambda n: "true" if n & 1 else "false"),
    ("renewal_date", 120, lambda n: date.fromordinal(DAYS + n % 730).isoformat()),
    ("products", 90, lambda n: (["chat"], ["email"], ["chat", "email"], ["portal"], [])[n % 5]),
    ("notes", 60, lambda n: ("", "pays late", "said \"soon\"", "Größe: 5 µm", "line one\nline two")[n % 5]),
    ("status_page", 40, lambda n: f"https://status{n}.example/?a=1&b=%20"),
    ("csm", 60, lambda n: user_id(n % 7 + 1)),
    (ANNUAL_REVENUE_SLUG, 80, lambda n: str(n * 1000)),
    (TIER_SLUG, 50, lambda n: f"Tier {n % 4}"),
    (LAST_MEETING_SLUG, 60, lambda n: moment(DAYS + n % 300, n)),
    ("tags", 12, lambda n: f"private {n % 10}"),
))


def accounts_of(contacts: int) -> int:
    """How many accounts so many generated contacts are dealt out to."""
    return max(1, contacts // 20)


def domain_of(number: int, end: str = "example") -> str:
    """What the addresses of a generated account's contacts end in."""
    return f"{COMPANIES[number & 7]}{number}.{end}"


def known_as(number: int) -> list | None:
    """One generated account in three has an external id."""
    return [{"external_id": f"acct-{number}", "label": "crm"}] if number % 3 == 0 else None


def moment(day: int, n: int) -> str:
    """A time on a day, in the API's form."""
    return f"{date.fromordinal(day)}T{n % 24:02d}:{n % 60:02d}:{n % 59:02d}Z"


def owned_by(user: str | None) -> dict | None:
    """An owner as it stands in an account: with an address where the user has one."""
    email = USERS.get(user)
    return {"id": user, "email": email} if email else {"id": user} if user else None


def account(number: int, name: str, domains: list[str], owner: int | None, custom: dict, **others) -> dict:
    """A fixed account: every member is there, None where nothing is set."""
    record = dict.fromkeys(FIELDS)
    record.update(
        id=fixed_id(number), name=name, owner=owned_by(owner and user_id(owner)), domains=domains,
        domain=domains[0] if domains else None, primary_domain=domains[0] if domains else None, type="customer",
        channels=[], created_at=f"2025-03-0{number}T09:00:00Z", updated_at=f"2026-10-0{number}T10:30:00Z",
        custom_fields={slug: custom_value(slug, value) for slug, value in custom.items()}, is_disabled=False,
        subaccount_ids=[])
    record.update(others)
    return record


def fixed_accounts() -> list[dict]:
    """The table of this file's head."""
    return [
        account(1, "Acme", ["acme.com", "acme.example"], 1,
                {"plan": "enterprise", "seats": "250", "health": "97.5", "is_trial": "false",
                 "renewal_date": "2027-01-31", "products": ["chat", "email"], "notes": "the first customer",
                 "status_page": "https://status.acme.com/", "csm": user_id(2), ANNUAL_REVENUE_SLUG: "12500000",
                 TIER_SLUG: "Tier 1", LAST_MEETING_SLUG: "2026-11-03T14:00:00Z", "tags": "not the tags"},
                logo_url="https://acme.com/logo.png", tags=["enterprise", "eu"],
                channels=[{"channel_id": "C1", "channel_name": "ext-acme", "channel_url": "https://slack.example/C1",
                           "source": "slack", "is_primary": True, "is_internal": False}],
                external_ids=[{"external_id": "acme", "label": "crm"}],
                crm_settings={"details": [{"source": "hubspot", "id": "8001"}]}, subaccount_ids=[LABS],
                latest_customer_activity_time="2026-11-20T16:45:10Z"),
        account(2, "Globex", ["globex.com"], 6, {"plan": "team", "seats": "12", "products": ["email"]},
                external_ids=[{"external_id": "globex", "label": "crm"}],
                latest_customer_activity_time="2026-09-30T23:59:59Z"),
        account(3, "Globex", ["globex.example"], None, {"plan": "free"},
                crm_settings={"details": [{"source": "salesforce", "id": "001000000000003"}]}),
        account(4, 'Tables "R" Us\\Söhne 🚀', ["tables.example"], 2,
                {"notes": 'a "quoted" \\ back\\slash', "seats": "0"}, tags=['say "hi"', "a,b", "c\\d"],
                external_ids=[{"external_id": "o'4/4", "label": "billing"}]),
        account(5, "O'Neill & Co, Ltd.", [], None, {}, is_disabled=True, type="prospect"),
        account(6, "100%_pure", ["pure.example"], 1, {"notes": ""}, type="partner", tags=["EU"],
                associated_account_ids=[ACME]),
        account(7, "acme", ["Acme.Test"], None, {"plan": "free", "is_trial": "true"},
                external_ids=[{"external_id": "ACME", "label": "crm"}]),
        account(8, "Acme Labs", ["labs.acme.com"], 1, {}, parent_account_id=ACME, tags=["eu"]),
    ]


def value_of(record: dict, name: str) -> str | list | None:
    """A value that can be searched by, or looked up."""
    if name == "owner_id":
        return nested_id(record, "owner")
    if name == "external_ids":
        return external_ids(record)
    return texts_of(record, name) if name in ("domains", "tags") else text_of(record, name)


class AccountGenerator(Generator):
    """The accounts; index `fixed` is number 0."""

    custom = CUSTOM

    def __init__(self, seed: str, generated: int) -> None:
        """Without generated accounts there are no fixed ones, either."""
        fixed = fixed_accounts()
        super().__init__(seed, generated and generated + len(fixed), fixed, value_of)

    def digest(self, index: int) -> bytes:
        """The 64 random bytes that all of an account's values are taken from; contacts know the first of them."""
        return self.noise(b"account%d" % (index - self.fixed))

    def object_id(self, index: int) -> str:
        """The id of any position, those of accounts created later as well."""
        return make_uuid(index - self.fixed, self.digest(index))

    def made(self, index: int) -> dict:
        """An account behind the fixed ones."""
        noise, number = self.digest(index), index - self.fixed
        domains = self.domains(number, noise)
        primary = domains[noise[20] & 1 and len(domains) - 1] if domains else None
        kind = TYPES[noise[26] & 7]
        created = DAYS - 300 + noise[28]
        active = moment(created + 1 + noise[31] % 30, noise[30]) if noise[27] < 150 else None
        return {
            "id": make_uuid(number, noise), "name": self.name(number, noise),
            "logo_url": f"https://img.example/account{number}.png" if noise[24] < 60 else None,
            "owner": owned_by(self.owner(noise)), "domain": primary, "domains": domains, "primary_domain": primary,
            "type": kind, "channels": self.channels(number, noise), "created_at": moment(created, noise[29]),
            "updated_at": moment(created + 1 + noise[30], noise[31]),
            "latest_customer_activity_time": active, "tags": self.tags(noise),
            "custom_fields": self.custom_fields(noise), "external_ids": known_as(number),
            "crm_settings": self.crm_settings(number, noise), "is_disabled": noise[25] < 10, "parent_account_id": None,
            "subaccount_ids": [], "associated_account_ids": [] if kind == "partner" else None,
        }

    def made_field(self, index: int, name: str, noise: bytes) -> str | list | None:
        """One value of an account behind the fixed ones."""
        number = index - self.fixed
        return {
            "id": lambda: make_uuid(number, noise), "name": lambda: self.name(number, noise),
            "domains": lambda: self.domains(number, noise), "tags": lambda: self.tags(noise),
            "owner_id": lambda: self.owner(noise),
            "external_ids": lambda: [f"acct-{number}"] if number % 3 == 0 else None,
        }[name]() or None

    def name(self, number: int, noise: bytes) -> str:
        """Mostly an own one; about 3 % have that of the account before."""
        if noise[16] < 8 and number > 0:
            return self.own_name(number - 1, self.digest(self.fixed + number - 1))
        return self.own_name(number, noise)

    def own_name(self, number: int, noise: bytes) -> str:
        """The company and the number, or one of the dirty ones."""
        company = COMPANIES[number & 7].capitalize()
        if noise[17] < 20:
            return DIRTY_NAMES[noise[17] & 7](company, number)
        return f"{company} {number}{SUFFIXES[noise[18] & 3]}"

    def domains(self, number: int, noise: bytes) -> list:
        """That of the contacts' addresses; one account in seven has a second one, one in twenty none."""
        if noise[19] < 12:
            return []
        return [domain_of(number), domain_of(number, "test")] if noise[19] < 48 else [domain_of(number)]

    def owner(self, noise: bytes) -> str | None:
        """One account in three has none."""
        return user_id(noise[21] % 7 + 1) if noise[21] >= 85 else None

    def tags(self, noise: bytes) -> list | None:
        """Null where there are none."""
        return TAGS[noise[22] & 7] or None if noise[22] < 160 else None

    def channels(self, number: int, noise: bytes) -> list:
        """One account in eight has a channel."""
        if noise[23] >= 32:
            return []
        return [{"channel_id": f"C{number}", "channel_name": f"ext-{number}", "source": "slack", "is_primary": True,
                 "channel_url": f"https://slack.example/C{number}", "is_internal": False}]

    def crm_settings(self, number: int, noise: bytes) -> dict | None:
        """One account in four is known to one CRM or two."""
        details = [{"source": "hubspot", "id": str(9000000 + number)},
                   {"source": "salesforce", "id": f"001{number:012d}"}]
        return {"details": details[:1 + (noise[27] & 1)]} if noise[26] < 64 else None

    def positions_by_id(self, value: str) -> list[int]:
        """The number in the id."""
        return [self.fixed + uuid_number(value)]

    def positions_by_name(self, value: str) -> list[int]:
        """Each number in the name; the next account may have the same."""
        return [self.fixed + int(digits) + more for digits in re.findall("[0-9]{1,9}", value) for more in (0, 1)]

    def positions_by_domains(self, value: str) -> list[int]:
        """The number in front of the first dot."""
        company = value.partition(".")[0]
        return [self.fixed + number_after(company.rstrip("0123456789"), company)]

    def positions_by_external_ids(self, value: str) -> list[int]:
        """The number after acct-."""
        return [self.fixed + number_after("acct-", value)]


# The reference page of era A knows no accounts: they have the documented fields then, but for updated_at, which came
# with era B, and the filters, which every stored age of the accounts page lists alike.
ACCOUNT = ObjectType(
    noun="account", plural="accounts",
    fields={"A": tuple(field for field in LISTED if field != "updated_at"), "B": LISTED, "C": FIELDS},
    empties={"owner": None, "domains": [], "channels": [], "tags": [], "custom_fields": {}, "external_ids": [],
             "crm_settings": None, "subaccount_ids": [], "associated_account_ids": []},
    recorded={"owner": "null", "tags": "null", "custom_fields": "empty", "external_ids": "null",
              "crm_settings": "absent", "parent_account_id": "null", "associated_account_ids": "absent"},
    nested="owner",
    operators={"id": {"equals", "in", "not_in"}, "name": {"equals", "in", "not_in", "string_contains"},
               "domains": {"contains", "does_not_contain", "in", "not_in"},
               "tags": {"contains", "does_not_contain", "in", "not_in"},
               "external_ids": {"equals", "in", "not_in", "is_set", "is_unset"},
               "owner_id": {"equals", "in", "not_in", "is_set", "is_unset"}},
    later_filters=(), indexed=("id", "name", "domains", "external_ids"), fuzzy=("name", "domains"),
    # The OpenAPI document of era B says so outright.
    external_path=("B", "C"), value=value_of,
    # A reader that looks for a key anywhere in an account finds a wrong one here.
    extras={"score": 0.5, "contact_ids": ["x", None], "merged_from": [{"id": "not-the-id", "name": None,
            "domains": ["decoy.example"], "tags": ["decoy"], "owner": {"id": "not-the-owner"},
            "custom_fields": {"plan": {"slug": "plan", "value": "decoy"}}}]},
)
