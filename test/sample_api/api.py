"""The API's endpoints: a request in, an answer out; knows neither sockets nor log."""

import json
import math
import time
from email.utils import formatdate
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from account_writes import AccountChange
from contact_writes import ContactChange
from errors import ApiError, already_exists, refuse
from filters import Node, compile_filter
from objects import as_list
from pages import cut_page, limit_of_body, limit_of_query, pagination
from render import array, dump, envelope
from store import Everything, Store, View

OBJECT_TYPES = ("account", "issue", "contact", "task", "project", "meeting", "opportunity")
CHANGES = {"contact": ContactChange, "account": AccountChange}
# Bulk PATCH /accounts and POST /accounts/merge are not served.
OF_OBJECTS = {
    ("GET", ""): "list_objects", ("POST", ""): "create_object", ("POST", "/search"): "search_objects",
    ("GET", "/{id}"): "get_object", ("PATCH", "/{id}"): "update_object", ("DELETE", "/{id}"): "delete_object",
}
OTHERS = {("GET", "/custom-fields"): "list_custom_fields", ("GET", "/me"): "me"}
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


class Route(NamedTuple):
    """Where a request goes: the path as the API's reference writes it, the function, and what it works on."""

    template: str
    function: str | None
    plural: str | None = None
    object_id: str | None = None


def route(request: Request) -> Route:
    """By method and path; a function of None is for what does not exist."""
    parts = request.path.split("/")
    plural, rest = parts[1] if len(parts) > 1 else "", "".join("/" + part for part in parts[2:])
    if plural not in ("contacts", "accounts"):
        return Route(request.path, OTHERS.get((request.method, request.path)))
    if len(parts) == 3 and parts[2] and (request.method, rest) not in OF_OBJECTS:
        return Route(f"/{plural}/{{id}}", OF_OBJECTS.get((request.method, "/{id}")), plural, unquote(parts[2]))
    return Route(request.path, OF_OBJECTS.get((request.method, rest)), plural)


class Api:
    """The endpoints over a workspace; one request at a time, which is what the server's lock is for."""

    def __init__(self, settings, workspace, tokens: list[str]) -> None:
        self.settings = settings
        self.workspace = workspace
        self.tokens = set(tokens)
        self.windows: dict[tuple, list] = {}

    def handle(self, request: Request) -> Answer:
        """Answer a request; every error has the same shape."""
        try:
            self.authorise(request)
            way = route(request)
            headers = self.count_against_limit((request.method, way.template))
            if way.function is None or (way.plural == "accounts" and not self.settings.accounts):
                raise ApiError(404, "Not found!", "not_found")
            answer = getattr(self, way.function)(request, *self.subject(way))
            return answer._replace(headers={**headers, **answer.headers})
        except ApiError as error:
            return self.failure(error, request)

    def subject(self, way: Route) -> list:
        """What an endpoint works on: a store, and the id of one of its objects."""
        if way.plural is None:
            return []
        store = getattr(self.workspace, way.plural)
        store.fresh_shape()
        return [store] if way.object_id is None else [store, way.object_id]

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

    def objects_page(self, request: Request, view: View, listing, cursor, limit: int) -> Answer:
        """A page of a listing of objects."""
        positions, following = cut_page(listing, cursor, limit, self.settings)
        return self.page_answer(request, [view.object_bytes(position) for position in positions], following)

    def list_objects(self, request: Request, store: Store) -> Answer:
        """GET /contacts, GET /accounts"""
        view = View(store, {})
        query = request.query
        return self.objects_page(request, view, Everything(view), query.get("cursor"),
                                 limit_of_query(query.get("limit"), self.settings.max_limit))

    def search_objects(self, request: Request, store: Store) -> Answer:
        """POST /contacts/search, POST /accounts/search"""
        body = self.body_of(request)
        limit = limit_of_body(body.get("limit"), self.settings.max_search_limit)
        tree, text = body.get("filter"), self.search_text(body)
        node = Node(lambda reader: True, None)
        if tree is not None:
            node = compile_filter(tree, store.kind, self.settings, store.by_slug)
        if text:
            node = Node(both(node.matches, text, store.kind.fuzzy), node.keys)
        listing = store.search(json.dumps([tree, text]), node)
        return self.objects_page(request, listing.view, listing, body.get("cursor"), limit)

    def search_text(self, body: dict) -> str | None:
        """The fuzzy text, which era A does not know and so ignores."""
        text = body.get("search_text")
        if self.settings.era == "A" or text is None:
            return None
        if not isinstance(text, str):
            raise refuse("search_text must be a string")
        return text.lower()

    def get_object(self, request: Request, store: Store, object_id: str) -> Answer:
        """GET /contacts/{id}, GET /accounts/{id}"""
        return self.answer(request, store.object_bytes(self.position(store, object_id)))

    def position(self, store: Store, object_id: str) -> int:
        """An object by id, or by external id where the API knows that."""
        found = store.find("id", object_id)
        if found is None and self.settings.era in store.kind.external_path and self.settings.external_id_in_path:
            found = store.find("external_ids", object_id)
        if found is None:
            raise ApiError(404, f"{store.kind.noun.capitalize()} not found!", "not_found")
        return found

    def create_object(self, request: Request, store: Store) -> Answer:
        """POST /contacts, POST /accounts"""
        change = CHANGES[store.kind.noun](self.workspace, store)
        record = change.create(self.body_of(request))
        self.refuse_duplicate(store, change)
        position = store.append(record)
        return self.answer(request, store.object_bytes(position), int(self.settings.create_status))

    def refuse_duplicate(self, store: Store, change) -> None:
        """Of an object that exists already; what makes it the same is the object's own matter."""
        fold = str.lower if self.settings.duplicate_ignores_case else str
        for field, value in change.duplicates() if self.settings.duplicate_check else []:
            found = store.find(field, value, fold)
            if found is not None:
                raise already_exists(self.settings, store.kind, field, store.record(found).get("id"))

    def update_object(self, request: Request, store: Store, object_id: str) -> Answer:
        """PATCH /contacts/{id}, PATCH /accounts/{id}"""
        position = self.position(store, object_id)
        change = CHANGES[store.kind.noun](self.workspace, store, store.record(position))
        store.put(position, change.update(self.body_of(request)))
        kind = self.settings.patch_answer
        if kind in ("empty", "204"):
            return Answer(204 if kind == "204" else 200, b"")
        return self.answer(request, store.object_bytes(position) if kind == "full" else None)

    def delete_object(self, request: Request, store: Store, object_id: str) -> Answer:
        """DELETE /contacts/{id}, DELETE /accounts/{id}"""
        store.put(self.position(store, object_id), None)
        return self.answer(request)

    def list_custom_fields(self, request: Request) -> Answer:
        """GET /custom-fields; in pages only if short_pages or a limit make it so."""
        kind = request.query.get("object_type")
        if kind not in OBJECT_TYPES:
            raise refuse("object_type must be one of " + ", ".join(OBJECT_TYPES))
        fields = next((store.definitions for store in self.served_stores() if store.kind.noun == kind), [])
        limit = request.query.get("limit")
        positions, following = cut_page(Fixed(len(fields)), request.query.get("cursor"),
                                        limit_of_query(limit) if limit else max(1, len(fields)), self.settings)
        return self.page_answer(request, [dump(fields[position], self.settings) for position in positions], following)

    def served_stores(self) -> list[Store]:
        """All objects that this server has."""
        return [store for store in self.workspace.stores if store.kind.noun != "account" or self.settings.accounts]

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


def both(matches, text: str, fields: tuple[str, ...]):
    """A filter intersected with a fuzzy text over some fields."""
    return lambda reader: matches(reader) and any(text in item.lower() for field in fields
                                                  for item in as_list(reader.value(field) or []))
