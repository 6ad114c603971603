"""A start from a checkpoint is the start that reads every line; one that does not fit costs time only."""

import json
import lzma
import os
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.domain import events as ev
from bot.domain.events import Line
from bot.storage import checkpoint, codec, snapshot
from bot.storage.checkpoint import renew, resumed
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.past.tables import INDEX
from bot.storage.replay import Fault, Scan, scan
from bot.storage.segments import ledger_folder, segment_name
from tests.fakes import ANA, FakeClock
from tests.faults.test_rules import Story
from tests.faults.tries import Tries
from tests.people import lay_key
from tests.storage.disks import FaultyDisk, QuickDisk
from tests.storage.samples import adds, dispatch, opened
from tests.storage.test_snapshot import different

JANUARY = datetime(2026, 1, 30, 12, tzinfo=UTC)
QUICK = QuickDisk()


class Written:
    """A ledger in segments, a line a group unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ledger_folder(folder).mkdir(parents=True)
        lay_key(folder)
        self.seq, self.group, self.prev = 0, 0, codec.NO_LINE

    def add(self, at: datetime, *lines: Line) -> None:
        self.group += 1
        last = max((path.name for path in ledger_folder(self.folder).glob("*.jsonl")), default="")
        with (ledger_folder(self.folder) / max(segment_name(at), last)).open("ab") as file:
            for left, line in zip(range(len(lines) - 1, -1, -1), lines, strict=True):
                self.seq += 1
                raw = codec.seal(
                    codec.fields(line), seq=self.seq, group=self.group, left=left, at=at, prev=self.prev
                )
                self.prev = codec.digest(raw)
                file.write(raw + b"\n")


def months(folder: Path, gaps: Sequence[int] = (0, 10, 20, 31, 62, 63)) -> Written:
    """A ledger of several months: the days from the first line to each group."""
    written = Written(folder)
    for number, days in enumerate(gaps, 1):
        at = JANUARY + timedelta(days=days)
        written.add(at, *dispatch(number))
        written.add(at, ev.Intent(number, "c1"))
    return written


def agree(one: Scan, other: Scan) -> None:
    """Two starts know the same."""
    assert different(one.book, other.book) == []
    assert one.head == other.head
    assert one.sizes == other.sizes
    assert one.marks == other.marks
    assert one.trouble == other.trouble
    assert one.ends.items() <= other.ends.items()


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in ledger_folder(folder).iterdir() if "checkpoint" in path.name)


def passed_over(folder: Path) -> tuple[Scan, list[str]]:
    """The start, and what it says of checkpoints."""
    with capture_logs() as logs:
        found = resumed(QUICK, folder)
    assert all(entry["costs"] == "time only" for entry in logs)
    return found, [str(entry.get("why", entry["event"])) for entry in logs]


# It is the same start


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_from_a_checkpoint_at_any_group_of_any_history(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    story = Story(Tries("checkpoint"), data.draw(st.integers(0, 10**9)))
    story.play()
    written = Written(tmp_path_factory.mktemp("ledger"))
    chance = random.Random(data.draw(st.integers(0, 10**9)))  # noqa: S311 - a story to be played again
    lines = list(story.lines)
    while lines:
        at = lines[0][0]
        count = chance.choice([1, 1, 2, 3])
        group = [line for when, line in lines[:count] if when == at]
        written.add(at, *group)
        del lines[: len(group)]
    for upto in sorted(data.draw(st.sets(st.integers(1, written.seq), min_size=1, max_size=4))):
        renew(QUICK, written.folder, upto)
    found = resumed(QUICK, written.folder)
    assert found.since > 0
    agree(found, scan(QUICK, written.folder))


@pytest.mark.parametrize(
    "gaps",
    [(0, 1), (0, 62), tuple(range(0, 31 * 13, 15)), (0, 400)],
    ids=["two months", "a month with no line", "thirteen months", "a clock that jumps over a year"],
)
def test_over_the_ends_of_months_from_every_line(tmp_path: Path, gaps: Sequence[int]) -> None:
    written = months(tmp_path, gaps)
    every = scan(QUICK, tmp_path)
    for upto in range(1, written.seq + 1):
        renew(QUICK, tmp_path, upto)
        found = resumed(QUICK, tmp_path)
        assert found.since >= upto
        agree(found, every)
    assert len(checkpoints(tmp_path)) == 2


def test_a_clock_that_was_ahead_is_set_back_behind_it(tmp_path: Path) -> None:
    written = months(tmp_path)
    ahead = JANUARY + timedelta(days=100)
    written.add(ahead, ev.Confirmed(ANA, ahead - timedelta(days=20)))
    renew(QUICK, tmp_path)
    written.add(ahead - timedelta(days=19), opened(9))
    found = resumed(QUICK, tmp_path)
    assert found.since == written.seq - 1
    agree(found, scan(QUICK, tmp_path))


def test_what_is_sealed_is_not_read(tmp_path: Path) -> None:
    months(tmp_path)
    renew(QUICK, tmp_path)
    read: list[tuple[str, int]] = []

    class Watched(QuickDisk):
        def part(self, path: Path, start: int, size: int) -> bytes:
            read.append((path.name, size))
            return super().part(path, start, size)

    before = resumed(Watched(), tmp_path)
    assert before.trouble is None
    line = max(
        len(raw)
        for path in ledger_folder(tmp_path).glob("*.jsonl")
        for raw in path.read_bytes().splitlines(keepends=True)
    )
    assert {name for name, _ in read if name.endswith(".jsonl")} == before.sizes.keys()
    assert all(size <= line for name, size in read if name.endswith(".jsonl"))
    assert list(before.ends) == [max(before.sizes)]


def test_the_lines_that_views_name_are_found_before_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = months(tmp_path)
    wanted = range(1, written.seq + 3)
    every = scan(QUICK, tmp_path, wanted).digests
    for step in (100, checkpoint._STEP):
        monkeypatch.setattr(checkpoint, "_STEP", step)
        for upto in (1, 9, written.seq):
            renew(QUICK, tmp_path, upto)
            assert resumed(QUICK, tmp_path, wanted).digests == every


def test_there_is_nothing_to_write_where_nothing_is_new(tmp_path: Path) -> None:
    written = months(tmp_path)
    assert renew(QUICK, tmp_path) == f"checkpoint-{written.seq}.json.xz"
    assert renew(QUICK, tmp_path) is None
    assert renew(QUICK, tmp_path / "empty") is None
    path = ledger_folder(tmp_path) / checkpoints(tmp_path)[0]
    path.write_bytes(b"torn")
    assert renew(QUICK, tmp_path) == path.name
    assert resumed(QUICK, tmp_path).since == written.seq


def test_it_is_for_this_user_alone_and_small(tmp_path: Path) -> None:
    months(tmp_path)
    name = renew(QUICK, tmp_path)
    path = ledger_folder(tmp_path) / str(name)
    assert path.stat().st_mode & 0o777 == 0o600
    first, book = unpacked(path)
    assert first["format"] == 1
    assert b'{"next_case":7}' in book


def test_the_one_before_is_kept_and_what_a_crash_left_is_not(tmp_path: Path) -> None:
    written = months(tmp_path)
    (ledger_folder(tmp_path) / "checkpoint-3.json.xz.tmp").write_bytes(b"half")
    (ledger_folder(tmp_path) / "checkpoint-900.json.xz").write_bytes(b"from the future")
    for upto in (4, 8, written.seq):
        renew(QUICK, tmp_path, upto)
    assert checkpoints(tmp_path) == sorted(["checkpoint-8.json.xz", f"checkpoint-{written.seq}.json.xz"])


# What does not fit is passed over


def unpacked(path: Path) -> tuple[dict[str, object], list[bytes]]:
    first, *book, _hash = lzma.decompress(path.read_bytes()).splitlines()
    return json.loads(first), book


def packed(path: Path, first: object, book: list[bytes]) -> None:
    """As it is written, whatever it says."""
    data = checkpoint._packed(json.dumps(first).encode(), book)
    assert data is not None
    path.write_bytes(data)


def said(**changes: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        first, book = unpacked(path)
        packed(path, first | changes, book)

    return change


def with_another_book(path: Path) -> None:
    data = lzma.decompress(path.read_bytes()).replace(b'"next_case":7', b'"next_case":8')
    path.write_bytes(lzma.compress(data))


def with_places_below_zero(path: Path) -> None:
    first, book = unpacked(path)
    marks = {"2026-01.jsonl": [1, -5, -9, first["seq"], first["digest"]]}
    packed(path, first | {"marks": marks}, book)


def of_no_book(path: Path) -> None:
    packed(path, unpacked(path)[0], [b"{}"])


def with_a_line_less(path: Path) -> None:
    lines = lzma.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(lzma.compress(b"".join(lines[:-1])))


def instead_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "it is torn"),
    "no xz": (lambda path: path.write_bytes(b"{}" * 50), "it is torn or damaged"),
    "no JSON": (lambda path: path.write_bytes(lzma.compress(b"{\n{}\n")), "it is no checkpoint"),
    "no object": (lambda path: packed(path, [], []), "it is no checkpoint"),
    "a field is missing": (
        lambda path: packed(path, {"format": 1, "fold": snapshot.FOLD}, []),
        "it is no checkpoint",
    ),
    "a bomb": (
        lambda path: path.write_bytes(lzma.compress(b"0" * (checkpoint._LARGEST + 1), preset=0)),
        "takes more than 64 MB",
    ),
    "another format": (said(format=2), "another version"),
    "another fold": (said(fold="0" * 64), "another version"),
    "another head": (said(digest="0" * 64), "contradicts itself"),
    "another line": (said(seq=3), "contradicts itself"),
    "no segments": (said(marks={}), "contradicts itself"),
    "places below zero": (with_places_below_zero, "has another line"),
    "another book": (with_another_book, "not what was written"),
    "a line less": (with_a_line_less, "not what was written"),
    "no book": (of_no_book, "cannot be read"),
    "a folder": (instead_a_folder, "is not a regular file"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_that_is_no_good_is_passed_over_and_the_one_before_is_taken(tmp_path: Path, name: str) -> None:
    spoil, why = BAD[name]
    months(tmp_path)
    renew(QUICK, tmp_path, 10)
    newest = ledger_folder(tmp_path) / str(renew(QUICK, tmp_path))
    spoil(newest)
    found, [text] = passed_over(tmp_path)
    assert why in text
    assert found.since == 11  # where the group of line 10 ends
    agree(found, scan(QUICK, tmp_path))
    assert not found.older


def test_torn_or_changed_at_every_byte(tmp_path: Path) -> None:
    written = Written(tmp_path)
    written.add(JANUARY, opened())
    path = ledger_folder(tmp_path) / str(renew(QUICK, tmp_path))
    whole, every = path.read_bytes(), scan(QUICK, tmp_path)
    for cut in range(len(whole)):
        for torn in (whole[:cut], whole[:cut] + bytes(len(whole) - cut)):
            path.write_bytes(torn)
            found, texts = passed_over(tmp_path)
            assert len(texts) == 1 or torn == whole
            agree(found, every)
        path.write_bytes(whole[:cut] + bytes([whole[cut] ^ 0x10]) + whole[cut + 1 :])
        agree(passed_over(tmp_path)[0], every)  # a byte that says nothing may be any


def test_unreadable_rights(tmp_path: Path) -> None:
    months(tmp_path)
    renew(QUICK, tmp_path)

    class Denied(QuickDisk):
        def reading(self, path: Path) -> BinaryIO:
            if "checkpoint" in path.name:
                raise PermissionError(13, os.strerror(13))
            return super().reading(path)

    with capture_logs() as logs:
        found = resumed(Denied(), tmp_path)
    assert [entry["why"] for entry in logs] == ["Permission denied"]
    agree(found, scan(QUICK, tmp_path))


def test_of_another_ledger(tmp_path: Path) -> None:
    months(tmp_path / "mine")
    other = Written(tmp_path / "other")
    for number in range(1, 7):
        other.add(JANUARY + timedelta(days=10 * number), opened(number))
    name = str(renew(QUICK, tmp_path / "other"))
    (ledger_folder(tmp_path / "other") / name).rename(ledger_folder(tmp_path / "mine") / name)
    found, [text] = passed_over(tmp_path / "mine")
    assert "segments up to its line are others" in text
    agree(found, scan(QUICK, tmp_path / "mine"))


def test_of_a_line_that_stands_no_more(tmp_path: Path) -> None:
    """The same places, another hash."""
    for name, why in (("mine", "x" * 9), ("other", "y" * 9)):
        written = Written(tmp_path / name)
        written.add(JANUARY, opened(), ev.CauseNamed(1, ANA, why))
    name = str(renew(QUICK, tmp_path / "other"))
    (ledger_folder(tmp_path / "other") / name).rename(ledger_folder(tmp_path / "mine") / name)
    found, [text] = passed_over(tmp_path / "mine")
    assert text == "2026-01.jsonl has another line 2"
    assert found.book.cases[1].cause == "x" * 9


def test_without_any_a_long_ledger_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    months(tmp_path)
    assert passed_over(tmp_path)[1] == []
    monkeypatch.setattr(checkpoint, "EVERY", 5)
    assert passed_over(tmp_path)[1] == ["checkpoint_missing"]


# An older ledger beside a newer checkpoint


async def test_one_from_the_future_shows_that_the_ledger_is_an_old_copy(tmp_path: Path) -> None:
    written = months(tmp_path, (0, 1))
    segment = max(ledger_folder(tmp_path).glob("*.jsonl"))
    older = segment.read_bytes()
    written.add(JANUARY + timedelta(days=1), opened(3))
    renew(QUICK, tmp_path)
    segment.write_bytes(older)
    clock = FakeClock(JANUARY + timedelta(days=1))
    with capture_logs() as logs:
        ledger = FileLedger.open(tmp_path, clock, QUICK)
    assert [entry["why"] for entry in logs if "why" in entry] == [
        f"{segment.name} has {len(older)} bytes, and had {ledger_size(written, segment)}"
    ]
    assert ledger.recovery.doubt == "views"
    assert ledger.closed is None
    assert sorted(ledger.book.cases) == [1, 2]
    await ledger.close()
    assert renew(QUICK, tmp_path) is None, "by hand, before anybody was asked"
    again = FileLedger.open(tmp_path, clock, QUICK)
    assert again.recovery.doubt == "views"
    for number in (1, 2, 3):  # past the line of the checkpoint, and none of them a start that asks
        await again.commit(adds(ev.TrialIntent(number, "los", 1, "(61) 9****-0001", ANA)))
    await again.close()
    assert resumed(QUICK, tmp_path).older


@pytest.mark.parametrize("other", ["format", "fold"])
def test_so_does_one_of_another_version(tmp_path: Path, other: str) -> None:
    written = months(tmp_path, (0, 1))
    segment = max(ledger_folder(tmp_path).glob("*.jsonl"))
    older = segment.read_bytes()
    written.add(JANUARY + timedelta(days=1), opened(3))
    said(**{other: "another"})(ledger_folder(tmp_path) / str(renew(QUICK, tmp_path)))
    assert not resumed(QUICK, tmp_path).older
    segment.write_bytes(older)
    assert resumed(QUICK, tmp_path).older


def test_an_index_alone_shows_that_there_were_lines(tmp_path: Path) -> None:
    (ledger_folder(tmp_path)).mkdir(parents=True)
    assert resumed(QUICK, tmp_path).trouble is None
    (ledger_folder(tmp_path) / INDEX).write_bytes(b"")
    trouble = resumed(QUICK, tmp_path).trouble
    assert trouble is not None
    assert f"no line is left, and yet {INDEX} is there" in trouble.what


def ledger_size(written: Written, segment: Path) -> int:
    first, _ = unpacked(ledger_folder(written.folder) / checkpoints(written.folder)[0])
    marks = first["marks"]
    assert isinstance(marks, dict)
    return int(marks[segment.name][1])


# Damage is what it was


Damage = Callable[[Path], object]


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


SEALED: dict[str, Damage] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "shorter": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "a line less": lambda path: path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1])),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"{}\n"),
    "doubled": lambda path: path.write_bytes(path.read_bytes() * 2),
    "another last line": _flip,
}


@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize("month", [0, 1, 2])
async def test_a_sealed_month_that_is_not_what_it_was_closes_the_ledger(
    tmp_path: Path, name: str, month: int
) -> None:
    months(tmp_path)
    renew(QUICK, tmp_path)
    *sealed, _active = sorted(ledger_folder(tmp_path).glob("*.jsonl"))
    SEALED[name](sealed[month])
    every = scan(QUICK, tmp_path)
    assert every.trouble is not None
    ledger = FileLedger.open(tmp_path, FakeClock(JANUARY + timedelta(days=64)), QUICK)
    assert ledger.closed is not None
    assert every.trouble.what in ledger.closed
    assert "python -m bot ledger verify" in ledger.closed
    await ledger.close()


def test_a_month_that_was_put_between_is_not_passed_over(tmp_path: Path) -> None:
    months(tmp_path)
    renew(QUICK, tmp_path)
    (ledger_folder(tmp_path) / "2025-12.jsonl").write_bytes(b"")
    found, [text] = passed_over(tmp_path)
    assert "segments up to its line are others" in text
    agree(found, scan(QUICK, tmp_path))


@pytest.mark.parametrize("behind", [b'{"seq":', b"\0" * 40, b"garbage\n"])
async def test_a_torn_tail_behind_it_is_put_aside(tmp_path: Path, behind: bytes) -> None:
    written = months(tmp_path)
    renew(QUICK, tmp_path, written.seq - 2)
    segment = max(ledger_folder(tmp_path).glob("*.jsonl"))
    whole = segment.read_bytes()
    segment.write_bytes(whole + behind)
    every = scan(QUICK, tmp_path)
    agree(resumed(QUICK, tmp_path), every)
    ledger = FileLedger.open(tmp_path, FakeClock(JANUARY + timedelta(days=64)), QUICK)
    assert ledger.closed is None
    assert ledger.recovery.quarantined == len(behind)
    assert segment.read_bytes() == whole
    assert ledger.head.seq == written.seq
    await ledger.commit(adds(opened(20)))
    await ledger.close()
    agree(resumed(QUICK, tmp_path), scan(QUICK, tmp_path))


async def test_damage_behind_it_with_later_groups_is_corruption(tmp_path: Path) -> None:
    written = months(tmp_path)
    renew(QUICK, tmp_path, written.seq - 7)
    segment = max(ledger_folder(tmp_path).glob("*.jsonl"))
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[-3] = lines[-3].replace(b'"kind"', b'"kinb"')
    segment.write_bytes(b"".join(lines))
    found, every = resumed(QUICK, tmp_path), scan(QUICK, tmp_path)
    assert every.trouble is not None
    assert every.trouble.fault is Fault.CORRUPT
    agree(found, every)
    ledger = FileLedger.open(tmp_path, FakeClock(JANUARY + timedelta(days=64)), QUICK)
    assert ledger.closed is not None
    await ledger.close()


def test_none_is_written_of_a_line_that_is_not_whole(tmp_path: Path) -> None:
    written = months(tmp_path)
    segment = max(ledger_folder(tmp_path).glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes()[:-1])
    assert renew(QUICK, tmp_path) == f"checkpoint-{written.seq - 1}.json.xz"
    agree(resumed(QUICK, tmp_path), scan(QUICK, tmp_path))


def test_emptied_but_for_the_checkpoint(tmp_path: Path) -> None:
    months(tmp_path)
    renew(QUICK, tmp_path)
    for segment in ledger_folder(tmp_path).glob("*.jsonl"):
        segment.unlink()
    found = resumed(QUICK, tmp_path)
    assert found.trouble is not None
    assert found.trouble.fault is Fault.CORRUPT
    assert "checkpoint" in found.trouble.what


# Writing it


@pytest.mark.parametrize("call", ["replace checkpoint-24.json.xz", "sync_folder ledger"])
def test_a_disk_that_refuses_it_leaves_the_ledger_as_it_is(tmp_path: Path, call: str) -> None:
    written = months(tmp_path)
    renew(QUICK, tmp_path, 10)
    disk = FaultyDisk()
    disk.errors[call] = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space"):
        renew(disk, tmp_path, written.seq)
    agree(resumed(QUICK, tmp_path), scan(QUICK, tmp_path))


def test_too_large_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    months(tmp_path)
    before = renew(Disk(), tmp_path, 10)
    monkeypatch.setattr(checkpoint, "_LARGEST", 1000)
    with pytest.raises(OSError, match="larger than"):
        renew(Disk(), tmp_path)
    assert checkpoints(tmp_path) == [before], "the one before stays"
