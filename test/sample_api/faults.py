"""Faults: answers that go wrong, queued by a test for the requests that it names.

A fault either replaces the answer, alters it, or disturbs its delivery; the last is done by delivery.py.
"""

import json
import re
from dataclasses import dataclass, field

from api import Answer
from pages import BEHIND_ALL


class FaultError(ValueError):
    """A fault that does not exist, or is not spelled right."""


# kind: (options besides match, skip, times and when; what it does)
KINDS = {
    "status": ({"status", "body", "headers"}, "answers with this status, body (JSON, or a string as it is), headers"),
    "redirect": ({"status", "location"}, "answers 302, or `status`, with Location"),
    "garbage": (set(), "answers 200 with something that is not JSON"),
    "html": (set(), "answers 502 with a page of HTML, as a gateway does"),
    "wrong_shape": ({"body"}, "answers 200 with this JSON"),
    "huge": ({"bytes"}, "answers 200 with JSON of so many bytes"),
    "hollow": ({"data", "cursor"},
               "takes `data` out of a page that announces another one: empty (the default), null, absent or kept; "
               "`cursor` is next (the default), empty, null or absent"),
    "repeat_cursor": (set(), "gives the request's own cursor as that of the next page"),
    "bad_utf8": (set(), "puts an invalid byte into the first name of the answer"),
    "nul_escape": (set(), "puts \\u0000 into the first name of the answer"),
    "cut": (set(), "closes the connection after half the body"),
    "slow": ({"rate", "delay", "stall"},
             "sends `rate` bytes a second, waits `delay` seconds before the answer, `stall` seconds in its middle"),
    "no_http": (set(), "answers with something that is not HTTP, and closes the connection"),
    "reset": (set(), "resets the connection instead of answering"),
    "close": (set(), "closes the connection instead of answering"),
}
NEEDED = {"status": "status", "redirect": "location", "wrong_shape": "body", "huge": "bytes"}
NUMBERS = {"skip": int, "times": int, "status": int, "bytes": int, "rate": (int, float), "delay": (int, float),
           "stall": (int, float)}
CHOICES = {"data": ("empty", "null", "absent", "kept"), "cursor": ("next", "empty", "null", "absent")}
PROCESSED = ("hollow", "repeat_cursor", "bad_utf8", "nul_escape", "cut", "slow")
NAME = re.compile(rb'("name"\s*:\s*")')


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
    def processes(self) -> bool:
        """Whether the request is carried out, whatever its answer then is."""
        return self.kind in PROCESSED or self.when == "after"

    @property
    def answers(self) -> bool:
        """Whether there is an answer at all, in HTTP."""
        return self.kind not in ("no_http", "reset", "close")

    def alter(self, answer: Answer | None, request) -> Answer | None:
        """The answer that goes out in place of the right one, which is None if the request was not carried out."""
        if self.kind in REPLACING:
            return REPLACING[self.kind](self.options)
        if self.kind in ALTERING:
            return answer._replace(body=ALTERING[self.kind](answer.body, request, self.options))
        return answer


def parse(spec: dict) -> Fault:
    """A fault as a test writes it; anything misspelled is refused, for a fault that never happens proves nothing."""
    spec = dict(spec)
    kind = spec.pop("kind", None)
    if kind not in KINDS:
        raise FaultError(f"unknown fault kind {kind!r}; there are: {', '.join(KINDS)}")
    common = {name: spec.pop(name) for name in ("match", "holds", "skip", "times", "when") if name in spec}
    unknown = set(spec) - KINDS[kind][0]
    if unknown:
        raise FaultError(f"fault {kind} has no {', '.join(sorted(unknown))}")
    if NEEDED.get(kind, kind) not in spec and kind in NEEDED:
        raise FaultError(f"fault {kind} needs {NEEDED[kind]}")
    return checked(Fault(kind, options=spec, **common))


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


def raw(body) -> bytes:
    """A string goes out as it is, anything else as JSON."""
    return body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()


def dumped(answer: dict) -> bytes:
    """An answer that was altered, its members where they stood."""
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def status_answer(options: dict) -> Answer:
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


REPLACING = {"status": status_answer, "redirect": redirect, "garbage": garbage, "html": html,
             "wrong_shape": wrong_shape, "huge": huge}
ALTERING = {"hollow": hollow, "repeat_cursor": repeat_cursor, "bad_utf8": bad_utf8, "nul_escape": nul_escape}
