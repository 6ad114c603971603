"""The lines in PostgreSQL are read each night, too: a start reads the copy, so nobody else would miss one."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict

from bot.__main__ import main
from bot.domain import events as ev
from bot.domain.plan import Outcome
from bot.errors import Closed, LedgerClosed
from bot.ports import Notice
from bot.process.nightly import Nightly
from bot.storage.postgres import rows
from bot.storage.postgres.ledger import PostgresLedger
from bot.storage.postgres.link import Link
from tests.fakes import ANA, NOON, FakeClock
from tests.storage.samples import adds, dispatch, opened
from tests.storage.samples import rows as lines_in

pytestmark = pytest.mark.process


@pytest.fixture
async def ledger(database: str, tmp_path: Path) -> AsyncIterator[PostgresLedger]:
    """Two months."""
    clock = FakeClock()
    made = await PostgresLedger.open(database, tmp_path, clock)
    await made.commit(adds(ev.Started("1", key=made.key)))
    for number in range(1, 30):
        await made.commit(adds(opened(number), ev.TapRefused(ANA, "approve", "çã 🙂")))
    clock.time += timedelta(days=20)
    await made.commit(adds(opened(98)))
    yield made
    await made.close()


@pytest.fixture
def said() -> list[Notice]:
    return []


@pytest.fixture
def night(database: str, tmp_path: Path, ledger: PostgresLedger, said: list[Notice]) -> Nightly:
    return Nightly(tmp_path, ledger, said.append, database)


def by_hand(database: str, statement: str) -> None:
    """As a superuser may, whom no trigger stops."""
    with Connection.connect(database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(sql.SQL(statement))


CHANGED = "UPDATE ledger_lines SET line = replace(line, 'çã', 'ca') WHERE seq = 7"
PUT_RIGHT = "UPDATE ledger_lines SET line = replace(line, 'ca 🙂', 'çã 🙂') WHERE seq = 7"


async def test_lines_that_are_as_they_were_written_close_nothing(
    ledger: PostgresLedger, night: Nightly, said: list[Notice], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await night.check()
    assert (ledger.closed, said) == (None, [])
    assert "the ledger was read and is whole: " in caplog.text
    assert "packed: 2026-11.jsonl" in caplog.text


@pytest.mark.parametrize("what", [CHANGED, "DELETE FROM ledger_lines WHERE seq = 7"])
async def test_a_line_of_a_past_month_that_somebody_changed_there_closes_it(
    database: str, ledger: PostgresLedger, night: Nightly, said: list[Notice], what: str
) -> None:
    heard: list[str] = []
    ledger.on_closed = heard.append
    by_hand(database, what)
    await night.check()
    await night.check()
    assert heard == [ledger.closed]
    assert isinstance(ledger.closed, Closed)
    assert (ledger.closed.code, ledger.closed.facts) == ("rows", {"line": 7})
    assert said == []
    with pytest.raises(LedgerClosed):
        await ledger.commit(adds(ev.Approved(1, ANA, ())))
    await night.stop()


async def test_how_a_send_that_had_left_ended_is_on_record_all_the_same(
    database: str, tmp_path: Path, ledger: PostgresLedger, night: Nightly
) -> None:
    await ledger.commit(adds(*dispatch(1)[1:3]))
    for customer in ("c1", "c2"):
        await ledger.commit(adds(ev.Intent(1, customer)))
    by_hand(database, CHANGED)
    await night.check()
    assert ledger.closed is not None
    ledger.note(ev.Result(1, "c1", Outcome.ACCEPTED, "A1"))
    ledger.note(ev.Abandoned(1, "c2"))
    with pytest.raises(LedgerClosed):
        ledger.note(ev.Intent(1, "c3"))
    await ledger.close()
    assert [row["kind"] for row in lines_in(tmp_path, "2026-12.jsonl")][-2:] == ["result", "abandoned"]
    by_hand(database, PUT_RIGHT)
    again = await PostgresLedger.open(database, tmp_path, FakeClock(NOON + timedelta(days=20)))
    assert again.closed is None
    assert again.book.cases[1].dispatches[-1].sends.results["c1"].reference == "A1"
    await again.close()


async def test_no_start_forgets_it_until_the_line_is_put_right(
    database: str, tmp_path: Path, ledger: PostgresLedger, night: Nightly
) -> None:
    by_hand(database, CHANGED)
    await night.check()
    await ledger.close()
    for _ in range(2):
        again = await PostgresLedger.open(database, tmp_path, FakeClock(NOON + timedelta(days=20)))
        assert isinstance(again.closed, Closed)
        assert again.closed.code == "rows"
        await again.close()
    by_hand(database, PUT_RIGHT)
    for _ in range(2):
        again = await PostgresLedger.open(database, tmp_path, FakeClock(NOON + timedelta(days=20)))
        assert (again.closed, again.recovery.doubt) == (None, None)
        await again.close()
    assert '"damaged"' not in (tmp_path / "ledger" / "copy.json").read_text()


async def test_a_database_that_is_away_at_night_is_no_difference(
    tmp_path: Path, ledger: PostgresLedger, said: list[Notice], caplog: pytest.LogCaptureFixture
) -> None:
    night = Nightly(tmp_path, ledger, said.append, "postgresql://noc:hush@127.0.0.1:1/noc")
    await night.check()
    await night.check()
    assert [(notice.code, notice.facts) for notice in said] == [("ledger_unread", {"why": "other"})]
    assert ledger.closed is None
    assert "could not be verified: PostgreSQL does not answer as it should" in caplog.text
    assert "hush" not in caplog.text
    assert (tmp_path / "ledger" / "2026-11.jsonl.gz").exists()  # what is over is packed all the same


async def test_files_that_are_damaged_are_not_packed_where_the_database_is_away(
    tmp_path: Path, ledger: PostgresLedger, said: list[Notice]
) -> None:
    month = tmp_path / "ledger" / "2026-11.jsonl"
    month.write_bytes(month.read_bytes().replace(b'"approve"', b'"abprove"', 1))
    await Nightly(tmp_path, ledger, said.append, "postgresql://noc@127.0.0.1:1/noc").check()
    assert isinstance(ledger.closed, Closed)
    assert ledger.closed.code == "damaged"
    assert month.exists()


@pytest.mark.parametrize("where", ["the environment", "a file in the home"])
async def test_the_child_connects_as_the_bot_does_also_where_the_address_does_not_say_how(
    database: str, tmp_path: Path, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    said: list[Notice] = []
    there = conninfo_to_dict(database)
    if where == "the environment":
        url = "postgresql://"
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
        for name, variable in names.items():
            monkeypatch.setenv(variable, str(there[name]))
    else:
        url = "postgresql://?service=noc"
        lines = ["[noc]", *(f"{name}={value}" for name, value in there.items())]
        (tmp_path / ".pg_service.conf").write_text("\n".join(lines))
        monkeypatch.setenv("HOME", str(tmp_path))
    by_hand(database, CHANGED)
    await Nightly(tmp_path, ledger, said.append, url).check()
    assert isinstance(ledger.closed, Closed), said
    assert (ledger.closed.code, said) == ("rows", [])


async def test_the_address_is_in_no_list_of_processes_and_no_environment(
    database: str, night: Nightly, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[tuple[object, ...], object]] = []
    begin = asyncio.create_subprocess_exec

    async def seen(*command: str, **how: Any) -> object:
        begun.append((command, how["env"]))
        return await begin(*command, **how)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", seen)
    monkeypatch.setenv("PGPASSWORD", "hush")
    await night.check()
    assert begun
    assert database not in repr(begun)
    assert "hush" not in repr(begun)


def test_the_command_says_which_line_and_where_it_is_whole(
    database: str,
    tmp_path: Path,
    ledger: PostgresLedger,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEDGER", database)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert main(["ledger", "verify"]) == 0
    assert "PostgreSQL: 60 lines, the last one is 60:" in capsys.readouterr().out
    by_hand(database, CHANGED)
    assert main(["ledger", "verify"]) == 1
    assert "PostgreSQL: line 7 does not stand there as it was written. " in capsys.readouterr().out


def test_few_lines_are_in_memory_at_once(
    database: str, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_PAGE", 7)
    pages: list[int] = []

    class Counted(Link):
        def ask(self, query: str, values: object = ()) -> list[tuple[object, ...]]:
            found = super().ask(query, values)  # type: ignore[arg-type]
            pages.append(len(found))
            return found

    link = Counted(database)
    found = rows.read(link)
    link.close()
    assert (found.seq, found.ends, found.off) == (60, True, None)
    assert (max(pages), sum(pages)) == (7, 61)
