"""`ledger migrate`: into PostgreSQL and back, line by line, and nothing on top of another ledger."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import Connection

from bot.__main__ import main
from bot.domain import events as ev
from bot.domain.phone import parse_phone
from bot.errors import StartupError
from bot.storage.commands.forget import forget, phone_of
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.people import months
from bot.storage.postgres import moving, schema, table, turn
from bot.storage.postgres.lease import Lease
from bot.storage.postgres.ledger import PostgresLedger
from tests.fakes import ANA, NOON, FakeClock
from tests.patience import PATIENCE
from tests.postgres import Server
from tests.storage.samples import SEGMENT, adds, dispatch, opened

pytestmark = pytest.mark.process
LATER = NOON + timedelta(days=9)


async def lived(folder: Path, more: Sequence[ev.Line] = ()) -> None:
    """Two months of lines, with groups of several, and people."""
    clock = FakeClock()
    ledger = FileLedger.open(folder, clock)
    await ledger.commit(adds(ev.Started("1", key=ledger.key)))
    await ledger.commit(adds(*dispatch()))
    for number in range(2, 30):
        await ledger.commit(adds(opened(number), ev.TapRefused(ANA, "approve", "çã 🙂")))
    clock.time = LATER
    await ledger.commit(adds(ev.Alive(), *more))
    await ledger.close()


def exported(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["ledger", "export", "--json", "--phones", "--data", str(folder)]) == 0
    return capsys.readouterr().out


def files(folder: Path) -> dict[str, bytes]:
    kept = [*(folder / "ledger").glob("*.jsonl"), *(folder / "people").iterdir(), folder / "people.key"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


async def test_into_postgres_and_back_it_is_the_same_ledger(
    postgres: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, url = tmp_path / "one", tmp_path / "two", postgres.database(empty=True)
    await lived(one)
    before, there = exported(one, capsys), files(one)
    assert main(["ledger", "migrate", "--from", str(one), "--to", url]) == 0
    assert "61 lines are in PostgreSQL now" in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["ledger", "migrate", "--from", url, "--to", str(two)]) == 0
    told = capsys.readouterr().out
    assert "61 lines are in" in told
    assert "drop the database" in told
    assert files(two) == there
    assert exported(two, capsys) == before
    ledger = FileLedger.open(two, FakeClock())
    assert (ledger.closed, ledger.recovery.lines) == (None, 61)
    await ledger.close()


async def test_the_folder_is_a_copy_then_and_goes_on_in_postgres(database: str, tmp_path: Path) -> None:
    await lived(tmp_path)
    moving.into(tmp_path, database)
    with pytest.raises(StartupError, match="copy of a ledger in PostgreSQL"):
        FileLedger.open(tmp_path, FakeClock())
    with pytest.raises(StartupError, match="copy of a ledger in PostgreSQL already"):
        moving.into(tmp_path, database)
    ledger = await PostgresLedger.open(database, tmp_path, FakeClock(LATER))
    assert (ledger.closed, ledger.recovery.doubt, ledger.recovery.lines) == (None, None, 61)
    assert ledger.book.cases[1].dispatches[0].sends.recipients["c1"].phone == "5561999990001"
    await ledger.commit(adds(opened(99)))
    await ledger.close()


async def test_broken_off_it_goes_on_where_it_was(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lived(tmp_path)
    monkeypatch.setattr(moving, "_GROUP", 10)
    whole, tries = table.append, iter(range(100))

    def breaks(*args: object, **how: object) -> None:
        if next(tries) == 3:
            raise StartupError("killed")
        whole(*args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(table, "append", breaks)
    with pytest.raises(StartupError, match="killed"):
        moving.into(tmp_path, database)
    with Connection.connect(database) as connection:
        some = connection.execute("SELECT count(*) FROM ledger_lines").fetchone()
    assert some is not None
    assert 0 < some[0] < 61
    for refuses in (
        lambda: moving.made(database),
        lambda: moving.compared(database),
        lambda: asyncio.run(moving.out(database, tmp_path / "out", FakeClock())),
    ):
        with pytest.raises(StartupError, match="or that was broken off"):
            await asyncio.to_thread(refuses)
    with pytest.raises(StartupError, match="or that was broken off"):
        await PostgresLedger.open(database, tmp_path / "another", FakeClock())
    assert "61 lines" in moving.into(tmp_path, database)
    ledger = await PostgresLedger.open(database, tmp_path, FakeClock(LATER))
    assert ledger.recovery.lines == 61
    await ledger.close()


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_beside_a_bot_that_leads_there_nothing_is_brought(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    await lived(tmp_path)
    lease = Lease(database, "a", ttl=600, patience=PATIENCE)
    if when == "before":
        assert await lease.take()
    else:
        whole, loop = table.put, asyncio.get_running_loop()

        def overtaken(*args: object) -> None:
            assert asyncio.run_coroutine_threadsafe(lease.take(), loop).result()
            whole(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(table, "put", overtaken)
        monkeypatch.setattr(months, "months_in", lambda *_: [SEGMENT])
    try:
        with pytest.raises(StartupError, match="a bot writes that database: stop it first"):
            await asyncio.to_thread(moving.into, tmp_path, database)
    finally:
        await lease.close()
    with Connection.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM ledger_lines").fetchone() == (0,)


async def test_no_other_ledger_is_written_over(database: str, tmp_path: Path) -> None:
    for name, more in (("one", ()), ("two", (opened(98),))):
        await lived(tmp_path / name, more)
    moving.into(tmp_path / "one", database)
    with pytest.raises(StartupError, match="it is another one"):
        moving.into(tmp_path / "two", database)
    with pytest.raises(StartupError, match="has a ledger already"):
        await moving.out(database, tmp_path / "two", FakeClock())


async def test_who_still_writes_is_shut_out_when_it_is_moved_away(database: str, tmp_path: Path) -> None:
    await lived(tmp_path / "one")
    moving.into(tmp_path / "one", database)
    ledger = await PostgresLedger.open(database, tmp_path / "one", FakeClock())
    await moving.out(database, tmp_path / "two", FakeClock())
    with pytest.raises(Exception, match="another process of this bot"):
        await ledger.commit(adds(opened(98)))
    await ledger.close()


async def test_beside_a_machine_that_leads_nothing_is_moved_away(database: str, tmp_path: Path) -> None:
    await lived(tmp_path / "one")
    moving.into(tmp_path / "one", database)
    lease = Lease(database, "noc-b 1", ttl=600, patience=PATIENCE)
    taken = await lease.take()
    assert taken is not None
    ledger = await PostgresLedger.open(database, tmp_path / "one", FakeClock(), epoch=taken.epoch)
    with pytest.raises(StartupError, match="noc-b leads: stop the bot on every machine"):
        await moving.out(database, tmp_path / "two", FakeClock())
    await ledger.commit(adds(opened(98)))
    await ledger.close()
    await lease.give_up()
    await lease.close()
    assert "62 lines" in await moving.out(database, tmp_path / "two", FakeClock())


async def test_once_it_is_moved_away_nobody_leads_there_until_it_is_brought_back(
    database: str, tmp_path: Path
) -> None:
    await lived(tmp_path / "one")
    moving.into(tmp_path / "one", database)
    await moving.out(database, tmp_path / "two", FakeClock())
    with Connection.connect(database) as connection:
        assert schema.make(connection) == schema.MOVED - schema.VERSION
    for folder in ("one", "three"):
        with pytest.raises(StartupError, match="was moved into files"):
            await PostgresLedger.open(database, tmp_path / folder, FakeClock(LATER))
    with pytest.raises(StartupError, match="was moved into files"):
        await moving.out(database, tmp_path / "four", FakeClock())
    files = FileLedger.open(tmp_path / "two", FakeClock(LATER))
    await files.commit(adds(opened(98)))
    await files.close()
    assert "62 lines" in moving.into(tmp_path / "two", database)
    ledger = await PostgresLedger.open(database, tmp_path / "one", FakeClock(LATER))
    assert (ledger.recovery.lines, ledger.recovery.doubt) == (62, None)
    await ledger.close()


@pytest.mark.parametrize("at", ["make_durable", "remove"])
async def test_moving_away_that_is_broken_off_is_repeated(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Before nobody leads there any more, and behind it."""
    await lived(tmp_path / "one")
    moving.into(tmp_path / "one", database)

    def breaks(*_: object) -> None:
        raise StartupError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(*((moving, at, breaks) if at == "make_durable" else (Disk, at, breaks)))
        with pytest.raises(StartupError, match="killed"):
            await moving.out(database, tmp_path / "two", FakeClock())
    with Connection.connect(database) as connection:
        assert (schema.version(connection) == schema.VERSION) is (at == "make_durable")
    with pytest.raises(StartupError, match="copy of a ledger in PostgreSQL"):
        FileLedger.open(tmp_path / "two", FakeClock())
    assert "61 lines" in await moving.out(database, tmp_path / "two", FakeClock())
    await FileLedger.open(tmp_path / "two", FakeClock()).close()
    with pytest.raises(StartupError, match="was moved into files"):
        moving.compared(database)


async def test_what_is_moved_goes_into_one_folder_only(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither into the copy that a machine has, nor into one where moving it was broken off before."""
    own, early, new = tmp_path / "own", tmp_path / "early", tmp_path / "new"
    await lived(own)
    moving.into(own, database)

    def breaks(*_: object) -> None:
        raise StartupError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(table, "moved", breaks)
        with pytest.raises(StartupError, match="killed"):
            await moving.out(database, early, FakeClock())
    await moving.out(database, new, FakeClock())
    for folder in (own, early):
        with pytest.raises(StartupError, match="where moving it was broken off, repeat the same"):
            await moving.out(database, folder, FakeClock())
        with pytest.raises(StartupError, match="copy of a ledger in PostgreSQL"):
            FileLedger.open(folder, FakeClock())
    with (
        Connection.connect(database) as connection,
        pytest.raises(StartupError, match="was moved into files"),
    ):
        schema.check(connection)


async def test_another_one_that_moves_it_at_the_same_time_is_told_so(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looked before, and its turn comes behind."""
    own, new = tmp_path / "own", tmp_path / "new"
    await lived(own)
    moving.into(own, database)
    whole, looks = turn._check, iter((True, False))

    def looked(url: str, moved: str | None) -> None:
        whole(url, moved)
        if next(looks):
            asyncio.run(moving.out(url, new, FakeClock()))

    monkeypatch.setattr(turn, "_check", looked)
    with pytest.raises(StartupError, match="was moved into files"):
        await moving.out(database, own, FakeClock())
    with pytest.raises(StartupError, match="copy of a ledger in PostgreSQL"):
        FileLedger.open(own, FakeClock())
    await FileLedger.open(new, FakeClock()).close()


async def test_who_is_forgotten_afterwards_is_not_forgotten_in_the_database(
    database: str, tmp_path: Path
) -> None:
    """Which is why the command says what is to be dropped and deleted."""
    await lived(tmp_path / "one")
    moving.into(tmp_path / "one", database)
    said = await moving.out(database, tmp_path / "two", FakeClock())
    await forget(tmp_path / "two", phone_of("61999990001"), ANA, FakeClock())
    with Connection.connect(database) as connection:
        kept = connection.execute("SELECT line FROM ledger_people").fetchall()
    assert any("5561999990001" in line for (line,) in kept)
    assert "5561999990001" in (tmp_path / "one" / "people" / SEGMENT).read_text()
    assert "neither PERSONAL_DAYS nor ledger forget reaches them" in said
    assert "drop the database, and delete people/ in every other data folder" in said


async def test_commands_look_at_what_is_in_postgres_now(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine where nothing of it was."""
    await lived(tmp_path / "one")
    moving.into(tmp_path / "one", database)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEDGER", database)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "new"))
    assert main(["ledger", "verify"]) == 0
    assert "PostgreSQL: 61 lines" in capsys.readouterr().out
    assert main(["ledger", "show", "1"]) == 0
    assert "João" in capsys.readouterr().out
    with Connection.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE ledger_head SET digest = repeat('0', 64)")
    assert main(["ledger", "verify"]) == 1
    assert "its head says something else" in capsys.readouterr().out


async def test_who_is_forgotten_is_forgotten_there_too(database: str, tmp_path: Path) -> None:
    await lived(tmp_path)
    moving.into(tmp_path, database)
    assert parse_phone("61999990001")
    await forget(tmp_path, phone_of("61999990001"), ANA, FakeClock(), url=database)
    with Connection.connect(database) as connection:
        kept = connection.execute("SELECT line FROM ledger_people").fetchall()
    assert kept
    assert not any("5561999990001" in line for (line,) in kept)
    assert "5561999990001" not in (tmp_path / "people" / SEGMENT).read_text()


def test_one_of_both_is_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "migrate", "--from", str(tmp_path), "--to", str(tmp_path / "x")]) == 2
    assert "one of --from and --to" in capsys.readouterr().err
