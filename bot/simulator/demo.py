"""`python -m bot demo`: one outage from alarm to WhatsApp, the real bot against pretend systems.

The bot is this program's own `run` in a process of its own, with settings that point at the simulators; it
does not know that it is a demo. This module starts it, plays the NOC's part, and says what people saw.
"""

import asyncio
import os
import socket
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.telegram import BotApi, Message, User
from bot.simulator.world import World

CUSTOMERS = 12
PATIENCE = 30.0  # seconds for each step; a bot that takes longer is broken


async def demo() -> int:
    """Play it and print it; 0 where everything came out right, else 1."""
    print("Pretend OLT API, HSM API and Telegram are starting on this machine ...\n")
    async with AsyncExitStack() as stack:
        world = World()
        olt = await stack.enter_async_context(OltApi(world))
        hsm = await stack.enter_async_context(MatrixApi())
        chat = await stack.enter_async_context(BotApi())
        ana = chat.add_user(501, "Ana", admin=True)
        alert = world.outage(CUSTOMERS, olt="CB 01", slot_pon="6/15")
        back = alert.onus[0]
        back.status = "Online"  # one ONU is back already: its customer must not be told
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="olt-noc-bot-demo-")))
        await stack.enter_async_context(running_bot(settings(olt, hsm, chat, folder), folder))
        try:
            return await asyncio.wait_for(_play(chat, hsm, ana), PATIENCE * 2)
        except (TimeoutError, LookupError) as error:
            print(f"✗ the demo did not end as it should: {error}")
            print((folder / "bot.log").read_text()[-2000:])
            return 1


def settings(olt: OltApi, hsm: MatrixApi, chat: BotApi, folder: Path) -> dict[str, str]:
    """The bot's settings for these simulators, and nothing else."""
    return {
        "API_BASE_URL": olt.url,
        "API_USER": olt.user,
        "API_PASS": olt.password,
        "URL_HSM": hsm.hsm_url,
        "TOKEN_HSM": hsm.token,
        "TELEGRAM_TOKEN": chat.token,
        "TELEGRAM_CHAT_ID": str(chat.group),
        "TELEGRAM_API_URL": chat.url,
        "POLL_SECONDS": "2",
        "UNDO_SECONDS": "2",
        "DATA_DIR": str(folder / "data"),
        "OPS_PORT": str(free_port()),
    }


@asynccontextmanager
async def running_bot(
    variables: Mapping[str, str], folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m bot run` as a child with these settings only; its log is `bot.log` in the folder."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    root = str(Path(__file__).parents[2])
    with (folder / "bot.log").open("ab") as log:
        bot = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", "run"),
            cwd=folder,
            env={**keep, "PYTHONPATH": root, **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield bot
    finally:
        if bot.returncode is None:
            bot.terminate()
            try:
                await asyncio.wait_for(bot.wait(), PATIENCE)
            except TimeoutError:
                bot.kill()
                await bot.wait()


def free_port() -> int:
    """A port of this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _play(chat: BotApi, hsm: MatrixApi, ana: User) -> int:
    card = await chat.wait(lambda c: next((m for m in c.messages() if m.keyboard), None), PATIENCE)
    _show("The NOC's group on Telegram: a card", card)
    answer = await chat.tap(ana, card, "Aprovar")
    print(f"Ana taps Aprovar and reads: “{answer.text}”\n")
    await chat.wait(lambda _: "enviada" in card.text and "%" not in card.text, PATIENCE)
    _show("The same card at the end", card)
    again = await _too_late(chat, ana, card)
    print(f"A second tap on the old button is told: “{again}”\n")
    print("WhatsApp, what the customers got:")
    for message in hsm.received:
        print(f"  +{message.phone[:4]} 9****-{message.phone[-4:]}  template {message.hsm}  {message.name}")
    told, twice = len(hsm.received), hsm.duplicates
    right = told == CUSTOMERS - 1 and twice == 0 and f"{told} enviadas" in card.text
    print(
        f"\n{'✓' if right else '✗'} {told} of {CUSTOMERS} customers told (one was back online), {twice} twice"
    )
    return 0 if right else 1


async def _too_late(chat: BotApi, ana: User, card: Message) -> str:
    answer = await chat.post_callback(ana, card, "ok:1:")
    return answer.text or ""


def _show(title: str, card: Message) -> None:
    buttons = "  ".join(f"[ {label} ]" for label in card.buttons)
    print(f"{title}:\n{textwrap.indent(card.text, '  │ ')}\n  │ {buttons}\n")
