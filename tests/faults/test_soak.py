"""A minute of sending at full pace with random faults: what is true after one send holds after 50,000.

The attack is two seconds of it, for the broken copies too. Run the whole with
`python -m pytest -m soak -n 0 -s tests/faults/test_soak.py`; it prints what it measured.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.directories.own import Own
from bot.domain.book import Book
from bot.domain.plan import IN_DOUBT, Outcome
from bot.domain.rules import Rules
from bot.flow.deps import Deps
from bot.gateways.pace import Pace
from bot.process.clock import SystemClock
from bot.process.tasks import Tasks
from bot.storage.files import FileLedger
from tests.bench.children import DISK
from tests.bench.table import machine
from tests.deciding import DecidingFlow
from tests.fakes import ANA, FakeInbox, FakeStaff
from tests.faults.soaked import LATE, FaultyGateway, Growth, QuietChat, Sample, kept, source
from tests.faults.tries import Tries

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and descriptors are read in /proc")

SEED = 20261122
DISPATCHES = 5
RATE = 1400.0
PATIENCE = 900.0  # seconds for all of it
# Memory may grow by what the book remembers of each send, times two for the allocator, and by a little that
# does not depend on the sends (buffers, caches, the collector's own pace).
FACTOR, SLACK = 2.0, 8 * 2**20
RULES = Rules(undo_seconds=0, sends=50, answer_within=5)
BOOK = ("cases", "open", "running", "reservations", "contacts", "audit", "by_incident")


@dataclass
class Soak:
    """One run of `DISPATCHES` with so many customers `each`.

    The truth, the bot's state at its end, and the state that its folder gives.
    """

    each: int
    gateway: FaultyGateway
    live: Book
    again: Book
    samples: list[Sample]
    seconds: float


@dataclass(frozen=True)
class Size:
    """How many customers `each` dispatch has, when an answer is `late`, how often a sample is taken."""

    each: int
    every: float = 1.0
    late: float = LATE
    rules: Rules = RULES


WHOLE = Size(10_000)
SMALL = Size(400, every=0.05, late=1.5, rules=replace(RULES, answer_within=1.0))


async def played(folder: Path, size: Size) -> Soak:
    """Every dispatch approved at once and carried out to its end; then the folder is opened again."""
    clock, tasks = SystemClock(), Tasks()
    outages = source(DISPATCHES, size.each)
    gateway = FaultyGateway(DISPATCHES * size.each, SEED, size.late)
    ledger = FileLedger.open(folder, clock)
    pace, rng = Pace(RATE, clock), random.SystemRandom()
    deps = Deps(
        outages,
        Own(outages),
        gateway,
        pace,
        ledger,
        QuietChat(),
        clock,
        rng,
        tasks.spawn,
        FakeStaff(),
        FakeInbox(),
        (outages,),
    )
    flow = DecidingFlow(deps, size.rules)
    await flow.start("soak")
    await flow.poll()
    for number in sorted(ledger.book.open):
        await flow.approve(number, ANA)
    async with asyncio.timeout(60):
        while not gateway.requests:  # noqa: ASYNC110 - the look-ups come first
            await asyncio.sleep(0.01)
    samples: list[Sample] = []
    sampling = asyncio.create_task(sample(gateway, samples, size.every))
    async with asyncio.timeout(PATIENCE):
        while running := set(tasks._running):  # a late answer has a task that its dispatch leaves behind
            await asyncio.wait(running)
    seconds = time.monotonic() - samples[0].at
    sampling.cancel()
    await flow.stopped()
    await ledger.close()
    reopened = FileLedger.open(folder, clock)
    await reopened.close()
    return Soak(size.each, gateway, ledger.book, reopened.book, samples, seconds)


async def sample(gateway: FaultyGateway, samples: list[Sample], every: float) -> None:
    while True:
        samples.append(Sample.take(time.monotonic(), gateway.requests))
        await asyncio.sleep(every)


def judge(soak: Soak, tries: Tries) -> dict[int, Outcome]:
    """Nobody twice, and everyone with the outcome that is true; each customer's."""
    gateway, outcomes = soak.gateway, dict[int, Outcome]()
    for case in soak.live.cases.values():
        [dispatch] = case.dispatches
        assert dispatch.progress is not None
        tries.check(dispatch.end == "done", f"case {case.id} ended {dispatch.end}")
        outcomes |= {
            int(id_.removeprefix("c")): receipt.outcome for id_, receipt in dispatch.progress.results.items()
        }
    twice = [str(n) for n, count in enumerate(gateway.delivered) for _ in range(count)]
    tries.nobody_twice(twice, f"seed {SEED}")
    everybody = range(DISPATCHES * soak.each)
    tries.everybody_accounted_for((str(n) for n in everybody if n not in outcomes), f"seed {SEED}")
    for n in everybody:
        has, outcome = gateway.delivered[n] > 0, outcomes[n]
        tries.check(not has or outcome in {Outcome.ACCEPTED, *IN_DOUBT}, f"{n} has one and is {outcome}")
        tries.check(has or outcome is not Outcome.ACCEPTED, f"{n} has none and is {outcome}")
        told = gateway.answered[n]
        tries.check(outcome == (told or Outcome.FAILED), f"{n}: {outcome}, and the answer was {told!r}")
    growth = Growth.of(soak.samples)
    tries.check(growth.descriptors <= 0, f"{growth.descriptors} descriptors more")
    for part in BOOK:
        same = getattr(soak.again, part) == getattr(soak.live, part)
        tries.check(same, f"the folder gives other {part}")
    return outcomes


def report(soak: Soak, growth: Growth, a_send: float, outcomes: Counter[Outcome]) -> str:
    """What was measured, as a table."""
    first, last = soak.samples[0], soak.samples[-1]
    sends, delivered = DISPATCHES * soak.each, soak.gateway.delivered
    most = max(sample.descriptors for sample in soak.samples)
    grown, bound = (growth.resident / growth.sent, FACTOR * a_send + SLACK / growth.sent)
    rows = {
        "machine": machine(),
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "sends": f"{sends:,} in {DISPATCHES} dispatches at once, seed {SEED}",
        "rate": f"{sends / soak.seconds:,.0f} a second over {soak.seconds:.0f} s (asked for: {RATE:,.0f})",
        "outcomes": ", ".join(f"{n:,} {outcome}" for outcome, n in outcomes.most_common()),
        "faults": ", ".join(f"{n:,} {kind}" for kind, n in soak.gateway.faults.most_common()),
        "delivered": f"{sum(delivered):,}, to one customer at most {max(delivered)}",
        "memory": f"{first.resident / 2**20:.0f} MB at first, {last.resident / 2**20:.0f} MB at last",
        "a send": f"{grown:,.0f} bytes between the second quarter and the last "
        f"(the book explains {a_send:,.0f}; bound {bound:,.0f})",
        "descriptors": f"{first.descriptors} at first, {last.descriptors} at last, {most} at most",
    }
    return "\n".join(f"{name:<12} {value}" for name, value in rows.items())


def soak(tries: Tries, size: Size) -> tuple[Soak, dict[int, Outcome]]:
    """One run, judged."""
    tries.runs += 1
    with tempfile.TemporaryDirectory(prefix="soak-", dir=DISK) as folder:
        done = asyncio.run(played(Path(folder), size))
    tries.faults += done.gateway.faults.total()
    return done, judge(done, tries)


def attack(tries: Tries, folder: Path) -> None:
    """Two seconds of it: too short for what the memory does."""
    del folder
    soak(tries, SMALL)


@pytest.mark.attack
def test_2_000_sends_with_random_faults(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)


@pytest.mark.soak
def test_50_000_sends_with_random_faults(tries: Tries) -> None:
    done, outcomes = soak(tries, WHOLE)
    growth, a_send = Growth.of(done.samples), kept(done.live) / (DISPATCHES * done.each)
    print(f"\n{report(done, growth, a_send, Counter(outcomes.values()))}")  # noqa: T201 - what it is run for
    assert growth.resident <= FACTOR * a_send * growth.sent + SLACK
