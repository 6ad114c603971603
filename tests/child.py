"""The real bot as a child process beside pretend services."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bot.simulator.demo import LOG, launch
from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.ports import free_port
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
    except BaseException as error:  # whoever waits in vain for a bot that has ended wants to know of what
        error.add_note(f"the bot's exit code is {bot.returncode}, and the end of its log:\n{_end(folder)}")
        raise
    finally:
        if bot.returncode is None:
            bot.terminate()
            try:
                async with asyncio.timeout(PATIENCE):
                    await bot.wait()
            except TimeoutError:
                bot.kill()
                await bot.wait()


def _end(folder: Path) -> str:
    return "\n".join((folder / LOG).read_text(errors="replace").splitlines()[-10:])
