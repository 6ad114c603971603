"""`postgres`: durable messages a second on a ledger in PostgreSQL as a share of those on files, in one run;
how soon who stands by has another machine's line, and how soon it sends where the one that leads is killed;
what two machines send together at a set rate, and as fast as they can against the one that leads alone.

PostgreSQL is on the same machine and disk, with fsync. Of the first both are measured in turn, in one
process.
"""

import asyncio
import signal
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

from bot.domain.events import TapRefused
from bot.domain.who import Who
from bot.process.clock import SystemClock
from bot.storage.postgres.ledger import PostgresLedger
from bot.storage.postgres.moving import into
from tests.bench.aged import aged
from tests.bench.children import DISK, ROOT, measure, until
from tests.bench.gateway import BareGateway
from tests.bench.table import Row
from tests.cluster.nodes import Cluster, cluster
from tests.postgres import Server, clean, running

TOKEN = "hsm-secret"
TARGETS = {("a gateway that answers at once", 50): 0.5, ("a gateway that answers at once", 10): 0.4}
HTTP = {("a bare gateway over HTTP", 50): 0.75}
IN_FLIGHT = 50
A_SECOND, SEEN, GOES_ON = 50, 50.0, 10.0  # lines; ms; s
CUSTOMERS = 200
RATE, SECONDS, BURST, OF_IDEAL = 80, 10, 0.1, 0.97  # a second; s; s, of the pace; a share


async def rows(
    code: Path = ROOT,
    /,
    *,
    messages: int = 3000,
    rounds: int = 5,
    lines: int = 1500,
    kills: int = 3,
    days: int = 30,
    together: int = 900,
    handed: int = 3000,
) -> list[Row]:
    """The targets are those of bot/docs/ledger.md."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DISK) as folder, running(Path(folder)) as server:
        found = await _shares(server, folder, code, messages=messages, rounds=rounds)
        found.append(await _seen(server, Path(folder), code, lines))
        found.append(await _taken_over(server, Path(folder), kills, days))
        found.append(await _together(server, Path(folder), together))
        found.append(await _handed(server, Path(folder), code, handed, rounds))
    clean()
    return found


async def _seen(server: Server, folder: Path, code: Path, lines: int) -> Row:
    """50 lines a second, each durable by itself; who stands by is a process of its own."""
    database, at = server.database(), list[float]()
    standing_by = asyncio.ensure_future(
        measure("seen", code, database=database, folder=str(folder), lines=lines)
    )
    await until(lambda: (folder / "ready").exists() or standing_by.done())
    ledger = await PostgresLedger.open(database, folder / "leads", SystemClock())
    began = time.monotonic()
    for number in range(lines):
        await asyncio.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
        await ledger.commit(lambda _book, _now: [TapRefused(Who(501, "Ana"), "approve", "not_approver")])
        at.append(time.monotonic())
    await ledger.close()
    took = sorted(max(0.0, there - here) * 1000 for here, there in zip(at, await standing_by, strict=True))
    p99 = took[len(took) * 99 // 100]
    return Row(
        f"postgres: from the leader's commit to the line folded on who stands by, {A_SECOND} lines a second",
        f"p50 {median(took):.1f} ms, p99 {p99:.1f} ms",
        "p99 ≤ 50 ms",
        p99 <= SEEN,
        f"the longest of {lines}: {took[-1]:.0f} ms",
        value=p99,
        unit=" ms",
    )


def _has_sent(noc: Cluster, messages: int) -> bool:
    return len(noc.hsm.received) >= messages


async def _taken_over(server: Server, folder: Path, kills: int, days: int) -> Row:
    """From kill -9 of who leads, in mid-send, to the first send of the other, on a ledger of so many days."""
    led, sent, twice, lines = list[float](), list[float](), 0, 0
    for turn in range(kills):
        place = folder / f"killed {turn}"
        place.mkdir()
        url = server.database(empty=True)
        lines = aged(place / "aged", days, datetime.now(UTC) - timedelta(seconds=5)).lines
        into(place / "aged", url)
        async with cluster(server, place, CUSTOMERS, url) as noc:
            noc.a.switch_on()
            await noc.until(noc.a.leads)
            noc.b.switch_on()
            await noc.until(noc.b.stands_by)
            await noc.approve()
            await noc.until(partial(_has_sent, noc, CUSTOMERS // 4))
            began = time.monotonic()
            await noc.a.switch_off(signal.SIGKILL)
            before = len(noc.hsm.received)
            await noc.until(noc.b.leads)
            led.append(time.monotonic() - began)
            await noc.until(partial(_has_sent, noc, before + 1))
            sent.append(time.monotonic() - began)
            await noc.until(noc.done)
            twice += sum(number > 1 for number in noc.delivered().values())
    return Row(
        f"postgres: from kill -9 of who leads to the other's first send, a ledger of {lines:,} lines",
        f"{median(sent):.1f} s ({min(sent):.1f}-{max(sent):.1f} in {kills})",
        f"≤ {GOES_ON:g} s",
        max(sent) <= GOES_ON,
        "the lease: 3 s",
        f"it leads after {median(led):.1f} s",
        twice=twice,
        value=median(sent),
        unit=" s",
    )


async def _together(server: Server, folder: Path, customers: int) -> Row:
    """Two machines that send in turn, each a process of its own: what came of it in the first seconds."""
    place = folder / "together"
    place.mkdir()
    async with cluster(server, place, customers) as noc:
        for node in noc.nodes:
            node.variables["HSM_RATE"] = str(RATE)
            node.switch_on()
            await noc.until(noc.a.leads)
        await noc.until(partial(_both_send, noc))
        await noc.approve()
        await noc.until(noc.done)
        lent = int(await noc.b.number("noc_lent_messages_total"))
        times = sorted(message.at for message in noc.hsm.received)
        twice = sum(number > 1 for number in noc.delivered().values())
    seconds = min(SECONDS, customers / RATE)
    got = sum((at - times[0]).total_seconds() < seconds for at in times)
    ideal = min(customers, RATE * (seconds + BURST))
    return Row(
        f"postgres: two machines send together, {RATE} a second, customers told in {seconds:g} s",
        f"{got}",
        f"≥ {OF_IDEAL}",
        got >= OF_IDEAL * ideal,
        f"{ideal:.0f}: {RATE} a second and {BURST} s of them at once",
        f"{got / ideal:.2f}; of {len(times)} the leader sent {len(times) - lent}, the other {lent}",
        twice=twice,
        value=got / seconds,
        unit="/s",
    )


async def _both_send(noc: Cluster) -> bool:
    return await noc.a.number("noc_sending_machines") == len(noc.nodes)


async def _handed(server: Server, folder: Path, code: Path, messages: int, rounds: int) -> Row:
    """As fast as they can: the one that stands by is a process of its own, and both gateways cost nothing."""
    alone, both, lent = list[float](), list[float](), 0
    for turn in range(rounds):
        place, databases = folder / f"handed {turn}", [server.database() for _ in range(2)]
        place.mkdir()
        facts: dict[str, object] = {"folder": str(place), "in_flight": IN_FLIGHT}
        lends = asyncio.ensure_future(measure("lends", code, database=databases[1], **facts))
        rates = await measure("hands", code, databases=databases, messages=messages, **facts)
        lent += await lends
        alone.append(rates[0])
        both.append(rates[1])
    shares = sorted(two / one for one, two in zip(alone, both, strict=True))
    return Row(
        f"postgres: messages a second, every other one handed to another machine, {IN_FLIGHT} in flight",
        f"{median(both):,.0f}/s",
        f"≥ {RATE}/s",
        median(both) >= RATE,
        f"the leader alone: {median(alone):,.0f}/s",
        f"{median(shares):.2f} ({shares[0]:.2f}-{shares[-1]:.2f} in {rounds} rounds); "
        f"the other sent {lent / (messages * rounds):.0%}",
        value=median(both),
        unit="/s",
    )


async def _shares(server: Server, folder: str, code: Path, *, messages: int, rounds: int) -> list[Row]:
    found = []
    for (gateway, in_flight), target in (TARGETS | HTTP).items():
        async with BareGateway() as bare:
            rates = await measure(
                "postgres",
                code,
                url=bare.url if (gateway, in_flight) in HTTP else "",
                token=TOKEN,
                folder=folder,
                databases=[server.database() for _ in range(rounds)],
                messages=messages,
                in_flight=in_flight,
            )
            twice = len(bare.count) - sum(number == 1 for number in bare.count.values())
        shares = sorted(there / files for files, there in rates)
        files, there = (median(one) for one in zip(*rates, strict=True))
        found.append(
            Row(
                f"postgres: durable messages a second against files, {in_flight} in flight, {gateway}",
                f"{there:,.0f}/s",
                f"≥ {target}",
                median(shares) >= target,
                f"on files: {files:,.0f}/s",
                f"{median(shares):.2f} ({shares[0]:.2f}-{shares[-1]:.2f} in {rounds} rounds)",
                twice=twice,
                value=there,
                unit="/s",
            )
        )
    return found
