"""Disks that go wrong, wait, or do not trouble the real one."""

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from bot.storage.disk import Disk


class QuickDisk(Disk):
    """Durability is not what the test is about."""

    def fdatasync(self, descriptor: int) -> None:
        pass

    def sync_folder(self, folder: Path) -> None:
        pass


class FaultyDisk(Disk):
    """Records its calls; raises `errors[call]`, writes only `short` bytes, or waits for `gate`."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.errors: dict[str, OSError] = {}
        self.short: int | None = None
        self.free: int | None = None
        self.patched = 0
        self.gate: threading.Event | None = None
        self.syncing = threading.Event()

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.errors:
            raise self.errors[name]

    def make_folder(self, folder: Path) -> None:
        self._called("make_folder")
        super().make_folder(folder)

    def read(self, path: Path) -> bytes:
        self._called("read")
        return super().read(path)

    def reading(self, path: Path) -> BinaryIO:
        self._called("read")
        return super().reading(path)

    def open_append(self, path: Path) -> int:
        self._called(f"open {path.name}")
        return super().open_append(path)

    def write(self, descriptor: int, data: bytes) -> int:
        self._called("write")
        return super().write(descriptor, data if self.short is None else data[: self.short])

    def fdatasync(self, descriptor: int) -> None:
        self.syncing.set()
        if self.gate is not None:
            assert self.gate.wait(10)
        self._called("fdatasync")
        super().fdatasync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        self._called("truncate")
        super().truncate(descriptor, size)

    def sync_folder(self, folder: Path) -> None:
        self._called(f"sync_folder {folder.name}")
        super().sync_folder(folder)

    def replace_with(
        self, path: Path, parts: Iterable[bytes], proof: Callable[[Path], object] | None = None
    ) -> None:
        self._called(f"replace {path.name}")
        super().replace_with(path, parts, proof)

    def patch(self, path: Path, parts: Sequence[tuple[int, bytes]], was: int, size: int) -> bool:
        self._called(f"patch {path.name}")
        self.patched += sum(len(data) for _, data in parts)
        return super().patch(path, parts, was, size)

    def free_bytes(self, folder: Path) -> int:
        self._called("free_bytes")
        return super().free_bytes(folder) if self.free is None else self.free
