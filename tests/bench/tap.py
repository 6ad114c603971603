"""`tap`: how long a person waits for the answer to a tap while thousands of messages go out."""

import asyncio
import itertools
from pathlib import Path
from statistics import quantiles

from bot.simulator.telegram.api import Answer
from tests.bench.children import DISK, PATIENCE, ROOT, until
from tests.bench.site import ANA, PEOPLE, PEOPLE_APART, STRANGER, Site, opened
from tests.bench.table import Row

MILLISECONDS = 250.0

TAPS = ((STRANGER, "ok"), (ANA, "who"), (STRANGER, "no?"), (ANA, "who"), (ANA, "ok"))


async def rows(
    code: Path = ROOT,
    /,
    *,
    customers: int = 3000,
    open_cases: int = 200,
    audit_lines: int = 10_000,
    in_flight: int = 10,
    crowd: int = 50,
    latency: float = 0.0,
    taps: int = 100,
    every: float = 0.016,
) -> list[Row]:
    """As fast as the bot can send, also with a crowd in flight, and at 200 messages a second.

    At least so many taps each time, else the row is not met: fewer say nothing about a 99th of them.
    """
    found: list[Row] = []
    for rate, flight, pause in ((0, in_flight, every), (0, crowd, every), (200, in_flight, every * 6)):
        async with opened(DISK, open_cases=open_cases, audit_lines=audit_lines, large=customers) as site:
            site.hsm.faults.latency = latency
            speed = {"HSM_RATE": str(rate), "HSM_CONCURRENCY": str(flight), "UNDO_SECONDS": "0"}
            async with site.bot(code, **speed, POLL_SECONDS="2") as process:
                answers = await _tapped(site, customers, pause)
                twice = site.hsm.duplicates
                process.kill()  # pages that wait for their turn are of no interest: a stop waits for them
        pace = f"{rate} a second" if rate else "no rate limit"
        what = f"tap: to its answer while {customers:,} messages go out ({pace}, {flight} in flight)"
        facts = f"{len(answers)} taps, {open_cases} open cases, {audit_lines:,} audit lines"
        found.append(_row(f"{what}, {facts}", answers, taps, twice))
    return found


def _row(what: str, answers: list[Answer], wanted: int, twice: int) -> Row:
    waits = sorted(answer.delay_seconds * 1000 for answer in answers)
    cuts = quantiles(waits, n=100, method="inclusive")
    middle, slow = cuts[49], cuts[98]
    return Row(
        what,
        f"p50 {middle:.0f} ms, p99 {slow:.0f} ms, longest {waits[-1]:.0f} ms",
        f"p99 < {MILLISECONDS:.0f} ms",
        slow < MILLISECONDS and len(waits) >= wanted,
        twice=twice,
        value=slow,
        unit="ms",
    )


async def _tapped(site: Site, customers: int, every: float) -> list[Answer]:
    """The answers to taps at a steady pace, whatever their delay, from the first message to the last."""
    chat = site.chat
    *others, large = site.cards
    await chat.wait(lambda c: c.updates.polling)
    async with asyncio.timeout(PATIENCE):
        await chat.post_callback(ANA, site.cards[large], f"ok:{large}:")
    await until(lambda: bool(site.hsm.received))
    waiting: list[asyncio.Future[Answer]] = []
    for number in itertools.cycle(others):
        turn = len(waiting)
        person, data = TAPS[turn % len(TAPS)]
        person += PEOPLE_APART * (turn // len(TAPS) % PEOPLE)  # who is told no too often is told so late
        waiting.append(chat.post_callback(person, site.cards[number], f"{data}:{number}:"))
        await asyncio.sleep(every)
        if len(site.hsm.received) >= customers:
            break
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*waiting)
