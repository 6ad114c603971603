"""The tables in PostgreSQL, which version of them there is, and how they are made.

The lines are text, byte for byte as in a file, and their numbers come from the head row: what is counted by a
sequence has gaps. Nothing changes or takes away a line: triggers refuse it to whoever may.
"""

from typing import Any

from psycopg import Connection

from bot import tongue
from bot.errors import StartupError
from bot.storage import codec

VERSION = 2
"""Of the tables that this program makes and understands."""

_SENDS = """
CREATE UNLOGGED TABLE ledger_sends (
    id text PRIMARY KEY,
    epoch bigint NOT NULL,
    owner text NOT NULL,
    about text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'waiting',
    message text NOT NULL DEFAULT '',
    answer text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
_SENDERS = """
CREATE UNLOGGED TABLE ledger_senders (
    owner text PRIMARY KEY,
    gateway text NOT NULL,
    until timestamptz NOT NULL
)
"""

_KEPT = """
CREATE TABLE ledger_kept (
    digest text PRIMARY KEY,
    lines text NOT NULL,
    done boolean NOT NULL DEFAULT false
)
"""

STEPS: dict[int, tuple[str, ...]] = {2: (_SENDS, _SENDERS, _KEPT)}
"""The statements that bring tables of the version before to each one. A new ledger gets `_TABLES` at once, so
they have to make of it the same. All of them and the version are one transaction: nothing stays half done."""

HALF = -1
"""By which the version is multiplied of tables that a ledger is being brought into: nobody may take what is
there for the whole of it. 0, as it was written once, is that of the first version.
"""

MOVED = -1000
"""What is added to that where the ledger was moved into files: nobody leads beside who uses those."""

MOVER = "moved"
"""The row beside the leader's that says into which folder."""

LEAST = 14
"""Of PostgreSQL: what is older gets no corrections any more."""

_TABLES = f"""
{_SENDS};
{_SENDERS};
{_KEPT};
CREATE TABLE ledger_lines (
    seq bigint PRIMARY KEY CHECK (seq > 0),
    line text NOT NULL
);
CREATE TABLE ledger_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq bigint NOT NULL DEFAULT 0,
    grp bigint NOT NULL DEFAULT 0,
    digest text NOT NULL,
    at timestamptz,
    epoch bigint NOT NULL DEFAULT 0,
    version integer NOT NULL
) WITH (fillfactor = 10);
CREATE TABLE ledger_people (
    seq bigserial PRIMARY KEY,
    month text NOT NULL,
    line text NOT NULL
);
CREATE INDEX ledger_people_month ON ledger_people (month, seq);
CREATE TABLE ledger_key (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    secret text NOT NULL
);
CREATE TABLE ledger_lease (
    name text PRIMARY KEY,
    owner text NOT NULL,
    epoch bigint NOT NULL,
    until timestamptz NOT NULL
);
CREATE FUNCTION ledger_refused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'lines of the ledger are neither changed nor taken away (%)', TG_OP;
END $$;
CREATE TRIGGER ledger_lines_stay BEFORE UPDATE OR DELETE ON ledger_lines
    FOR EACH ROW EXECUTE FUNCTION ledger_refused();
CREATE TRIGGER ledger_lines_stay_all BEFORE TRUNCATE ON ledger_lines
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refused();
"""


def version(connection: Connection[Any]) -> int | None:
    """Of the tables that are there, None where there are none. Raises psycopg.Error."""
    there = connection.execute("SELECT to_regclass('ledger_head') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return None
    found = connection.execute("SELECT version FROM ledger_head").fetchone()
    return None if found is None else int(found[0])


def make(connection: Connection[Any]) -> int | None:
    """Make the tables, or bring them up to this version; of which they were, None where there were none.

    It is done or it is not, wherever it is broken off, and while it goes on nobody leads. What is half a
    ledger stays so, and its version is below 1. StartupError where a machine leads, where they are of a newer
    version, or cannot be made here; psycopg.Error.
    """
    _check_server(connection)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('ledger'))")  # two at once: one makes them
        there = version(connection)
        _check_not_newer(there)
        if there is None:
            connection.execute(_TABLES)
            head = "INSERT INTO ledger_head (digest, version) VALUES (%s, %s)"
            connection.execute(head, (codec.NO_LINE, VERSION))
        elif _tables(there) < VERSION:
            _upgrade(connection, there)
    return there


def _upgrade(connection: Connection[Any], there: int) -> None:
    """Whoever opened them before is shut out by the epoch: what it would write is of the old version."""
    connection.execute("SELECT 1 FROM ledger_head FOR UPDATE")  # taking the lead changes that row, too
    query = "SELECT until >= clock_timestamp() FROM ledger_lease WHERE name = 'leader'"
    if connection.execute(query).fetchone() == (True,):
        raise StartupError(tongue.said("a machine leads: stop the bot on every machine"), code=1)
    connection.execute("SET LOCAL statement_timeout = 0")
    for number in range(_tables(there) + 1, VERSION + 1):
        for statement in STEPS[number]:
            connection.execute(statement.encode())
    now = VERSION if there > 0 else HALF * VERSION + (MOVED if there < MOVED else 0)
    connection.execute("UPDATE ledger_head SET version = %s, epoch = epoch + 1", (now,))


def _tables(found: int) -> int:
    """Which version the tables are of, also where the ledger in them is half, or was moved away."""
    return found if found > 0 else max(1, HALF * (found - MOVED if found < MOVED else found))


def check(connection: Connection[Any], *, moved: str | None = None) -> None:
    """StartupError where the tables are not those that this program understands, or their ledger was moved
    into files, unless into those of the folder `moved`; psycopg.Error.
    """
    _check_server(connection)
    there = version(connection)
    _check_not_newer(there)
    if there is None:
        text = "there is no ledger in that database yet: run python -m bot ledger migrate --to its address"
        raise StartupError(tongue.said(text), code=1)
    if there < MOVED and (moved is None or moved != _mover(connection)):
        text = (
            "the ledger of that database was moved into files: take LEDGER away; or bring it back with "
            "python -m bot ledger migrate --from their folder --to that database; where moving it was broken "
            "off, repeat the same python -m bot ledger migrate --from that database --to their folder"
        )
        raise StartupError(tongue.said(text), code=1)
    if MOVED <= there <= 0:
        text = (
            "a ledger is being brought into that database, or that was broken off: run python -m bot ledger "
            "migrate --from its folder --to that database to its end"
        )
        raise StartupError(tongue.said(text), code=1)
    if (there := _tables(there)) < VERSION:
        text = "the ledger's tables are of a version before ({there}, not {mine}): run ledger migrate --to"
        raise StartupError(tongue.said(text, there=there, mine=VERSION), code=1)


def _mover(connection: Connection[Any]) -> str | None:
    row = connection.execute("SELECT owner FROM ledger_lease WHERE name = %s", (MOVER,)).fetchone()
    return None if row is None else str(row[0])


def _check_not_newer(there: int | None) -> None:
    if there is not None and _tables(there) > VERSION:
        raise StartupError(newer(_tables(there)), code=1)


def newer(there: int) -> str:
    """What to say of tables of a newer version."""
    text = "the ledger's tables are of a newer version ({there}) than this program knows ({mine})"
    return tongue.said(text, there=there, mine=VERSION)


def _check_server(connection: Connection[Any]) -> None:
    number, encoding = connection.info.server_version, connection.info.parameter_status("server_encoding")
    if number < LEAST * 10_000:
        text = "PostgreSQL {there} is too old: the ledger needs {least} or newer"
        raise StartupError(tongue.said(text, there=number // 10_000, least=LEAST), code=1)
    if encoding != "UTF8":
        text = "the database's encoding is {there}: the ledger needs UTF8"
        raise StartupError(tongue.said(text, there=encoding), code=1)
