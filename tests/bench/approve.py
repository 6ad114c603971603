"""`approve`: from the tap to the last customer's message, the whole bot."""

import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.telegram.api import BotApi
from bot.simulator.world import World
from tests.bench.children import DISK, ROOT, measure, until
from tests.bench.table import NONE, Row
from tests.child import running_bot, settings

LOOK_UPS, SENDS = 20, 10  # threads of the old way
AT_MOST = 1.3


async def rows(
    code: Path = ROOT,
    /,
    *,
    customers: int = 400,
    latency: float = 0.1,
    in_flight: int = 50,
    runs: int = 3,
    old_way: bool = True,
) -> list[Row]:
    """Ideal = one reading + look-ups / in flight x latency + sends / in flight x latency.

    The bot is `python -m bot run`; Telegram answers at once, the ledger is on this machine's disk.
    """
    async with AsyncExitStack() as stack:
        world = World()
        olt = await stack.enter_async_context(OltApi(world))
        hsm = await stack.enter_async_context(MatrixApi())
        chat = await stack.enter_async_context(BotApi())
        olt.faults.latency = hsm.faults.latency = latency
        chat.add_user(501, "Ana", admin=True)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=DISK)))
        fast = {"HSM_RATE": "0", "UNDO_SECONDS": "0", "POLL_SECONDS": "2", "OPS_PORT": "0"}
        flight = {"ENRICH_CONCURRENCY": str(in_flight), "HSM_CONCURRENCY": str(in_flight)}
        variables = {**settings(olt, hsm, chat, folder), **fast, **flight, "PYTHONPATH": str(code)}
        async with running_bot(variables, folder):
            took = median([await once(world, hsm, chat, customers, run) for run in range(runs)])
        twice = hsm.duplicates
        old = await threads(world, olt, hsm, customers) if old_way else NONE
    ideal = latency + 2 * customers / in_flight * latency
    return [
        Row(
            f"approve: tap to last message, {customers} customers at {latency * 1000:.0f} ms, "
            f"{in_flight} in flight",
            f"{took:.2f} s",
            f"≤ {AT_MOST} × ideal",
            took <= AT_MOST * ideal,
            f"{ideal:.2f} s",
            f"{took / ideal:.2f}",
            old,
            twice,
            value=took,
            unit="s",
        )
    ]


async def threads(world: World, olt: OltApi, hsm: MatrixApi, customers: int) -> str:
    """How long the old way takes, in words."""
    where = {"base": olt.url, "user": olt.user, "password": olt.password, "url": hsm.hsm_url}
    alert = world.outage(customers, slot_pon="9/1").id
    flight = {"look_ups": LOOK_UPS, "sends": SENDS}
    took = await measure("old_approve", **where, alert=alert, token=hsm.token, **flight)
    return f"{LOOK_UPS} + {SENDS} threads with requests: {took:.2f} s"


async def once(
    world: World, hsm: MatrixApi, chat: BotApi, customers: int, run: int, *, said: str = ""
) -> float:
    """Seconds from a tap to the last of its messages at the gateway, its latency included.

    The tap comes as soon as the card is there and has `said` in it.
    """
    place = f"1/{run + 1}"
    world.outage(customers, slot_pon=place)

    def shown(text: str) -> bool:
        return f"· {place}" in text and said in text

    card = await chat.wait(lambda c: next((m for m in c.messages() if m.keyboard and shown(m.text)), None))
    wanted = len(hsm.received) + customers
    tapped = datetime.now(UTC)
    await chat.tap(501, card, "Aprovar")
    await until(lambda: len(hsm.received) == wanted and not hsm.in_flight)
    return (hsm.received[-1].at - tapped).total_seconds()
