"""A sample of the Pylon API for contacts and accounts, on this machine: for demonstration, tests and benchmarks."""

import sys

sys.dont_write_bytecode = True

import argparse
import os
import threading
from pathlib import Path

import tls
from server import SampleServer, watch
from switches import SwitchError, parse


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="sample_api", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--contacts", type=int, default=100, help="number of contacts (default 100)")
    parser.add_argument("--accounts", type=int, help="number of accounts, if more than the contacts need")
    parser.add_argument("--seed", default="1", help="what contacts and accounts are generated from (default 1)")
    parser.add_argument("--token", action="append", help="accepted API token, repeatable (default sample-token)")
    parser.add_argument("--set", action="append", default=[], nargs="+", metavar="SWITCH=VALUE",
                        help="switches, see README.md")
    parser.add_argument("--tls", action="store_true", help="https, with certificates from --cert-dir")
    parser.add_argument("--cert-dir", type=Path, help="where certificates are, or are made")
    parser.add_argument("--watch-pid", type=int, help="end when this process has ended")
    parser.add_argument("--background", action="store_true", help="return when the server listens")
    parser.add_argument("--log-file", type=Path, help="file to which each request is appended")
    given = parser.parse_args()
    if given.tls and not given.cert_dir:
        parser.error("--tls needs --cert-dir")
    return given


def switches(groups: list[list[str]]) -> dict[str, str]:
    """The values of --set; a wrong one ends the program before anything listens."""
    values = dict(pair.partition("=")[::2] for group in groups for pair in group)
    try:
        for name, value in values.items():
            parse(name, value)
    except SwitchError as error:
        raise SystemExit(f"sample_api: {error}") from None
    return values


def detach(log_file) -> None:
    """Leave the caller's session and its pipes, or `url=$(…)` would wait for them; errors go to the log file."""
    if os.fork():
        os._exit(0)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    errors = log_file.fileno() if log_file else nothing
    for target, source in ((0, nothing), (1, nothing), (2, errors)):
        os.dup2(source, target)


def main() -> None:
    """Listen, say where, serve."""
    given = arguments()
    log_file = open(given.log_file, "a", encoding="utf-8") if given.log_file else None
    context = tls.context(given.cert_dir) if given.tls else None
    try:
        server = SampleServer(given.port, given.contacts, given.seed, given.token or ["sample-token"],
                              switches(given.set), context, log_file, given.accounts)
    except OSError as error:
        raise SystemExit(f"sample_api: port {given.port}: {error.strerror}") from None
    print(server.url, flush=True)
    if given.background:
        detach(log_file)
    if given.watch_pid:
        threading.Thread(target=watch, args=(given.watch_pid,), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
