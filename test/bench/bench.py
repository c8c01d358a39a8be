"""Measures the extension against the least that its work needs, and against what people would use instead.

Each figure is a ratio of two measurements that alternate in one run, so that a busy machine slows both.  A line says what
was measured, against what, the medians of both, the median of the ratios, what is wanted, and whether that holds.

    bench.py [WORK…]
"""

import os
import statistics
import sys
from typing import Callable, NamedTuple

import peers
from lab import (API_CORE, CLIENT_CORE, SCRATCH, TOKEN, CountedServer, SampleApi, Session, floor, instructions, make_table,
                 process_seconds)

RUNS = int(os.environ.get("RUNS", "5"))
PAGE = 999
MANY_CONTACTS = "1000000"


class Line(NamedTuple):
    """One line of the table."""

    work: str
    against: str
    ours: float
    theirs: float
    ratio: float
    wanted: float
    unit: str = "s"

    def text(self) -> str:
        verdict = "ok" if self.ratio <= self.wanted else "OVER"
        return (f"{self.work:<50} {self.against:<44} {figure(self.ours):>9} {figure(self.theirs):>9} {self.unit:<13}"
                f" {self.ratio:>6.3f} {self.wanted:>6.3f}  {verdict}")


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def alternate(work: str, against: str, wanted: float, ours: Callable[[], float], theirs: Callable[[], float],
              runs: int = RUNS) -> Line:
    """Both in turn; the first round only warms up."""
    pairs = [(ours(), theirs()) for _ in range(runs + 1)][1:]
    return Line(work, against, statistics.median(mine for mine, _ in pairs),
                statistics.median(other for _, other in pairs), statistics.median(mine / other for mine, other in pairs), wanted)


def quickest(work: str, against: str, wanted: float, ours: Callable[[], float], theirs: Callable[[], float],
             runs: int) -> Line:
    """The same for what takes a millisecond, of which a busy machine can make ten: the least of each, in ms."""
    pairs = [(1000 * ours(), 1000 * theirs()) for _ in range(runs + 1)][1:]
    mine, other = (min(each) for each in zip(*pairs))
    return Line(work, against, mine, other, mine / other, wanted, "ms")


# ---------------------------------------------------------------- reading

def scan():
    """Pages that take 20 ms each, one after another, for a cursor is known only with its page."""
    api = SampleApi(200 * PAGE, core=API_CORE, latency=20)
    session = Session(core=CLIENT_CORE)
    make_table(session, api)
    for columns, query, wanted in (("one column", "count(id)", 1.02), ("all columns", "count(contacts)", 1.05)):
        yield alternate(f"200 pages, 20 ms each: {columns}", "C: a loop over the cursors", wanted,
                        lambda query=query: session.seconds(f"SELECT {query} FROM contacts"),
                        lambda: floor("floor_pages", api.url, TOKEN, core=CLIENT_CORE))
    api.stop()


def cpu():
    """Instructions a contact: ten pages less one page, so that what a session and a query cost by themselves is left out."""
    queries = (("one column", "count(id)", 1.2, ""), ("three columns", "count(id), count(name), count(email)", 1.3, ""),
               ("all columns", "count(contacts)", 2.5, ""),
               ("all, custom fields typed", "count(contacts)", 2.2, "OPTIONS (custom_fields 'columns')"))
    api = SampleApi(PAGE)
    server = CountedServer()
    session = server.session()
    for number, query in enumerate(queries):
        make_table(session, api, f"counted_{number}", query[3])
    session.close()

    def count(pages: int) -> list[int]:
        api.reset(pages * PAGE)
        parse = instructions([SCRATCH / "floor_pages", api.url, TOKEN, "parse"])
        return [parse] + [server.instructions(f"SELECT {query[1]} FROM counted_{number}.contacts")
                          for number, query in enumerate(queries)]

    a_contact = [(ten - one) / (9 * PAGE) for ten, one in zip(count(10), count(1))]
    server.stop()
    api.stop()
    for query, ours in zip(queries, a_contact[1:]):
        yield Line(f"CPU: {query[0]}", "C: libcurl + pg_parse_json, no strings", ours, a_contact[0], ours / a_contact[0],
                   query[2], "instr/contact")


def others():
    """Seven columns of 50 pages, without any latency."""
    api = SampleApi(50 * PAGE)
    session = Session()
    make_table(session, api)

    def ours() -> float:
        return session.seconds(peers.COUNT.format("contacts"))

    if peers.available(session, "plpython3u"):
        session.run("CREATE EXTENSION IF NOT EXISTS plpython3u", peers.PLPYTHON)
        yield alternate("seven columns, 50 pages", "plpython3u + requests", 0.33, ours,
                        lambda: peers.by_function(session, api, "contacts_by_python"))
    if peers.available(session, "http"):
        session.run("CREATE EXTENSION IF NOT EXISTS http", peers.HTTP, "SELECT http_set_curlopt('CURLOPT_TIMEOUT', '60')")
        yield alternate("seven columns, 50 pages", "pgsql-http + jsonb", 0.33, ours,
                        lambda: peers.by_function(session, api, "contacts_by_http"))
    yield alternate("seven columns, 50 pages", "Python script: requests + COPY", 0.33, ours,
                    lambda: peers.by_script(session, api))
    yield alternate("seven columns, 50 pages", "shell script: curl | jq | COPY", 0.33, ours,
                    lambda: peers.by_shell(session, api))
    api.stop()


def scale():
    """Ten and a hundred times as many contacts: time of one of them, and memory of the backend."""
    api = SampleApi(10_000)
    seconds, memory = [], []
    for contacts in (10_000, 100_000, 1_000_000):
        api.reset(contacts)
        floor("floor_pages", api.url, TOKEN)        # the sample API makes its pages then
        session = Session()
        make_table(session, api, "scale")
        times = [session.seconds("SELECT count(contacts) FROM contacts") / contacts for _ in range(3)]
        seconds.append(min(times) * 1e6)
        memory.append(session.peak_memory() / 1024)
        session.close()
    api.stop()
    for i, name in ((1, "100,000"), (2, "1,000,000")):
        yield Line(f"{name} contacts: time of one", "10,000 contacts", seconds[i], seconds[0], seconds[i] / seconds[0], 1.1,
                   "µs")
        yield Line(f"{name} contacts: memory, ratio is MB more", "10,000 contacts", memory[i], memory[0],
                   memory[i] - memory[0], 8, "MB")


def workspaces():
    """Eight servers, 20 pages each, 50 ms a page, against one of them."""
    apis = [SampleApi(20 * PAGE, latency=50) for _ in range(8)]
    session = Session()
    for number, api in enumerate(apis):
        make_table(session, api, f"workspace_{number}")
    union = " UNION ALL ".join(f"SELECT id FROM workspace_{number}.contacts" for number in range(8))
    yield alternate("8 workspaces, 20 pages each, 50 ms a page", "one of them", 1.1,
                    lambda: session.seconds(f"SELECT count(id) FROM ({union}) u"),
                    lambda: session.seconds("SELECT count(id) FROM workspace_0.contacts"))
    for api in apis:
        api.stop()


# ---------------------------------------------------------------- in flight

def replayed(api: SampleApi, statement: str, contacts: int = 0):
    """A statement, and the very same requests sent by the program in C; with contacts, the API is reset before each.

    In a new session each time: one that has just written a contact reads it again before it writes it once more.
    """
    def ours() -> float:
        if contacts:
            api.reset(contacts)
        session = Session()
        session.run("LOAD 'pylon_fdw'")
        api.take()
        seconds = session.seconds(statement)
        ours.requests = api.take()
        session.close()
        return seconds

    def theirs() -> float:
        if contacts:
            api.reset(contacts)
        return floor("floor_replay", api.url, TOKEN, 4, "keep", requests=ours.requests)

    return ours, theirs


def lookups():
    """10,000 local addresses, and a list of 10,000 ids, 50 ms a request."""
    api = SampleApi(20_000)
    session = Session()
    make_table(session, api)
    session.run(f"ALTER FOREIGN TABLE contacts OPTIONS (ADD estimated_contacts '{MANY_CONTACTS}')",
                "CREATE TABLE people AS SELECT id, email FROM contacts WHERE email IS NOT NULL LIMIT 10000",
                "ANALYZE people")
    ids = session.value("SELECT string_agg(quote_literal(id), ',') FROM people")
    api.set(latency=50)
    yield alternate("10,000-key lookup join, 50 ms", "C: the same requests, four in flight", 1.15,
                    *replayed(api, "SELECT count(c.name) FROM people p JOIN contacts c ON c.email = p.email"))
    yield alternate("list of 10,000 ids, 50 ms", "C: the same requests, four in flight", 1.15,
                    *replayed(api, f"SELECT count(name) FROM contacts WHERE id IN ({ids})"))
    api.stop()


def writes():
    """1,000 of each, 50 ms a request."""
    contacts = 2_000
    api = SampleApi(contacts, latency=50)
    session = Session()
    make_table(session, api, server=", page_size '999'")
    session.run("CREATE TABLE chosen AS SELECT id FROM contacts LIMIT 1000", "ANALYZE chosen")
    chosen = "id IN (SELECT id FROM chosen)"
    for work, statement in (
            ("1,000 updates", f"UPDATE contacts SET portal_role_id = 'role-new' WHERE {chosen}"),
            ("1,000 deletes", f"DELETE FROM contacts WHERE {chosen}"),
            ("1,000 creates", "INSERT INTO contacts (name, email) SELECT 'New ' || i, 'new' || i || '@new.example' "
                              "FROM generate_series(1, 1000) i")):
        yield alternate(f"{work}, 50 ms", "C: the same requests, four in flight", 1.2,
                        *replayed(api, statement, contacts), runs=min(RUNS, 3))
    api.stop()


# ---------------------------------------------------------------- one contact, and planning

def one_contact():
    """A lookup by id: over a connection that is there, and as a session's first query over TLS."""
    api = SampleApi(1_000, core=API_CORE)
    session = Session(core=CLIENT_CORE)
    make_table(session, api)
    contact = session.value("SELECT id FROM contacts LIMIT 1")
    query = f"SELECT name FROM contacts WHERE id = '{contact}'"
    get = [f"GET /contacts/{contact}"]
    line = quickest("one contact by id, warm, less 0.2 ms", "C: one GET", 1.15,
                    lambda: sum(session.seconds(query) for _ in range(20)) / 20,
                    lambda: floor("floor_replay", api.url, TOKEN, 1, "warm", requests=20 * get, core=CLIENT_CORE) / 20, 4 * RUNS)
    yield line._replace(ratio=(line.ours - 0.2) / line.theirs)
    api.stop()
    (SCRATCH / "tls").mkdir(exist_ok=True)
    api = SampleApi(1_000, SCRATCH / "tls")
    make_table(session, api, "encrypted")

    empty = min(process_seconds(["/bin/true"]) for _ in range(10 * RUNS))

    def first() -> float:
        fresh = Session()
        seconds = fresh.seconds(query.replace("contacts", "encrypted.contacts", 1))
        fresh.close()
        return seconds

    def program() -> float:
        """A session loads libcurl with the extension, so the program's loading counts, but not that it is a process."""
        return process_seconds([SCRATCH / "floor_replay", api.url, TOKEN, 1, "keep", api.ca_file], get) - empty

    yield quickest("first query of a session over TLS", "C: load libcurl, connect, handshake, GET", 1.2, first, program,
                   10 * RUNS)
    api.stop()


def planning():
    """What the extension adds to the planning of its own queries, and to that of others' by being loaded."""
    session = Session()
    make_table(session, SampleApi(10))
    session.run("CREATE TEMP TABLE plain (LIKE contacts)")
    query = "EXPLAIN SELECT name FROM {} WHERE email = 'a@b.example' AND name LIKE 'A%'"
    line = quickest("planning a query, ratio is ms more", "the same on a local table", 0.3,
                    lambda: session.seconds(query.format("contacts")), lambda: session.seconds(query.format("plain")),
                    40 * RUNS)
    yield line._replace(ratio=line.ours - line.theirs)
    yield from planning_of_others()


def planning_of_others(partitions: int = 1200):
    server = CountedServer()
    session = server.session()
    session.run("SET client_min_messages = error", "CREATE EXTENSION IF NOT EXISTS pylon_fdw",
                "CREATE TABLE parted (a int, b int) PARTITION BY RANGE (a)",
                *(f"CREATE TABLE parted_{i} PARTITION OF parted FOR VALUES FROM ({i}) TO ({i + 1})" for i in range(partitions)))
    session.close()
    query = "EXPLAIN SELECT count(*) FROM parted x JOIN parted y ON x.a = y.a JOIN parted z ON y.b = z.b"
    load = "LOAD 'pylon_fdw'"
    base, loaded_base = server.instructions("SELECT 1"), server.instructions(load)
    without, loaded = server.instructions(query), server.instructions(load, query)
    server.stop()
    yield Line(f"planning a join of 3 × {partitions:,} local partitions", "without the library loaded",
               (loaded - loaded_base) / 1e6, (without - base) / 1e6, (loaded - loaded_base) / (without - base), 1.005,
               "M instr")


WORKS = {work.__name__: work for work in (scan, cpu, others, lookups, writes, one_contact, planning, scale, workspaces)}


def main() -> None:
    unknown = set(sys.argv[1:]) - set(WORKS)
    if unknown:
        sys.exit(f"there is no work {', '.join(sorted(unknown))}; there are {', '.join(WORKS)}")
    print(f"{'work':<50} {'against':<44} {'ours':>9} {'theirs':>9} {'':<13} {'ratio':>6} {'wanted':>6}")
    over = 0
    for name in sys.argv[1:] or WORKS:
        for line in WORKS[name]():
            print(line.text(), flush=True)
            over += line.ratio > line.wanted
    print(f"{over} over what is wanted")


main()
