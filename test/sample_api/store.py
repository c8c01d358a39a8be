"""The objects of one type by position: generated ones untouched, changed ones as records, deleted ones as None."""

import time
from array import array
from bisect import bisect_right
from collections import deque
from itertools import islice

import custom_fields
from generated import Generator
from objects import ObjectType, as_list
from render import dump, served

KEPT_SEARCHES = 16


class RecordReader:
    """Gives a filter the values of a record."""

    __slots__ = ("kind", "record")

    def __init__(self, kind: ObjectType, record: dict) -> None:
        self.kind = kind
        self.record = record

    def value(self, field: str):
        return self.kind.value(self.record, field)

    def custom(self, slug: str) -> dict | None:
        fields = self.record.get("custom_fields")
        entry = fields.get(slug) if isinstance(fields, dict) else None
        return entry if isinstance(entry, dict) else None


class GeneratedReader:
    """Gives a filter the values of a generated object, without making the object."""

    __slots__ = ("generator", "index", "noise")

    def __init__(self, generator: Generator, index: int) -> None:
        self.generator = generator
        self.index = index
        self.noise = generator.digest(index)

    def value(self, field: str):
        return self.generator.field(self.index, field, self.noise)

    def custom(self, slug: str) -> dict | None:
        return self.generator.custom_entry(self.index, slug, self.noise)


class Store:
    """All objects of a type and their custom field definitions; the caller holds the server's lock."""

    def __init__(self, kind: ObjectType, settings, generator: Generator, changed=lambda before, after: None) -> None:
        """`changed` is told of each object that comes, goes or changes: the record before and after."""
        self.kind = kind
        self.settings = settings
        self.generator = generator
        self.tell = changed
        self.length = generator.size
        self.changed: dict[int, dict | None] = {}
        self.by_value: dict[tuple[str, str], set[int]] = {}
        self.journal: deque = deque()
        self.version = 0
        self.shape = settings.shape()
        self.rendered: list[bytes | None] = [None] * self.length
        self.searches: dict = {}
        self.define(custom_fields.standard(kind.noun))

    def define(self, definitions: list[dict]) -> None:
        """Replace the custom field definitions."""
        self.definitions = definitions
        self.by_slug = {field["slug"]: field for field in definitions if "slug" in field}
        self.version += 1

    def record(self, position: int) -> dict | None:
        """The object at a position now."""
        if position in self.changed:
            return self.changed[position]
        return self.generator.record(position) if position < self.generator.size else None

    def put(self, position: int, record: dict | None) -> None:
        """Set or delete an object; the journal keeps what was there for searches that lag."""
        before = self.record(position)
        if self.settings.search_lag:
            self.journal.append((time.monotonic(), position, before))
        self.changed[position] = record
        self.rendered[position] = None
        self.version += 1
        if record is not None:
            self.remember(position, record)
        self.tell(before, record)

    def remember(self, position: int, record: dict) -> None:
        """Make a changed object findable; entries of former values stay, for matches are tested anyway."""
        for field in self.kind.indexed:
            for value in as_list(self.kind.value(record, field) or []):
                self.by_value.setdefault((field, value.lower()), set()).add(position)

    def append(self, record: dict) -> int:
        """Add an object behind all others."""
        position = self.length
        self.length += 1
        self.rendered.append(None)
        self.put(position, record)
        return position

    def replace_all(self, records: list[dict]) -> None:
        """Leave none of the former objects."""
        self.generator = type(self.generator)("", 0)
        self.length = 0
        self.changed, self.by_value, self.rendered = {}, {}, []
        self.journal.clear()
        for record in records:
            self.append(record)

    def next_id(self) -> str:
        """The id of the object that is created next."""
        return self.generator.object_id(self.length)

    def candidates(self, field: str, value: str) -> set[int]:
        """Positions that may hold the value: all that do, and few others."""
        found = set(self.generator.positions(field, value))
        return found | self.by_value.get((field, value.lower()), set())

    def find(self, field: str, value: str, same=str) -> int | None:
        """The first object with this value in an indexed field."""
        for position in sorted(self.candidates(field, value)):
            record = self.record(position)
            found = self.kind.value(record, field) if record else None
            if any(same(item) == same(value) for item in as_list(found or [])):
                return position
        return None

    def object_bytes(self, position: int) -> bytes:
        """An object as JSON, rendered once."""
        found = self.rendered[position]
        if found is None:
            found = self.rendered[position] = dump(served(self.kind, self.record(position), self.settings),
                                                    self.settings)
        return found

    def fresh_shape(self) -> None:
        """Forget rendered objects after a change of a switch that they depend on."""
        if self.shape != self.settings.shape():
            self.shape = self.settings.shape()
            self.rendered = [None] * self.length

    def search(self, key: str, node) -> "Listing":
        """The listing of a filter: kept while nothing is written, so that a scan is paid once for all pages."""
        if self.settings.search_lag:
            return Listing(View(self, self.overlay()), node)
        key = (key, self.version, self.settings.version)
        if key not in self.searches:
            if len(self.searches) >= KEPT_SEARCHES:
                del self.searches[next(iter(self.searches))]
            self.searches[key] = Listing(View(self, {}), node)
        return self.searches[key]

    def overlay(self) -> dict[int, dict | None]:
        """What stood in place of the writes of the last seconds."""
        horizon = time.monotonic() - self.settings.search_lag
        while self.journal and self.journal[0][0] < horizon:
            self.journal.popleft()
        return {position: before for _, position, before in reversed(self.journal)}


class View:
    """The store as a listing sees it: as it is, or with younger writes undone."""

    def __init__(self, store: Store, overlay: dict[int, dict | None]) -> None:
        self.store = store
        self.overlay = overlay

    def reader(self, position: int):
        """Values of the object at a position; None if there is none."""
        store = self.store
        if position not in self.overlay and position not in store.changed and position < store.generator.size:
            return GeneratedReader(store.generator, position)
        record = self.overlay[position] if position in self.overlay else store.record(position)
        return None if record is None else RecordReader(store.kind, record)

    def is_live(self, position: int) -> bool:
        """Whether there is an object at a position."""
        if position in self.overlay:
            return self.overlay[position] is not None
        return self.store.changed.get(position, position) is not None

    def candidates(self, keys: list) -> list[int]:
        """All positions that a filter with keys can match."""
        found = set(self.overlay)
        for field, value in keys:
            found |= self.store.candidates(field, value)
        return sorted(found)

    def object_bytes(self, position: int) -> bytes:
        """An object as JSON."""
        if position in self.overlay:
            store = self.store
            return dump(served(store.kind, self.overlay[position], store.settings), store.settings)
        return self.store.object_bytes(position)


class Everything:
    """Every object in order of position; needs no memory."""

    def __init__(self, view: View) -> None:
        self.view = view

    def after(self, position: int, count: int) -> list[int]:
        """The next positions behind one."""
        return list(islice(filter(self.view.is_live, range(position + 1, self.view.store.length)), count))

    def from_offset(self, offset: int, count: int) -> list[int]:
        """The positions behind a number of objects."""
        return list(islice(filter(self.view.is_live, range(self.view.store.length)), offset, offset + count))


class Listing:
    """The matches of a filter in order of position, found as far as pages have asked for them."""

    def __init__(self, view: View, node) -> None:
        self.view = view
        self.matches = node.matches
        self.found = array("l")
        self.rest = iter(view.candidates(node.keys) if node.keys is not None else range(view.store.length))

    def extend(self, count: int) -> None:
        """Scan on until so many matches are known, or the end."""
        while len(self.found) < count:
            position = next(self.rest, None)
            if position is None:
                return
            reader = self.view.reader(position)
            if reader is not None and self.matches(reader):
                self.found.append(position)

    def after(self, position: int, count: int) -> list[int]:
        """The next matches behind a position."""
        offset = bisect_right(self.found, position)
        while offset == len(self.found):
            self.extend(offset + 1)
            if offset == len(self.found) or self.found[offset] > position:
                break
            offset += 1
        return self.from_offset(offset, count)

    def from_offset(self, offset: int, count: int) -> list[int]:
        """The matches behind a number of matches."""
        self.extend(offset + count)
        return list(self.found[offset:offset + count])
