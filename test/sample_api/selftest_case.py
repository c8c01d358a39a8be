"""What all cases of selftest.py share: a server, and ways to ask it."""

import http.client
import json
import threading
import time
import unittest
from contextlib import contextmanager
from urllib.parse import quote

from server import SampleServer

ADA = "00000000-0000-4000-8000-000000000001"
GRACE = "00000000-0000-4000-8000-000000000002"
AUTH = {"Authorization": "Bearer sample-token"}
# When a test gives up; nothing takes so long on a machine that is merely busy.
LONGEST = 60
EXERCISED = {"switches": set(), "faults": set()}


class Got:
    """An answer, with its JSON read when asked for."""

    def __init__(self, response) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def data(self):
        return self.json.get("data")

    @property
    def ids(self) -> list:
        return [item["id"] for item in self.data or []]


class Case(unittest.TestCase):
    """A server for all cases, as after a start for each of them."""

    # what search, leaf and all_ids ask for
    plural = "contacts"

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = SampleServer(0, 60, "1", ["sample-token"], {})
        threading.Thread(target=cls.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.shutdown()
        cls.server.server_close()

    def setUp(self) -> None:
        self.connection = self.connect()
        self.addCleanup(self.connection.close)
        self.ask("POST", "/_reset", {})

    def connect(self):
        return http.client.HTTPConnection(*self.server.server_address, timeout=LONGEST)

    def ask(self, method: str, path: str, body=None, headers=AUTH) -> Got:
        """One request; a body that is no text is sent as JSON."""
        if body is not None:
            headers = {"Content-Type": "application/json", **headers}
            body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.connection.request(method, path, body, headers)
        return Got(self.connection.getresponse())

    def get(self, path: str, **headers) -> Got:
        return self.ask("GET", path, headers={**AUTH, **headers})

    def search(self, tree=None, **others) -> Got:
        return self.ask("POST", f"/{self.plural}/search", {"filter": tree, "limit": 999, **others})

    def leaf(self, field: str, operator: str, value=None, values=None) -> Got:
        return self.search({"field": field, "operator": operator, "value": value, "values": values})

    def switch(self, **values) -> None:
        EXERCISED["switches"].update(values)
        self.assertEqual(self.ask("POST", "/_set", values).status, 200)

    def fault(self, kind: str, **options) -> None:
        EXERCISED["faults"].add(kind)
        self.assertEqual(self.ask("POST", "/_fault", {"kind": kind, **options}).status, 200)

    def all_ids(self, limit: int) -> list[str]:
        """Every object, page by page."""
        found, cursor = [], ""
        while True:
            page = self.get(f"/{self.plural}?limit={limit}&cursor={quote(cursor, safe='')}").json
            found += [item["id"] for item in page["data"]]
            if "pagination" not in page:
                return found
            cursor = page["pagination"]["cursor"]

    def full(self) -> list[dict]:
        """All objects with every field."""
        return [json.loads(line) for line in self.get(f"/_{self.plural}").body.splitlines()]

    def log(self) -> list[dict]:
        return [json.loads(line) for line in self.get("/_log?format=json").body.splitlines()]

    @contextmanager
    def takes(self, least: float):
        """The time that a block takes at least; there is no most, for machines can be busy."""
        start = time.monotonic()
        yield
        self.assertGreaterEqual(time.monotonic() - start, least)

    def until(self, holds) -> None:
        """Wait for what must become true."""
        start = time.monotonic()
        while not holds():
            self.assertLess(time.monotonic() - start, LONGEST)
            time.sleep(0.01)
