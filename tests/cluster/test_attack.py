"""Whatever happens to one of two machines, or to their database, in mid-send: nobody gets two or is lost.

CLUSTER_CUSTOMERS and CLUSTER_MOMENTS say how many there are and at how many random moments each is played.
"""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.process.cluster.leading import LOST
from tests.cluster.nodes import Cluster, Node, cluster
from tests.postgres import Server, running
from tests.wires import Wire

CUSTOMERS = int(os.environ.get("CLUSTER_CUSTOMERS", "300"))
MOMENTS = int(os.environ.get("CLUSTER_MOMENTS", "1"))
IN_FLIGHT = 10
LONG = 45.0  # seconds that a machine is stopped

pytestmark = [pytest.mark.attack, pytest.mark.timeout(1800)]
Fault = Callable[[Cluster, Server, Wire], Awaitable[None]]


async def killed(noc: Cluster, _server: Server, _wire: Wire) -> None:
    await noc.a.switch_off(signal.SIGKILL)


async def stopped_for_long(noc: Cluster, _server: Server, _wire: Wire) -> None:
    noc.a.tell(signal.SIGSTOP)
    await asyncio.sleep(LONG)
    noc.a.tell(signal.SIGCONT)
    await noc.until(lambda: noc.a.codes)
    assert set(noc.a.codes) == {LOST}


async def packets_dropped(noc: Cluster, _server: Server, wire: Wire) -> None:
    wire.passes.clear()
    await noc.until(noc.b.leads)
    assert noc.a.codes, "it cannot know that it leads"
    wire.passes.set()


async def database_stopped(_noc: Cluster, server: Server, _wire: Wire) -> None:
    server.stop(signal.SIGQUIT)
    await asyncio.sleep(3)
    server.start()


async def database_killed(_noc: Cluster, server: Server, _wire: Wire) -> None:
    server.stop(signal.SIGKILL)
    await asyncio.sleep(1)  # until the processes that it leaves behind have noticed
    server.start()


FAULTS: tuple[Fault, ...] = (killed, stopped_for_long, packets_dropped, database_stopped, database_killed)


@pytest.mark.parametrize("moment", range(MOMENTS))
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.__name__))
async def test_in_mid_send(fault: Fault, moment: int, pg_shared: Path, tmp_path: Path) -> None:
    at = random.Random(f"{fault.__name__} {moment}").randrange(1, CUSTOMERS - IN_FLIGHT)  # noqa: S311
    async with AsyncExitStack() as stack:
        server = stack.enter_context(running(pg_shared))
        wire = Wire(server.port)
        await wire.start()
        stack.push_async_callback(wire.stop)
        noc = await stack.enter_async_context(cluster(server, tmp_path, CUSTOMERS))
        noc.a.variables["LEDGER"] = noc.url.replace(f":{server.port}/", f":{wire.port}/")
        await on(noc, noc.a, noc.a.leads)
        await on(noc, noc.b, noc.b.stands_by)
        await noc.approve()
        await noc.until(lambda: len(noc.hsm.received) >= at, CUSTOMERS)
        await fault(noc, server, wire)
        await noc.until(noc.done, max(240.0, CUSTOMERS / 10))
        noc.judged(IN_FLIGHT)


async def on(noc: Cluster, node: Node, so: Callable[[], Awaitable[bool]]) -> None:
    node.switch_on()
    await noc.until(so)
