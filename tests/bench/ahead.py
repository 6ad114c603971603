"""`ahead`: from the tap to the first message, the customers looked up ahead and not, the whole bot."""

import asyncio
import re
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.server import Request
from bot.simulator.telegram.api import BotApi
from bot.simulator.world import World
from tests.bench.children import DISK, PATIENCE, ROOT, until
from tests.bench.table import NONE, Row
from tests.child import running_bot, settings

SIZES = (60, 400, 3000)
BESIDE = 0.15  # seconds beside the reading of the alert
SLOW = 30.0  # seconds in which 400 customers are looked up ahead
_EXPECTED = re.compile(r"≈ \S+ mensage")


async def rows(
    code: Path = ROOT,
    /,
    *,
    sizes: tuple[int, ...] = SIZES,
    latency: float = 0.1,
    in_flight: int = 50,
    runs: int = 3,
) -> list[Row]:
    """Ideal = one reading of the alert; without, also look-ups / in flight x latency.

    The bot is `python -m bot run` with no countdown; Telegram answers at once. The medians of `runs` cards.
    """
    async with AsyncExitStack() as stack:
        world = World()
        olt = await stack.enter_async_context(OltApi(world))
        hsm = await stack.enter_async_context(MatrixApi())
        chat = await stack.enter_async_context(BotApi())
        olt.faults.latency = hsm.faults.latency = latency
        chat.add_user(501, "Ana", admin=True)
        bench = _Bench(world, olt, hsm, chat, runs)
        with_it = await bench.played(code, sizes, in_flight, ahead=True)
        without = await bench.played(code, sizes, in_flight, ahead=False)
        twice = hsm.duplicates
    found = []
    for size in sizes:
        (took, known), (slow, _) = with_it[size], without[size]
        ideal = latency + size / in_flight * latency
        name = f"ahead: tap to first message, {size:,} customers at {latency * 1000:.0f} ms"
        found += [
            Row(
                f"{name}, looked up ahead (which took {known:.1f} s)",
                f"{took:.2f} s",
                f"≤ {latency + BESIDE:.2f} s",
                took <= latency + BESIDE and known <= max(SLOW, size / 400 * SLOW),
                f"{latency:.2f} s",
                f"{took / latency:.2f}",
                twice=twice,
                value=took,
                unit="s",
            ),
            Row(
                f"{name}, not looked up ahead",
                f"{slow:.2f} s",
                NONE,
                True,
                f"{ideal:.2f} s",
                f"{slow / ideal:.2f}",
                value=slow,
                unit="s",
            ),
        ]
    return found


class _Bench:
    def __init__(self, world: World, olt: OltApi, hsm: MatrixApi, chat: BotApi, runs: int) -> None:
        self._world, self._olt, self._hsm, self._chat, self._runs = world, olt, hsm, chat, runs
        self._places = iter(f"{slot}/{pon}" for slot in range(1, 17) for pon in range(1, 17))

    async def played(
        self, code: Path, sizes: tuple[int, ...], in_flight: int, *, ahead: bool
    ) -> dict[int, tuple[float, float]]:
        """By size: seconds from a tap to its first message, and from the first look-up ahead to the last."""
        with tempfile.TemporaryDirectory(prefix="bench-", dir=DISK) as name:
            folder = Path(name)
            fast = {"HSM_RATE": "0", "UNDO_SECONDS": "0", "POLL_SECONDS": "2", "OPS_PORT": "0"}
            fast |= {"GROUP_SECONDS": "0"}  # each outage is a card of its own
            flight = {"ENRICH_CONCURRENCY": str(in_flight), "HSM_CONCURRENCY": str(in_flight)}
            wanted = {**settings(self._olt, self._hsm, self._chat, folder), **fast, **flight}
            asked = {"LOOK_UP_AHEAD": str(ahead).lower(), "PYTHONPATH": str(code)}
            async with running_bot(wanted | asked, folder):
                found = {}
                for size in sizes:
                    each = [await self._once(size, ahead=ahead) for _ in range(self._runs)]
                    found[size] = (median(took for took, _ in each), median(known for _, known in each))
        return found

    async def _once(self, size: int, *, ahead: bool) -> tuple[float, float]:
        place = next(self._places)
        before = len(self._olt.requests)
        self._world.outage(size, slot_pon=place)
        card = await self._chat.wait(
            lambda c: next((m for m in c.messages() if m.keyboard and f"· {place}" in m.text), None), PATIENCE
        )
        if ahead:
            await self._chat.wait(lambda _: _EXPECTED.search(card.text), PATIENCE)
        asked = [one.at for one in self._olt.requests[before:] if "/client/" in one.path]
        known = max(asked) - min(asked) if asked else 0.0
        await asyncio.sleep(1)  # what the card itself set going is over
        before, wanted = len(sends(self._hsm)), len(self._hsm.received) + size
        tapped = time.monotonic()
        await self._chat.tap(501, card, "Aprovar")
        await until(lambda: len(self._hsm.received) == wanted and not self._hsm.in_flight)
        took = sends(self._hsm)[before].at - tapped
        return took, known


def sends(hsm: MatrixApi) -> list[Request]:
    """The requests that are messages: its lists are read meanwhile, too."""
    return [request for request in hsm.requests if "/sendHsm" in request.path]
