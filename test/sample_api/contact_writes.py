"""What a body of POST or PATCH /contacts does to a contact."""

import re

from contacts import FIELDS
from errors import refuse
from normal_forms import phone
from writes import Change

PHONE = re.compile(r"[0-9]{1,15}")


class ContactChange(Change):
    """A contact on its way from one state to the next."""

    fields = FIELDS
    on_create = {"portal_role": "no_access", "custom_fields": {}}
    not_on_create = ("emails",)
    writable = {"name": str, "email": str, "account_id": str, "account_external_id": str, "avatar_url": str,
                "portal_role": str, "portal_role_id": str, "primary_phone_number": str, "emails": list,
                "phone_numbers": list, "external_ids": list, "custom_fields": list}
    writable_in_a = ("name", "email", "account_id", "avatar_url", "portal_role", "custom_fields")
    exclusive = ("account_id", "account_external_id")

    def check_create(self, given: dict) -> None:
        """In era A a contact needs an address, too."""
        super().check_create(given)
        if self.settings.era == "A" and not given.get("email"):
            raise refuse("email is required")

    def check_update(self, given: dict) -> None:
        """The address or the addresses."""
        if "email" in given and "emails" in given:
            raise refuse("email and emails can't be given together")
        super().check_update(given)

    def finish(self, given: dict) -> None:
        """What belongs together."""
        self.settle_primary_phone(given)
        if self.is_new and self.record["email"]:
            self.record["emails"] = [self.record["email"]]

    def duplicates(self) -> list[tuple[str, str]]:
        """Contacts that share an address exist all the same: only a create is refused."""
        return [("email", self.record["email"])] if self.record["email"] else []

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
        """Any id is taken, unless the server knows better."""
        account = self.workspace.account_in_contact(value)
        if account is None and self.settings.unknown_account == "error":
            raise refuse(f"there is no account {value!r}")
        self.record["account"] = account or {"id": value, "external_ids": None}

    def set_account_external_id(self, value: str) -> None:
        """An account by its external id."""
        account = self.workspace.account_by_external_id(value)
        if account is None:
            raise refuse(f"no account has the external id {value!r}")
        self.record["account"] = account

    def set_avatar_url(self, value: str) -> None:
        self.set_picture("avatar_url", value)

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
