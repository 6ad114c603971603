"""`python -m bot ledger backup DEST`: a whole copy of the data folder, also while the bot runs.

It has every group that was whole at one moment. Nothing is shared with the original, and nothing starts on it
before it is whole (`copied`).
"""

import errno
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from bot.errors import StartupError
from bot.ports import Clock
from bot.storage import copied
from bot.storage.chain import whole
from bot.storage.commands.phrases import ASKS, counted, no_ledger
from bot.storage.commands.progress import watched
from bot.storage.copied import Mark
from bot.storage.disk import Disk
from bot.storage.inbox import NAME as INBOX
from bot.storage.people.key import KeyMissing, key_of
from bot.storage.replay import Scan, cut
from bot.storage.segments import ledger_folder, segments_in, sizes_in
from bot.tongue import said as _

_SPARE = 64 * 1024 * 1024  # bytes that must stay free: the bot may write to the same disk
_TRIES = 5  # readings of a view that is being written


def backup(folder: Path, dest: Path, now: datetime, disk: Disk | None = None) -> str:
    """Copy the data folder to `dest`, which must be new or empty, verify it, and say what it has.

    StartupError where that cannot be, exit code 2 for a wrong `dest`, else 1; what was copied is gone then.
    """
    disk = disk or Disk()
    try:
        if not segments_in(disk, folder):
            raise StartupError(no_ledger(folder, disk), code=1)
        copied.found(disk, folder)
        other = copied.unnamed(disk, folder)
    except OSError as error:
        raise StartupError(
            _("{path} cannot be read: {why}", path=folder, why=error.strerror), code=1
        ) from error
    made = _made(folder, dest, disk)
    try:
        found = _filled(folder, dest, now, disk)
    except BaseException as error:
        _emptied(dest, made=made)
        if isinstance(error, OSError):
            text = _("no backup was made in {dest}: {why}", dest=dest, why=error.strerror)
            raise StartupError(text, code=1) from error
        raise
    size = sum(_stored(disk, dest, found.ends).values()) // 1_000_000
    lines, at = counted(found.head.seq, "line"), f"{found.head.at:%Y-%m-%dT%H:%M:%SZ}"
    good = _("{lines} up to {at}, {size} MB, verified", lines=lines, at=at, size=size)
    left = [_("not taken, as it is none of the bot's: {names}", names=", ".join(other))] if other else []
    return "\n".join([f"{dest}: {good}", *left, _(ASKS)])


def run_backup(folder: Path, dest: Path, clock: Clock) -> str:
    """The text for the person who asked; StartupError as `backup`. stderr shows how far it is."""
    try:
        with watched(folder, on=True, times=2) as disk:
            return backup(folder, dest, clock.now(), disk)
    except OSError as error:
        raise StartupError(
            _("{path} cannot be read: {why}", path=folder, why=error.strerror), code=1
        ) from error


def _made(folder: Path, dest: Path, disk: Disk) -> bool:
    """Have an empty folder there; whether it was made."""
    if dest.resolve().is_relative_to(folder.resolve()):
        text = "{dest} is inside {folder}: a backup belongs elsewhere, on another disk at best"
        raise StartupError(_(text, dest=dest, folder=folder))
    try:
        there = dest.exists() or dest.is_symlink()
        if there and (not dest.is_dir() or any(dest.iterdir())):
            raise StartupError(_("{dest} is there and not empty: name a new folder", dest=dest))
        disk.make_folder(dest)
    except OSError as error:
        text = _("{dest} cannot be made or written: {why}", dest=dest, why=error.strerror)
        raise StartupError(text, code=1) from error
    return not there


def _filled(folder: Path, dest: Path, now: datetime, disk: Disk) -> Scan:
    mark = Mark(str(folder.resolve()), f"{now:%Y-%m-%dT%H:%M:%SZ}")
    copied.put(disk, dest, mark)
    for name in copied.TAKEN:  # before the segments: no view is of a later line than the copy has
        _copy_beside(disk, folder / name, dest / name)
    sizes = sizes_in(disk, folder)
    if disk.free_bytes(dest) < sum(_stored(disk, folder, sizes).values()) + _SPARE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    disk.make_folder(ledger_folder(dest))
    for name, size in sizes.items():
        _copy_month(disk, ledger_folder(folder) / name, ledger_folder(dest), size)
    for name in copied.PEOPLE:
        _copy_beside(disk, folder / name, dest / name)
    found = whole(disk, dest)
    if found is None:
        text = "no backup was made: {path} is damaged, or has no line: see python -m bot ledger verify"
        raise StartupError(_(text, path=ledger_folder(folder)), code=1)
    if found.book.key is not None:
        _check_key(disk, folder, found.book.key)
    for name, end in found.ends.items():
        if end < found.sizes[name]:  # a group that was on its way
            cut(disk, ledger_folder(dest) / name, end)
    disk.sync_folder(ledger_folder(dest))
    disk.sync_folder(dest)
    head = found.head
    copied.put(disk, dest, Mark(mark.of, mark.at, whole=True, lines=head.seq, head=head.digest))
    return found


def _check_key(disk: Disk, folder: Path, known: str) -> None:
    """A copy without the key sends nothing, and might take the place of the last one that has it."""
    try:
        key_of(disk, folder, known, used=True)
    except KeyMissing as error:
        raise StartupError(_("no backup was made: {why}", why=error), code=1) from error


def _stored(disk: Disk, folder: Path, names: Iterable[str]) -> dict[Path, int]:
    """The files with those months, packed or not, and their bytes."""
    paths = [disk.stored(ledger_folder(folder) / name) for name in names]
    return {path: disk.length(path) for path in paths}


def _copy_month(disk: Disk, source: Path, dest: Path, size: int) -> None:
    """As it is there, packed or not; one that is packed at this moment is copied as it was."""
    packed = disk.stored(source)
    if packed == source:
        _copy(disk, source, dest / source.name, size)
    else:
        _copy(disk, packed, dest / packed.name, disk.length(packed))


def _copy_beside(disk: Disk, source: Path, dest: Path) -> None:
    """A file, or a folder of files, if it is there."""
    if source.is_dir():
        disk.make_folder(dest)
        for name in disk.names(source):
            _copy_beside(disk, source / name, dest / name)
        disk.sync_folder(dest)
    elif source.suffix == ".json":
        _copy_view(disk, source, dest)
    elif source.name == INBOX and source.exists():  # as it is at one moment: it may be made shorter
        disk.replace(dest, disk.read(source))
    elif source.exists():
        _copy(disk, source, dest, disk.length(source))


def _copy_view(disk: Disk, source: Path, dest: Path) -> None:
    """A view, read as a whole; one that never is stays behind: a start makes it anew."""
    with suppress(FileNotFoundError):
        for _try in range(_TRIES):
            data = disk.read(source)
            with suppress(ValueError):
                json.loads(data)
                disk.replace(dest, data)
                return


def _copy(disk: Disk, source: Path, dest: Path, size: int) -> None:
    descriptor = disk.open_append(dest)
    try:
        for piece in disk.pieces(source, 0, size):
            if disk.write(descriptor, piece) != len(piece):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        disk.fdatasync(descriptor)
    finally:
        disk.close(descriptor)


def _emptied(dest: Path, *, made: bool) -> None:
    """What was copied gives its room back; the mark goes last, so that no half is ever without it."""
    with suppress(OSError):
        paths = sorted(dest.rglob("*"), key=lambda path: (path == dest / copied.NAME, -len(path.parts)))
        for path in paths:
            path.rmdir() if path.is_dir() else path.unlink()
        if made:
            dest.rmdir()
