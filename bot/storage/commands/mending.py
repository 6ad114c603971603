"""What `repair` would make of a damaged ledger: worked out a part at a time; takes no lock, writes nothing.

Every line carries its number, its checksum and the hash of the line before it. So whatever happened to a
file (line ends, NULs, garbage between or behind lines, lines doubled or in another order), the lines whose
checksum holds, put in order, are either the whole ledger or they are not.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from bot.storage.commands.phrases import counted
from bot.storage.commands.salvage import Held, Span, count, united, without
from bot.storage.disk import Disk
from bot.storage.replay import Fault, Mark, Scan, scan
from bot.tongue import said as _

_AT_ONCE = 64 * 1024  # bytes of lines that are handed on at once
_MONTH = re.compile(rb'\{"seq":\d{1,18},"group":\d{1,18},"left":\d{1,18},"at":"(\d{4}-\d\d)-')


@dataclass(frozen=True, slots=True)
class Month:
    """A segment as it would be: which lines, how many bytes, their hash, and the bytes themselves."""

    lines: Span
    size: int
    sha256: str
    pieces: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Mending:
    """A whole ledger: each segment as it is (`held`) and as it would be, its last line and group.

    `aside` has the segments with a torn last group, which would be put aside: how many of its lines are
    intact. Nobody was told that those are durable. No other line is lost.
    """

    held: Sequence[Held]
    segments: Mapping[str, Month]
    last: int
    groups: int

    @property
    def changed(self) -> tuple[str, ...]:
        """The segments that would not stay as they are."""
        return tuple(
            one.name for one in self.held if one.foreign or self.segments[one.name].sha256 != one.sha256
        )

    @property
    def aside(self) -> Mapping[str, int]:
        """As said above."""
        torn = (one for one in self.held if one.trace > self.groups)
        return {one.name: count(without(one.numbers, (1, self.last))) for one in torn}

    def said(self) -> list[str]:
        """`2026-11.jsonl: CR LF line ends undone`: what would be done, a line each."""
        changed = self.changed
        return [
            f"{one.name}: {what}"
            for one in self.held
            if one.name in changed
            for what in _differences(one, self.segments[one.name].lines, self.last)
        ]

    def leaving(self, name: str) -> Iterator[bytes]:
        """The lines that leave a segment for another, each with its end."""
        first, last = self.segments[name].lines
        one = next(one for one in self.held if one.name == name)
        for number, raw in (line for run in one.runs for line in one.of(run)):
            if number <= self.last and not first <= number <= last:
                yield raw + b"\n"


def mending(held: Sequence[Held], found: Scan) -> Mending | None:
    """How to make the ledger whole that a scan found trouble in; None where that would lose lines."""
    if found.trouble is None:
        return None
    return _every_line_kept(held, found) or _cut_as_a_start_does(held, found)


def _every_line_kept(held: Sequence[Held], found: Scan) -> Mending | None:
    """Every line that is as it was written, each once and in order; None where that is no whole ledger."""
    ends = {run.last for one in held for run in one.runs}
    mended = _sorted_into_months(held)
    tried = scan(_Tried(mended), Path(), ends, before=True)
    kept = all(tried.digests.get(run.last) == run.digest for one in held for run in one.runs)
    # A trace of a line that is in no intact one is a line that would be lost, but for a torn last group.
    last = tried.head.group + (found.trouble is not None and found.trouble.fault is not Fault.CORRUPT)
    traces = [one.trace for one in held]
    if tried.trouble is None and ends and kept and max(traces) <= last:
        return Mending(held, mended, tried.head.seq, tried.head.group)
    return None


def _sorted_into_months(held: Sequence[Held]) -> dict[str, Month]:
    names, at = {one.name for one in held}, ""
    lines: dict[str, Span] = dict.fromkeys(names, (1, 0))
    sizes, hashes = dict.fromkeys(names, 0), {name: sha256() for name in names}
    for number, name, raw in _in_order(held, 1):
        month = _MONTH.match(raw)
        home = f"{month[1].decode()}.jsonl" if month else name
        at = max(at, home if home in names else name)  # what follows a clock that was ahead is with it
        lines[at] = lines[at][0] if sizes[at] else number, number
        sizes[at] += len(raw) + 1
        hashes[at].update(raw + b"\n")
    return {
        name: Month(lines[name], sizes[name], hashes[name].hexdigest(), partial(_texts, held, lines[name]))
        for name in names
    }


def _in_order(held: Sequence[Held], first: int) -> Iterator[tuple[int, str, bytes]]:
    """Every line from a number on, once: the number, a segment that has it, the line."""
    runs = ((run.first, -run.last, place, run) for place, one in enumerate(held) for run in one.runs)
    for *_key, place, run in sorted(runs):
        if run.last < first:
            continue
        for number, raw in held[place].of(run):
            if number >= first:
                yield number, held[place].name, raw
                first = number + 1


def _texts(held: Sequence[Held], lines: Span) -> Iterator[bytes]:
    """Those lines with their ends, some at a time."""
    some, size = list[bytes](), 0
    if lines[0] > lines[1]:
        return
    for number, _where, raw in _in_order(held, lines[0]):
        some.append(raw + b"\n")
        size += len(raw)
        if size > _AT_ONCE or number >= lines[1]:
            yield b"".join(some)
            some, size = [], 0
        if number >= lines[1]:
            return


def _cut_as_a_start_does(held: Sequence[Held], found: Scan) -> Mending | None:
    if found.trouble is None or found.trouble.fault is Fault.CORRUPT:
        return None
    mended, seq = {}, 0
    for one in held:
        last = max(seq, found.marks.get(one.name, Mark()).seq)
        size, hashed, pieces = found.ends[one.name], sha256(), partial(one.raw, found.ends[one.name])
        for piece in pieces():
            hashed.update(piece)
        mended[one.name] = Month((seq + 1, last), size, hashed.hexdigest(), pieces)
        seq = last
    return Mending(held, mended, found.head.seq, found.head.group)


class _Tried(Disk):
    """Segments as they would be, to try them before anything is written."""

    def __init__(self, months: Mapping[str, Month]) -> None:
        self._months = months

    def names(self, folder: Path) -> list[str]:  # noqa: ARG002 - they are of one folder
        return sorted(self._months)

    def reading(self, path: Path) -> BinaryIO:
        return io.BufferedReader(_Pieces(self._months[path.name].pieces), _AT_ONCE)

    def length(self, path: Path) -> int:
        return self._months[path.name].size


class _Pieces(io.RawIOBase):
    """A file of what is worked out on the way."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]]) -> None:
        self._pieces, self._left, self._rest = pieces, pieces(), b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, _whence: int = io.SEEK_SET, /) -> int:
        self._left, self._rest, left = self._pieces(), b"", offset
        while left > 0 and (piece := next(self._left, b"")):
            self._rest, left = piece[left:], left - len(piece)
        return offset

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        self._rest = self._rest or next(self._left, b"")
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def _differences(old: Held, new: Span, last: int) -> list[str]:
    """What would be done to a segment, in words; `last` is the last line that stays in any."""
    numbers = old.numbers
    out, come = without(numbers, new), [new] if new[0] <= new[1] else []
    for span in numbers:
        come = without(come, span)
    torn = count(without(out, (1, last)))
    unordered = not out and not come and not _ascending(old)
    said = [
        (old.lines - count(numbers), "doubled line", "taken out"),
        (count(out) - torn, "line", "taken out, of another segment"),
        (torn, "intact line", "taken out, of the torn last group"),
        (count(come), "line", "brought back from another segment"),
        (unordered, "", "lines put back in order"),
        (old.foreign, "", "packed by another program: unpacked"),
        (old.crlf, "", "CR LF line ends undone"),
        (old.nuls, "NUL byte", "taken out"),
        (old.bom, "", "byte order mark taken out"),
        (old.rest, "byte", "taken out, of no whole line"),
    ]
    texts = [f"{counted(number, what)} {_(how)}" if what else _(how) for number, what, how in said if number]
    return texts or [_("line ends put right")]


def _ascending(old: Held) -> bool:
    """Whether the lines stand in order, where those that stand there again do not count."""
    seen: list[Span] = []
    for run in old.runs:
        fresh = [(run.first, run.last)]
        for span in seen:
            fresh = without(fresh, span)
        if fresh and seen and fresh[0][0] < seen[-1][1]:
            return False
        seen = united([*seen, *fresh])
    return True
