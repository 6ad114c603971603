"""Cases folded again from only their own lines, wherever in the ledger they are."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from time import sleep

from bot.domain.book import AuditEntry, Book, Event, WholeBook
from bot.domain.case import restoring_of
from bot.storage import codec
from bot.storage.codec import Entry
from bot.storage.disk import Disk
from bot.storage.past.index import Index
from bot.storage.past.tables import Extent, Place
from bot.storage.segments import ledger_folder

HEAD = re.compile(
    rb'\{"seq":(\d{1,18}),"group":\d{1,18},"left":(\d{1,18}),"at":"[^"]{26}Z",'
    rb'"kind":"(\w+)"(?:,"case":(-?\d+))?'
)
"""How a line begins: its number, how many of its group follow, its kind, and its case where it has one."""
_END = Place(999999, 0)
_BESIDE = ("started", "stopped", "silenced", "silence_ended", "cooldown_released")
_SHARED = 20  # cases that one's incidents went to: more than happens while they are on
_LINE = 4096  # bytes that nearly every line fits in
_AT_ONCE = 200  # lines between two moments in which the event loop may go on


def segment_of(name: str) -> int:
    """The month of a segment as a number."""
    return int(name[:4] + name[5:7])


def segment_path(folder: Path, segment: int) -> Path:
    """The segment of a month."""
    return ledger_folder(folder) / f"{segment // 100:04}-{segment % 100:02}.jsonl"


@dataclass(slots=True)
class Folded:
    """A book of some cases, and which audit entries each line (by its place) brought about."""

    book: Book = field(default_factory=WholeBook)
    brought: dict[Place, list[AuditEntry]] = field(default_factory=dict)


class Recall:
    """Reads what the index points at. OSError, `codec.BadLine` where that is not there."""

    def __init__(self, disk: Disk, folder: Path, index: Index) -> None:
        self._disk, self._folder, self._index = disk, folder, index

    def fold(
        self,
        cases: Collection[int],
        also: Iterable[Place] = (),
        upto: Place = _END,
        watch: Callable[[datetime, Event], None] | None = None,
        shared: int = _SHARED,
    ) -> Folded:
        """The cases, with the second messages of them and those that took incidents out of them.

        `also` are lines that are about no case; nothing after `upto` is taken. `watch` is shown each line,
        before the book takes it. `shared`: at most so many of those that took something of one.
        """
        lines = dict(self._lines({abs(case) for case in cases} - {0}, shared))
        for place in also:
            for one in (place, *self._index.beside(place), *self._index.wide(["confirmed"], place, _END)):
                lines[one] = self._line(one)
        folded, counts = Folded(), dict[Place, tuple[int, int]]()
        for number, place in enumerate(sorted(lines)):
            if place > upto:
                break
            if not number % _AT_ONCE:
                sleep(0)
            entry = codec.unseal(lines[place])
            before = len(folded.book.audit)
            if watch is not None:
                watch(entry.at, entry.line)
            folded.book.apply(entry.at, entry.line)
            counts[place] = before, len(folded.book.audit)
        # Only now: a clock that is set back dates entries anew.
        folded.brought = {place: folded.book.audit[first:end] for place, (first, end) in counts.items()}
        return folded

    def story(self, case: int) -> list[Entry]:
        """The lines of a case and its second message, of those that took incidents out of it, and of all
        starts, stops, silences and freed ports since, with the beginnings of silences that ended since; in
        their order.
        """
        lines = dict(self._lines({case}))
        first = min(lines, default=_END)
        begun = (self._index.beside(end) for end in self._index.wide(("silence_ended",), first, _END))
        for place in {*self._index.wide(_BESIDE, first, _END), *chain.from_iterable(begun)}:
            lines[place] = self._line(place)
        return [codec.unseal(lines[place]) for place in sorted(lines)]

    def first(self, cases: Collection[int]) -> Iterator[Entry]:
        """The first line of each of these cases: that which opened it, where nothing is damaged."""
        for at in self._index.extents(cases).values():
            yield codec.unseal(self._line(Place(*at[0][:2])))

    def silences(self) -> list[Entry]:
        """Every line that begins or ends a silence, in their order."""
        places = self._index.wide(("silenced", "silence_ended"), Place(0, 0), _END)
        return [codec.unseal(self._line(place)) for place in places]

    def lines(self, places: Iterable[Place], having: bytes = b"") -> Iterator[Entry]:
        """The lines at those places that have this in capital letters, one at a time."""
        return (codec.unseal(raw) for raw in map(self._line, places) if having in raw.upper())

    def _lines(self, roots: Collection[int], shared: int = _SHARED) -> Iterator[tuple[Place, bytes]]:
        own = self._index.extents([number for root in roots for number in (root, restoring_of(root))])
        others: set[int] = set()
        for root, at in own.items():
            others.update(self._index.sharing(root, Place(*at[0][:2]), shared))
        others.difference_update(own)
        extents = {**own, **self._index.extents(others)}
        for extent in {extent for each in extents.values() for extent in each}:
            yield from self._of(extent, extents)
        wide: set[Place] = set()
        for each in extents.values():
            first, last = Place(*each[0][:2]), Place(each[-1].segment, each[-1].end)
            # What runs is interrupted by the next start, and one that is interrupted is not again.
            wide.update(self._index.wide(["started"], first, last))
            wide.update(self._index.wide(["started"], last, _END, 1))
            wide.update(self._index.wide(["confirmed"], first, _END))  # may set the clock back
        for place in wide:
            yield place, self._line(place)

    def _of(self, at: Extent, cases: Collection[int]) -> Iterator[tuple[Place, bytes]]:
        path = segment_path(self._folder, at.segment)
        offset = at.first
        for raw in self._disk.part(path, at.first, at.end - at.first).splitlines():
            head = HEAD.match(raw)
            if head is None:
                raise codec.BadLine("what the index points at is no line", intact=False)
            if head[4] is not None and int(head[4]) in cases:
                yield Place(at.segment, offset), raw
            elif head[4] is None and b'"case":' in raw:  # it has it elsewhere
                case = getattr(codec.unseal(raw).line, "case", None)
                if case in cases:
                    yield Place(at.segment, offset), raw
            offset += len(raw) + 1

    def _line(self, place: Place) -> bytes:
        path, size = segment_path(self._folder, place.segment), _LINE
        while True:
            found = self._disk.part(path, place.first, size)
            end = found.find(b"\n")
            if end >= 0:
                return found[:end]
            if len(found) < size:
                raise codec.BadLine("what the index points at is no line", intact=False)
            size *= 8
