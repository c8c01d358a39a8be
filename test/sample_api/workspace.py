"""Contacts and accounts together: what a change of the one does to the other."""

from accounts import ACCOUNT, AccountGenerator, accounts_of, fixed_accounts
from contacts import CONTACT, ContactGenerator
from objects import texts_of
from render import RawRecord
from store import Store

NOON = 12 * 60 * 60


class Workspace:
    """All that the API holds; the caller holds the server's lock."""

    def __init__(self, settings, contacts: int, seed: str, accounts: int | None = None) -> None:
        """There are as many accounts as contacts belong to, and the fixed ones; more, if more are asked for."""
        self.settings = settings
        generated = max(accounts_of(contacts), (accounts or 0) - len(fixed_accounts()))
        self.contacts = Store(CONTACT, settings, ContactGenerator(seed, contacts))
        self.accounts = Store(ACCOUNT, settings, AccountGenerator(seed, generated), self.account_changed)
        self.seconds = 0

    @property
    def stores(self) -> tuple[Store, Store]:
        return self.contacts, self.accounts

    def now(self) -> str:
        """The time of a write: a second after the one before, so that the same writes give the same times."""
        self.seconds += 1
        minutes, seconds = divmod(NOON + self.seconds, 60)
        return f"2026-11-25T{minutes // 60 % 24:02d}:{minutes % 60:02d}:{seconds:02d}Z"

    def account_in_contact(self, account_id: str) -> dict | None:
        """An account as it stands in its contacts; None where there is none with this id."""
        position = self.accounts.find("id", account_id)
        return None if position is None else in_contact(self.accounts.record(position))

    def account_by_external_id(self, external_id: str) -> dict | None:
        """The same for the account that an account_external_id names."""
        position = self.accounts.find("external_ids", external_id)
        return None if position is None else in_contact(self.accounts.record(position))

    def account_changed(self, before: dict | None, after: dict | None) -> None:
        """Contacts show the external ids of their account, and subaccounts name it as their parent."""
        account = before if after is None else after
        if not isinstance(account.get("id"), str):
            return
        if after is not None:
            self.show_in_contacts(account["id"], in_contact(after))
            self.adopt(account["id"], new_subaccounts(before, after))
        elif self.settings.deleted_account == "detach":
            self.show_in_contacts(account["id"], None)

    def show_in_contacts(self, account_id: str, shown: dict | None) -> None:
        """Every contact of the account gets what it now has to show; one that a test gave stays as it is."""
        for position in sorted(self.contacts.candidates("account_id", account_id)):
            contact = self.contacts.record(position)
            if (contact is None or isinstance(contact, RawRecord) or contact["account"] == shown or
                    CONTACT.value(contact, "account_id") != account_id):
                continue
            self.contacts.put(position, {**contact, "account": shown})

    def adopt(self, parent_id: str, subaccounts: list[str]) -> None:
        """Subaccounts get their parent's id."""
        for account_id in subaccounts:
            position = self.accounts.find("id", account_id)
            if position is not None:
                child = self.accounts.record(position)
                self.accounts.put(position, type(child)(child, parent_account_id=parent_id))


def in_contact(account: dict) -> dict:
    """What a contact shows of its account."""
    return {"id": account["id"], "external_ids": account.get("external_ids")}


def new_subaccounts(before: dict | None, after: dict) -> list[str]:
    """The subaccounts that a change has added."""
    known = texts_of(before or {}, "subaccount_ids") or []
    return [account_id for account_id in texts_of(after, "subaccount_ids") or [] if account_id not in known]
