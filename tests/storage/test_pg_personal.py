"""Names and phones in PostgreSQL: what is due goes there and here, whatever fails on the way."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from errno import EIO
from pathlib import Path

import pytest
from psycopg import Connection

from bot.domain import events as ev
from bot.domain.plan import Message
from bot.storage.commands.forget import forget, phone_of
from bot.storage.disk import Disk
from bot.storage.postgres.lease import Lease
from bot.storage.postgres.ledger import PostgresLedger
from bot.storage.postgres.sends import Handing, Parcel, Taking
from tests.fakes import ANA, FakeClock
from tests.patience import PATIENCE
from tests.postgres import Server
from tests.storage.samples import adds, dispatch
from tests.storage.test_postgres import through
from tests.wires import Wire, wire

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]
MONTHS = ["2026-11.jsonl", "2026-12.jsonl"]


def rows(url: str, text: str = "") -> list[str]:
    """The months that the table has, of rows with that text."""
    with Connection.connect(url) as connection:
        query = "SELECT DISTINCT month FROM ledger_people WHERE line LIKE %s ORDER BY month"
        found = connection.execute(query, (f"%{text}%",))
        return [month for (month,) in found.fetchall()]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "people").iterdir())


@pytest.fixture
async def cable(postgres: Server) -> AsyncIterator[Wire]:
    async with wire(postgres.port) as made:
        yield made


@asynccontextmanager
async def two_months(url: str, folder: Path, disk: Disk | None = None) -> AsyncIterator[PostgresLedger]:
    """Both are due, of a ledger that goes on for a year."""
    clock = FakeClock()
    ledger = await PostgresLedger.open(url, folder, clock, disk)
    await ledger.commit(adds(*dispatch()))
    clock.time += timedelta(days=20)
    await ledger.commit(adds(*dispatch(2)))
    for days in (360, 1):
        clock.time += timedelta(days=days)
        await ledger.commit(adds(ev.Alive()))
    try:
        yield ledger
    finally:
        await ledger.close()


@pytest.mark.bug(
    "rows of months that were due stayed for ever after a lost connection: their files were gone"
)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_where_the_connection_ends_the_next_night_takes_the_rows(
    database: str, tmp_path: Path, cable: Wire, when: str
) -> None:
    async with two_months(through(cable, database), tmp_path) as ledger:
        assert (rows(database), files(tmp_path)) == (MONTHS, MONTHS)
        cable.word, cable.cut = b"DELETE FROM ledger_people", when
        with pytest.raises(OSError, match="OperationalError"):
            await ledger.let_go(180)
        assert cable.cuts == 1
        assert rows(database) != []
        await ledger.let_go(180)
        assert (rows(database), files(tmp_path)) == ([], [])
        assert await ledger.let_go(180) == []


async def test_rows_go_whose_files_are_gone(database: str, tmp_path: Path) -> None:
    async with two_months(database, tmp_path) as ledger:
        for name in MONTHS:
            (tmp_path / "people" / name).unlink()
        assert await ledger.let_go(180) == MONTHS
        assert rows(database) == []


async def test_where_a_file_cannot_go_the_next_night_takes_it(database: str, tmp_path: Path) -> None:
    class Stuck(Disk):
        stuck = True

        def remove(self, path: Path) -> None:
            if self.stuck and path.name == MONTHS[0]:
                raise OSError(EIO, "as asked for")
            super().remove(path)

    disk = Stuck()
    async with two_months(database, tmp_path, disk) as ledger:
        with pytest.raises(OSError, match="as asked for"):
            await ledger.let_go(180)
        assert rows(database) == []
        disk.stuck = False
        assert await ledger.let_go(180) == MONTHS
        assert files(tmp_path) == []


async def test_what_is_not_due_stays_in_both(database: str, tmp_path: Path) -> None:
    async with two_months(database, tmp_path) as ledger:
        assert await ledger.let_go(365) == MONTHS[:1]
        assert (rows(database), files(tmp_path)) == (MONTHS[1:], MONTHS[1:])


async def test_without_the_key_what_is_due_goes_as_well(database: str, tmp_path: Path) -> None:
    async with two_months(database, tmp_path) as ledger:
        await ledger.commit(adds(ev.Started("1", key=ledger.key)))
    with Connection.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE ledger_key SET secret = repeat('cd', 32)")
    again = await PostgresLedger.open(database, tmp_path, FakeClock())
    assert getattr(again.closed, "code", None) == "key"
    assert await again.let_go(180) == MONTHS
    assert (rows(database), files(tmp_path)) == ([], [])
    await again.close()


ONE = phone_of("61999990001")
MARIA = Message("c1", ONE.digits, "Maria", "LOS", about="1.1.c1")


def whole(url: str) -> str:
    """All that there is in the database but the lines."""
    with Connection.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        asked = [f"SELECT t::text FROM {name} t" for (name,) in tables]  # noqa: S608
        found = [connection.execute(query.encode()).fetchall() for query in asked]
    assert len(tables) == 8
    return str(found)


@asynccontextmanager
async def handed_over(url: str, id_: str) -> AsyncIterator[tuple[Handing, str]]:
    """By a machine that led, to one that took nothing; and the mark to take it back by. Nobody leads then."""
    lease = Lease(url, "noc-a 1", patience=PATIENCE)
    taken = await lease.take()
    assert taken is not None
    handing = Handing(url, taken.epoch, "as we", patience=PATIENCE)
    mark = await handing.put([Parcel(id_, "noc-b 1", MARIA)])
    await lease.give_up()
    await lease.close()
    assert ONE.digits in whole(url)
    try:
        yield handing, mark
    finally:
        handing.hang_up()


async def is_sent_by_nobody(url: str, handing: Handing, mark: str, id_: str) -> None:
    """Whoever leads now: it is not known, either, that nobody sent it."""
    taking = Taking(url, "noc-b 1", "as we", patience=PATIENCE)
    assert await taking.take(9) == []
    taking.hang_up()
    assert await handing.take_back([id_], mark) == set()


@pytest.mark.bug("forgotten, name and phone stayed in a message that waited when both machines were killed")
async def test_what_was_handed_over_and_not_taken_is_forgotten_too(database: str, tmp_path: Path) -> None:
    async with handed_over(database, "1-1") as (handing, mark):
        told = await forget(tmp_path, ONE, ANA, FakeClock(), url=database)
        assert "the folder of each other machine has them until the bot is started there" in told
        for text in (ONE.digits, ONE.digits[-8:], MARIA.name):
            assert text not in whole(database)
        await is_sent_by_nobody(database, handing, mark, "1-1")


async def test_who_leads_next_lets_it_go_whatever_it_sends_itself(database: str, tmp_path: Path) -> None:
    """And not what it handed over itself: that is on its way."""
    async with handed_over(database, "1-1") as (before, mark):
        lease = Lease(database, "noc-c 1", ttl=600, patience=PATIENCE)
        taken = await lease.take()
        assert taken is not None
        ledger = await PostgresLedger.open(database, tmp_path, FakeClock(), epoch=taken.epoch)
        handing = Handing(database, taken.epoch, "as we", patience=PATIENCE)
        await handing.put([Parcel("2-1", "noc-b 1", MARIA)])
        assert await ledger.let_go(180) == []
        taking = Taking(database, "noc-b 1", "as we", patience=PATIENCE)
        assert await taking.take(9) == [("2-1", MARIA)]
        taking.hang_up()
        assert ONE.digits not in whole(database)
        await is_sent_by_nobody(database, before, mark, "1-1")
        handing.hang_up()
        await ledger.close()
        await lease.close()


KILLED = """
import asyncio, os, pathlib, sys
from bot.process.clock import SystemClock
from bot.storage.commands import forget
from bot.storage.postgres import table
from tests.fakes import ANA
put = table.put
def killed(link, month, *given):
    put(link, month, *given)
    os._exit(9)
table.put = killed
phone = forget.phone_of("61999990001")
asyncio.run(forget.forget(pathlib.Path(sys.argv[1]), phone, ANA, SystemClock(), url=sys.argv[2]))
"""


async def test_killed_between_two_months_the_same_command_does_the_rest(
    database: str, tmp_path: Path
) -> None:
    folder, other = tmp_path / "data", tmp_path / "other"
    async with two_months(database, folder):
        pass
    shutil.copytree(folder, other)
    assert (rows(database, ONE.digits), holds(folder)) == (MONTHS, MONTHS)
    command = [sys.executable, "-c", KILLED, str(folder), database]
    how = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, check=False)
    assert (how.returncode, how.stderr) == (9, b"")
    assert rows(database, ONE.digits) == MONTHS[1:]
    with Connection.connect(database, autocommit=True) as connection:  # the command's turn is over
        connection.execute("UPDATE ledger_lease SET until = '-infinity'")
    await forget(folder, ONE, ANA, FakeClock(), url=database)
    assert (rows(database, "Maria"), holds(folder, "Maria")) == (MONTHS, MONTHS), "others stay"
    for text in (ONE.digits, ONE.digits[-8:], "Ávila"):
        assert text not in whole(database)
        assert holds(folder, text) == []
    assert holds(other) == MONTHS
    await (await PostgresLedger.open(database, other, FakeClock())).close()
    assert holds(other) == [], "another machine's folder, once it starts"


def holds(folder: Path, text: str = ONE.digits) -> list[str]:
    """The files that have it in them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in files if text.encode() in path.read_bytes()]
