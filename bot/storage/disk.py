"""The few things the ledger asks of a file system, in one place so that a faulty one can stand in.

Everything here blocks and raises OSError. Folders are made 0700 and files 0600: they hold phones.
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from bot.storage.sealed import gzipped

_PRIVATE = 0o600
_BUFFER = 256 * 1024  # bytes of a file that are read at once
_MONTH = ".jsonl"  # what may be there packed
_fdatasync = getattr(os, "fdatasync", os.fsync)  # not every system has the cheaper one


def regular(path: str | Path, flags: int, mode: int = 0o600) -> int:
    """A descriptor, as `open` takes an opener; OSError at once where it is a pipe, folder or device."""
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno in {errno.EISDIR, errno.ENXIO}:  # ENXIO: a pipe that nobody reads
            raise no_file(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise no_file(path)
    return descriptor


def no_file(path: str | Path) -> OSError:
    """What to raise where something else lies."""
    return OSError(errno.EINVAL, f"{Path(path).name} is not a regular file", str(path))


class Disk:
    """The real file system."""

    def make_folder(self, folder: Path) -> None:
        """Make the folder (and those above it) where it is missing, durably; for this user alone."""
        if folder.is_dir():
            with suppress(PermissionError):  # somebody else's (a mounted volume): its files are 0600 anyway
                folder.chmod(0o700)
        self._have(folder)

    def _have(self, folder: Path) -> None:
        if folder.is_dir():
            # Whoever made it may have been killed before this. Where it cannot be done it is a mount point.
            with suppress(OSError):
                self.sync_folder(folder.parent)
            return
        self._have(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        self.sync_folder(folder.parent)

    def lock(self, path: Path) -> Callable[[], object]:
        """Take the lock file or raise `filelock.Timeout` at once; what is returned releases it."""
        lock = FileLock(path, timeout=0, mode=0o600, thread_local=False)
        lock.acquire()
        return lock.release

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted; none where there is no such folder."""
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def read(self, path: Path) -> bytes:
        """The whole file."""
        with self.reading(path) as file:
            return file.read()

    def stored(self, path: Path) -> Path:
        """The file that has what `path` names: that one, or where it is missing the same month, packed."""
        if path.suffix != _MONTH:
            return path
        packed, there = gzipped.packed_name(path.name), self.names(path.parent)
        return path.with_name(packed) if packed in there and path.name not in there else path

    def reading(self, path: Path) -> BinaryIO:
        """The file, to be read a part at a time: no month of lines is in memory at once.

        A month that is there only packed is unpacked on the way (`gzipped.unpacked`).
        """
        try:
            return _opened(path)
        except FileNotFoundError:
            if (packed := self.stored(path)) == path:
                return _opened(path)  # it was unpacked at this moment, or is not there
        file = _opened(packed)
        try:
            return gzipped.unpacked(file)
        except BaseException:
            file.close()
            raise

    def part(self, path: Path, start: int, size: int) -> bytes:
        """So many bytes of the file from there on; fewer where it ends before."""
        with self.reading(path) as file:
            file.seek(start)
            return file.read(size)

    def pieces(self, path: Path, start: int, size: int) -> Iterator[bytes]:
        """The same in parts of a bounded size."""
        with self.reading(path) as file:
            file.seek(start)
            while size > 0 and (piece := file.read(min(_BUFFER, size))):
                size -= len(piece)
                yield piece

    def lines(self, path: Path, start: int, size: int) -> Iterator[bytes]:
        """What stands between the line ends of that part; the last one may lack its own."""
        rest = b""
        for piece in self.pieces(path, start, size):
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
        if rest:
            yield rest

    def length(self, path: Path) -> int:
        """How many bytes the file has; a packed month, unpacked."""
        with suppress(FileNotFoundError):
            return path.stat().st_size
        with self.reading(path) as file:
            return file.seek(0, os.SEEK_END)

    def open_append(self, path: Path) -> int:
        """A descriptor that writes at the end of the file, which is made where it is missing.

        The file is 0600 from then on, also where it was copied back with other rights.
        """
        descriptor = regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != _PRIVATE:
            with suppress(PermissionError):  # somebody else's
                os.fchmod(descriptor, _PRIVATE)
        return descriptor

    def size(self, descriptor: int) -> int:
        """The length of the file in bytes."""
        return os.fstat(descriptor).st_size

    def write(self, descriptor: int, data: bytes) -> int:
        """One write; how many bytes went in (fewer than given where the disk fills up)."""
        return os.write(descriptor, data)

    def fdatasync(self, descriptor: int) -> None:
        """Return once the file's bytes and length are durable. Never repeat it after an error."""
        _fdatasync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(descriptor, size)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Return once the folder's entries (new, renamed files) are durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, path: Path, data: bytes) -> None:
        """Put a whole file in place, durably: readers see the old one or the new one, never half."""
        self.replace_with(path, [data])

    def replace_with(
        self, path: Path, parts: Iterable[bytes], proof: Callable[[Path], object] | None = None
    ) -> None:
        """The same, of parts that need not be in memory at once.

        `proof` looks at what is durable and not yet in place; what it raises leaves the old one there.
        """
        temporary = path.with_name(path.name + ".tmp")
        temporary.unlink(missing_ok=True)  # of a write that was cut off, or a link that leads elsewhere
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
                if proof is not None and hasattr(os, "posix_fadvise"):  # what it reads is what the disk has
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if proof is not None:
                proof(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)  # a full disk needs its room for the ledger
            raise
        self.sync_folder(path.parent)

    def patch(self, path: Path, parts: Sequence[tuple[int, bytes]], was: int, size: int) -> bool:
        """Write bytes into a file where they go, durably, so that it has `size` bytes.

        False, and nothing is done, where it is not there with the `was` bytes that it should have. Who reads
        meanwhile may see a part of it: it is for what can be read again.
        """
        if not path.exists():
            return False
        with path.open("r+b", buffering=0) as file:
            if os.fstat(file.fileno()).st_size != was:
                return False
            for offset, data in parts:
                if os.pwrite(file.fileno(), data, offset) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if size < was:
                file.truncate(size)
            _fdatasync(file.fileno())
        return True

    def remove(self, path: Path) -> None:
        """The file is gone, as soon as the system likes; no error where it is already."""
        path.unlink(missing_ok=True)

    def move(self, path: Path, to: Path) -> None:
        """A file or a folder is there, durably; what is there already, a file or an empty folder, is gone."""
        path.rename(to)
        self.sync_folder(to.parent)
        self.sync_folder(path.parent)

    def remove_folder(self, folder: Path) -> None:
        """The folder is gone with all that is in it; no error where it is already."""
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)

    def free_bytes(self, folder: Path) -> int:
        """How many bytes this user may still write on the folder's file system."""
        room = os.statvfs(folder)
        return room.f_bavail * room.f_frsize


def _opened(path: Path) -> BinaryIO:
    return open(path, "rb", buffering=_BUFFER, opener=regular)
