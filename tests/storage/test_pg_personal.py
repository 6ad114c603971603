"""Names and phones in PostgreSQL: what is due goes there and here, whatever fails on the way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from errno import EIO
from pathlib import Path

import pytest
from psycopg import Connection

from bot.domain import events as ev
from bot.storage.disk import Disk
from bot.storage.postgres.ledger import PostgresLedger
from tests.fakes import FakeClock
from tests.postgres import Server
from tests.storage.samples import adds, dispatch
from tests.storage.test_postgres import through
from tests.wires import Wire, wire

pytestmark = pytest.mark.process
MONTHS = ["2026-11.jsonl", "2026-12.jsonl"]


def rows(url: str) -> list[str]:
    """The months that the table has."""
    with Connection.connect(url) as connection:
        found = connection.execute("SELECT DISTINCT month FROM ledger_people ORDER BY month")
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
