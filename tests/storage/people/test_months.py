"""`people/`: written before the line, read whatever was torn, taken away when it is due."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from errno import EIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.domain import events as ev
from bot.domain.book import Book
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.past.history import FileHistory
from bot.storage.people import months
from bot.storage.people.key import NAME
from bot.storage.people.months import FOLDER, Listed, Person
from tests.fakes import NOON, FakeClock
from tests.storage.disks import QuickDisk
from tests.storage.samples import adds, dispatch

DISK = QuickDisk()
ANA = Person("c1", 'Ana "Zé" \u2028', "5561999990001")
LISTED = Listed((1, 1), NOON, (ANA, Person("r2", "", None)))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PEOPLE = st.lists(st.builds(Person, TEXTS, TEXTS, st.none() | TEXTS), max_size=4).map(tuple)


@given(PEOPLE, st.integers(-999, 999), st.datetimes(datetime(2000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_line_comes_back_as_it_was(people: tuple[Person, ...], case: int, at: datetime) -> None:
    listed = Listed((case, 3), at, people)
    raw = listed.dump()
    assert raw.count(b"\n") == 1
    assert months.read(raw[:-1]) == listed


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_changed_bit_is_nobody(place: int, bit: int) -> None:
    raw = bytearray(LISTED.dump()[:-1])
    raw[place % len(raw)] ^= 1 << bit
    assert months.read(bytes(raw)) is None


def test_torn_anywhere_what_follows_is_whole(tmp_path: Path) -> None:
    whole = LISTED.dump()
    path = tmp_path / FOLDER / "2026-11.jsonl"
    for size in range(len(whole)):
        months.append(DISK, tmp_path, [LISTED])
        path.write_bytes(path.read_bytes()[:size])
        months.append(DISK, tmp_path, [Listed((2, 1), NOON, (ANA,))])
        found = months.find(DISK, tmp_path, NOON, {(1, 1), (2, 1)})
        assert found.keys() == ({(1, 1), (2, 1)} if size == len(whole) - 1 else {(2, 1)})
        path.unlink()


def test_the_last_line_about_a_plan_counts(tmp_path: Path) -> None:
    months.append(DISK, tmp_path, [LISTED])
    months.append(DISK, tmp_path, [Listed((1, 1), NOON + timedelta(days=9), (Person("c1", "Bia", None),))])
    assert months.find(DISK, tmp_path, NOON, {(1, 1)})[1, 1].people[0].name == "Bia"
    assert months.find(DISK, tmp_path, NOON + timedelta(days=9), {(1, 1)}).keys() == {(1, 1)}
    assert months.find(DISK, tmp_path, NOON + timedelta(days=40), {(1, 1)}) == {}


async def lives(ledger: FileLedger, clock: FakeClock, until: datetime) -> None:
    """It runs, and a day more."""
    for at in (until, until + timedelta(days=1)):
        clock.time = at
        await ledger.commit(adds(ev.Alive()))


async def test_a_clock_that_jumps_ahead_takes_nothing_away_on_the_same_day(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, DISK)
    await ledger.commit(adds(ev.Started("1", key=ledger.key), *dispatch()))
    clock.time += timedelta(days=400)
    assert await ledger.let_go(30) == []
    await ledger.commit(adds(ev.Alive()))
    assert await ledger.let_go(30) == []
    clock.time += timedelta(hours=23)
    await ledger.commit(adds(ev.Alive()))
    assert await ledger.let_go(30) == []
    clock.time += timedelta(hours=2)
    await ledger.commit(adds(ev.Alive()))
    assert await ledger.let_go(30) == ["2026-11.jsonl"]
    await ledger.close()


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 12, 30, 23, 59, tzinfo=UTC), []),
        (datetime(2026, 12, 31, tzinfo=UTC), ["2026-11.jsonl"]),
        (datetime(2027, 1, 29, 23, 59, tzinfo=UTC), ["2026-11.jsonl"]),
        (datetime(2027, 1, 31, tzinfo=UTC), ["2026-11.jsonl", "2026-12.jsonl"]),
        (datetime(2031, 1, 1, tzinfo=UTC), ["2026-11.jsonl", "2026-12.jsonl"]),
    ],
)
async def test_a_month_goes_when_its_last_day_is_so_long_ago(
    tmp_path: Path, now: datetime, due: list[str]
) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, DISK)
    await ledger.commit(adds(*dispatch()))
    clock.time = datetime(2026, 12, 5, tzinfo=UTC)
    await ledger.commit(adds(*dispatch(2), ev.Alive()))
    (tmp_path / FOLDER / "notes.txt").write_text("mine")
    await lives(ledger, clock, now)
    before = {case: ledger.book.cases[case].dispatches[0].sends.tally() for case in (1, 2)}
    assert await ledger.let_go(30) == due
    left = {path.name for path in (tmp_path / FOLDER).iterdir()}
    assert left == {"2026-11.jsonl", "2026-12.jsonl", "notes.txt"} - set(due)
    for case, month in ((1, "2026-11.jsonl"), (2, "2026-12.jsonl")):
        one = ledger.book.cases[case].dispatches[0].sends.recipients["c2"]
        assert (one.name, one.phone) == (("", None) if month in due else ("Maria", "5561999990002"))
        assert one.person == ledger.person("5561999990002")
        assert ledger.book.cases[case].dispatches[0].sends.tally() == before[case]
    live = ledger.book
    await ledger.close()
    again = FileLedger.open(tmp_path, clock, DISK)
    assert again.book == live, "a start knows the same"
    await again.close()


@pytest.mark.bug("names of a month that was taken away stayed in memory where the next file could not be")
async def test_what_is_due_leaves_memory_whatever_the_disk_does(tmp_path: Path) -> None:
    class Stuck(QuickDisk):
        def remove(self, path: Path) -> None:
            if path.name == "2026-12.jsonl":
                raise OSError(EIO, "as asked for")
            super().remove(path)

    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, Stuck())
    await ledger.commit(adds(*dispatch()))
    clock.time = datetime(2026, 12, 5, tzinfo=UTC)
    await ledger.commit(adds(*dispatch(2)))
    clock.time = datetime(2027, 1, 5, tzinfo=UTC)
    await ledger.commit(adds(*dispatch(3)))
    await lives(ledger, clock, datetime(2027, 2, 5, tzinfo=UTC))
    with pytest.raises(OSError, match="as asked for"):
        await ledger.let_go(30)
    names = {
        number: {r.name for r in case.dispatches[0].sends.recipients.values()}
        for number, case in ledger.book.cases.items()
    }
    assert names == {1: {""}, 2: {""}, 3: {'João d\'Ávila "Zé"', "Maria", "Sem telefone"}}
    assert [path.name for path in sorted((tmp_path / FOLDER).iterdir())] == ["2026-12.jsonl", "2027-01.jsonl"]
    await ledger.close()


@pytest.mark.bug("half of a character in a customer's name closed the ledger")
async def test_half_of_a_character_in_a_name_is_a_question_mark(tmp_path: Path) -> None:
    clock, half = FakeClock(), "Ana \ud83d"
    ledger = FileLedger.open(tmp_path, clock, DISK)
    case, approved, planned = dispatch()
    assert isinstance(planned, ev.Planned)
    named = tuple(replace(one, name=half) for one in planned.recipients)
    await ledger.commit(
        adds(ev.Started("1", key=ledger.key), case, approved, replace(planned, recipients=named))
    )
    assert ledger.closed is None
    await ledger.close()
    again = FileLedger.open(tmp_path, clock, DISK)
    assert {r.name for r in again.book.cases[1].dispatches[0].sends.recipients.values()} == {"Ana ?"}
    await again.close()


async def test_a_file_of_a_year_that_no_calendar_has_is_nobodys(tmp_path: Path) -> None:
    people = tmp_path / FOLDER
    people.mkdir()
    for name in ("0000-01.jsonl", "9999-12.jsonl"):
        (people / name).write_bytes(LISTED.dump())
    ledger = FileLedger.open(tmp_path, FakeClock(), DISK)
    assert await ledger.let_go(30) == []
    await ledger.close()
    assert DISK.names(people) == ["0000-01.jsonl", "9999-12.jsonl"]


async def test_what_a_killed_forgetting_left_goes_at_a_start_and_with_the_next(tmp_path: Path) -> None:
    people = tmp_path / FOLDER
    people.mkdir()
    for name in ("2026-11.jsonl.tmp", "2026-05.jsonl.tmp", "notes.tmp"):
        (people / name).write_bytes(LISTED.dump())
    ledger = FileLedger.open(tmp_path, FakeClock(), DISK)
    assert await ledger.let_go(30) == []
    assert DISK.names(people) == ["notes.tmp"]
    await ledger.close()
    (people / "2026-11.jsonl.tmp").write_bytes(LISTED.dump())
    assert months.without(DISK, tmp_path, lambda _, __: False) == 0
    assert DISK.names(people) == ["notes.tmp"]


async def test_copies_of_an_upgrade_go_as_well(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, DISK)
    for name in ("before-upgrade-20261101T000000Z", "before-upgrade-20261121T000000Z"):
        (tmp_path / name / "ledger").mkdir(parents=True)
    await lives(ledger, clock, clock.time + timedelta(days=20))
    assert await ledger.let_go(30) == ["before-upgrade-20261101T000000Z"]
    await ledger.close()
    assert not (tmp_path / "before-upgrade-20261101T000000Z").exists()
    assert (tmp_path / "before-upgrade-20261121T000000Z").exists()


async def test_a_start_puts_people_where_they_were_whatever_else_is_there(tmp_path: Path) -> None:
    """Two approvals of a case, a second message, a month's end: each plan has its own people."""
    clock = FakeClock(NOON.replace(day=30, hour=23))
    ledger = FileLedger.open(tmp_path, clock, DISK)
    await ledger.commit(adds(*dispatch(), ev.Intent(1, "c1"), ev.Settled(1, "halted", "x")))
    clock.time += timedelta(hours=3)
    await ledger.commit(adds(*dispatch()[1:]))
    await ledger.commit(adds(*dispatch(2), ev.Alive()))
    live: Book = ledger.book
    await ledger.close()
    again = FileLedger.open(tmp_path, clock, DISK)
    assert again.book == live
    assert len(again.book.cases[1].dispatches) == 2
    await again.close()
    shutil.rmtree(tmp_path / FOLDER)
    bare = FileLedger.open(tmp_path, clock, Disk())
    assert {r.name for r in bare.book.cases[2].dispatches[0].sends.recipients.values()} == {""}
    assert bare.book.contacts == live.contacts
    await bare.close()


async def test_a_month_that_goes_while_history_is_read_costs_no_index(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, DISK)
    await ledger.commit(adds(*dispatch()))
    history = FileHistory(tmp_path, lambda: ledger.head.seq, clock)
    (tmp_path / FOLDER / "2026-12.jsonl").symlink_to("nowhere")  # listed, and gone when it is opened
    with capture_logs() as logs:
        book = await history.case(1)
    assert [*book.cases[1].dispatches[0].sends.recipients] == ["c1", "c2", "c3"]
    assert logs == []
    await history.close()
    await ledger.close()


def no_key(folder: Path) -> None:
    (folder / NAME).unlink()


def spoilt_key(folder: Path) -> None:
    (folder / NAME).write_bytes(b"ab")


@pytest.mark.bug("without the key names and phones that were due stayed for ever")
@pytest.mark.parametrize("lose", [no_key, spoilt_key])
async def test_without_the_key_what_is_due_goes_as_well(tmp_path: Path, lose: Callable[[Path], None]) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, DISK)
    await ledger.commit(adds(ev.Started("1", key=ledger.key), *dispatch()))
    (tmp_path / "before-upgrade-20261101T000000Z" / "ledger").mkdir(parents=True)
    await lives(ledger, clock, clock.time + timedelta(days=60))
    await ledger.close()
    lose(tmp_path)
    again = FileLedger.open(tmp_path, clock, DISK)
    assert getattr(again.closed, "code", None) == "key"
    assert await again.let_go(30) == ["2026-11.jsonl", "before-upgrade-20261101T000000Z"]
    assert DISK.names(tmp_path / FOLDER) == []
    await again.close()
