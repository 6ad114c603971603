"""`people/2026-11.jsonl`: the names and phones of the plans made in a month, a plan a line.

`{"case":12,"attempt":1,"at":"...Z","people":[["c7","Ana","5561..."],...],"crc":"<crc32>"}`: what the
`planned` line of that case and time does not say of its recipients. A line is durable before the one it
belongs to is written; one that is torn or damaged is nobody's, and who stands in it is not known any more.
"""

import json
import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from errno import ENOSPC
from pathlib import Path
from zlib import crc32

from bot.storage.disk import Disk

FOLDER = "people"
_NAME = re.compile(r"([1-8]\d{3})-(0[1-9]|1[0-2])\.jsonl")
_HEAD = re.compile(rb'\{"case":(-?\d{1,12}),"attempt":(\d{1,9}),"at":"([^"]{26})Z",')
_CRC = len(b',"crc":"01234567"}')

Plan = tuple[int, int]
"""A case's number and that of its approval."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of a recipient of a plan, by their id there."""

    id: str
    name: str
    phone: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """The people of a plan; `at` is the time of its line."""

    plan: Plan
    at: datetime
    people: tuple[Person, ...]

    def dump(self) -> bytes:
        """Its line, with its end."""
        time = self.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        case, attempt = self.plan
        rows = [[p.id, p.name, p.phone] for p in self.people]
        people = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
        text = f'{{"case":{case},"attempt":{attempt},"at":"{time}Z","people":{people}'
        raw = text.encode(errors="replace")  # half of a character in a name closes no ledger
        return b'%b,"crc":"%08x"}\n' % (raw, crc32(raw))


def month_of(at: datetime) -> str:
    """The file of the plans of that time: its UTC month."""
    return f"{at.year:04}-{at.month:02}.jsonl"


def months_in(disk: Disk, folder: Path) -> list[str]:
    """The files of a data folder, in their order. Raises OSError."""
    return [name for name in disk.names(folder / FOLDER) if _NAME.fullmatch(name)]


def append(disk: Disk, folder: Path, listed: Iterable[Listed]) -> None:
    """Write them down durably; behind a line that was torn they begin a new one. Raises OSError."""
    by_month: dict[str, list[bytes]] = {}
    for one in listed:
        by_month.setdefault(month_of(one.at), []).append(one.dump())
    for month, lines in by_month.items():
        disk.make_folder(folder / FOLDER)
        _append(disk, folder / FOLDER / month, b"".join(lines))


def _append(disk: Disk, path: Path, data: bytes) -> None:
    descriptor = disk.open_append(path)
    try:
        size = disk.size(descriptor)
        if size and disk.part(path, size - 1, 1) != b"\n":
            data = b"\n" + data
        if disk.write(descriptor, data) != len(data):
            raise OSError(ENOSPC, "only a part was written")
        disk.fdatasync(descriptor)
    finally:
        disk.close(descriptor)
    disk.sync_folder(path.parent)  # each time: who made it may have been killed before


def lines(disk: Disk, folder: Path, month: str) -> Iterator[bytes]:
    """The lines of a file, whatever they are, without their ends. Raises OSError."""
    path = folder / FOLDER / month
    return disk.lines(path, 0, disk.length(path))


def read(raw: bytes) -> Listed | None:
    """What a line says; None where it is not what was written."""
    head = _HEAD.match(raw)
    if head is None or raw[-_CRC:] != b',"crc":"%08x"}' % crc32(raw[:-_CRC]):
        return None
    try:
        people = tuple(Person(*one) for one in json.loads(raw)["people"])
        at = datetime.fromisoformat(head[3].decode() + "+00:00")
    except (ValueError, LookupError, TypeError):
        return None
    return Listed((int(head[1]), int(head[2])), at, people)


def find(disk: Disk, folder: Path, since: datetime, wanted: Container[Plan]) -> dict[Plan, Listed]:
    """The people of those plans, none of which is older than that; the last line about each. OSError."""
    found: dict[Plan, Listed] = {}
    for month in months_in(disk, folder):
        if month < month_of(since):
            continue
        for raw in lines(disk, folder, month):
            head = _HEAD.match(raw)
            if head is not None and (int(head[1]), int(head[2])) in wanted:
                listed = read(raw)
                if listed is not None:
                    found[listed.plan] = listed
    return found


def left_over(disk: Disk, folder: Path) -> list[str]:
    """The files that a forgetting which was killed had not put in place. Raises OSError."""
    names = disk.names(folder / FOLDER)
    return [name for name in names if name.endswith(".tmp") and _NAME.fullmatch(name[:-4])]


def due(names: Iterable[str], now: datetime, days: int) -> list[str]:
    """Which of them are files of months whose last day is so many days ago."""
    return [name for name in names if _NAME.fullmatch(name) and is_due(name, now, days)]


def is_due(month: str, now: datetime, days: int) -> bool:
    """Whether the last day of that file's month is so many days ago."""
    year, number = int(month[:4]), int(month[5:7])
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return end + timedelta(days=days) <= now


def without(disk: Disk, folder: Path, is_theirs: Callable[[Listed, Person], object]) -> int:
    """Take people out of every file; from how many plans. A file stays whole at any moment. OSError.

    What is torn or damaged goes as well: nobody can say whom it is about.
    """
    gone = 0
    for name in left_over(disk, folder):
        disk.remove(folder / FOLDER / name)
    for month in months_in(disk, folder):
        taken, broken = 0, 0
        for raw in lines(disk, folder, month):
            listed = read(raw)
            broken += listed is None
            taken += listed is not None and any(is_theirs(listed, person) for person in listed.people)
        if taken or broken:
            disk.replace_with(folder / FOLDER / month, _left(lines(disk, folder, month), is_theirs))
        gone += taken
    return gone


def _left(raws: Iterable[bytes], is_theirs: Callable[[Listed, Person], object]) -> Iterator[bytes]:
    for listed in filter(None, map(read, raws)):
        others = tuple(person for person in listed.people if not is_theirs(listed, person))
        yield replace(listed, people=others).dump()


def every(disk: Disk, folder: Path, month: str) -> dict[tuple[int, datetime], Listed]:
    """The people of the plans of a file, by case and time; none where there is no such file. OSError."""
    if month not in months_in(disk, folder):
        return {}
    found = filter(None, map(read, lines(disk, folder, month)))
    return {(listed.plan[0], listed.at): listed for listed in found}
