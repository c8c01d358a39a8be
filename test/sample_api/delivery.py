"""How an answer goes over the wire: compression, chunks, pace, and the faults of transport."""

import gzip
import os
import select
import socket
import struct
import time
import zlib
from email.utils import formatdate
from http import HTTPStatus

CHUNK = 65536
NO_BODY = (204, 304)


def reason(status: int) -> str:
    """The words behind a status; a test may invent one."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def compression(accepted: str) -> str | None:
    """The encoding to answer with; a refusal by q=0 is heeded."""
    offered = {name.partition(";")[0].strip() for name in accepted.lower().split(",") if "q=0" not in
               name.replace(" ", "").replace("q=0.", "")}
    return next((name for name in ("gzip", "deflate") if name in offered), None)


def compress(body: bytes, encoding: str) -> bytes:
    """The fastest level: the client is what is tested."""
    return gzip.compress(body, 1, mtime=0) if encoding == "gzip" else zlib.compress(body, 1)


def head(status: int, headers: dict) -> bytes:
    """Status line and headers."""
    lines = [f"HTTP/1.1 {status} {reason(status)}"] + [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def in_chunks(body: bytes) -> bytes:
    """The body in the chunked coding."""
    pieces = [body[at:at + CHUNK] for at in range(0, len(body), CHUNK)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def peer_is_gone(connection) -> bool:
    """Whether the client has hung up; it sends nothing else while it waits, but a TLS alert on closing."""
    try:
        return socket.socket.recv(connection, 1, socket.MSG_PEEK) in (b"", b"\x15")
    except OSError:
        return True


def wait(connection, until: float) -> None:
    """A pause that ends at once when the client hangs up, so that open connections can be counted."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        readable = poll.poll(left * 1000)
        if readable and peer_is_gone(connection):
            raise ConnectionResetError
        if readable:
            time.sleep(min(left, 0.05))


def reset(connection) -> None:
    """An RST instead of an orderly close."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


class Delivery:
    """One answer to one request."""

    def __init__(self, connection, settings, entry, accepted: str) -> None:
        self.connection = connection
        self.settings = settings
        self.entry = entry
        self.accepted = accepted

    def send(self, answer, options: dict, cut: bool) -> None:
        """Send it, slowly or only in part if a fault says so."""
        head_bytes, body = self.prepared(answer)
        if options.get("delay"):
            wait(self.connection, time.monotonic() + options["delay"])
        middle = len(body) // 2
        if cut:
            self.connection.sendall(head_bytes + body[:middle])
        elif options.get("rate"):
            self.send_paced(head_bytes + body, options["rate"])
        elif options.get("stall"):
            self.connection.sendall(head_bytes + body[:middle])
            wait(self.connection, time.monotonic() + options["stall"])
            self.connection.sendall(body[middle:])
        else:
            self.connection.sendall(head_bytes + body)

    def prepared(self, answer) -> tuple[bytes, bytes]:
        """Head and body as they go out, and their note in the log."""
        headers = {"Content-Type": "application/json", "Date": formatdate(usegmt=True)}
        body = answer.body
        encoding = compression(self.accepted) if self.settings.compress and body else None
        if encoding:
            body = compress(body, encoding)
            headers.update({"Content-Encoding": encoding, "Vary": "Accept-Encoding"})
        self.entry.status, self.entry.compressed, self.entry.bytes = answer.status, encoding, len(body)
        if answer.status in NO_BODY or self.entry.method == "HEAD":
            body = b""
        elif self.settings.chunked:
            headers["Transfer-Encoding"] = "chunked"
            body = in_chunks(body)
        if "Transfer-Encoding" not in headers and answer.status not in NO_BODY:
            headers["Content-Length"] = len(body)
        return head(answer.status, {**headers, **answer.headers}), body

    def send_paced(self, data: bytes, rate: float) -> None:
        """About ten pieces a second."""
        size = max(1, int(rate / 10))
        for at in range(0, len(data), size):
            wait(self.connection, time.monotonic() + (size / rate if at else 0))
            self.connection.sendall(data[at:at + size])
