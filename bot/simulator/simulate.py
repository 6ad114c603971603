"""`python -m bot simulate`: only the upstream servers, to try the bot with a real Telegram group.

Nobody can be reached: the customers are made up, and their messages end here. So that the group has
something to decide on, a port fails at once and another every few minutes, while the one before is repaired.
"""

import asyncio
from collections.abc import Callable

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.program import listen, until_stopped
from bot.simulator.server import Server
from bot.simulator.world import World

EVERY_SECONDS = 180.0
ONUS = 33


async def simulate(seed: int, customers: int, port_olt: int, port_hsm: int) -> int:
    """Run until it is stopped; the exit code (1: no port could be had)."""
    world = World.generate(seed, customers)
    olt, hsm = OltApi(world), MatrixApi()
    servers: tuple[tuple[Server, str, int], ...] = (
        (olt, "--port-olt", port_olt),
        (hsm, "--port-hsm", port_hsm),
    )
    try:
        for server, option, port in servers:
            try:
                taken = await listen(server.start, port)
            except OSError as error:
                _say(f"{option}: {port} cannot be had ({error.strerror})")
                return 1
            if port not in {taken, 0}:
                _say(f"# Port {port} is taken; {option} is {taken}.")
        _say(_variables(olt, hsm))
        await until_stopped(_go_on(world, hsm))
    finally:
        for server, _, _ in servers:
            await server.stop()
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
            "",
        )
    )


async def _go_on(world: World, hsm: MatrixApi) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_outages(world, _say))
        group.create_task(_messages(hsm))


async def _outages(world: World, say: Callable[[str], None]) -> None:
    """A fibre cut, then a power failure, and so on, each on a port of its own; the one before is over."""
    ports = sorted(world.ports)
    before = None
    number = 0
    while True:
        olt, slot, pon = ports[number % len(ports)]
        if before is not None:
            world.repair(before)
            say(f"{before.olt_name} {before.slot_pon} is back.")
        onus = world.ports[olt, slot, pon][:ONUS]
        before = world.cut(olt, f"{slot}/{pon}", ("pon_loss", "pon_no_power")[number % 2], onus=onus)
        say(f"{olt} {slot}/{pon} fails ({before.alert_type}, {len(onus)} ONUs).")
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
