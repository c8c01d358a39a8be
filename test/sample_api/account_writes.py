"""What a body of POST or PATCH /accounts does to an account."""

import re

from accounts import FIELDS, owned_by
from errors import already_exists, refuse
from writes import Change

DOMAIN = re.compile(r"[^\s/@:]+\.[^\s/@:.]+")
TYPES = ("customer", "internal", "community", "partner")
TYPES_OF_UPDATE = ("customer", "partner")
# These were recorded as null where there are none; other lists stay empty ones.
NULL_LISTS = ("tags", "external_ids")
SOURCES = ("slack", "microsoft_teams", "discord")


class AccountChange(Change):
    """An account on its way from one state to the next."""

    fields = FIELDS
    on_create = {"type": "customer", "domains": [], "channels": [], "custom_fields": {}, "is_disabled": False,
                 "subaccount_ids": []}
    not_on_create = ("is_disabled",)
    writable = {"name": str, "account_type": str, "domain": str, "domains": list, "primary_domain": str,
                "owner_id": str, "tags": list, "external_ids": list, "custom_fields": list, "logo_url": str,
                "channels": list, "subaccount_ids": list, "is_disabled": bool}
    # Nothing is known of accounts in era A; what they could be written with is taken to be the same.
    writable_in_a = tuple(writable)

    def given(self, body: dict) -> dict:
        """`domain` is an old word for a single one, which a PATCH never knew. Who ignores domains ignores both."""
        given = super().given(body)
        if self.settings.ignore_fields & {"domains", "primary_domain"}:
            given = {field: value for field, value in given.items() if field not in ("domains", "primary_domain")}
        domain = given.pop("domain", "")
        if self.is_new and domain and not given.get("domains"):
            given.update(domains=[domain], primary_domain=domain)
        return given

    def check_update(self, given: dict) -> None:
        """There is no account without a type."""
        super().check_update(given)
        if given.get("account_type") == "":
            raise refuse("account_type can't be empty")

    def finish(self, given: dict) -> None:
        """What belongs together, and when it was written."""
        self.settle_domains(given)
        self.record["updated_at"] = self.workspace.now()
        if self.is_new:
            self.record["created_at"] = self.record["updated_at"]

    def settle_domains(self, given: dict) -> None:
        """If there are domains, one of them is primary, and who gives domains says which."""
        domains, primary = self.record.get("domains") or [], self.record.get("primary_domain")
        if "domains" not in given and "primary_domain" not in given:
            return
        if given.get("domains") and not given.get("primary_domain"):
            raise refuse("exactly one of domains must be primary: primary_domain is missing")
        if (primary or domains) and primary not in domains:
            raise refuse("primary_domain must be one of domains")
        self.record["domain"] = primary

    def duplicates(self) -> list[tuple[str, str]]:
        """Nobody has said what makes an account a duplicate."""
        if self.settings.account_duplicate == "name":
            return [("name", self.record["name"])]
        domains = self.record["domains"] if self.settings.account_duplicate == "domain" else []
        return [("domains", domain) for domain in domains]

    def clear(self, field: str, value) -> None:
        """An empty string unsets; so does an empty list, or it stays one."""
        if field == "owner_id":
            self.record["owner"] = None
        elif field == "domains":
            self.record["domains"], self.record["primary_domain"] = [], None
        elif field != "subaccount_ids":
            self.record[field] = [] if isinstance(value, list) and field not in NULL_LISTS else None

    def set_account_type(self, value: str) -> None:
        """Read as `type`, where other types are met than can be written."""
        allowed = TYPES if self.is_new else TYPES_OF_UPDATE
        if value not in allowed:
            raise refuse(f"account_type must be one of {', '.join(allowed)}")
        self.record["type"] = value

    def set_domains(self, value: list) -> None:
        """Host names without a scheme."""
        if not all(isinstance(domain, str) and DOMAIN.fullmatch(domain) for domain in value):
            raise refuse("domains must be host names without a scheme")
        self.record["domains"] = value

    def set_owner_id(self, value: str) -> None:
        """Any id is taken; a user that is known has an address."""
        self.record["owner"] = owned_by(value)

    def set_tags(self, value: list) -> None:
        """Replaces the set."""
        if not all(isinstance(tag, str) for tag in value):
            raise refuse("tags must be strings")
        self.record["tags"] = value

    def set_external_ids(self, value: list) -> None:
        """An external id can belong to one account."""
        super().set_external_ids(value)
        for item in value if self.settings.duplicate_check else []:
            found = self.store.find("external_ids", item["external_id"])
            owner = None if found is None else self.store.record(found).get("id")
            if owner not in (None, self.record["id"]):
                raise already_exists(self.settings, self.store.kind, "external_ids", owner)

    def set_logo_url(self, value: str) -> None:
        self.set_picture("logo_url", value)

    def set_channels(self, value: list) -> None:
        """A channel of Teams is named by its team, too."""
        for item in value:
            if not isinstance(item, dict) or not isinstance(item.get("channel_id"), str):
                raise refuse("channels must be objects with channel_id and source")
            if item.get("source") not in SOURCES:
                raise refuse(f"source of a channel must be one of {', '.join(SOURCES)}")
            if item["source"] == "microsoft_teams" and "|" not in item["channel_id"]:
                raise refuse("channel_id of Microsoft Teams must be team|channel")
        self.record["channels"] = [
            {"channel_id": item["channel_id"], "channel_name": "", "channel_url": "", "source": item["source"],
             "is_primary": item.get("is_primary") is True, "is_internal": item.get("is_internal") is True}
            for item in value]

    def set_subaccount_ids(self, value: list) -> None:
        """Adds to those that there are."""
        known = self.record.get("subaccount_ids") or []
        for account_id in value:
            if not isinstance(account_id, str) or self.store.find("id", account_id) is None:
                raise refuse(f"there is no account {account_id!r}")
            if account_id == self.record["id"]:
                raise refuse("an account can't be a subaccount of itself")
        self.record["subaccount_ids"] = known + [account_id for account_id in value if account_id not in known]
