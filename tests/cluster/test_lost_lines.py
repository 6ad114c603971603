"""The database loses its last lines, sends among them: whoever has them keeps them for who confirms."""

import shutil
import signal
from datetime import timedelta
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest
from psycopg import Connection
from structlog.testing import capture_logs

from bot.domain import events as ev
from bot.domain.plan import Outcome
from bot.errors import Closed, StartupError
from bot.flow.kept import confirm
from bot.process.cluster.copying import Copying
from bot.storage.codec import digest
from bot.storage.postgres import copy, kept, moving
from bot.storage.postgres.ledger import PostgresLedger
from tests.cluster.nodes import Cluster, Node, cluster
from tests.fakes import ANA, FakeClock
from tests.isp import until
from tests.postgres import Server, running
from tests.storage.samples import SEGMENT, adds, dispatch, opened

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]
CUSTOMERS, LOST, IN_FLIGHT = 120, 20, 10
LOSE = """
ALTER TABLE ledger_lines DISABLE TRIGGER ALL;
UPDATE ledger_head SET seq = l.seq, grp = (l.line::json->>'group')::bigint,
    digest = encode(sha256(convert_to(l.line, 'UTF8')), 'hex'), at = (l.line::json->>'at')::timestamptz
FROM (
    SELECT seq, line FROM ledger_lines
    WHERE seq <= (SELECT seq - {lost} FROM ledger_head) AND line::json->>'left' = '0'
    ORDER BY seq DESC LIMIT 1
) AS l;
DELETE FROM ledger_lines WHERE seq > (SELECT seq FROM ledger_head);
ALTER TABLE ledger_lines ENABLE TRIGGER ALL;
"""


def lose(server: Server, database: str, lines: int) -> None:
    """The last lines are gone, as in a replica that took over before it had them."""
    server.run(LOSE.format(lost=lines), database)


async def confirms(noc: Cluster) -> None:
    def asks(words: str) -> bool:
        return any(b.startswith(words) for message in noc.chat.messages() for b in message.buttons)

    for words in ("Confirmar: pode", "Sim"):
        await noc.until(partial(asks, words))
        message = next(m for m in noc.chat.messages() if any(b.startswith(words) for b in m.buttons))
        label = next(b for b in message.buttons if b.startswith(words))
        noc.chat.post_callback(noc.ana, message, message.button(label).data or "")


@pytest.mark.parametrize("leads", ["who led before", "the other one"])
async def test_nobody_of_them_gets_two_and_all_are_accounted_for(
    pg_shared: Path, tmp_path: Path, leads: str
) -> None:
    with running(pg_shared) as server:
        async with cluster(server, tmp_path, CUSTOMERS) as noc:
            noc.a.switch_on()
            await noc.until(noc.a.leads)
            noc.b.switch_on()
            await noc.until(noc.b.stands_by)
            await noc.approve()
            await noc.until(lambda: len(noc.hsm.received) >= CUSTOMERS // 3)
            stays: Node = noc.a if leads == "who led before" else noc.b
            await noc.other(stays).switch_off(signal.SIGKILL)  # at once: what is lost was durable
            last = noc.lines()[-1]["seq"]
            await noc.until(lambda: stays.copied() >= last)  # else it has not what the database loses
            lose(server, noc.name, LOST)
            sent = noc.delivered()
            await noc.until(lambda: noc.said("O banco do registro perdeu"))
            before = len(noc.lines())
            await confirms(noc)
            await noc.until(noc.done)
            assert len(noc.delivered()) > len(sent), "it goes on with the others"
            again = [line["kind"] for line in noc.lines()[before:] if line["kind"] in {"intent", "confirmed"}]
            assert again[0] == "confirmed"
            await noc.until(lambda: noc.said("que o banco tinha perdido"))
            noc.judged(2 * IN_FLIGHT)


@pytest.fixture
async def folders(database: str, tmp_path: Path, postgres: Server) -> tuple[Path, Path]:
    """Two that have lines of sends which the database lost."""
    leads, stands_by = tmp_path / "leads", tmp_path / "stands by"
    ledger = await PostgresLedger.open(database, leads, FakeClock())
    await ledger.commit(adds(*dispatch()))
    await ledger.commit(adds(ev.Intent(1, "c1")))
    await ledger.commit(adds(ev.Result(1, "c1", Outcome.ACCEPTED, "r1")))
    await ledger.close()
    await (await PostgresLedger.open(database, stands_by, FakeClock())).close()
    lose(postgres, database.rpartition("/")[2], 2)
    return leads, stands_by


async def begun(database: str, folder: Path, minutes: int = 0) -> PostgresLedger:
    """As a start does, so many minutes later."""
    clock = FakeClock()
    clock.time += timedelta(minutes=minutes)
    ledger = await PostgresLedger.open(database, folder, clock)
    await ledger.commit(adds(ev.Started("1", ledger.recovery.doubt, ledger.key)))
    return ledger


async def confirmed(ledger: PostgresLedger) -> list[str]:
    lines = await ledger.commit(confirm(ANA, FakeClock().now(), ledger.kept))
    return [line.kind for line in lines]


def here(folder: Path) -> list[str]:
    return (folder / "ledger" / SEGMENT).read_text().splitlines()


def files(folder: Path) -> list[str]:
    return sorted(path.suffix for path in (folder / "ledger" / "quarantine").iterdir() if path.is_file())


async def test_they_are_kept_over_starts_until_they_are_written_again(
    database: str, folders: tuple[Path, Path]
) -> None:
    for _ in range(2):
        ledger = await begun(database, folders[0])
        assert [line.kind for lines in ledger.kept for line in lines] == ["intent", "result"]
        assert ledger.book.unconfirmed is not None
        await ledger.close()
    ledger = await begun(database, folders[0], minutes=5)
    assert await confirmed(ledger) == ["confirmed", "intent", "result"]
    claimed = ledger.book.cases[1].dispatches[0].sends.intents["c1"]
    assert claimed < ledger.book.last_at, "when it was sent, not when it was confirmed"
    assert (ledger.kept, files(folders[0])) == ((), [".written"])
    assert ledger.book.cases[1].dispatches[0].sends.results["c1"].outcome is Outcome.ACCEPTED
    await ledger.close()
    again = await PostgresLedger.open(database, folders[0], FakeClock())
    assert (list(again.kept), again.recovery.doubt) == ([], None)
    await again.close()


async def test_who_leads_later_finds_what_the_other_one_wrote(
    database: str, folders: tuple[Path, Path]
) -> None:
    ledger = await begun(database, folders[0])
    assert await confirmed(ledger) == ["confirmed", "intent", "result"]
    await ledger.close()
    other = await begun(database, folders[1])
    assert [len(lines) for lines in other.kept] == [2]
    assert await confirmed(other) == ["confirmed"]
    assert files(folders[1]) == [".written"]
    await other.close()


async def test_what_was_confirmed_elsewhere_is_asked_about_no_more(
    database: str, folders: tuple[Path, Path]
) -> None:
    """It was put aside here, and doubted by a start; the other machine's person confirmed."""
    mine = await begun(database, folders[0])
    await mine.close()
    ledger = await begun(database, folders[1])
    await confirmed(ledger)
    await ledger.close()
    again = await PostgresLedger.open(database, folders[0], FakeClock())
    assert (again.kept, files(folders[0])) == ([], [".written"])
    await again.close()


@pytest.fixture
async def lacking(database: str, tmp_path: Path, postgres: Server) -> tuple[Path, Path]:
    """One that has lines of a send which the database lost, and one that never had them."""
    mine, others = tmp_path / "mine", tmp_path / "others"
    ledger = await PostgresLedger.open(database, mine, FakeClock())
    await ledger.commit(adds(*dispatch()))
    await ledger.close()
    await (await PostgresLedger.open(database, others, FakeClock())).close()
    ledger = await PostgresLedger.open(database, mine, FakeClock())
    await ledger.commit(adds(ev.Intent(1, "c1")))
    await ledger.commit(adds(ev.Result(1, "c1", Outcome.ACCEPTED, "r1")))
    await ledger.close()
    lose(postgres, database.rpartition("/")[2], 2)
    return mine, others


async def test_who_never_had_them_asks_and_writes_them_too(database: str, lacking: tuple[Path, Path]) -> None:
    """They were put aside by the other machine, which offered them."""
    mine, others = lacking
    await (await begun(database, mine)).close()
    other = await begun(database, others)
    assert ([len(lines) for lines in other.kept], other.book.unconfirmed is not None) == ([2], True)
    assert await confirmed(other) == ["confirmed", "intent", "result"]
    assert "c1" not in {one.id for one in other.book.cases[1].dispatches[-1].sends.todo()}
    await other.close()
    for folder in (mine, others, others):
        again = await PostgresLedger.open(database, folder, FakeClock())
        assert (again.kept, again.recovery.doubt, files(folder)) == ([], None, [".written"])
        await again.close()


async def test_who_leads_and_never_had_them_hears_of_them_and_stops_until_somebody_confirms(
    database: str, lacking: tuple[Path, Path]
) -> None:
    mine, others = lacking
    leads = await PostgresLedger.open(database, others, FakeClock())
    stands_by = Copying(database, mine, FakeClock(), 180)
    stands_by.start()
    await until(lambda: leads.closed is not None)
    assert isinstance(leads.closed, Closed)
    assert leads.closed.code == "lacking"
    await leads.close()
    await stands_by.stop()
    with pytest.raises(StartupError, match="confirm them first"):
        await moving.out(database, others.with_name("files"), FakeClock())
    again = await begun(database, others)
    assert ([len(lines) for lines in again.kept], again.book.unconfirmed is not None) == ([2], True)
    await again.close()


async def test_of_two_that_have_them_the_one_that_has_more_adds_the_rest(
    database: str, lacking: tuple[Path, Path], postgres: Server
) -> None:
    mine, others = lacking
    shelf = others / "ledger" / "quarantine"
    shelf.mkdir()
    await (await begun(database, mine)).close()
    (more,) = (mine / "ledger" / "quarantine").glob("*.kept")
    claim = more.read_bytes().splitlines(keepends=True)[0]
    (shelf / f"20260101T000000.000000Z-{digest(claim)[:16]}.kept").write_bytes(claim)
    other = await begun(database, others)
    assert [len(lines) for lines in other.kept] == [2], "once what both have"
    await confirmed(other)
    known = other.book.cases[1].dispatches[-1].sends.results["c1"]
    assert (known.outcome, known.reference) == (Outcome.ACCEPTED, "r1")
    name = database.rpartition("/")[2]
    await until(lambda: postgres.run("SELECT count(*) FROM ledger_kept WHERE NOT done", name) == [(0,)])
    await other.close()


@pytest.mark.parametrize("digests", ["ab", "ba"])
@pytest.mark.parametrize("sends", [0, 1])
async def test_of_two_offers_that_follow_one_another_the_sends_of_one_are_of_the_case_of_the_other(
    database: str, tmp_path: Path, postgres: Server, sends: int, digests: str
) -> None:
    """The first has so many sends of the case that it opens."""
    ledger = await begun(database, tmp_path / "wrote")
    await ledger.commit(adds(*dispatch()))
    for who in ("c1", "c2"):
        await ledger.commit(adds(ev.Intent(1, who)))
        await ledger.commit(adds(ev.Result(1, who, Outcome.ACCEPTED, who)))
    await ledger.close()
    _, *rows = here(tmp_path / "wrote")
    lose(postgres, database.rpartition("/")[2], len(rows))
    later = 2 * (sends - 2)
    with Connection.connect(database) as connection:
        for one, lines in zip(digests, (rows[:later], rows[later:]), strict=True):
            query = "INSERT INTO ledger_kept (digest, lines) VALUES (%s, %s)"
            connection.execute(query, (one, "\n".join([*lines, ""])))
    other = await begun(database, tmp_path / "other")
    assert [len(lines) for lines in other.kept] == [len(rows)]
    await confirmed(other)
    results = other.book.cases[1].dispatches[-1].sends.results
    assert {who: known.reference for who, known in results.items()} == {"c1": "c1", "c2": "c2"}
    await other.close()


async def test_where_the_ledger_went_on_in_two_ways_each_has_what_came_before(
    database: str, tmp_path: Path, postgres: Server
) -> None:
    ledger = await begun(database, tmp_path / "wrote")
    await ledger.commit(adds(*dispatch()))
    await ledger.close()
    first = here(tmp_path / "wrote")[1:]
    rows = list[list[str]]()
    for who in ("c1", "c2"):
        lose(postgres, database.rpartition("/")[2], 0)
        shutil.copytree(tmp_path / "wrote", tmp_path / who)
        ledger = await begun(database, tmp_path / who)
        await ledger.commit(adds(ev.Intent(1, who)))
        await ledger.commit(adds(ev.Result(1, who, Outcome.ACCEPTED, who)))
        await ledger.close()
        rows.append(here(tmp_path / who)[1 + len(first) :])
        lose(postgres, database.rpartition("/")[2], len(rows[-1]))
    lose(postgres, database.rpartition("/")[2], len(first))
    with Connection.connect(database) as connection:
        for one, lines in zip("bca", (first, *rows), strict=True):
            query = "INSERT INTO ledger_kept (digest, lines) VALUES (%s, %s)"
            connection.execute(query, (one, "\n".join([*lines, ""])))
    other = await begun(database, tmp_path / "other")
    assert [len(lines) for lines in other.kept] == [len(first) + len(one) for one in rows]
    await confirmed(other)
    results = other.book.cases[1].dispatches[-1].sends.results
    assert {who: known.reference for who, known in results.items()} == {"c1": "c1", "c2": "c2"}
    await other.close()


async def test_a_start_that_was_killed_while_it_kept_them_keeps_them_once(
    database: str, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(copy, "_set_aside", kill)
        with pytest.raises(Killed):
            await PostgresLedger.open(database, folders[0], FakeClock())
    clock = FakeClock()
    clock.time += timedelta(seconds=5)
    ledger = await PostgresLedger.open(database, folders[0], clock)
    assert [len(lines) for lines in ledger.kept] == [2]
    await ledger.close()


async def test_of_more_than_are_looked_at_the_last_are_kept(
    database: str, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST", 1)
    ledger = await PostgresLedger.open(database, folders[0], FakeClock())
    assert [[line.kind for line in lines] for lines in ledger.kept] == [["result"]]
    await ledger.close()


async def test_a_damaged_line_is_told_of_and_hides_no_other(
    database: str, folders: tuple[Path, Path]
) -> None:
    await (await PostgresLedger.open(database, folders[0], FakeClock())).close()
    (file,) = (folders[0] / "ledger" / "quarantine").glob("*.kept")
    file.write_bytes(b"{}\xff\0\n" + file.read_bytes())
    with capture_logs() as told:
        ledger = await PostgresLedger.open(database, folders[0], FakeClock())
    assert {"event": "kept_lines_damaged", "file": file.name, "lines": 1, "log_level": "error"} in told
    assert [len(lines) for lines in ledger.kept] == [2]
    await ledger.close()


async def test_a_damaged_line_in_the_middle_parts_no_send_from_its_case(
    database: str, tmp_path: Path, postgres: Server
) -> None:
    ledger = await begun(database, tmp_path / "wrote")
    await ledger.commit(adds(*dispatch()))
    await ledger.commit(adds(ev.Intent(1, "c1")))
    await ledger.commit(adds(ev.Result(1, "c1", Outcome.ACCEPTED, "r1")))
    await ledger.close()
    _, *rows = here(tmp_path / "wrote")
    lose(postgres, database.rpartition("/")[2], len(rows))
    with Connection.connect(database) as connection:
        text = "\n".join([*rows[:-2], "{}", rows[-1], ""])
        connection.execute("INSERT INTO ledger_kept (digest, lines) VALUES ('a', %s)", (text,))
    other = await begun(database, tmp_path / "other")
    assert [len(lines) for lines in other.kept] == [len(rows) - 1]
    await other.close()


async def test_a_database_that_has_another_ledger_takes_none_of_these_lines(
    database: str, tmp_path: Path, postgres: Server
) -> None:
    ledger = await PostgresLedger.open(database, tmp_path, FakeClock())
    await ledger.commit(adds(opened(1)))
    await ledger.commit(adds(opened(2)))
    await ledger.close()
    lose(postgres, database.rpartition("/")[2], 1)
    other = await PostgresLedger.open(database, tmp_path / "other", FakeClock())
    await other.commit(adds(opened(7)))
    await other.close()
    again = await PostgresLedger.open(database, tmp_path, FakeClock())
    assert [line.kind for lines in again.kept for line in lines] == ["case_opened"], "the first is in common"
    await again.close()


@pytest.mark.parametrize("damaged", ["last line twice", "first line unreadable"])
async def test_lines_that_a_damaged_copy_alone_has_are_kept_too(
    database: str, folders: tuple[Path, Path], damaged: str
) -> None:
    """As where it was broken off while it was brought on, or its disk lost a bit."""
    path = folders[0] / "ledger" / SEGMENT
    raws = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*raws, raws[-1]] if damaged == "last line twice" else [b"x", *raws]))
    ledger = await begun(database, folders[0])
    kinds = [line.kind for lines in ledger.kept for line in lines]
    assert [kind for kind, _ in groupby(kinds)] == ["intent", "result"]
    assert ledger.book.unconfirmed is not None
    await ledger.close()
