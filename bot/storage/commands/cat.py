"""`python -m bot ledger cat`: the lines as they stand, for jq. Only reads."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from bot.errors import StartupError
from bot.storage import copied
from bot.storage.commands.phrases import counted, no_ledger
from bot.storage.commands.progress import watched
from bot.storage.disk import Disk
from bot.storage.segments import ledger_folder, sizes_in
from bot.tongue import said as _

_AT_ONCE = 1000  # lines
_STEP = 1024 * 1024  # bytes


def run_cat(
    folder: Path, months: Sequence[str], out: BinaryIO, disk: Disk | None = None, *, progress: bool = False
) -> str | None:
    """Write every line to `out`, or those of some months (`2026-11`). Works while the bot runs.

    What is no line is left out: what to say of it is returned, None where there is nothing of that kind. A
    line that is just being written is none yet. With `progress` stderr shows how far it is. StartupError
    where there is no ledger, or no such month.
    """
    disk = disk or Disk()
    ledger = ledger_folder(folder)
    try:
        copied.found(disk, folder)
        sizes = sizes_in(disk, folder)
        if not sizes:
            raise StartupError(no_ledger(folder, disk), code=1)
        names = [f"{month}.jsonl" for month in months] or list(sizes)
        if gone := [Path(name).stem for name in names if name not in sizes]:
            first, newest, away = Path(min(sizes)).stem, Path(max(sizes)).stem, ", ".join(gone)
            text = "{path} has no {months}: its months are from {first} to {last}"
            raise StartupError(_(text, path=ledger, months=away, first=first, last=newest))
        last = max(sizes)
        sizes[last] = _to_the_last_line_end(disk, ledger / last, sizes[last])
        left_out = 0
        with watched(folder, on=progress, months=sorted(set(names))) as reading:
            for name in sorted(set(names)):
                left_out += _written(reading.lines(ledger / name, 0, sizes[name]), out)
    except BrokenPipeError:
        raise
    except OSError as error:
        text = _("{path} cannot be read: {why}", path=ledger, why=error.strerror)
        raise StartupError(text, code=1) from error
    what = "DAMAGED: left out {parts} that is no line: see python -m bot ledger verify"
    return _(what, parts=counted(left_out, "part")) if left_out else None


def _written(parts: Iterator[bytes], out: BinaryIO) -> int:
    """How many parts were left out."""
    left_out = 0
    while some := list(islice(parts, _AT_ONCE)):
        lines = [part for part in some if part.startswith(b'{"seq":') and part.endswith(b'"}')]
        out.write(b"".join(line + b"\n" for line in lines))
        left_out += len(some) - len(lines)
    return left_out


def _to_the_last_line_end(disk: Disk, path: Path, size: int) -> int:
    """Where the last whole line of a month ends that is being written."""
    end = size
    while end > 0:
        begin = max(end - _STEP, 0)
        place = disk.part(path, begin, end - begin).rfind(b"\n")
        if place >= 0:
            return begin + place + 1
        end = begin
    return 0
