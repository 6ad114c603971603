"""The book as of a line, in a file beside the segments: a start reads the newest one and replays the rest.

It is a cache. Deleting it costs time only; one that does not fit, for whatever reason, is passed over with a
line in the log, then comes the one before, then every line there is. Whatever looks like corruption behind a
checkpoint is judged by reading every line as well: a checkpoint never decides what is wrong.

`ledger/checkpoint-<line>.json.gz`: a line of JSON that says what it is of and where, then the book.
"""

import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import structlog
from pydantic import TypeAdapter

from bot.storage import codec, snapshot
from bot.storage.disk import Disk
from bot.storage.replay import Fault, Mark, Scan, make_durable, scan
from bot.storage.segments import Head, ledger_folder, segments_in

EVERY = 10_000
"""After so many lines there is a new one: they are replayed in a seventh of a second."""
_FORMAT = 1
_GZIP = 31  # zlib's word for its format
_NAME = re.compile(r"checkpoint-(\d{1,18})\.json\.gz(\.tmp)?")
_LARGEST = 64 * 1024 * 1024  # bytes, unpacked: many times what a book of 160,000 customers takes
_STEP = 1024 * 1024  # bytes of a segment that are searched at once

_log = structlog.get_logger(__name__)


class Unfit(Exception):
    """A checkpoint that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class _Of:
    """What a checkpoint is of: the fold, the line, where every segment up to it ends, and the book's hash."""

    format: int
    fold: str
    seq: int
    group: int
    digest: str
    floor: datetime
    marks: dict[str, Mark]
    book: str

    @property
    def head(self) -> Head:
        return Head(self.seq, self.group, self.digest, self.floor)


_OF: TypeAdapter[_Of] = TypeAdapter(_Of)


def resumed(disk: Disk, folder: Path, lines: Iterable[int] = (), *, upto: int | None = None) -> Scan:
    """As `scan`, from the newest checkpoint that fits the ledger on. Raises OSError.

    Of the segments before it the sizes and the last lines are compared, of its own the line that it is of.
    """
    wanted, ahead, found = frozenset(lines), 0, None
    names = _names(disk, folder)
    for name in names:
        try:
            of, book = _read(disk, ledger_folder(folder) / name)
            ahead = max(ahead, of.seq)
            start = _begun(disk, folder, of, book)
        except (Unfit, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            _log.warning("checkpoint_passed_over", file=name, why=why, costs="time only")
            continue
        start.digests = _digests(disk, folder, of, wanted)
        found = scan(disk, folder, wanted, start=start, upto=upto)
        break
    if found is None or (found.trouble is not None and found.trouble.fault is Fault.CORRUPT):
        found = scan(disk, folder, wanted, upto=upto)
        if not names and found.head.seq > EVERY:
            _log.warning("checkpoint_missing", lines=found.head.seq, costs="time only")
    found.ahead = upto is None and ahead > found.head.seq
    return found


def renew(disk: Disk, folder: Path, upto: int | None = None) -> str | None:
    """Write down the book as of the last line (`upto`: the last one that surely is durable).

    Gives the file's name, None where there is nothing new to write. It reads only the ledger's files, as a
    start does: it is no matter who writes meanwhile. Raises OSError.
    """
    found = resumed(disk, folder, upto=upto)
    if found.head.seq == found.since or (found.trouble and found.trouble.fault is Fault.CORRUPT):
        return None
    if upto is None:
        make_durable(disk, folder, found)
    return write(disk, folder, found)


def write(disk: Disk, folder: Path, found: Scan) -> str | None:
    """Write down what was found, and keep the checkpoint before; None where it is too large for a cache."""
    head, marks = found.head, dict(found.marks)
    while marks[last := max(marks)].seq != head.seq:  # nothing whole is in it yet
        del marks[last]
    book = snapshot.dump(found.book)
    of = _Of(_FORMAT, snapshot.FOLD, head.seq, head.group, head.digest, head.at, marks, _hash(book))
    data = _OF.dump_json(of) + b"\n" + book
    if len(data) > _LARGEST:
        return None
    packer = zlib.compressobj(1, wbits=_GZIP)
    name = f"checkpoint-{head.seq}.json.gz"
    disk.replace(ledger_folder(folder) / name, packer.compress(data) + packer.flush())
    before = [other for other in _names(disk, folder) if _line(other) < head.seq]
    for other in disk.names(ledger_folder(folder)):
        if _NAME.fullmatch(other) and other not in {name, *before[:1]}:
            disk.remove(ledger_folder(folder) / other)
    return name


def _names(disk: Disk, folder: Path) -> list[str]:
    """The checkpoints, the newest first."""
    names = [name for name in disk.names(ledger_folder(folder)) if _NAME.fullmatch(name)]
    return sorted((name for name in names if not name.endswith(".tmp")), key=_line, reverse=True)


def _line(name: str) -> int:
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else 0


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()


def _read(disk: Disk, path: Path) -> tuple[_Of, bytes]:
    """What it is of, and the book as it was dumped. Raises Unfit or OSError."""
    unpacker = zlib.decompressobj(wbits=_GZIP)
    try:
        data = unpacker.decompress(disk.part(path, 0, _LARGEST), _LARGEST)
    except zlib.error:
        raise Unfit("it is torn or damaged") from None
    if not unpacker.eof:
        raise Unfit(f"it is torn, or takes more than {_LARGEST // 2**20} MB")
    first, _, book = data.partition(b"\n")
    try:
        said = json.loads(first)
        if (said["format"], said["fold"]) != (_FORMAT, snapshot.FOLD):
            raise Unfit("it is of another version of the program")
        of = _OF.validate_python(said)
    except (ValueError, LookupError, TypeError):
        raise Unfit("it is no checkpoint") from None
    if _hash(book) != of.book:
        raise Unfit("its book is not what was written")
    return of, book


def _begun(disk: Disk, folder: Path, of: _Of, book: bytes) -> Scan:
    """What a scan knows at its line, where the ledger has that. Raises Unfit or OSError."""
    mine = max(of.marks, default="")
    if [name for name in segments_in(disk, folder) if name <= mine] != sorted(of.marks):
        raise Unfit("the segments up to its line are others")
    for name, mark in of.marks.items():
        _compare(disk, ledger_folder(folder) / name, mark, sealed=name != mine)
    if not of.seq or of.marks.get(mine, Mark())[-2:] != (of.seq, of.digest):
        raise Unfit("it contradicts itself")
    try:
        return Scan(snapshot.load(book), of.head, marks=dict(of.marks), since=of.seq)
    except snapshot.Unreadable as error:
        raise Unfit(f"its book cannot be read ({error})") from None


def _compare(disk: Disk, path: Path, mark: Mark, *, sealed: bool) -> None:
    """Whether a segment ends, or goes on, as it did. Raises Unfit or OSError."""
    size = disk.length(path)
    if size < mark.end or (sealed and size > mark.end):
        raise Unfit(f"{path.name} has {size} bytes, and had {mark.end}")
    last = disk.part(path, max(mark.last, 0), mark.end - mark.last)
    if last and codec.digest(last[:-1]) != mark.digest:
        raise Unfit(f"{path.name} has another line {mark.seq}")


def _digests(disk: Disk, folder: Path, of: _Of, wanted: Iterable[int]) -> dict[int, str]:
    """The hashes of the lines up to a checkpoint's that are asked for, read where they stand."""
    found = {}
    for line in (line for line in wanted if line <= of.seq):
        name, mark = next((name, mark) for name, mark in sorted(of.marks.items()) if line <= mark.seq)
        raw = _line_in(disk, ledger_folder(folder) / name, line, mark.end)
        if raw is not None and codec.group_of(raw) is not None:
            found[line] = codec.digest(raw)
    return found


def _line_in(disk: Disk, path: Path, line: int, end: int) -> bytes | None:
    """That line of a segment, looked for from the end on: it is one of the last. None where it has none."""
    start = b'\n{"seq":%d,' % line
    with disk.reading(path) as file:
        while end > 0:
            begin = max(end - _STEP, 0)
            file.seek(begin)
            part = file.read(end - begin + len(start))
            place = part.rfind(start) if begin else (b"\n" + part).rfind(start)
            if place >= 0:
                file.seek(begin + place + (begin > 0))
                return file.readline().rstrip(b"\n")
            end = begin
    return None
