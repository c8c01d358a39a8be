"""The server's own side, under /_: its log, switches, faults and data. Needs no token and is not in the log."""

import json
from typing import Callable, Iterator, NamedTuple
from urllib.parse import parse_qs

import faults
from render import RawContact, canonical

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
        unknown = set(given) - {"contacts", "seed"}
        if unknown:
            raise ControlError(f"reset takes contacts and seed, not {', '.join(sorted(unknown))}")
        contacts = given.get("contacts")
        self.server.reset(None if contacts is None else int(contacts), given.get("seed"))
        return Reply()

    def get_contacts(self, body: bytes, query: dict) -> Reply:
        """All contacts in full, a line each."""
        return Reply(self.contact_lines(), JSON)

    def contact_lines(self) -> Iterator[bytes]:
        """In batches, for a million contacts are more than an answer should hold; the lock is held per batch."""
        encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
        store, settings = self.server.store, self.server.settings
        for start in range(0, store.length, BATCH):
            with self.server.lock:
                records = [store.record(position) for position in range(start, min(start + BATCH, store.length))]
                lines = [encode(canonical(record, settings)) + "\n" for record in records if record is not None]
            if lines:
                yield "".join(lines).encode()

    def add_contacts(self, body: bytes, query: dict) -> Reply:
        for record in raw_contacts(body):
            self.server.store.append(record)
        return Reply()

    def replace_contacts(self, body: bytes, query: dict) -> Reply:
        self.server.store.replace_all(raw_contacts(body))
        return Reply()

    def connections(self, body: bytes, query: dict) -> Reply:
        connections = self.server.connections
        return Reply(json.dumps({"accepted": connections.accepted, "open": connections.open}) + "\n", JSON)

    def set_custom_fields(self, body: bytes, query: dict) -> Reply:
        definitions = json.loads(body)
        if not isinstance(definitions, list) or not all(isinstance(field, dict) for field in definitions):
            raise ControlError("custom field definitions must be an array of objects")
        self.server.store.define(definitions)
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
    ("GET", "/_connections"): Control.connections, ("POST", "/_custom_fields"): Control.set_custom_fields,
    ("POST", "/_stop"): Control.stop,
}


def json_object(body: bytes) -> dict:
    """The body of most control requests."""
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ControlError("the body must be a JSON object")
    return value


def raw_contacts(body: bytes) -> list[RawContact]:
    """Contacts as an array, or as JSON lines, of which one contact is the shortest case."""
    text = body.decode()
    if text.lstrip().startswith("["):
        values = json.loads(text)
    else:
        values = [json.loads(line) for line in text.split("\n") if line.strip()]
    if not all(isinstance(value, dict) for value in values):
        raise ControlError("a contact must be a JSON object")
    return [RawContact(value) for value in values]
