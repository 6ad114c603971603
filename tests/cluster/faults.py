"""What happens to one of two machines, or to their database, in mid-send; and what came of it, counted."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from bot.process.cluster.leading import LOST
from tests.cluster.nodes import Cluster, Counted, Node, cluster
from tests.postgres import Server, running
from tests.wires import Wire

IN_FLIGHT = 10  # HSM_CONCURRENCY of the nodes
LONG = 45.0  # seconds that a machine is stopped

Fault = Callable[[Cluster, Server, Wire], Awaitable[None]]


async def killed(noc: Cluster, _server: Server, _wire: Wire) -> None:
    """kill -9 of the machine that leads, for good."""
    await noc.a.switch_off(signal.SIGKILL)


async def stopped_for_long(noc: Cluster, _server: Server, _wire: Wire) -> None:
    """SIGSTOP of the one that leads for 45 s, and it wakes."""
    noc.a.tell(signal.SIGSTOP)
    await asyncio.sleep(LONG)
    noc.a.tell(signal.SIGCONT)
    await noc.until(lambda: noc.a.codes)
    assert set(noc.a.codes) == {LOST}


async def packets_dropped(noc: Cluster, _server: Server, wire: Wire) -> None:
    """Nothing comes through between the one that leads and the database, and nothing ends."""
    wire.passes.clear()
    await noc.until(noc.b.leads)
    assert noc.a.codes, "it cannot know that it leads"
    wire.passes.set()


async def database_stopped(_noc: Cluster, server: Server, _wire: Wire) -> None:
    """An immediate stop of PostgreSQL for three seconds."""
    server.stop(signal.SIGQUIT)
    await asyncio.sleep(3)
    server.start()


async def database_killed(_noc: Cluster, server: Server, _wire: Wire) -> None:
    """kill -9 of PostgreSQL's first process."""
    server.stop(signal.SIGKILL)
    await asyncio.sleep(1)  # until the processes that it leaves behind have noticed
    server.start()


async def both_killed(noc: Cluster, _server: Server, _wire: Wire) -> None:
    """kill -9 of both at once; each is started anew."""
    for node in noc.nodes:
        node.tell(signal.SIGKILL)


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        killed,
        stopped_for_long,
        packets_dropped,
        database_stopped,
        database_killed,
        both_killed,
    )
}


@dataclass(frozen=True, slots=True)
class Played:
    """One round: after how many messages it happened, what came of it, the longest time without one (s)."""

    at: int
    counted: Counted
    gap: float


async def played(
    fault: Fault, seed: str, customers: int, shared: Path, folder: Path, *, rate: int = 50
) -> Played:
    """One outage of so many, approved by two people in one instant, and the fault after so many messages as
    the seed says. It is over when the card says so, or after a while (AssertionError, TimeoutError).
    """
    at = random.Random(seed).randrange(1, customers - IN_FLIGHT)  # noqa: S311 - to be played again
    async with AsyncExitStack() as stack:
        server = stack.enter_context(running(shared))
        wire = Wire(server.port)
        await wire.start()
        stack.push_async_callback(wire.stop)
        noc = await stack.enter_async_context(cluster(server, folder, customers))
        for node in noc.nodes:
            node.variables["HSM_RATE"] = str(rate)
        noc.a.variables["LEDGER"] = noc.url.replace(f":{server.port}/", f":{wire.port}/")
        await _on(noc, noc.a, noc.a.leads)
        await _on(noc, noc.b, noc.b.stands_by)
        await noc.approve(noc.bruno)
        await noc.until(lambda: len(noc.hsm.received) >= at, max(120.0, customers))
        await fault(noc, server, wire)
        await noc.until(noc.done, max(240.0, customers / 10))
        times = sorted(message.at for message in noc.hsm.received)
        gap = max((then - before for before, then in pairwise(times)), default=timedelta())
        return Played(at, noc.counted(), gap.total_seconds())


async def _on(noc: Cluster, node: Node, so: Callable[[], Awaitable[bool]]) -> None:
    node.switch_on()
    await noc.until(so)
