"""`directory`: a large outage's customers from an ERP, in bulk; and how soon the first of them is told."""

import re
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from bot.simulator.erps.ixc import IxcApi
from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.telegram.api import BotApi
from bot.simulator.world import World
from tests.bench.ahead import sends
from tests.bench.children import DISK, PATIENCE, ROOT, measure, until
from tests.bench.site import ANA
from tests.bench.table import Row
from tests.child import running_bot, settings

AT_MOST, IN_FLIGHT, FIRST_WITHIN = 1.3, 10, 6.0
ROUNDS = 5  # OLTs; ports; logins, contracts and the ONUs of logins; customers; cities: each needs the last
_ROUND = {"radpop_radio": 0, "radpop_radio_cliente_fibra": 1, "radusuarios": 2, "cliente_contrato": 2}
_ROUND |= {"cliente": 3, "cidade": 4}
PLACE = "9/9"


async def rows(
    code: Path = ROOT, /, *, customers: int = 400, ports: int = 10, latency: float = 0.1, runs: int = 3
) -> list[Row]:
    """Ideal = the same requests by nothing but aiohttp, in the same rounds, in the same run."""
    world = World()
    for n in range(ports):
        world.outage(customers // ports, slot_pon=f"6/{n + 1}")
    onus = [(onu.serial, f"{onu.slot}/{onu.pon}") for onu in world.onus.values()]
    async with IxcApi(world) as api:
        api.faults.latency = latency
        where = {"url": api.url, "token": api.token, "onus": onus}
        took = median(await measure("directory", code, **where, runs=runs))
        in_flight, requests = api.max_in_flight, api.requests[: len(api.requests) // runs]
        asked: list[list[tuple[str, str]]] = [[] for _ in range(ROUNDS)]
        for one in requests:
            table = one.path.rpartition("/")[2]
            asked[_ROUND[table] + (b".id_login" in one.body)].append(
                (f"{api.url}{one.path}", one.body.decode())
            )
        ideal = median(await measure("bare", code, token=api.token, rounds=asked, runs=runs))
    first = await _first(code, customers, latency)
    each = f"at {latency * 1000:.0f} ms"
    return [
        Row(
            f"directory: {customers} customers of {ports} ports from IXC {each}, {len(requests)} requests",
            f"{took:.2f} s",
            f"≤ {AT_MOST} × ideal",
            took <= AT_MOST * ideal,
            f"{ideal:.2f} s",
            f"{took / ideal:.2f}",
            value=took,
            unit="s",
        ),
        Row("directory: requests in flight", str(in_flight), f"≤ {IN_FLIGHT}", in_flight <= IN_FLIGHT),
        Row(
            f"directory: tap to the first of {customers} messages {each}, not looked up ahead",
            f"{first:.2f} s",
            f"≤ {FIRST_WITHIN:.0f} s",
            first <= FIRST_WITHIN,
            value=first,
            unit="s",
        ),
    ]


async def _first(code: Path, customers: int, latency: float) -> float:
    """Seconds from a tap to the first message, the countdown as it is shipped within them."""
    world = World()
    async with AsyncExitStack() as stack:
        olt = await stack.enter_async_context(OltApi(world))
        hsm = await stack.enter_async_context(MatrixApi())
        chat = await stack.enter_async_context(BotApi())
        erp = await stack.enter_async_context(IxcApi(world))
        chat.add_user(ANA, "Ana", admin=True)
        for server in (olt, hsm, erp):
            server.faults.latency = latency
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=DISK)))
        changes = {"DIRECTORY": "ixc", "IXC_URL": erp.url, "IXC_TOKEN": erp.token, "LOOK_UP_AHEAD": "false"}
        changes |= {"POLL_SECONDS": "2", "OPS_PORT": "0", "UNDO_SECONDS": "5", "PYTHONPATH": str(code)}
        world.outage(customers, slot_pon=PLACE)
        async with running_bot({**settings(olt, hsm, chat, folder), **changes}, folder):
            shown = re.compile(rf"· {PLACE}")
            card = await chat.wait(
                lambda c: next((m for m in c.messages() if m.keyboard and shown.search(m.text)), None),
                PATIENCE,
            )
            tapped = time.monotonic()
            await chat.tap(ANA, card, "Aprovar")
            await until(lambda: len(hsm.received) == customers and not hsm.in_flight)
            took = sends(hsm)[0].at - tapped
    return took
