"""The real bot, told over HTTP what is down: a card, its messages, and that service is back."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bot.domain.phone import Phone, parse_phone, phone_key
from bot.ops.pushed import LARGEST
from bot.process import app
from bot.process.check import check
from bot.process.clock import SystemClock
from bot.process.wiring import open_source
from bot.simulator.erps.ixc import IxcApi
from bot.simulator.server import HtmlPage
from bot.simulator.world import Alert
from bot.sources.hook.hook import Hook
from tests.patience import PATIENCE
from tests.settings import load

from .isp import Isp, isp, until

pytestmark = pytest.mark.process
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CUSTOMERS = 4
TELL = "Avisar que voltou"


def signed(body: bytes, id_: str, secret: str) -> dict[str, str]:
    at, key = str(int(time.time())), base64.b64decode(secret.removeprefix("whsec_"))
    made = hmac.new(key, f"{id_}.{at}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(made).decode()
    return {"webhook-id": id_, "webhook-timestamp": at, "webhook-signature": signature}


class Sender:
    """A system that signs what it pushes."""

    def __init__(self, site: Isp, secret: str = SECRET) -> None:
        self.url = f"http://127.0.0.1:{site.variables['OPS_PORT']}/hooks/zbx"
        self._secret, self._sent = secret, 0
        self._http = httpx.AsyncClient(trust_env=False, timeout=PATIENCE)

    async def push(self, **told: object) -> httpx.Response:
        self._sent += 1
        body = json.dumps(told).encode()
        headers = signed(body, f"msg_{self._sent}", self._secret)
        return await self._http.post(self.url, content=body, headers=headers)

    async def down(self, alert: Alert) -> httpx.Response:
        slot, pon = alert.slot_pon.split("/")
        onus = [{"sn": onu.serial} for onu in alert.onus]
        where = {"olt": "CB 01", "slot": int(slot), "pon": int(pon), "cause": "los"}
        return await self.push(id="9912", status="open", **where, affected=len(onus), onus=onus)

    async def closed(self) -> None:
        await self._http.aclose()


@asynccontextmanager
async def running(site: Isp, **changes: str) -> AsyncIterator[Sender]:
    """The bot in this process, and a sender that it knows."""
    stop = asyncio.Event()
    bot = asyncio.create_task(app.App(load(None, site.variables | changes)).run(stop))
    sender = Sender(site)
    try:
        await until(lambda: bot.done() or site.chat.updates.polling)
        yield sender
    finally:
        await sender.closed()
        stop.set()
        assert await bot == 0


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Isp, IxcApi]]:
    async with isp(tmp_path) as made, IxcApi(made.world) as erp:
        made.variables |= {
            "SOURCE": "hook:zbx",
            "HOOK_ZBX_SECRET": SECRET,
            "DIRECTORY": "ixc",
            "IXC_URL": erp.url,
            "IXC_TOKEN": erp.token,
            "HSM_ID_RESTORED": "120",
            "POLL_SECONDS": "600",  # what is pushed is read at once
        }
        yield made, erp


@pytest.fixture
def site(both: tuple[Isp, IxcApi]) -> Isp:
    return both[0]


@pytest.fixture
def erp(both: tuple[Isp, IxcApi]) -> IxcApi:
    return both[1]


async def test_an_outage_that_is_pushed_from_its_card_to_the_news_that_it_is_over(site: Isp) -> None:
    alert = site.world.outage(CUSTOMERS, slot_pon="6/15")
    async with running(site) as zabbix:
        answer = await zabbix.down(alert)
        assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "ignored": 0})
        card = await site.card()
        assert card.text.startswith("🔴 LOS · CB 01 · 6/15")
        await site.chat.tap(site.ana, card, "Aprovar")
        await until(lambda: len(site.hsm.received) == CUSTOMERS)
        assert (await zabbix.push(id="9912", status="closed")).status_code == 200
        over = await until(lambda: next((m for m in site.posts if any(TELL in b for b in m.buttons)), None))
        await site.chat.tap(site.ana, over, TELL)
        await until(lambda: len(site.hsm.received) == 2 * CUSTOMERS)


async def test_what_was_pushed_before_a_stop_has_its_card_after_the_next_start(site: Isp) -> None:
    site.variables["SETTLE_SECONDS"] = "600"
    alert = site.world.outage(CUSTOMERS, slot_pon="6/15")
    async with running(site) as zabbix:
        assert (await zabbix.down(alert)).status_code == 200
    async with running(site, SETTLE_SECONDS="0"):
        assert (await site.card()).text.startswith("🔴 LOS · CB 01 · 6/15")
        await site.chat.say(site.ana, "/status")
        await site.card("✅ integração zbx: último aviso recebido")


async def test_check_says_when_each_sender_was_heard_last(site: Isp) -> None:
    lines: list[str] = []
    settings = load(None, site.variables)
    assert await check(settings, lines.append) == 0
    assert "✓ pushes: hook:zbx: nothing came yet, 0 open incidents" in lines
    [hook] = open_source(settings, SystemClock()).sources
    assert isinstance(hook, Hook)
    body = json.dumps({"id": 1, "status": "open", "olt": "CB 01"}).encode()
    await hook.hear(signed(body, "msg_1", SECRET), body)
    await hook.aclose()
    lines.clear()
    assert await check(settings, lines.append) == 0
    [line] = [line for line in lines if "hook:zbx" in line]
    assert re.fullmatch(
        r"✓ pushes: hook:zbx: the last news came at \d\d/\d\d \d\d:\d\d, 1 open incidents", line
    )
    assert SECRET not in "".join(lines)


async def test_what_is_told_to_us_is_counted_by_what_we_answered_and_strangers_get_nothing(site: Isp) -> None:
    url = f"http://127.0.0.1:{site.variables['OPS_PORT']}"
    async with (
        running(site) as zabbix,
        httpx.AsyncClient(trust_env=False, timeout=PATIENCE, base_url=url) as http,
    ):
        assert (await zabbix.push(id="1", status="closed")).status_code == 200
        assert (await http.post("/hooks/zbx", content=b"{}")).status_code == 401
        assert (await http.post("/hooks/other", content=b"{}")).status_code == 401
        assert (await http.post("/hooks/zbx", content=b" " * (LARGEST + 1))).status_code == 413
        said = (await http.get("/metrics")).text
    assert 'noc_hook_requests_total{code="200",source="hook:zbx"} 1.0' in said
    assert 'noc_hook_requests_total{code="401",source="hook:zbx"} 1.0' in said
    assert 'noc_hook_requests_total{code="401",source="none"} 1.0' in said
    assert 'noc_hook_requests_total{code="413",source="hook:zbx"} 1.0' in said
    assert 'noc_hook_requests_total{code="503",source="hook:zbx"} 0.0' in said


async def test_a_port_that_is_pushed_without_its_onus_is_told_by_whom_the_erp_has_there(
    site: Isp, erp: IxcApi
) -> None:
    """The ERP is away for a while; one is blocked; others are on the next port, or on one that is half on."""
    world = site.world
    down = world.outage(CUSTOMERS, slot_pon="6/15").onus
    erp.people.standings[world.customers[down[0].client_id or 0].id] = "blocked"
    for place in ("6/16", "6/14"):
        world.outage(CUSTOMERS, slot_pon=place)
    where = {"olt": "cb-01", "slot": 6, "pon": 15, "cause": "los"}
    async with running(site, GROUP_SECONDS="0") as zabbix:
        await zabbix.push(id="1", status="open", **where, affected=CUSTOMERS, total=CUSTOMERS)
        card = await site.card(f"≈ {CUSTOMERS - 1} mensagens")
        erp.faults.inject(HtmlPage(502), 2, lambda path: path.endswith("_fibra"))
        await site.chat.tap(site.ana, card, "Aprovar")
        numbers = [parse_phone(world.customers[onu.client_id or 0].contact or "") for onu in down[1:]]
        phones = {number.key for number in numbers if isinstance(number, Phone)}
        await until(lambda: len(site.hsm.received) == CUSTOMERS - 1)
        await zabbix.push(id="2", status="open", **where | {"pon": 14}, affected=3, total=CUSTOMERS)
        part = await until(
            lambda: next((m for m in site.posts if "6/14" in m.text and "Aprovar" in str(m.buttons)), None)
        )
        await site.chat.tap(site.ana, part, "Aprovar")
        await site.card("ele veio sem lista de ONUs")
        await zabbix.push(id="1", status="update", onus=[{"sn": onu.serial} for onu in down[:2]])
        await zabbix.push(id="1", status="closed")
        over = await until(lambda: next((m for m in site.posts if any(TELL in b for b in m.buttons)), None))
        await site.chat.tap(site.ana, over, TELL)
        await until(lambda: len(site.hsm.received) == 2 * (CUSTOMERS - 1))
    told = Counter(phone_key(message.phone) for message in site.hsm.received)
    assert told == dict.fromkeys(phones, 2)
    assert erp.max_in_flight <= 10
