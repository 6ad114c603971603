"""What the ledger says of its past is what a book says that never forgot."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chat.screens.pages.audit_entries import matching
from bot.chat.screens.words import Words
from bot.domain import events as ev
from bot.domain.book import AuditEntry, Book, WholeBook
from bot.domain.phone import phone_key
from bot.domain.regional import Whose, book_of
from bot.domain.rules import Rules
from bot.errors import Declined
from bot.ports import Wish
from bot.storage.disk import Disk
from bot.storage.past import history
from bot.storage.past.history import Archive, FileHistory
from bot.storage.past.index import Index
from bot.storage.past.recall import Recall
from bot.storage.past.tables import Place
from tests.fakes import ANA, FakeClock, incident, port
from tests.patience import PATIENCE
from tests.storage.past.histories import BEGIN, Dated, Story, write
from tests.storage.samples import PLAN, dispatch

WORDS = Words("pt_BR", ZoneInfo("America/Sao_Paulo"))
_NORTH_AND_SOUTH = {"NORTE": Rules(olts=("cb 01",)), "SUL": Rules(olts=("cb 02",))}
OF_REGIONS = Rules(regions=_NORTH_AND_SOUTH)  # the third OLT of a story is nobody's
FILTERS = ("", "cb 01", "cb 02 1/1", "6/15", "água 1/2", "nenhum lugar")


class Past:
    """A ledger's past, asked without an event loop."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.archive = Archive(folder, disk or Disk(), folder / "ledger" / "index.sqlite")

    def read(self, upto: int | None = None, seconds: float = 9.0) -> "Past":
        while not self.archive.step(upto, seconds):
            pass
        return self

    def case(self, number: int) -> Book:
        return self.archive.ask(lambda _index, recall: recall.fold([number])).book

    def audit(self, wish: Wish, skip: int = 0, most: int = 9999) -> tuple[int, list[AuditEntry]]:
        found = self.archive.ask(lambda index, recall: history._page(index, recall, wish, skip, most))
        return found.total, list(found.entries)

    def ask_index(self) -> Index:
        return self.archive.ask(lambda index, _recall: index)


def at(filter_text: str) -> Wish:
    return Wish((lambda label: filter_text in label) if filter_text else None)


def ledger(tmp_path: Path, *lines: Dated) -> Past:
    write(tmp_path, [[line] for line in lines])
    return Past(tmp_path).read()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), parts=st.lists(st.integers(0, 200), max_size=3))
def test_tells_what_a_book_says_that_forgets_nothing(
    seed: int, parts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    story = Story(seed).tell(200)
    folder = tmp_path_factory.mktemp("ledger")
    write(folder, story.groups)
    past = Past(folder)
    for upto in sorted(parts):
        past.read(upto, 0)
    past.read()
    for number, case in story.book.cases.items():
        assert past.case(number).cases[number] == case
    for text in FILTERS:
        plain = list(matching(story.book, text, WORDS, story.at))
        everything = list(matching(story.book, text, WORDS, story.at, refused=True))
        wish = at(text)
        assert past.audit(wish) == (len(plain), plain)
        assert past.audit(Wish(wish.place, refused="also")) == (len(everything), everything)
        assert past.audit(wish, 3, 4) == (len(plain), plain[3:7])
    refused = list(matching(story.book, "recusados", WORDS, story.at))
    assert past.audit(Wish(refused="only")) == (len(refused), refused)
    for regions in ({"NORTE"}, {"SUL"}, {""}, {"NORTE", ""}):
        whose = Whose(frozenset(regions), OF_REGIONS)
        shown = book_of(story.book, whose)
        for text in FILTERS:
            theirs = list(matching(shown, text, WORDS, story.at))
            assert past.audit(replace(at(text), whose=whose)) == (len(theirs), theirs)


def test_an_old_case_is_read_without_the_years_between(tmp_path: Path) -> None:
    class Counted(Disk):
        read_bytes = 0

        def part(self, path: Path, start: int, size: int) -> bytes:
            self.read_bytes += size
            return super().part(path, start, size)

    days = [BEGIN + timedelta(days=n) for n in range(400)]
    write(tmp_path, [[(day, line) for line in dispatch(n)] for n, day in enumerate(days, 1)])
    disk = Counted()
    past = Past(tmp_path, disk).read()
    disk.read_bytes = 0
    assert 1 in past.case(1).cases
    size = sum(path.stat().st_size for path in (tmp_path / "ledger").glob("*.jsonl"))
    assert disk.read_bytes < size / 40


def test_months_without_a_line_and_more_than_a_year_of_them(tmp_path: Path) -> None:
    opened = [
        (BEGIN + timedelta(days=31 * n), ev.CaseOpened(n + 1, incident(n, place=f"1/{n}")))
        for n in range(0, 30, 2)
    ]
    write(tmp_path, [[line] for line in opened])
    (tmp_path / "ledger" / "2026-03.jsonl").touch()
    past = Past(tmp_path).read()
    assert past.case(29).cases[29].opened_at == BEGIN + timedelta(days=31 * 28)
    assert Past(tmp_path).read().case(1).cases[1].opened_at == BEGIN
    assert past.ask_index().cases() == [*range(1, 31, 2)]


def test_of_a_day(tmp_path: Path) -> None:
    days = [BEGIN + timedelta(days=n) for n in range(3)]
    past = ledger(
        tmp_path, (BEGIN, ev.CaseOpened(1, incident())), *((day, ev.Assumed(1, ANA)) for day in days)
    )
    total, found = past.audit(Wish(between=(days[1], days[2])))
    assert (total, [entry.at for entry in found]) == (1, [days[1]])


def test_a_customers_cases_by_a_hash_alone(tmp_path: Path) -> None:
    past = ledger(
        tmp_path,
        (BEGIN, ev.CaseOpened(1, incident())),
        (BEGIN, ev.Approved(1, ANA, (port(),))),
        (BEGIN, ev.Planned(1, 3, PLAN)),
    )
    phone = PLAN[0].phone
    assert phone is not None
    index = past.ask_index()
    assert len(index.plans_of(phone_key(phone))) == 1
    assert index.plans_of("6100000000") == []
    assert (index.plans_about([1]), index.plans_about([2])) == (index.plans_of(phone_key(phone)), [])
    path = tmp_path / "ledger" / "index.sqlite"
    assert path.stat().st_mode & 0o777 == 0o600
    written = path.read_bytes()
    assert not any(text.encode() in written for text in (phone, phone_key(phone), "Maria"))


def test_a_group_that_is_not_whole_or_not_durable_is_not_told(tmp_path: Path) -> None:
    write(tmp_path, [[(BEGIN, ev.CaseOpened(1, incident()))], [(BEGIN, ev.Assumed(1, ANA))]])
    assert Past(tmp_path).read(1).audit(at(""))[0] == 0
    path = tmp_path / "ledger" / "2026-01.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines(keepends=True)[1].replace(b'"left":0', b'"left":1'))
    assert Past(tmp_path).read().audit(at(""))[0] == 1


@pytest.fixture
async def past(tmp_path: Path) -> AsyncIterator[FileHistory]:
    write(tmp_path, Story(3).tell(60).groups)
    found = FileHistory(tmp_path, lambda: None, FakeClock(datetime(2026, 3, 1, tzinfo=UTC)))
    yield found
    await found.close()


async def test_it_reads_by_itself_once_the_start_is_over(tmp_path: Path) -> None:
    write(tmp_path, Story(3).tell(60).groups)
    clock, index = FakeClock(), tmp_path / "ledger" / "index.sqlite"
    found = FileHistory(tmp_path, lambda: None, clock)
    found.start()
    await clock.advance(59)
    assert not index.exists()
    await clock.advance(1)
    async with asyncio.timeout(PATIENCE):
        while not index.exists():  # noqa: ASYNC110 - a thread makes it
            await asyncio.sleep(0.005)
    await found.close()


async def test_it_answers_beside_its_reading(past: FileHistory) -> None:
    past.start()
    book, found = await asyncio.gather(past.case(1), past.audit(Wish(), 0, 2))
    assert 1 in book.cases
    assert len(found.entries) == 2 < found.total


async def test_a_case_that_never_was(past: FileHistory) -> None:
    with pytest.raises(Declined, match="unknown_case"):
        await past.case(4711)


async def test_whoever_waits_too_long_is_told(past: FileHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_PATIENCE", 0.0)
    with pytest.raises(Declined, match="history_reading"):
        await past.case(1)


async def test_a_disk_that_does_not_answer_is_told(tmp_path: Path) -> None:
    class Dead(Disk):
        def names(self, folder: Path) -> list[str]:
            raise OSError(5, "Input/output error")

    write(tmp_path, Story(3).tell(60).groups)
    dead = FileHistory(tmp_path, lambda: None, FakeClock(), Dead())
    with pytest.raises(Declined, match="history_away"):
        await dead.audit(Wish(), 0, 8)
    await dead.close()


def test_one_answer_tells_of_so_many_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_CASES", 2)
    lines: list[Dated] = [(BEGIN, ev.CaseOpened(n, incident(n))) for n in range(1, 6)]
    past = ledger(tmp_path, *lines, *((BEGIN, ev.Assumed(n, ANA)) for n in range(1, 6)))
    total, entries = past.audit(at(""))
    assert (total, [entry.case for entry in entries]) == (5, [5, 4])


def test_recall_takes_no_line_after_a_place(tmp_path: Path) -> None:
    past = ledger(tmp_path, (BEGIN, ev.CaseOpened(1, incident())), (BEGIN, ev.Assumed(1, ANA)))
    index = past.ask_index()
    first = index.extents([1])[1][0]
    folded = Recall(Disk(), tmp_path, index).fold([1], upto=Place(first.segment, first.first))
    assert folded.book.cases[1].owner is None


@pytest.mark.bug("a case whose incident went to one that had crashed and sent again could not be told")
def test_what_took_an_incident_of_it_is_told_with_the_starts_of_before(tmp_path: Path) -> None:
    hours = [BEGIN + timedelta(hours=n) for n in range(6)]
    lines: list[Dated] = [
        *((hours[0], line) for line in (*dispatch(), ev.Intent(1, "c1"))),
        (hours[1], ev.Started("2")),
        (hours[2], ev.Resent(1, ("c1",), ANA)),
        (hours[3], ev.CaseOpened(2, incident("2", place="1/1"))),
        (hours[4], ev.IncidentJoined(1, incident("2", place="1/1"))),
    ]
    whole = WholeBook()
    for at_, line in lines:
        whole.apply(at_, line)
    assert ledger(tmp_path, *lines).case(2).cases[2] == whole.cases[2]
