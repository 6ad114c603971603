"""A newer version's tables: brought up whole or not at all, and refused by whoever does not know them."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection, Error

from bot.errors import Closed, LedgerClosed, StartupError
from bot.process.cluster.copying import Copying
from bot.storage.files import FileLedger
from bot.storage.postgres import moving, schema, table
from bot.storage.postgres.lease import Lease
from bot.storage.postgres.ledger import PostgresLedger
from bot.storage.postgres.link import Link
from bot.storage.postgres.talk import Away
from tests.fakes import FakeClock
from tests.isp import until
from tests.patience import PATIENCE
from tests.postgres import Server
from tests.storage.samples import adds, opened

pytestmark = pytest.mark.process
NOW, NEXT = schema.VERSION, schema.VERSION + 1
NEXT_STEPS = (
    "ALTER TABLE ledger_lines ADD COLUMN at timestamptz",
    "CREATE TABLE ledger_places (name text PRIMARY KEY)",
    "INSERT INTO ledger_places VALUES ('north')",
)


def run(url: str, statement: str) -> list[Any]:
    with Connection.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return [] if cursor.description is None else cursor.fetchall()


def newer(broken: pytest.MonkeyPatch) -> None:
    """This program is the next version from here on."""
    broken.setattr(schema, "VERSION", NEXT)
    broken.setattr(schema, "STEPS", schema.STEPS | {NEXT: NEXT_STEPS})


FIRST = "DROP TABLE ledger_sends, ledger_senders, ledger_kept"
"""What makes the tables of the first version of today's."""


def columns(url: str) -> list[Any]:
    """Every column of every table, as it is declared."""
    query = """SELECT table_name, column_name, data_type, column_default, is_nullable
        FROM information_schema.columns WHERE table_name LIKE 'ledger%' ORDER BY 1, 2"""
    return run(url, query)


@pytest.mark.parametrize(("was", "becomes"), [(1, NOW), (0, -NOW), (schema.MOVED - 1, schema.MOVED - NOW)])
def test_tables_of_the_first_version_become_the_same_as_new_ones(
    postgres: Server, database: str, was: int, becomes: int
) -> None:
    """So do those that have half a ledger, and those whose ledger was moved away."""
    run(database, f"{FIRST}; UPDATE ledger_head SET version = {was}")  # noqa: S608
    with Connection.connect(database) as connection:
        schema.make(connection)
    assert columns(database) == columns(postgres.database())
    assert run(database, "SELECT version FROM ledger_head") == [(becomes,)]


@pytest.fixture
async def lines(database: str, tmp_path: Path) -> list[Any]:
    ledger = await PostgresLedger.open(database, tmp_path / "wrote", FakeClock())
    for number in (1, 2, 3):
        await ledger.commit(adds(opened(number)))
    await ledger.close()
    return run(database, "SELECT seq, line FROM ledger_lines ORDER BY seq")


async def test_it_is_brought_up_and_its_lines_stay(
    lines: list[Any], database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer(monkeypatch)
    with pytest.raises(StartupError, match="of a version before"):
        await PostgresLedger.open(database, tmp_path / "early", FakeClock())
    assert moving.made(database) == f"the tables are of version {NEXT} now, they were of {NOW}"
    assert moving.made(database) == "the tables are as they should be"
    assert run(database, "SELECT seq, line FROM ledger_lines ORDER BY seq") == lines
    assert run(database, "SELECT name FROM ledger_places") == [("north",)]
    ledger = await PostgresLedger.open(database, tmp_path / "wrote", FakeClock())
    assert sorted(ledger.book.cases) == [1, 2, 3]
    await ledger.commit(adds(opened(4)))
    await ledger.close()


class Mortal(Connection[Any]):
    """Its process is killed at a statement: before that is sent, or with its answer on the way."""

    left, behind = 0, False

    def wait(self, *asked: Any, **more: Any) -> Any:
        """Everything that is asked comes by here, BEGIN and COMMIT too."""
        self.left -= 1
        if self.left == 0 and not self.behind:
            self.pgconn.finish()
        done = super().wait(*asked, **more)
        if self.left == 0:
            self.pgconn.finish()
        return done


def killed(url: str, statement: int, *, behind: bool) -> bool:
    """Whether it got so far as to be killed there."""
    connection = Mortal.connect(url, autocommit=True)
    connection.left, connection.behind = statement, behind
    with suppress(Error):
        schema.make(connection)
    connection.close()
    return connection.left <= 0


async def test_killed_at_any_statement_it_is_as_before_and_the_same_command_does_it(
    lines: list[Any], database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried, done = 0, list[bool]()
    for behind in (False, True):
        for statement in range(1, 100):
            with monkeypatch.context() as broken:
                newer(broken)
                if not killed(database, statement, behind=behind):
                    break
            tried += 1
            whole = run(database, "SELECT version FROM ledger_head") == [(NEXT,)]
            assert run(database, "SELECT to_regclass('ledger_places') IS NULL") == [(not whole,)]
            if whole:  # it was killed with the answer to COMMIT on the way
                done.append(behind)
                break
            assert run(database, "SELECT version FROM ledger_head") == [(NOW,)]
            ledger = await PostgresLedger.open(database, tmp_path / "old", FakeClock())
            await ledger.close()
        run(database, "DROP TABLE ledger_places; ALTER TABLE ledger_lines DROP COLUMN at")
        run(database, f"UPDATE ledger_head SET version = {NOW}")  # noqa: S608
    assert tried >= 2 * (len(NEXT_STEPS) + 6), "each statement of it, from both sides"
    assert done == [True]
    newer(monkeypatch)
    moving.made(database)
    assert run(database, "SELECT version FROM ledger_head") == [(NEXT,)]
    assert run(database, "SELECT seq, line FROM ledger_lines ORDER BY seq") == lines


@pytest.mark.usefixtures("lines")
async def test_beside_one_that_leads_it_is_refused_and_nobody_leads_meanwhile(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Lease(database, "noc-a 1", ttl=600.0, patience=60.0)
    assert await lease.take() is not None
    assert lease._talk._connection is not None
    for bound in ("lock_timeout", "statement_timeout"):  # the machine may be slow
        await lease._talk._connection.execute(f"SET {bound} = '{PATIENCE}s'".encode())
    newer(monkeypatch)
    with pytest.raises(StartupError, match="a machine leads"):
        moving.made(database)
    assert run(database, "SELECT version FROM ledger_head") == [(NOW,)]
    await lease.give_up()
    held: list[bool] = []

    async def takes() -> None:
        held.append(await lease.take() is not None)

    with Connection.connect(database) as connection:
        schema._upgrade(connection, NOW)
        taking = asyncio.create_task(takes())
        await until(lambda: waits(database))
        assert held == []
    with suppress(Away):
        await taking
    await lease.close()
    assert run(database, "SELECT version FROM ledger_head") == [(NEXT,)]


def waits(url: str) -> bool:
    """Whether somebody waits for a row that another one has."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
    return run(url, query + "current_database()") != [(0,)]


@pytest.mark.parametrize("half", [-NOW])
async def test_half_a_ledger_is_brought_up_before_the_rest_comes(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: int
) -> None:
    """It was broken off, and another program does the rest: it may not say that the tables are its own."""
    files = FileLedger.open(tmp_path, FakeClock())
    await files.commit(adds(opened()))
    await files.close()
    run(database, f"UPDATE ledger_head SET version = {half}")  # noqa: S608
    newer(monkeypatch)
    moving.into(tmp_path, database)
    assert run(database, "SELECT version FROM ledger_head") == [(NEXT,)]
    assert run(database, "SELECT name FROM ledger_places") == [("north",)]


def test_who_brings_lines_does_not_take_back_what_another_program_brought_up(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Link(database)
    table.begin(link, table.end(link))
    with monkeypatch.context() as broken:
        newer(broken)
        schema.make(link.connection())
        assert run(database, "SELECT version FROM ledger_head") == [(-NEXT,)]
    with pytest.raises(table.Fenced):
        table.finish(link)
    with pytest.raises(StartupError, match=rf"newer version \({NEXT}\)"):
        schema.check(link.connection())
    link.close()


async def test_whoever_does_not_know_them_says_so_at_the_start_and_while_it_runs(
    lines: list[Any], database: str, tmp_path: Path
) -> None:
    text = f"the ledger's tables are of a newer version ({NEXT}) than this program knows ({NOW})"
    led = await PostgresLedger.open(database, tmp_path / "wrote", FakeClock())
    stands_by = Copying(database, tmp_path / "stands by", FakeClock(), 180)
    stands_by.start()
    await until(lambda: stands_by.ready)
    upgraded = f"UPDATE ledger_head SET version = {NEXT}, epoch = epoch + 1"  # noqa: S608
    run(database, "; ".join([*NEXT_STEPS, upgraded]))
    with pytest.raises(LedgerClosed):
        await led.commit(adds(opened(4)))
    assert isinstance(led.closed, Closed)
    assert (str(led.closed), led.closed.code) == (text, "newer")
    await until(lambda: stands_by.broken is not None)
    assert isinstance(stands_by.broken, StartupError)
    assert (str(stands_by.broken), stands_by.broken.code) == (text, 1)
    await stands_by.stop()
    await led.close()
    with pytest.raises(StartupError, match="newer version") as refused:
        await PostgresLedger.open(database, tmp_path / "wrote", FakeClock())
    assert refused.value.code == 1
    assert run(database, "SELECT seq, line FROM ledger_lines ORDER BY seq") == lines
