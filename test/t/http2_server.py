"""A server of HTTP/2 over TLS, by hand, which does with its first requests what no proxy can be made to do at will.

    python3 http2_server.py CERTIFICATES BEHAVIOUR TIMES PARENT

Prints its port.  All requests after the first TIMES are answered with 200 and the contact that was sent.  BEHAVIOUR is
one of

    refuse        RST_STREAM with REFUSED_STREAM: nothing was done
    goaway        GOAWAY that names no stream, and the end of the connection: nothing was done
    goaway-stay   the same, but the connection stays open
    goaway-done   GOAWAY that names the stream of the request, and the end: it may have been done
    cancel        RST_STREAM with CANCEL: it may have been done
    close         the end of the connection: it may have been done

It ends when the process PARENT has ended.
"""

import json
import os
import socket
import ssl
import sys
import threading
import time

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM = ACK = 1
END_HEADERS = 4
REFUSED_STREAM, CANCEL = 7, 8
STATUS_200 = b"\x88"  # of HPACK's static table

certificates, behaviour, times, parent = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
received = 0


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def misbehave(connection: ssl.SSLSocket, stream: int) -> None:
    """What is done with a request; raises EOFError where the connection ends with it."""
    if behaviour in ("refuse", "cancel"):
        connection.sendall(frame(RST_STREAM, 0, stream, number(REFUSED_STREAM if behaviour == "refuse" else CANCEL)))
    if behaviour.startswith("goaway"):
        last = stream if behaviour == "goaway-done" else 0
        connection.sendall(frame(GOAWAY, 0, 0, number(last) + number(0)))
    if behaviour in ("goaway", "goaway-done", "close"):
        raise EOFError


def answer(connection: ssl.SSLSocket, stream: int, body: bytes) -> None:
    contact = {"id": f"contact-{received}", "custom_fields": {}} | json.loads(body or "{}")
    text = json.dumps({"data": contact, "request_id": "req"}).encode()
    connection.sendall(frame(HEADERS, END_HEADERS, stream, STATUS_200) + frame(DATA, END_STREAM, stream, text))


def serve(connection: ssl.SSLSocket) -> None:
    global received
    stream_of_bytes = connection.makefile("rb")
    stream_of_bytes.read(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
    connection.sendall(frame(SETTINGS, 0, 0))
    body = b""
    while head := stream_of_bytes.read(9):
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        payload = stream_of_bytes.read(int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0))
        if kind == DATA:
            body += payload
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            received += 1
            if received <= times:
                misbehave(connection, stream)
            else:
                answer(connection, stream, body)
            body = b""


def accepted(plain: socket.socket, context: ssl.SSLContext) -> None:
    try:
        with context.wrap_socket(plain, server_side=True) as connection:
            try:
                serve(connection)
            except EOFError:
                # Gently: what is unread would make the kernel take back what was sent.
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
    except OSError:
        pass


def main() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificates}/server.pem", f"{certificates}/server.key")
    context.set_alpn_protocols(["h2"])
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            threading.Thread(target=accepted, args=(listener.accept()[0], context), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    while os.path.exists(f"/proc/{parent}"):
        time.sleep(0.2)


main()
