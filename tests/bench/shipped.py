"""`shipped`: from the tap to the last customer's message, where nothing is set about pace and look-ups."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.telegram.api import BotApi
from bot.simulator.world import World
from tests.bench.approve import once, threads
from tests.bench.children import DISK, ROOT
from tests.bench.table import NONE, Row
from tests.child import running_bot, settings

AHEAD = "≈"  # stands on the card before the number of messages
UNDO = 5.0  # seconds, as shipped
TARGET = 6.7  # seconds: what the system before took for 400 customers at 100 ms, with no time to take it back


async def rows(
    code: Path = ROOT,
    /,
    *,
    customers: int = 400,
    latency: float = 0.1,
    undo: float = UNDO,
    runs: int = 3,
    old_way: bool = True,
    ahead: bool = True,
) -> list[Row]:
    """Without the seconds in which a tap can be taken back, as the old way has none, and with them.

    Each run has a bot of its own: at its start it knows nothing of the gateway. The tap comes with the card,
    or (`ahead`) once that says how many messages would leave, as customers are looked up meanwhile.
    """
    found = []
    for seconds, said in ((0.0, ""), *([(0.0, AHEAD)] if ahead else []), (undo, "")):
        took, twice = [], 0
        for _ in range(runs):
            async with _site(latency) as (world, olt, hsm, chat, folder):
                mine = {"UNDO_SECONDS": f"{seconds:g}", "OPS_PORT": "0", "PYTHONPATH": str(code)}
                async with running_bot({**settings(olt, hsm, chat, folder), **mine}, folder):
                    took.append(await once(world, hsm, chat, customers, 0, said=said))
                twice += hsm.duplicates
        old = NONE
        if old_way and not seconds and not said:
            async with _site(latency) as (world, olt, hsm, _, _):
                old = await threads(world, olt, hsm, customers)
        what = f"{customers} customers at {latency * 1000:.0f} ms{', looked up ahead' if said else ''}"
        found.append(_row(median(took), seconds, what, old=old, twice=twice))
    return found


@asynccontextmanager
async def _site(latency: float) -> AsyncIterator[tuple[World, OltApi, MatrixApi, BotApi, Path]]:
    async with AsyncExitStack() as stack:
        world = World()
        olt = await stack.enter_async_context(OltApi(world))
        hsm = await stack.enter_async_context(MatrixApi())
        chat = await stack.enter_async_context(BotApi())
        olt.faults.latency = hsm.faults.latency = latency
        chat.add_user(501, "Ana", admin=True)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=DISK)))
        yield world, olt, hsm, chat, folder


def _row(took: float, undo: float, what: str, *, old: str, twice: int) -> Row:
    back = f"{undo:g} s of them to take it back" if undo else "no time to take it back"
    return Row(
        f"shipped: tap to last message, {what}, {back}",
        f"{took:.2f} s",
        f"≤ {TARGET + undo:.1f} s",
        took <= TARGET + undo,
        old=old,
        twice=twice,
        value=took,
        unit="s",
    )
