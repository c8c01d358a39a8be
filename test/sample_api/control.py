"""The server's own side, under /_: its log, switches, faults and data. Needs no token and is not in the log."""

import json
from typing import Callable, Iterator, NamedTuple
from urllib.parse import parse_qs

import faults
from render import RawRecord, canonical

TEXT, JSON = "text/plain; charset=utf-8", "application/json"
BATCH = 1000


class ControlError(ValueError):
    """A control request that can't be carried out."""


class Reply(NamedTuple):
    """What a control request gives; an iterator is sent as it comes."""

    body: str | Iterator[bytes] = ""
    content_type: str = TEXT


class Control:
    """The control requests of a server."""

    def __init__(self, server) -> None:
        self.server = server

    def handle(self, method: str, target: str, body: bytes) -> Reply:
        """Find the request's function; what is wrong with it is a ControlError or one of its kin."""
        path, _, query = target.partition("?")
        function = CONTROLS.get((method, path))
        if function is None:
            known = ", ".join(" ".join(key) for key in CONTROLS)
            raise ControlError(f"no control request {method} {path}; there are: {known}")
        return function(self, body, parse_qs(query))

    def get_log(self, body: bytes, query: dict) -> Reply:
        if query.get("format") == ["json"]:
            return Reply(self.server.log.json_lines(), JSON)
        return Reply(self.server.log.text())

    def clear_log(self, body: bytes, query: dict) -> Reply:
        """Answers with what was cleared: reading and clearing in one step misses no request."""
        return Reply(self.server.log.clear())

    def count(self, body: bytes, query: dict) -> Reply:
        return Reply(f"{len(self.server.log.entries)}\n")

    def set_switches(self, body: bytes, query: dict) -> Reply:
        self.server.settings.update(json_object(body))
        self.server.api.windows.clear()
        return Reply()

    def add_fault(self, body: bytes, query: dict) -> Reply:
        self.server.faults.add(faults.parse(json_object(body)))
        return Reply()

    def get_faults(self, body: bytes, query: dict) -> Reply:
        return Reply(json.dumps(self.server.faults.pending()) + "\n", JSON)

    def clear_faults(self, body: bytes, query: dict) -> Reply:
        self.server.faults.clear()
        return Reply()

    def reset(self, body: bytes, query: dict) -> Reply:
        given = json_object(body or b"{}")
        unknown = set(given) - {"contacts", "accounts", "seed"}
        if unknown:
            raise ControlError(f"reset takes contacts, accounts and seed, not {', '.join(sorted(unknown))}")
        self.server.reset(**{name: str(value) if name == "seed" else int(value) for name, value in given.items()
                             if value is not None})
        return Reply()

    def get_contacts(self, body: bytes, query: dict) -> Reply:
        """All contacts in full, a line each."""
        return Reply(self.object_lines(self.server.workspace.contacts), JSON)

    def get_accounts(self, body: bytes, query: dict) -> Reply:
        return Reply(self.object_lines(self.server.workspace.accounts), JSON)

    def object_lines(self, store) -> Iterator[bytes]:
        """In batches, for a million objects are more than an answer should hold; the lock is held per batch."""
        encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
        settings = self.server.settings
        for start in range(0, store.length, BATCH):
            with self.server.lock:
                records = [store.record(position) for position in range(start, min(start + BATCH, store.length))]
                lines = [encode(canonical(store.kind, record, settings)) + "\n"
                         for record in records if record is not None]
            if lines:
                yield "".join(lines).encode()

    def add_contacts(self, body: bytes, query: dict) -> Reply:
        return self.add(self.server.workspace.contacts, body)

    def add_accounts(self, body: bytes, query: dict) -> Reply:
        return self.add(self.server.workspace.accounts, body)

    def add(self, store, body: bytes) -> Reply:
        for record in raw_records(body, store.kind.noun):
            store.append(record)
        return Reply()

    def replace_contacts(self, body: bytes, query: dict) -> Reply:
        return self.replace(self.server.workspace.contacts, body)

    def replace_accounts(self, body: bytes, query: dict) -> Reply:
        return self.replace(self.server.workspace.accounts, body)

    def replace(self, store, body: bytes) -> Reply:
        store.replace_all(raw_records(body, store.kind.noun))
        return Reply()

    def connections(self, body: bytes, query: dict) -> Reply:
        connections = self.server.connections
        return Reply(json.dumps({"accepted": connections.accepted, "open": connections.open}) + "\n", JSON)

    def set_custom_fields(self, body: bytes, query: dict) -> Reply:
        """Of the object that object_type names, else of contacts."""
        definitions = json.loads(body)
        if not isinstance(definitions, list) or not all(isinstance(field, dict) for field in definitions):
            raise ControlError("custom field definitions must be an array of objects")
        noun = query.get("object_type", ["contact"])[0]
        stores = {store.kind.noun: store for store in self.server.workspace.stores}
        if noun not in stores:
            raise ControlError(f"object_type is one of {', '.join(stores)}")
        stores[noun].define(definitions)
        return Reply()

    def stop(self, body: bytes, query: dict) -> Reply:
        self.server.stop()
        return Reply()


CONTROLS: dict[tuple[str, str], Callable] = {
    ("GET", "/_log"): Control.get_log, ("DELETE", "/_log"): Control.clear_log, ("GET", "/_count"): Control.count,
    ("POST", "/_set"): Control.set_switches, ("POST", "/_fault"): Control.add_fault,
    ("GET", "/_fault"): Control.get_faults, ("DELETE", "/_fault"): Control.clear_faults,
    ("POST", "/_reset"): Control.reset, ("GET", "/_contacts"): Control.get_contacts,
    ("POST", "/_contacts"): Control.add_contacts, ("PUT", "/_contacts"): Control.replace_contacts,
    ("GET", "/_accounts"): Control.get_accounts, ("POST", "/_accounts"): Control.add_accounts,
    ("PUT", "/_accounts"): Control.replace_accounts,
    ("GET", "/_connections"): Control.connections, ("POST", "/_custom_fields"): Control.set_custom_fields,
    ("POST", "/_stop"): Control.stop,
}


def json_object(body: bytes) -> dict:
    """The body of most control requests."""
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ControlError("the body must be a JSON object")
    return value


def raw_records(body: bytes, noun: str) -> list[RawRecord]:
    """Objects as an array, or as JSON lines, of which one object is the shortest case."""
    text = body.decode()
    if text.lstrip().startswith("["):
        values = json.loads(text)
    else:
        values = [json.loads(line) for line in text.split("\n") if line.strip()]
    if not all(isinstance(value, dict) for value in values):
        raise ControlError(f"each {noun} must be a JSON object")
    return [RawRecord(value) for value in values]
