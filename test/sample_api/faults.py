"""Faults: answers that go wrong, queued by a test for the requests that it names.

A fault either replaces the answer, alters it, or disturbs its delivery; the last is done by server.py and delivery.py.
One table holds name, options, meaning and function; validation, the README's table and the tests come from it.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Callable, NamedTuple

from api import Answer
from pages import BEHIND_ALL


class FaultError(ValueError):
    """A fault that does not exist, or is not spelled right."""


NUMBERS = {"skip": int, "times": int, "status": int, "bytes": int, "rate": (int, float), "delay": (int, float),
           "stall": (int, float)}
CHOICES = {"data": ("empty", "null", "absent", "kept"), "cursor": ("next", "empty", "null", "absent")}
NAME = re.compile(rb'("name"\s*:\s*")')


def raw(body) -> bytes:
    """A string goes out as it is, anything else as JSON."""
    return body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()


def dumped(answer: dict) -> bytes:
    """An answer that was altered, its members where they stood."""
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def status(options: dict) -> Answer:
    return Answer(options["status"], raw(options.get("body", "")), options.get("headers", {}))


def redirect(options: dict) -> Answer:
    return Answer(options.get("status", 302), b"", {"Location": options["location"]})


def garbage(options: dict) -> Answer:
    return Answer(200, b'\x1f{"data": [{"id": "1", "name": nonsense\n\xfe\xff')


def html(options: dict) -> Answer:
    page = b"<html><head><title>502 Bad Gateway</title></head>\n<body>\n<h1>502 Bad Gateway</h1>\n</body></html>\n"
    return Answer(502, page, {"Content-Type": "text/html"})


def wrong_shape(options: dict) -> Answer:
    return Answer(200, raw(options["body"]))


def huge(options: dict) -> Answer:
    frame = (b'{"data":[],"padding":"', b'"}')
    return Answer(200, frame[0] + b"x" * (options["bytes"] - len(b"".join(frame))) + frame[1])


def hollow(body: bytes, request, options: dict) -> bytes:
    """Seen of the API: asked again, it gives the page; who follows the cursor passes the page's contacts by."""
    page = json.loads(body)
    if "errors" in page:
        return body
    following = (page.get("pagination") or {}).get("cursor") or BEHIND_ALL
    cursor = {"next": {"cursor": following}, "empty": {"cursor": ""}, "null": {"cursor": None}, "absent": {}}
    data = {"empty": [], "null": None, "kept": page.get("data")}
    page["pagination"] = {**cursor[options.get("cursor", "next")], "has_next_page": True}
    page["data"] = data.get(options.get("data", "empty"))
    if options.get("data") == "absent":
        del page["data"]
    return dumped(page)


def repeat_cursor(body: bytes, request, options: dict) -> bytes:
    """A first page is left as it is: there is nothing to repeat yet."""
    cursor = request.query.get("cursor")
    if request.method == "POST":
        cursor = json.loads(request.body or b"{}").get("cursor")
    if not cursor:
        return body
    return dumped({**json.loads(body), "pagination": {"cursor": cursor, "has_next_page": True}})


def bad_utf8(body: bytes, request, options: dict) -> bytes:
    return NAME.sub(rb"\1bad " + b"\xff\xfe ", body, count=1)


def nul_escape(body: bytes, request, options: dict) -> bytes:
    return NAME.sub(rb"\1nul \\u0000 ", body, count=1)


class Kind(NamedTuple):
    """A line of the table. What has neither function is disturbed on its way, or gets no answer in HTTP at all."""

    name: str
    options: tuple[str, ...]
    doc: str
    needs: str = ""
    replace: Callable[[dict], Answer] | None = None
    alter: Callable[..., bytes] | None = None
    answers: bool = True


KINDS = (
    Kind("status", ("body", "headers", "status"),
         "answers with this status, body (JSON, or a string as it is), headers", needs="status", replace=status),
    Kind("redirect", ("location", "status"),
         "answers 302, or `status`, with Location", needs="location", replace=redirect),
    Kind("garbage", (), "answers 200 with something that is not JSON", replace=garbage),
    Kind("html", (), "answers 502 with a page of HTML, as a gateway does", replace=html),
    Kind("wrong_shape", ("body",), "answers 200 with this JSON", needs="body", replace=wrong_shape),
    Kind("huge", ("bytes",), "answers 200 with JSON of so many bytes", needs="bytes", replace=huge),
    Kind("hollow", ("cursor", "data"),
         "takes `data` out of a page that announces another one: empty (the default), null, absent or kept; "
         "`cursor` is next (the default), empty, null or absent", alter=hollow),
    Kind("repeat_cursor", (), "gives the request's own cursor as that of the next page", alter=repeat_cursor),
    Kind("bad_utf8", (), "puts an invalid byte into the first name of the answer", alter=bad_utf8),
    Kind("nul_escape", (), "puts \\u0000 into the first name of the answer", alter=nul_escape),
    Kind("cut", (), "closes the connection after half the body"),
    Kind("slow", ("delay", "rate", "stall"),
         "sends `rate` bytes a second, waits `delay` seconds before the answer, `stall` seconds in its middle"),
    Kind("no_http", (), "answers with something that is not HTTP, and closes the connection", answers=False),
    Kind("reset", (), "resets the connection instead of answering", answers=False),
    Kind("close", (), "closes the connection instead of answering", answers=False),
)

BY_NAME = {kind.name: kind for kind in KINDS}
NO_KIND = Kind("", (), "leaves everything as it is")


@dataclass
class Fault:
    """A queued fault; `times` 0 is for ever."""

    kind: str
    match: str = ""
    holds: str = ""
    skip: int = 0
    times: int = 1
    when: str = "before"
    options: dict = field(default_factory=dict)

    @property
    def line(self) -> Kind:
        """The table's line."""
        return BY_NAME.get(self.kind, NO_KIND)

    @property
    def processes(self) -> bool:
        """Whether the request is carried out, whatever its answer then is."""
        return (self.line.answers and not self.line.replace) or self.when == "after"

    @property
    def answers(self) -> bool:
        """Whether there is an answer at all, in HTTP."""
        return self.line.answers

    def altered(self, answer: Answer | None, request) -> Answer | None:
        """The answer that goes out in place of the right one, which is None if the request was not carried out."""
        if self.line.replace:
            return self.line.replace(self.options)
        if self.line.alter:
            return answer._replace(body=self.line.alter(answer.body, request, self.options))
        return answer


def parse(spec: dict) -> Fault:
    """A fault as a test writes it; anything misspelled is refused, for a fault that never happens proves nothing."""
    spec = dict(spec)
    name = spec.pop("kind", None)
    if name not in BY_NAME:
        raise FaultError(f"unknown fault kind {name!r}; there are: {', '.join(BY_NAME)}")
    kind = BY_NAME[name]
    common = {key: spec.pop(key) for key in ("match", "holds", "skip", "times", "when") if key in spec}
    unknown = set(spec) - set(kind.options)
    if unknown:
        raise FaultError(f"fault {name} has no {', '.join(sorted(unknown))}")
    if kind.needs and kind.needs not in spec:
        raise FaultError(f"fault {name} needs {kind.needs}")
    return checked(Fault(name, options=spec, **common))


def checked(fault: Fault) -> Fault:
    """The types of what a fault is made of; a wrong one would only show in the middle of a request."""
    if fault.when not in ("before", "after"):
        raise FaultError("when is before or after")
    if not all(isinstance(text, str) for text in (fault.match, fault.holds, fault.options.get("location", ""))):
        raise FaultError("match, holds and location are strings")
    for name, value in {"skip": fault.skip, "times": fault.times, **fault.options}.items():
        if name in NUMBERS and (isinstance(value, bool) or not isinstance(value, NUMBERS[name]) or value < 0):
            raise FaultError(f"{name} is a number that is not negative")
    for name, value in fault.options.items():
        if name in CHOICES and value not in CHOICES[name]:
            raise FaultError(f"{name} is one of {', '.join(CHOICES[name])}")
    return fault


class Faults:
    """The queue; each request takes the first fault that is due for it."""

    def __init__(self) -> None:
        self.queue: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self.queue.append(fault)

    def clear(self) -> None:
        self.queue = []

    def take(self, line: str, body: str) -> Fault | None:
        """The fault for a request; those that let it by are counted down. A $ in a match stands for the line's end."""
        for fault in self.queue:
            if not (line + "$").startswith(fault.match) or fault.holds not in body:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times > 0:
                fault.times -= 1
                if fault.times == 0:
                    self.queue.remove(fault)
            return fault
        return None

    def pending(self) -> list[dict]:
        """What is still queued."""
        return [vars(fault) for fault in self.queue]
