"""`python -m bot ledger repair`: puts right what can be put right without losing a line, after a copy.

A torn last group is put aside, as a start does it: nobody was told that it is durable. What is done is
worked out in `mending`; only a whole ledger is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from filelock import Timeout

from bot.errors import StartupError
from bot.ports import Clock
from bot.storage import copied
from bot.storage.access import of_another_user
from bot.storage.commands.mending import Mending, mending
from bot.storage.commands.phrases import BAD, NEWER, counted, no_ledger, place
from bot.storage.commands.salvage import (
    Held,
    Span,
    count,
    of_newer_version,
    segments_of,
    united,
    without,
)
from bot.storage.commands.verify import Report, reported, said_of
from bot.storage.disk import Disk
from bot.storage.replay import free_name, scan
from bot.storage.sealed.gzipped import packed_name
from bot.storage.segments import ledger_folder
from bot.tongue import said as _

_NAMED = 20  # line numbers, at most, in the text
_COMPARED = 100_000  # lines, at most, that are compared with others of their number
_IN = "ledger/quarantine"
_DRY = "dry run: nothing was changed"


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done or, in a dry run, would be: the segments that change, the copies of them, and the text.

    `ok` is whether the ledger is whole with that.
    """

    ok: bool
    text: str
    changed: tuple[str, ...] = ()
    copies: tuple[Path, ...] = ()


def repair(folder: Path, clock: Clock, *, dry_run: bool = False, disk: Disk | None = None) -> Repair:
    """Mend the ledger under `folder`, or leave it as it is byte for byte.

    Takes the instance lock: StartupError (exit code 1) while the bot runs, and where the folder cannot be
    read or written. Harmless when repeated, also after a crash.
    """
    disk = disk or Disk()
    try:
        if not disk.names(ledger_folder(folder)):
            raise _missing(folder, disk)
        copied.found(disk, folder)
        release = disk.lock(folder / "instance.lock")
    except Timeout:
        raise StartupError(
            _("another process owns {folder}: stop the bot first", folder=folder), code=1
        ) from None
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        return _repaired(folder, clock.now(), disk, dry_run=dry_run)
    except OSError as error:
        raise _unusable(folder, error) from error
    finally:
        release()


def run_repair(folder: Path, clock: Clock, *, dry_run: bool) -> tuple[int, str]:
    """The exit code (0 whole now, or would be; 1 left as it is) and the text for the person who asked."""
    try:
        another = of_another_user(folder)
    except FileNotFoundError:
        raise _missing(folder, Disk()) from None
    except OSError as error:
        raise _unusable(folder, error) from error
    if another is not None:
        raise StartupError(another, code=1)
    made = repair(folder, clock, dry_run=dry_run)
    return int(not made.ok), made.text


def _repaired(folder: Path, now: datetime, disk: Disk, *, dry_run: bool) -> Repair:
    found = scan(disk, folder, before=True)
    if not found.sizes:
        raise _missing(folder, disk)
    if found.trouble is None:
        return Repair(True, f"{ledger_folder(folder)}: {_('whole, nothing to repair')}")
    first = f"{_(BAD)}: {place(ledger_folder(folder), found.trouble)}"
    held = segments_of(disk, folder, found)
    plan = mending(held, found)
    if plan is None:
        lost = _what_it_would_lose(reported(disk, folder, found), held)
        return Repair(False, "\n".join([first, *lost]))
    changed, said, aside = plan.changed, plan.said(), plan.aside
    if dry_run:
        would = [_aside(lines, _IN, "would be") for lines in aside.values()]
        return Repair(True, "\n".join([first, *said, *would, _(_DRY)]), changed)
    copies = {one.name: _copied(disk, folder, one, now) for one in held if one.name in changed}
    _written(disk, ledger_folder(folder), plan, changed)
    done = [
        *said,
        *(_("{name}: kept as it was in {copy}", name=name, copy=copy) for name, copy in copies.items()),
    ]
    done += [_aside(lines, f"{_IN}/{copies[name].name}") for name, lines in aside.items()]
    upto = "repaired: the ledger is whole up to its last whole group"
    end = _(upto) if aside else _("repaired: the ledger is whole")
    return Repair(True, "\n".join([first, *done, end]), changed, tuple(copies.values()))


def _written(disk: Disk, ledger: Path, plan: Mending, changed: Sequence[str]) -> None:
    """First with what leaves a segment for another still in it: a crash between two loses no line."""
    left = []
    for name in changed:
        leaving = plan.leaving(name)
        if first := next(leaving, b""):
            left.append(name)
        disk.replace_with(ledger / name, chain(plan.segments[name].pieces(), [first], leaving))
        disk.remove(ledger / packed_name(name))
    for name in left:
        disk.replace_with(ledger / name, plan.segments[name].pieces())


def _aside(lines: int, where: str, was: str = "") -> str:
    """What a person should know of a torn last group: which lines the ledger has not any more."""
    whole = counted(lines, "intact line") if lines else _("what is left")
    be = was or ("were" if lines > 1 else "was")
    they = "they are" if lines > 1 else "it is"
    text = (
        "{whole} of the torn last group {be} put aside in {where}, as a start does (nobody was told that "
        "{they} durable)"
    )
    return _(text, whole=whole, be=_(be), they=_(they), where=where)


def _what_it_would_lose(report: Report, held: Sequence[Held]) -> list[str]:
    said = [f"{_('after it')}: {said_of(report.after)}"]
    numbers = united((run.first, run.last) for one in held for run in one.runs)
    missing = [(1, max((last for _, last in numbers), default=0))]
    for span in numbers:
        missing = without(missing, span)
    twice = [(number, number) for number in _different(held)]
    for what, which in (("missing or damaged", missing), ("there twice and different", twice)):
        if which:
            each = (str(number) for first, last in which for number in range(first, last + 1))
            more = _(" and {count} more", count=count(which) - _NAMED) if count(which) > _NAMED else ""
            shown = ", ".join(islice(each, _NAMED)) + more
            said.append(_("{what}: lines {numbers}", what=_(what), numbers=shown))
    if of_newer_version(held):
        said.append(_(NEWER))
    return [
        *said,
        _("not repaired, nothing was changed: it would lose lines. Bring the file back from a backup"),
    ]


def _different(held: Sequence[Held]) -> list[int]:
    """The numbers that several lines have, the first of them."""
    seen, twice = list[Span](), list[Span]()
    for run in sorted(run for one in held for run in one.runs):
        twice += [
            (max(run.first, first), min(run.last, last)) for first, last in seen[-1:] if run.first <= last
        ]
        seen = united([*seen, (run.first, run.last)])
    lines: dict[int, set[bytes]] = {}
    for one in held:
        for number, raw in (line for run in one.runs for line in one.of(run)):
            if len(lines) < _COMPARED and any(first <= number <= last for first, last in twice):
                lines.setdefault(number, set()).add(raw)
    return sorted(number for number, all_ in lines.items() if len(all_) > 1)


def _copied(disk: Disk, folder: Path, one: Held, now: datetime) -> Path:
    """A copy of the file with the segment, packed or not, from which its lines are read from now on."""
    shelf, file = ledger_folder(folder) / "quarantine", disk.stored(ledger_folder(folder) / one.name)
    disk.make_folder(shelf)
    copy = free_name(disk, shelf, f"{Path(one.name).stem}-before-repair-{now:%Y%m%dT%H%M%S.%fZ}")
    disk.replace_with(copy, disk.pieces(file, 0, disk.length(file)))
    one.read_from(disk, copy)
    return copy


def _missing(folder: Path, disk: Disk) -> StartupError:
    return StartupError(no_ledger(folder, disk), code=1)


def _unusable(folder: Path, error: OSError) -> StartupError:
    text = "{folder} cannot be used ({why}): nothing was repaired"
    return StartupError(_(text, folder=folder, why=error.strerror), code=1)
