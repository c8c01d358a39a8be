"""The attacks, as data: what is sent in place of an answer, and what is to become of the statement.

Expectations are those of the documented errors: SQLSTATE by verb, requests made, growth of the backend's memory.
"""

import gzip
import json
import zlib
from dataclasses import dataclass, field

from server import answer, close, data, endless, healthy, reply, reset, say, silence

READS = ("list", "search", "get", "import", "ping", "analyze", "lookup")
WRITES = ("insert", "update", "delete")         # and "emails", an update of a list, which are domains for accounts
ALL = READS + WRITES
PAGES = ("list", "search", "analyze", "lookup")
CONTACTS = PAGES + ("get",)
SMALL = ("import", "ping")

# No answer that can be used, a connection that broke: a create may have been done.
BAD = {"": "08P01", "insert": "40003"}
LOST = {"": "08006", "insert": "40003"}
CANCELLED = {"": "57014"}
FINE = {"": "00000"}

ONCE = {"max_retries": "0"}
SOON = {"max_retries": "0", "request_timeout": "300ms"}
ANY = (1, 10)
NONE = (0, 0)

# With these bounds nothing but the cancel ends it.
BOUNDLESS = {"max_retries": "0", "request_timeout": "1d", "max_response_size": "1023MB"}


@dataclass
class Attack:
    """One attack, on each of some verbs."""

    name: str
    moves: tuple
    expected: dict                      # SQLSTATE by verb; "" for all others
    verbs: tuple = ALL
    options: dict = field(default_factory=lambda: ONCE)
    requests: tuple = (1, 1)            # that are attacked: at least, at most
    memory: int = 16                    # MB by which the backend may grow
    cancel: bool = False                # ended by statement_timeout, while the server still sends
    listener: str = "http"


def ok(*headers: str) -> bytes:
    """A head of success, its end still to come."""
    return "\r\n".join(("HTTP/1.1 200 OK", "Content-Type: application/json") + headers).encode() + b"\r\n"


def packed(body: bytes, encoding: str) -> bytes:
    """An answer that says how it is packed."""
    return answer(body, f"Content-Encoding: {encoding}")


def raw_deflate(size: int) -> bytes:
    """Blanks without end, at a thousandth of their size."""
    return zlib.compress(b" " * size, 9)


def nested_bomb() -> bytes:
    """Packed three times: gigabytes of empty blocks, out of which not one byte comes."""
    empty = b"\x00\x00\x00\xff\xff"
    inner = gzip.compress(b"")[:10] + empty * 4_000_000
    return gzip.compress(gzip.compress(inner, 9), 9)


def member(request, name: str, value) -> bytes:
    """The right answer, but for one member of the contact."""
    return answer(healthy(request, **{name: value}))


def page(request, cursor: str, more: bool = True) -> bytes:
    """A page of one that announces another."""
    body = {"data": data(request), "pagination": {"cursor": cursor, "has_next_page": more}}
    return answer(json.dumps(body).encode())


CHUNKED = ok("Transfer-Encoding: chunked") + b"\r\n"
LENGTH = ok("Content-Length: 1000000000000") + b"\r\n"
HUNDRED = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNK = b"10000\r\n" + b" " * 65536 + b"\r\n"
DEEP = b'{"data":' + b"[" * 100_000


# The moves that never end, each in three ways: until a bound, until the time-out, until a cancel.
ENDLESS = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "head": (ok(), b"X-Filler: 0123456789\r\n"),
    "line of the head": (ok() + b"X-Filler: ", b"0123456789"),
    "provisional answers": (b"", HUNDRED),
    "provisional head": (b"HTTP/1.1 103 Early Hints\r\n", b"Link: <x>\r\n"),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-Filler: 0123456789\r\n"),
    "line of the trailer": (CHUNKED + b"2\r\n{}\r\n0\r\nX-Filler: ", b"0123456789"),
    "body in chunks": (CHUNKED, CHUNK),
    "body": (ok() + b"\r\n", b" " * 65536),
}


def endless_attacks():
    """What of these a bound ends, and what a cancel does in the meantime."""
    for name, (start, piece) in ENDLESS.items():
        yield Attack(f"endless {name}", (say(start), endless(piece)), BAD)
        # so slowly that no bound is met before the time is up
        yield Attack(f"slow {name}", (say(start), endless(piece[:50], 0.02)), LOST, ("list", "insert", "ping"), SOON)
        yield Attack(f"cancelled {name}", (say(start), endless(piece[:50], 0.02)), CANCELLED,
                     ("list", "insert", "update", "ping"), BOUNDLESS, cancel=True)


def status_attacks():
    """Answers whose status says that something is wrong."""
    for status in (300, 301, 302, 303, 304, 307, 308):
        yield Attack(f"status {status}", (reply(lambda request, status=status: answer(
            b"", f"Location: http://127.0.0.1:1/{request.token}", status=f"{status} Elsewhere")),), {"": "08P01"})
    refused = {"": "HV000"}
    for status in (402, 405, 407, 408, 411, 413, 414, 418, 421, 451, 499):
        yield Attack(f"status {status}", (say(answer(b"{}", status=f"{status} No")),), refused)
    for status in (500, 501, 503, 599):
        yield Attack(f"status {status}", (say(answer(b"{}", status=f"{status} No")),),
                     {"": "58000", "insert": "40003"})
    yield Attack("status 101", (say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
                                close), LOST)
    yield Attack("status 999", (say(answer(b"{}", status="999 No")),), BAD)
    yield Attack("status 000", (say(answer(b"{}", status="000 No")),), BAD)


def shape_attacks():
    """HTTP that is sound, with something in it that isn't."""
    bodies = {
        "nothing": b"",
        "no JSON": b"<html></html>",
        "a number": b"1",
        "deep": DEEP,
        "deep and closed": b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep objects": b'{"data":' + b'{"a":' * 100_000,
        "cut off": b'{"data":[{"id":"c1","na',
        "rubbish behind": b'{"data":{"name":"o"},"x":[]} rubbish',
        "a second answer": b'{"data":{"name":"o"}}{"data":{"name":"o"}}',
        "not UTF-8": b'{"data":"\xff\xfe"}',
        "a NUL": b'{"data":\0{}}',
        "data of another kind": b'{"data":"none"}',
    }
    for name, body in bodies.items():
        yield Attack(f"body: {name}", (say(answer(body)),), BAD, READS + (() if name == "nothing" else ("insert",)))
    yield Attack("2 MB for a small answer", (say(answer(b'{"data":{"name":"o"},"x":[' + b"[]," * 700_000 + b"0]}")),),
                 BAD, SMALL, ONCE | {"max_response_size": "64MB"}, memory=24)
    yield Attack("a bomb of text", (say(packed(raw_deflate(1_000_000_000), "deflate")),), BAD)
    yield Attack("a bomb in a bomb", (say(packed(nested_bomb(), "gzip, gzip, gzip")),), BAD)
    yield Attack("a packing in two lines",
                 (say(answer(nested_bomb(), "Content-Encoding: gzip", "Content-Encoding: gzip")),),
                 BAD, ("list", "ping", "insert"))
    yield Attack("a packing of the transfer",
                 (say(ok("Transfer-Encoding: gzip, gzip, chunked") + b"\r\n", CHUNK),), BAD)
    yield Attack("a packing that nobody knows", (say(packed(b"{}", "br")),), BAD)
    yield Attack("not packed as it says", (say(packed(b"{}", "gzip")),), BAD)
    yield Attack("too large, and says so", (say(LENGTH), silence), BAD)


def connection_attacks():
    """Connections that end, stall, or speak of something else."""
    yield Attack("closed at once", (close,), LOST, requests=ANY)
    yield Attack("reset at once", (reset,), LOST, requests=ANY)
    yield Attack("closed in the head", (say(ok()), close), LOST)
    yield Attack("reset in the head", (say(ok()), reset), LOST)
    yield Attack("closed in the body", (say(ok("Content-Length: 100") + b'\r\n{"data":'), close), LOST)
    yield Attack("closed in a chunk", (say(CHUNKED, b'10\r\n{"dat'), close), LOST)
    yield Attack("closed before the trailer", (say(CHUNKED, b"2\r\n{}\r\n"), close), LOST)
    yield Attack("tried again", (say(ok("Content-Length: 100") + b'\r\n{"data":'), close), LOST,
                 ("list", "search", "get", "update", "ping"), {"max_retries": "1"}, requests=(2, 2))
    yield Attack("silent", (silence,), LOST, options=SOON)
    yield Attack("silent in the body", (say(CHUNKED, b"2\r\n{"), silence), LOST, ("list", "insert", "ping"), SOON)
    yield Attack("cancelled in silence", (silence,), CANCELLED, ALL, BOUNDLESS, cancel=True)
    yield Attack("extensions of a chunk", (say(CHUNKED, b"2;x="), endless(b"x")), LOST,
                 ("list", "insert", "ping"), SOON)
    yield Attack("cancelled extensions of a chunk", (say(CHUNKED, b"2;x="), endless(b"x" * 4_000_000)),
                 CANCELLED, ALL, BOUNDLESS, cancel=True)
    yield Attack("cancelled stream", (say(CHUNKED), endless(CHUNK * 64)), CANCELLED, ("list", "ping"), BOUNDLESS,
                 cancel=True, memory=1100)
    yield Attack("sound trailers", (reply(lambda request: CHUNKED + b"%x\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n" % (
        len(healthy(request)), healthy(request))),), FINE)
    yield Attack("a sound provisional answer", (reply(lambda request: HUNDRED + answer(healthy(request))),), FINE)
    yield Attack("HTTP/0.9", (say(b"{}\n"), close), BAD)
    yield Attack("another protocol", (say(b"220 mail.example.com ESMTP\r\n"), close), BAD)
    yield Attack("HTTP/3", (say(b"HTTP/3 200\r\nContent-Length: 2\r\n\r\n{}"),), BAD, requests=ANY)
    yield Attack("a negative length", (say(ok("Content-Length: -1"), b"\r\n{}"), close), BAD)
    yield Attack("a length that is none", (say(ok("Content-Length: many"), b"\r\n{}"), close), BAD)
    yield Attack("a chunk that is none", (say(CHUNKED, b"zz\r\n{}\r\n"), close), BAD)
    yield Attack("a head with a NUL", (say(ok("X-Nul: a\0b"), b"\r\n{}"), close), BAD)


def limit_attacks():
    """Rate limits, and lies about when to come again."""
    patience = {"max_retries": "5", "max_retry_wait": "1s"}
    lies = ("0", "0.0", "-1", "nan", "inf", "-inf", "1e-9", "0x0", "", "soon", "Thu, 01 Jan 1970 00:00:00 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT")
    for lie in lies:
        for status, state in ((429, "53400"), (503, "58000")):
            if status == 503 and lie not in ("0", "nan"):
                continue
            yield Attack(f"{status}, again after {lie or 'nothing'}", (say(answer(
                b"{}", f"Retry-After: {lie}", f"X-Retry-After: {lie}", status=f"{status} Later")),),
                         {"": state}, ("list",), patience, requests=(2, 5))
    for lie in ("99999999999999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"):
        yield Attack(f"429, again after {lie[:20]}", (say(answer(
            b"{}", f"Retry-After: {lie}", status="429 Later")),), {"": "53400"}, ("list", "insert", "ping"))


def page_attacks():
    """Pages that hold what they should not."""
    yield Attack("a cursor that comes again", (reply(lambda request: page(request, "again")),), BAD,
                 PAGES + ("import",), requests=ANY)
    hollow = b'{"data":[],"pagination":{"cursor":"c","has_next_page":true}}'
    yield Attack("hollow for ever", (say(answer(hollow)),), BAD, PAGES + ("import",), requests=(4, 4))
    yield Attack("more, without a cursor", (reply(lambda request: page(request, "")),), BAD, PAGES + ("import",),
                 requests=(4, 4))
    yield Attack("a cursor of 900 kB", (reply(lambda request: page(request, "c" * 900_000)),), BAD, PAGES + ("import",))
    yield Attack("nothing, with errors", (say(answer(b'{"errors":["no"],"request_id":"r"}')),), BAD)
    yield Attack("millions of nothing", (say(answer(b'{"data":[' + b"{}," * 7_000_000 + b"{}]}")),), BAD, PAGES,
                 ONCE | {"max_response_size": "64MB"}, memory=96)
    yield Attack("another contact", (reply(lambda request: member(request, "id", "other")),),
                 {"": "00000", "update": "22023"}, ("get", "update"))
    yield Attack("a list of 50,000 where one was sent", (reply(lambda request: member(
        request, "domains" if request.of_accounts else "emails", [f"x{number}" for number in range(50_000)])),), FINE,
                 ("emails",), memory=48)
    yield Attack("status 204", (say(b"HTTP/1.1 204 No Content\r\n\r\n"),),
                 {"": "08P01", "delete": "00000", "update": "22023"})
    yield Attack("an id of 900 kB", (reply(lambda request: member(request, "id", "i" * 900_000)),), FINE,
                 ("list", "analyze"))
    yield Attack("a bad name in a contact", (reply(lambda request: answer(
        healthy(request).replace(b'"Ann"', b'"\xff"'))),), {"": "22021"}, ("list", "search", "get", "lookup"))
    yield Attack("a NUL in a contact", (reply(lambda request: answer(
        healthy(request).replace(b'"Ann"', b'"\\u0000"'))),), {"": "22P05"}, ("list", "search", "get", "lookup"))


def tls_attacks():
    """Listeners that are not what https means."""
    for listener in ("tls 1.1", "other CA", "other host", "http as https", "closes", "noise"):
        yield Attack(f"TLS: {listener}", (reply(lambda request: answer(healthy(request))),), {"": "08001"},
                     ("list", "insert", "ping"), requests=NONE, listener=listener)
    yield Attack("TLS: silent", (), {"": "08001"}, ("list", "insert"), ONCE | {"connect_timeout": "300ms"}, NONE,
                 listener="silent")
    yield Attack("TLS: cancelled", (), CANCELLED, ("list", "insert"), BOUNDLESS, NONE, cancel=True, listener="silent")
    yield Attack("TLS: good", (reply(lambda request: answer(healthy(request))),), FINE, listener="https")


ATTACKS = [Attack("none", (reply(lambda request: answer(healthy(request))),), FINE)]
for group in (endless_attacks, status_attacks, shape_attacks, connection_attacks, limit_attacks, page_attacks,
              tls_attacks):
    ATTACKS += group()
