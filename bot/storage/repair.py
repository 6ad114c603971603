"""`python -m bot ledger repair`: puts right what can be put right without losing a line, after a copy.

Every line carries its number, its checksum and the hash of the line before it. So whatever happened to a
file (line ends, NULs, garbage between or behind lines, lines doubled or in another order), the lines whose
checksum holds, put in order, are either the whole ledger or they are not; only then they are written.
"""

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import Timeout

from bot.errors import StartupError
from bot.ports import Clock
from bot.storage import codec
from bot.storage.codec import BadLine
from bot.storage.disk import Disk
from bot.storage.replay import Fault, Scan, Trouble, free_name, scan
from bot.storage.segments import ledger_folder, segment_name
from bot.storage.verify import place, told, verify

_NO_MEANING = b"\0\r"  # no line holds these: its JSON escapes them
_NAMED = 20  # line numbers, at most, in the text


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done or, in a dry run, would be: the segments that change, the copies of them, and the text.

    `ok` is whether the ledger is whole with that.
    """

    ok: bool
    text: str
    changed: tuple[str, ...] = ()
    copies: tuple[Path, ...] = ()


class _Held(Disk):
    """Segments in memory, to try a repair before anything is written."""

    def __init__(self, segments: Mapping[str, bytes]) -> None:
        self._segments = segments

    def names(self, folder: Path) -> list[str]:  # noqa: ARG002 - they are of one folder
        return sorted(self._segments)

    def read(self, path: Path) -> bytes:
        return self._segments[path.name]


def repair(folder: Path, clock: Clock, *, dry_run: bool = False, disk: Disk | None = None) -> Repair:
    """Mend the ledger under `folder`, or leave it as it is byte for byte.

    Takes the instance lock: StartupError (exit code 1) while the bot runs, and where the folder cannot be
    read or written. Harmless when repeated, also after a crash.
    """
    disk = disk or Disk()
    try:
        if not disk.names(ledger_folder(folder)):
            raise _missing(folder)
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
        owner = folder.stat().st_uid
    except FileNotFoundError:
        raise _missing(folder) from None
    except OSError as error:
        raise _unusable(folder, error) from error
    if owner != os.geteuid():  # what somebody else writes (root, by hand) the bot could not open any more
        raise StartupError(f"{folder} belongs to user {owner}: run this as that user", code=1)
    made = repair(folder, clock, dry_run=dry_run)
    return int(not made.ok), made.text


def _repaired(folder: Path, now: datetime, disk: Disk, *, dry_run: bool) -> Repair:
    found = scan(disk, folder)
    if not found.sizes:
        raise _missing(folder)
    if found.trouble is None:
        return Repair(True, f"{ledger_folder(folder)}: whole, nothing to repair")
    held = {name: disk.read(ledger_folder(folder) / name) for name in found.sizes}
    first = f"first bad line: {place(ledger_folder(folder), found.trouble)}"
    mended = _every_line_kept(held, found.trouble) or _cut_as_a_start_does(held, found)
    if mended is None:
        return Repair(False, "\n".join([first, *_what_it_would_lose(folder, disk, held)]))
    changed = tuple(name for name in held if mended[name] != held[name])
    done = [f"{name}: {what}" for name in changed for what in _differences(held[name], mended[name])]
    if dry_run:
        return Repair(True, "\n".join([first, *done, "dry run: nothing was changed"]), changed)
    copies = tuple(_copied(disk, folder, name, held[name], now) for name in changed)
    for stage in (_with_what_moves(held, mended), mended):
        for name in changed:
            if stage[name] != disk.read(ledger_folder(folder) / name):
                disk.replace(ledger_folder(folder) / name, stage[name])
    done += [f"{name}: kept as it was in {copy}" for name, copy in zip(changed, copies, strict=True)]
    return Repair(True, "\n".join([first, *done, "repaired: the ledger is whole"]), changed, copies)


def _every_line_kept(held: Mapping[str, bytes], trouble: Trouble) -> dict[str, bytes] | None:
    """Every line that is as it was written, each once and in order; None where that is no whole ledger."""
    homes: dict[bytes, str] = {}
    places: dict[bytes, int] = {}
    for name, data in held.items():
        for raw in _intact_in(data):
            try:
                entry = codec.unseal(raw)
            except BadLine:
                return None
            places[raw] = entry.seq
            home = segment_name(entry.at)
            homes.setdefault(raw, home if home in held else name)
    lines: dict[str, list[bytes]] = {name: [] for name in held}
    for raw in sorted(homes, key=places.__getitem__):
        lines[homes[raw]].append(raw + b"\n")
    mended = {name: b"".join(kept) for name, kept in lines.items()}
    tried = scan(_Held(mended), Path())
    # A trace of a line that is in no intact one is a line that would be lost, but for a torn last group.
    last = tried.head.group + (trouble.fault is not Fault.CORRUPT)
    traces = {group for data in held.values() for group in codec.groups_in(data.translate(None, _NO_MEANING))}
    return mended if tried.trouble is None and homes and max(traces) <= last else None


def _with_what_moves(held: Mapping[str, bytes], mended: Mapping[str, bytes]) -> dict[str, bytes]:
    """The new segments with what leaves them for another still in them: a crash between two loses no line."""
    kept = {raw for data in mended.values() for raw in data.splitlines()}
    stage = {}
    for name, data in mended.items():
        leaves = kept.intersection(_intact_in(held[name])) - set(data.splitlines())
        stage[name] = data + b"".join(raw + b"\n" for raw in sorted(leaves))
    return stage


def _cut_as_a_start_does(held: Mapping[str, bytes], found: Scan) -> dict[str, bytes] | None:
    if found.trouble is None or found.trouble.fault is Fault.CORRUPT:
        return None
    return {name: data[: found.ends[name]] for name, data in held.items()}


def _intact_in(data: bytes) -> list[bytes]:
    return codec.intact_in(data.translate(None, _NO_MEANING))


def _differences(old: bytes, new: bytes) -> list[str]:
    """What was done to a segment, in words."""
    before, after = _intact_in(old), new.splitlines()
    said = []
    if doubled := len(before) - len(set(before)):
        said.append(f"{doubled} doubled lines taken out")
    if moved := len(set(before) - set(after)):
        said.append(f"{moved} lines taken out that are of another segment, or of the torn last group")
    if moved := len(set(after) - set(before)):
        said.append(f"{moved} lines brought back from another segment")
    if set(before) == set(after) and list(dict.fromkeys(before)) != after:
        said.append("lines put back in order")
    if b"\r\n" in old:
        said.append("CR LF line ends undone")
    if b"\0" in old:
        said.append(f"{old.count(0)} NUL bytes taken out")
    if rest := len(old.translate(None, b"\0\r\n")) - sum(map(len, before)):
        said.append(f"{rest} bytes that are no whole line taken out")
    return said or ["line ends put right"]


def _what_it_would_lose(folder: Path, disk: Disk, held: Mapping[str, bytes]) -> list[str]:
    report = verify(folder, disk)
    said = [f"after it: {told(report.after)}"]
    numbers: Counter[int] = Counter()
    for raw in {raw for data in held.values() for raw in _intact_in(data)}:
        with suppress(BadLine):
            numbers[codec.unseal(raw).seq] += 1
    twice = [str(number) for number, count in sorted(numbers.items()) if count > 1]
    missing = [str(number) for number in range(1, max(numbers, default=0)) if number not in numbers]
    for what, which in (("missing or damaged", missing), ("there twice and different", twice)):
        if which:
            more = f" and {len(which) - _NAMED} more" if len(which) > _NAMED else ""
            said.append(f"{what}: lines {', '.join(which[:_NAMED])}{more}")
    if report.after.unread:
        said.append("lines of a newer version: start that version, it may find nothing wrong")
    return [
        *said,
        "not repaired, nothing was changed: it would lose lines. Bring the file back from a backup",
    ]


def _copied(disk: Disk, folder: Path, name: str, data: bytes, now: datetime) -> Path:
    shelf = ledger_folder(folder) / "quarantine"
    disk.make_folder(shelf)
    copy = free_name(disk, shelf, f"{Path(name).stem}-before-repair-{now:%Y%m%dT%H%M%S.%fZ}")
    disk.replace(copy, data)
    return copy


def _missing(folder: Path) -> StartupError:
    return StartupError(f"{ledger_folder(folder)} has no ledger: is DATA_DIR right?", code=1)


def _unusable(folder: Path, error: OSError) -> StartupError:
    return StartupError(f"{folder} cannot be used ({error.strerror}): nothing was repaired", code=1)
