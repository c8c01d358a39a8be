"""Servers that attack who asks them, on this machine alone: each attack is a path, and a row of the table."""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import os
import ssl
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "sample_api"))

import tls
from attacks import ATTACKS
from server import ACCOUNT, Listener, Log, answer, close, say, silence


# The check of a server that asks what a verb asks, and is attacked in its place.
CHECKS = {"ping": "check", "list": "check_list", "import": "check_fields"}

# What can be asked of accounts as well. Each attack is one on them, too, by one of its verbs in turn.
OF_ACCOUNTS = ("list", "search", "get", "insert", "update", "emails", "analyze", "lookup")


def old_tls(certificates: Path) -> ssl.SSLContext:
    """TLS that nobody should speak any more."""
    context = tls.context(certificates)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def listeners(certificates: Path) -> dict[str, tuple[str, Path]]:
    """All of them: the URL at which each is, and the CAs to trust there."""
    log = Log()
    good = tls.context(certificates)
    authority, other = certificates / "ca.pem", certificates / "other-ca.pem"

    def start(scheme: str, trusted: Path, host: str = "127.0.0.1", **what) -> tuple[str, Path]:
        return f"{scheme}://{host}:{Listener(ATTACKS, log, host=host, **what).port}", trusted

    return {
        "http": start("http", authority),
        "https": start("https", authority, context=good),
        "tls 1.1": start("https", authority, context=old_tls(certificates)),
        "other CA": start("https", other, context=good),
        "other host": start("https", authority, "127.0.0.2", context=good),
        "http as https": start("https", authority, greet=say(answer(b"{}", status="400 Bad Request"))),
        "closes": start("https", authority, greet=close),
        "noise": start("https", authority, greet=say(b"\x16\x03\x03\xff\xff" + b"noise" * 10_000)),
        "silent": start("https", authority, greet=silence),
    }


def checks_of(attack) -> tuple:
    """The checks that ask what the attack's verbs do."""
    return tuple(CHECKS[verb] for verb in attack.verbs if verb in CHECKS)


def accounts_of(attack, number: int) -> tuple:
    """One of the attack's verbs, on accounts."""
    verbs = [verb for verb in attack.verbs if verb in OF_ACCOUNTS]
    return (ACCOUNT + verbs[number % len(verbs)],) if verbs else ()


def rows(urls: dict[str, tuple[str, Path]]):
    """The table: an attack on a verb, where to find it, and what is to become of it."""
    for number, attack in enumerate(ATTACKS):
        url, trusted = urls[attack.listener]
        for verb in attack.verbs + checks_of(attack) + accounts_of(attack, number):
            is_check = verb in CHECKS.values()
            # a check has no errors but that of a cancel, and asks nothing twice
            expected = attack.expected[""] if attack.cancel or not is_check else "00000"
            yield {
                "name": attack.name, "verb": verb,
                "options": {"max_response_size": "1MB"} | attack.options | {
                    "base_url": f"{url}/{number}/{verb}", "ca_file": str(trusted)},
                "sqlstate": attack.expected.get(verb.removeprefix(ACCOUNT), expected),
                "requests": [min(count, 1) for count in attack.requests] if is_check else attack.requests,
                "memory": attack.memory, "cancel": attack.cancel,
            }


def watch(process: int) -> None:
    """End when that process has ended."""
    while Path(f"/proc/{process}").exists():
        time.sleep(0.5)
    os._exit(0)


def main() -> None:
    """Listen, print the table, and go on in the background."""
    parser = argparse.ArgumentParser(prog="hostile", description=__doc__)
    parser.add_argument("--cert-dir", type=Path, required=True, help="where certificates are, or are made")
    parser.add_argument("--watch-pid", type=int, required=True, help="end when this process has ended")
    given = parser.parse_args()
    # before any thread: a child has none of them
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with open(reading, encoding="utf-8") as table:
            print(table.read(), end="")
        return
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    with open(writing, "w", encoding="utf-8") as table:
        urls = listeners(given.cert_dir)
        for row in rows(urls):
            print(json.dumps(row), file=table)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    watch(given.watch_pid)


if __name__ == "__main__":
    main()
