"""Reading a ledger's segments: the book, where it ends, and what is wrong with it, if anything is.

One group is in flight at a time and durable before the next begins. So damage in the
last group is a write that a crash tore, and damage with any trace of a later group behind it is not: a line
that is damaged, too, or lost only its line end, still was a line.
"""

import math
import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, get_args

from bot.domain.book import Book, Doubt, Event
from bot.domain.events import Confirmed, Line, Planned, TrialIntent
from bot.domain.redated import ends_in_the_future
from bot.errors import StartupError
from bot.storage import codec
from bot.storage.codec import BadLine, Entry
from bot.storage.disk import Disk
from bot.storage.segments import Head, ledger_folder, segments_in, sizes_in
from bot.tongue import said

VIEWS = frozenset({"audit.json", "cooldown.json"})
"""Written only after the first line is durable: where one is and no line, the ledger is gone."""

SHELF = "quarantine"
"""Where a torn tail is put, in the ledger's folder."""


OUTDATED = (
    "the ledger is of a version before: customers' names and phones are in its lines; run python -m bot "
    "ledger upgrade, which keeps a copy, and start again"
)
"""What to say of it."""


class Outdated(StartupError):
    """The ledger is of a version before, with customers' names and phones in its lines."""

    def __init__(self) -> None:
        super().__init__(OUTDATED, code=1)


_ENDING = frozenset(kind for kind in get_args(Line) if kind.ends is not Event.ends)
_PERSONAL = frozenset((Planned, TrialIntent))  # what may name people, so that no other line is looked into
_APART = _PERSONAL | {Confirmed}  # those of which more is to be seen to than that they fit
_LINE_END = ord("\n")
_TRACE = 256  # bytes: no trace of a group is longer, however it was printed or encoded


class Fault(Enum):
    """How bad it is. INCOMPLETE: the file ends within its last group, and what is there is intact."""

    INCOMPLETE = "incomplete"
    TORN = "torn"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True)
class Trouble:
    """The first bad line: its segment, its number there (from 1), its byte offset, what is wrong with it.

    `later` is how many later groups have left a trace behind it, damaged or not.
    """

    fault: Fault
    segment: str
    line: int
    offset: int
    what: str
    later: int = 0


class Mark(NamedTuple):
    """The end of the last whole group of a segment: how many lines and bytes it has by then, and the last
    line: where it begins, its number and hash. An empty segment has none.
    """

    lines: int = 0
    end: int = 0
    last: int = 0
    seq: int = 0
    digest: str = codec.NO_LINE


@dataclass(slots=True)
class Scan:
    """A ledger as read. `ends` says where the last whole group of each segment ends, in bytes: of those that
    were read, while `marks` has all of them.

    `digests` are the hashes of those lines that were asked for; `since` is the line of the checkpoint from
    which on lines were read, `older`: there is a whole checkpoint of a line that the ledger does not have.
    `before`: a version before wrote it, with customers' names and phones in its lines.
    """

    book: Book = field(default_factory=Book)
    head: Head = field(default_factory=Head)
    ends: dict[str, int] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    digests: dict[int, str] = field(default_factory=dict)
    trouble: Trouble | None = None
    since: int = 0
    older: bool = False
    before: bool = False


_head: Callable[[tuple[object, ...]], Head] = partial(tuple.__new__, Head)  # half the time of its own call


@dataclass(slots=True)
class _Tail:
    """The lines of a group that is not whole yet, each with its hash, and the hash of the last line."""

    digest: str
    lines: list[tuple[Entry, str]] = field(default_factory=list)


def scan(
    disk: Disk,
    folder: Path,
    lines: Iterable[int] = (),
    *,
    start: Scan | None = None,
    upto: int | None = None,
    before: bool = False,
) -> Scan:
    """Read and check everything under `folder`/ledger, folding whole groups into the book.

    `lines` are numbers of lines whose hashes are wanted; `start` is what is known already (`checkpoint`): it
    goes on from there; `upto` is the last line that is of interest. Outdated where a version before wrote
    it, unless that is no matter (`before`).

    Stops at the first bad line. A folder with views and no line is not a new one: its ledger is gone, and
    with it who was told. Raises OSError.
    """
    found, wanted = start or Scan(), frozenset(lines)
    found.sizes = sizes_in(disk, folder)
    names = list(found.sizes)
    known = max(found.marks, default="")
    for name in (name for name in names if name >= known):
        if upto is not None and found.head.seq >= upto:
            break
        found.ends[name] = found.marks.setdefault(name, Mark()).end
        with disk.reading(ledger_folder(folder) / name) as file:
            reading = _Reading(found, name, file, wanted, math.inf if upto is None else upto, before)
            trouble = reading.trouble()
        if trouble is not None:
            found.trouble = _judged(disk, folder, trouble, _later(disk, folder, found, trouble))
            break
    if not found.head.seq and (left := what_is_left(disk, folder)):
        what = said("no line is left, and yet {file} is there, which a first line comes before", file=left)
        gone = Trouble(Fault.CORRUPT, names[0] if names else "*.jsonl", 1, 0, what)
        found.trouble = replace(found.trouble, fault=Fault.CORRUPT) if found.trouble else gone
    return found


def what_is_left(disk: Disk, folder: Path) -> str | None:
    """A file that shows that there were lines; None where there is none."""
    ledger = ledger_folder(folder)
    made = [name for name in disk.names(ledger) if name.startswith(("checkpoint-", "index."))]
    if not segments_in(disk, folder) and disk.names(ledger / SHELF):  # what is put aside is cut off a segment
        made.append(SHELF)
    return min(VIEWS.intersection(disk.names(folder)), default=None) or next(iter(made), None)


def _later(disk: Disk, folder: Path, found: Scan, trouble: Trouble) -> int:
    """How many later groups have left a trace behind it; what is behind it ends nowhere as a whole group.

    Those of each segment are counted apart: what is doubled in another counts once more.
    """
    later = 0
    for name in (name for name in found.sizes if name >= trouble.segment):
        offset = trouble.offset if name == trouble.segment else 0
        found.ends.setdefault(name, 0)
        seen: set[int] = set()
        edge = b""
        for piece in disk.pieces(ledger_folder(folder) / name, offset, found.sizes[name] - offset):
            data = edge + piece
            seen |= codec.groups_in(data)
            edge = data[-_TRACE:]
        later += sum(group > found.head.group + 1 for group in seen)
    return later


def _judged(disk: Disk, folder: Path, trouble: Trouble, later: int) -> Trouble:
    """A packed month was whole when it was packed, so no crash tore its end."""
    file = disk.stored(ledger_folder(folder) / trouble.segment).name
    packed = file != trouble.segment
    what = said("{what} (unpacked from {file})", what=trouble.what, file=file) if packed else trouble.what
    return replace(trouble, fault=Fault.CORRUPT if later or packed else trouble.fault, later=later, what=what)


@dataclass(slots=True)
class _Reading:
    """A segment that is being read; `number` and `offset` say where the line stands that is looked at."""

    found: Scan
    name: str
    file: BinaryIO
    wanted: Container[int]
    upto: float
    before: bool
    number: int = 1
    offset: int = 0

    def trouble(self) -> Trouble | None:
        """Take every whole group; what is wrong with what follows them."""
        found, name = self.found, self.name
        self.offset = found.marks[name].end
        self.number += found.marks[name].lines
        self.file.seek(self.offset)
        try:
            while True:
                whole, follows = self._alone()
                if self.offset >= found.sizes[name] or found.head.seq >= self.upto:
                    return None
                if (trouble := self._group(whole, follows)) is not None:
                    return trouble
        except BadLine as error:
            fault = Fault.CORRUPT if error.intact else Fault.TORN
            return Trouble(fault, name, self.number, self.offset, str(error))
        finally:  # once, and not for each of a month's lines
            found.ends[name] = found.marks[name].end
            if found.head.seq:
                found.book.stand_at(found.head.seq, found.head.digest)

    def _alone(self) -> tuple[bytes, Entry | None]:
        """Take lines as long as each is in its place, a group of its own and nothing but to be folded.

        Nearly all are. The first other one is for `_group` to judge, as it was read. What each of them takes
        is the time of a replay, so that here nothing is looked up twice.
        """
        found, name, wanted, upto = self.found, self.name, self.wanted, self.upto
        seq, group, digest, floor = found.head
        number, offset, begin = self.number, self.offset, self.offset
        size, book = found.sizes[name], found.book
        try:
            for whole in self.file:
                raw = whole[:-1]
                entry = codec.follows(raw, seq + 1, group + 1, digest)
                if entry is None or entry.left or entry.at < floor or type(entry.line) in _APART:
                    return whole, entry
                if whole[-1] != _LINE_END or offset + len(whole) > size or seq >= upto:
                    return whole, entry
                after = codec.digest(raw)
                _fold(book, entry, after)
                seq, group, digest, floor = seq + 1, group + 1, after, entry.at
                number, begin, offset = number + 1, offset, offset + len(whole)
                if seq in wanted:
                    found.digests[seq] = digest
            return b"", None
        finally:
            if number > self.number:
                found.head = Head(seq, group, digest, floor)
                found.marks[name] = Mark(number - 1, offset, begin, seq, digest)
                self.number, self.offset = number, offset

    def _group(self, whole: bytes, follows: Entry | None) -> Trouble | None:
        """Take the group that begins with this line, or say what is wrong with it."""
        found, name, size = self.found, self.name, self.found.sizes[self.name]
        tail = _Tail(found.head.digest)
        while self.offset < size:
            if not whole.endswith(b"\n") or self.offset + len(whole) > size:
                return Trouble(
                    Fault.INCOMPLETE, name, self.number, self.offset, said("the line is not whole")
                )
            entry = _read(found, tail, whole[:-1], follows, before=self.before)
            if entry.seq in self.wanted:
                found.digests[entry.seq] = tail.digest
            if entry.left == 0:
                _take(found, tail)
            begin, self.offset, self.number = self.offset, self.offset + len(whole), self.number + 1
            if not tail.lines:
                found.marks[name] = Mark(self.number - 1, self.offset, begin, entry.seq, tail.digest)
                return None
            whole = self.file.readline(size - self.offset)
            follows = codec.follows(whole[:-1], entry.seq + 1, entry.group, tail.digest)
        what = said("group: lines that should follow: {count}", count=tail.lines[-1][0].left)
        return Trouble(Fault.INCOMPLETE, name, self.number, self.offset, what)


def _read(found: Scan, tail: _Tail, raw: bytes, follows: Entry | None, *, before: bool) -> Entry:
    """The next line, which is in its place."""
    head, lines = found.head, tail.lines
    entry = follows or codec.unseal(raw)
    if type(entry.line) in _PERSONAL and codec.personal(entry.line):
        found.before = True
        if not before:
            raise Outdated
    if follows is None or lines or entry.at < head.at:
        _check_place(head, tail, entry)
    tail.digest = codec.digest(raw)
    lines.append((entry, tail.digest))
    return entry


def _check_place(head: Head, tail: _Tail, entry: Entry) -> None:
    last = tail.lines[-1][0] if tail.lines else None
    seq = head.seq + len(tail.lines) + 1
    if entry.seq != seq:
        what = said("sequence: {found} where {wanted} should be", found=entry.seq, wanted=seq)
        raise BadLine(what, intact=True)
    if entry.prev != tail.digest:
        raise BadLine(said("chain: prev is not the hash of the line before"), intact=True)
    if entry.group != head.group + 1:
        what = said("group: {found} where {wanted} should be", found=entry.group, wanted=head.group + 1)
        raise BadLine(what, intact=True)
    if last is not None and entry.left != last.left - 1:
        text = "group: left is {found} where {wanted} should be"
        raise BadLine(said(text, found=entry.left, wanted=last.left - 1), intact=True)
    if entry.at < (_floor(last) if last else head.at):
        raise BadLine(said("at: earlier than the line before"), intact=True)


def _floor(entry: Entry) -> datetime:
    """What the next line may not be before: a clock that was ahead is set back where a person says so."""
    line = entry.line
    return line.clock if type(line) is Confirmed and line.clock is not None else entry.at


def _take(found: Scan, tail: _Tail) -> None:
    for entry, digest in tail.lines:
        _fold(found.book, entry, digest)
    found.head = _head((entry.seq, entry.group, digest, _floor(entry)))
    tail.lines.clear()


def _fold(book: Book, entry: Entry, digest: str) -> None:
    line = entry.line
    try:
        book.apply(entry.at, line)
        if type(line) in _ENDING:
            book.stands(line, entry.seq, digest)
    except Exception as error:  # whatever the fold cannot take is a line that does not fit
        text = "state: a line of kind {kind} does not fit what is before it ({why})"
        raise BadLine(said(text, kind=line.kind, why=type(error).__name__), intact=True) from error


_IN_A_VIEW = re.compile(
    rb'"ledger"\s*:\s*\{\s*"sequence"\s*:\s*(\d{1,18})\s*,\s*"head"\s*:\s*"([0-9a-f]{64})"\s*\}'
)


def heads_of_views(disk: Disk, folder: Path) -> dict[int, str]:
    """The hashes, by number, of the lines that the views were written after; older views do not say."""
    views = [disk.part(folder / name, 0, 1000) for name in sorted(VIEWS.intersection(disk.names(folder)))]
    said = (_IN_A_VIEW.search(view) for view in views)
    return {int(found[1]): found[2].decode() for found in said if found is not None}


def doubt_about(found: Scan, views: Mapping[int, str], now: datetime) -> Doubt | None:
    """What shows that this is an old copy, or dated wrongly; the scan has the hashes of the views' lines."""
    if found.older or any(found.digests.get(line) != digest for line, digest in views.items()):
        return "views"
    return "future" if ends_in_the_future(found.book.last_at, now) else None


def quarantine(disk: Disk, folder: Path, found: Scan, now: datetime) -> tuple[int, Path | None]:
    """Move what follows the last whole group to `ledger/quarantine` and cut it off, durably.

    Gives how many bytes were moved and the (last) file they are in. A crash on the way loses nothing: what
    is left is a torn tail to the next start, too.
    """
    moved, kept = 0, None
    shelf = ledger_folder(folder) / SHELF
    for name in sorted(found.ends):
        end, size = found.ends[name], found.sizes[name]
        if size == end:
            continue
        disk.make_folder(shelf)
        kept = free_name(disk, shelf, f"{Path(name).stem}-{end}-{now:%Y%m%dT%H%M%S.%fZ}")
        path = ledger_folder(folder) / name
        disk.replace(kept, disk.part(path, end, size - end))
        cut(disk, path, end)
        moved += size - end
    return moved, kept


def cut(disk: Disk, path: Path, end: int) -> None:
    """Cut the file to its first `end` bytes, durably."""
    descriptor = disk.open_append(path)
    try:
        disk.truncate(descriptor, end)
        disk.fdatasync(descriptor)
    finally:
        disk.close(descriptor)


def make_durable(disk: Disk, folder: Path, found: Scan) -> None:
    """Sync what was read: a writer that was killed before its sync left it with the system, not on the disk.

    Without this a group that the book already counts could still be lost, or torn in front of a later one.
    """
    for name in sorted(found.ends):
        descriptor = disk.open_append(disk.stored(ledger_folder(folder) / name))
        try:
            disk.fdatasync(descriptor)
        finally:
            disk.close(descriptor)


def free_name(disk: Disk, shelf: Path, stem: str) -> Path:
    """A name on the shelf that nothing has yet: `stem`.bin, or with a number."""
    taken = set(disk.names(shelf))
    tries = [f"{stem}.bin", *(f"{stem}-{number}.bin" for number in range(2, len(taken) + 3))]
    return shelf / next(name for name in tries if name not in taken)
