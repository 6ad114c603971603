"""A disk that may lose whatever was not yet made durable, in every way that a real one may.

It has the steps that `bot.storage.disk.Disk` takes on a real file system, one by one, and tells `watch`
before and after each. A power cut leaves one of the `ruins` of its `snapshot`; a process that is killed
leaves the snapshot itself, unsynced parts and all, and a later power cut may still take those.
"""

import errno
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO

from filelock import Timeout

from bot.storage.disk import Disk
from bot.storage.sealed import gzipped
from tests.faults.disk_image import FOLDER, ROOT, Cut, Entries, File, Put, Snapshot, named

_ROOM = 1 << 40


@dataclass(frozen=True, slots=True)
class Trouble:
    """Step `step` fails with `code`; a write has put `part` of its bytes by then (0 to 1)."""

    step: int
    code: int = errno.EIO
    part: float = 0.5


class SimDisk(Disk):
    """The disk of one life. `watch` hears the name of each step before and after it; `steps` counts them."""

    def __init__(
        self, was: Snapshot, watch: Callable[[str], None] | None = None, trouble: Trouble | None = None
    ) -> None:
        self._files, self._names = dict(was.files), dict(was.names)
        self._unsynced = was.unsynced
        self._entries = was.entries
        self._open: dict[int, int] = {}
        self._opened = 2
        self._watch, self._trouble = watch, trouble
        self.steps = 0
        self.failed = ""
        self.locked = False
        self.written_unlocked = False

    def snapshot(self) -> Snapshot:
        """The disk as it is now."""
        return Snapshot(dict(self._files), dict(self._names), self._unsynced)

    def _step(self, name: str, act: Callable[[], None]) -> None:
        self.steps += 1
        if self._watch is not None:
            self._watch(f"before step {self.steps} ({name})")
        if self._trouble is not None and self._trouble.step == self.steps:
            self.failed = name
            raise OSError(self._trouble.code, "as asked for")
        act()
        if self._watch is not None:
            self._watch(f"after step {self.steps} ({name})")

    def _change(self, inode: int, change: Put | Cut) -> None:
        file = self._files[inode]
        self._files[inode] = replace(file, pending=(*file.pending, change))

    def _enter(self, change: Entries) -> None:
        self._unsynced = (*self._unsynced, change)
        self._entries = named(self._names, self._unsynced)

    def _new_file(self, path: Path) -> None:
        inode = len(self._files) + 1
        self._files[inode] = File()
        self._enter({path: inode})

    def _sync(self, inode: int) -> None:
        file = self._files[inode]
        if not file.bad:
            self._files[inode] = File(file.data)

    def make_folder(self, folder: Path) -> None:
        if folder in self._entries:
            if folder != ROOT:
                with suppress(OSError):
                    self.sync_folder(folder.parent)
            return
        self.make_folder(folder.parent)
        self._step(f"make {folder.name}", lambda: self._enter({folder: FOLDER}))
        self.sync_folder(folder.parent)

    def lock(self, path: Path) -> Callable[[], object]:
        if self.locked:
            raise Timeout(str(path))
        self.locked = True
        if path not in self._entries:
            self._step("make the lock", lambda: self._new_file(path))

        def release() -> None:
            self.locked = False

        return release

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in self._entries if path.parent == folder and path != ROOT)

    def read(self, path: Path) -> bytes:
        return self._files[self._entries[path]].data

    def reading(self, path: Path) -> BinaryIO:
        file = BytesIO(self.read(there := self.stored(path)))
        return file if there == path else gzipped.unpacked(file)

    def length(self, path: Path) -> int:
        with self.reading(path) as file:
            return file.seek(0, SEEK_END)

    def open_append(self, path: Path) -> int:
        if path not in self._entries:
            self._step(f"make {path.name}", lambda: self._new_file(path))
        self._opened += 1
        self._open[self._opened] = self._entries[path]
        return self._opened

    def size(self, descriptor: int) -> int:
        return len(self._files[self._open[descriptor]].data)

    def write(self, descriptor: int, data: bytes) -> int:
        inode, end = self._open[descriptor], self.size(descriptor)
        self.written_unlocked |= not self.locked
        try:
            self._step("write", lambda: self._change(inode, Put(end, data)))
        except OSError as error:
            put = int(len(data) * (self._trouble.part if self._trouble is not None else 0))
            self._change(inode, Put(end, data[:put]))
            if error.errno == errno.ENOSPC:
                return put
            raise
        return len(data)

    def fdatasync(self, descriptor: int) -> None:
        inode = self._open[descriptor]
        try:
            self._step("fdatasync", lambda: self._sync(inode))
        except OSError:
            self._files[inode] = replace(self._files[inode], bad=True)
            raise

    def truncate(self, descriptor: int, size: int) -> None:
        self._step("truncate", lambda: self._change(self._open[descriptor], Cut(size)))

    def close(self, descriptor: int) -> None:
        del self._open[descriptor]

    def sync_folder(self, folder: Path) -> None:
        self._step(f"sync folder {folder.name}", lambda: self._sync_names(folder))

    def _sync_names(self, folder: Path) -> None:
        here = [change for change in self._unsynced if all(path.parent == folder for path in change)]
        self._names = named(self._names, tuple(here))
        self._unsynced = tuple(change for change in self._unsynced if change not in here)

    def replace(self, path: Path, data: bytes) -> None:
        self.replace_with(path, [data])

    def replace_with(
        self, path: Path, parts: Iterable[bytes], proof: Callable[[Path], object] | None = None
    ) -> None:
        new = path.with_name(path.name + ".tmp")
        old = new in self._entries
        descriptor = self.open_append(new)
        if old:
            self.truncate(descriptor, 0)
        data = b"".join(parts)
        if self.write(descriptor, data) != len(data):  # a real one says it at the write of the rest
            raise OSError(errno.ENOSPC, "as asked for")
        self.fdatasync(descriptor)
        self.close(descriptor)
        if proof is not None:
            proof(new)
        inode = self._entries[new]
        self._step(f"rename to {path.name}", lambda: self._enter({new: None, path: inode}))
        self.sync_folder(path.parent)

    def remove(self, path: Path) -> None:
        if path in self._entries:
            self._step(f"remove {path.name}", lambda: self._enter({path: None}))

    def free_bytes(self, folder: Path) -> int:
        return _ROOM
