"""`age`: what a ledger of days, a month, a year and five years costs: everything but disk must stay flat."""

import asyncio
import gzip
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.simulator.telegram.api import Answer
from bot.storage.checkpoint import EVERY
from bot.storage.disk import Disk
from bot.storage.people.months import FOLDER
from bot.storage.segments import ledger_folder, to_pack
from tests.bench.aged import CASES, CUSTOMERS, Aged, aged
from tests.bench.children import DISK, ROOT, measure, until
from tests.bench.limited import Group, limited
from tests.bench.site import ANA, PEOPLE, PEOPLE_APART, STRANGER, Site, linked, opened
from tests.bench.start import cpu_of, lists, memory_of
from tests.bench.table import NONE, Row

AGES = (3, 30, 365, 1826)
OPEN = 20  # cases
RATE = 20.0  # messages a second, as a bot begins
MEGABYTES = 256  # that compose gives the container
_TIMED = """import os, sys
sys.stdin.read()
pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, code, used = os.wait4(pid, 0)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, code)
"""
LONG = 1800.0  # seconds that a start on years without a checkpoint may take


class Failed(Exception):
    """A command did not end well."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one age costs: CPU seconds and MB, milliseconds, bytes. `start` has resident and peak memory."""

    of: Aged
    anew: tuple[float, float] | None
    checkpoint: int
    start: tuple[float, float, float]
    pack: tuple[float, float] | None
    verify: tuple[float, float]
    full: tuple[float, float]
    written: float
    status: float
    tap: float
    disk: int
    twice: int


async def rows(
    code: Path = ROOT,
    /,
    *,
    ages: Sequence[int] = AGES,
    keep: Path | None = None,
    taps: int = 40,
    limit: bool = True,
) -> list[Row]:
    """A row a goal: the oldest ledger beside the youngest of the same run.

    `keep` is a folder in which ledgers are left, and found the next time; `limit`: the oldest one also starts
    where there are 256 MB, with its checkpoint and without.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DISK) as made:
        home, costs = keep or Path(made), []
        for days in ages:
            print(f"age: {days} days ...", file=sys.stderr)
            past = home / f"aged-{days}"
            costs.append(await _cost(code, past, days, taps))
        found = _table(costs)
        return [*found, *(await _limited(code, past, costs[-1].of) if limit else [])]


async def quick(code: Path = ROOT, /) -> list[Row]:
    """Three days and a month, in a minute."""
    return await rows(code, ages=AGES[:2], limit=False)


async def _cost(code: Path, past: Path, days: int, taps: int) -> Cost:
    of = aged(past, days, datetime.now(UTC) - timedelta(minutes=1))
    there = list(ledger_folder(past).glob("checkpoint-*.xz"))
    pack = None
    if to_pack(Disk(), past):
        pack = await _command(code, "ledger", "pack", "--data", str(past))
    line = max(of.lines - EVERY + 1, 1)  # what follows is the most that a start replays
    anew = await _command(code, "ledger", "checkpoint", "--data", str(past), "--line", str(line))
    checkpoint = max(ledger_folder(past).glob("checkpoint-*.xz"), key=lambda path: path.stat().st_mtime)
    verify = await _command(code, "ledger", "verify", "--data", str(past))
    full = await _command(code, "ledger", "verify", "--full", "--data", str(past))
    async with opened(DISK, open_cases=OPEN, audit_lines=0, large=CUSTOMERS, past=past) as site:
        start, answers = await _lived(site, code, taps)
        twice = site.hsm.duplicates
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DISK) as folder:
        linked(past, Path(folder) / "data")
        data = str(Path(folder) / "data")
        written = await measure("written", code, folder=data, messages=CUSTOMERS, rate=RATE)
        status = await measure("status_page", code, folder=data, runs=100)
    return Cost(
        of,
        None if there else anew,
        checkpoint.stat().st_size,
        start,
        pack,
        verify,
        full,
        written,
        status,
        max(answer.delay_seconds for answer in answers) * 1000,
        sum(path.stat().st_size for part in (ledger_folder(past), past / FOLDER) for path in part.iterdir()),
        twice,
    )


async def _lived(site: Site, code: Path, taps: int) -> tuple[tuple[float, float, float], list[Answer]]:
    """The start, and the answers to taps while a case of 60 is sent."""
    before = len(site.olt.requests)
    async with site.bot(code, POLL_SECONDS="1", UNDO_SECONDS="0", HSM_RATE=f"{RATE:g}") as process:
        await until(lambda: len(site.olt.requests) > before, LONG)
        cpu = cpu_of(process.pid)
        await until(lambda: lists(site, before) >= 3 and site.chat.updates.polling)
        start = cpu, memory_of(process.pid, "VmRSS"), memory_of(process.pid, "VmHWM")
        answers = await _tapped(site, taps)
        process.kill()  # pages that wait for their turn are of no interest: a stop waits for them
        return start, answers


async def _tapped(site: Site, taps: int) -> list[Answer]:
    """The answers to taps at a steady pace, from an approval of 60 to its last message."""
    *others, large = site.cards
    await site.chat.post_callback(ANA, site.cards[large], f"ok:{large}:")
    waiting = []
    for turn in range(taps):
        number = others[turn % len(others)]
        who = (ANA, STRANGER)[turn % 2] + PEOPLE_APART * (turn // 2 % PEOPLE)
        waiting.append(site.chat.post_callback(who, site.cards[number], f"who:{number}:"))
        await asyncio.sleep(CUSTOMERS / RATE / taps)
    await until(lambda: len(site.hsm.received) >= CUSTOMERS)
    return list(await asyncio.gather(*waiting))


async def _command(code: Path, *command: str, group: Group | None = None) -> tuple[float, float]:
    """CPU seconds and peak MB of a command, with the memory of a group where one is given."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", _TIMED, sys.executable, "-m", "bot", *command),
        env={**os.environ, "PYTHONPATH": str(code)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    if group is not None:
        group.put(child.pid)  # it waits for that
    out, _ = await child.communicate(b"go")
    cpu, peak, ended = out.decode().strip().rpartition("\n")[2].split()
    if ended != "0":
        raise Failed(command)
    return float(cpu), float(peak)


def _table(costs: Sequence[Cost]) -> list[Row]:
    ages = ", ".join(f"{cost.of.days:,}" for cost in costs)
    last = costs[-1]
    a_day = [cost.of.messages / cost.of.days for cost in costs]
    checkpoints = [cost.checkpoint / each for cost, each in zip(costs, a_day, strict=True)]
    found = [
        _row("start, CPU to the first poll", [c.start[0] for c in costs], "s", 1.2, 2),
        _row("resident memory after 3 polls", [c.start[1] for c in costs], "MB", 110),
        _row(
            "`ledger verify`, CPU a year of lines", [_a_year(c, c.verify[0]) for c in costs[-1:]], "s", 5, 1
        ),
        _row("`ledger verify`, peak memory", [c.verify[1] for c in costs], "MB", 120),
        _row("`ledger verify --full`, the same", [_a_year(c, c.full[0]) for c in costs[-1:]], "s", 18, 1),
        _row("`ledger verify --full`, peak memory", [c.full[1] for c in costs], "MB", 120),
        _row(
            "written a message of 60, and a checkpoint a day with it",
            [c.written + more for c, more in zip(costs, checkpoints, strict=True)],
            "bytes",
            1024,
        ),
        _row("`/status` in the loop, the longest of 100", [c.status for c in costs], "ms", 20),
        _row("longest tap during an approval of 60", [c.tap for c in costs], "ms", 50),
        _row("disk a year, packed", [_a_year(last, last.disk) / 10**6], "MB", 200),
    ]
    made = [(cost.of.days, cost.anew) for cost in costs if cost.anew is not None]
    if made:
        days, (cpu, peak) = made[-1]
        what = f"age: a checkpoint from nothing, as for another version, {days:,} days"
        found.append(
            Row(what, f"{cpu:.1f} s of CPU, peak {peak:.0f} MB", NONE, met=True, value=cpu, unit="s")
        )
    if last.pack is not None:
        cpu = _a_year(last, last.pack[0])
        said = f"{cpu:.1f} s of CPU, peak {last.pack[1]:.0f} MB"
        found.append(Row("age: `ledger pack`, a year of lines", said, NONE, met=True, value=cpu, unit="s"))
    twice = sum(cost.twice for cost in costs)
    head = f"{CASES} cases a day of {CUSTOMERS}, {last.of.lines:,} lines"
    found[0] = replace(found[0], bench=f"{found[0].bench}, {ages} days ({head})", twice=twice)
    return found


def _a_year(cost: Cost, value: float) -> float:
    return value * 365 / cost.of.days


def _row(what: str, values: Sequence[float], unit: str, goal: float, digits: int = 0) -> Row:
    """All ages in their order; the goal is the oldest one's, beside the youngest of the same run."""
    said = " · ".join(f"{value:,.{digits}f}" for value in values)
    ratio = f"{values[-1] / values[0]:.2f} ×" if len(values) > 1 and values[0] else NONE
    return Row(
        f"age: {what}",
        f"{said} {unit}",
        f"≤ {goal:,} {unit}",
        values[-1] <= goal,
        ratio=ratio,
        value=values[-1],
        unit=unit,
    )


async def _limited(code: Path, past: Path, of: Aged) -> list[Row]:
    """Whether the oldest one starts where a container has 256 MB, with its checkpoint and without."""
    found = []
    for has in (True, False):
        how = "with" if has else "without"
        what = f"age: {of.days:,} days under a limit of {MEGABYTES} MB, {how} a checkpoint"
        with limited(MEGABYTES) as group:
            if group is None:
                found.append(Row(what, "no memory cgroup here", "starts and polls", met=False))
                continue
            async with opened(DISK, open_cases=OPEN, audit_lines=0, past=past) as site:
                for file in () if has else (site.folder / "data" / "ledger").glob("checkpoint-*"):
                    file.unlink()
                async with site.bot(code, POLL_SECONDS="1") as process:
                    group.put(process.pid)
                    await until(lambda: process.returncode is not None or lists(site, 0) >= 3, LONG)
                    lives = process.returncode is None
                    peak = memory_of(process.pid, "VmHWM") if lives else 0.0
                    cpu = cpu_of(process.pid) if lives else 0.0
                said = f"polls (peak {peak:.0f} MB, {cpu:.1f} s of CPU)" if lives else "killed"
                found.append(Row(what, said, "starts and polls", met=lives, value=peak, unit="MB"))
    return [*found, await _repaired(code, past, of)]


async def _repaired(code: Path, past: Path, of: Aged) -> Row:
    """Whether the oldest one is mended there, a month of which has got other line ends."""
    what = f"age: `ledger repair` of {of.days:,} days under a limit of {MEGABYTES} MB"
    with limited(MEGABYTES) as group, tempfile.TemporaryDirectory(prefix="bench-", dir=DISK) as folder:
        if group is None:
            return Row(what, "no memory cgroup here", "repairs", met=False)
        data = Path(folder) / "data"
        linked(past, data)
        packed = sorted(ledger_folder(data).glob("*.gz"))[1]
        month = packed.with_suffix("")
        month.write_bytes(gzip.decompress(packed.read_bytes()).replace(b"\n", b"\r\n"))
        packed.unlink()
        try:
            cpu, peak = await _command(code, "ledger", "repair", "--data", str(data), group=group)
        except Failed:
            return Row(what, "killed", "repairs", met=False)
        said = f"repairs (peak {peak:.0f} MB, {cpu:.1f} s of CPU)"
        return Row(what, said, "repairs", met=True, value=peak, unit="MB")
