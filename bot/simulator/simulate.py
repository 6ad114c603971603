"""`python -m bot simulate`: only the upstream servers, to try the bot with a real Telegram group.

Nobody can be reached: the customers are made up, and their messages end here. So that the group has
something to decide on, a port fails at once and another every few minutes, while the one before is repaired.
"""

import asyncio
import time

from bot.simulator import room
from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.program import Said, as_it_is, listen, until_stopped
from bot.simulator.server import Server
from bot.simulator.telegram.api import BotApi
from bot.simulator.world import World

EVERY_SECONDS = 180.0
ONUS = 33
_LINES = """\
# Put these lines into .env, beside your own TELEGRAM_TOKEN and TELEGRAM_CHAT_ID, and start the
# bot in another terminal: python -m bot run. Ctrl-C here ends the pretend ISP."""
_WHOLE = """\
# A whole ISP to answer python -m bot setup with, in another terminal and an empty folder.
# First, as it is asked for only where Telegram is not reached:"""
_ANA = "# Here you are Ana: write /help when it waits for it, later the label of a button to tap it."


async def simulate(
    seed: int,
    customers: int,
    port_olt: int,
    port_hsm: int,
    port_telegram: int | None = None,
    *,
    said: Said = as_it_is,
) -> int:
    """Run until it is stopped; the exit code (1: no port could be had).

    With a port for Telegram its group is here, too: who has no account there tries the bot on this terminal.
    """
    # The bot remembers alerts by number over a restart of this program.
    world = World.generate(seed, customers, alerts_from=int(time.time()))
    return await until_stopped(_run(world, said, port_olt, port_hsm, port_telegram)) or 0


async def _run(world: World, said: Said, port_olt: int, port_hsm: int, port_telegram: int | None) -> int:
    olt, hsm, chat = OltApi(world), MatrixApi(), BotApi()
    wanted: list[tuple[Server, str, int]] = [(olt, "--port-olt", port_olt), (hsm, "--port-hsm", port_hsm)]
    if port_telegram is not None:
        wanted.append((chat, "--telegram", port_telegram))
    try:
        for server, option, port in wanted:
            try:
                taken = await listen(server.start, port)
            except OSError as error:
                text = "{option}: {port} cannot be had ({why})"
                _say(said(text, option=option, port=port, why=error.strerror))
                return 1
            if taken != port != 0:
                text = "# Port {port} is taken; {option} is {taken}."
                _say(said(text, port=port, option=option, taken=taken))
        _say(_variables(said, olt, hsm) if port_telegram is None else _everything(said, olt, hsm, chat))
        async with asyncio.TaskGroup() as group:
            if port_telegram is not None:
                group.create_task(room.told(chat, _say))
                group.create_task(room.typed(chat, chat.add_user(501, "Ana", admin=True), _say))
            group.create_task(_outages(world, said))
            group.create_task(_messages(hsm, said))
    finally:
        await olt.stop()
        await hsm.stop()
        await chat.stop()
    return 0


def _variables(said: Said, olt: OltApi, hsm: MatrixApi) -> str:
    return "\n".join(
        (
            said(_LINES),
            *_systems(olt, hsm),
            "",
        )
    )


def _everything(said: Said, olt: OltApi, hsm: MatrixApi, chat: BotApi) -> str:
    return "\n".join(
        (
            said(_WHOLE),
            f"#   echo TELEGRAM_API_URL={chat.url} >> .env && python -m bot setup",
            said(_ANA),
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


async def _outages(world: World, said: Said) -> None:
    """A fibre cut, then a power failure, and so on, each on a port of its own; the one before is over."""
    ports = sorted(world.ports)
    before = None
    number = 0
    while True:
        olt, slot, pon = ports[number % len(ports)]
        if before is not None:
            world.repair(before)
            _say(said("{olt} {port} is back.", olt=before.olt_name, port=before.slot_pon))
        onus = world.ports[olt, slot, pon][:ONUS]
        before = world.cut(olt, f"{slot}/{pon}", ("pon_loss", "pon_no_power")[number % 2], onus=onus)
        text = "{olt} {port} fails ({kind}, {count} ONUs)."
        _say(said(text, olt=olt, port=f"{slot}/{pon}", kind=before.alert_type, count=len(onus)))
        number += 1
        await asyncio.sleep(EVERY_SECONDS)


async def _messages(hsm: MatrixApi, said: Said) -> None:
    seen = 0
    while True:
        await hsm.until(seen + 1, None)
        for message in hsm.received[seen:]:
            text = "WhatsApp to +{phone} {name}: template {template}"
            _say(said(text, phone=message.phone, name=message.name, template=message.hsm))
        seen = len(hsm.received)
        if hsm.duplicates:
            _say(said("customers who got more than one message: {count}", count=hsm.duplicates))


def _say(line: str) -> None:
    print(line, flush=True)
