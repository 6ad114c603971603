"""A disk that may lose whatever was not yet made durable, in every way that a real one may.

It has the steps that `bot.storage.disk.Disk` takes on a real file system, one by one, and tells `watch` before
and after each. `Snapshot.ruins` are the disks that a power cut at that moment may leave; a process that is
killed leaves the `Snapshot` itself, unsynced parts and all, and a later power cut may still take those.
"""

import errno
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from filelock import Timeout

from bot.storage.disk import Disk

ROOT = Path("/sim")
_FOLDER = 0  # the inode of every folder: only whether there is one matters
_SECTOR = 512
_ROOM = 1 << 40


@dataclass(frozen=True, slots=True)
class Put:
    """Bytes written at an offset and not yet synced."""

    offset: int
    data: bytes

    def on(self, content: bytes) -> bytes:
        head = content[: self.offset].ljust(self.offset if self.data else 0, b"\0")
        return head + self.data + content[self.offset + len(self.data) :]


@dataclass(frozen=True, slots=True)
class Cut:
    """A truncation that is not yet synced."""

    size: int

    def on(self, content: bytes) -> bytes:
        return content[: self.size].ljust(self.size, b"\0")


@dataclass(frozen=True, slots=True)
class File:
    """What is durable, and what was done since. After a failed sync nothing more becomes durable (`bad`)."""

    durable: bytes = b""
    pending: tuple[Put | Cut, ...] = ()
    bad: bool = False

    @property
    def data(self) -> bytes:
        content = self.durable
        for change in self.pending:
            content = change.on(content)
        return content


Entries = Mapping[Path, int | None]
"""What one operation changed in a folder: the inode of a name, None where it is gone."""

Tear = Callable[[bytes, random.Random], bytes]


def _holes(data: bytes, rng: random.Random, size: int) -> bytes:
    torn = bytearray(data)
    for start in range(0, len(data), size):
        if rng.random() < 0.5:
            torn[start : start + size] = bytes(len(torn[start : start + size]))
    return bytes(torn)


def _zeros_behind(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))].ljust(len(data), b"\0")


def _zeros_before(data: bytes, rng: random.Random) -> bytes:
    return data[rng.randrange(len(data)) :].rjust(len(data), b"\0")


def _at_line(data: bytes, rng: random.Random) -> bytes:
    ends = [place + 1 for place, byte in enumerate(data) if byte == 0x0A]
    return data[: rng.choice(ends) if ends else 0]


TEARS: Mapping[str, Tear] = {
    "torn": lambda data, rng: data[: rng.randrange(len(data))],
    "torn again": lambda data, rng: data[: rng.randrange(len(data))],
    "torn after one byte": lambda data, _rng: data[:1],
    "torn before the last byte": lambda data, _rng: data[:-1],
    "torn between two lines": _at_line,
    "zeros": lambda data, _rng: bytes(len(data)),
    "length ahead of the data": _zeros_behind,
    "later part only": _zeros_before,
    "sectors missing": lambda data, rng: _holes(data, rng, _SECTOR),
    "holes": lambda data, rng: _holes(data, rng, rng.randint(1, 200)),
    "garbage": lambda data, rng: data[: len(data) // 2] + rng.randbytes(len(data) - len(data) // 2),
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A disk at one moment: files by inode, durable names, and changes of names that are not yet synced."""

    files: Mapping[int, File] = field(default_factory=dict)
    names: Mapping[Path, int] = field(default_factory=lambda: {ROOT: _FOLDER})
    unsynced: tuple[Entries, ...] = ()

    @property
    def entries(self) -> dict[Path, int]:
        """The names as a running system sees them."""
        return _named(self.names, self.unsynced)

    def ruins(self, rng: random.Random) -> Iterator[tuple[str, "Snapshot"]]:
        """Each disk that is tried for what a power cut now may leave, with what happened to it."""
        dirty = any(file.pending for file in self.files.values())
        names = ["lost", "kept", "some"] if self.unsynced else ["kept"]
        tears = ["lost", "kept", *TEARS] if dirty else ["kept"]
        for entries, tear in product(names, tears):
            kept = {"lost": 0.0, "kept": 1.0, "some": 0.5}[entries]
            changes = tuple(change for change in self.unsynced if rng.random() < kept)
            contents = {inode: File(_torn(file, tear, rng)) for inode, file in self.files.items()}
            what = f"unsynced bytes {tear}" + (f", unsynced names {entries}" if self.unsynced else "")
            yield what, Snapshot(contents, _rooted(_named(self.names, changes)))

    def key(self) -> frozenset[tuple[Path, bytes | None]]:
        """The same for disks that look the same."""
        return frozenset(
            (path, self.files[inode].data if inode else None) for path, inode in self.entries.items()
        )


def _torn(file: File, tear: str, rng: random.Random) -> bytes:
    content = file.durable
    for change in file.pending if tear != "lost" else ():
        if tear == "kept":
            content = change.on(content)
        elif isinstance(change, Put) and change.data:
            content = replace(change, data=TEARS[tear](change.data, rng)).on(content)
        elif rng.random() < 0.5:
            content = change.on(content)
    return content


def _named(names: Mapping[Path, int], changes: tuple[Entries, ...]) -> dict[Path, int]:
    found: dict[Path, int | None] = dict(names)
    for change in changes:
        found.update(change)
    return {path: inode for path, inode in found.items() if inode is not None}


def _rooted(names: dict[Path, int]) -> dict[Path, int]:
    """What can still be reached: what is in a lost folder is lost."""
    reached: dict[Path, int] = {}
    for path in sorted(names, key=lambda path: len(path.parts)):
        if path == ROOT or path.parent in reached:
            reached[path] = names[path]
    return reached


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
        self._entries = _named(self._names, self._unsynced)

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
        self._step(f"make {folder.name}", lambda: self._enter({folder: _FOLDER}))
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
        self._names = _named(self._names, tuple(here))
        self._unsynced = tuple(change for change in self._unsynced if change not in here)

    def replace(self, path: Path, data: bytes) -> None:
        new = path.with_name(path.name + ".tmp")
        old = new in self._entries
        descriptor = self.open_append(new)
        if old:
            self.truncate(descriptor, 0)
        self.write(descriptor, data)
        self.fdatasync(descriptor)
        self.close(descriptor)
        inode = self._entries[new]
        self._step(f"rename to {path.name}", lambda: self._enter({new: None, path: inode}))
        self.sync_folder(path.parent)

    def free_bytes(self, folder: Path) -> int:
        return _ROOM
