"""`python -m bot simulate`: only the upstream servers, to try the bot with a real Telegram group.

Nobody can be reached: the customers are made up, and their messages end here. So that the group has
something to decide on, a port fails at once and another every few minutes, while the one before is repaired.
"""

import asyncio
import time

from bot.simulator import room
from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.program import listen, until_stopped
from bot.simulator.server import Server
from bot.simulator.telegram.api import BotApi
from bot.simulator.world import World

EVERY_SECONDS = 180.0
ONUS = 33


async def simulate(
    seed: int, customers: int, port_olt: int, port_hsm: int, port_telegram: int | None = None
) -> int:
    """Run until it is stopped; the exit code (1: no port could be had).

    With a port for Telegram its group is here, too: who has no account there tries the bot on this terminal.
    """
    # The bot remembers alerts by number over a restart of this program.
    world = World.generate(seed, customers, alerts_from=int(time.time()))
    return await until_stopped(_run(world, port_olt, port_hsm, port_telegram)) or 0


async def _run(world: World, port_olt: int, port_hsm: int, port_telegram: int | None) -> int:
    olt, hsm, chat = OltApi(world), MatrixApi(), BotApi()
    wanted: list[tuple[Server, str, int]] = [(olt, "--port-olt", port_olt), (hsm, "--port-hsm", port_hsm)]
    if port_telegram is not None:
        wanted.append((chat, "--telegram", port_telegram))
    try:
        for server, option, port in wanted:
            try:
                taken = await listen(server.start, port)
            except OSError as error:
                _say(f"{option}: {port} cannot be had ({error.strerror})")
                return 1
            if taken != port != 0:
                _say(f"# Port {port} is taken; {option} is {taken}.")
        _say(_variables(olt, hsm) if port_telegram is None else _everything(olt, hsm, chat))
        async with asyncio.TaskGroup() as group:
            if port_telegram is not None:
                group.create_task(room.told(chat, _say))
                group.create_task(room.typed(chat, chat.add_user(501, "Ana", admin=True), _say))
            group.create_task(_outages(world))
            group.create_task(_messages(hsm))
    finally:
        await olt.stop()
        await hsm.stop()
        await chat.stop()
    return 0


def _variables(olt: OltApi, hsm: MatrixApi) -> str:
    return "\n".join(
        (
            "# Put these lines into .env, beside your own TELEGRAM_TOKEN and TELEGRAM_CHAT_ID, and start the",
            "# bot in another terminal: python -m bot run. Ctrl-C here ends the pretend ISP.",
            *_systems(olt, hsm),
            "",
        )
    )


def _everything(olt: OltApi, hsm: MatrixApi, chat: BotApi) -> str:
    return "\n".join(
        (
            "# A whole ISP to answer python -m bot setup with, in another terminal and an empty folder.",
            "# First, as it is asked for only where Telegram is not reached:",
            f"#   echo TELEGRAM_API_URL={chat.url} >> .env && python -m bot setup",
            "# Here you are Ana: write /help when it waits for it, later the label of a button to tap it.",
            f"TELEGRAM_TOKEN={chat.token}",
            *_systems(olt, hsm),
            "",
        )
    )


def _systems(olt: OltApi, hsm: MatrixApi) -> tuple[str, ...]:
    return (
        f"API_BASE_URL={olt.url}",
        f"API_USER={olt.user}",
        f"API_PASS={olt.password}",
        f"URL_HSM={hsm.hsm_url}",
        f"TOKEN_HSM={hsm.token}",
        "HSM_ACCOUNT=1",
        "HSM_ID_LOS=114",
        "HSM_ID_POWER=116",
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
