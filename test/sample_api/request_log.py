"""What was asked: the log of API requests, and the count of connections."""

import json
import time


def compact(body: bytes) -> str:
    """A body on one line: JSON without white space, keys as received; anything else as it came."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return body.decode(errors="replace").replace("\r", "\\r").replace("\n", "\\n")


class Entry:
    """One request, and how it was answered as soon as that is known."""

    def __init__(self, number: int, method: str, target: str, body: bytes, headers: dict, connection: int,
                 in_flight: int) -> None:
        self.n = number
        self.time = time.time()
        self.method = method
        self.path = target
        self.body = compact(body) if body else ""
        self.status = None
        self.headers = headers
        self.connection = connection
        self.request_id = f"req-{number:06d}"
        self.compressed = None
        self.bytes = None
        self.in_flight = in_flight

    @property
    def line(self) -> str:
        """What faults are matched with."""
        return f"{self.method} {self.path}"

    def text(self) -> str:
        """The line of the text log."""
        return f"{self.line} {self.body}" if self.body else self.line


class RequestLog:
    """All requests since the last clearing, in order of arrival."""

    def __init__(self, tokens: list[str], file=None) -> None:
        self.entries: list[Entry] = []
        self.tokens = set(tokens)
        self.file = file
        self.in_flight = 0

    def begin(self, method: str, target: str, body: bytes, headers, connection: int) -> Entry:
        """Entered on arrival, so that a request shows even if its answer never ends."""
        self.in_flight += 1
        entry = Entry(len(self.entries) + 1, method, target, body, self.without_token(headers), connection,
                      self.in_flight)
        self.entries.append(entry)
        if self.file:
            print(entry.text(), file=self.file, flush=True)
        return entry

    def answered(self) -> None:
        """Said before the answer goes out, for the client may send the next request as soon as it is there."""
        self.in_flight -= 1

    def without_token(self, headers) -> dict:
        """The log must not hold a token, but whether it was a known one."""
        shown = dict(headers.items())
        for name in shown:
            if name.lower() == "authorization":
                known = shown[name].removeprefix("Bearer ") in self.tokens
                shown[name] = "Bearer <token>" if known else "Bearer <unknown>"
        return shown

    def text(self) -> str:
        """A line a request."""
        return "".join(entry.text() + "\n" for entry in self.entries)

    def json_lines(self) -> str:
        """Everything known of each request."""
        return "".join(json.dumps(vars(entry), ensure_ascii=False) + "\n" for entry in self.entries)

    def clear(self) -> str:
        """Forget all, and tell what it was; request ids begin again."""
        text = self.text()
        self.entries = []
        return text


class Connections:
    """Accepted and open connections, those that only control the server left out."""

    def __init__(self) -> None:
        self.accepted = 0
        self.open = 0
        self.numbers = 0

    def opened(self) -> None:
        self.accepted += 1
        self.open += 1

    def closed(self) -> None:
        self.open -= 1

    def turned_control(self) -> None:
        self.accepted -= 1
        self.open -= 1

    def next_number(self) -> int:
        """The number that the log gives a connection with its first request."""
        self.numbers += 1
        return self.numbers
