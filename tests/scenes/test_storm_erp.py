"""A storm as most ISPs live it: SmartOLT says what is down, IXC says whose it is, and is away meanwhile."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from bot.directories.ixc.tables import IN_FLIGHT
from bot.process.clock import SystemClock
from bot.simulator.erps.ixc import IxcApi
from bot.simulator.erps.people import Standing
from bot.simulator.server import HtmlPage
from bot.simulator.smartolt import SmartOltApi
from bot.simulator.world import World
from tests.scenes.conftest import Noc

pytestmark = pytest.mark.process

PONS, A_PON = 60, 10  # ONUs, each of another customer
ASKED_BEFORE = 70  # requests that the ERP answers before it is away, which is when it is asked about people
AWAY = 10.0  # seconds of the bot's clock
FASTER = 10  # than the real clock is the bot's, for what it waits for; HTTP takes as long as it takes


class FasterClock(SystemClock):
    """The bot's patience, in a tenth of the time."""

    def monotonic(self) -> float:
        return super().monotonic() * FASTER

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / FASTER)


class Erp(IxcApi):
    """IXC, which says when it is in the middle of being asked."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.in_the_middle = asyncio.Event()

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        if len(self.requests) >= ASKED_BEFORE:
            self.in_the_middle.set()
        return await super().respond(request, body)

    async def be_away(self) -> int:
        """Five seconds of a proxy with nothing behind it, five of nothing; how often it was asked in vain."""
        before = len(self.requests)
        self.faults.always(HtmlPage(502))
        await asyncio.sleep(AWAY / FASTER / 2)
        in_vain = len(self.requests) - before
        await self.stop()
        await asyncio.sleep(AWAY / FASTER / 2)
        self.faults.clear()
        await self.start()
        return in_vain


@dataclass
class Storm:
    """Who is to be told, by phone and name, and how many are not, by why."""

    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    untold: Counter[Standing] = field(default_factory=Counter)


def fall(noc: Noc, erp: Erp) -> Storm:
    """60 PONs of one OLT: 12 % of the customers are blocked, 3 % cancelled, 5 % have a landline first."""
    storm = Storm()
    for number in range(PONS * A_PON):
        pon, share = number // A_PON, number % 100
        place, mobile = f"{pon // 16 + 1}/{pon % 16 + 1}", f"(62) 98888-{number:04}"
        phones = ["(62) 3200-0000", mobile] if 15 <= share < 20 else [mobile, ""]
        customer = noc.world.add_customer(None, *phones)
        noc.world.add_onu(customer, "CB 01", place)
        if share < 15:
            standing: Standing = "blocked" if share < 12 else "cancelled"
            erp.people.standings[customer.id] = standing
            storm.untold[standing] += 1
        else:
            storm.told[f"556298888{number:04}", customer.name] += 1
        if number % A_PON == A_PON - 1:
            noc.world.cut("CB 01", place)
    return storm


async def test_60_pons_of_an_erp_that_is_away_for_ten_seconds_are_one_card_one_tap_and_everyone_is_right(
    noc: Noc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.process.app.SystemClock", FasterClock)
    api = await noc.stack.enter_async_context(SmartOltApi(noc.world))
    erp = await noc.stack.enter_async_context(Erp(noc.world))
    storm = fall(noc, erp)
    noc.variables |= {"SOURCE": "smartolt", "SMARTOLT_URL": api.url, "SMARTOLT_KEY": api.key}
    noc.variables |= {"DIRECTORY": "ixc", "IXC_URL": erp.url, "IXC_TOKEN": erp.token}
    await noc.open()
    card = await noc.card(f"{PONS} PONs")
    assert erp.requests == [], "nobody has decided yet"
    await noc.chat.tap(noc.ana, card, "Aprovar")
    await erp.in_the_middle.wait()
    assert await erp.be_away() > 0
    text = await noc.until(card, "Envio concluído")

    told, blocked, cancelled = 510, 72, 18
    assert (storm.told.total(), storm.untold) == (told, {"blocked": blocked, "cancelled": cancelled})
    assert Counter((one.phone, one.name) for one in noc.hsm.received) == storm.told
    assert f"{PONS * A_PON} ONUs\n" in text
    counts = f"{told} enviadas · {blocked + cancelled} não enviadas"
    assert re.sub(r" · \d+ entregues", "", text).count(f"\n{counts}\n") == 1, text
    assert f"Não enviadas: {blocked} bloqueados, {cancelled} cancelados\n" in text
    [where] = re.findall("📍.*(?= · CTO)", text)
    assert sum(map(int, re.findall(r"(\d+)(?: ·| \(| em )", where))) == PONS * A_PON, where
    assert [m for m in noc.chat.messages() if m.keyboard or "caso 1" in m.text] == [card]
    assert not [m.text for m in noc.chat.messages() if "⚠️" in m.text]
    assert noc.chat.refused == []

    lines = noc.lines()
    kinds = Counter(line["kind"] for line in lines)
    assert (kinds["case_opened"], kinds["approved"], kinds["planned"], kinds["settled"]) == (1, 1, 1, 1)
    assert (kinds["intent"], kinds["result"]) == (told, told)
    [plan] = (line["recipients"] for line in lines if line["kind"] == "planned")
    assert Counter(one.get("skip") for one in plan) == {None: told, "blocked": blocked, "ended": cancelled}
    audit = (await noc.ask(noc.ana, "/audit")).text
    assert "1 registro\n" in audit
    assert f": {counts}\n" in audit
    assert "✅ IXC (cadastro) respondeu" in (await noc.ask(noc.ana, "/status")).text
    assert erp.max_in_flight <= IN_FLIGHT
    assert len(api.requests) < PONS + 10, "each PON is read once, whatever the ERP does"
