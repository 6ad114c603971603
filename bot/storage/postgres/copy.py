"""The copy of the lines in DATA_DIR: the same files, byte for byte, of lines that PostgreSQL has committed.

Checkpoints, index, history, views and commands go on reading files. The copy is never the truth: what is torn
or damaged in it is put aside and fetched again. A mark beside it (`copy.json`) says that it is one, so that
nobody runs on it as if it were a ledger of its own; and whether PostgreSQL was found to lack lines that it
has, until the line of a start that doubts it is durable.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path
from secrets import token_hex

import structlog

from bot import tongue
from bot.domain.book import Doubt
from bot.errors import Closed, StartupError
from bot.ports import Clock
from bot.storage import codec
from bot.storage.checkpoint import newest, resumed
from bot.storage.copied import COPY
from bot.storage.disk import Disk
from bot.storage.people import months
from bot.storage.people.key import NAME as KEY
from bot.storage.people.key import Key, KeyMissing, key_of, read
from bot.storage.postgres import kept, rows, table
from bot.storage.postgres.link import Link, Lost
from bot.storage.replay import SHELF, Fault, Scan, doubt_about, heads_of_views, quarantine, scan
from bot.storage.segments import ledger_folder, segment_name, segments_in

_GROUP = 2000  # lines, at least, that are written to the copy at once

_log = structlog.get_logger(__name__)


def brought(link: Link, disk: Disk, folder: Path, clock: Clock) -> tuple[Scan, Doubt | None]:
    """The copy brought up to the last line, as a start reads it, and why it may be an old one.

    StartupError where the folder has another ledger; Lost, OSError.
    """
    disk.make_folder(ledger_folder(folder))
    views = heads_of_views(disk, folder)
    found, doubt = _mine(link, disk, folder, clock, views)
    if table.end(link).seq > found.head.seq:
        fetch(link, disk, folder, found)
        found = scan(disk, folder, views, start=found)
    if found.trouble is not None and found.trouble.fault is not Fault.INCOMPLETE:
        return found, doubt
    found.older = newest(disk, folder) > found.head.seq
    return found, doubt or doubt_about(found, views, clock.now())


def _mine(
    link: Link, disk: Disk, folder: Path, clock: Clock, views: Mapping[int, str]
) -> tuple[Scan, Doubt | None]:
    """What the copy has that PostgreSQL has, too."""
    end, mark = table.end(link), _mark(disk, folder)
    there = bool(segments_in(disk, folder))
    if there and mark is None:
        _check_same(link, disk, folder, end.seq)
    if mark is None:
        _put(disk, folder, lacking=None)
    found = resumed(disk, folder, views)
    doubt: Doubt | None = "views" if mark is not None and mark.get("lacking") else None
    last, digest = found.head.seq, found.head.digest
    damaged = found.trouble is not None and (found.trouble.fault is Fault.CORRUPT or not last)
    if found.trouble is not None:
        if damaged:
            last, digest = _last_sound(disk, folder)
            if there:
                _log.warning("copy_of_the_ledger_fetched_again", why=found.trouble.what)
        else:
            quarantine(disk, folder, found, clock.now())
            found.trouble = None
    if last and _digest_at(link, last) != digest:
        _log.error("postgres_lacks_lines", last_here=last, last_there=end.seq)
        kept.keep(link, disk, folder, last, clock.now())
        _put(disk, folder, lacking=last)
        damaged, doubt = True, "views"
    if damaged:
        if there:
            _set_aside(disk, folder, clock)
        return Scan(), doubt
    return found, doubt


def _last_sound(disk: Disk, folder: Path) -> tuple[int, str]:
    """Number and hash of the last line that can be read, also behind what is damaged: it may be of a send."""
    last = (0, codec.NO_LINE)
    for name in segments_in(disk, folder):
        path = ledger_folder(folder) / name
        for raw in disk.lines(path, 0, disk.length(path)):
            with suppress(codec.BadLine):
                last = max(last, (codec.unseal(raw).seq, codec.digest(raw)))
    return last


def _digest_at(link: Link, seq: int) -> str | None:
    raw = table.line(link, seq)
    return None if raw is None else codec.digest(raw)


def _check_same(link: Link, disk: Disk, folder: Path, lines: int) -> None:
    """A ledger in files that nobody moved to PostgreSQL is not taken for a copy."""
    first = next(iter(segments_in(disk, folder)))
    with disk.reading(ledger_folder(folder) / first) as file:
        mine = file.readline().rstrip(b"\n")
    if mine and (not lines or table.line(link, 1) != mine):
        text = (
            "{folder} has a ledger that is not in that database: move it with python -m bot ledger migrate "
            "--from {folder} --to its address, or give this one another DATA_DIR"
        )
        raise StartupError(tongue.said(text, folder=folder), code=1)


def _set_aside(disk: Disk, folder: Path, clock: Clock) -> None:
    place = ledger_folder(folder)
    shelf = place / SHELF / f"copy-{clock.now():%Y%m%dT%H%M%S.%fZ}"
    disk.make_folder(shelf)
    for name in disk.names(place):
        if name not in {SHELF, COPY}:
            disk.move(place / name, shelf / name)


def followed(link: Link, disk: Disk, folder: Path, found: Scan) -> Scan | None:
    """The same scan, with all lines that there are by now, which are written into the copy.

    None where it has to be brought anew: PostgreSQL has not the line that it ends with, or what is here is
    not what was written. Raises Lost or OSError.
    """
    query = "SELECT line FROM ledger_lines WHERE seq BETWEEN %s AND %s ORDER BY seq"
    seq = found.head.seq
    raws = [row[0].encode() for row in link.ask(query, (seq, seq + _GROUP))]
    if seq and (not raws or codec.digest(raws.pop(0)) != found.head.digest):
        return None
    if not raws:
        return found
    try:
        if len(raws) < _GROUP:
            _write(disk, folder, raws)
        else:  # a group may end beyond them
            fetch(link, disk, folder, found)
    except (Lost, OSError):
        scan(disk, folder, start=found)  # else what is written already would be written again behind it
        raise
    found = scan(disk, folder, start=found)
    return found if found.trouble is None else None


def fetch(link: Link, disk: Disk, folder: Path, found: Scan) -> None:
    """Write what follows the scan's last line into the copy, in whole groups. Raises Lost or OSError."""
    query = "SELECT line FROM ledger_lines WHERE seq > %s ORDER BY seq"
    with link.stream(query, (found.head.seq,)) as rows:
        _write(disk, folder, (row[0].encode() for row in rows))


def _write(disk: Disk, folder: Path, raws: Iterable[bytes]) -> None:
    for month, group in _by_month(max(segments_in(disk, folder), default=""), raws):
        descriptor = disk.open_append(ledger_folder(folder) / month)
        try:
            data = b"\n".join([*group, b""])
            if disk.write(descriptor, data) != len(data):
                raise OSError(ENOSPC, "only a part was written")
        finally:
            disk.close(descriptor)


def _by_month(name: str, raws: Iterable[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Whole groups by the file they belong in: never an earlier one than the last."""
    kept: list[bytes] = []
    group: list[bytes] = []
    for raw in raws:
        entry = codec.unseal(raw)
        month = max(name, segment_name(entry.at))
        if not group and (month != name or len(kept) >= _GROUP):
            if kept:
                yield name, kept
            kept, name = [], month
        group.append(raw)
        if entry.left == 0:
            kept += group
            group = []
    if kept:
        yield name, kept


def key(link: Link, disk: Disk, folder: Path, found: Scan) -> Key:
    """The secret of the ledger: that of PostgreSQL, which is kept here as well. KeyMissing; Lost, OSError."""
    secret, known = table.secret(link), found.book.key
    if secret is None:
        made = key_of(disk, folder, known, used=bool(found.book.contacts))
        table.keep_secret(link, disk.read(folder / KEY).decode().strip())
        secret = table.secret(link)
        if secret is None:
            return made
    if KEY not in disk.names(folder) or disk.read(folder / KEY).decode().strip() != secret:
        disk.replace(folder / KEY, secret.encode() + b"\n")
    found_key = read(disk, folder)
    if known is not None and found_key.id != known:
        raise KeyMissing(tongue.said("the key in the database is of another ledger than its lines"))
    return found_key


def people(
    link: Link, disk: Disk, folder: Path, known: Mapping[str, table.Kept] | None = None
) -> dict[str, table.Kept]:
    """Names and phones here are those of PostgreSQL, no more and no fewer; what it has of each month.

    A month is taken for the same where that is `known` from the time before. Raises Lost or OSError.
    """
    query = "SELECT line FROM ledger_people WHERE month = %s ORDER BY seq"
    there, known = table.kept(link), known or {}
    for month in (month for month, what in there.items() if known.get(month) != what):
        raws = [row[0].encode() for row in link.ask(query, (month,))]
        mine = list(months.lines(disk, folder, month)) if month in months.months_in(disk, folder) else []
        if mine != raws:
            disk.make_folder(folder / months.FOLDER)
            disk.replace_with(folder / months.FOLDER / month, (raw + b"\n" for raw in raws))
    for month in months.months_in(disk, folder):
        if month not in there:
            disk.remove(folder / months.FOLDER / month)
    return there


def told(disk: Disk, folder: Path) -> None:
    """That PostgreSQL lacked lines is durable in a line of it by now."""
    _put(disk, folder, lacking=None)


def token(disk: Disk, folder: Path) -> str | None:
    """What the folder is called by in a database whose ledger is moved into it, None where none ever was."""
    found = (_mark(disk, folder) or {}).get("moving")
    return found if isinstance(found, str) else None


def named(disk: Disk, folder: Path) -> str:
    """The same, durable from now on: each machine has a copy, and a ledger is moved into one folder only."""
    if (found := token(disk, folder)) is not None:
        return found
    _put(disk, folder, moving=(made := token_hex(8)))
    return made


def distrust(disk: Disk, folder: Path) -> None:
    """A line in PostgreSQL was found not to be as it was written: no start on this folder forgets it."""
    _put(disk, folder, damaged=True)


def recovered(link: Link, disk: Disk, folder: Path) -> Closed | None:
    """Why the ledger stays closed, where a line there was found to be damaged and still is. Lost, OSError."""
    if not (_mark(disk, folder) or {}).get("damaged"):
        return None
    if (off := rows.read(link).off) is not None:
        return rows.damaged(off)
    _put(disk, folder, damaged=None)
    return None


def _mark(disk: Disk, folder: Path) -> dict[str, object] | None:
    place = ledger_folder(folder)
    if COPY not in disk.names(place):
        return None
    try:
        said = json.loads(disk.read(place / COPY))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _put(disk: Disk, folder: Path, **changed: int | str | None) -> None:
    said = {**(_mark(disk, folder) or {}), "of": "postgresql", **changed}
    kept = {name: value for name, value in said.items() if value is not None}
    disk.replace(ledger_folder(folder) / COPY, json.dumps(kept).encode() + b"\n")
