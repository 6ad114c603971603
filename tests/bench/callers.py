"""`callers`: how long a phone robot waits until it knows whether an outage is on, while messages go out."""

import asyncio
import itertools
import time
from pathlib import Path
from statistics import quantiles

import httpx

from bot.ops.keys import add
from bot.process.clock import SystemClock
from bot.simulator.ports import free_port
from tests.bench.children import DISK, PATIENCE, ROOT, until
from tests.bench.site import ANA, Site, opened
from tests.bench.table import Row

MILLISECONDS = 50.0


async def rows(
    code: Path = ROOT,
    /,
    *,
    customers: int = 3000,
    open_cases: int = 200,
    every: float = 0.06,  # below the limit of a key
    questions: int = 20,  # at least, or it is not met
    rates: tuple[int, ...] = (0, 200),
) -> list[Row]:
    """As fast as the bot can send with a crowd in flight, and at 200 messages a second."""
    found: list[Row] = []
    for rate in rates:
        async with opened(DISK, open_cases=open_cases, audit_lines=1000, large=customers) as site:
            key, port = add(site.folder / "data", "ura", SystemClock()).splitlines()[-1], str(free_port())
            speed = {"HSM_RATE": str(rate), "HSM_CONCURRENCY": "50", "UNDO_SECONDS": "0"}
            async with site.bot(code, **speed, OPS_PORT=port, POLL_SECONDS="2") as process:
                url = f"http://127.0.0.1:{port}/api/v1/customers"
                waits, right = await _asked(site, customers, url, key, every)
                twice = site.hsm.duplicates
                process.kill()
        pace = f"{rate} a second" if rate else "no rate limit"
        cuts = quantiles(waits, n=100, method="inclusive")
        what = f"callers: a question to its answer, {1 / every:.0f} a second, {open_cases} open cases"
        found.append(
            Row(
                f"{what}, while {customers:,} messages go out ({pace}), {len(waits)} questions",
                f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, longest {max(waits):.0f} ms",
                f"p99 < {MILLISECONDS:.0f} ms",
                cuts[98] < MILLISECONDS and len(waits) >= questions and right,
                twice=twice,
                value=cuts[98],
                unit="ms",
            )
        )
    return found


async def _asked(site: Site, customers: int, url: str, key: str, every: float) -> tuple[list[float], bool]:
    """Milliseconds until each answer, from the first message to the last; and whether the last was right."""
    large = list(site.cards)[-1]
    phones = [one.phone_number for one in site.world.customers.values() if one.phone_number]
    await site.chat.wait(lambda c: c.updates.polling)
    async with asyncio.timeout(PATIENCE):
        await site.chat.post_callback(ANA, site.cards[large], f"ok:{large}:")
    await until(lambda: bool(site.hsm.received))
    waiting: list[asyncio.Task[float]] = []
    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {key}"}) as http:
        for n in itertools.count():
            waiting.append(asyncio.create_task(_ask(http, f"{url}/{phones[-1 - n % len(phones)]}/outage")))
            await asyncio.sleep(every)
            if n and len(site.hsm.received) >= customers:
                break
        async with asyncio.timeout(PATIENCE):
            waits = await asyncio.gather(*waiting)
            while not (  # noqa: ASYNC110 - it is asked again
                told := (await http.get(f"{url}/{phones[-1]}/outage")).json()
            )["warned"]:
                await asyncio.sleep(every)  # the last answers of the gateway come in
    return [seconds * 1000 for seconds in waits], told["outage"]


async def _ask(http: httpx.AsyncClient, url: str) -> float:
    began = time.perf_counter()
    answer = await http.get(url)
    assert answer.status_code == 200, answer.status_code
    return time.perf_counter() - began
