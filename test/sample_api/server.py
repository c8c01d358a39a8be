"""The HTTP server: connections and requests; what they mean is api.py's and control.py's."""

import os
import socket
import socketserver
import ssl
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler

import delivery
from api import Answer, Api, Request
from arrivals import Arrivals
from control import Control, Reply
from faults import Fault, Faults
from request_log import Connections, RequestLog
from switches import Settings
from workspace import Workspace

NO_FAULT = Fault("")
TLS_HANDSHAKE = b"\x16"


class SampleServer(socketserver.ThreadingTCPServer):
    """Everything that one running sample API holds."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port: int, contacts: int, seed: str, tokens: list[str], switches: dict,
                 context: ssl.SSLContext | None = None, log_file=None, accounts: int | None = None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.context = context
        self.contacts, self.accounts, self.seed = contacts, accounts, seed
        self.lock = threading.RLock()
        self.settings = Settings(switches)
        self.log = RequestLog(tokens, log_file)
        self.faults = Faults()
        self.connections = Connections()
        self.arrivals = Arrivals(self.socket)
        self.workspace = Workspace(self.settings, contacts, seed, accounts)
        self.api = Api(self.settings, self.workspace, tokens)
        self.control = Control(self)

    @property
    def url(self) -> str:
        """The base URL; by TLS the host has a name, for that is what certificates are checked with."""
        port = self.server_address[1]
        return f"https://localhost:{port}" if self.context else f"http://127.0.0.1:{port}"

    def reset(self, contacts: int | None = None, accounts: int | None = None, seed: str | None = None) -> None:
        """As after a start, with other sizes or another seed if wanted."""
        self.settings.reset()
        self.log.clear()
        self.faults.clear()
        self.api.windows.clear()
        self.workspace = Workspace(self.settings, self.contacts if contacts is None else contacts,
                                   self.seed if seed is None else seed, self.accounts if accounts is None else accounts)
        self.api.workspace = self.workspace

    def stop(self) -> None:
        """End the process soon, after the answer to the request that asked for it."""
        threading.Timer(0.1, os._exit, (0,)).start()

    def get_request(self):
        """Takes a connection out of the listener's queue."""
        self.arrivals.is_accepting = True
        try:
            connection, address = super().get_request()
            self.arrivals.accepted(connection)
        finally:
            self.arrivals.is_accepting = False
        return connection, address

    def process_request_thread(self, request, client_address) -> None:
        """Here and not on accepting, or one client that says nothing could block all others."""
        super().process_request_thread(self.secured(request), client_address)

    def secured(self, connection):
        """Speaks TLS if the client does: one that only controls the server is spared it."""
        if not self.context:
            return connection
        arrival = self.arrivals.open[connection.fileno()]
        arrival.wait()
        try:
            if connection.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE:
                arrival.connection = self.context.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False)
        except OSError:
            pass
        return arrival.connection

    def handle_error(self, request, client_address) -> None:
        """Clients that hang up are part of the tests; anything else is a fault of this program."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: SampleServer

    def setup(self) -> None:
        super().setup()
        self.arrival = self.server.arrivals.open[self.connection.fileno()]
        self.number = 0
        self.is_control = False
        with self.server.lock:
            self.server.connections.opened()

    def finish(self) -> None:
        with self.server.lock:
            if not self.is_control:
                self.server.connections.closed()
        self.server.arrivals.closing(self.arrival)
        super().finish()

    def handle_one_request(self) -> None:
        """The next request of this connection, from its first byte on."""
        self.arrival.wait()
        super().handle_one_request()

    def serve(self) -> None:
        """One request."""
        try:
            body = self.read_body()
            if self.path.startswith("/_"):
                self.serve_control(body)
            elif self.server.context and not isinstance(self.connection, ssl.SSLSocket):
                self.close_connection = True
            else:
                self.serve_api(body)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve

    def read_body(self) -> bytes:
        """The request's body, sent whole or in chunks."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def serve_api(self, body: bytes) -> None:
        """An API request: into the log, through the faults, to its endpoint, and back."""
        server = self.server
        arrived = time.monotonic()
        server.arrivals.let_abandoned_arrive(self.arrival)
        with server.lock:
            self.number = self.number or server.connections.next_number()
            entry = server.log.begin(self.command, self.path, body, self.headers, self.number)
            self.arrival.entered()
            fault = server.faults.take(entry.line, entry.body) or NO_FAULT
            request = Request(self.command, self.path, self.headers, body, entry.request_id)
            answer = None
            carried_out = fault is NO_FAULT or fault.processes
            if carried_out:
                answer = self.carried_out(request)
            answer = fault.altered(answer, request)
        try:
            delivery.wait(self.connection, arrived + self.latency(request, carried_out))
        finally:
            with server.lock:
                server.log.answered()
        if fault.answers:
            self.deliver(answer, fault, entry)
        else:
            self.hang_up(fault)

    def carried_out(self, request: Request) -> Answer:
        """The right answer; a fault of this program must not look like a fault of the network."""
        try:
            return self.server.api.handle(request)
        except Exception as error:
            traceback.print_exc()
            return Answer(500, f'{{"errors":["sample API failed: {type(error).__name__}"]}}'.encode())

    def latency(self, request: Request, carried_out: bool) -> float:
        """Seconds from a request to its answer, the time that it takes here among them."""
        settings = self.server.settings
        is_write = (carried_out and request.method != "GET" and request.path.startswith(("/contacts", "/accounts"))
                    and not request.path.endswith("/search"))
        return (settings.latency + (settings.write_latency if is_write else 0)) / 1000

    def deliver(self, answer: Answer, fault: Fault, entry) -> None:
        """Send an answer; one that was cut must be the connection's last."""
        options = fault.options if fault.kind == "slow" else {}
        sender = delivery.Delivery(self.connection, self.server.settings, entry,
                                   self.headers.get("Accept-Encoding", ""))
        sender.send(answer, options, fault.kind == "cut")
        if fault.kind == "cut":
            self.close_connection = True

    def hang_up(self, fault: Fault) -> None:
        """End the connection instead of answering."""
        self.close_connection = True
        if fault.kind == "reset":
            self.server.arrivals.closing(self.arrival)
            delivery.reset(self.connection)
        elif fault.kind == "no_http":
            self.connection.sendall(b"220 sample ready\r\n")

    def serve_control(self, body: bytes) -> None:
        """A control request; the connection no longer counts as a client's."""
        server = self.server
        self.arrival.entered()
        if self.path.partition("?")[0] in ("/_log", "/_fault"):
            server.arrivals.let_all_arrive()
        with server.lock:
            if not self.number and not self.is_control:
                self.is_control = True
                server.connections.turned_control()
            try:
                status, reply = 200, server.control.handle(self.command, self.path, body)
            except (ValueError, TypeError, KeyError) as error:
                status, reply = 400, Reply(f"{error}\n")
        self.send_reply(status, reply)

    def send_reply(self, status: int, reply: Reply) -> None:
        """The answer to a control request."""
        headers = {"Content-Type": reply.content_type}
        if isinstance(reply.body, str):
            body = reply.body.encode()
            self.connection.sendall(delivery.head(status, {**headers, "Content-Length": len(body)}) + body)
            return
        if self.request_version == "HTTP/1.0":
            self.connection.sendall(delivery.head(status, headers))
            for piece in reply.body:
                self.connection.sendall(piece)
            return
        self.connection.sendall(delivery.head(status, {**headers, "Transfer-Encoding": "chunked"}))
        for piece in reply.body:
            self.connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.connection.sendall(b"0\r\n\r\n")

    def log_message(self, *arguments) -> None:
        """The log of requests is kept elsewhere."""


def watch(process: int) -> None:
    """End this process when another has ended: a test that was killed must leave no server behind."""
    while is_alive(process):
        time.sleep(0.5)
    os._exit(0)


def is_alive(process: int) -> bool:
    """A zombie counts as ended, although it still has its number."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as status:
            return status.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
