"""Certificates for a server on this machine, made by the openssl command."""

import fcntl
import ssl
import subprocess
from pathlib import Path

DAYS = "3650"
SERVER_USE = """subjectAltName=DNS:localhost,IP:127.0.0.1
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""
CA_USE = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")


def openssl(directory: Path, *arguments: str) -> None:
    """Run openssl in a directory; what it says is shown if it fails."""
    done = subprocess.run(("openssl",) + arguments, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def new_key_and(directory: Path, key: str, *arguments: str) -> None:
    """A certificate or a request for one, with a new key."""
    openssl(directory, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", key, *arguments)


def make_certificates(directory: Path) -> None:
    """ca.pem has signed server.pem; other-ca.pem has not."""
    for name in ("ca", "other-ca"):
        new_key_and(directory, f"{name}.key", "-x509", "-out", f"{name}.pem", "-days", DAYS,
                    "-subj", f"/CN=Sample API {name}", *CA_USE)
    new_key_and(directory, "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (directory / "server.ext").write_text(SERVER_USE)
    openssl(directory, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", DAYS, "-extfile", "server.ext", "-out", "server.pem")


def context(directory: Path) -> ssl.SSLContext:
    """The server's TLS settings; certificates are made once, and never by two servers at a time."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "server.pem").exists():
            make_certificates(directory)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(directory / "server.pem", directory / "server.key")
    return made
