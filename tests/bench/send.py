"""`send`: durable messages a second on one core, with a gateway that answers at once.

What a message costs is said as a share of a bare aiohttp loop, measured in turn with it in one process: a
time alone says more of the machine than of the bot.
"""

import os
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bot.simulator.matrix import MatrixApi
from tests.bench.children import DISK, ROOT, cores, measure
from tests.bench.gateway import BareGateway
from tests.bench.table import NONE, Row

AT_LEAST = 1000
SHARES = {10: 0.4, 50: 0.5}  # by messages in flight: of what a bare loop does with a second of CPU
THREADS = 10
TOKEN = "hsm-secret"


async def rows(
    code: Path = ROOT,
    /,
    *,
    messages: int = 5000,
    in_flight: int = 50,
    runs: int = 3,
    rounds: int = 5,
    old_way: bool = True,
) -> list[Row]:
    """Ideal = what the gateway takes from the cheapest client there is; intents and results are durable.

    Measured at a bare gateway, and at the simulated one, which may be the slower side.
    """
    core, gateway_core = cores()  # before this process is put on one of them
    size = _Size(code, core, messages, in_flight, runs, old_way)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {gateway_core})
    try:
        async with BareGateway() as bare:
            at_bare = await _row(bare.url, bare.count, size, "a bare gateway")
            shares = [await _share(bare, size, flight, rounds) for flight in SHARES if rounds]
        async with MatrixApi(TOKEN) as hsm:
            at_hsm = await _row(hsm.hsm_url, hsm.count, size, "the simulated Matrix")
    finally:
        os.sched_setaffinity(0, before)
    return [at_bare, at_hsm, *shares]


@dataclass(frozen=True, slots=True)
class _Size:
    """What is measured, and how much of it."""

    code: Path
    core: int
    messages: int
    in_flight: int
    runs: int
    old_way: bool


async def _row(url: str, count: Counter[str], size: _Size, name: str) -> Row:
    where = {"url": url, "token": TOKEN, "core": size.core, "messages": size.messages}
    flight = {"in_flight": size.in_flight}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DISK) as folder:
        found = await measure("send", size.code, **where, **flight, folder=folder, runs=size.runs)
    rate, cpu_rate = (median(one) for one in zip(*found, strict=True))
    assert count.total() == size.messages * size.runs, "a message is missing"
    twice = len(count) - sum(number == 1 for number in count.values())
    old = NONE
    if size.old_way:
        took = await measure("old_send", **where, threads=THREADS)
        old = f"{THREADS} threads with requests, nothing durable: {took:,.0f}/s"
    ceiling = await measure("flood", **where, **flight)
    return Row(
        f"send: durable messages a second on one core, {size.in_flight} in flight, {name}",
        f"{rate:,.0f}/s ({cpu_rate:,.0f} per CPU second)",
        f"≥ {AT_LEAST:,}/s",
        rate >= AT_LEAST,
        f"the gateway alone: {ceiling:,.0f}/s",
        f"{rate / ceiling:.2f}",
        old,
        twice,
        value=rate,
        unit="/s",
    )


async def _share(bare: BareGateway, size: _Size, in_flight: int, rounds: int) -> Row:
    """The whole way of a message (claim, durable intent, request, result) against its request alone."""
    facts = {"token": TOKEN, "core": size.core, "messages": size.messages}
    facts |= {"in_flight": in_flight, "rounds": rounds}
    bare.count.clear()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DISK) as folder:
        found = await measure("share", size.code, url=bare.url, folder=folder, **facts)
    shares = sorted(ours / loop for ours, loop in found)
    share, target = median(shares), SHARES[in_flight]
    ours, loop = (median(one) for one in zip(*found, strict=True))
    return Row(
        f"send: durable messages per CPU second as a share of a bare aiohttp loop's, {in_flight} in flight",
        f"{share:.2f} ({shares[0]:.2f}-{shares[-1]:.2f} in {rounds} rounds; {ours:,.0f})",
        f"≥ {target}",
        share >= target,
        f"the bare loop: {loop:,.0f}",
        f"{share:.2f}",
        twice=len(bare.count) - sum(number == 1 for number in bare.count.values()),
        value=share,
    )
