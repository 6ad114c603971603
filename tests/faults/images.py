"""A small ledger, a disk in memory for it, and everything that can happen to its files."""

import itertools
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from bot.domain import lines as ln
from bot.domain.book import Book
from bot.domain.plan import Outcome, Recipient, Skip
from bot.storage import codec
from bot.storage.disk import Disk
from bot.storage.segments import segment_name
from tests.fakes import ANA, BRUNO, NOON, incident, port

Image = dict[str, bytes]
"""What the segments hold, by name."""

BEGAN = NOON.replace(day=30, hour=23, minute=58)
"""Two minutes before a month ends: the ledger has two segments."""

_PLAN = (
    Recipient("c1", "João", ("ZTEG00000001",), "5561999990001"),
    Recipient("c2", "Maria", ("ZTEG00000002",), "5561999990002"),
    Recipient("c3", "Zé", ("ZTEG00000003",), None, Skip.NO_PHONE),
)
GROUPS: tuple[tuple[ln.Line, ...], ...] = (
    (ln.Started("0.1.0"),),
    (ln.CaseOpened(1, incident(1)), ln.CardPosted(1, -100, 7)),
    (ln.Approved(1, ANA, (port(),)),),
    (ln.Planned(1, 3, _PLAN),),
    (ln.Intent(1, "c1"), ln.Intent(1, "c2")),
    (ln.Result(1, "c1", Outcome.ACCEPTED, "77"),),
    (ln.CaseOpened(2, incident(2, place="1/1")), ln.Denied(2, BRUNO, "manutenção")),
    (ln.Result(1, "c2", Outcome.UNKNOWN, None, "read timeout"), ln.Settled(1, "done")),
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
    groups: Sequence[Sequence[ln.Line]] = GROUPS,
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
        books.append(folded(groups[:number]))
    return Ledger(tuple(raw), image, tuple(books))


def folded(groups: Sequence[Sequence[ln.Line]]) -> Book:
    book = Book()
    for number, group in enumerate(groups):
        for line in group:
            book.apply(BEGAN + timedelta(seconds=30 * number), line)
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
        self._open: dict[int, bytearray] = {}
        self._numbers = itertools.count(1)

    @staticmethod
    def _key(path: Path) -> str:
        return str(path)[len(str(DATA)) + 1 :]

    def image(self) -> Image:
        return {n.removeprefix("ledger/"): bytes(d) for n, d in self.files.items() if n.count("/") == 1}

    def shelf(self) -> list[bytes]:
        return [bytes(data) for name, data in sorted(self.files.items()) if "quarantine" in name]

    def make_folder(self, folder: Path) -> None:
        pass

    def lock(self, path: Path) -> Callable[[], object]:
        return lambda: None

    def names(self, folder: Path) -> list[str]:
        inside = f"{self._key(folder)}/".removeprefix("/")
        return sorted({n[len(inside) :].split("/")[0] for n in self.files if n.startswith(inside)})

    def read(self, path: Path) -> bytes:
        return bytes(self.files[self._key(path)])

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
        self.files[self._key(path)] = bytearray(data)

    def free_bytes(self, folder: Path) -> int:
        return 1 << 40


DATA = Path("/data")
"""Where `Held` pretends to be."""


# Damage: each gives (what it is, the image).
Damaged = Iterator[tuple[str, Image]]


def lines_moved(image: Image) -> Damaged:
    """Doubled, deleted, swapped with the next (of the next segment, too), all turned round."""
    rows = [(name, line) for name, data in image.items() for line in data.splitlines(keepends=True)]
    for place in range(len(rows)):
        yield f"line {place + 1} doubled", _from(image, [*rows[: place + 1], *rows[place:]])
        yield f"line {place + 1} deleted", _from(image, [*rows[:place], *rows[place + 1 :]])
        if place + 1 < len(rows):
            (one, first), (two, second) = rows[place : place + 2]
            turned = [*rows[:place], (one, second), (two, first), *rows[place + 2 :]]
            yield f"line {place + 1} swapped with the next", _from(image, turned)
            yield f"lines from {place + 1} turned round", _from(image, [*rows[:place], *rows[:place:-1]])


def _from(image: Image, rows: Sequence[tuple[str, bytes]]) -> Image:
    return {name: b"".join(line for of, line in rows if of == name) for name in image}


def files_changed(image: Image) -> Damaged:
    """CRLF, BOM, UTF-16, printed anew; segments deleted, emptied, copied to and over other months."""
    for name, data in image.items():
        yield f"{name} with CRLF", {**image, name: data.replace(b"\n", b"\r\n")}
        yield f"{name} with a BOM", {**image, name: b"\xef\xbb\xbf" + data}
        yield f"{name} in UTF-16", {**image, name: data.decode().encode("utf-16")}
        yield f"{name} with spaces", {**image, name: data.replace(b'":', b'": ')}
        yield f"{name} over several lines", {**image, name: data.replace(b'","', b'",\n"')}
        yield f"{name} without line ends", {**image, name: data.replace(b"\n", b"")}
        yield f"{name} twice", {**image, name: data + data}
        for junk in (b"\n", b"\0" * 512, b"garbage", b"garbage\n", b'{"seq":1}\n', b"\xff" * 64 + b"\n"):
            yield f"{name}, {junk[:8]!r} behind it", {**image, name: data + junk}
            yield f"{name}, {junk[:8]!r} before it", {**image, name: junk + data}
        for other in ("2026-01.jsonl", "2026-11.jsonl", "2026-12.jsonl", "2027-01.jsonl"):
            yield f"{name} copied to {other}", {**image, other: data}
        yield f"{name} emptied", {**image, name: b""}
        yield f"{name} deleted", {n: d for n, d in image.items() if n != name}
    yield "all with CRLF", {name: data.replace(b"\n", b"\r\n") for name, data in image.items()}
    yield "all in UTF-16", {name: data.decode().encode("utf-16") for name, data in image.items()}
    yield "names swapped", dict(zip(image, reversed(list(image.values())), strict=True))
    yield "all in one", {next(iter(image)): b"".join(image.values())}


def nuls(image: Image) -> Damaged:
    """Inserted and written over: bytes, halves of lines, lines, line ends."""
    for name, data in image.items():
        start = 0
        for line in data.splitlines(keepends=True):
            end, middle = start + len(line), start + len(line) // 2
            for first, last in (
                (start, end),
                (start, middle),
                (middle, end),
                (end - 1, end),
                (start, start + 1),
            ):
                put = bytes(last - first)
                yield (
                    f"{name}, NULs over {first} to {last}",
                    {**image, name: data[:first] + put + data[last:]},
                )
            for place, count in itertools.product((start, middle, end - 1, end), (1, 64)):
                put = data[:place] + bytes(count) + data[place:]
                yield f"{name}, {count} NULs put in at {place}", {**image, name: put}
            start = end


def cuts(image: Image) -> Damaged:
    """Every length of every segment, with those after it there and gone."""
    for name, data in image.items():
        for size in range(len(data)):
            yield f"{name} cut to {size}", {**image, name: data[:size]}
            if name != max(image):
                gone = {n: d for n, d in image.items() if n < name}
                yield f"{name} cut to {size}, nothing after it", {**gone, name: data[:size]}


def flips(image: Image) -> Damaged:
    """Every byte of every segment changed in three ways, the last first: no chain guards the last line."""
    for name, data in reversed(image.items()):
        for place, byte in reversed(list(enumerate(data))):
            for other in (byte ^ 0x01, byte ^ 0x80, 0):
                put = data[:place] + bytes((other,)) + data[place + 1 :]
                yield f"{name}, byte {place} from {byte:#x} to {other:#x}", {**image, name: put}


def two_at_once(image: Image, count: int) -> Damaged:
    """Pairs of damages, the same ones in every run."""
    chance = random.Random(4)  # noqa: S311 - not for a secret
    for _ in range(count):
        said, put = "", image
        for _ in range(2):
            kind = chance.choice((lines_moved, files_changed, nuls, _some_flip))
            try:
                choices = list(kind(put))
            except UnicodeDecodeError:
                continue
            if choices:
                what, put = chance.choice(choices)
                said += f"{what}; "
        yield said, put


def _some_flip(image: Image) -> Damaged:
    for name, data in image.items():
        for place in range(0, len(data), 97):
            put = data[:place] + bytes((data[place] ^ 0x04,)) + data[place + 1 :]
            yield f"{name}, byte {place} flipped", {**image, name: put}


def other_versions() -> Iterator[tuple[str, Ledger]]:
    """Ledgers with one line that a newer version wrote, in every place, with a chain that holds."""
    kind = re.compile(rb'"kind":"\w+"')
    for place in range(1, sum(map(len, GROUPS)) + 1):

        def unknown_kind(seq: int, inner: bytes, place: int = place) -> bytes:
            return kind.sub(b'"kind":"telepathy"', inner) if seq == place else inner

        def unknown_field(seq: int, inner: bytes, place: int = place) -> bytes:
            return inner + b',"mood":"good"' if seq == place else inner

        yield f"line {place} of an unknown kind", ledger(change=unknown_kind)
        yield f"line {place} with an unknown field", ledger(change=unknown_field)


def misplaced() -> Iterator[tuple[str, Ledger]]:
    """Ledgers with one line that is not where it says, in every place, with a chain that holds."""
    changes: dict[str, Callable[[Envelope], Envelope]] = {
        "seq": lambda envelope: envelope._replace(seq=envelope.seq + 1),
        "group": lambda envelope: envelope._replace(group=envelope.group + 1),
        "left": lambda envelope: envelope._replace(left=envelope.left + 1 if envelope.left else 0),
        "at": lambda envelope: envelope._replace(at=envelope.at - timedelta(hours=1)),
    }
    first = 2  # nothing is before the first line
    for (what, change), place in itertools.product(changes.items(), range(first, len(ledger().lines) + 1)):

        def put(
            envelope: Envelope, place: int = place, change: Callable[[Envelope], Envelope] = change
        ) -> Envelope:
            return change(envelope) if envelope.seq == place else envelope

        made = ledger(place=put)
        if made.image != ledger().image:
            yield f"{what} of line {place} is wrong", made


def older(_seq: int, inner: bytes) -> bytes:
    """A line's fields as an older version wrote them: without those that came later."""
    for later in (
        b',"dry_run":false',
        b',"template":"LOS"',
        b',"mend":null',
        b',"by":null',
        b',"ignored":false',
    ):
        inner = inner.replace(later, b"")
    return inner


def crc_made_good(line: bytes) -> bytes:
    """A line that somebody changed and gave a checksum that agrees."""
    body = line.rsplit(b',"crc":', 1)[0]
    return b'%b,"crc":"%08x"}' % (body, crc32(body))
