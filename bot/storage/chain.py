"""The chain of a ledger, line by line: checksum, hash, number, group and time of each.

A line that is intact and in its place was written by the bot. So this finds every damage in a fraction of
the time that reading all fields takes, which it does of the last segment alone: what a newer version wrote
stands there. Whether a line fits the state only a `scan` tells.
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import get_args
from zlib import crc32

from bot.domain.book import Book
from bot.domain.events import Alive, Confirmed, Line
from bot.storage import codec
from bot.storage.codec import BadLine, Entry
from bot.storage.disk import Disk
from bot.storage.replay import Fault, Scan, Trouble
from bot.storage.segments import Head, ledger_folder, sizes_in
from bot.tongue import said

_REST = re.compile(rb'(\d{1,18}),"at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})Z","kind":"([a-z_]+)"')
_CRC_FIELD = len(b',"crc":"01234567"}')
_TAIL = b',"prev":"%b","crc":"%08x"}'
_TAIL_SIZE = len(_TAIL % (codec.NO_LINE.encode(), 0))
_PROGRAM = {b"started", b"stopped", b"confirmed"}  # what tells whether somebody must confirm
_OTHERS = {
    kind.__dataclass_fields__["kind"].default.encode() for kind in get_args(Line) if not kind.by_the_bot
}
_PEOPLED = {b"planned", b"trial_intent"}  # what had names and phones of customers in a version before
_LONGEST = 64 * 1024 * 1024  # bytes: a file without line ends is no ledger and need not fit into memory


class _Off(Exception):
    """Something is not as it should be; what exactly is for a scan to say."""


@dataclass(slots=True)
class _End:
    """The end of what was read: a line, in its group, and what the next one may not be earlier than."""

    seq: int = 0
    group: int = 0
    left: int = 0
    digest: str = codec.NO_LINE
    floor: bytes = b""


@dataclass(slots=True)
class _Chain:
    wanted: Container[int]
    end: _End = field(default_factory=_End)
    head: Head = field(default_factory=Head)
    digests: dict[int, str] = field(default_factory=dict)
    program: list[Entry] = field(default_factory=list)  # of the group that is being read
    book: Book = field(default_factory=Book)
    own_at: bytes = b""
    before: bool = False

    def take(self, raw: bytes) -> None:
        """One line, and what it tells."""
        time, kind = self.follow(raw)
        if self.end.seq in self.wanted:
            self.digests[self.end.seq] = self.end.digest
        if kind in _PEOPLED and not self.before and (b'"phone":' in raw or b'"name":' in raw):
            self.before = codec.personal(_unsealed(raw).line)
        if kind in _PROGRAM:
            self._program(_unsealed(raw))
        elif kind not in _OTHERS:
            self.own_at = time
        if not self.end.left and self.program:
            self._fold()

    def follow(self, raw: bytes) -> tuple[bytes, bytes]:
        """One line, as it was written and in its place, whatever it tells; its time and its kind."""
        end = self.end
        start = b'{"seq":%d,"group":%d,"left":' % (end.seq + 1, end.group + (not end.left))
        rest = _REST.match(raw, len(start)) if raw.startswith(start) else None
        if rest is None or raw[-_TAIL_SIZE:] != _TAIL % (end.digest.encode(), crc32(raw[:-_CRC_FIELD])):
            raise _Off
        left, time, kind = int(rest[1]), rest[2], rest[3]
        if time < end.floor or (end.left and left != end.left - 1):
            raise _Off
        end.seq, end.group, end.left, end.floor = end.seq + 1, end.group + (not end.left), left, time
        end.digest = sha256(raw).hexdigest()
        return time, kind

    def confirmed(self, line: Line) -> None:
        """Where a line says so, the time that it is from here on."""
        if isinstance(line, Confirmed) and line.clock is not None:
            self.end.floor = _text(line.clock)

    def _program(self, entry: Entry) -> None:
        self.program.append(entry)
        self.confirmed(entry.line)

    def _fold(self) -> None:
        """Into the book what tells whether somebody must confirm; one line stands for all others."""
        if self.own_at:
            self.book.apply(_time(self.own_at), Alive(heard=False))
        for entry in self.program:
            self.book.apply(entry.at, entry.line)
        self.own_at = b""
        self.program.clear()


def whole(disk: Disk, folder: Path, lines: Iterable[int] = ()) -> Scan | None:
    """What `scan` finds, where all is well or the last group is not all there yet; None for a scan to judge.

    Its book has nothing but whether somebody must confirm. Raises OSError.
    """
    found, chain = Scan(sizes=sizes_in(disk, folder)), _Chain(frozenset(lines))
    try:
        for name, size in found.sizes.items():
            path = ledger_folder(folder) / name
            _segment(found, chain, name, disk.pieces(path, 0, size), fields=name == max(found.sizes))
            if found.trouble is not None and disk.stored(path) != path:  # it was whole when it was packed
                return None
    except _Off:
        return None
    found.book, found.head, found.digests = chain.book, chain.head, chain.digests
    found.before = chain.before
    return found if found.head.seq else None


def first_off(raws: Iterable[bytes]) -> tuple[int | None, Head]:
    """The number of the first of these, a ledger's lines, that is not as it was written; None where all are.

    With it the last line that is. The files need not be there. What only a newer version can read is not off.
    """
    chain = _Chain(())
    end, off = chain.end, None
    for raw in raws:
        try:
            _, kind = chain.follow(raw)
        except _Off:
            off = end.seq + 1
            break
        if kind == b"confirmed":
            try:
                chain.confirmed(codec.unseal(raw).line)
            except BadLine:  # of a newer version: any time may follow
                end.floor = b""
    return off, Head(end.seq, digest=end.digest)


def _segment(found: Scan, chain: _Chain, name: str, pieces: Iterator[bytes], *, fields: bool) -> None:
    if found.trouble is not None:  # something follows what is not whole
        raise _Off
    end, rest = chain.end, b""
    whole_to = offset = number = 0
    for piece in pieces:
        lines = (rest + piece).split(b"\n")
        rest = lines.pop()
        if len(rest) > _LONGEST:
            raise _Off
        for raw in lines:
            chain.take(raw)
            if fields:
                _unsealed(raw)
            number, offset = number + 1, offset + len(raw) + 1
            if not end.left:
                whole_to, stands = offset, (end.seq, end.group, end.digest, end.floor)
    if whole_to:
        chain.head = Head(*stands[:3], _time(stands[3]))
    found.ends[name] = whole_to
    if rest or end.left:
        found.trouble = _incomplete(chain, name, number + 1, offset, rest)


def _incomplete(chain: _Chain, name: str, number: int, offset: int, rest: bytes) -> Trouble:
    """What there is to say of a file that ends in a line or a group that is not all there."""
    if any(group > chain.head.group + 1 for group in codec.groups_in(rest)):
        raise _Off
    left = chain.end.left
    what = (
        said("the line is not whole")
        if rest
        else said("group: lines that should follow: {count}", count=left)
    )
    return Trouble(Fault.INCOMPLETE, name, number, offset, what)


def _unsealed(raw: bytes) -> Entry:
    """The line, or what a scan is for."""
    try:
        return codec.unseal(raw)
    except BadLine:
        raise _Off from None


def _time(text: bytes) -> datetime:
    try:
        return datetime.fromisoformat(f"{text.decode()}+00:00")
    except ValueError:
        raise _Off from None


def _text(at: datetime) -> bytes:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds").encode()
