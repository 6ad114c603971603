"""Rows that stand, by key, in one file: what somebody told us holds until they tell otherwise.

Whoever told it hears that it arrived, so it is on disk before they hear that. A line is a row with its key,
and the last one of a key holds. The file is written anew, with what stands alone, where most of it does not.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bot.storage.disk import Disk

PUSHED = "pushed"
"""The folder of those files in DATA_DIR."""
ASIDE = ".aside"
MUCH = 1024 * 1024  # bytes of the file from which on what does not stand any more leaves it
log = logging.getLogger(__name__)


class Rows:
    """The file and what stands in it. One writer; `write` is not called again before it returned."""

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self._path, self._disk = path, disk or Disk()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=path.stem)
        self._lines: dict[str, bytes] = {}
        self._size = 0
        self._stands = self._torn = False

    def read(self) -> dict[str, Any]:
        """What stands, by key; nothing where there is no file. OSError. Torn lines are passed over."""
        found: dict[str, Any] = {}
        if self._path.name not in self._disk.names(self._path.parent):
            return found
        data = self._disk.read(self._path)
        self._size, odd = len(data), 0
        for line in filter(None, data.split(b"\n")):
            try:
                key, row = json.loads(line)
            except (ValueError, TypeError):
                odd += 1
                continue
            if row is None or not isinstance(key, str):
                found.pop(key, None)
                self._lines.pop(key, None)
            else:
                found[key], self._lines[key] = row, line
        if odd:
            log.warning("%s: %s torn lines were passed over", self._path.name, odd)
        return found

    async def write(self, rows: Mapping[str, bytes | None]) -> None:
        """Return once these are durable: each the JSON of a row, None where the key has none any more.

        OSError where that cannot be: what stood before stands then.
        """
        if not rows:
            return
        new = {key: _line(key, row) for key, row in rows.items()}
        left = self._lines | new
        for key, row in rows.items():
            if row is None:
                left.pop(key)
        stands = sum(map(len, left.values())) + len(left)
        anew = self._torn or (self._size > MUCH and 2 * stands < self._size)
        data = b"".join(b"%b\n" % line for line in (left if anew else new).values())
        write = self._replace if anew else self._append
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, write, data)
        except OSError:
            self._torn = True  # a part of it may be there, and nobody was told that it is
            raise
        self._torn, self._lines = False, left
        self._size = len(data) + (0 if anew else self._size)

    def close(self) -> None:
        """Wait for what is being written."""
        self._thread.shutdown()

    def _append(self, data: bytes) -> None:
        self._have_folder()
        descriptor = self._disk.open_append(self._path)
        try:
            data = b"\n" + data  # a line that a crash tore ends here
            while data:
                data = data[self._disk.write(descriptor, data) :]
            self._disk.fdatasync(descriptor)
        finally:
            self._disk.close(descriptor)
        if not self._stands:  # in its folder, whatever happens to the power
            self._disk.sync_folder(self._path.parent)
            self._stands = True

    def _replace(self, data: bytes) -> None:
        self._have_folder()
        self._disk.replace(self._path, data)

    def _have_folder(self) -> None:
        if not self._stands:
            self._disk.make_folder(self._path.parent)


def _line(key: str, row: bytes | None) -> bytes:
    return b"[%b,%b]" % (json.dumps(key).encode(), b"null" if row is None else row)


def put_aside(disk: Disk, folder: Path) -> list[str]:
    """What was pushed stands no more: the names of its files, of which the last one moved away is kept.

    Raises OSError.
    """
    place = folder / PUSHED
    found = [name for name in disk.names(place) if name.endswith(".jsonl")] if place.is_dir() else []
    for name in found:
        disk.move(place / name, place / f"{name.removesuffix('.jsonl')}{ASIDE}")
    return found
