"""A ledger older than its own views, and one that ends in the future: both wait for a person's word."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain import events as ev
from bot.domain.dispatch import Phase
from bot.domain.events import Forecast, Silenced
from bot.domain.limits.cooldown import free_at
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome
from bot.errors import Declined, LedgerClosed
from bot.steps import decide
from bot.storage.checkpoint import renew
from bot.storage.commands.phrases import OLDER
from bot.storage.commands.repair import run_repair
from bot.storage.commands.verify import run_verify
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.kept import Views
from tests.fakes import ANA, FakeClock

from .samples import PLAN, adds, opened

YEARS = timedelta(days=500)


@asynccontextmanager
async def run(folder: Path, clock: FakeClock) -> AsyncIterator[FileLedger]:
    """One life of the program: started as `Flow.start` does, its views kept, no clean stop."""
    ledger = FileLedger.open(folder, clock)
    await ledger.commit(adds(ev.Started("1", ledger.recovery.doubt)))
    views = Views(folder, ledger, 24, clock)
    await views.start()
    yield ledger
    await views.close()
    await ledger.close()


@pytest.mark.bug("a snapshot of a minute ago beside the views of now was believed")
@pytest.mark.parametrize("view", ["audit.json", "cooldown.json"])
async def test_a_snapshot_of_a_minute_ago_beside_the_views_of_now_asks(tmp_path: Path, view: str) -> None:
    data, copy, clock = tmp_path / "data", tmp_path / "copy", FakeClock()
    async with run(data, clock) as ledger:
        await ledger.commit(adds(opened()))
        shutil.copytree(data / "ledger", copy)
        clock.time += timedelta(minutes=1)
        await ledger.commit(adds(ev.Approved(1, ANA, (opened().incident.port,))))
    shutil.rmtree(data / "ledger")
    shutil.copytree(copy, data / "ledger")
    for other in {"audit.json", "cooldown.json"} - {view}:
        (data / other).unlink()
    async with run(data, clock) as ledger:  # and wrote the views anew
        assert (ledger.book.doubt, ledger.book.unconfirmed) == ("views", clock.time - timedelta(minutes=1))
    async with run(data, clock) as ledger:
        assert (ledger.recovery.doubt, ledger.book.doubt) == (None, "views")  # which nothing forgets
        with pytest.raises(Declined, match="unconfirmed"):
            decide.check_confirmed(ledger.book)
        await ledger.commit(decide.confirm(ANA, clock.now()))
        decide.check_confirmed(ledger.book)
    async with run(data, clock) as ledger:
        assert (ledger.book.doubt, ledger.book.unconfirmed) == (None, None)
    assert run_verify(data)[0] == 0


async def test_another_ledger_of_the_same_length_asks_too(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    for folder, label in ((data, "a"), (other, "b")):
        async with run(folder, FakeClock()) as ledger:
            await ledger.commit(adds(opened(), ev.TapRefused(ANA, "approve", label)))
    shutil.rmtree(data / "ledger")
    shutil.copytree(other / "ledger", data / "ledger")
    async with run(data, FakeClock()) as ledger:
        assert ledger.book.doubt == "views"


@pytest.mark.parametrize("text", ['{"decisions": []}\n', "", "no JSON", '{"ledger": {"sequence": 9}}'])
async def test_views_of_an_older_version_or_unreadable_ones_say_nothing(tmp_path: Path, text: str) -> None:
    async with run(tmp_path, FakeClock()) as ledger:
        await ledger.commit(adds(opened()))
    (tmp_path / "audit.json").write_text(text)
    (tmp_path / "cooldown.json").write_text(text)
    async with run(tmp_path, FakeClock()) as ledger:
        assert (ledger.book.doubt, ledger.book.unconfirmed) == (None, None)


async def ahead(folder: Path, clock: FakeClock) -> None:
    """A dispatch that broke off, a silence and a forecast, all decided on a clock that is years ahead."""
    port = opened().incident.port
    clock.time += YEARS
    now = clock.now()
    async with run(folder, clock) as ledger:
        await ledger.commit(adds(opened(), ev.Approved(1, ANA, (port,)), ev.Planned(1, 4, PLAN)))
        await ledger.commit(adds(ev.Intent(1, "c1"), ev.Result(1, "c1", Outcome.ACCEPTED)))
        await ledger.commit(adds(Silenced(1, (Scope("CB 09", ""),), now + timedelta(hours=2), ANA, "x")))
        await ledger.commit(adds(Forecast(1, ANA, now + timedelta(hours=2))))
    clock.time -= YEARS


@pytest.mark.bug("a clock that was once ahead stopped time for everybody")
async def test_a_ledger_that_ends_in_the_future_asks_and_then_counts_from_now(tmp_path: Path) -> None:
    clock = FakeClock()
    real = clock.now()
    await ahead(tmp_path, clock)
    async with run(tmp_path, clock) as ledger:
        assert ledger.book.doubt == "future"
        assert ledger.book.unconfirmed == real + YEARS
        said = run_verify(tmp_path)[1].splitlines()[-1]
        assert "later than it was then; nothing is sent until an approver confirms" in said
        await ledger.commit(decide.confirm(ANA, clock.now()))
        clock.time += timedelta(minutes=1)
        await ledger.commit(adds(ev.Alive()))

    def right(ledger: FileLedger) -> None:
        book = ledger.book
        assert (book.doubt, book.unconfirmed) == (None, None)
        (reservation,) = book.reservations.values()
        assert free_at(reservation, clock.now(), 24) == real + timedelta(hours=24)
        assert {told.at for told in book.contacts.values()} == {real}
        (dispatch,) = book.cases[1].dispatches
        assert (dispatch.phase, dispatch.broken, dispatch.last_at) == (Phase.INTERRUPTED, True, real)
        assert book.cases[1].opened_at == book.cases[1].asked_at == real
        assert book.cases[1].eta is None
        assert book.silence_of(opened().incident.port, clock.now()) is None
        assert (book.silences[1].since, book.silences[1].until) == (real, real)
        assert max(entry.at for entry in book.audit) <= clock.now()

    async with run(tmp_path, clock) as ledger:
        right(ledger)
        assert ledger.book.last_at == real + timedelta(minutes=1)
    clock.time += timedelta(hours=1)
    async with run(tmp_path, clock) as ledger:  # its lines stay readable, in order
        right(ledger)
    code, text = run_verify(tmp_path)
    assert (code, "whole: " in text) == (0, True)
    (segment,) = (tmp_path / "ledger").glob("*.jsonl")
    assert segment.name.startswith(f"{(real + YEARS):%Y-%m}")


async def test_what_was_decided_on_the_right_clock_keeps_its_time(tmp_path: Path) -> None:
    clock = FakeClock()
    real, until = clock.now(), clock.now() + timedelta(hours=9)
    async with run(tmp_path, clock) as ledger:
        await ledger.commit(adds(opened(), Forecast(1, ANA, until)))
        await ledger.commit(adds(Silenced(1, (Scope("CB 09", ""),), until, ANA, "x")))
        clock.time += YEARS
        await ledger.commit(adds(ev.Alive()))
    clock.time = real + timedelta(minutes=5)
    async with run(tmp_path, clock) as ledger:
        await ledger.commit(decide.confirm(ANA, clock.now()))
        book = ledger.book
        assert (book.cases[1].opened_at, book.cases[1].eta) == (real, until)
        assert (book.silences[1].until, book.lasting) == (until, [book.silences[1]])


@pytest.mark.parametrize(("off", "doubt"), [(10, None), (11, "future")])
async def test_clocks_are_off_by_minutes(tmp_path: Path, off: int, doubt: str | None) -> None:
    clock = FakeClock()
    async with run(tmp_path, clock) as ledger:
        await ledger.commit(adds(opened()))
    clock.time -= timedelta(minutes=off)
    async with run(tmp_path, clock) as ledger:
        assert ledger.book.doubt == doubt


async def test_a_confirmation_of_an_old_copy_sets_no_clock(tmp_path: Path) -> None:
    clock = FakeClock()
    async with run(tmp_path, clock) as ledger:
        await ledger.commit(adds(opened()))
    clock.time += timedelta(hours=2)
    async with run(tmp_path, clock) as ledger:
        (line,) = await ledger.commit(decide.confirm(ANA, clock.now()))
        assert line == ev.Confirmed(ANA, None)


async def test_such_a_ledger_is_repaired_in_its_order(tmp_path: Path) -> None:
    clock = FakeClock()
    await ahead(tmp_path, clock)
    async with run(tmp_path, clock) as ledger:
        await ledger.commit(decide.confirm(ANA, clock.now()))
        await ledger.commit(adds(ev.Alive()))
    (segment,) = (tmp_path / "ledger").glob("*.jsonl")
    whole = segment.read_bytes()
    segment.write_bytes(whole.replace(b"\n", b"\r\n"))
    assert run_verify(tmp_path)[0] == 1
    run_repair(tmp_path, clock, dry_run=False)
    assert segment.read_bytes() == whole


@pytest.mark.bug("a clock that was ahead for seconds made every cooldown shorter by as much")
async def test_a_clock_that_comes_back_closes_the_running_bot_and_its_start_asks(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    port = opened().incident.port
    closed: list[str] = []
    async with run(tmp_path, clock) as ledger:
        ledger.on_closed = closed.append
        await ledger.commit(adds(opened(), ev.Approved(1, ANA, (port,)), ev.Planned(1, 4, PLAN)))
        await ledger.commit(adds(ev.Intent(1, "c1")))
        for by in (timedelta(hours=8), timedelta(days=2, microseconds=7)):
            clock.time += by
            await ledger.commit(adds(ev.Alive()))  # it may be right now: a machine that slept
        assert closed == []
        clock.time -= by
        with pytest.raises(LedgerClosed, match="the clock was ahead by 2 days, 0:00:00 and is right again"):
            await ledger.commit(adds(ev.Begun(1, ANA)))
        await ledger.commit(adds(opened(2)))  # cards go on
        ledger.note(ev.Result(1, "c1", Outcome.ACCEPTED, "A1"))
    assert len(closed) == 1
    async with run(tmp_path, clock) as ledger:
        assert ledger.book.doubt == "future"
        assert ledger.book.cases[1].dispatches[-1].sends.results["c1"].reference == "A1"


@pytest.mark.parametrize("by", [timedelta(days=-2), timedelta(days=2)])
async def test_a_clock_that_is_set_once_closes_nothing(tmp_path: Path, by: timedelta) -> None:
    clock = FakeClock()
    async with run(tmp_path, clock) as ledger:
        await ledger.commit(adds(opened()))
        clock.time += by
        await ledger.commit(adds(ev.Alive()))
        clock.time += timedelta(hours=1)
        await ledger.commit(adds(ev.Alive()))
        assert ledger.closed is None


async def _copied_back(data: Path, clock: FakeClock) -> Path:
    """A copy of the ledger takes the place of one that went on for a line and wrote a checkpoint; no view."""
    copy = data.with_name("copy")
    async with run(data, clock) as ledger:
        await ledger.commit(adds(opened()))
        shutil.copytree(data / "ledger", copy)
        await ledger.commit(adds(ev.Approved(1, ANA, (opened().incident.port,))))
    name = renew(Disk(), data)
    assert name is not None
    for segment in copy.glob("*.jsonl"):
        shutil.copy(segment, data / "ledger")
    for view in ("audit.json", "cooldown.json"):
        (data / view).unlink()
    return data / "ledger" / name


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: path.write_bytes(b""),
        lambda path: path.rename(path.with_name(path.name + ".tmp")),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
async def test_a_torn_checkpoint_of_a_later_line_asks(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    data, clock = tmp_path / "data", FakeClock()
    spoil(await _copied_back(data, clock))
    code, said = run_verify(data)
    assert (code, OLDER in said) == (1, True)
    async with run(data, clock) as ledger:
        assert (ledger.recovery.doubt, ledger.book.doubt) == ("views", "views")


async def test_verify_fails_where_the_last_lines_are_missing(tmp_path: Path) -> None:
    async with run(tmp_path, FakeClock()) as ledger:
        await ledger.commit(adds(opened()))
    (segment,) = (tmp_path / "ledger").glob("*.jsonl")
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:-1]))
    code, said = run_verify(tmp_path)
    assert (code, said.splitlines()[-1]) == (1, OLDER)


async def test_what_was_put_aside_and_no_segment_is_no_new_ledger(tmp_path: Path) -> None:
    """A start that puts a torn tail aside leaves its segment, cut: also where nothing is left in it."""
    async with run(tmp_path, FakeClock()):
        pass
    (segment,) = (tmp_path / "ledger").glob("*.jsonl")
    for view in ("audit.json", "cooldown.json"):
        (tmp_path / view).unlink()
    segment.write_bytes(segment.read_bytes()[:50])  # the first group is torn
    async with run(tmp_path, FakeClock()) as ledger:
        assert ledger.recovery.quarantined == 50
    for view in ("audit.json", "cooldown.json"):
        (tmp_path / view).unlink()
    segment.write_bytes(b"")
    async with run(tmp_path, FakeClock()) as ledger:
        assert ledger.recovery.corrupt is None
    for view in ("audit.json", "cooldown.json"):
        (tmp_path / view).unlink()
    segment.unlink()
    ledger = FileLedger.open(tmp_path, FakeClock())
    assert "yet quarantine is there" in str(ledger.closed)
    await ledger.close()
    code, said = run_verify(tmp_path)
    assert (code, "quarantine shows that there was one" in said) == (1, True)
    assert said.endswith(f"moves ledger out of {tmp_path}")
