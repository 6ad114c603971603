"""The rows of years of cases: what each says is what its case says, and who asks waits for nothing else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain import events as ev
from bot.domain.case import restoring_of
from bot.domain.figures.case import Decision, Summary, summary
from bot.domain.figures.past import Cases, Fallen, Which
from bot.domain.incident import Kind
from bot.domain.regional import Whose
from bot.domain.rules import Rules
from bot.storage.disk import Disk
from bot.storage.past import chronicle
from bot.storage.past.chronicle import FileChronicle
from bot.storage.past.history import Archive, FileHistory
from bot.storage.past.index import Index
from bot.storage.past.recall import Recall
from bot.storage.past.summaries import Summaries
from bot.storage.past.telling import tell
from tests.fakes import ANA, BRUNO, FakeClock, incident, port
from tests.patience import PATIENCE
from tests.storage.past.histories import BEGIN, Dated, Story, write
from tests.storage.samples import PLAN

OF_REGIONS = Rules(regions={"NORTE": Rules(), "SUL": Rules()})
SP = ZoneInfo("America/Sao_Paulo")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def archive(folder: Path, upto: int | None = None) -> Archive:
    made = Archive(folder, Disk(), folder / "ledger" / "index.sqlite")
    while not made.step(upto, 9.0):
        pass
    return made


def rows(of: Archive, which: Which = Which(), skip: int = 0, most: int = 9999) -> Cases:  # noqa: B008
    return of.ask(lambda index, _: Summaries(index).cases(which, skip, most))


def in_seconds(row: Summary) -> Summary:
    """As the index has it."""
    falls = tuple(replace(fall, began=_cut(fall.began), ended=_cut(fall.ended)) for fall in row.falls)
    times = {name: _cut(getattr(row, name)) for name in ("opened", "began", "ended", "decided")}
    return replace(row, falls=falls, **times)  # type: ignore[arg-type]


def _cut(at: datetime | None) -> datetime:
    return None if at is None else at.replace(microsecond=0)  # type: ignore[return-value]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), parts=st.lists(st.integers(0, 150), max_size=3))
@example(seed=999999, parts=[141])  # a clock is set back: what was dated later has another date
def test_a_row_says_what_its_case_says_however_often_it_was_made(
    seed: int, parts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    story = Story(seed).tell(150)
    folder = tmp_path_factory.mktemp("ledger")
    write(folder, story.groups)
    for upto in (*sorted(parts), None):
        read = archive(folder, upto)
        assert read.ask(lambda index, recall: tell(index, recall, 9.0)) == 0
        last = rows(read).rows
        read.close()
    book = story.book
    expected = [
        in_seconds(summary(case, book.cases.get(restoring_of(number))))
        for number, case in sorted(book.cases.items(), reverse=True)
        if number > 0
    ]
    assert list(last) == expected


def test_what_is_new_comes_first_and_what_is_left_is_counted(tmp_path: Path) -> None:
    opened: list[Dated] = [
        (BEGIN + n * HOUR, ev.CaseOpened(n, incident(n, place=f"1/{n}"))) for n in range(1, 26)
    ]
    write(tmp_path, [[line] for line in opened])
    read = archive(tmp_path)
    assert (rows(read).total, rows(read).unread) == (0, 25)
    assert read.ask(lambda index, recall: tell(index, recall, 0.0)) == 24
    found = rows(read)
    assert ([row.case for row in found.rows], found.unread) == ([25], 24)
    assert read.ask(lambda index, recall: tell(index, recall, 9.0)) == 0
    assert [row.case for row in rows(read, skip=5, most=3).rows] == [20, 19, 18]
    assert rows(read).total == 25
    read.close()


def test_a_number_that_is_no_case_is_no_row(tmp_path: Path) -> None:
    write(tmp_path, [[(BEGIN, ev.TapRefused(ANA, "approve", "unknown_case", 4711))]])
    read = archive(tmp_path)
    assert read.ask(lambda index, recall: tell(index, recall, 9.0)) == 0
    assert rows(read) == Cases([], 0, 0)
    read.close()


LINES: list[Dated] = [
    (BEGIN, ev.CaseOpened(1, incident(1, olt="CB 01", place="1/1", affected=30, started=BEGIN))),
    (BEGIN + HOUR / 2, ev.Approved(1, ANA, (port("1/1"),))),
    (BEGIN + HOUR / 2, ev.Planned(1, 3, PLAN)),
    (BEGIN + HOUR, ev.Settled(1, "done")),
    (BEGIN + HOUR, ev.CauseNamed(1, ANA, "rompimento na BR-040", "campo")),
    (BEGIN + 2 * HOUR, ev.IncidentEnded(1)),
    (
        BEGIN + DAY,
        ev.CaseOpened(
            2,
            replace(incident(2, olt="São João", place="2/2", started=BEGIN + DAY), kind=Kind.POWER),
            region="SUL",
        ),
    ),
    (BEGIN + DAY + timedelta(minutes=3), ev.Denied(2, BRUNO, "known")),
    (BEGIN + DAY + HOUR, ev.IncidentEnded(2)),
    (
        BEGIN + 2 * DAY,
        ev.CaseOpened(3, incident(3, olt="CB 01", place="1/1", affected=7, started=BEGIN + 2 * DAY)),
    ),
    (BEGIN + 2 * DAY + HOUR, ev.IncidentEnded(3)),
    (
        BEGIN + 3 * DAY,
        ev.CaseOpened(4, incident(4, olt="CB 01", place="1/2", affected=None, started=BEGIN + 3 * DAY)),
    ),
]


@pytest.fixture
async def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FileChronicle]:
    monkeypatch.setattr(chronicle, "_SECONDS", 60.0)  # all rows are made, however busy the machine is
    write(tmp_path, [[line] for line in LINES])
    clock = FakeClock(BEGIN + 4 * DAY)
    history = FileHistory(tmp_path, lambda: None, clock)
    yield FileChronicle(history, clock)
    await history.close()


@pytest.mark.parametrize(
    ("which", "cases"),
    [
        (Which(), [4, 3, 2, 1]),
        (Which(first=BEGIN + DAY), [4, 3, 2]),
        (Which(before=BEGIN + DAY), [1]),
        (Which(olt="CB 01"), [4, 3, 1]),
        (Which(kind=Kind.POWER), [2]),
        (Which(decision=Decision.DENIED), [2]),
        (Which(decision=Decision.UNDECIDED), [3]),
        (Which(decision=Decision.NOBODY), [1]),
        (Which(decision=Decision.WAITING), [4]),
        (Which(who=ANA.id), [1]),
        (Which(text="sao joao"), [2]),
        (Which(text="BRUNO 2/2"), [2]),
        (Which(text="br-040"), [1]),
        (Which(text="#3"), [3]),
        (Which(text="4"), [4, 1]),  # the other one has it in its cause
        (Which(text="9" * 30), []),
        (Which(whose=Whose(frozenset({"SUL"}), OF_REGIONS)), [2]),
        (Which(whose=Whose(frozenset({"", "NORTE"}), OF_REGIONS)), [4, 3, 1]),
        (Which(whose=Whose(frozenset({""}), Rules(regions={"NORTE": Rules()}))), [4, 3, 2, 1]),
        (Which(whose=Whose(frozenset({"SUL"}), OF_REGIONS), olt="CB 01"), []),
        (Which(text="1/1 %"), []),
        (Which(text="' or 1 --"), []),
        (Which(first=BEGIN + DAY, olt="CB 01", text="1/1"), [3]),
    ],
)
async def test_the_cases_that_are_meant(past: FileChronicle, which: Which, cases: list[int]) -> None:
    found = await past.cases(which, 0, 50)
    assert [row.case for row in found.rows] == cases
    assert (found.total, found.unread) == (len(cases), 0)


async def test_what_they_can_be_chosen_by(past: FileChronicle) -> None:
    found = await past.choices()
    assert (list(found.olts), list(found.people)) == (["CB 01", "São João"], [(1, "Ana"), (2, "Bruno")])


async def test_what_they_come_to(past: FileChronicle) -> None:
    first = BEGIN.date()
    found = await past.figures(Which(), first, first + 3 * DAY, SP)
    assert found.cases == 4
    assert [bucket.off for bucket in found.days] == [30, 3, 7, 0]
    assert found.falls == (
        Fallen("CB 01 1/1", 2, 3 * 3600),
        Fallen("CB 01 1/2", 1, 24 * 3600),  # still on
        Fallen("São João 2/2", 1, 3600),
    )
    assert (found.waits, found.median) == ((0, 0, 1, 0, 1, 0), (180 + 1800) / 2)
    south = Which(whose=Whose(frozenset({"SUL"}), OF_REGIONS))
    theirs = await past.figures(south, first, date(2026, 2, 2), SP)
    assert (theirs.cases, [one.label for one in theirs.falls]) == (1, ["São João 2/2"])
    alone = await past.figures(Which(olt="CB 01"), first, date(2026, 2, 2), SP)
    assert {fallen.label for fallen in alone.falls} == {"CB 01 1/1", "CB 01 1/2"}


async def test_rows_are_made_beside_what_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, [[line] for line in LINES])
    clock = FakeClock(datetime(2026, 3, 1, tzinfo=UTC), auto=True)
    history = FileHistory(tmp_path, lambda: None, clock)
    monkeypatch.setattr(chronicle, "_SECONDS", -1.0)
    kept = FileChronicle(history, clock)
    assert (await kept.cases(Which(), 0, 9)).unread == 3, "one at the least, so that it comes to an end"
    history.start(rows=True)
    async with asyncio.timeout(PATIENCE):
        while await history.ask(_left):  # noqa: ASYNC110 - a thread makes them
            await asyncio.sleep(0.005)
    await history.close()


def _left(index: Index, _: Recall) -> int:
    return Summaries(index).left()
