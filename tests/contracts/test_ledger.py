"""What every ledger keeps to (bot/ports.py, Ledger), in files, in PostgreSQL and in memory."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.domain import events as ev
from bot.domain.book import Book
from bot.domain.plan import Outcome
from bot.domain.who import Who
from bot.errors import Declined, LedgerClosed
from bot.storage.files import FileLedger
from bot.storage.memory import MemoryLedger
from bot.storage.postgres.ledger import PostgresLedger
from tests.fakes import ANA, BRUNO, NOON, FakeClock, incident, port
from tests.storage.samples import EVERY_KIND, adds, dispatch, opened

AnyLedger = FileLedger | MemoryLedger  # and PostgresLedger, which is a FileLedger


class Place(ABC):
    """Where a ledger is kept, so that a test can open it again."""

    def __init__(self) -> None:
        self.clock = FakeClock()

    @abstractmethod
    async def open(self) -> AnyLedger:
        """The ledger as it was left."""

    @abstractmethod
    async def close(self) -> None:
        """Leave it in order."""


class Files(Place):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.ledger: FileLedger | None = None

    async def open(self) -> FileLedger:
        await self.close()
        self.ledger = FileLedger.open(self.folder, self.clock)
        return self.ledger

    async def close(self) -> None:
        if self.ledger is not None:
            await self.ledger.close()


class Postgres(Place):
    def __init__(self, folder: Path, url: str) -> None:
        super().__init__()
        self.folder, self.url = folder, url
        self.ledger: PostgresLedger | None = None

    async def open(self) -> PostgresLedger:
        await self.close()
        self.ledger = await PostgresLedger.open(self.url, self.folder, self.clock)
        return self.ledger

    async def close(self) -> None:
        if self.ledger is not None:
            await self.ledger.close()


class PostgresAnew(Postgres):
    """On another machine each time: nothing is there but what PostgreSQL has."""

    async def open(self) -> PostgresLedger:
        await self.close()
        self.folder = self.folder.with_name(f"{self.folder.name}-")
        return await super().open()


class Memory(Place):
    def __init__(self) -> None:
        super().__init__()
        self.ledger = MemoryLedger(self.clock)

    async def open(self) -> MemoryLedger:
        await self.close()
        self.ledger = MemoryLedger(self.clock, self.ledger.lines)
        return self.ledger

    async def close(self) -> None:
        await self.ledger.close()


_ONE = pytest.mark.process
KINDS = ["files", "memory", pytest.param("postgres", marks=_ONE), pytest.param("postgres anew", marks=_ONE)]


@pytest.fixture(params=KINDS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    folder, kind = tmp_path / "data", request.param
    made: Place
    if kind in {"files", "memory"}:
        made = Files(folder) if kind == "files" else Memory()
    else:
        made = (Postgres if kind == "postgres" else PostgresAnew)(folder, request.getfixturevalue("database"))
    yield made
    await made.close()


@pytest.fixture
async def ledger(place: Place) -> AnyLedger:
    return await place.open()


def claim(who: Who) -> ev.Approved:
    return ev.Approved(1, who, (port(),))


def approve_once(who: Who):  # type: ignore[no-untyped-def]  # noqa: ANN201
    def write(book: Book, _now: datetime) -> Sequence[ev.Line]:
        if book.cases[1].running:
            raise Declined("taken", by=book.cases[1].dispatches[-1].by.name)
        return (claim(who),)

    return write


async def test_a_new_ledger_is_open_and_empty(ledger: AnyLedger) -> None:
    assert ledger.closed is None
    assert ledger.book.cases == {}
    await ledger.flush()


async def test_commit_gives_back_its_lines_and_they_are_in_the_book(ledger: AnyLedger) -> None:
    lines = await ledger.commit(adds(opened(), ev.CardPosted(1, -100, 7)))
    assert list(lines) == [opened(), ev.CardPosted(1, -100, 7)]
    card = ledger.book.cases[1].card
    assert card is not None
    assert card.message == 7


async def test_of_two_claims_at_once_one_wins_and_the_other_sees_it(ledger: AnyLedger) -> None:
    await ledger.commit(adds(opened()))
    first, second = await asyncio.gather(
        ledger.commit(approve_once(ANA)), ledger.commit(approve_once(BRUNO)), return_exceptions=True
    )
    assert list(first) == [claim(ANA)]  # type: ignore[arg-type]
    assert isinstance(second, Declined)
    assert second.facts == {"by": "Ana"}
    assert len(ledger.book.cases[1].dispatches) == 1


async def test_what_a_rule_raises_passes_through_and_adds_nothing(place: Place, ledger: AnyLedger) -> None:
    def broken(_book: Book, _now: datetime) -> Sequence[ev.Line]:
        raise ZeroDivisionError

    await ledger.commit(adds(opened()))
    with pytest.raises(ZeroDivisionError):
        await ledger.commit(broken)
    assert ledger.closed is None
    again = await place.open()
    assert list(again.book.cases) == [1]
    assert again.book.audit == []


async def test_a_rule_that_adds_nothing_is_no_group(ledger: AnyLedger) -> None:
    assert list(await ledger.commit(adds())) == []


async def test_everything_is_there_in_order_after_a_restart(place: Place, ledger: AnyLedger) -> None:
    refusals = [ev.TapRefused(BRUNO, "approve", f"no {number}") for number in range(60)]
    await asyncio.gather(*(ledger.commit(adds(line)) for line in refusals))
    again = await place.open()
    assert [entry.line for entry in again.book.audit] == refusals


async def test_a_note_is_seen_at_once_and_kept(place: Place, ledger: AnyLedger) -> None:
    await ledger.commit(adds(*dispatch()))
    await ledger.commit(adds(ev.Intent(1, "c1")))
    ledger.note(ev.Result(1, "c1", Outcome.ACCEPTED, "wamid.1"))
    progress = ledger.book.cases[1].dispatches[0].progress
    assert progress is not None
    assert progress.results["c1"].reference == "wamid.1"
    await ledger.flush()
    again = await place.open()
    kept = again.book.cases[1].dispatches[0].progress
    assert kept is not None
    assert kept.results == progress.results


async def test_a_note_keeps_its_place_before_a_later_commit(place: Place, ledger: AnyLedger) -> None:
    first, second = ev.TapRefused(ANA, "a", "first"), ev.TapRefused(ANA, "b", "second")
    ledger.note(first)
    await ledger.commit(adds(second))
    again = await place.open()
    assert [entry.line for entry in again.book.audit] == [first, second]


async def test_now_never_goes_back_when_the_clock_does(place: Place, ledger: AnyLedger) -> None:
    seen = []

    def look(_book: Book, now: datetime) -> Sequence[ev.Line]:
        seen.append(now)
        return (ev.TapRefused(ANA, "approve", "late"),)

    await ledger.commit(look)
    place.clock.time = NOON - timedelta(hours=3)
    await ledger.commit(look)
    ledger.note(ev.TapRefused(ANA, "approve", "noted"))
    await ledger.flush()
    again = await place.open()
    await again.commit(look)
    assert seen == [NOON, NOON, NOON]
    assert [entry.at for entry in again.book.audit] == [NOON] * 4


async def test_listeners_hear_of_lines_once_they_are_kept(ledger: AnyLedger) -> None:
    heard: list[ev.Line] = []
    ledger.listeners.append(heard.extend)
    await ledger.commit(adds(opened()))
    ledger.note(ev.IncidentEnded(1))
    await ledger.flush()
    assert heard == [opened(), ev.IncidentEnded(1)]


async def test_a_listener_that_fails_stops_nothing(ledger: AnyLedger) -> None:
    def broken(_lines: Sequence[ev.Line]) -> None:
        raise RuntimeError

    ledger.listeners.append(broken)
    await ledger.commit(adds(opened()))
    await ledger.commit(adds(ev.IncidentEnded(1)))
    assert ledger.closed is None


async def test_a_line_that_does_not_fit_the_state_closes_the_ledger(place: Place, ledger: AnyLedger) -> None:
    told: list[str] = []
    ledger.on_closed = told.append
    with pytest.raises(LedgerClosed):
        await ledger.commit(adds(ev.Intent(9, "c1")))
    with pytest.raises(LedgerClosed):
        await ledger.commit(adds(claim(ANA)))
    assert told == [ledger.closed]
    again = await place.open()
    assert again.closed is None
    assert again.book.cases == {}


async def test_a_closed_ledger_takes_observations_only_and_only_into_the_book(
    place: Place, ledger: AnyLedger
) -> None:
    await ledger.commit(adds(opened()))
    await ledger.close()
    await ledger.commit(adds(opened(2), ev.CardPosted(2, -100, 8)))
    ledger.note(ev.IncidentChanged(2, incident(2, affected=9)))
    ledger.note(ev.TapRefused(BRUNO, "approve", "ledger_closed"))
    assert ledger.book.cases[2].incident.affected == 9
    for line in EVERY_KIND:
        if line.kind in {"approved", "denied", "planned", "intent", "result", "settled", "cooldown_released"}:
            with pytest.raises(LedgerClosed):
                ledger.note(line)
            with pytest.raises(LedgerClosed):
                await ledger.commit(adds(opened(3), line))
    with pytest.raises(LedgerClosed):
        await ledger.flush()
    assert sorted(ledger.book.cases) == [1, 2]
    again = await place.open()
    assert sorted(again.book.cases) == [1]


async def test_close_keeps_what_was_noted_and_leaves_no_task(place: Place, ledger: AnyLedger) -> None:
    ledger.note(opened())
    await ledger.close()
    await ledger.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    again = await place.open()
    assert list(again.book.cases) == [1]
