"""A NOC on loopback: the pretend OLT API, HSM API and Telegram, and the real bot between them.

`noc.open()` runs the bot in this process; `noc.spawn()` runs it as a process of its own, which can be
killed. Either way it is the same program over real HTTP.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.chat.telegram import Telegram
from bot.chat.wire.budget import GAP, WINDOW
from bot.process.app import App
from bot.process.settings.reading import load
from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.telegram.api import BotApi, Message, User
from bot.simulator.world import World
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]


@dataclass
class Noc:
    """The systems, the people, and the bot. `variables` are the bot's settings."""

    folder: Path
    stack: AsyncExitStack
    world: World = field(default_factory=World)
    variables: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    task: asyncio.Task[int] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def set_up(self) -> None:
        enter = self.stack.enter_async_context
        self.olt = await enter(OltApi(self.world))
        self.hsm = await enter(MatrixApi())
        self.chat = await enter(BotApi())
        self.chat.group_limit = None  # the pace has tests of its own
        self.ana = self.chat.add_user(501, "Ana", admin=True, opened_private=True)
        self.bruno = self.chat.add_user(502, "Bruno", admin=True)
        self.stranger = self.chat.add_user(503, "Visitante")
        self.variables = {
            "API_BASE_URL": self.olt.url,
            "API_USER": self.olt.user,
            "API_PASS": self.olt.password,
            "URL_HSM": self.hsm.hsm_url,
            "TOKEN_HSM": self.hsm.token,
            "HSM_ACCOUNT": "1",
            "HSM_ID_LOS": "114",
            "HSM_ID_POWER": "116",
            "TELEGRAM_TOKEN": self.chat.token,
            "TELEGRAM_CHAT_ID": str(self.chat.group),
            "TELEGRAM_API_URL": self.chat.url,
            "POLL_SECONDS": "1",
            "UNDO_SECONDS": "0",
            "SETTLE_SECONDS": "0",
            "CLOSE_POLLS": "1",
            "HSM_RATE": "0",
            "OPS_PORT": "0",
            "DATA_DIR": str(self.folder / "data"),
        }

    async def open(self, **changes: str) -> None:
        """Run the bot in this process."""
        settings = load(None, self.variables | changes)
        self._stop = asyncio.Event()
        self.task = asyncio.create_task(App(settings).run(self._stop))

    async def close(self) -> None:
        """Stop it in order."""
        if self.task is not None:
            self._stop.set()
            task, self.task = self.task, None
            async with asyncio.timeout(PATIENCE):
                assert await task == 0

    async def spawn(self, **changes: str) -> None:
        """Run the bot as a process of its own."""
        with (self.folder / "bot.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "bot", "run"),
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.variables, **changes},
                stdout=log,
                stderr=log,
            )

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        """End the process; its exit code."""
        assert self.process is not None
        process, self.process = self.process, None
        if process.returncode is None:
            process.send_signal(how)
        async with asyncio.timeout(PATIENCE):
            return await process.wait()

    async def card(self, port: str = "6/15") -> Message:
        """The card of the newest case on a port whose outage is on."""

        def is_it(m: Message) -> bool:
            return port in m.text and bool(m.keyboard) and not m.text.startswith("✅")

        return await self.chat.wait(lambda c: next(filter(is_it, reversed(c.messages())), None))

    async def until(self, card: Message, text: str) -> str:
        """The card's text once it says so."""
        try:
            await self.chat.wait(lambda _: text in card.text)
        except TimeoutError:
            raise AssertionError(f"the card never said {text!r}, but:\n{card.text}") from None
        return card.text

    async def sent(self, card: Message, text: str) -> str:
        """The same once the send is over: its last message is counted before that, beside *Parar*."""
        await self.chat.wait(lambda _: text in card.text and "Parar" not in card.buttons)
        return card.text

    async def ask(self, who: User, command: str, chat: int | None = None) -> Message:
        """What the bot answers to a command."""
        asked = await self.chat.say(who, command, chat)
        return await self.chat.wait(
            lambda c: next((m for m in c.messages(asked.chat) if m.reply_to == asked.id), None)
        )

    def view(self, name: str) -> Any:
        return json.loads((self.folder / "data" / name).read_text())

    def lines(self) -> list[dict[str, Any]]:
        """The ledger's lines."""
        files = sorted((self.folder / "data" / "ledger").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.fixture
async def noc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Noc]:
    # As many messages as ever, in a tenth of the time: what they wait for is not what is tested here.
    monkeypatch.setattr("bot.process.app.Telegram", partial(Telegram, window=WINDOW / 10, gap=GAP / 10))
    async with AsyncExitStack() as stack:
        made = Noc(tmp_path, stack)
        await made.set_up()
        yield made
        await made.close()
        if made.process is not None:
            await made.kill()
