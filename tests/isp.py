"""The whole of it for tests of the process: pretend services, and the real bot as a child on this machine."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import httpx

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.telegram.api import BotApi, Message, User
from bot.simulator.world import World

from . import patience
from .child import running_bot, settings

T = TypeVar("T")
ROOT = Path(__file__).parents[1]
PATIENCE = patience.PATIENCE
Process = asyncio.subprocess.Process


class Isp:
    """An ISP with its three services up; `variables` are the bot's settings for them."""

    def __init__(self, olt: OltApi, hsm: MatrixApi, chat: BotApi, folder: Path) -> None:
        self.world, self.olt, self.hsm, self.chat, self.folder = olt.world, olt, hsm, chat, folder
        self.ana: User = chat.add_user(501, "Ana", admin=True)
        self.variables = settings(olt, hsm, chat, folder) | {"POLL_SECONDS": "1", "UNDO_SECONDS": "0"}

    def bot(self, **changes: str) -> AbstractAsyncContextManager[Process]:
        """`python -m bot run` with these settings on top; ended with SIGTERM unless it ended before."""
        return running_bot(self.variables | changes, self.folder)

    @property
    def log(self) -> str:
        """What all the bots of this test logged."""
        file = self.folder / "bot.log"
        return file.read_text() if file.exists() else ""

    def assert_clean(self, text: str) -> None:
        """Neither a traceback nor a secret nor a phone."""
        _, _, trace = text.partition("Traceback")
        assert not trace
        for secret in (self.olt.password, self.hsm.token, self.chat.token, self.chat.token.partition(":")[2]):
            # The pretend secrets are short words: only whole ones count.
            assert not re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", text), f"{secret!r} in the log"
        digits = re.sub(r"[\s().-]", "", text)
        for customer in self.world.customers.values():
            assert not customer.phone_number or customer.phone_number not in digits

    async def card(self, text: str = "Aprovar", within: float = PATIENCE) -> Message:
        """The first message of the group with this text or button."""
        return await self.chat.wait(
            lambda chat: next((m for m in chat.messages() if text in m.text or text in m.buttons), None),
            within,
        )

    @property
    def posts(self) -> list[Message]:
        """The group's messages but those that only say how the bot is set up."""
        return [message for message in self.chat.messages() if not message.text.startswith("▶️")]

    async def polls(self, count: int) -> None:
        """So many more readings of the alert list have begun, so one less has ended."""
        seen = self._listed
        await until(lambda: self._listed - seen >= count)

    @property
    def _listed(self) -> int:
        return sum(1 for request in self.olt.requests if "/alert/list" in request.path)

    async def health(self) -> tuple[int, dict[str, str]]:
        """The status of /healthz and what it says is wrong."""
        url = f"http://127.0.0.1:{self.variables['OPS_PORT']}/healthz"
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            answer = await http.get(url)
        wrong: dict[str, str] = answer.json()["wrong"]
        return answer.status_code, wrong


@asynccontextmanager
async def isp(folder: Path, customers: int = 0) -> AsyncIterator[Isp]:
    """The services are up, with an outage of so many customers if any."""
    async with AsyncExitStack() as stack:
        world = World()
        if customers:
            world.outage(customers)
        olt = await stack.enter_async_context(OltApi(world))
        hsm = await stack.enter_async_context(MatrixApi())
        chat = await stack.enter_async_context(BotApi())
        made = Isp(olt, hsm, chat, folder)
        yield made
        made.assert_clean(made.log)


async def until(true: Callable[[], T | None], within: float = PATIENCE) -> T:
    """The first true value; TimeoutError where none came in time."""
    async with asyncio.timeout(within):
        while not (value := true()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # what is waited for is in files and other processes too
    return value


async def bot_command(*arguments: str, cwd: Path, **variables: str) -> tuple[int, str, str]:
    """`python -m bot ...` with these variables only: exit code, stdout, stderr."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", *arguments),
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "BOT_LANGUAGE": "en", **variables},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await child.communicate()
    except TimeoutError:
        child.kill()
        raise
    encoding = variables.get("PYTHONIOENCODING", "utf-8")
    return child.returncode or 0, out.decode(encoding), err.decode(encoding)
