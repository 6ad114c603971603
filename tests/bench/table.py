"""What a bench found, as the rows of one table."""

import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

NONE = "–"
_HEAD = ("bench", "measured", "ideal", "ratio", "the old way, same run", "target", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement in words; `value` is its number in `unit`, and more of it is worse unless it is a rate.

    `twice` counts the customers who were messaged more than once.
    """

    bench: str
    measured: str
    target: str
    met: bool
    ideal: str = NONE
    ratio: str = NONE
    old: str = NONE
    twice: int = 0
    value: float = 0.0
    unit: str = ""


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a GitHub table."""
    lines = [_HEAD, tuple("---" for _ in _HEAD)]
    lines += [(r.bench, r.measured, r.ideal, r.ratio, r.old, r.target, "✓" if r.met else "✗") for r in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """The facts without which a time says nothing."""
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return (
        f"{cores} cores of {_processor()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()} ({sys.implementation.name}), load before the run {load:.2f}"
    )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.machine()
    named = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(named, platform.machine())
