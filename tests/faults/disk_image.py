"""A disk at one moment, and what a power cut then may leave of it: only what is not synced is at risk."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

ROOT = Path("/sim")
FOLDER = 0  # the inode of every folder: only whether there is one matters
_SECTOR = 512


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
    names: Mapping[Path, int] = field(default_factory=lambda: {ROOT: FOLDER})
    unsynced: tuple[Entries, ...] = ()

    @property
    def entries(self) -> dict[Path, int]:
        """The names as a running system sees them."""
        return named(self.names, self.unsynced)

    def ruins(self, rng: random.Random) -> Iterator[tuple[str, "Snapshot"]]:
        """Each disk that is tried for what a power cut now may leave, with what happened to it."""
        dirty = any(file.pending for file in self.files.values())
        names = ["lost", "kept", "some"] if self.unsynced else ["kept"]
        tears = ["lost", "kept", *TEARS] if dirty else ["kept"]
        for entries, tear in product(names, tears):
            kept = {"lost": 0.0, "kept": 1.0, "some": 0.5}[entries]
            changes = tuple(change for change in self.unsynced if rng.random() < kept)
            entered = _rooted(named(self.names, changes)) if self.unsynced else self.names
            contents = {inode: File(_torn(file, tear, rng)) for inode, file in self.files.items()}
            what = f"unsynced bytes {tear}" + (f", unsynced names {entries}" if self.unsynced else "")
            yield what, Snapshot(contents, entered)

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


def named(names: Mapping[Path, int], changes: tuple[Entries, ...]) -> dict[Path, int]:
    """The names after these changes."""
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
