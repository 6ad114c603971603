"""A month as gzip: `zcat` and `gunzip` read it, and so does this, from any place on.

Each block of lines is a member of its own. The last member is empty and has, in the extra field of its
header, how long the others are: so the size and the last line are known without unpacking the rest.
"""

import gzip
import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate
from typing import BinaryIO, NamedTuple

_SUFFIX = ".gz"
BLOCK = 128 * 1024
"""Bytes of every block, but for the last: 0.3 ms to unpack one; larger ones pack no better by a hundredth."""
_LEVEL = 6
_GZIP = 31  # what zlib calls a whole gzip member
_HEAD = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff"  # deflate, an extra field follows, no time, no system
_EMPTY = b"\x03\0" + bytes(8)  # no data, its checksum and its length
_KNOWN = struct.Struct("<QII")  # bytes unpacked, CRC-32 of that and the table, its blocks
_END = _KNOWN.size + len(_EMPTY)
_MOST = (0xFFFF - 4 - _KNOWN.size) // 4  # blocks that an extra field has room for
_BUFFER = 16 * 1024
_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)
LARGEST = _MOST * BLOCK
"""Bytes of the largest month that is packed: two thousand million, sixty times that of a busy ISP."""


def packed_name(name: str) -> str:
    """The name of the file with a month, packed."""
    return name + _SUFFIX


def packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The file's bytes for those of a month, at most LARGEST."""
    sizes, size = list[int](), 0
    for block in _blocks(pieces):
        member = gzip.compress(block, _LEVEL, mtime=0)
        sizes.append(len(member))
        size += len(block)
        yield member
    yield _table(sizes, size)


def unpacked(file: BinaryIO) -> BinaryIO:
    """The month in such a file, to be read and sought in; closing it closes the file.

    A block that is not what was written is zeros, as long as it was. A file without a table that fits is as
    it is, packed, and an empty one a zero: whoever reads lines finds what is none, at that place. No file,
    however it was made, is unpacked to more than it says, a block at a time. Raises OSError.
    """
    known = _known(file)
    if known is None:
        if not file.seek(0, io.SEEK_END):
            file.close()
            return io.BytesIO(b"\0")
        file.seek(0)
        return file
    return io.BufferedReader(_Unpacked(file, known), _BUFFER)


def is_packed(file: BinaryIO) -> bool:
    """Whether it is such a file. Raises OSError."""
    return _known(file) is not None


def salvaged(file: BinaryIO) -> BinaryIO:
    """What is in a file that any gzip made, to where it is damaged, to be read and sought in forward."""
    file.seek(0)
    return io.BufferedReader(_Salvaged(file), _BUFFER)


class _Known(NamedTuple):
    places: list[int]  # where each block begins in the file, and where the last ends
    size: int


class _Unpacked(io.RawIOBase):
    def __init__(self, file: BinaryIO, known: _Known) -> None:
        self._file, self._known, self._at = file, known, 0
        self._number, self._data = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._known.size}[whence]
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        if self._at >= self._known.size:
            return 0
        number, offset = divmod(self._at, BLOCK)
        if number != self._number:
            self._number, self._data = number, self._block(number)
        part = self._data[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _block(self, number: int) -> bytes:
        first, end = self._known.places[number : number + 2]
        size = min(BLOCK, self._known.size - number * BLOCK)
        self._file.seek(first)
        member, unpacker = self._file.read(end - first), zlib.decompressobj(_GZIP)
        try:
            data = unpacker.decompress(member, size + 1)
        except zlib.error:
            return bytes(size)
        whole = unpacker.eof and not unpacker.unused_data and len(data) == size
        return data if whole else bytes(size)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Salvaged(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file, self._gzip = file, gzip.GzipFile(fileobj=file, mode="rb")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, _whence: int = io.SEEK_SET, /) -> int:
        with suppress(*_DAMAGE):
            self._gzip.seek(offset)
        return offset

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = b""
        if self._gzip.tell() < LARGEST:  # a bomb ends
            with suppress(*_DAMAGE):
                data = self._gzip.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        rest += piece
        while len(rest) >= BLOCK:
            yield rest[:BLOCK]
            rest = rest[BLOCK:]
    if rest:
        yield rest


def _table(sizes: list[int], size: int) -> bytes:
    """The last member."""
    lengths = struct.pack(f"<{len(sizes)}I", *sizes)
    field = lengths + _KNOWN.pack(size, zlib.crc32(lengths + size.to_bytes(8)), len(sizes))
    return _HEAD + struct.pack("<H2sH", len(field) + 4, b"LN", len(field)) + field + _EMPTY


def _known(file: BinaryIO) -> _Known | None:
    """What the last member says; None where it is no such member, or of another file."""
    length = file.seek(0, io.SEEK_END)
    file.seek(max(length - _END, 0))
    end = file.read(_END)
    if len(end) < _END:
        return None
    size, _, count = _KNOWN.unpack_from(end)
    table = length - (len(_table([], 0)) + 4 * count)
    if count > _MOST or table < 0:
        return None
    file.seek(table)
    said = file.read(length - table)
    sizes = list(struct.unpack_from(f"<{count}I", said, len(_HEAD) + 6))
    blocks = -(-size // BLOCK)
    if said != _table(sizes, size) or sum(sizes) != table or blocks != count:
        return None
    return _Known([0, *accumulate(sizes)], size)
