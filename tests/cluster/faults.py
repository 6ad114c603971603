"""What happens to one of two machines that send, or to their database; and what came of it, counted."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from psycopg import Connection

from bot.process.cluster.leading import LOST
from bot.process.cluster.sharing import TAKEN_WITHIN
from tests.cluster.nodes import Cluster, Counted, Node, cluster
from tests.postgres import Server, running
from tests.wires import Wire, wire

IN_FLIGHT = 10  # HSM_CONCURRENCY of the nodes
ANSWERS_AFTER = 0.1  # seconds: so some are on their way at each moment
LONG = 45.0  # seconds that a machine is stopped: longer than an answer is waited for
CUT = 10.0  # seconds that nothing passes
SLOW = 2 * TAKEN_WITHIN  # seconds until an answer where a message would be taken back before
TIMES = 3  # that rows are deleted
NEWER = "são de uma versão mais nova"
WAITS = 0.6  # seconds: a machine looks for messages within them, and gives up after 0.9
STARTS = 1  # of each machine beside tables that it does not know


@dataclass(frozen=True, slots=True)
class Stage:
    """One node leads, the other helps: both send; what each says to the database goes by its own wire."""

    noc: Cluster
    server: Server
    leads: Node
    wires: Mapping[Node, Wire]
    chance: random.Random
    long: float

    @property
    def helps(self) -> Node:
        return self.noc.other(self.leads)


Fault = Callable[[Stage], Awaitable[None]]


async def killed(on: Stage) -> None:
    """kill -9 of the machine that leads, for good."""
    await on.leads.switch_off(signal.SIGKILL)


async def stopped_for_long(on: Stage) -> None:
    """SIGSTOP of the one that leads for long, and it wakes."""
    on.leads.tell(signal.SIGSTOP)
    await asyncio.sleep(on.long)
    on.leads.tell(signal.SIGCONT)
    await on.noc.until(lambda: on.leads.codes)
    assert set(on.leads.codes) == {LOST}


async def packets_dropped(on: Stage) -> None:
    """Nothing comes through between the one that leads and the database, and nothing ends."""
    on.wires[on.leads].passes.clear()
    await on.noc.until(on.helps.leads)
    assert on.leads.codes, "it cannot know that it leads"
    on.wires[on.leads].passes.set()


async def other_killed(on: Stage) -> None:
    """kill -9 of the machine that stands by and sends, for good."""
    await on.helps.switch_off(signal.SIGKILL)


async def other_stopped_for_long(on: Stage) -> None:
    """SIGSTOP of the one that stands by and sends for long, with what it takes in that instant, and it wakes:
    what it had taken does not leave any more.
    """
    noc = on.noc
    with Connection.connect(noc.url) as connection:  # until it is closed whoever asks for messages waits
        connection.execute("LOCK TABLE ledger_lease")
        await asyncio.sleep(WAITS)
        on.helps.tell(signal.SIGSTOP)
    await asyncio.sleep(on.long)
    taken = on.server.run("SELECT about FROM ledger_sends WHERE state = 'taken'", noc.name)
    phones = noc.phones()
    unsent = {phones[str(about).split(".", 3)[3]] for (about,) in taken} - noc.delivered().keys()
    on.helps.tell(signal.SIGCONT)
    await _both_send(noc)
    assert not unsent & noc.delivered().keys(), "it left long after it was taken"


async def other_cut(on: Stage) -> None:
    """Nothing comes through between the one that stands by and the database for a while, and nothing ends."""
    on.wires[on.helps].passes.clear()
    await asyncio.sleep(CUT)
    on.wires[on.helps].passes.set()
    await _both_send(on.noc)


async def rows_deleted(on: Stage) -> None:
    """Somebody deletes what is on its way by hand, several times: what there is for a machine, and all."""
    for statement in ("DELETE FROM ledger_sends WHERE owner <> ''", "DELETE FROM ledger_sends"):
        on.noc.hsm.faults.latency = SLOW
        for _ in range(TIMES):
            await asyncio.sleep(SLOW / 2 / TIMES)
            on.server.run(statement, on.noc.name)
        await asyncio.sleep(SLOW / 2)
        on.noc.hsm.faults.latency = ANSWERS_AFTER


async def approved_at_both(on: Stage) -> None:
    """Two people approve in the instant in which the one that leads stops; it wakes beside the next one."""
    tap = await on.noc.tap()
    tap(on.noc.ana)
    await asyncio.sleep(on.chance.uniform(0, 0.1))
    on.leads.tell(signal.SIGSTOP)
    tap(on.noc.bruno)
    await on.noc.until(on.helps.leads)
    on.leads.tell(signal.SIGCONT)
    await on.noc.until(lambda: on.leads.codes)


async def older_beside_newer(on: Stage) -> None:
    """The tables become those of a newer version: both end and say so, until they are as before."""
    noc, raised = on.noc, "UPDATE ledger_head SET version = version {} 1, epoch = epoch + 1"
    on.server.run(raised.format("+"), noc.name)
    await noc.until(lambda: all(node.codes.count(1) >= STARTS for node in noc.nodes))
    assert all(NEWER in node.log() for node in noc.nodes)
    sent = len(noc.hsm.received)
    assert not noc.done()
    await noc.until(lambda: all(node.codes.count(1) >= 2 * STARTS for node in noc.nodes))
    assert len(noc.hsm.received) == sent, "nobody knows the tables"
    on.server.run(raised.format("-"), noc.name)


async def database_stopped(on: Stage) -> None:
    """An immediate stop of PostgreSQL for three seconds."""
    on.server.stop(signal.SIGQUIT)
    await asyncio.sleep(3)
    on.server.start()


async def database_killed(on: Stage) -> None:
    """kill -9 of PostgreSQL's first process."""
    on.server.stop(signal.SIGKILL)
    await asyncio.sleep(1)  # until the processes that it leaves behind have noticed
    on.server.start()


async def both_killed(on: Stage) -> None:
    """kill -9 of both at once; each is started anew."""
    for node in on.noc.nodes:
        node.tell(signal.SIGKILL)


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        *(killed, stopped_for_long, packets_dropped),
        *(other_killed, other_stopped_for_long, other_cut),
        *(rows_deleted, approved_at_both, older_beside_newer),
        *(database_stopped, database_killed, both_killed),
    )
}
APPROVE = {approved_at_both}
"""These are about the taps, and not in mid-send."""


@dataclass(frozen=True, slots=True)
class Played:
    """One round: after how many messages it happened, what came of it, the longest time without one (s)."""

    at: int
    counted: Counted
    gap: float


async def played(
    fault: Fault,
    seed: str,
    customers: int,
    shared: Path,
    folder: Path,
    *,
    rate: int = 50,
    long: float = LONG,
) -> Played:
    """One outage of so many, approved by two people in one instant, and the fault after so many messages as
    the seed says, while both machines send. It is over when the card says so, or after a while
    (AssertionError, TimeoutError). `long` is for how many seconds a machine is stopped.
    """
    chance = random.Random(seed)  # noqa: S311 - to be played again
    at = 0 if fault in APPROVE else chance.randrange(1, customers - IN_FLIGHT)
    async with AsyncExitStack() as stack:
        server = stack.enter_context(running(shared))
        noc = await stack.enter_async_context(cluster(server, folder, customers))
        noc.hsm.faults.latency = ANSWERS_AFTER
        wires = {node: await stack.enter_async_context(wire(server.port)) for node in noc.nodes}
        for node, its in wires.items():
            node.variables["HSM_RATE"] = str(rate)
            node.variables["LEDGER"] = noc.url.replace(f":{server.port}/", f":{its.port}/")
        noc.a.switch_on()
        await noc.until(noc.a.leads)
        noc.b.switch_on()  # on a busy machine it may lead by the time it is up
        await _both_send(noc)
        if fault not in APPROVE:
            await noc.approve(noc.bruno)
            await noc.until(lambda: _lent(noc))
            await noc.until(lambda: len(noc.hsm.received) >= at, max(120.0, customers))
        await fault(Stage(noc, server, await noc.leader(), wires, chance, long))
        await noc.until(noc.done, max(240.0, customers / 10))
        times = sorted(message.at for message in noc.hsm.received)
        gap = max((then - before for before, then in pairwise(times)), default=timedelta())
        return Played(at, noc.counted(), gap.total_seconds())


async def _both_send(noc: Cluster) -> None:
    async def both() -> bool:
        return len(noc.nodes) in [await node.number("noc_sending_machines") for node in noc.nodes]

    await noc.until(both)


async def _lent(noc: Cluster) -> bool:
    return any([await node.number("noc_lent_messages_total") > 0 for node in noc.nodes])
