"""`history`: what is asked of years: the index, an OLT's audit, an old case, the panel's list and charts."""

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.storage.past.tables import INDEX
from bot.storage.segments import ledger_folder
from tests.bench.aged import aged
from tests.bench.children import DISK, ROOT, measure
from tests.bench.table import NONE, Row

OLDEST = 1826  # days
OLT = "olt 03"
HELD = 15  # ms


async def rows(code: Path = ROOT, /, *, days: int = OLDEST, keep: Path | None = None) -> list[Row]:
    """`keep` is a folder in which the ledger is left, and found the next time."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DISK) as made:
        past = (keep or Path(made)) / f"aged-{days}"
        print(f"history: {days} days ...", file=sys.stderr)
        of = aged(past, days, datetime.now(UTC) - timedelta(minutes=1))
        index = ledger_folder(past) / INDEX
        index.unlink(missing_ok=True)
        found = await measure("history", code, folder=str(past), olt=OLT, case=max(of.cases // 5, 1))
        size = index.stat().st_size * 365 / days / 10**6
    return [
        _row(
            f"history: {days:,} days ({of.lines:,} lines), index made, CPU a year of lines",
            found["made"] * 365 / days,
            "s",
            10,
            1,
        ),
        _row("history: index, disk a year", size, "MB", 15, 1),
        _held("while it is made", found["held"], found["idle"]),
        _row(f"history: a page of {found['entries']:,} of an OLT", max(found["audit"]), "ms", 250),
        _row("history: the details of a case of four years ago", max(found["case"]), "ms", 100),
        _held("while people ask", found["asked"], found["idle"]),
        _row("history: rows of cases made, CPU a year of lines", found["rows"] * 365 / days, "s", 40, 1),
        _held("while rows are made", found["rows_held"], found["idle"]),
        _row("history: a page of all cases, filtered, the longest of 20", max(found["filtered"]), "ms", 300),
        _row("history: charts of them, the longest of 4", max(found["figures"]), "ms", 1000),
        _held("while rows and charts are asked for", found["rows_asked"], found["idle"]),
        _row("history: memory of all that, peak", found["peak"], "MB", 120),
    ]


async def quick(code: Path = ROOT, /) -> list[Row]:
    """A month, in seconds."""
    return await rows(code, days=30)


def _held(when: str, value: float, idle: float) -> Row:
    """Of a thousand waits of 1 ms one is longer; `idle` is that of a process that does nothing else."""
    what, said = f"history: the event loop held up {when}, 99.9 %", f"{value:.1f} ms"
    met = value <= max(HELD, 2 * idle)
    return Row(what, said, f"≤ {HELD} ms", met, ideal=f"{idle:.1f} ms", value=value, unit="ms")


def _row(what: str, value: float, unit: str, goal: float, digits: int = 0) -> Row:
    said = f"{value:,.{digits}f} {unit}"
    return Row(what, said, f"≤ {goal:,} {unit}", value <= goal, ratio=NONE, value=value, unit=unit)
