"""`python -m bot simulate`: only the upstream servers, to try the bot with a real Telegram group.

Nobody can be reached: the customers are made up, and their messages end here. So that the group has
something to decide on, a port fails at once and another every few minutes, while the one before is repaired.
"""

import asyncio
import time

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.program import listen, until_stopped
from bot.simulator.server import Server
from bot.simulator.world import World

EVERY_SECONDS = 180.0
ONUS = 33


async def simulate(seed: int, customers: int, port_olt: int, port_hsm: int) -> int:
    """Run until it is stopped; the exit code (1: no port could be had)."""
    # The bot remembers alerts by number over a restart of this program.
    world = World.generate(seed, customers, alerts_from=int(time.time()))
    return await until_stopped(_run(world, port_olt, port_hsm)) or 0


async def _run(world: World, port_olt: int, port_hsm: int) -> int:
    olt, hsm = OltApi(world), MatrixApi()
    wanted: tuple[tuple[Server, str, int], ...] = (
        (olt, "--port-olt", port_olt),
        (hsm, "--port-hsm", port_hsm),
    )
    try:
        for server, option, port in wanted:
            try:
                taken = await listen(server.start, port)
            except OSError as error:
                _say(f"{option}: {port} cannot be had ({error.strerror})")
                return 1
            if taken != port != 0:
                _say(f"# Port {port} is taken; {option} is {taken}.")
        _say(_variables(olt, hsm))
        async with asyncio.TaskGroup() as group:
            group.create_task(_outages(world))
            group.create_task(_messages(hsm))
    finally:
        await olt.stop()
        await hsm.stop()
    return 0


def _variables(olt: OltApi, hsm: MatrixApi) -> str:
    return "\n".join(
        (
            "# Put these lines into .env, beside your own TELEGRAM_TOKEN and TELEGRAM_CHAT_ID, and start the",
            "# bot in another terminal: python -m bot run. Ctrl-C here ends the pretend ISP.",
            f"API_BASE_URL={olt.url}",
            f"API_USER={olt.user}",
            f"API_PASS={olt.password}",
            f"URL_HSM={hsm.hsm_url}",
            f"TOKEN_HSM={hsm.token}",
            "HSM_ACCOUNT=1",
            "HSM_ID_LOS=114",
            "HSM_ID_POWER=116",
            "",
        )
    )


async def _outages(world: World) -> None:
    """A fibre cut, then a power failure, and so on, each on a port of its own; the one before is over."""
    ports = sorted(world.ports)
    before = None
    number = 0
    while True:
        olt, slot, pon = ports[number % len(ports)]
        if before is not None:
            world.repair(before)
            _say(f"{before.olt_name} {before.slot_pon} is back.")
        onus = world.ports[olt, slot, pon][:ONUS]
        before = world.cut(olt, f"{slot}/{pon}", ("pon_loss", "pon_no_power")[number % 2], onus=onus)
        _say(f"{olt} {slot}/{pon} fails ({before.alert_type}, {len(onus)} ONUs).")
        number += 1
        await asyncio.sleep(EVERY_SECONDS)


async def _messages(hsm: MatrixApi) -> None:
    seen = 0
    while True:
        await hsm.until(seen + 1, None)
        for message in hsm.received[seen:]:
            _say(f"WhatsApp to +{message.phone} {message.name}: template {message.hsm}")
        seen = len(hsm.received)
        if hsm.duplicates:
            _say(f"{hsm.duplicates} customers got more than one message")


def _say(line: str) -> None:
    print(line, flush=True)
