"""`hook`: how long who pushes waits for its answer, which says that it is on disk, while messages go out."""

import asyncio
import itertools
import json
import time
from pathlib import Path
from statistics import quantiles

import httpx

from bot.simulator.ports import free_port
from tests.bench.children import DISK, PATIENCE, ROOT, until
from tests.bench.site import ANA, Site, opened
from tests.bench.table import Row

MILLISECONDS = 100.0
TOKEN = "segredo"
OUTAGES = 40  # that are told of in turn, each time with another count: each is news, and written


async def rows(
    code: Path = ROOT,
    /,
    *,
    customers: int = 3000,
    open_cases: int = 12,
    every: float = 0.05,
    pushes: int = 20,  # at least, or it is not met
    rates: tuple[int, ...] = (0, 200),
) -> list[Row]:
    """As fast as the bot can send with a crowd in flight, and at 200 messages a second."""
    found: list[Row] = []
    for rate in rates:
        async with opened(DISK, open_cases=open_cases, audit_lines=1000, large=customers) as site:
            port = str(free_port())
            told = {"SOURCE": "oltcloud,hook:nms", "HOOK_NMS_SECRET": TOKEN, "OPS_PORT": port}
            speed = {"HSM_RATE": str(rate), "HSM_CONCURRENCY": "50", "UNDO_SECONDS": "0"}
            async with site.bot(code, **speed, **told, POLL_SECONDS="2") as process:
                url = f"http://127.0.0.1:{port}/hooks/nms"
                waits, strange = await _pushed(site, customers, url, every)
                twice = site.hsm.duplicates
                process.kill()
        pace = f"{rate} a second" if rate else "no rate limit"
        cuts = quantiles(waits, n=100, method="inclusive")
        what = f"hook: a push to its answer, 20 a second, while {customers:,} messages go out ({pace})"
        found.append(
            Row(
                f"{what}, {len(waits)} pushes",
                f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, longest {max(waits):.0f} ms",
                f"p99 < {MILLISECONDS:.0f} ms",
                cuts[98] < MILLISECONDS and len(waits) >= pushes and not strange,
                twice=twice,
                value=cuts[98],
                unit="ms",
            )
        )
    return found


async def _pushed(site: Site, customers: int, url: str, every: float) -> tuple[list[float], set[int]]:
    """Milliseconds until each answer, from the first message to the last; and answers other than 200."""
    large = list(site.cards)[-1]
    await site.chat.wait(lambda c: c.updates.polling)
    async with asyncio.timeout(PATIENCE):
        await site.chat.post_callback(ANA, site.cards[large], f"ok:{large}:")
    await until(lambda: bool(site.hsm.received))
    waiting: list[asyncio.Task[tuple[float, int]]] = []
    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {TOKEN}"}) as http:
        for n in itertools.count():
            waiting.append(asyncio.create_task(_push(http, url, n)))
            await asyncio.sleep(every)
            if n and len(site.hsm.received) >= customers:
                break
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*waiting)
    return [seconds * 1000 for seconds, _ in answers], {status for _, status in answers} - {200}


async def _push(http: httpx.AsyncClient, url: str, n: int) -> tuple[float, int]:
    where = {"olt": "CB 02", "slot": 1 + n % OUTAGES // 16, "pon": 1 + n % 16, "cause": "los"}
    told = {"id": f"nms-{n % OUTAGES}", "status": "open", **where, "affected": 3 + n}
    began = time.perf_counter()
    answer = await http.post(url, content=json.dumps(told))
    return time.perf_counter() - began, answer.status_code
