"""The contacts: ten fixed ones for demonstrations, the rest generated from (seed, index).

A generated value can be traced back to its index (an id, an address and an account hold their number), so a million
contacts need neither memory nor an index until they are asked for.

The fixed contacts, index 0 to 9; "acme" and "globex" are ACME and GLOBEX of accounts.py:

    id ends in  name                    email                    account  why
    1           Ada Lovelace            ada@acme.com             acme     everything is set
    2           Grace Hopper            grace@acme.com           acme     several addresses and phones
    3           Alan Turing             alan@acme.com            acme     no custom fields
    4           Katherine Johnson       katherine@globex.com     globex   external id crm-katherine
    5           Conan O'Brien           o'brien@globex.com       globex   apostrophes
    6           Zoë Ångström            zoe@globex.com           globex   not ASCII
    7           Robert "Bob" C:\\Tables  bob@tables.example       -        quotes and backslash
    8           Slack Only              -                        -        no address, no account
    9           100%_sure               percent_100%@acme.com    acme     wildcards of LIKE
    10          ada lovelace            Ada@Acme.com             acme     the first one in another case
"""

from datetime import date

from accounts import ACME, GLOBEX, OWNER, accounts_of, domain_of, known_as
from custom_fields import LONG_SLUG, SALESFORCE_SLUG
from generated import Generator, custom_value, laid_out, make_uuid, number_after, uuid_number
from objects import ObjectType, external_ids, nested_id, text_of

FIELDS = ("id", "name", "email", "emails", "account", "avatar_url", "custom_fields", "portal_role",
          "portal_role_id", "phone_numbers", "primary_phone_number", "external_ids", "integration_user_ids")

FIRST = ("Ada", "Grace", "Alan", "Linus", "Zoë", "Søren", "José", "Marie", "Katherine", "Tim", "Радия", "李", "Édouard",
         "Ana", "Bjørn", "Chloe", "Dmitri", "Eva", "Farid", "Gül", "Hans", "Ines", "Jim", "Kofi", "Lea", "Mehmet",
         "Nina", "Olu", "Priya", "Quinn", "Rosa", "Sven", "Tara", "Uma", "Vera", "Wei", "Xavier", "Yuki")
LAST = ("Lovelace", "Hopper", "Turing", "Torvalds", "Ångström", "Kierkegaard", "García", "Curie", "Johnson",
        "Berners-Lee", "Перлман", "小龙", "O'Neill", "D'Arc", "Müller", "Nguyễn", "Smith", "van der Berg", "Okafor",
        "Patel", "Kim", "Silva", "Novák", "Rossi", "Dupont", "Schmidt", "Jansen", "Ivanova", "Sato", "Cohen", "Haddad")
NOTES = ("prefers calls", "", "Größe: 5 µm, naïve café", "said \"soon\"", "a\\b", "第一", "line one\nline two",
         "🚀 launch", " leading blank", "50% off_season", "{not json}", "tab\there")

# Names that trip quoting, escaping and trimming: about one contact in thirty has one.
DIRTY_NAMES = (
    lambda first, last: f"  {first} {last}",
    lambda first, last: f'{first} "The {last}" {last}',
    lambda first, last: f"{first}\\{last}",
    lambda first, last: f"{last}, {first}, Jr.",
    lambda first, last: f"{first}'s {last}",
    lambda first, last: f"{first} {last} 🚀",
    lambda first, last: f"{first}\n{last}",
    lambda first, last: f"{first}",
)

DAYS = date(2026, 1, 1).toordinal()


def ascii_part(name: str) -> str:
    """The letters of a name that may stand in an address."""
    return "".join(letter for letter in name.lower() if letter.isascii() and letter.isalpha()) or "x"


FIRST_PARTS = tuple(map(ascii_part, FIRST))
LAST_PARTS = tuple(map(ascii_part, LAST))

# slug, how many of 256 contacts have it, value from a 16 bit number
CUSTOM = laid_out(16, (
    ("tier", 150, lambda n: ("gold", "silver", "bronze")[n % 3]),
    ("seats", 70, lambda n: str(n % 500)),
    ("mrr", 50, lambda n: f"{n % 40000 / 10:.2f}"),
    ("vip", 100, lambda n: "true" if n & 1 else "false"),
    ("renewal", 50, lambda n: date.fromordinal(DAYS + n % 730).isoformat()),
    ("last_seen", 40, lambda n: f"2026-{n % 12 + 1:02d}-{n % 28 + 1:02d}T{n % 24:02d}:{n % 60:02d}:{n % 59:02d}Z"),
    ("regions", 50, lambda n: (["eu"], ["us"], ["apac"], ["eu", "us"], ["eu", "us", "apac"], [])[n % 6]),
    ("notes", 50, lambda n: NOTES[n % len(NOTES)]),
    ("website", 30, lambda n: f"https://site{n}.example/?a=1&b=%20"),
    ("owner", 25, lambda n: f"00000000-0000-4000-b000-{n % 7 + 1:012d}"),
    (SALESFORCE_SLUG, 25, lambda n: f"003{n:012d}"),
    (LONG_SLUG, 8, lambda n: str(n % 100)),
    ("email", 8, lambda n: f"private{n}@home.example"),
))
ROLES = ("no_access", "member", "admin", "no_access", "member", "billing-viewer", None, "member")


def contact(number: int, name: str, email: str | None, account: str | None, custom: dict, **others) -> dict:
    """A fixed contact: every member is there, None where nothing is set."""
    record = dict.fromkeys(FIELDS)
    record["id"] = f"00000000-0000-4000-8000-{number:012d}"
    record["name"], record["email"], record["emails"] = name, email, [email] if email else None
    record["account"] = account_object(account) if account else None
    record["custom_fields"] = {slug: custom_value(slug, value) for slug, value in custom.items()}
    record["portal_role"] = "member"
    record.update(others)
    return record


def account_object(account: str) -> dict:
    """A fixed account as it stands in a contact."""
    return {"id": account, "external_ids": [{"external_id": "acme" if account == ACME else "globex", "label": "crm"}]}


def fixed_contacts() -> list[dict]:
    """The table of this file's head."""
    return [
        contact(1, "Ada Lovelace", "ada@acme.com", ACME,
                {"tier": "gold", "seats": "25", "mrr": "1250.50", "vip": "true", "renewal": "2027-01-31",
                 "last_seen": "2026-11-01T08:30:00Z", "regions": ["eu", "us"], "notes": "wrote the first program",
                 "website": "https://acme.com/ada", "owner": OWNER, SALESFORCE_SLUG: "003000000000001",
                 LONG_SLUG: "97", "email": "ada@home.example"},
                avatar_url="https://acme.com/ada.png", portal_role="admin", portal_role_id="role-admin",
                phone_numbers=["+33100000000"], primary_phone_number="+33100000000",
                external_ids=[{"external_id": "crm-ada", "label": "hubspot"}],
                integration_user_ids=[{"id": "U1", "source": "slack"}]),
        contact(2, "Grace Hopper", "grace@acme.com", ACME,
                {"tier": "silver", "seats": "5", "vip": "false", "regions": ["us"], "notes": ""},
                emails=["grace@acme.com", "hopper@navy.example"], phone_numbers=["15550100", "15550101"],
                primary_phone_number="15550101"),
        contact(3, "Alan Turing", "alan@acme.com", ACME, {}, portal_role="no_access"),
        contact(4, "Katherine Johnson", "katherine@globex.com", GLOBEX, {"tier": "gold", "mrr": "99.00"},
                external_ids=[{"external_id": "crm-katherine", "label": "hubspot"}]),
        contact(5, "Conan O'Brien", "o'brien@globex.com", GLOBEX, {"tier": "bronze", "notes": "it's late"}),
        contact(6, "Zoë Ångström", "zoe@globex.com", GLOBEX, {"notes": "Größe: 5 µm 🚀", "regions": ["eu"]}),
        contact(7, 'Robert "Bob" C:\\Tables', "bob@tables.example", None, {"notes": 'a "quoted" \\ back\\slash'},
                portal_role="billing-viewer"),
        contact(8, "Slack Only", None, None, {"vip": "true"}, emails=[], portal_role=None, external_ids=[],
                integration_user_ids=[{"id": "U8", "source": "slack"}]),
        contact(9, "100%_sure", "percent_100%@acme.com", ACME, {"seats": "0"}),
        contact(10, "ada lovelace", "Ada@Acme.com", ACME, {"tier": "bronze"}, portal_role="no_access"),
    ]


def value_of(record: dict, name: str) -> str | list | None:
    """A value that can be searched by, or looked up."""
    if name == "account_id":
        return nested_id(record, "account")
    return external_ids(record) if name == "external_ids" else text_of(record, name)


class ContactGenerator(Generator):
    """The contacts."""

    custom = CUSTOM

    def __init__(self, seed: str, size: int) -> None:
        super().__init__(seed, size, fixed_contacts(), value_of)
        self.accounts = accounts_of(size)

    def digest(self, index: int) -> bytes:
        """The 64 random bytes that all of a contact's values are taken from."""
        return self.noise(b"%d" % index)

    def object_id(self, index: int) -> str:
        """The id of any position; contacts created later get theirs here, too, so that tests can foresee them."""
        return make_uuid(index, self.digest(index)[53:])

    def made(self, index: int) -> dict:
        """A contact behind the fixed ones."""
        noise = self.digest(index)
        email = self.email(index, noise)
        phones = self.phones(index, noise)
        return {
            "id": make_uuid(index, noise[53:]), "name": self.name(noise), "email": email,
            "emails": self.emails(index, noise, email), "account": self.account(index, noise),
            "avatar_url": f"https://img.example/{index}.png" if noise[7] < 50 else None,
            "custom_fields": self.custom_fields(noise), "portal_role": ROLES[noise[8] & 7],
            "portal_role_id": f"role-{noise[8] & 3}" if noise[9] < 30 else None,
            "phone_numbers": phones, "primary_phone_number": phones[0] if phones else None,
            "external_ids": self.external_ids(index, noise),
            "integration_user_ids": [{"id": f"U{index}", "source": "slack"}] if noise[11] < 20 else None,
        }

    def name(self, noise: bytes) -> str:
        """First and last name, or one of the dirty ones."""
        first, last = FIRST[noise[0] % len(FIRST)], LAST[noise[1] % len(LAST)]
        if noise[2] < len(DIRTY_NAMES):
            return DIRTY_NAMES[noise[2]](first, last)
        return f"{first} {last}"

    def email(self, index: int, noise: bytes) -> str | None:
        """About 3 % have none, 1 % that of the contact before, 4 % one in mixed case."""
        if noise[3] < 8:
            return None
        if noise[3] < 11 and index > self.fixed:
            return self.own_email(index - 1, self.digest(index - 1))
        email = self.own_email(index, noise)
        return email.title() if noise[3] < 21 else email

    def own_email(self, index: int, noise: bytes) -> str:
        """An address that ends its local part in the index; people of one account share a domain."""
        local = f"{FIRST_PARTS[noise[0] % len(FIRST)]}.{LAST_PARTS[noise[1] % len(LAST)]}{index}"
        if noise[5] < 13:
            return f"{local}@mail.example"
        return f"{local}@{domain_of(index % self.accounts)}"

    def emails(self, index: int, noise: bytes, email: str | None) -> list | None:
        """Mostly the address itself, sometimes more, an empty list, or nothing."""
        if noise[4] < 12:
            return None if noise[4] < 6 else []
        if email is None:
            return None
        return [email, f"alias{index}@mail.example"] if noise[4] < 40 else [email]

    def account(self, index: int, noise: bytes) -> dict | None:
        """One contact in twenty belongs to no account."""
        if noise[5] < 13:
            return None
        number = index % self.accounts
        return {"id": make_uuid(number, self.noise(b"account%d" % number)), "external_ids": known_as(number)}

    def phones(self, index: int, noise: bytes) -> list | None:
        """Read with a plus sign in front or without, as the API's own sample shows."""
        if noise[6] > 60:
            return None if noise[6] > 70 else []
        first = f"{'+' if noise[6] & 1 else ''}33{index:09d}"
        return [first, f"4930{index:07d}"] if noise[6] < 10 else [first]

    def external_ids(self, index: int, noise: bytes) -> list | None:
        """One in eight has one; it holds the index, for look-ups by path."""
        if noise[10] < 32:
            return [{"external_id": f"crm-{index}", "label": "hubspot"}]
        return [] if noise[10] < 36 else None

    def made_field(self, index: int, name: str, noise: bytes) -> str | None:
        """One value of a contact behind the fixed ones."""
        if name == "account_id":
            account = self.account(index, noise)
            return account and account["id"]
        return make_uuid(index, noise[53:]) if name == "id" else self.email(index, noise) if name == "email" \
            else self.name(noise)

    def positions_by_email(self, value: str) -> list[int]:
        """The number at the end of the local part; the next contact may have the same address."""
        local = value.partition("@")[0]
        number = number_after(local.rstrip("0123456789"), local)
        return [number, number + 1]

    def positions_by_account_id(self, value: str) -> range:
        """Contacts are dealt out to the accounts in turn."""
        number = uuid_number(value)
        return range(number, self.size, self.accounts) if 0 <= number < self.accounts else range(0)

    def positions_by_external_ids(self, value: str) -> list[int]:
        """The number after crm-."""
        return [number_after("crm-", value)]


ERA_A_FIELDS = ("id", "name", "email", "emails", "account", "avatar_url", "custom_fields", "portal_role")
CONTACT = ObjectType(
    noun="contact", plural="contacts", fields={"A": ERA_A_FIELDS, "B": FIELDS, "C": FIELDS},
    empties={"emails": [], "phone_numbers": [], "external_ids": [], "integration_user_ids": [], "custom_fields": {},
             "account": None},
    recorded={}, nested="account",
    operators={"id": {"equals", "in", "not_in"}, "account_id": {"equals", "in", "not_in"},
               "email": {"equals", "in", "not_in", "string_contains"},
               "name": {"equals", "in", "not_in", "string_contains"}},
    later_filters=("name",), indexed=("id", "email", "account_id", "external_ids"), fuzzy=("name", "email"),
    external_path=("C",), value=value_of,
    # A reader that looks for a key anywhere in a contact finds a wrong one here.
    extras={"score": 0.5, "tags": ["x", None], "merged_from": [{"id": "not-the-id", "email": "not@the.email",
            "name": None, "custom_fields": {"tier": {"slug": "tier", "value": "decoy"}}}]},
)
