"""Packs the months that are over, beside the work, and takes the original away once nothing can be lost.

What is there packed and unpacked is read unpacked: a crash on the way leaves one of both, or both, the same.
"""

import errno
import os
from functools import partial
from pathlib import Path

from bot.storage.disk import Disk
from bot.storage.sealed import gzipped
from bot.tongue import said

_PART = 256 * 1024  # bytes that are compared at once
_SPARE = 16 * 1024 * 1024  # bytes that stay free for the lines of the bot meanwhile
LOCK = "pack.lock"
"""Held beside the months by who packs them."""


class Differ(OSError):
    """A month is there twice, and the two are not the same: which one is right is for a person to say."""

    def __init__(self, path: Path) -> None:
        text = "{file} and {packed} are both there and differ: see python -m bot ledger verify"
        super().__init__(errno.EEXIST, said(text, file=path, packed=gzipped.packed_name(path.name)))


def pack(disk: Disk, path: Path) -> int:
    """Have the month there packed, and only so; the bytes that it takes. It must be whole and over.

    The packed one is on the disk, read back and compared before the other one goes. Raises OSError, Differ.
    """
    packed = path.with_name(gzipped.packed_name(path.name))
    if packed.name in disk.names(path.parent):
        if not same(disk, path, packed):
            raise Differ(path)
        _make_durable(disk, packed)  # whoever put it there may have been killed before this
    else:
        size = disk.length(path)
        if disk.free_bytes(path.parent) < size + _SPARE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        parts = gzipped.packed(disk.pieces(path, 0, size))
        disk.replace_with(packed, parts, proof=partial(_proven, disk, path))
    disk.remove(path)
    disk.sync_folder(path.parent)
    return disk.length(packed)


def unpack(disk: Disk, path: Path) -> None:
    """Have a month that is packed there unpacked: it is to be written to. Raises OSError, Differ."""
    packed = path.with_name(gzipped.packed_name(path.name))
    if packed.name not in disk.names(path.parent):
        return
    if path.name not in disk.names(path.parent):
        disk.replace_with(path, disk.pieces(path, 0, disk.length(path)))
    elif not same(disk, path, packed):
        raise Differ(path)
    disk.remove(packed)
    disk.sync_folder(path.parent)


def same(disk: Disk, path: Path, packed: Path) -> bool:
    """Whether a packed month is the other one, byte for byte. Raises OSError."""
    with disk.reading(path) as one, disk.reading(packed) as file, gzipped.unpacked(file) as other:
        while (part := one.read(_PART)) == other.read(_PART):
            if not part:
                return True
    return False


def _proven(disk: Disk, path: Path, new: Path) -> None:
    if not same(disk, path, new):
        raise OSError(errno.EIO, said("what was written is not what is read back"))


def _make_durable(disk: Disk, path: Path) -> None:
    descriptor = disk.open_append(path)
    try:
        disk.fdatasync(descriptor)
    finally:
        disk.close(descriptor)
    disk.sync_folder(path.parent)
