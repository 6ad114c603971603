"""Two machines share a ledger: one leads, the other takes over whatever becomes of it. Nobody gets two."""

import asyncio
import re
import signal
from pathlib import Path

import pytest

from bot.process.cluster.leading import LOST
from tests.cluster.nodes import AWAY, OK, PATIENCE, Cluster, Node, cluster
from tests.postgres import running

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]
CUSTOMERS = 120
IN_FLIGHT = 10  # HSM_CONCURRENCY of the nodes
TAKEN_OVER, GOES_ON = 5.0, 10.0  # seconds, on a machine that has nothing else to do
BUSY = 3.0  # times as long beside a whole suite


async def both_on(noc: Cluster) -> tuple[Node, Node]:
    noc.a.switch_on()
    await noc.until(noc.a.leads)
    noc.b.switch_on()
    await noc.until(noc.b.stands_by)
    return noc.a, noc.b


async def in_mid_send(noc: Cluster, sent: int) -> None:
    await noc.approve()
    await noc.until(lambda: len(noc.hsm.received) >= sent)


async def test_one_leads_and_the_other_says_so(pg_shared: Path, tmp_path: Path) -> None:
    with running(pg_shared) as server:
        async with cluster(server, tmp_path, 5) as noc:
            _, other = await both_on(noc)
            assert await other.asked("/livez") == (OK, '{"ok": true, "wrong": {}}')
            status, body = await other.asked("/readyz")
            assert (status, "noc-a leads" in body) == (AWAY, True)
            assert "noc_leader 0.0" in (await other.asked("/metrics"))[1]
            numbers = (await noc.a.asked("/metrics"))[1]
            assert "noc_leader 1.0" in numbers
            [(epoch,)] = server.run("SELECT epoch FROM ledger_lease WHERE name = 'leader'", noc.name)
            assert f"noc_lease_epoch {epoch}.0" in numbers
            await noc.a.switch_off(signal.SIGTERM)
            took = await noc.until(other.leads)
            assert took < TAKEN_OVER * BUSY
            await noc.until(
                lambda: noc.said("noc-b assumiu o trabalho. A máquina noc-a foi desligada em ordem")
            )


async def test_both_send_in_turn_and_the_leader_writes_what_came_of_it(
    pg_shared: Path, tmp_path: Path
) -> None:
    with running(pg_shared) as server:
        async with cluster(server, tmp_path, CUSTOMERS) as noc:
            leader, other = await both_on(noc)
            await noc.until(lambda: "noc-b sends messages, too" in leader.log())
            assert "noc_sending_machines 2.0" in (await leader.asked("/metrics"))[1]
            await noc.approve()
            await noc.until(noc.done)
            noc.judged(0)
            assert server.run("SELECT message FROM ledger_sends WHERE message <> ''", noc.name) == []
            numbers = (await other.asked("/metrics"))[1]
            sent = float(re.findall(r"^noc_lent_messages_total (\S+)", numbers, re.MULTILINE)[0])
            assert 0 < sent < CUSTOMERS


async def test_who_stands_by_asks_telegram_nothing(pg_shared: Path, tmp_path: Path) -> None:
    with running(pg_shared) as server:
        async with cluster(server, tmp_path, 5) as noc:
            server.run(
                "INSERT INTO ledger_lease SELECT 'leader', 'noc-x 1', epoch + 1, 'infinity' FROM ledger_head",
                noc.name,
            )
            noc.b.switch_on()
            await noc.until(noc.b.stands_by)
            await asyncio.sleep(2)  # as long as two polls
            assert await noc.b.stands_by()
            assert noc.chat.calls.total() == 0
            server.run("UPDATE ledger_lease SET until = '-infinity'", noc.name)
            await noc.until(noc.b.leads)
            await noc.until(lambda: noc.said("noc-b assumiu o trabalho. A máquina noc-x"))


async def test_a_leader_that_is_killed_in_mid_send(pg_shared: Path, tmp_path: Path) -> None:
    with running(pg_shared) as server:
        async with cluster(server, tmp_path, CUSTOMERS) as noc:
            leader, other = await both_on(noc)
            await in_mid_send(noc, CUSTOMERS // 4)
            await leader.switch_off(signal.SIGKILL)
            sent = len(noc.hsm.received)
            assert await noc.until(other.leads) < TAKEN_OVER * BUSY
            assert await noc.until(lambda: len(noc.hsm.received) > sent) < GOES_ON * BUSY
            await noc.until(noc.done)
            await noc.until(lambda: noc.said("A máquina noc-a deixou de responder"))
            noc.judged(IN_FLIGHT)


async def test_a_leader_that_was_stopped_wakes_and_does_nothing(pg_shared: Path, tmp_path: Path) -> None:
    with running(pg_shared) as server:
        async with cluster(server, tmp_path, CUSTOMERS) as noc:
            leader, other = await both_on(noc)
            await in_mid_send(noc, CUSTOMERS // 4)
            leader.tell(signal.SIGSTOP)
            await noc.until(other.leads)
            leader.tell(signal.SIGCONT)  # while the other one sends
            await noc.until(lambda: leader.codes)
            assert set(leader.codes) == {LOST}
            await noc.until(noc.done)
            await noc.until(leader.stands_by)
            noc.judged(IN_FLIGHT)
            assert "this process ends at once" in leader.log()


async def test_a_leader_whose_ledger_closes_for_good_makes_room(pg_shared: Path, tmp_path: Path) -> None:
    with running(pg_shared) as server:
        async with cluster(server, tmp_path, CUSTOMERS) as noc:
            leader, _ = await both_on(noc)
            await in_mid_send(noc, CUSTOMERS // 4)
            server.run("UPDATE ledger_head SET epoch = epoch + 1", noc.name)
            await noc.until(lambda: leader.codes)
            assert set(leader.codes) == {LOST}
            assert "the ledger is closed" in leader.log()
            await noc.leader()
            await noc.until(noc.done)
            await noc.until(lambda: noc.said("Registro fechado"))
            noc.judged(IN_FLIGHT)


async def test_a_database_that_is_gone_for_seconds(pg_shared: Path, tmp_path: Path) -> None:
    with running(pg_shared) as server:
        async with cluster(server, tmp_path, CUSTOMERS) as noc:
            _, other = await both_on(noc)
            await in_mid_send(noc, CUSTOMERS // 4)
            server.stop(signal.SIGQUIT)

            async def noticed() -> bool:
                status, body = await other.asked("/readyz")
                return status == AWAY and "does not answer" in body

            await noc.until(noticed)
            assert (await other.asked("/livez", PATIENCE))[0] == OK
            await asyncio.sleep(
                3
            )  # it is away for so long, and nobody may send after two thirds of the lease
            sent = len(noc.hsm.received)
            await asyncio.sleep(0.5)
            assert len(noc.hsm.received) == sent
            server.start()
            await noc.leader()
            await noc.until(noc.done)
            noc.judged(IN_FLIGHT)


async def test_another_database_sends_nothing_until_somebody_confirms(
    pg_shared: Path, tmp_path: Path
) -> None:
    with running(pg_shared) as server:
        async with cluster(server, tmp_path, 5) as noc:
            noc.a.switch_on()
            await noc.until(noc.a.leads)
            await noc.a.switch_off(signal.SIGTERM)
            server.run("UPDATE ledger_lease SET owner = '1/00000001' WHERE name = 'database'", noc.name)
            noc.b.switch_on()
            await noc.until(lambda: noc.said("O banco de dados do registro não é mais o mesmo"))
            await noc.approve()
            await noc.until(lambda: any("unconfirmed" in str(line) for line in noc.lines()))
            assert noc.hsm.received == []
            [started] = [line for line in noc.lines() if line["kind"] == "started"][-1:]
            assert started["doubt"] == "database"
