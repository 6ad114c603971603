"""How far a command is that takes a while: a percentage on the terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import SEEK_SET, BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from bot.storage.disk import Disk
from bot.storage.segments import sizes_in

_PART = 256 * 1024  # bytes
_LONG = 32 * 1024 * 1024  # bytes of a ledger from which on a person waits


class _Watched(Disk):
    """A disk that tells on stderr how much of `size` bytes was read from it."""

    def __init__(self, size: int) -> None:
        self._size, self._done, self._said = size, 0, -1

    def reading(self, path: Path) -> BinaryIO:
        return BufferedReader(_Told(super().reading(path), self._read), _PART)

    def _read(self, count: int) -> None:
        self._done += count
        share = min(100, 100 * self._done // self._size)
        if share != self._said:
            self._said = share
            sys.stderr.write(f"\r{share:3} %")
            sys.stderr.flush()


class _Told(RawIOBase):
    """A file that tells how much was read."""

    def __init__(self, file: BinaryIO, told: Callable[[int], None]) -> None:
        self._file, self._told = file, told

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._told(len(data))
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def watched(folder: Path, *, on: bool, times: int = 1) -> Iterator[Disk]:
    """The disk, for so many readings of a ledger; nothing is shown of a quick one or where no terminal is."""
    disk = Disk()
    size = sum(sizes_in(disk, folder).values()) * times
    if not on or size < _LONG or not sys.stderr.isatty():
        yield disk
        return
    try:
        yield _Watched(size)
    finally:
        sys.stderr.write("\r     \r")
        sys.stderr.flush()
