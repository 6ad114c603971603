"""`python -m bot ledger repair`: puts right what can be put right without losing a line, after a copy.

A torn last group is put aside, as a start does it: nobody was told that it is durable. What is done is
worked out in `mending`; only a whole ledger is written.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import Timeout

from bot.errors import StartupError
from bot.ports import Clock
from bot.storage import codec, copied
from bot.storage.access import of_another_user
from bot.storage.codec import BadLine
from bot.storage.commands.mending import Mending, held, intact_in, mending, of_newer_version
from bot.storage.commands.phrases import NEWER, counted, no_ledger, place
from bot.storage.commands.verify import Report, said_of, verify
from bot.storage.disk import Disk
from bot.storage.replay import free_name, scan
from bot.storage.sealed.gzipped import packed_name
from bot.storage.segments import ledger_folder

_NAMED = 20  # line numbers, at most, in the text
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
        raise StartupError(f"another process owns {folder}: stop the bot first", code=1) from None
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
    found = scan(disk, folder)
    if not found.sizes:
        raise _missing(folder, disk)
    if found.trouble is None:
        return Repair(True, f"{ledger_folder(folder)}: whole, nothing to repair")
    report = verify(folder, disk)  # where no line is taken it says more than the scan
    first = f"first bad line: {place(report.ledger, report.trouble or found.trouble)}"
    segments = held(disk, folder, found)
    plan = mending(segments, found)
    if plan is None:
        return Repair(False, "\n".join([first, *_what_it_would_lose(report, segments)]))
    if dry_run:
        aside = [_aside(lines, "in ledger/quarantine", "would be") for lines in plan.aside.values()]
        return Repair(True, "\n".join([first, *plan.said(), *aside, _DRY]), plan.changed)
    copies = {name: _copied(disk, folder, name, now) for name in plan.changed}
    for stage in (_with_what_moves(plan), plan.segments):
        for name in plan.changed:
            path = ledger_folder(folder) / name
            if stage[name] != disk.part(path, 0, disk.length(path)):
                disk.replace(path, stage[name])
                disk.remove(path.with_name(packed_name(name)))
    done = [*plan.said(), *(f"{name}: kept as it was in {copy}" for name, copy in copies.items())]
    done += [_aside(lines, f"in ledger/quarantine/{copies[name].name}") for name, lines in plan.aside.items()]
    end = "repaired: the ledger is whole" + (" up to its last whole group" if plan.aside else "")
    return Repair(True, "\n".join([first, *done, end]), plan.changed, tuple(copies.values()))


def _aside(lines: int, where: str, was: str = "") -> str:
    """What a person should know of a torn last group: which lines the ledger has not any more."""
    whole = counted(lines, "intact line") if lines else "what is left"
    be = was or ("were" if lines > 1 else "was")
    they = "they are" if lines > 1 else "it is"
    return (
        f"{whole} of the torn last group {be} put aside {where}, as a start does "
        f"(nobody was told that {they} durable)"
    )


def _with_what_moves(plan: Mending) -> dict[str, bytes]:
    """The new segments with what leaves them for another still in them: a crash between two loses no line."""
    kept = {raw for data in plan.segments.values() for raw in data.splitlines()}
    stage = {}
    for name, data in plan.segments.items():
        leaves = kept.intersection(intact_in(plan.held[name])) - set(data.splitlines())
        stage[name] = data + b"".join(raw + b"\n" for raw in sorted(leaves))
    return stage


def _what_it_would_lose(report: Report, segments: Mapping[str, bytes]) -> list[str]:
    said = [f"after it: {said_of(report.after)}"]
    numbers: Counter[int] = Counter()
    for raw in {raw for data in segments.values() for raw in intact_in(data)}:
        with suppress(BadLine):
            numbers[codec.unseal(raw).seq] += 1
    twice = [str(number) for number, count in sorted(numbers.items()) if count > 1]
    missing = [str(number) for number in range(1, max(numbers, default=0)) if number not in numbers]
    for what, which in (("missing or damaged", missing), ("there twice and different", twice)):
        if which:
            more = f" and {len(which) - _NAMED} more" if len(which) > _NAMED else ""
            said.append(f"{what}: lines {', '.join(which[:_NAMED])}{more}")
    if of_newer_version(segments):
        said.append(NEWER)
    return [
        *said,
        "not repaired, nothing was changed: it would lose lines. Bring the file back from a backup",
    ]


def _copied(disk: Disk, folder: Path, name: str, now: datetime) -> Path:
    """A copy of the file with the segment, packed or not."""
    shelf, file = ledger_folder(folder) / "quarantine", disk.stored(ledger_folder(folder) / name)
    disk.make_folder(shelf)
    copy = free_name(disk, shelf, f"{Path(name).stem}-before-repair-{now:%Y%m%dT%H%M%S.%fZ}")
    disk.replace_with(copy, disk.pieces(file, 0, disk.length(file)))
    return copy


def _missing(folder: Path, disk: Disk) -> StartupError:
    return StartupError(no_ledger(folder, disk), code=1)


def _unusable(folder: Path, error: OSError) -> StartupError:
    return StartupError(f"{folder} cannot be used ({error.strerror}): nothing was repaired", code=1)
