"""Who stands by has another machine's lines as they are written, and leads with the book that it has."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from errno import EIO
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncConnection, Connection, OperationalError

from bot.domain import events as ev
from bot.process.checkpoints import DAY
from bot.process.cluster import copying as module
from bot.process.cluster.copying import Copying
from bot.process.nightly import FIRST
from bot.storage.disk import Disk
from bot.storage.postgres import copy, notices
from bot.storage.postgres.ledger import PostgresLedger
from bot.storage.postgres.link import Row
from bot.storage.postgres.warm import Warm
from bot.storage.replay import Scan
from tests.fakes import FakeClock
from tests.isp import until
from tests.patience import PATIENCE
from tests.postgres import Server
from tests.storage.samples import SEGMENT, adds, dispatch, opened
from tests.wires import wire

pytestmark = pytest.mark.process
NEVER = 100_000.0  # seconds
LOST = """
ALTER TABLE ledger_lines DISABLE TRIGGER ALL;
DELETE FROM ledger_lines;
UPDATE ledger_head SET seq = 0, grp = 0
"""
CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def run(url: str, statement: str) -> None:
    with Connection.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture
async def leader(database: str, tmp_path: Path) -> AsyncIterator[PostgresLedger]:
    made = await PostgresLedger.open(database, tmp_path / "leads", FakeClock())
    yield made
    await made.close()


@asynccontextmanager
async def standing_by(url: str, folder: Path, clock: FakeClock | None = None) -> AsyncIterator[Copying]:
    made = Copying(url, folder, clock or FakeClock(), 180)
    made.start()
    try:
        await until(lambda: made.ready or made.broken is not None)
        assert made.broken is None
        yield made
    finally:
        await made.stop()


def found(copying: Copying) -> Scan:
    """An empty one where it is being brought anew."""
    assert copying._warm is not None
    return copying._warm._found or Scan()


async def brought(copying: Copying, leader: PostgresLedger) -> None:
    await until(lambda: found(copying).head.digest == leader.head.digest)
    assert found(copying).head.seq == leader.head.seq


async def test_what_is_told_of_is_taken_in_without_a_look(
    leader: PostgresLedger, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL", NEVER)
    async with standing_by(database, tmp_path / "stands by") as copying:
        await until(lambda: listens(database))
        for number in range(1, 6):
            await leader.commit(adds(opened(number)))
            await brought(copying, leader)
        assert sorted(found(copying).book.cases) == [1, 2, 3, 4, 5]
    here, there = (tmp_path / folder / "ledger" / SEGMENT for folder in ("stands by", "leads"))
    assert here.read_bytes() == there.read_bytes()


def listens(url: str) -> bool:
    with Connection.connect(url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN ledger' AND datname = "
        query += "current_database()"
        return connection.execute(query).fetchone() == (1,)


async def test_where_nothing_is_told_it_looks(
    leader: PostgresLedger, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a pooler that gives each transaction another connection."""
    monkeypatch.setattr(module, "POLL", 0.05)
    monkeypatch.setattr(notices.Notices, "start", lambda _notices: None)
    async with standing_by(database, tmp_path / "stands by") as copying:
        await leader.commit(adds(opened()))
        await brought(copying, leader)


async def test_a_connection_that_is_cut_is_made_anew_and_nothing_is_missed(
    leader: PostgresLedger, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL", NEVER)
    monkeypatch.setattr(notices, "_AGAIN", 0.05)
    async with standing_by(database, tmp_path / "stands by") as copying:
        await until(lambda: listens(database))
        run(database, f"{CUT} AND query = 'LISTEN ledger'")
        await leader.commit(adds(opened()))
        await brought(copying, leader)


async def test_who_leads_goes_on_with_the_book_that_is_there(
    leader: PostgresLedger, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with standing_by(database, tmp_path / "stands by") as copying:
        await leader.commit(adds(*dispatch()))
        await brought(copying, leader)
        book = found(copying).book
        await leader.close()
        ledger = await taken_over(copying, database, tmp_path / "stands by")
        assert ledger.book is book, "it was read once more"
        people = ledger.book.cases[1].dispatches[0].sends.recipients
        assert people["c1"].phone is not None, "names and phones came, too"
        await ledger.commit(adds(opened(2)))
        await ledger.close()


async def taken_over(copying: Copying, database: str, folder: Path) -> PostgresLedger:
    warm: Warm = await copying.hand_over()
    return await PostgresLedger.open(database, folder, FakeClock(), warm=warm)


async def test_the_connection_of_who_stands_by_may_have_ended(
    leader: PostgresLedger, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where PostgreSQL was started anew: what was read before is not read once more for that."""
    monkeypatch.setattr(module, "POLL", NEVER)
    async with standing_by(database, tmp_path / "stands by") as copying:
        await leader.commit(adds(opened()))
        await brought(copying, leader)
        book = found(copying).book
        await leader.close()
        run(database, CUT)
        ledger = await taken_over(copying, database, tmp_path / "stands by")
        assert ledger.book is book
        await ledger.close()


async def test_lines_that_the_database_loses_meanwhile_are_put_aside_and_asked_about(
    leader: PostgresLedger, database: str, tmp_path: Path
) -> None:
    await leader.commit(adds(opened()))
    first = leader.head
    folder = tmp_path / "stands by"
    async with standing_by(database, folder) as copying:
        await leader.commit(adds(opened(2)))
        await brought(copying, leader)
        await leader.close()
        run(database, "ALTER TABLE ledger_lines DISABLE TRIGGER ALL; DELETE FROM ledger_lines WHERE seq = 2")
        run(database, f"UPDATE ledger_head SET seq = 1, grp = 1, digest = '{first.digest}'")  # noqa: S608
        again = await PostgresLedger.open(database, tmp_path / "another", FakeClock())
        await again.commit(adds(opened(3)))
        await brought(copying, again)
        assert sorted(found(copying).book.cases) == [1, 3]
        await again.close()
        ledger = await taken_over(copying, database, folder)
        assert ledger.recovery.doubt == "views"
        await ledger.close()
    assert any('"case":2' in path.read_text() for path in folder.rglob(f"quarantine/*/{SEGMENT}"))


async def test_a_copy_that_is_broken_off_while_it_is_brought_on_goes_on_from_there(
    leader: PostgresLedger, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had written was written once more behind that: it was damaged, and fetched anew."""
    monkeypatch.setattr(copy, "_GROUP", 2)
    folder = tmp_path / "stands by"
    warm = Warm.open(database, folder, FakeClock(), Disk())
    warm.bring(Disk())
    for number in range(1, 7):
        await leader.commit(adds(opened(number)))
    whole, tried = warm.link.stream, list[str]()

    @contextmanager
    def dies(query: str, values: tuple[object, ...] = ()) -> Iterator[Iterator[Row]]:
        tried.append(query)
        with whole(query, values) as rows:
            yield rows if len(tried) > 1 else dying(rows)

    def dying(rows: Iterator[Row]) -> Iterator[Row]:
        yield from islice(rows, 5)
        raise OperationalError

    monkeypatch.setattr(warm.link, "stream", dies)
    assert warm.bring(Disk()).head.digest == leader.head.digest
    assert len(tried) == 2
    warm.close()
    here, there = (tmp_path / name / "ledger" / SEGMENT for name in ("stands by", "leads"))
    assert here.read_bytes() == there.read_bytes()
    assert not list(folder.rglob("quarantine/*"))


async def test_nobody_leads_with_a_copy_that_is_fetched_anew(
    leader: PostgresLedger, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That may take minutes, in which whoever has the lease sends nothing."""
    monkeypatch.setattr(module, "POLL", 0.05)
    await leader.commit(adds(opened()))
    going_on, at_it = threading.Event(), threading.Event()
    brought = copy.brought

    def slow(*given: Any) -> Any:
        at_it.set()
        assert going_on.wait(PATIENCE)
        return brought(*given)

    async with standing_by(database, tmp_path) as copying:
        monkeypatch.setattr(copy, "brought", slow)
        monkeypatch.setattr(copy, "followed", lambda *_: None)
        await until(at_it.is_set)
        ready = copying.ready
        monkeypatch.undo()
        going_on.set()
        assert not ready
        await until(lambda: copying.ready)


async def test_nobody_leads_with_lines_that_cannot_be_read(
    leader: PostgresLedger, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL", 0.05)
    monkeypatch.setattr(module, "AGAIN", 0.05)

    def away(*_: Any) -> Any:
        raise OperationalError

    async with standing_by(database, tmp_path) as copying:
        with monkeypatch.context() as broken:
            broken.setattr(copy, "followed", away)
            await until(lambda: copying.behind is not None)
            assert not copying.ready
        await until(lambda: copying.ready)


async def test_no_answer_is_waited_for_before_it_is_handed_over(
    database: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is held by then. A listener that is told to stop asks the server to, and waits for that."""
    async with wire(postgres.port) as cable:
        connect = AsyncConnection.connect

        async def connected(*given: Any, **options: Any) -> Any:
            made = await connect(*given, **options)
            cable.passes.clear()
            return made

        monkeypatch.setattr(AsyncConnection, "connect", connected)
        listener = notices.Notices(database.replace(f":{postgres.port}/", f":{cable.port}/"), print)
        listener.start()
        await until(lambda: not cable.passes.is_set())
        await asyncio.sleep(0)  # it asks
        stopping = asyncio.create_task(listener.stop())
        done, _ = await asyncio.wait({stopping}, timeout=4.0)  # it was 10 s
        cable.passes.set()
        await stopping
        assert done


@pytest.mark.parametrize("ends", ["127.0.0.1:1/secretdb", "127.0.0.1:{port}/secretdb"])
async def test_what_is_said_of_a_database_that_is_away_has_no_address(
    tmp_path: Path, postgres: Server, caplog: pytest.LogCaptureFixture, ends: str
) -> None:
    url = f"postgresql://secretuser@{ends.format(port=postgres.port)}"
    copying = Copying(url, tmp_path, FakeClock(), 180)
    copying.start()
    await until(lambda: copying.behind is not None)
    await copying.stop()
    said = f"{copying.behind} {caplog.text}"
    assert "this machine tries on" in said
    assert not [word for word in ("127.0.0.1", str(postgres.port), "port 1", "secret") if word in said]


async def test_no_checkpoint_is_written_of_lines_that_are_put_aside(
    leader: PostgresLedger, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL", 0.05)
    monkeypatch.setattr(module, "EVERY", 1)
    folder, ended = tmp_path / "stands by", list[bool]()

    async def written(*_: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append((folder / "ledger" / "quarantine").exists())

    monkeypatch.setattr(module, "written", written)
    await leader.commit(adds(opened()))
    async with standing_by(database, folder) as copying:
        await leader.commit(adds(opened(2)))
        await until(copying._is_writing)
        run(database, LOST)
        await until((folder / "ledger" / "quarantine").exists)
        assert ended == [False]


async def test_a_newer_schema_ends_who_stands_by(
    leader: PostgresLedger, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Server
) -> None:
    monkeypatch.setattr(module, "POLL", 0.05)
    async with standing_by(database, tmp_path / "stands by") as copying:
        postgres.run("UPDATE ledger_head SET version = 99", database.rpartition("/")[2])
        await until(lambda: copying.broken is not None)
        assert "newer version (99)" in str(copying.broken)


async def a_year(leader: PostgresLedger, clock: FakeClock) -> None:
    """The first month is due after it, and the next two are not."""
    for number, days in enumerate((0, 340, 30, 1), 1):
        clock.time += timedelta(days=days)
        await leader.commit(adds(*dispatch(number), ev.Alive()))


def left(folder: Path) -> None:
    """What an upgrade and a forgetting that was killed leave behind."""
    (folder / "before-upgrade-20261101T000000Z" / "ledger").mkdir(parents=True)
    (folder / "before-upgrade-20271120T000000Z" / "ledger").mkdir(parents=True)
    (folder / "people").mkdir(exist_ok=True)
    (folder / "people" / "2026-11.jsonl.tmp").write_text("Maria")


def there(folder: Path) -> list[str]:
    names = [*folder.glob("before-*"), *(folder / "people").iterdir()]
    return sorted(path.name for path in names)


@pytest.mark.bug("a machine that only stood by kept what an upgrade and a killed forgetting left for ever")
async def test_what_is_due_goes_here_too_as_long_as_it_stands_by(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "POLL", 0.05)
    clock, folder = FakeClock(), tmp_path / "stands by"
    leader = await PostgresLedger.open(database, tmp_path / "leads", clock)
    await a_year(leader, clock)
    left(folder)
    kept = ["2027-10.jsonl", "2027-11.jsonl", "before-upgrade-20271120T000000Z"]
    with caplog.at_level(logging.INFO):
        async with standing_by(database, folder, clock) as copying:
            assert there(folder) == kept
            assert there(tmp_path / "leads") == ["2026-11.jsonl", *kept[:2]]
            (folder / "people" / "2026-11.jsonl.tmp").write_text("Maria")
            clock.ticks += module.DUE
            await until(lambda: there(folder) == kept)
            assert copying.ready
    said = "names and phones of 2026-11.jsonl, before-upgrade-20261101T000000Z are gone (PERSONAL_DAYS)"
    assert caplog.text.count(said) == 1
    await leader.close()


async def test_what_is_due_and_cannot_go_keeps_nobody_from_leading(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stuck(_disk: Disk, _folder: Path) -> None:
        raise OSError(EIO, "Input/output error")

    monkeypatch.setattr(module, "POLL", 0.05)
    monkeypatch.setattr(Disk, "remove_folder", stuck)
    clock, folder = FakeClock(), tmp_path / "stands by"
    leader = await PostgresLedger.open(database, tmp_path / "leads", clock)
    await a_year(leader, clock)
    left(folder)
    async with standing_by(database, folder, clock) as copying:
        await leader.commit(adds(opened(9)))
        await brought(copying, leader)
        assert copying.ready
    assert caplog.text.count("names and phones that are due could not be taken away: Input/output error") == 1
    await leader.close()


@pytest.mark.bug("a machine that stood by for years never packed a month: three times the room")
async def test_months_that_are_over_are_packed_here_too(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL", 0.05)
    clock, folder = FakeClock(), tmp_path / "stands by"
    leader = await PostgresLedger.open(database, tmp_path / "leads", clock)
    await leader.commit(adds(*dispatch(), ev.Alive()))
    clock.time += timedelta(days=30)
    await leader.commit(adds(opened(2)))
    async with standing_by(database, folder, clock) as copying:
        assert months(folder) == ["2026-11.jsonl", "2026-12.jsonl"]
        clock.ticks += FIRST
        await until(lambda: months(folder) == ["2026-11.jsonl.gz", "2026-12.jsonl"])
        await leader.commit(adds(opened(3)))
        await brought(copying, leader)
        clock.time += timedelta(days=30)
        await leader.commit(adds(opened(4)))
        await brought(copying, leader)
        clock.ticks += DAY
        await until(lambda: months(folder) == ["2026-11.jsonl.gz", "2026-12.jsonl.gz", "2027-01.jsonl"])
        await leader.commit(adds(opened(5)))
        await brought(copying, leader)
        await leader.close()
        ledger = await taken_over(copying, database, folder)
    assert (ledger.closed, sorted(ledger.book.cases)) == (None, [1, 2, 3, 4, 5])
    await ledger.close()


async def test_who_takes_over_does_not_wait_for_a_month_that_is_packed(
    leader: PostgresLedger, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL", 0.05)
    clock, ended = FakeClock(), list[bool]()

    async def packs(_folder: Path) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    monkeypatch.setattr(module, "pack", packs)
    await leader.commit(adds(opened()))
    async with standing_by(database, tmp_path / "stands by", clock) as copying:
        clock.ticks += FIRST
        await until(copying._is_writing)
        warm = await copying.hand_over()
        assert ended == [True]
        warm.close()


def months(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "ledger").glob("*.jsonl*"))
