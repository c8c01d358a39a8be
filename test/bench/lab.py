"""What the measurements share: sample APIs, sessions of PostgreSQL, the programs that set a floor, counted instructions."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psycopg2

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = Path(os.environ["SCRATCH"])
BINDIR = Path(os.environ["BINDIR"])
TOKEN = "sample-token"


# The other side has a core of its own where a measurement asks for it.  Linux likes to wake a process on the core of the one
# that it has heard from, and then what one computes delays the other's answer, as it can't on two machines.
API_CORE, CLIENT_CORE = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))


def on_core(core: int | None) -> list[str]:
    """The words before a command that is to run on that core alone."""
    return [] if core is None else ["taskset", "-c", str(core)]


class SampleApi:
    """A sample API of its own, which ends with this program."""

    def __init__(self, contacts: int, cert_dir: Path | None = None, core: int | None = None, **switches) -> None:
        tls = ["--tls", "--cert-dir", str(cert_dir)] if cert_dir else []
        settings = ["--set", *(f"{name}={value}" for name, value in switches.items())] if switches else []
        command = [*on_core(core), "/usr/bin/python3", str(ROOT / "test/sample_api"), "--background",
                   "--watch-pid", str(os.getpid()), "--contacts", str(contacts), *tls, *settings]
        self.url = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        self.ca_file = cert_dir / "ca.pem" if cert_dir else None

    def control(self, method: str, path: str, body: dict | None = None) -> str:
        url = self.url.replace("https://", "http://") + path
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method)) as answer:
            return answer.read().decode()

    def set(self, **switches) -> None:
        self.control("POST", "/_set", {name: str(value) for name, value in switches.items()})

    def reset(self, contacts: int) -> None:
        """As after the start, with so many contacts."""
        self.control("POST", "/_reset", {"contacts": str(contacts)})

    def take(self) -> list[str]:
        """The requests since the last time, one line each, in the order of their arrival."""
        return self.control("DELETE", "/_log").splitlines()

    def stop(self) -> None:
        self.control("POST", "/_stop", {})


class Session:
    """A session of PostgreSQL: one backend, autocommit."""

    def __init__(self, host: str | None = None, core: int | None = None) -> None:
        self.connection = psycopg2.connect(host=host or os.environ["PGHOST"], dbname="postgres", user="postgres")
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.backend = self.connection.get_backend_pid()
        if core is not None:
            os.sched_setaffinity(self.backend, {core})

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.cursor.execute(statement)

    def value(self, query: str):
        self.cursor.execute(query)
        return self.cursor.fetchone()[0]

    def seconds(self, statement: str) -> float:
        start = time.perf_counter()
        self.cursor.execute(statement)
        return time.perf_counter() - start

    def peak_memory(self) -> int:
        """The most memory that this backend has had, in kB, without what it shares with others."""
        status = Path(f"/proc/{self.backend}/status").read_text()
        figures = dict(re.findall(r"(VmHWM|RssShmem|RssFile):\s+(\d+)", status))
        return int(figures["VmHWM"]) - int(figures["RssShmem"]) - int(figures["RssFile"])

    def close(self) -> None:
        self.connection.close()


def make_table(session: Session, api: SampleApi, schema: str = "public", options: str = "", server: str = "") -> None:
    """The foreign tables of a server, in a schema; "server" has further options of the server."""
    ca_file = f", ca_file '{api.ca_file}'" if api.ca_file else ""
    session.run(
        "SET client_min_messages = error",
        "CREATE EXTENSION IF NOT EXISTS pylon_fdw",
        f"CREATE SCHEMA IF NOT EXISTS {schema}",
        f"DROP SERVER IF EXISTS {schema}_api CASCADE",
        f"CREATE SERVER {schema}_api FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '{api.url}'{ca_file}{server})",
        f"CREATE USER MAPPING FOR CURRENT_USER SERVER {schema}_api OPTIONS (api_token '{TOKEN}')",
        f"IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER {schema}_api INTO {schema} {options}",
        f"SET search_path = {schema}, public")


def floor(program: str, *arguments, requests: list[str] | None = None, core: int | None = None) -> float:
    """Seconds of a program in C that does no more than the work needs."""
    text = "".join(line + "\n" for line in requests) if requests is not None else None
    command = [*on_core(core), SCRATCH / program, *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{program} failed: {done.stderr}")
    return float(done.stdout.split()[1])


def process_seconds(command: list, requests: list[str] = ()) -> float:
    """Seconds of a whole process."""
    start = time.perf_counter()
    subprocess.run([str(word) for word in command], input="\n".join(requests), check=True, capture_output=True, text=True)
    return time.perf_counter() - start


def instructions(command: list, **options) -> int:
    """Instructions of a program, as callgrind counts them."""
    file = SCRATCH / "callgrind.floor"
    subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}", *map(str, command)],
                   check=True, capture_output=True, **options)
    return total(file)


def total(file: Path) -> int:
    return int(re.search(r"^(?:summary|totals): (\d+)", file.read_text(), re.MULTILINE)[1])


class CountedServer:
    """The cluster's twin under callgrind: one file for each backend, complete when the backend has ended."""

    def __init__(self) -> None:
        self.data, self.socket = SCRATCH / "counted", SCRATCH / "counted_socket"
        if not self.data.exists():
            self.socket.mkdir()
            subprocess.run([BINDIR / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8",
                            "--locale=C.UTF-8"], check=True, capture_output=True)
            settings = (SCRATCH / "data/postgresql.conf").read_text()
            (self.data / "postgresql.conf").write_text(
                settings + f"\nunix_socket_directories = '{self.socket}'\nautovacuum = off\njit = off\n")
        with open(SCRATCH / "counted.log", "w") as log:
            self.process = subprocess.Popen(
                ["valgrind", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={SCRATCH}/callgrind.%p",
                 BINDIR / "postgres", "-D", self.data], stdout=log, stderr=log)

    def session(self) -> Session:
        for _ in range(600):
            try:
                return Session(str(self.socket))
            except psycopg2.OperationalError:
                time.sleep(0.2)
        sys.exit(f"the server does not start under callgrind: {(SCRATCH / 'counted.log').read_text()[-2000:]}")

    def instructions(self, *statements: str) -> int:
        """Instructions of a session that runs these."""
        session = self.session()
        session.run(*statements)
        session.close()
        file = SCRATCH / f"callgrind.{session.backend}"
        for _ in range(600):
            if file.exists() and re.search(r"^(?:summary|totals): ", file.read_text(), re.MULTILINE):
                return total(file)
            time.sleep(0.1)
        sys.exit("callgrind left no figure")

    def stop(self) -> None:
        subprocess.run([BINDIR / "pg_ctl", "-D", self.data, "-m", "fast", "-t", "120", "stop"], check=True, capture_output=True)
        self.process.wait()
