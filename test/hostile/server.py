"""Raw-socket listeners, the healthy answers, and the control requests; the attacks are attacks.py's."""

import json
import socket
import ssl
import struct
import threading
import time
from urllib.parse import unquote

# No attack goes on for longer than this (seconds): whoever is still there then has not defended itself.
PATIENCE = 30

# Which request a verb's attack waits for; one of accounts waits for the same with their paths.
ACCOUNT = "account_"
TARGETS = {
    "list": lambda method, path: method == "GET" and path.startswith("/contacts?"),
    "analyze": lambda method, path: method == "GET" and path.startswith("/contacts?"),
    "search": lambda method, path: path == "/contacts/search",
    "lookup": lambda method, path: path == "/contacts/search",
    "get": lambda method, path: method == "GET" and path.startswith("/contacts/"),
    "insert": lambda method, path: method == "POST" and path == "/contacts",
    "update": lambda method, path: method == "PATCH",
    "emails": lambda method, path: method == "PATCH",
    "delete": lambda method, path: method == "DELETE",
    "import": lambda method, path: path.startswith("/custom-fields"),
    "ping": lambda method, path: path == "/me",
    "check": lambda method, path: path == "/me",
    "check_list": lambda method, path: path.startswith("/contacts?"),
    "check_fields": lambda method, path: path.startswith("/custom-fields"),
}


class Hangup(OSError):
    """The server itself has ended the connection."""


class Request:
    """One request, of which /attack/verb has been taken off the path."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.method, target, _ = lines[0].split(" ", 2)
        parts = target.split("/", 3)
        self.control = target.startswith("/_")
        self.attack, self.verb = (0, "") if self.control else (int(parts[1]), parts[2])
        self.path = target if self.control else "/" + parts[3]
        if self.of_accounts:
            self.path = self.path.replace("/accounts", "/contacts", 1)
        self.headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        self.token = self.headers.get("authorization", "").partition(" ")[2]
        self.body = body

    @property
    def of_accounts(self) -> bool:
        """Whether the attack is one on accounts; what they have in common then goes by the paths of contacts."""
        return self.verb.startswith(ACCOUNT)

    @property
    def is_target(self) -> bool:
        """Whether this is the request that the attack has waited for."""
        return TARGETS[self.verb.removeprefix(ACCOUNT)](self.method, self.path)

    @property
    def contact_id(self) -> str:
        """That of the path, or of a contact that is none of ours."""
        return unquote(self.path.split("/")[2].split("?")[0]) if self.path.startswith("/contacts/") else "c1"


def contact(request: Request, **members) -> dict:
    """A contact, or an account, as it is after this request."""
    made = {"id": "c1" if request.path == "/contacts/search" else request.contact_id, "name": "Ann"}
    made |= {"primary_domain": "a.x", "domains": ["a.x"]} if request.of_accounts else {"email": "a@x", "account": None}
    if request.method in ("PATCH", "POST") and request.path != "/contacts/search":
        made.update(json.loads(request.body))
    return made | members


def data(request: Request, **members):
    """What a healthy answer to this request holds."""
    if request.path.startswith("/me"):
        return {"id": "o1", "name": "Hostile", "user": {"name": "u"}}
    if request.path.startswith("/custom-fields"):
        return [{"slug": "tier", "type": "text", "object_type": "contact"}]
    if request.method == "DELETE":
        return None
    if request.path.startswith("/accounts?"):
        return []
    many = request.path.startswith("/contacts?") or request.path == "/contacts/search"
    return [contact(request, **members)] if many else contact(request, **members)


def healthy(request: Request, **members) -> bytes:
    """The body of the right answer; the contact in it may have other members."""
    answer = {"data": data(request, **members), "request_id": "r1"}
    if isinstance(answer["data"], list):
        answer["pagination"] = {"cursor": "", "has_next_page": False}
    return json.dumps(answer).encode()


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    lines = (f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}") + headers
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Log:
    """What has been asked since it was last taken, and how the attacks ended."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.requests = self.active = self.left = 0

    def begin(self, requests: int) -> None:
        """An attack begins: on a request, or on a connection that has none."""
        with self.lock:
            self.requests += requests
            self.active += 1
            self.lock.notify_all()

    def wait_active(self) -> dict:
        """When an attack goes on."""
        with self.lock:
            return {"active": self.lock.wait_for(lambda: self.active > 0, PATIENCE)}

    def end(self, left: bool) -> None:
        """The attack is over; was the client gone before its end?"""
        with self.lock:
            self.active -= 1
            self.left += left
            self.lock.notify_all()

    def take(self) -> dict:
        """All of it, once no attack goes on any more."""
        with self.lock:
            self.lock.wait_for(lambda: self.active == 0, PATIENCE)
            taken = {"requests": self.requests, "left": self.left}
            self.requests = self.left = 0
            return taken


class Listener:
    """A port that serves the attacks, over TLS if there is a context, or does nothing but "greet"."""

    def __init__(self, attacks: list, log: Log, context: ssl.SSLContext | None = None, greet=None,
                 host: str = "127.0.0.1") -> None:
        self.attacks, self.log, self.context, self.greet = attacks, log, context, greet
        self.socket = socket.create_server((host, 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        """A thread for each connection."""
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        """Whatever a client does, or fails to do, ends its connection alone."""
        try:
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(PATIENCE)
                if self.greet:
                    self.attack(connection, None, (self.greet,))
                    return
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
                self.converse(connection)
        except OSError:
            pass

    def converse(self, connection: socket.socket) -> None:
        """Request and answer, until an attack ends the connection."""
        waiting = b""
        while True:
            while b"\r\n\r\n" not in waiting:
                piece = connection.recv(65536)
                if not piece:
                    return
                waiting += piece
            head, _, waiting = waiting.partition(b"\r\n\r\n")
            length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                           if line.lower().startswith(b"content-length:")), 0)
            while len(waiting) < length:
                waiting += connection.recv(65536)
            request, waiting = Request(head, waiting[:length]), waiting[length:]
            if request.control:
                told = self.log.take() if request.path == "/_take" else self.log.wait_active()
                connection.sendall(answer(json.dumps(told).encode()))
            elif request.verb.removeprefix(ACCOUNT) not in TARGETS:
                connection.sendall(answer(b"{}", status="404 Not Found"))
            elif not request.is_target:
                connection.sendall(answer(healthy(request)))
            else:
                self.attack(connection, request, self.attacks[request.attack].moves)

    def attack(self, connection: socket.socket, request: Request | None, moves: tuple) -> None:
        """One attack; if the client goes before its end, that is noted."""
        left = True
        self.log.begin(int(request is not None))
        try:
            for move in moves:
                move(connection, request)
            left = False
        except Hangup:
            left = False
            raise
        finally:
            self.log.end(left)


def close(connection: socket.socket, _request: Request | None) -> None:
    """The end of the connection, in order."""
    connection.shutdown(socket.SHUT_RDWR)
    raise Hangup


def reset(connection: socket.socket, _request: Request | None) -> None:
    """The end of the connection, without order."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    raise Hangup


def silence(connection: socket.socket, _request: Request | None) -> None:
    """Nothing more, until the client goes."""
    while connection.recv(65536):
        pass
    raise ConnectionAbortedError


def say(*parts: bytes):
    """These bytes."""
    def move(connection: socket.socket, _request: Request | None) -> None:
        connection.sendall(b"".join(parts))
    return move


def endless(piece: bytes, pause: float = 0):
    """The same bytes again and again, without a break or with one."""
    if not pause:
        piece *= 65536 // len(piece) + 1

    def move(connection: socket.socket, _request: Request | None) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            connection.sendall(piece)
            time.sleep(pause)
    return move


def reply(make):
    """What is made of the request."""
    def move(connection: socket.socket, request: Request) -> None:
        connection.sendall(make(request))
    return move
