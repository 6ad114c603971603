"""What is still there of a damaged ledger: the lines that are as they were written, wherever they lie.

A segment is read a part at a time, however large it is. Of its lines stretches are kept in mind in which each
has the hash of the one before, so one hash tells of two stretches whether they are the same.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bot.storage import codec
from bot.storage.codec import BadLine
from bot.storage.disk import Disk
from bot.storage.replay import Scan
from bot.storage.sealed import gzipped
from bot.storage.segments import ledger_folder

_PART = 256 * 1024  # bytes that are read at once
_LONGEST = 64 * 1024 * 1024  # bytes of a line
_START = b'{"seq":'
_GZIP = b"\x1f\x8b"
_EDGE = 256  # bytes: no trace of a group is longer, however it was printed or encoded
_NO_MEANING = b"\0\r"  # no line holds these: its JSON escapes them
_BOM = b"\xef\xbb\xbf"
_PLACE = re.compile(rb'\{"seq":(\d{1,18}),')
_PREV = re.compile(rb',"prev":"([0-9a-f]{64})","crc":"[0-9a-f]{8}"\}$')

Span = tuple[int, int]
"""Numbers of lines, from the first to the last."""


class Run(NamedTuple):
    """A stretch of lines of one segment: their numbers, the last one's hash, where the first one begins."""

    first: int
    last: int
    digest: str
    place: int


@dataclass(slots=True)
class Held:
    """A segment as it is. `sha256` is of all its bytes; `foreign`: it is packed, and not as it should be.

    `lines` and `good` (bytes) are of the intact lines, `trace` is the last group that shows anywhere in it.
    Places are counted without NUL and CR.
    """

    name: str
    open: Callable[[], BinaryIO]
    runs: list[Run] = field(default_factory=list)
    lines: int = 0
    good: int = 0
    rest: int = 0
    nuls: int = 0
    crlf: bool = False
    bom: bool = False
    trace: int = 0
    sha256: str = ""
    foreign: bool = False
    _parts: list[int] = field(default_factory=list)  # where each begins

    @property
    def numbers(self) -> list[Span]:
        """Of the intact lines."""
        return united((run.first, run.last) for run in self.runs)

    def read_from(self, disk: Disk, file: Path) -> None:
        """Take it from that file from now on, packed or not, whatever its name says. Raises OSError."""
        with disk.reading(file) as opened:
            packed = opened.read(2) == _GZIP
            ours = packed and gzipped.is_packed(opened)
        self.foreign = packed and not (ours and file.name == gzipped.packed_name(self.name))
        unpacked = gzipped.unpacked if ours else gzipped.salvaged
        self.open = (lambda: unpacked(disk.reading(file))) if packed else (lambda: disk.reading(file))

    def raw(self, size: int) -> Iterator[bytes]:
        """So many of its bytes, from the first on, as they are."""
        with self.open() as file:
            while size > 0 and (part := file.read(min(_PART, size))):
                size -= len(part)
                yield part

    def of(self, run: Run) -> Iterator[tuple[int, bytes]]:
        """The lines of a stretch with their numbers."""
        for number, (_, raw) in enumerate(self._intact(run.place), run.first):
            yield number, raw
            if number == run.last:
                return

    def intact(self) -> Iterator[bytes]:
        """Every line that is as it was written."""
        return (raw for _, raw in self._intact(0))

    def looked_through(self) -> "Held":
        """This one, with all that is to be known of it. Raises OSError."""
        hashed, place, edge = sha256(), 0, b""
        with self.open() as file:
            while part := file.read(_PART):
                hashed.update(part)
                self.bom |= not place and not self._parts and part.startswith(_BOM)
                self._parts.append(place)
                self.nuls += part.count(0)
                self.crlf |= b"\r\n" in edge[-1:] + part
                clean = part.translate(None, _NO_MEANING)
                place += len(clean)
                self.rest += len(clean) - clean.count(b"\n")
                seen = edge + part
                self.trace = max(self.trace, *codec.groups_in(seen.translate(None, _NO_MEANING)), 0)
                edge = seen[-_EDGE:]
        self.sha256 = hashed.hexdigest()
        self._find_runs()
        self.rest -= self.good + len(_BOM) * self.bom
        return self

    def _find_runs(self) -> None:
        run: Run | None = None
        for place, raw in self._intact(0):
            found, before = _PLACE.match(raw), _PREV.search(raw)
            number = int(found[1]) if found else 0
            digest = codec.digest(raw)
            self.lines, self.good = self.lines + 1, self.good + len(raw)
            if run and number == run.last + 1 and before and before[1].decode() == run.digest:
                run = run._replace(last=number, digest=digest)
                self.runs[-1] = run
            else:
                run = Run(number, number, digest, place)
                self.runs.append(run)

    def _clean(self, place: int) -> Iterator[bytes]:
        number = max(bisect_right(self._parts, place) - 1, 0)
        begin = place - sum(self._parts[number : number + 1])
        with self.open() as file:
            file.seek(number * _PART)
            while part := file.read(_PART):
                yield part.translate(None, _NO_MEANING)[begin:]
                begin = 0

    def _intact(self, place: int) -> Iterator[tuple[int, bytes]]:
        """Every line from there on whose checksum holds, and where it begins, whatever stands between."""
        rest = b""
        for part in self._clean(place):
            data, begin = rest + part, 0
            while (end := data.find(_START, begin + 1)) >= 0:
                yield from ((place + begin, raw) for raw in codec.intact_in(data[begin:end]))
                begin = end
            rest = data[begin:]
            done = 0
            for raw in codec.intact_in(rest):  # one at most
                yield place + begin, raw
                done = len(raw)
            if done or not rest.startswith(_START) or len(rest) > _LONGEST:  # but for the begin of a start
                done = max(done, len(rest) - len(_START) + 1)
            place, rest = place + begin + done, rest[done:]


def segments_of(disk: Disk, folder: Path, found: Scan) -> list[Held]:
    """The segments that a scan saw, looked through. Raises OSError."""
    return [_held(disk, ledger_folder(folder) / name) for name in found.sizes]


def _held(disk: Disk, path: Path) -> Held:
    one = Held(path.name, lambda: disk.reading(path))
    one.read_from(disk, disk.stored(path))
    return one.looked_through()


def united(spans: Iterable[Span]) -> list[Span]:
    """The same numbers, in order, each once."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def without(spans: Iterable[Span], out: Span) -> list[Span]:
    """The numbers that are not in `out`."""
    parts = ((first, min(last, out[0] - 1), max(first, out[1] + 1), last) for first, last in spans)
    return [span for a, b, c, d in parts for span in ((a, b), (c, d)) if span[0] <= span[1]]


def count(spans: Iterable[Span]) -> int:
    """How many numbers."""
    return sum(last - first + 1 for first, last in spans)


def of_newer_version(segments: Iterable[Held]) -> bool:
    """Whether a line is as it was written, but not by a version that this one understands."""
    for raw in (raw for segment in segments for raw in segment.intact()):
        try:
            codec.unseal(raw)
        except BadLine:
            return True
    return False
