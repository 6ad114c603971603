"""The ledger in PostgreSQL: answers that get lost, a server that goes, and another that took over."""

import asyncio
import gc
import re
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from psycopg import Connection, errors

from bot.domain import events as ev
from bot.domain.plan import Message
from bot.errors import Closed, LedgerClosed, StartupError
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.postgres import kept
from bot.storage.postgres import ledger as module
from bot.storage.postgres.lease import Lease
from bot.storage.postgres.ledger import PostgresLedger
from bot.storage.postgres.link import Link, Lost
from bot.storage.postgres.sends import Handing, Parcel, Taking
from tests.fakes import ANA, FakeClock
from tests.isp import until
from tests.patience import PATIENCE
from tests.postgres import Server, running
from tests.storage.samples import EVERY_KIND, SEGMENT, adds, dispatch, opened, rows
from tests.wires import Wire, wire

pytestmark = pytest.mark.process

NOTE = ev.TapRefused(ANA, "approve", "not_approver")


def lines(url: str) -> list[str]:
    with Connection.connect(url) as connection:
        found = connection.execute("SELECT seq, line FROM ledger_lines ORDER BY seq").fetchall()
    assert [seq for seq, _ in found] == list(range(1, len(found) + 1))
    return [line for _, line in found]


def here(folder: Path) -> list[str]:
    return (folder / "ledger" / SEGMENT).read_text().splitlines()


def put_aside(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.rglob(f"quarantine/*/{SEGMENT}")]


def run(url: str, statement: str) -> None:
    with Connection.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def cable(postgres: Server) -> AsyncIterator[Wire]:
    async with wire(postgres.port) as made:
        yield made


@pytest.fixture
async def ledger(database: str, folder: Path, cable: Wire) -> AsyncIterator[PostgresLedger]:
    """Behind a cable that can be cut."""
    made = await PostgresLedger.open(through(cable, database), folder, FakeClock())
    yield made
    await made.close()


def through(cable: Wire, url: str) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.port}/", f":{cable.port}/")


async def test_the_lines_are_those_of_files_byte_for_byte(
    ledger: PostgresLedger, folder: Path, database: str, tmp_path: Path
) -> None:
    files = FileLedger.open(tmp_path / "files", FakeClock())
    (tmp_path / "files" / "people.key").write_bytes((folder / "people.key").read_bytes())
    await files.close()
    files = FileLedger.open(tmp_path / "files", FakeClock())
    for line in (*dispatch(), *EVERY_KIND[:1]):
        await ledger.commit(adds(line))
        await files.commit(adds(line))
    await files.close()
    assert lines(database) == here(folder) == here(tmp_path / "files")
    assert ledger.head == files.head


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_connection_that_ends_at_the_commit_loses_and_doubles_nothing(
    ledger: PostgresLedger, folder: Path, database: str, cable: Wire, when: str
) -> None:
    await ledger.commit(adds(opened()))
    for number in range(2, 12):
        cable.cut = when
        await asyncio.gather(*(ledger.commit(adds(opened(100 * number + k))) for k in range(3)))
        assert ledger.closed is None
    assert cable.cuts == 10
    assert len(lines(database)) == 31
    assert lines(database) == here(folder)


async def test_a_server_that_says_nothing_is_cut_off(
    ledger: PostgresLedger, database: str, cable: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST", 0.5)
    cable.cut = "hang"
    await ledger.commit(adds(opened()))
    assert cable.cuts == 1
    assert len(lines(database)) == 1


@pytest.mark.parametrize("word", [b"set_config", b"ORDER BY seq"], ids=["first", "lines"])
async def test_a_start_that_hangs_is_cut_off(
    ledger: PostgresLedger,
    database: str,
    cable: Wire,
    word: bytes,
    tmp_path: Path,
) -> None:
    await ledger.commit(adds(opened()))
    await ledger.close()
    cable.word, cable.cut = word, "hang"
    hangs = PostgresLedger.open(through(cable, database), tmp_path / "other", FakeClock())
    opening = asyncio.create_task(hangs)
    await until(lambda: cable.cuts)
    with pytest.MonkeyPatch.context() as impatient:
        impatient.setattr(module, "_STALLED", 0.5)
        with pytest.raises(StartupError) as caught:
            await opening
    assert isinstance(caught.value.__cause__, Lost)
    assert cable.cuts == 1
    await (await PostgresLedger.open(through(cable, database), tmp_path / "other", FakeClock())).close()


async def test_who_closes_it_waits_for_no_look_that_hangs(
    ledger: PostgresLedger, cable: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK", 0.1)
    await ledger.commit(adds(opened()))
    cable.word, cable.cut = b"", "hang"  # a look may be prepared, and comes without its words
    await until(lambda: cable.cuts)
    async with asyncio.timeout(PATIENCE):
        await ledger.close()


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL], ids=["immediate", "kill"])
async def test_it_waits_for_a_server_that_goes_and_comes(
    pg_shared: Path, folder: Path, how: signal.Signals
) -> None:
    with running(pg_shared) as server:
        url = server.database()
        ledger = await PostgresLedger.open(url, folder, FakeClock())
        back: list[None] = []
        ledger.on_back = lambda: back.append(None)
        await ledger.commit(adds(opened()))
        await asyncio.to_thread(server.stop, how)
        first = asyncio.create_task(ledger.commit(adds(opened(2))))
        await until(lambda: ledger.closed)
        assert isinstance(ledger.closed, Closed)
        assert ledger.closed.code == "away"
        second = asyncio.create_task(ledger.commit(adds(opened(3))))
        never = asyncio.create_task(ledger.commit(adds(opened(4))))
        ledger.note(NOTE)
        await asyncio.sleep(0.1)
        assert sorted(ledger.book.cases) == [1, 2], "no rule runs while it is away"
        never.cancel()
        await asyncio.to_thread(server.start)
        await asyncio.gather(first, second)
        await ledger.flush()
        assert ledger.closed is None
        assert sorted(ledger.book.cases) == [1, 2, 3]
        assert back == [None]
        assert len(lines(url)) == 4
        await ledger.close()
        again = await PostgresLedger.open(url, folder, FakeClock())
        assert sorted(again.book.cases) == [1, 2, 3]
        await again.close()


async def test_that_it_is_away_is_noticed_while_nothing_is_written(
    ledger: PostgresLedger, cable: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK", 0.1)
    await until(lambda: ledger.closed is None)
    port = cable.port
    await cable.stop()
    await until(lambda: ledger.closed)
    assert port
    closing = asyncio.create_task(ledger.close())
    waiting = asyncio.create_task(ledger.commit(adds(NOTE, ev.Approved(1, ANA, ()))))
    await closing
    with pytest.raises(LedgerClosed):
        await waiting


async def test_whoever_is_not_the_writer_any_more_writes_nothing(
    ledger: PostgresLedger, database: str
) -> None:
    told: list[str] = []
    ledger.on_closed = told.append
    await ledger.commit(adds(opened()))
    run(database, "UPDATE ledger_head SET epoch = epoch + 1")
    results = await asyncio.gather(
        *(ledger.commit(adds(opened(number))) for number in (2, 3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [LedgerClosed, LedgerClosed]
    assert isinstance(ledger.closed, Closed)
    assert ledger.closed.code == "fenced"
    assert told == [ledger.closed]
    assert len(lines(database)) == 1


async def test_a_ledger_that_ends_elsewhere_is_not_written_behind(
    ledger: PostgresLedger, database: str
) -> None:
    await ledger.commit(adds(opened()))
    run(database, "UPDATE ledger_head SET digest = repeat('f', 64)")
    with pytest.raises(LedgerClosed):
        await ledger.commit(adds(opened(2)))
    assert isinstance(ledger.closed, Closed)
    assert ledger.closed.code == "elsewhere"
    assert len(lines(database)) == 1


async def test_lines_that_the_database_lacks_are_kept_and_a_person_is_asked(
    ledger: PostgresLedger, database: str, folder: Path
) -> None:
    """As a replica has it that took over before the last line reached it."""
    await ledger.commit(adds(opened()))
    first = ledger.head
    await ledger.commit(adds(opened(2)))
    await ledger.close()
    lost = here(folder)[1]
    run(database, "ALTER TABLE ledger_lines DISABLE TRIGGER ALL; DELETE FROM ledger_lines WHERE seq = 2")
    run(database, f"UPDATE ledger_head SET seq = 1, grp = 1, digest = '{first.digest}'")  # noqa: S608
    for _ in range(2):  # killed before the line of its start was written: it asks again
        again = await PostgresLedger.open(database, folder, FakeClock())
        assert again.recovery.doubt == "views"
        assert sorted(again.book.cases) == [1]
        await again.close()
    again = await PostgresLedger.open(database, folder, FakeClock())
    await again.commit(adds(ev.Started("1", again.recovery.doubt, again.key)))
    await again.close()
    assert any(lost in text for text in put_aside(folder))
    again = await PostgresLedger.open(database, folder, FakeClock())
    assert again.recovery.doubt is None
    assert again.book.unconfirmed is not None
    await again.close()


@pytest.mark.parametrize("damage", ["torn", "changed", "gone"])
async def test_a_copy_that_is_damaged_is_fetched_again(
    ledger: PostgresLedger, database: str, folder: Path, damage: str
) -> None:
    for number in (1, 2, 3):
        await ledger.commit(adds(opened(number)))
    await ledger.close()
    path = folder / "ledger" / SEGMENT
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-9] if damage == "torn" else whole.replace(b'"case":2', b'"case":7'))
    again = await PostgresLedger.open(database, folder, FakeClock())
    assert (again.closed, again.recovery.doubt) == (None, None)
    assert sorted(again.book.cases) == [1, 2, 3]
    await again.close()
    assert path.read_bytes() == whole


async def test_neither_a_ledger_of_files_nor_a_copy_is_taken_for_the_other(
    ledger: PostgresLedger, database: str, folder: Path, tmp_path: Path
) -> None:
    await ledger.commit(adds(opened()))
    await ledger.close()
    with pytest.raises(StartupError, match="copy of a ledger in PostgreSQL"):
        FileLedger.open(folder, FakeClock())
    files = FileLedger.open(tmp_path / "files", FakeClock())
    await files.commit(adds(opened(7)))
    await files.close()
    with pytest.raises(StartupError, match="ledger migrate"):
        await PostgresLedger.open(database, tmp_path / "files", FakeClock())
    assert [row["case"] for row in rows(tmp_path / "files")] == [7]


async def test_names_and_phones_end_there_and_here(
    ledger: PostgresLedger, database: str, folder: Path, tmp_path: Path
) -> None:
    await ledger.commit(adds(*dispatch()))
    with Connection.connect(database) as connection:
        kept = connection.execute("SELECT month, line FROM ledger_people").fetchall()
    people = (folder / "people" / SEGMENT).read_text()
    assert kept == [(SEGMENT, people.removesuffix("\n"))]
    assert "5561999990001" in people
    assert not any("5561999990001" in line for line in lines(database))
    elsewhere = await PostgresLedger.open(database, tmp_path / "elsewhere", FakeClock())
    assert (tmp_path / "elsewhere" / "people" / SEGMENT).read_text() == people
    assert elsewhere.key == ledger.key
    await elsewhere.close()
    run(database, "DELETE FROM ledger_people")
    await ledger.close()
    again = await PostgresLedger.open(database, folder, FakeClock())
    assert not (folder / "people" / SEGMENT).exists(), "what another node let go goes here, too"
    await again.close()


async def test_a_role_with_the_rights_that_are_documented_is_enough(
    postgres: Server, database: str, folder: Path
) -> None:
    text = (Path(module.__file__).parents[2] / "docs" / "ledger.md").read_text()
    grants = re.findall(r"^GRANT .*;$", text, re.MULTILINE)
    assert len(grants) == 8
    name = urlsplit(database).path.strip("/")
    run(database, f"CREATE ROLE bot{name} LOGIN")
    for grant in grants:
        run(database, grant.replace("TO bot;", f"TO bot{name};"))
    url = database.replace("//noc@", f"//bot{name}@")
    clock = FakeClock()
    ledger = await PostgresLedger.open(url, folder, clock)
    await ledger.commit(adds(*dispatch()))
    clock.time += timedelta(days=300)
    for _ in range(2):
        await ledger.commit(adds(ev.Alive()))
        clock.time += timedelta(days=2)
    assert await ledger.let_go(180) == [SEGMENT]
    await ledger.close()
    lease = Lease(url, "noc-a 1", patience=PATIENCE)
    taken = await lease.take()
    assert taken is not None
    handing, taking = (
        Handing(url, taken.epoch, "as we", patience=PATIENCE),
        Taking(url, "noc-b 1", "as we", patience=PATIENCE),
    )
    await taking.here()
    assert await handing.machines() == ["noc-b 1"]
    mark = await handing.put([Parcel("1", "noc-b 1", Message("c1", "5561999990000", "Maria", "LOS"))])
    assert await handing.take_back(["1"], mark) == {"1"}
    assert await taking.take(9) == []
    await handing.clear()
    await taking.gone()
    shelf = folder / "ledger" / "quarantine"
    shelf.mkdir()
    (shelf / "20260101T000000.000000Z-abc.kept").write_bytes(b"{}\n")
    link = Link(url)
    kept.offer(link, Disk(), folder)
    assert kept.waiting(link) == {"abc"}
    kept.confirmed(link, ["abc"])
    assert kept.waiting(link) == set()
    link.close()
    for one in (handing, taking):
        one.hang_up()
    await lease.close()
    with Connection.connect(url) as connection:
        assert connection.execute("SELECT * FROM ledger_people").fetchall() == []
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("DELETE FROM ledger_lines")


async def test_an_address_nobody_answers_at_is_one_line(folder: Path) -> None:
    with pytest.raises(StartupError, match="PostgreSQL does not answer") as told:
        await PostgresLedger.open("postgresql://noc:s3cret@127.0.0.1:1/x", folder, FakeClock())
    for secret in ("s3cret", "127.0.0.1", "noc"):
        assert secret not in str(told.value)
    with pytest.raises(StartupError, match="LEDGER is no address"):
        await PostgresLedger.open("postgresql://[", folder, FakeClock())


async def test_a_look_that_is_broken_off_at_the_end_logs_nothing_of_the_driver(
    database: str,
    folder: Path,
    cable: Wire,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody waits for it then: asyncio would write its error into the log, in the driver's own words."""
    monkeypatch.setattr(module, "_LOOK", 0.01)
    ledger = await PostgresLedger.open(through(cable, database), folder, FakeClock())
    cable.passes.clear()
    await until(lambda: ledger._link.waits > 0.05)
    await ledger.close()
    await asyncio.sleep(0)  # the last turn of what was broken off
    gc.collect()
    assert not [record for record in caplog.records if record.exc_info or record.name == "asyncio"]
