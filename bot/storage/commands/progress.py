"""How far something is that takes a while: a bar on a terminal, plain lines in a pipe."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import SEEK_SET, BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from bot.storage.disk import Disk
from bot.storage.segments import sizes_in

_WIDTH = 30  # signs of a bar
_PART = 256 * 1024  # bytes
_LONG = 32 * 1024 * 1024  # bytes of a ledger from which on a person waits


class _Watched(Disk):
    """A disk that tells which share of `size` bytes was read from it, until it is told to be quiet."""

    def __init__(self, size: int, tell: Callable[[int], object], after: float) -> None:
        self._size, self._done, self._said, self._tell = size, 0, -1, tell
        self._begin = time.monotonic() + after
        self.quiet = False

    def reading(self, path: Path) -> BinaryIO:
        file = super().reading(path)
        return file if self.quiet else BufferedReader(_Told(file, self._read), _PART)

    def _read(self, count: int) -> None:
        self._done += count
        share = min(100, 100 * self._done // self._size)
        if share != self._said and not self.quiet and time.monotonic() >= self._begin:
            self._said = share
            self._tell(share)


class _Bar:
    """A bar on the terminal that stderr is."""

    def __call__(self, share: int) -> None:
        done = share * _WIDTH // 100
        sys.stderr.write(f"\r[{'#' * done}{'.' * (_WIDTH - done)}] {share:3} %")
        sys.stderr.flush()

    def end(self) -> None:
        """Leave nothing behind."""
        sys.stderr.write(f"\r{' ' * (_WIDTH + 8)}\r")
        sys.stderr.flush()


class Lines:
    """A plain line for each tenth, where no terminal is."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say, self._tenth = say, 0

    def __call__(self, share: int) -> None:
        """Say how far it is, where that is a tenth more than before."""
        if share // 10 > self._tenth:
            self._tenth = share // 10
            self._say(f"{self._tenth * 10} %")

    def end(self) -> None:
        """Nothing stands there that would have to go."""


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
def watched(
    folder: Path,
    *,
    on: bool = True,
    times: int = 1,
    months: Sequence[str] = (),
    more: int = 0,
    after: float = 0.0,
    say: Callable[[str], object] | None = None,
) -> Iterator[Disk]:
    """The disk, for so many readings of a ledger: it shows on stderr how far it is, a bar on a terminal.

    `months` are the segments that are read, all of them where none is named; `more` bytes are read beside.
    Nothing is shown of a small one, and nothing in the first `after` seconds. `say` is who takes the plain
    lines where no terminal is; else they go to stderr, too.
    """
    disk = Disk()
    size = 0
    with suppress(OSError):  # whoever reads it says so
        sizes = sizes_in(disk, folder)
        size = sum(sizes.get(name, 0) for name in months or sizes) * times + more
    if not on or size < _LONG:
        yield disk
        return
    tell = _Bar() if sys.stderr.isatty() else Lines(say or _to_stderr)
    reading = _Watched(size, tell, after)
    try:
        yield reading
    finally:
        reading.quiet = True  # whoever keeps it for later work is not watched
        tell.end()


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
