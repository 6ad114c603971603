"""`python -m bot ledger upgrade`: a ledger of a version before, whose lines have names and phones in them.

The new ledger is made in `upgrading/` and verified; only then do the two change places, step by step, and
each step is one that a crash can stand between: the same command goes on with it. What there was is kept.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from filelock import Timeout

from bot.domain.book import Book
from bot.domain.events import Line, TrialIntent, Upgraded
from bot.domain.phone import mask
from bot.errors import StartupError
from bot.ports import Clock
from bot.storage import checkpoint, codec, copied
from bot.storage.access import check_owner
from bot.storage.chain import whole
from bot.storage.codec import BadLine, Entry
from bot.storage.commands.phrases import ASKS, counted, no_ledger, place
from bot.storage.copied import BEFORE, UPGRADING, Mark
from bot.storage.disk import Disk
from bot.storage.people import months
from bot.storage.people.key import KeyMissing, key_of
from bot.storage.people.months import FOLDER, Listed
from bot.storage.people.store import People
from bot.storage.replay import VIEWS, Fault, Scan, heads_of_views, scan
from bot.storage.segments import Head, ledger_folder
from bot.tongue import said as _

_WHOLE = "whole"
"""The file that says that the new ledger is whole, and where what there was goes."""
_KEPT = "what there was is in {kept}. It has names and phones of customers: delete it once the bot runs"
_NOTHING = "nothing to upgrade: no line has names or phones of customers"


def run_upgrade(folder: Path, clock: Clock) -> str:
    """What was done, in words. StartupError (exit code 1) where it cannot be; nothing is changed then."""
    check_owner(folder)
    return upgrade(folder, clock.now(), Disk())


def upgrade(folder: Path, now: datetime, disk: Disk) -> str:
    """As `run_upgrade`, on any disk."""
    try:
        release = disk.lock(folder / "instance.lock")
    except Timeout:
        text = _("another process owns {folder}: stop the bot first", folder=folder)
        raise StartupError(text, code=1) from None
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        return _upgraded(folder, now, disk)
    except OSError as error:
        raise _unusable(folder, error) from error
    finally:
        release()


def _upgraded(folder: Path, now: datetime, disk: Disk) -> str:
    made = folder / UPGRADING
    if _WHOLE in disk.names(made):
        return _change_places(folder, disk)
    if UPGRADING in disk.names(folder):
        disk.remove_folder(made)
    if not disk.names(ledger_folder(folder)):
        raise StartupError(no_ledger(folder, disk), code=1)
    mark = copied.found(disk, folder)
    said = {*heads_of_views(disk, folder).items(), *checkpoint.heads(disk, folder).items()}
    lines = [line for line, _digest in said]
    found = scan(disk, folder, lines, before=True)
    if found.trouble is not None and found.trouble.fault is Fault.CORRUPT:
        where = place(ledger_folder(folder), found.trouble)
        text = _("the ledger is damaged: {where}; python -m bot ledger verify says how", where=where)
        raise StartupError(text, code=1)
    try:
        if not any(codec.personal(entry.line) for entry in _entries(disk, folder, found)):
            return _(_NOTHING)
        people = People(disk, made, key_of(disk, folder, None, used=False))
    except (BadLine, KeyMissing) as error:
        raise StartupError(f"{folder}: {error}", code=1) from error
    head = found.head
    _New(disk, made, people, head).write(folder, found)
    older = any(found.digests.get(line) != digest for line, digest in said)
    if older or checkpoint.newest(disk, folder) > head.seq:  # what shows it does not come along
        at = f"{head.at:%Y-%m-%dT%H:%M:%SZ}"
        mark = mark or Mark(str(folder.resolve()), at, True, head.seq, head.digest, "views")
    if mark is not None:
        copied.put(disk, made, mark)
    if whole(disk, made) is None:
        raise StartupError(_("{made} is not what was written: is the disk well?", made=made), code=1)
    disk.replace(made / _WHOLE, f"{BEFORE}-{now:%Y%m%dT%H%M%SZ}".encode())
    return _change_places(folder, disk)


def _entries(disk: Disk, folder: Path, found: Scan) -> Iterator[Entry]:
    for name, end in found.ends.items():
        yield from map(codec.unseal, disk.lines(ledger_folder(folder) / name, 0, end))


class _New:
    """The new ledger while it is written: every line of the old one behind one that says so."""

    def __init__(self, disk: Disk, made: Path, people: People, old: Head) -> None:
        self._disk, self._made, self._people = disk, made, people
        self._first: Line | None = Upgraded(old.digest, old.seq, people.key.id)
        self._book, self._prev = Book(), codec.NO_LINE
        self._listed: list[Listed] = []

    def write(self, folder: Path, found: Scan) -> None:
        """Its segments and its people, durably. OSError, BadLine."""
        self._disk.make_folder(ledger_folder(self._made))
        for name, end in found.ends.items():
            raws = self._disk.lines(ledger_folder(folder) / name, 0, end)
            self._disk.replace_with(ledger_folder(self._made) / name, self._lines(map(codec.unseal, raws)))
            months.append(self._disk, self._made, self._listed)
            self._listed.clear()

    def _lines(self, entries: Iterator[Entry]) -> Iterator[bytes]:
        for entry in entries:
            if self._first is not None:
                yield self._sealed(self._first, entry._replace(seq=0, group=0, left=0))
                self._first = None
            line = self._people.called(entry.line)
            if isinstance(line, TrialIntent) and codec.personal(line):
                line = TrialIntent(line.trial, line.template, line.hsm, mask(line.phone), line.by)
            yield self._sealed(line, entry)
            self._listed += self._people.listed(entry.at, [line], self._book)

    def _sealed(self, line: Line, entry: Entry) -> bytes:
        self._book.apply(entry.at, line)
        place = {"seq": entry.seq + 1, "group": entry.group + 1, "left": entry.left}
        raw = codec.seal(codec.fields(line), **place, at=entry.at, prev=self._prev)
        self._prev = codec.digest(raw)
        return raw + b"\n"


def _change_places(folder: Path, disk: Disk) -> str:
    """The new ledger is whole: it goes where the old one is. Harmless when repeated."""
    made = folder / UPGRADING
    kept = folder / disk.read(made / _WHOLE).decode()
    disk.make_folder(kept)
    new = disk.names(made)
    for name in (FOLDER, "ledger"):
        if name in new:
            if name in disk.names(folder):
                disk.move(folder / name, kept / name)
            disk.move(made / name, folder / name)
    # Last: where they lie and no ledger does, a version before, put back on the way, does not begin anew.
    for name in sorted(VIEWS.intersection(disk.names(folder))):  # they name lines of the old one
        disk.move(folder / name, kept / name)
    lines = 0 if (found := whole(disk, folder)) is None else found.head.seq
    disk.remove_folder(made)
    mark = copied.found(disk, folder)
    return "\n".join(
        [
            _("{path}: upgraded, {lines}, whole", path=ledger_folder(folder), lines=counted(lines, "line")),
            _(_KEPT, kept=kept),
            _("who reads the lines needs {folder}/people.key from now on; each backup has it", folder=folder),
            *([] if mark is None else [f"{mark.said()}: {_(ASKS)}"]),
        ]
    )


def _unusable(folder: Path, error: OSError) -> StartupError:
    text = "{folder} cannot be used ({why}): run the upgrade again"
    return StartupError(_(text, folder=folder, why=error.strerror), code=1)


def before(disk: Disk, folder: Path) -> list[str]:
    """The folders that an upgrade kept, which have names and phones in their lines. OSError."""
    with suppress(FileNotFoundError):
        return [name for name in disk.names(folder) if name.startswith(f"{BEFORE}-")]
    return []
