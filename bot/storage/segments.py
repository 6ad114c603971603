"""The end of the ledger on disk: which file is written, and groups appended to it durably."""

import errno
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bot.storage import codec
from bot.storage.disk import Disk
from bot.storage.sealed import gzipped
from bot.storage.sealed.packing import unpack

_NEVER = datetime.min.replace(tzinfo=UTC)
_SEGMENT = re.compile(r"(\d{4}-\d{2}\.jsonl)(?:\.gz)?")
FULL = {errno.ENOSPC, errno.EDQUOT}


def ledger_folder(folder: Path) -> Path:
    """Where the segments of a data folder are."""
    return folder / "ledger"


def segments_in(disk: Disk, folder: Path) -> list[str]:
    """The names of a data folder's segments, packed or not, in their order. Raises OSError."""
    found = (_SEGMENT.fullmatch(name) for name in disk.names(ledger_folder(folder)))
    return sorted({month[1] for month in found if month is not None})


def sizes_in(disk: Disk, folder: Path) -> dict[str, int]:
    """How many bytes each segment has, unpacked, in their order. Raises OSError.

    The last one first: whatever the bot writes meanwhile, none is seen without all of the one before.
    """
    names = segments_in(disk, folder)
    sizes = {name: disk.length(ledger_folder(folder) / name) for name in reversed(names)}
    return dict(reversed(sizes.items()))


def to_pack(disk: Disk, folder: Path) -> list[str]:
    """The segments that are over and not packed, or not to the end. Raises OSError.

    The last one is not over: it is written. An empty one stays as it is.
    """
    there = disk.names(ledger_folder(folder))
    small = [name for name in segments_in(disk, folder)[:-1] if name in there]
    return [name for name in small if 0 < disk.length(ledger_folder(folder) / name) <= gzipped.LARGEST]


def segment_name(at: datetime) -> str:
    """The segment of a line: its UTC month."""
    return f"{at.year:04}-{at.month:02}.jsonl"


class Head(NamedTuple):
    """The end of the last whole group: what the next line follows."""

    seq: int = 0
    group: int = 0
    digest: str = codec.NO_LINE
    at: datetime = _NEVER


def sealed(
    rows: Sequence[tuple[datetime, bytes]], head: Head
) -> tuple[list[bytes], list[tuple[int, str]], Head]:
    """Rows as the group that follows `head`: whole lines, their numbers and hashes, and where it ends."""
    seq, group, prev = head.seq, head.group + 1, head.digest
    raws: list[bytes] = []
    places: list[tuple[int, str]] = []
    for left, (at, inner) in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
        seq += 1
        raw = codec.seal(inner, seq=seq, group=group, left=left, at=at, prev=prev)
        prev = codec.digest(raw)
        raws.append(raw)
        places.append((seq, prev))
    return raws, places, Head(seq, group, prev, rows[-1][0])


class Segments:
    """The end of the ledger on disk, for one thread (`free_bytes` for any); unusable after an error."""

    def __init__(self, disk: Disk, folder: Path, head: Head) -> None:
        self._disk, self._folder, self._head = disk, ledger_folder(folder), head
        self._name: str | None = None
        self._descriptor = -1
        self._end = 0

    @property
    def head(self) -> Head:
        """The last line that is durable."""
        return self._head

    def switch_to(self, name: str) -> None:
        """Have the segment open for appending, made durably where it is new; never an earlier one.

        Segments are read in the order of their names: what follows lines of a clock that was ahead stays
        with them.
        """
        if self._name is not None and name <= self._name:
            return
        self.close()
        unpack(self._disk, self._folder / name)
        self._descriptor = self._disk.open_append(self._folder / name)
        self._name = name
        self._end = self._disk.size(self._descriptor)
        if self._end == 0:
            self._disk.sync_folder(self._folder)

    def append(self, rows: Sequence[tuple[datetime, bytes]]) -> list[tuple[int, str]]:
        """Write rows of one month as one group; their numbers and hashes once they are durable. OSError."""
        self.switch_to(segment_name(rows[0][0]))
        raws, places, then = sealed(rows, self._head)
        data = b"\n".join([*raws, b""])
        try:
            self._write_all(data)
            self._disk.fdatasync(self._descriptor)
        except OSError as error:
            if error.errno in FULL:
                with suppress(OSError):
                    self._disk.truncate(self._descriptor, self._end)
            raise
        self._end += len(data)
        self._head = then
        return places

    def copy(self, name: str, raws: Sequence[bytes], then: Head) -> None:
        """Write whole lines that are durable elsewhere, up to `then`, and wait for no disk. OSError."""
        self.switch_to(name)
        data = b"\n".join([*raws, b""])
        self._write_all(data)
        self._end += len(data)
        self._head = then

    def passed(self, then: Head) -> None:
        """Lines up to there are durable elsewhere, and not here."""
        self._head = then

    def _write_all(self, data: bytes) -> None:
        if self._disk.write(self._descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, "only a part was written")

    def free_bytes(self) -> int:
        """How many bytes may still be written."""
        return self._disk.free_bytes(self._folder)

    def close(self) -> None:
        """Close the segment that is open, if one is."""
        if self._name is not None:
            self._name = None
            self._disk.close(self._descriptor)
