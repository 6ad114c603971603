"""A real standby server of the database takes over, and lacks the last lines: it had not got them yet."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.cluster.nodes import cluster
from tests.cluster.test_lost_lines import confirms
from tests.postgres import replica_of, running
from tests.wires import wire

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]
CUSTOMERS, IN_FLIGHT = 120, 10
BEHIND = 20  # messages that leave while nothing comes to the standby server


async def test_nobody_gets_two_and_the_rest_goes_on_once_somebody_confirms(
    pg_shared: Path, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        primary = stack.enter_context(running(pg_shared))
        cable = await stack.enter_async_context(wire(primary.port))  # from one server to the other
        way = await stack.enter_async_context(wire(primary.port))  # from the bots to the one that leads
        noc = await stack.enter_async_context(cluster(primary, tmp_path, CUSTOMERS))
        standby = stack.enter_context(replica_of(primary, pg_shared, cable.port))
        await asyncio.to_thread(standby.start)
        for node in noc.nodes:
            node.variables["LEDGER"] = noc.url.replace(f":{primary.port}/", f":{way.port}/")
        noc.a.switch_on()
        await noc.until(noc.a.leads)
        noc.b.switch_on()
        await noc.until(noc.b.stands_by)
        await noc.until(lambda: "sends messages, too" in noc.a.log())
        await noc.approve()
        await noc.until(lambda: len(noc.hsm.received) >= CUSTOMERS // 4)
        cable.passes.clear()
        had = len(noc.hsm.received)
        await noc.until(lambda: len(noc.hsm.received) >= had + BEHIND)
        primary.stop(signal.SIGQUIT)
        standby.run("SELECT pg_promote()")
        noc.server = standby
        lost = set(noc.delivered())
        way.leads_to(standby.port)
        await noc.until(lambda: noc.said("O banco do registro perdeu"))
        told = {line["recipient"] for line in noc.lines() if line["kind"] == "intent"}
        assert len(told) < len(lost), "it lacks some"
        sent = len(noc.hsm.received)
        await confirms(noc)
        await noc.until(noc.done)
        assert len(noc.hsm.received) > sent, "it goes on with the others"
        noc.judged(2 * IN_FLIGHT)
