"""`send`: durable messages a second on one core, with a gateway that answers at once."""

import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from statistics import median

from bot.simulator.matrix import MatrixApi
from tests.bench.children import DISK, cores, measure
from tests.bench.gateway import BareGateway
from tests.bench.table import Row

AT_LEAST = 1000
THREADS = 10
TOKEN = "hsm-secret"


async def rows(*, messages: int = 5000, in_flight: int = 50, runs: int = 3) -> list[Row]:
    """Ideal = what the gateway takes from the cheapest client there is; intents and results are durable.

    Measured at a bare gateway, and at the simulated one, which may be the slower side.
    """
    _, gateway_core = cores()
    facts = {"messages": messages, "in_flight": in_flight, "runs": runs}
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {gateway_core})
    try:
        async with BareGateway() as bare:
            at_bare = await _row(bare.url, bare.count, facts, "a bare gateway")
        async with MatrixApi(TOKEN) as hsm:
            at_hsm = await _row(hsm.hsm_url, hsm.count, facts, "the simulated Matrix")
    finally:
        os.sched_setaffinity(0, before)
    return [at_bare, at_hsm]


async def _row(url: str, count: Counter[str], size: Mapping[str, int], name: str) -> Row:
    messages, in_flight, runs = size["messages"], size["in_flight"], size["runs"]
    core, _ = cores()
    where = {"url": url, "token": TOKEN, "core": core, "messages": messages}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DISK) as folder:
        found = await measure("send", **where, folder=folder, in_flight=in_flight, runs=runs)
    rate, cpu_rate = (median(one) for one in zip(*found, strict=True))
    assert count.total() == messages * runs, "a message is missing"
    twice = len(count) - sum(number == 1 for number in count.values())
    old = await measure("old_send", **where, threads=THREADS)
    ceiling = await measure("flood", **where, in_flight=in_flight)
    return Row(
        f"send: durable messages a second on one core, {in_flight} in flight, {name}",
        f"{rate:,.0f}/s ({cpu_rate:,.0f} per CPU second)",
        f"≥ {AT_LEAST:,}/s",
        rate >= AT_LEAST,
        f"the gateway alone: {ceiling:,.0f}/s",
        f"{rate / ceiling:.2f}",
        f"{THREADS} threads with requests, nothing durable: {old:,.0f}/s",
        twice,
    )
