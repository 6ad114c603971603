"""The book as of a line, in a file beside the segments: a start reads the newest one and replays the rest.

It is a cache. Deleting it costs time only; one that does not fit, for whatever reason, is passed over with a
line in the log, then comes the one before, then every line there is. Whatever looks like corruption behind a
checkpoint is judged by reading every line as well: a checkpoint never decides what is wrong.

`ledger/checkpoint-<line>.json.xz`: lines of JSON. The first says what it is of and where every segment ends,
the last is the hash of those before it, and between them is the book.
"""

import errno
import json
import lzma
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path

import structlog
from pydantic import TypeAdapter

from bot.storage import codec, snapshot
from bot.storage.disk import Disk
from bot.storage.replay import Fault, Mark, Scan, make_durable, scan
from bot.storage.segments import Head, ledger_folder, segments_in
from bot.tongue import said as _

EVERY = 10_000
"""After so many lines there is a new one: they are replayed in a seventh of a second."""
_FORMAT = 1
_TEXT = {"pb": 0, "lc": 4, "nice_len": 273}  # what suits text: 3 % less, for half as much CPU again
_PACKED = ({"id": lzma.FILTER_LZMA2, "dict_size": 4 * 1024 * 1024, "preset": 6, **_TEXT},)
"""It is written each day: half of what gzip makes of it, for some CPU and 50 MB, in the child."""
_MEMORY = 16 * 1024 * 1024  # bytes that unpacking may take beside what it gives
_NAME = re.compile(r"checkpoint-(\d{1,18})\.json\.xz(\.tmp)?")
_LARGEST = 64 * 1024 * 1024  # bytes, unpacked: many times what a book of 160,000 customers takes
_TOO_LARGE = (
    "the state is larger than the {most} MB that a start reads; it shrinks by what /pendentes lists, decided"
)
_PIECE = 256 * 1024  # bytes that are unpacked at once
_STEP = 1024 * 1024  # bytes of a segment that are searched at once

_log = structlog.get_logger(__name__)


class Unfit(Exception):
    """A checkpoint that cannot be used; the text says why."""


class _Elsewhere(Unfit):
    """A whole one that is not used. The ledger must have the line that it is of, with that hash."""

    def __init__(self, why: str, line: int, digest: str) -> None:
        super().__init__(why)
        self.line, self.digest = line, digest


@dataclass(frozen=True, slots=True)
class _Of:
    """What a checkpoint is of: the fold, the line, and where every segment up to it ends."""

    format: int
    fold: str
    seq: int
    group: int
    digest: str
    floor: datetime
    marks: dict[str, Mark]

    @property
    def head(self) -> Head:
        return Head(self.seq, self.group, self.digest, self.floor)


_OF: TypeAdapter[_Of] = TypeAdapter(_Of)


def resumed(disk: Disk, folder: Path, lines: Iterable[int] = (), *, upto: int | None = None) -> Scan:
    """As `scan`, from the newest checkpoint that fits the ledger on. Raises OSError.

    Of the segments before it the sizes and the last lines are compared, of its own the line that it is of.
    """
    wanted, others, found = set(lines), dict[int, str](), None
    names = _names(disk, folder)
    for name in names:
        try:
            of, start = _read(disk, folder, name)
        except _Elsewhere as error:
            others[error.line], why = error.digest, str(error)
            wanted.add(error.line)
        except (Unfit, OSError) as error:
            why = str((isinstance(error, OSError) and error.strerror) or error)
        else:
            start.digests = _digests(disk, folder, of, wanted)
            found = scan(disk, folder, wanted, start=start, upto=upto)
            break
        _log.warning("checkpoint_passed_over", file=name, why=why, costs="time only")
    if found is None or (found.trouble is not None and found.trouble.fault is Fault.CORRUPT):
        found = scan(disk, folder, wanted, upto=upto)
        if not names and found.head.seq > EVERY:
            _log.warning("checkpoint_missing", lines=found.head.seq, costs="time only")
    if upto is None:
        there = all(found.digests.get(line) == digest for line, digest in others.items())
        found.older = not there or newest(disk, folder) > found.head.seq
    return found


def newest(disk: Disk, folder: Path) -> int:
    """The last line that a checkpoint is named for, torn or half written: it was durable before. OSError."""
    return max(map(_line, disk.names(ledger_folder(folder))), default=0)


def heads(disk: Disk, folder: Path) -> dict[int, str]:
    """The hashes, by number, of the lines that whole checkpoints are of, of any version. Raises OSError."""
    found: dict[int, str] = {}
    for name in _names(disk, folder):
        with suppress(Unfit):
            lines = _unpacked(disk, ledger_folder(folder) / name)
            line, digest, _ = _said(next(lines, b""))
            deque(lines, maxlen=0)  # whole it is, at least
            found[line] = digest
    return found


def renew(disk: Disk, folder: Path, upto: int | None = None) -> str | None:
    """Write down the book as of the last line (`upto`: the last one that surely is durable).

    Gives the file's name, None where there is nothing new to write, or what a start finds wrong would not be
    found any more. It reads only the ledger's files, as a start does: it is no matter who writes meanwhile.
    Raises OSError.
    """
    found = resumed(disk, folder, upto=upto)
    corrupt = found.trouble is not None and found.trouble.fault is Fault.CORRUPT
    if found.head.seq == found.since or found.older or corrupt:
        return None
    if upto is None:
        make_durable(disk, folder, found)
    return write(disk, folder, found)


def write(disk: Disk, folder: Path, found: Scan) -> str:
    """Write down what was found, and keep the one before. Raises OSError, also where it is too large."""
    head, marks = found.head, dict(found.marks)
    while marks[last := max(marks)].seq != head.seq:  # nothing whole is in it yet
        del marks[last]
    of = _Of(_FORMAT, snapshot.FOLD, head.seq, head.group, head.digest, head.at, marks)
    data = _packed(_OF.dump_json(of), snapshot.dump(found.book))
    name = f"checkpoint-{head.seq}.json.xz"
    disk.replace(ledger_folder(folder) / name, data)
    before = [other for other in _names(disk, folder) if _line(other) < head.seq]
    for other in disk.names(ledger_folder(folder)):
        if _NAME.fullmatch(other) and other not in {name, *before[:1]}:
            disk.remove(ledger_folder(folder) / other)
    return name


def forget(disk: Disk, folder: Path) -> None:
    """Take all of them away: the next start reads every line there is. Raises OSError."""
    for name in disk.names(ledger_folder(folder)):
        if _NAME.fullmatch(name):
            disk.remove(ledger_folder(folder) / name)
    disk.sync_folder(ledger_folder(folder))


def _names(disk: Disk, folder: Path) -> list[str]:
    """The checkpoints, the newest first."""
    names = [name for name in disk.names(ledger_folder(folder)) if _NAME.fullmatch(name)]
    return sorted((name for name in names if not name.endswith(".tmp")), key=_line, reverse=True)


def _line(name: str) -> int:
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else 0


def _packed(first: bytes, book: Iterable[bytes]) -> bytes:
    """The file's bytes. OSError where they would be too many: what a start does not read is not written."""
    packer = lzma.LZMACompressor(lzma.FORMAT_XZ, filters=_PACKED)
    parts, size, found = list[bytes](), 0, sha256()
    for line in chain([first], book):
        size += len(line) + 1
        if size > _LARGEST:
            raise OSError(errno.EFBIG, _(_TOO_LARGE, most=_LARGEST // 2**20))
        found.update(line + b"\n")
        parts.append(packer.compress(line + b"\n"))
    parts += [packer.compress(_last(found.hexdigest())), packer.flush()]
    return b"".join(parts)


def _last(digest: str) -> bytes:
    return b'{"sha256":"%b"}\n' % digest.encode()


def _unpacked(disk: Disk, path: Path) -> Iterator[bytes]:
    """Its lines but the last. Raises Unfit, behind what is good where that is torn, or OSError."""
    found, last = sha256(), b""
    for line in _lines(disk, path):
        if last:
            found.update(last)
            yield last[:-1]
        last = line
    if last != _last(found.hexdigest()):
        raise Unfit("it is not what was written")


def _lines(disk: Disk, path: Path) -> Iterator[bytes]:
    """Every whole line, with its end; a bomb does not go off. Raises Unfit or OSError."""
    unpacker, rest, left = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY), list[bytes](), _LARGEST
    with disk.reading(path) as file:
        while not unpacker.eof and left > 0:
            packed = file.read(_PIECE) if unpacker.needs_input else b""
            if unpacker.needs_input and not packed:
                raise Unfit("it is torn")
            try:
                data = unpacker.decompress(packed, max_length=_PIECE)
            except lzma.LZMAError:
                raise Unfit("it is torn or damaged") from None
            left -= len(data)
            end, *lines = data.split(b"\n")
            rest.append(end)
            for line in lines:
                yield b"".join(rest) + b"\n"
                rest = [line]
        if any(rest) or unpacker.unused_data or file.read(1):
            raise Unfit(f"it is not what was written, or takes more than {_LARGEST // 2**20} MB")


def _read(disk: Disk, folder: Path, name: str) -> tuple[_Of, Scan]:
    """What it is of, and what a scan knows at that line. Raises Unfit or OSError."""
    lines = _unpacked(disk, ledger_folder(folder) / name)
    line, digest, of = _said(next(lines, b""))
    why = "it is of another version of the program" if of is None else _misfit(disk, folder, of)
    if of is None or why is not None:
        deque(lines, maxlen=0)  # whole it is, at least
        raise _Elsewhere(str(why), line, digest)
    try:
        return of, Scan(snapshot.load(lines), of.head, marks=dict(of.marks), since=of.seq)
    except snapshot.Unreadable as error:
        raise Unfit(f"its book cannot be read ({error})") from None


def _said(first: bytes) -> tuple[int, str, _Of | None]:
    """The line that it is of, and its hash, whoever wrote it; None beside them where another version did."""
    try:
        said = json.loads(first)
        line, digest = int(said["seq"]), str(said["digest"])
        if (said["format"], said["fold"]) != (_FORMAT, snapshot.FOLD):
            return line, digest, None
        return line, digest, _OF.validate_python(said)
    except (ValueError, LookupError, TypeError):
        raise Unfit("it is no checkpoint") from None


def _misfit(disk: Disk, folder: Path, of: _Of) -> str | None:
    """Why the ledger is not the one that it is of; None where it is. Raises Unfit or OSError."""
    mine = max(of.marks, default="")
    if not of.seq or of.marks.get(mine, Mark())[-2:] != (of.seq, of.digest):
        raise Unfit("it contradicts itself")
    if [name for name in segments_in(disk, folder) if name <= mine] != sorted(of.marks):
        return "the segments up to its line are others"
    for name, mark in of.marks.items():
        if (changed := _changed(disk, ledger_folder(folder) / name, mark, sealed=name != mine)) is not None:
            return changed
    return None


def _changed(disk: Disk, path: Path, mark: Mark, *, sealed: bool) -> str | None:
    """How a segment is not what it was; None where it ends, or goes on, as it did. Raises OSError."""
    size = disk.length(path)
    if size < mark.end or (sealed and size > mark.end):
        return f"{path.name} has {size} bytes, and had {mark.end}"
    last = disk.part(path, max(mark.last, 0), mark.end - mark.last)
    same = not last or (last.endswith(b"\n") and codec.digest(last[:-1]) == mark.digest)
    return None if same else f"{path.name} has another line {mark.seq}"


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
