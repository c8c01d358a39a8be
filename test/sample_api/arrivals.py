"""Which requests have arrived, but are not in the log yet.

On a busy machine a thread may come to read what its client sent only after later requests were answered. Who reads the
log needs all that was sent before. And what a client sent before it hung up, as one does that needs no further page,
must stand before what comes later, or it would be counted for another statement.
"""

import select
import socket
import time

LONGEST = 5
PAUSE = 0.001
CLOSING_TLS = b"\x15"


class Arrival:
    """What is known of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.number = connection.fileno()
        self.is_reading = False

    def wait(self) -> None:
        """Returns when the next request begins, or the connection ends; nothing has been read then."""
        ready = select.poll()
        ready.register(self.number, select.POLLIN)
        ready.poll()
        self.is_reading = True

    def entered(self) -> None:
        """The request stands in the log."""
        self.is_reading = False

    def is_pending(self) -> bool:
        """Whether there is a request that is not in the log."""
        return self.is_reading or self.has_unread()

    def has_unread(self) -> bool:
        """Whether something waits to be read, other than the end of TLS."""
        try:
            first = socket.socket.recv(self.connection, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            return False
        return first not in (b"", CLOSING_TLS)

    def is_abandoned(self) -> bool:
        """Whether the client has hung up."""
        hung_up = select.poll()
        hung_up.register(self.number, select.POLLRDHUP)
        return bool(hung_up.poll(0))


class Arrivals:
    """All open connections."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.is_accepting = False
        self.open: dict[int, Arrival] = {}

    def accepted(self, connection: socket.socket) -> None:
        """Said before anything of a new connection is read."""
        self.open[connection.fileno()] = Arrival(connection)
        self.is_accepting = False

    def closing(self, arrival: Arrival) -> None:
        """Said before the number can be that of another connection."""
        if self.open.get(arrival.number) is arrival:
            del self.open[arrival.number]

    def is_quiet(self, besides: Arrival | None, abandoned_only: bool) -> bool:
        """Whether no request is pending. A connection goes from the listener's queue to "open" with no gap between."""
        queue = select.poll()
        queue.register(self.listener, select.POLLIN)
        if queue.poll(0) or self.is_accepting:
            return False
        return not any(arrival is not besides and arrival.is_pending() and
                       (not abandoned_only or arrival.is_abandoned()) for arrival in list(self.open.values()))

    def let_all_arrive(self) -> None:
        """Wait until all that was sent is in the log; not for a client that never comes to an end."""
        until = time.monotonic() + LONGEST
        while not self.is_quiet(None, False) and time.monotonic() < until:
            time.sleep(PAUSE)

    def let_abandoned_arrive(self, arrival: Arrival) -> None:
        """The same with requests of clients that have hung up, before a request of one that has not."""
        until = time.monotonic() + LONGEST
        while not self.is_quiet(arrival, True) and not arrival.is_abandoned() and time.monotonic() < until:
            time.sleep(PAUSE)
