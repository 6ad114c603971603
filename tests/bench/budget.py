"""Calls at an account that counts them: a simulated day with three storms, by the real flow over HTTP.

Time is a fake's, so a day takes seconds; what is counted is what the pretend account was asked for.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from zoneinfo import ZoneInfo

from bot.domain.customer import Answered, Contact, Onu
from bot.domain.rules import Rules
from bot.flow.deps import Deps
from bot.process.tasks import Tasks
from bot.simulator.smartolt import SmartOltApi
from bot.simulator.world import Alert, World
from bot.sources.network import Network
from bot.sources.smartolt.rows import Account
from bot.sources.smartolt.smartolt import SmartOlt
from bot.storage.memory import MemoryLedger
from tests.bench.table import Row
from tests.deciding import DecidingFlow
from tests.fakes import ANA, FakeChat, FakeClock, FakeGateway, FakeInbox, FakeLimiter, FakeStaff

EVERY, HOUR, DAY = 300.0, 3600.0, 86_400.0  # seconds
LASTS = 2 * HOUR
RULES = Rules(settle_seconds=10, group_seconds=120, group_power_seconds=300, close_polls=2, restored=True)


class _Erp:
    """Knows everybody by their ONU's serial, and costs the account nothing."""

    name, at_once = "erp", 50

    def subject(self, onu: Onu) -> str:
        return onu.serial

    async def customers(self, onus: Sequence[Onu]) -> Answered:
        numbers = {onu.serial: int(onu.serial[-7:], 16) for onu in onus}
        return Answered({key: Contact(key, "Cliente", f"(61) 9{n:08}") for key, n in numbers.items()})


class _Day:
    """The account, the bot, and what people do with it."""

    def __init__(self, api: SmartOltApi, source: SmartOlt, clock: FakeClock) -> None:
        self.api, self.clock, self.tasks = api, clock, Tasks()
        self.gateway, self.name = FakeGateway(), source.name
        self.ledger, network = MemoryLedger(clock), Network([source])
        deps = Deps(
            network,
            _Erp(),
            self.gateway,
            FakeLimiter(),
            self.ledger,
            FakeChat(),
            clock,
            random.Random(1),  # noqa: S311
            self.tasks.spawn,
            FakeStaff(),
            FakeInbox(),
            (source,),
        )
        self.flow = DecidingFlow(deps, RULES)

    async def poll(self) -> None:
        wanted = await self.flow.poll(self.name)
        await self.clock.sleep(EVERY if wanted is None else wanted)
        if wanted is not None:
            await self.flow.gather(self.name)
            await self.clock.sleep(EVERY - wanted)

    async def until(self, at: float) -> None:
        while self.clock.monotonic() < at:
            await self.poll()

    async def storm(self, alerts: list[Alert]) -> None:
        """It is seen, looked at, approved, looked at again, over, and told to be."""
        await self.poll()
        book = self.ledger.book
        numbers = sorted(book.open)
        for number in numbers:
            await self.flow.details(number)
            await self.flow.approve(number, ANA)
            await self._at_rest()
            await self.clock.sleep(HOUR / 6)
            await self.flow.details(number)
        await self.until(self.clock.monotonic() + LASTS)
        for alert in alerts:
            self.api.world.repair(alert)
        for _ in range(RULES.close_polls + 1):
            await self.poll()
        for number in numbers:
            await self.flow.restore(number, ANA)
            await self._at_rest()

    async def _at_rest(self) -> None:
        while self.ledger.book.running:  # noqa: ASYNC110 - over sockets, beside a clock that stands still
            await asyncio.sleep(0.005)


async def rows(storms: int = 3, pons: int = 60, onus: int = 32) -> list[Row]:
    """The most calls within an hour of such a day; each storm is of so many PONs with so many ONUs."""
    async with AsyncExitStack() as stack:
        clock = FakeClock(auto=True)
        world = World(now=clock.now)
        api = await stack.enter_async_context(SmartOltApi(world, clock=clock.monotonic))
        zone = ZoneInfo("America/Sao_Paulo")
        source = SmartOlt(
            api.url, api.key, Account("isp"), name="smartolt", every=EVERY, zone=zone, clock=clock
        )
        stack.push_async_callback(source.aclose)
        day, told = _Day(api, source, clock), 0
        stack.push_async_callback(day.tasks.drain, 1.0)
        await day.flow.start("bench")
        for storm in range(storms):
            await day.until((storm + 0.5) * DAY / storms)
            places = [f"{storm + 1}/{pon}" for pon in range(pons)]
            await day.storm([world.outage(onus, slot_pon=place) for place in places])
            told += 2 * pons * onus
        await day.until(DAY)
    got = len(day.gateway.received)
    assert got == told, f"{got} of {told} messages: the day was not what it was meant to be"
    return [
        Row(
            bench=f"budget: a day with {storms} storms of {pons} PONs",
            measured=f"{api.most} calls in the busiest hour, {api.total} in the day",
            ideal=f"{api.limit:,} an hour are allowed",
            ratio=f"{api.most / api.limit:.2f}",
            target="never above what is allowed",
            met=api.most < api.limit,
            value=api.most,
            unit="calls",
        )
    ]
