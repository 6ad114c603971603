"""`month`: the report of a month of 50,000 interruptions, as it is run beside the bot: time and memory."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bot.storage.commands.checkpoint import run_checkpoint
from bot.storage.disk import Disk
from bot.storage.past.history import Archive
from bot.storage.past.tables import INDEX
from bot.storage.segments import ledger_folder
from tests.bench.aged import aged
from tests.bench.children import DISK, ROOT
from tests.bench.table import NONE, Row

UNTIL = datetime(2026, 11, 1, 3, tzinfo=UTC)  # midnight in São Paulo
SECONDS, MEGABYTES = 10, 150


class _Took(NamedTuple):
    seconds: float
    megabytes: float
    rows: int


async def rows(
    code: Path = ROOT, /, *, days: int = 31, cases: int = 34, keep: Path | None = None
) -> list[Row]:
    """`keep` is a folder in which the ledger is left, and found the next time."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DISK) as made:
        past = (keep or Path(made)) / f"month-{days}-{cases}"
        print(f"month: {days} days of {cases} cases ...", file=sys.stderr)
        aged(past, days, UNTIL, cases=cases)
        index = ledger_folder(past) / INDEX
        for cache in (index, *ledger_folder(past).glob("checkpoint-*")):
            cache.unlink(missing_ok=True)
        without = await asyncio.to_thread(_report, code, past)
        _make(past, index)
        found = await asyncio.to_thread(_report, code, past)
        assert found.rows == without.rows > 0
    of = f"month: {found.rows:,} interruptions as CSV"
    return [
        _row(of, found.seconds, "s", SECONDS, 1),
        _row("month: its memory, peak", found.megabytes, "MB", MEGABYTES),
        _row("month: without the bot's index and checkpoint", without.seconds, "s", 2 * SECONDS, 1),
        _row("month: its memory, peak", without.megabytes, "MB", MEGABYTES),
    ]


def _make(folder: Path, index: Path) -> None:
    """The index, and the checkpoint, as the bot has them."""
    run_checkpoint(folder, None)
    archive = Archive(folder, Disk(), index)
    while not archive.step(None, 60):
        pass
    archive.close()


def _report(code: Path, folder: Path) -> _Took:
    """One run of the command, from its start to its end."""
    out = folder / "report.csv"
    of = ["--out", str(out), "--data", str(folder)]
    command = [sys.executable, "-m", "bot", "report", "2026-10", "--csv", *of]
    began = time.perf_counter()
    child = subprocess.Popen(command, cwd=code)
    _, status, used = os.wait4(child.pid, 0)
    took = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError("month: the report failed")
    with out.open("rb") as file:
        lines = sum(1 for _ in file) - 1
    return _Took(took, used.ru_maxrss / 1000, lines)


def _row(what: str, value: float, unit: str, goal: float, digits: int = 0) -> Row:
    said = f"{value:,.{digits}f} {unit}"
    return Row(what, said, f"≤ {goal:,} {unit}", value <= goal, ratio=NONE, value=value, unit=unit)
