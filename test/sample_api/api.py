"""The API's endpoints: a request in, an answer out; knows neither sockets nor log."""

import json
import math
import time
from email.utils import formatdate
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from errors import ApiError, refuse
from filters import Node, compile_filter
from pages import cut_page, limit_of_body, limit_of_query, pagination
from render import array, dump, envelope
from store import AllContacts, View
from writes import changed_contact, new_contact

OBJECT_TYPES = ("account", "issue", "contact", "task", "project", "meeting", "opportunity")
ROUTES = {
    ("GET", "/contacts"): "list_contacts", ("POST", "/contacts"): "create_contact",
    ("POST", "/contacts/search"): "search_contacts", ("GET", "/contacts/{id}"): "get_contact",
    ("PATCH", "/contacts/{id}"): "update_contact", ("DELETE", "/contacts/{id}"): "delete_contact",
    ("GET", "/custom-fields"): "list_custom_fields", ("GET", "/me"): "me",
}
WRITES = ("create_contact", "update_contact", "delete_contact")
ME = {"id": "00000000-0000-4000-c000-000000000001", "name": "Sample Organization",
      "user": {"id": "00000000-0000-4000-c000-000000000002"}}


class Request(NamedTuple):
    """What the endpoints need of a request."""

    method: str
    target: str
    headers: object
    body: bytes
    request_id: str

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        pairs = parse_qs(self.target.partition("?")[2], keep_blank_values=True)
        return {key: values[0] for key, values in pairs.items()}


class Answer(NamedTuple):
    """Status, body and headers besides those that every answer has."""

    status: int
    body: bytes
    headers: dict = {}


def route(request: Request) -> tuple[str, str | None]:
    """The path as the API's reference writes it, and the id in it."""
    parts = request.path.split("/")
    if len(parts) == 3 and parts[1] == "contacts" and parts[2] and (request.method, request.path) not in ROUTES:
        return "/contacts/{id}", unquote(parts[2])
    return request.path, None


class Api:
    """The endpoints over a store; one request at a time, which is what the server's lock is for."""

    def __init__(self, settings, store, tokens: list[str]) -> None:
        self.settings = settings
        self.store = store
        self.tokens = set(tokens)
        self.windows: dict[tuple, list] = {}

    def handle(self, request: Request) -> Answer:
        """Answer a request; every error has the same shape."""
        try:
            self.authorise(request)
            template, contact_id = route(request)
            headers = self.count_against_limit((request.method, template))
            name = ROUTES.get((request.method, template))
            if name is None:
                raise ApiError(404, "Not found!", "not_found")
            self.store.fresh_shape()
            arguments = (request,) if contact_id is None else (request, contact_id)
            answer = getattr(self, name)(*arguments)
            return answer._replace(headers={**headers, **answer.headers})
        except ApiError as error:
            return self.failure(error, request)

    def failure(self, error: ApiError, request: Request) -> Answer:
        """An error in the API's shape."""
        body = {"errors": [error.message], **error.members, "request_id": request.request_id}
        if self.settings.era == "C":
            body["code"] = error.code
        return Answer(error.status, dump(body, self.settings), error.headers)

    def authorise(self, request: Request) -> None:
        """Tokens of the other region and without permission have names of their own, unless the server knows them."""
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if scheme != "Bearer" or not token:
            raise ApiError(401, "Token must follow Bearer authorization scheme: "
                           "https://www.rfc-editor.org/rfc/rfc6750#section-2.1.", "invalid_authorization_header")
        if token in self.tokens:
            return
        if token == "eu-token":
            raise ApiError(401, "API token belongs to another region!", "wrong_region_token")
        if token == "no-permission":
            raise ApiError(403, "API token lacks permission!", "permission_denied")
        raise ApiError(401, "Invalid API token!", "invalid_api_token")

    def count_against_limit(self, endpoint: tuple) -> dict:
        """A window per endpoint that begins with its first request."""
        limit, length = self.settings.rate_limit, self.settings.rate_window
        if not limit:
            return {}
        now = time.monotonic()
        window = self.windows.get(endpoint)
        if window is None or now - window[0] >= length:
            window = self.windows[endpoint] = [now, 0]
        window[1] += 1
        if window[1] > limit:
            raise ApiError(429, "Too many requests!", "rate_limited", self.wait_headers(window[0] + length - now))
        return {"X-Rate-Limit-Remaining": str(limit - window[1])}

    def wait_headers(self, seconds: float) -> dict:
        """How long to wait, in whole seconds that are never too few."""
        whole = math.ceil(seconds)
        return {"X-Rate-Limit-Remaining": "0", **{
            "x_seconds": {"X-Retry-After": str(whole)},
            "seconds": {"Retry-After": str(whole)},
            "date": {"Retry-After": formatdate(math.ceil(time.time() + seconds), usegmt=True)},
            "none": {},
        }[self.settings.retry_after]}

    def answer(self, request: Request, data=None, status: int = 200) -> Answer:
        """A success; without data just the request's id."""
        members = [] if data is None else [("data", data)]
        members.append(("request_id", dump(request.request_id, self.settings)))
        return Answer(status, envelope(members, self.settings))

    def page_answer(self, request: Request, items: list[bytes], cursor: str | None) -> Answer:
        """A page, its members in the order and its emptiness in the form of the switches."""
        settings = self.settings
        data, paging = [], []
        if items or settings.zero_matches == "empty":
            data = [("data", array(items, settings))]
        elif settings.zero_matches == "null":
            data = [("data", b"null")]
        shown = pagination(cursor, settings)
        if shown is not None:
            paging = [("pagination", dump(shown, settings))]
        request_id = [("request_id", dump(request.request_id, settings))]
        first = data + paging + request_id
        return Answer(200, envelope(first if settings.page_order == "data_first" else request_id + paging + data,
                                    settings))

    def contacts_page(self, request: Request, view: View, listing, cursor, limit: int) -> Answer:
        """A page of a listing of contacts."""
        positions, following = cut_page(listing, cursor, limit, self.settings)
        return self.page_answer(request, [view.contact_bytes(position) for position in positions], following)

    def list_contacts(self, request: Request) -> Answer:
        """GET /contacts"""
        view = View(self.store, {})
        query = request.query
        return self.contacts_page(request, view, AllContacts(view), query.get("cursor"),
                                  limit_of_query(query.get("limit"), self.settings.max_limit))

    def search_contacts(self, request: Request) -> Answer:
        """POST /contacts/search"""
        body = self.body_of(request)
        limit = limit_of_body(body.get("limit"), self.settings.max_search_limit)
        tree, text = body.get("filter"), self.search_text(body)
        node = Node(lambda reader: True, None)
        if tree is not None:
            node = compile_filter(tree, self.settings, self.store.by_slug)
        if text:
            node = Node(both(node.matches, text), node.keys)
        listing = self.store.search(json.dumps([tree, text]), node)
        return self.contacts_page(request, listing.view, listing, body.get("cursor"), limit)

    def search_text(self, body: dict) -> str | None:
        """The fuzzy text, which era A does not know and so ignores."""
        text = body.get("search_text")
        if self.settings.era == "A" or text is None:
            return None
        if not isinstance(text, str):
            raise refuse("search_text must be a string")
        return text.lower()

    def get_contact(self, request: Request, contact_id: str) -> Answer:
        """GET /contacts/{id}"""
        return self.answer(request, self.store.contact_bytes(self.position(contact_id)))

    def position(self, contact_id: str) -> int:
        """A contact by id, or by external id where the API knows that."""
        found = self.store.find("id", contact_id)
        if found is None and self.settings.era == "C" and self.settings.external_id_in_path:
            found = self.store.find_external(contact_id)
        if found is None:
            raise ApiError(404, "Contact not found!", "not_found")
        return found

    def create_contact(self, request: Request) -> Answer:
        """POST /contacts"""
        record = new_contact(self.body_of(request), self.store)
        self.refuse_duplicate(record["email"])
        position = self.store.append(record)
        return self.answer(request, self.store.contact_bytes(position), int(self.settings.create_status))

    def refuse_duplicate(self, email: str | None) -> None:
        """Contacts that share an address exist all the same: only a create is refused."""
        if not self.settings.duplicate_check or email is None:
            return
        found = self.store.find("email", email, str.lower if self.settings.duplicate_ignores_case else str)
        if found is not None:
            raise ApiError(int(self.settings.duplicate_status), "A contact with this email already exists!",
                           "already_exists", exists_id=self.store.record(found).get("id"))

    def update_contact(self, request: Request, contact_id: str) -> Answer:
        """PATCH /contacts/{id}"""
        position = self.position(contact_id)
        record = changed_contact(self.store.record(position), self.body_of(request), self.store)
        self.store.put(position, record)
        kind = self.settings.patch_answer
        if kind in ("empty", "204"):
            return Answer(204 if kind == "204" else 200, b"")
        return self.answer(request, self.store.contact_bytes(position) if kind == "full" else None)

    def delete_contact(self, request: Request, contact_id: str) -> Answer:
        """DELETE /contacts/{id}"""
        self.store.put(self.position(contact_id), None)
        return self.answer(request)

    def list_custom_fields(self, request: Request) -> Answer:
        """GET /custom-fields; in pages only if short_pages or a limit make it so."""
        kind = request.query.get("object_type")
        if kind not in OBJECT_TYPES:
            raise refuse("object_type must be one of " + ", ".join(OBJECT_TYPES))
        fields = self.store.definitions if kind == "contact" else []
        limit = request.query.get("limit")
        positions, following = cut_page(Fixed(len(fields)), request.query.get("cursor"),
                                        limit_of_query(limit) if limit else max(1, len(fields)), self.settings)
        return self.page_answer(request, [dump(fields[position], self.settings) for position in positions], following)

    def me(self, request: Request) -> Answer:
        """GET /me"""
        return self.answer(request, dump(ME, self.settings))

    def body_of(self, request: Request) -> dict:
        """The body of a request, which must be a JSON object and say so."""
        if (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower() != "application/json":
            raise refuse("Content-Type must be application/json")
        try:
            body = json.loads(request.body.decode(), parse_constant=refuse_constant)
            json.dumps(body, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise refuse("the body is not valid JSON") from None
        if not isinstance(body, dict):
            raise refuse("the body must be a JSON object")
        return body


class Fixed:
    """A list of known length as a listing."""

    def __init__(self, length: int) -> None:
        self.length = length

    def after(self, position: int, count: int) -> range:
        return self.from_offset(position + 1, count)

    def from_offset(self, offset: int, count: int) -> range:
        return range(self.length)[offset:offset + count]


def refuse_constant(name: str):
    """Python reads NaN and Infinity, JSON has no such thing."""
    raise ValueError(name)


def both(matches, text: str):
    """A filter intersected with a fuzzy text over name and address."""
    return lambda reader: matches(reader) and any(text in (reader.value(field) or "").lower()
                                                  for field in ("name", "email"))
