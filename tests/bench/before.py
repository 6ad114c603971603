"""Another revision's code and this one's in turn, in one run, as one table."""

import asyncio
import io
import sys
import tarfile
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.bench.children import ROOT
from tests.bench.table import Row

ROUNDS = 5
PARTS = ("bot", "tests/__init__.py", "tests/fakes.py", "tests/bench")
# Each round measures once; the old way is the same for both.
ONCE: Mapping[str, Mapping[str, object]] = {
    "enrich": {"runs": 1, "old_way": False},
    "approve": {"runs": 1, "old_way": False},
    "shipped": {"runs": 1, "old_way": False, "ahead": False},  # what older ones do not do
    "send": {"runs": 1, "rounds": 0, "old_way": False},  # a share is of the bare loop in the same process
    "start": {"runs": 1},
}
_HEAD = ("bench", "before", "after", "after / before")
Bench = Callable[..., Awaitable[list[Row]]]


@contextmanager
def revision(name: str) -> Iterator[Path]:
    """A folder with a git revision's `bot` and what measures it; gone at the end.

    Raises:
        LookupError: There is no such revision, or it had no bench yet.
    """
    with tempfile.TemporaryDirectory(prefix="before-") as folder:
        archive = asyncio.run(_archive(name))
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


async def _archive(name: str) -> bytes:
    pipe = asyncio.subprocess.PIPE
    command = ("git", "-C", str(ROOT), "archive", "--end-of-options", name, *PARTS)
    git = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    out, error = await git.communicate()
    if git.returncode != 0:
        raise LookupError(f"no bench of revision {name!r}: {error.decode().strip()}")
    return out


async def compared(
    benches: Mapping[str, Bench], folder: Path, rounds: int = ROUNDS, **small: object
) -> tuple[str, int]:
    """The table of medians with the least and the most of each, and how many were messaged twice.

    Args:
        benches: By name.
        folder: Has the code of before.
        rounds: How often each of the two is measured; who goes first changes.
        small: For each bench, over what is measured otherwise.
    """
    lines, twice = [_HEAD, tuple("---" for _ in _HEAD)], 0
    for name, bench in benches.items():
        found: dict[Path, list[list[Row]]] = {folder: [], ROOT: []}
        for turn in range(rounds):
            print(f"{name}, round {turn + 1} of {rounds} ...", file=sys.stderr)
            for code in (folder, ROOT) if turn % 2 == 0 else (ROOT, folder):
                rows = await bench(code, **{**ONCE.get(name, {}), **small})
                found[code].append(rows)
                twice += sum(row.twice for row in rows)
        for before, after in zip(
            zip(*found[folder], strict=True), zip(*found[ROOT], strict=True), strict=True
        ):
            lines.append(line(before, after))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines), twice


def line(before: Sequence[Row], after: Sequence[Row]) -> tuple[str, str, str, str]:
    """One row: the same measurement of both."""
    old, new = (median(row.value for row in rows) for rows in (before, after))
    ratio = f"{new / old:.2f}" if old else "–"  # what is not measured in numbers is compared by eye
    return before[0].bench, _spread(before), _spread(after), ratio


def _spread(rows: Sequence[Row]) -> str:
    values = [row.value for row in rows]
    if not any(values):
        return rows[0].measured
    digits = 2 if max(values) < 10 else 0
    middle, least, most = (f"{value:,.{digits}f}" for value in (median(values), min(values), max(values)))
    return f"{middle} {rows[0].unit} ({least}-{most})"
