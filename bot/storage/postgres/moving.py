"""`python -m bot ledger migrate`: a ledger out of files into PostgreSQL, and back; the bot must not run.

Every line goes as it stands, so numbers, hashes and times stay. Broken off, the same command does the rest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from bot.errors import StartupError
from bot.ports import Clock
from bot.storage import codec, copied
from bot.storage.commands.phrases import ROW, counted, no_ledger
from bot.storage.disk import Disk
from bot.storage.people import months
from bot.storage.people.key import NAME as KEY
from bot.storage.people.key import KeyMissing, read
from bot.storage.postgres import copy, kept, rows, schema, table
from bot.storage.postgres.link import Link, Lost, why
from bot.storage.postgres.turn import turn
from bot.storage.replay import Scan, make_durable, scan
from bot.storage.segments import Head, ledger_folder, segments_in
from bot.tongue import said as _

_GROUP = 1000  # lines, at least, that one statement brings


def made(url: str) -> str:
    """Make the tables, or bring them up to this version; what was done, in words. StartupError."""
    with _linked(url) as link:
        before = schema.make(link.connection())
        schema.check(link.connection())
        if before is None:
            return _("the tables are made")
        if before == schema.VERSION:
            return _("the tables are as they should be")
        return _(
            "the tables are of version {mine} now, they were of {there}", mine=schema.VERSION, there=before
        )


def into(folder: Path, url: str, disk: Disk | None = None) -> str:
    """Bring the ledger of a data folder into a database; what was done, in words.

    The folder is a copy of it from then on. StartupError where either is not as it should be. No bot starts
    on that database before all of it is there: on half of it it would send again what is sent.
    """
    disk = disk or Disk()
    with _alone(disk, folder), _linked(url) as link:
        found, secret = _whole(disk, folder), _secret(disk, folder)
        schema.make(link.connection())
        end = table.end(link)
        if copied.COPY in disk.names(ledger_folder(folder)):
            raise StartupError(
                _("{folder} is a copy of a ledger in PostgreSQL already", folder=folder), code=1
            )
        if end.seq and not _begins_as(disk, folder, found, end):
            raise StartupError(_("that database has a ledger already, and it is another one"), code=1)
        if table.secret(link) not in {None, secret}:
            raise StartupError(_("that database has a ledger already, and it is another one"), code=1)
        epoch = table.begin(link, end)
        table.keep_secret(link, secret)
        for month in months.months_in(disk, folder):
            kept = (one for one in map(months.read, months.lines(disk, folder, month)) if one is not None)
            table.put(link, month, (one.dump().rstrip(b"\n").decode() for one in kept), epoch)
        head = Head(end.seq, end.group, end.digest)
        for raws, then in _groups(disk, folder, found, end.seq):
            table.append(link, raws, head, then, listed=(), epoch=epoch)
            head = then
        _compare(link, found.head)
        table.finish(link)
        copy.told(disk, folder)
        lines = counted(found.head.seq, "line")
        return _(
            "{lines} are in PostgreSQL now, as they stood; {folder} is a copy: set LEDGER",
            lines=lines,
            folder=folder,
        )


async def out(url: str, folder: Path, clock: Clock, disk: Disk | None = None) -> str:
    """Bring the ledger of a database into a new data folder; what was done, in words.

    Nobody leads there meanwhile, nor afterwards. StartupError as above, also where a machine leads.
    """
    disk = disk or Disk()
    with _alone(disk, folder):
        if segments_in(disk, folder) and copied.COPY not in disk.names(ledger_folder(folder)):
            raise StartupError(_("{folder} has a ledger already: name a new folder", folder=folder), code=1)
        async with turn(url, moved=copy.token(disk, folder)) as epoch:
            return _out(url, folder, clock, disk, epoch)


def _out(url: str, folder: Path, clock: Clock, disk: Disk, epoch: int) -> str:
    with _linked(url) as link:
        schema.check(link.connection(), moved=copy.token(disk, folder))  # nobody moves it from here on
        if kept.waiting(link):
            text = "a machine has lines that the database lacks: start the bot, and confirm them first"
            raise StartupError(_(text), code=1)
        try:
            found, doubt = copy.brought(link, disk, folder, clock)
            copy.key(link, disk, folder, found)
        except KeyMissing as error:
            raise StartupError(str(error), code=1) from None
        copy.people(link, disk, folder)
        if doubt == "views":
            raise StartupError(
                _("{folder} has lines that the database lacks: name a new folder", folder=folder), code=1
            )
        found = _whole(disk, folder)
        _compare(link, found.head)
        make_durable(disk, folder, found)
        table.moved(link, epoch, copy.named(disk, folder))  # before anybody may start on the files
        disk.remove(ledger_folder(folder) / copied.COPY)
        disk.sync_folder(ledger_folder(folder))
        lines = counted(found.head.seq, "line")
        text = (
            "{lines} are in {folder} now, as they stood: take LEDGER away. Names and phones of customers "
            "stay in the database and in people/ of each copy, where neither PERSONAL_DAYS nor ledger forget "
            "reaches them: once the bot runs on {folder}, drop the database, and delete people/ in every "
            "other data folder"
        )
        return _(text, lines=lines, folder=folder)


def compared(url: str) -> tuple[bool, str]:
    """Whether a database has all lines as they were written, up to the one that its head names, in words.

    StartupError.
    """
    with _linked(url) as link:
        schema.check(link.connection())
        found = rows.read(link)
        if found.off is not None:
            text = "the copy in DATA_DIR has it: bot/docs/ledger.md says how it is put right"
            return False, f"{_(ROW, line=found.off)}. {_(text)}"
        text = "PostgreSQL: {lines}, the last one is {seq}:{digest}"
        told = _(text, lines=counted(found.seq, "line"), seq=found.seq, digest=found.digest[:8])
        return found.ends, told if found.ends else f"{told} ({_('its head says something else')})"


def refreshed(folder: Path, url: str, clock: Clock, disk: Disk | None = None) -> None:
    """Bring the copy in a folder up to the last line, unless the bot runs there, which keeps it so.

    StartupError where either cannot be used.
    """
    disk = disk or Disk()
    try:
        with _alone(disk, folder), _linked(url) as link:
            schema.check(link.connection())
            found, _doubt = copy.brought(link, disk, folder, clock)
            copy.key(link, disk, folder, found)
            copy.people(link, disk, folder)
    except KeyMissing as error:
        raise StartupError(str(error), code=1) from None
    except _Taken:
        return


class _Taken(StartupError):
    """The bot runs on that folder."""


@contextmanager
def _alone(disk: Disk, folder: Path) -> Iterator[None]:
    try:
        disk.make_folder(folder)
        release = disk.lock(folder / "instance.lock")
    except Timeout:
        text = "another process owns {folder}: stop it, or give this one another DATA_DIR"
        raise _Taken(_(text, folder=folder), code=1) from None
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        yield
    except OSError as error:
        raise _unusable(folder, error) from error
    finally:
        release()


def _unusable(folder: Path, error: OSError) -> StartupError:
    return StartupError(_("{folder} cannot be used: {why}", folder=folder, why=error.strerror), code=1)


@contextmanager
def _linked(url: str) -> Iterator[Link]:
    link = Link(url)
    try:
        yield link
    except Lost as error:
        text = _("PostgreSQL does not answer as it should ({why})", why=why(error))
        raise StartupError(text, code=1) from error
    except (table.Fenced, table.Elsewhere, table.Newer) as error:
        raise StartupError(_("a bot writes that database: stop it first"), code=1) from error
    finally:
        link.close()


def _whole(disk: Disk, folder: Path) -> Scan:
    """Every line, checked; StartupError where one is not as it should be."""
    if copied.found(disk, folder) is not None:
        text = "{folder} is a backup: start the bot on it first, which asks for a confirmation"
        raise StartupError(_(text, folder=folder), code=1)
    found = scan(disk, folder)
    if found.trouble is not None:
        text = "{folder} is not whole ({what}): see python -m bot ledger verify"
        raise StartupError(_(text, folder=folder, what=found.trouble.what), code=1)
    if not found.head.seq:
        raise StartupError(no_ledger(folder, disk), code=1)
    return found


def _secret(disk: Disk, folder: Path) -> str:
    try:
        read(disk, folder)
    except (KeyMissing, FileNotFoundError):
        text = "{file} is missing or damaged: bring it back from a backup first"
        raise StartupError(_(text, file=folder / KEY), code=1) from None
    return disk.read(folder / KEY).decode().strip()


def _lines(disk: Disk, folder: Path, found: Scan) -> Iterator[bytes]:
    for name, end in found.ends.items():
        yield from disk.lines(ledger_folder(folder) / name, 0, end)


def _begins_as(disk: Disk, folder: Path, found: Scan, end: table.End) -> bool:
    """Whether the database has the first lines of this ledger, and nothing else."""
    if end.seq > found.head.seq:
        return False
    raw = next(raw for seq, raw in enumerate(_lines(disk, folder, found), 1) if seq == end.seq)
    return codec.digest(raw) == end.digest


def _groups(disk: Disk, folder: Path, found: Scan, behind: int) -> Iterator[tuple[list[bytes], Head]]:
    """Lines in whole groups, many at a time, and where each time the ledger ends."""
    raws: list[bytes] = []
    for raw in _lines(disk, folder, found):
        entry = codec.unseal(raw)
        if entry.seq <= behind:
            continue
        raws.append(raw)
        if entry.left == 0 and (len(raws) >= _GROUP or entry.seq == found.head.seq):
            yield raws, Head(entry.seq, entry.group, codec.digest(raw), entry.at)
            raws = []


def _compare(link: Link, head: Head) -> None:
    end, lines = table.end(link), table.count(link)
    if not end.of(head) or lines != head.seq:
        text = (
            "the database has {lines} lines and ends with {seq}, the files with {mine}: nothing changed over"
        )
        raise StartupError(_(text, lines=lines, seq=end.seq, mine=head.seq), code=1)
