"""A small ledger as it was acknowledged, and a disk in memory for it."""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bot.domain import events as ev
from bot.domain.book import Book
from bot.domain.plan import Outcome, Recipient, Skip
from bot.storage import codec
from bot.storage.disk import Disk
from bot.storage.people.key import NAME
from bot.storage.sealed import gzipped
from bot.storage.segments import segment_name
from tests.fakes import ANA, BRUNO, NOON, incident, port
from tests.people import SECRET

Image = dict[str, bytes]
"""What the segments hold, by name."""

BEGAN = NOON.replace(day=30, hour=23, minute=58)
"""Two minutes before a month ends: the ledger has two segments."""

_PLAN = (
    Recipient("c1", serials=("ZTEG00000001",), person="M0m1cL3yZQy6n5i2bQ9d"),
    Recipient("c2", serials=("ZTEG00000002",), person="0Zk-2_rVbX1oUeJt7w8S"),
    Recipient("c3", serials=("ZTEG00000003",), skip=Skip.NO_PHONE),
)
GROUPS: tuple[tuple[ev.Line, ...], ...] = (
    (ev.Started("0.1.0"),),
    (ev.CaseOpened(1, incident(1)), ev.CardPosted(1, -100, 7)),
    (ev.Approved(1, ANA, (port(),)),),
    (ev.Planned(1, 3, _PLAN),),
    (ev.Intent(1, "c1"), ev.Intent(1, "c2")),
    (ev.Result(1, "c1", Outcome.ACCEPTED, "77"),),
    (ev.CaseOpened(2, incident(2, place="1/1")), ev.Denied(2, BRUNO, "manutenção")),
    (ev.Result(1, "c2", Outcome.UNKNOWN, None, "read timeout"), ev.Settled(1, "done")),
)


class Ledger(NamedTuple):
    """A ledger as it was acknowledged: `raw` lines by group, their segments, the book after each group."""

    raw: tuple[tuple[bytes, ...], ...]
    image: Image
    books: tuple[Book, ...]

    @property
    def lines(self) -> list[bytes]:
        return [raw for group in self.raw for raw in group]


class Envelope(NamedTuple):
    """What a line is sealed with."""

    seq: int
    group: int
    left: int
    at: datetime


def ledger(
    groups: Sequence[Sequence[ev.Line]] = GROUPS,
    change: Callable[[int, bytes], bytes] | None = None,
    place: Callable[[Envelope], Envelope] = lambda envelope: envelope,
) -> Ledger:
    """Each group half a minute after the one before.

    `change` may alter a line's fields before it is sealed and chained, `place` its envelope.
    """
    raw: list[tuple[bytes, ...]] = []
    image: Image = {}
    books = [Book()]
    seq, prev = 0, codec.NO_LINE
    for number, group in enumerate(groups, 1):
        at = BEGAN + timedelta(seconds=30 * (number - 1))
        sealed: list[bytes] = []
        for left, line in zip(range(len(group) - 1, -1, -1), group, strict=True):
            seq += 1
            inner = codec.fields(line)
            inner = inner if change is None else change(seq, inner)
            put = place(Envelope(seq, number, left, at))
            sealed.append(codec.seal(inner, prev=prev, **put._asdict()))
            prev = codec.digest(sealed[-1])
        raw.append(tuple(sealed))
        name = segment_name(at)
        image[name] = image.get(name, b"") + b"".join(line + b"\n" for line in sealed)
        books.append(folded(groups[:number], [line for group in raw for line in group]))
    return Ledger(tuple(raw), image, tuple(books))


def folded(groups: Sequence[Sequence[ev.Line]], raw: Sequence[bytes]) -> Book:
    book, seq = Book(), 0
    for number, group in enumerate(groups):
        for line in group:
            seq += 1
            book.apply(BEGAN + timedelta(seconds=30 * number), line)
            book.stands(line, seq, codec.digest(raw[seq - 1]))
    return book


def after(whole: Ledger) -> datetime:
    """A minute after its last line, in the same month."""
    return BEGAN + timedelta(seconds=30 * len(whole.raw) + 60)


def traces(data: bytes) -> set[int]:
    """The groups of which something can be seen in these bytes (written apart from the code under attack)."""
    found = re.findall(rb'"group":(\d+),', data) + re.findall(rb'"group":(\d+),', data.replace(b"\0", b""))
    return {int(number) for number in found}


def intact(whole: Ledger, image: Mapping[str, bytes]) -> list[bytes]:
    """The acknowledged lines that are still there, byte for byte, anywhere."""
    return [raw for raw in whole.lines if any(raw in data for data in image.values())]


class Held(Disk):
    """A folder in memory; nothing of it is ever lost."""

    def __init__(self, image: Mapping[str, bytes]) -> None:
        self.files = {f"ledger/{name}": bytearray(data) for name, data in image.items()}
        self.files[NAME] = bytearray(SECRET)
        self._open: dict[int, bytearray] = {}
        self._numbers = itertools.count(1)

    @staticmethod
    def _key(path: Path) -> str:
        return str(path)[len(str(DATA)) + 1 :]

    def image(self) -> Image:
        return {n.removeprefix("ledger/"): bytes(d) for n, d in self.files.items() if n.count("/") == 1}

    def shelf(self) -> list[bytes]:
        return [bytes(data) for name, data in sorted(self.files.items()) if "quarantine" in name]

    def patch(self, path: Path, parts: Sequence[tuple[int, bytes]], was: int, size: int) -> bool:
        file = self.files.get(self._key(path), bytearray())
        if len(file) != was:
            return False
        for offset, data in parts:
            file[offset : offset + len(data)] = data
        del file[size:]
        return True

    def make_folder(self, folder: Path) -> None:
        pass

    def lock(self, path: Path) -> Callable[[], object]:
        return lambda: None

    def names(self, folder: Path) -> list[str]:
        inside = f"{self._key(folder)}/".removeprefix("/")
        return sorted({n[len(inside) :].split("/")[0] for n in self.files if n.startswith(inside)})

    def read(self, path: Path) -> bytes:
        return bytes(self.files[self._key(path)])

    def reading(self, path: Path) -> BinaryIO:
        file = BytesIO(self.read(there := self.stored(path)))
        return file if there == path else gzipped.unpacked(file)

    def length(self, path: Path) -> int:
        with self.reading(path) as file:
            return file.seek(0, SEEK_END)

    def open_append(self, path: Path) -> int:
        number = next(self._numbers)
        self._open[number] = self.files.setdefault(self._key(path), bytearray())
        return number

    def size(self, descriptor: int) -> int:
        return len(self._open[descriptor])

    def write(self, descriptor: int, data: bytes) -> int:
        self._open[descriptor] += data
        return len(data)

    def fdatasync(self, descriptor: int) -> None:
        pass

    def truncate(self, descriptor: int, size: int) -> None:
        del self._open[descriptor][size:]

    def close(self, descriptor: int) -> None:
        del self._open[descriptor]

    def sync_folder(self, folder: Path) -> None:
        pass

    def replace(self, path: Path, data: bytes) -> None:
        self.replace_with(path, [data])

    def replace_with(
        self, path: Path, parts: Iterable[bytes], proof: Callable[[Path], object] | None = None
    ) -> None:
        data = b"".join(parts)
        if proof is not None:
            self.files[self._key(path) + ".tmp"] = bytearray(data)
            proof(path.with_name(path.name + ".tmp"))
            del self.files[self._key(path) + ".tmp"]
        self.files[self._key(path)] = bytearray(data)

    def remove(self, path: Path) -> None:
        self.files.pop(self._key(path), None)

    def move(self, path: Path, to: Path) -> None:
        old, new = self._key(path), self._key(to)
        for name in [name for name in self.files if name == old or name.startswith(f"{old}/")]:
            self.files[new + name.removeprefix(old)] = self.files.pop(name)

    def remove_folder(self, folder: Path) -> None:
        for name in [name for name in self.files if name.startswith(f"{self._key(folder)}/")]:
            del self.files[name]

    def free_bytes(self, folder: Path) -> int:
        return 1 << 40


DATA = Path("/data")
"""Where `Held` pretends to be."""
