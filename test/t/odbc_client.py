"""What a program does with an updatable cursor of ODBC, through unixODBC's C interface.

    odbc_client.py CONNECTION QUERY none|update|delete NEW-NAME    fetches the first row, writes to it by SQLSetPos
    odbc_client.py CONNECTION STATEMENT execute [PARAMETER …]      executes a prepared statement

Prints a line for each call: its name and ok, or what is wrong; and the row that was fetched.
"""

import sys
from ctypes import CDLL, byref, c_char_p, c_long, c_short, c_void_p, create_string_buffer

ENV, DBC, STMT = 1, 2, 3
ODBC_VERSION, VERSION_3 = 200, 3
CONCURRENCY, CURSOR_TYPE, KEYSET_DRIVEN, ROW_VERSIONS = 7, 6, 1, 3
C_CHAR, VARCHAR, PARAM_INPUT = 1, 12, 1
FETCH_NEXT, NTS = 1, -3
OPERATIONS = {"update": 2, "delete": 3}

odbc = CDLL("libodbc.so.2")


def allocate(kind: int, parent) -> c_void_p:
    """A handle of ODBC."""
    handle = c_void_p()
    odbc.SQLAllocHandle(c_short(kind), parent, byref(handle))
    return handle


def problem(kind: int, handle: c_void_p) -> str:
    """What ODBC says of the last call: SQLSTATE and message."""
    state, message, length, native = create_string_buffer(6), create_string_buffer(1000), c_short(), c_long()
    odbc.SQLGetDiagRec(c_short(kind), handle, c_short(1), state, byref(native), message, c_short(1000), byref(length))
    return f"{state.value.decode()} {message.value.decode(errors='replace')}".replace("\n", " ")


def call(name: str, kind: int, handle: c_void_p, *arguments) -> None:
    """Call a function of ODBC on a handle; end where it fails."""
    status = c_short(getattr(odbc, name)(handle, *arguments)).value
    print(name, "ok" if status in (0, 1) else "no row" if status == 100 else problem(kind, handle), flush=True)
    if status not in (0, 1):
        sys.exit()


def write_by_cursor(statement: c_void_p, query: str, operation: str, name: str) -> None:
    """Fetch a row by a keyset cursor and write to it."""
    call("SQLSetStmtAttr", STMT, statement, c_long(CURSOR_TYPE), c_void_p(KEYSET_DRIVEN), c_long(0))
    call("SQLSetStmtAttr", STMT, statement, c_long(CONCURRENCY), c_void_p(ROW_VERSIONS), c_long(0))
    call("SQLExecDirect", STMT, statement, c_char_p(query.encode()), c_long(NTS))
    found, length = create_string_buffer(200), c_long()
    call("SQLBindCol", STMT, statement, c_short(1), c_short(C_CHAR), found, c_long(200), byref(length))
    call("SQLFetchScroll", STMT, statement, c_short(FETCH_NEXT), c_long(0))
    print("row", found.value.decode())
    if operation in OPERATIONS:
        found.value = name.encode()
        length.value = NTS
        call("SQLSetPos", STMT, statement, c_short(1), c_short(OPERATIONS[operation]), c_short(0))


def execute(statement: c_void_p, sql: str, parameters: list[str]) -> None:
    """Execute a statement with parameters of type text."""
    call("SQLPrepare", STMT, statement, c_char_p(sql.encode()), c_long(NTS))
    kept = []
    for number, parameter in enumerate(parameters, 1):
        kept.append((create_string_buffer(parameter.encode()), c_long(NTS)))
        call("SQLBindParameter", STMT, statement, c_short(number), c_short(PARAM_INPUT), c_short(C_CHAR),
             c_short(VARCHAR),
             c_long(200), c_short(0), kept[-1][0], c_long(0), byref(kept[-1][1]))
    call("SQLExecute", STMT, statement)
    count = c_long()
    call("SQLRowCount", STMT, statement, byref(count))
    print("rows", count.value)


def main(connection: str, sql: str, operation: str, *arguments) -> None:
    """Connect and do what is asked for."""
    environment = allocate(ENV, None)
    call("SQLSetEnvAttr", ENV, environment, c_long(ODBC_VERSION), c_void_p(VERSION_3), c_long(0))
    database = allocate(DBC, environment)
    call("SQLDriverConnect", DBC, database, None, c_char_p(connection.encode()), c_short(NTS), None, c_short(0), None,
         c_short(0))
    statement = allocate(STMT, database)
    if operation == "execute":
        execute(statement, sql, list(arguments))
    else:
        write_by_cursor(statement, sql, operation, *arguments)
    odbc.SQLFreeHandle(c_short(STMT), statement)
    odbc.SQLDisconnect(database)


main(*sys.argv[1:])
