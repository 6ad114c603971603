"""The segments read on for the index: each line once, in steps so short that nobody waits for them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

from bot.storage import codec
from bot.storage.codec import BadLine
from bot.storage.disk import Disk
from bot.storage.past.index import Index
from bot.storage.past.noting import Notes
from bot.storage.past.recall import HEAD, segment_of, segment_path
from bot.storage.past.tables import Place, Until
from bot.storage.segments import segments_in

_CHUNK = 32 * 1024  # bytes of lines between two moments in which the event loop may go on
_UNREAD = {"alive", "announced", "digest_posted", "group_moved", "card_posted", "intent", "result"}
_UNREAD |= {"evidence", "abandoned", "spared", "reminded", "incident_ended", "handed_over"}
"""Kinds of which the place is enough; `result`, `evidence` and the like are lines of their case."""


class Differs(Exception):
    """The ledger is not what was read before: everything is to be read anew."""


class _Damaged(Exception):
    def __init__(self, at: Place, folder: Path) -> None:
        super().__init__(f"{segment_path(folder, at.segment).name} is damaged at byte {at.first}")


@dataclass(slots=True)
class _Line:
    place: Place
    raw: bytes
    seq: int
    kind: str
    case: int | None

    @property
    def end(self) -> Until:
        """It is the last one that was read."""
        first = self.place.first
        return Until(self.place.segment, first + len(self.raw) + 1, first, codec.digest(self.raw), self.seq)


@dataclass(slots=True)
class Indexer:
    """Brings an index up to date with the segments; for one thread. OSError, sqlite3.Error."""

    disk: Disk
    folder: Path
    index: Index
    stopped_at: str | None = None
    """What keeps it from reading on, where a line is damaged."""
    _notes: Notes = field(init=False)
    _checked: bool = False

    def __post_init__(self) -> None:
        self._notes = Notes(self.disk, self.folder, self.index)

    def step(self, upto: int | None, seconds: float) -> bool:
        """Read on for about so long, at most to the line of that number; whether all is read now.

        Differs where what was read is there no more.
        """
        if not self._checked:
            self._check()
            self._checked = True
        self.stopped_at = None
        self.index.begin()
        try:
            done = self._step(upto, monotonic() + seconds)
            self._notes.flush()
            self.index.commit()
        except BaseException:
            self._notes.forget()
            self.index.rollback()
            raise
        return done

    def _check(self) -> None:
        """Every segment ends, as far as it was read, with the line that it ended with."""
        there = {segment_of(name) for name in segments_in(self.disk, self.folder)}
        for until in self.index.read_until():
            if until.segment not in there:
                raise Differs(f"{segment_path(self.folder, until.segment).name} is gone")
            path = segment_path(self.folder, until.segment)
            last = self.disk.part(path, until.last, until.bytes - until.last)
            if len(last) < until.bytes - until.last or codec.digest(last[:-1]) != until.digest:
                raise Differs(f"{path.name} is not what it was")

    def _step(self, upto: int | None, end: float) -> bool:
        read = self.index.read_until()
        known = read[-1].segment if read else 0
        for name in segments_in(self.disk, self.folder):
            segment = segment_of(name)
            if segment >= known:
                offset = read[-1].bytes if segment == known else 0
                if not self._segment_read(segment, offset, upto, end):
                    return self.stopped_at is not None
        return True

    def _segment_read(self, segment: int, offset: int, upto: int | None, end: float) -> bool:
        """Read on in a segment; whether to its end. What is damaged, or not to be read yet, is none."""
        last: _Line | None = None
        try:
            for chunk in self._chunks(segment, offset):
                for line in chunk:
                    if upto is not None and line.seq > upto:
                        return True
                    self._take(line)
                    last = line
                if monotonic() > end:
                    return False
                sleep(0)
        except _Damaged as damaged:
            self.stopped_at = str(damaged)
            return False
        finally:
            if last is not None:
                self.index.have_read(last.end)
        return True

    def _chunks(self, segment: int, offset: int) -> Iterator[list[_Line]]:
        """The lines that follow, in whole groups."""
        group = list[_Line]()
        with self.disk.reading(segment_path(self.folder, segment)) as file:
            file.seek(offset)
            while lines := file.readlines(_CHUNK):
                whole: list[_Line] = []
                for raw in lines:
                    head = HEAD.match(raw)
                    if not raw.endswith(b"\n"):
                        break  # it is being written
                    if head is None:
                        yield whole
                        raise _Damaged(Place(segment, offset), self.folder)
                    case = None if head[4] is None else int(head[4])
                    kind = head[3].decode()
                    group.append(_Line(Place(segment, offset), raw[:-1], int(head[1]), kind, case))
                    offset += len(raw)
                    if head[2] == b"0":
                        whole += group
                        group.clear()
                yield whole

    def _take(self, line: _Line) -> None:
        if line.case is not None:
            self._notes.lies(line.case, line.place, len(line.raw))
        if line.kind in _UNREAD:
            return
        try:
            entry = codec.unseal(line.raw)
        except BadLine as error:
            raise _Damaged(line.place, self.folder) from error
        case: int | None = getattr(entry.line, "case", None)
        if case is not None and line.case is None:
            self._notes.lies(case, line.place, len(line.raw))
        self._notes.take(entry, line.place)
