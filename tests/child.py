"""The real bot as a child process beside pretend services."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bot.simulator.demo import launch
from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.telegram.api import BotApi
from tests.patience import PATIENCE


def settings(olt: OltApi, hsm: MatrixApi, chat: BotApi, folder: Path) -> dict[str, str]:
    """The bot's settings for these simulators, and nothing else."""
    return {
        "API_BASE_URL": olt.url,
        "API_USER": olt.user,
        "API_PASS": olt.password,
        "URL_HSM": hsm.hsm_url,
        "TOKEN_HSM": hsm.token,
        "HSM_ACCOUNT": "1",
        "HSM_ID_LOS": "114",
        "HSM_ID_POWER": "116",
        "TELEGRAM_TOKEN": chat.token,
        "TELEGRAM_CHAT_ID": str(chat.group),
        "TELEGRAM_API_URL": chat.url,
        "POLL_SECONDS": "2",
        "UNDO_SECONDS": "2",
        "SETTLE_SECONDS": "0",
        "CLOSE_POLLS": "1",
        "DATA_DIR": str(folder / "data"),
        "OPS_PORT": str(free_port()),
    }


@asynccontextmanager
async def running_bot(
    variables: Mapping[str, str], folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m bot run` with these settings only; its log is `bot.log` in the folder."""
    bot = await launch(variables, folder)
    try:
        yield bot
    finally:
        if bot.returncode is None:
            bot.terminate()
            try:
                async with asyncio.timeout(PATIENCE):
                    await bot.wait()
            except TimeoutError:
                bot.kill()
                await bot.wait()


def free_port() -> int:
    """A port of this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
