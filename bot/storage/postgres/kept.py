"""Lines of the copy here that PostgreSQL lacks: a replica took over that had not got them.

They are kept in the quarantine, as they stood, until somebody confirms the ledger: what they tell of sends is
written behind that (`bot.flow.kept`). Where another machine wrote it before, what is there is found.

They are offered to PostgreSQL as well, in a table of their own, so that whoever leads keeps them: a machine
that has no such lines would ask nobody, and write none of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import structlog

from bot.domain.events import Intent, Line
from bot.storage import codec
from bot.storage.codec import BadLine, Entry
from bot.storage.disk import Disk
from bot.storage.postgres import table
from bot.storage.postgres.link import Link
from bot.storage.replay import SHELF
from bot.storage.segments import ledger_folder, segments_in

MOST = 20_000
"""Of so many last lines the first that differs is looked for. What lacks more is an old copy, no replica."""

_KEPT, _DONE = ".kept", ".written"

_log = structlog.get_logger(__name__)


def keep(link: Link, disk: Disk, folder: Path, last: int, now: datetime) -> None:
    """Put what PostgreSQL lacks of the copy's lines, up to the last, into a file. Raises Lost or OSError."""
    query = "SELECT seq, line FROM ledger_lines WHERE seq > %s AND seq <= %s"
    there = {seq: codec.digest(raw.encode()) for seq, raw in link.ask(query, (last - MOST, last))}
    lacking = list[bytes]()
    for raw in _from_the_end(disk, folder, last):
        if there.get(codec.unseal(raw).seq) == codec.digest(raw):
            break
        lacking.append(raw)
    else:
        if len(lacking) < last and table.line(link, 1) != _first(disk, folder):
            return  # nothing in common: not the end is missing
        _log.error("kept_the_last_lines_only", lines=len(lacking), last_here=last)
    if lacking:
        shelf = ledger_folder(folder) / SHELF
        disk.make_folder(shelf)
        data = b"\n".join([*reversed(lacking), b""])
        name = f"-{codec.digest(data)[:16]}{_KEPT}"
        if not any(one.endswith(name) for one in disk.names(shelf)):  # a crash since begins this anew
            disk.replace(shelf / f"{now:%Y%m%dT%H%M%S.%fZ}{name}", data)


def _first(disk: Disk, folder: Path) -> bytes:
    """The copy's first line."""
    with disk.reading(ledger_folder(folder) / segments_in(disk, folder)[0]) as file:
        return file.readline().rstrip(b"\n")


def _from_the_end(disk: Disk, folder: Path, last: int) -> Iterator[bytes]:
    """The last lines, the last one first; at most so many."""
    left = MOST
    for name in reversed(segments_in(disk, folder)):
        path = ledger_folder(folder) / name
        raws = [raw for raw in disk.lines(path, 0, disk.length(path)) if _seq(raw) <= last]
        yield from reversed(raws[-left:])
        left -= len(raws)
        if left <= 0:
            return


def _seq(raw: bytes) -> int:
    try:
        return codec.unseal(raw).seq
    except BadLine:
        return 1 << 62


def read(disk: Disk, folder: Path) -> Sequence[Sequence[Line]]:
    """What is kept and was not written again yet, each way that the ledger went, oldest first. OSError.

    Files whose lines follow one another are one way: the sends of one may be of the case that another opens.
    Where the ledger went on in two ways, what comes before is in both.
    """
    lines, before = dict[str, Entry](), dict[str, str]()
    for path in _files(disk, folder):
        last = ""
        for digest, entry in _entries(disk, path):
            lines[digest] = entry
            before.setdefault(digest, last)  # that is what it follows where the line itself is damaged
            last = digest
    for digest, entry in lines.items():
        for one in (entry.prev, before[digest]):
            if one in lines and lines[one].seq < entry.seq:
                before[digest] = one
                break
        else:
            before[digest] = ""
    ways = [_way(lines, before, end) for end in lines.keys() - before.values()]
    ways.sort(key=lambda way: (way[0].at, way[0].seq, way[-1].seq))
    return [[_line(entry) for entry in way] for way in ways]


def _way(lines: Mapping[str, Entry], before: Mapping[str, str], end: str) -> list[Entry]:
    found = list[Entry]()
    while end:
        found.append(lines[end])
        end = before[end]
    return found[::-1]


def _entries(disk: Disk, path: Path) -> Iterator[tuple[str, Entry]]:
    bad = 0
    for raw in disk.lines(path, 0, disk.length(path)):
        try:
            yield codec.digest(raw), codec.unseal(raw)
        except BadLine:
            bad += 1
    if bad:
        _log.error("kept_lines_damaged", file=path.name, lines=bad)


def _line(entry: Entry) -> Line:
    line = entry.line
    return replace(line, claimed=line.claimed or entry.at) if isinstance(line, Intent) else line


def done(disk: Disk, folder: Path) -> None:
    """They are written again, or the ledger was confirmed without them: the files stay. Raises OSError."""
    for path in _files(disk, folder):
        disk.move(path, path.with_suffix(_DONE))


def offer(link: Link, disk: Disk, folder: Path) -> None:
    """What is kept here is so in PostgreSQL, too, for whoever leads. Raises Lost or OSError."""
    for path in _files(disk, folder):
        query = "INSERT INTO ledger_kept (digest, lines) VALUES (%s, %s) ON CONFLICT DO NOTHING"
        text = disk.read(path).decode(errors="replace").replace("\0", "\ufffd")  # damage is told of, later on
        link.ask(query, (_digest(path.name), text))


def gather(link: Link, disk: Disk, folder: Path, now: datetime) -> None:
    """What other machines offered is kept here, too. Raises Lost or OSError."""
    shelf, known = ledger_folder(folder) / SHELF, shelved(disk, folder)
    for digest in waiting(link) - known:
        ((text,),) = link.ask("SELECT lines FROM ledger_kept WHERE digest = %s", (digest,))
        disk.make_folder(shelf)
        disk.replace(shelf / f"{now:%Y%m%dT%H%M%S.%fZ}-{digest}{_KEPT}", text.encode())


def waiting(link: Link) -> set[str]:
    """Those that some machine offered, and nobody confirmed. Raises Lost."""
    return {digest for (digest,) in link.ask("SELECT digest FROM ledger_kept WHERE NOT done")}


def shelved(disk: Disk, folder: Path) -> set[str]:
    """Those that are here, written again or not. Raises OSError."""
    names = disk.names(ledger_folder(folder) / SHELF)
    return {_digest(name) for name in names if name.endswith((_KEPT, _DONE))}


def confirmed(link: Link, digests: Iterable[str]) -> None:
    """These need not be asked about any more, by no machine. Raises Lost."""
    link.ask("UPDATE ledger_kept SET done = true WHERE digest = ANY(%s) AND NOT done", (list(digests),))


def _digest(name: str) -> str:
    return name.rpartition("-")[2].partition(".")[0]


def _files(disk: Disk, folder: Path) -> list[Path]:
    shelf = ledger_folder(folder) / SHELF
    return [shelf / name for name in sorted(disk.names(shelf)) if name.endswith(_KEPT)]
