"""Everything that can happen to the files of a ledger."""

import itertools
import random
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from zlib import crc32

from tests.faults.images import GROUPS, Envelope, Image, Ledger, ledger

Damaged = Iterator[tuple[str, Image]]
"""What was done, and the image."""


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
