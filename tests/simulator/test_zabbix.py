"""The pretend Zabbix tells of everything until it is taken. What it sends is in `test_hook_zabbix.py`."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aiohttp import web

from bot.simulator.server import Server
from bot.simulator.world import World
from bot.simulator.zabbix import Zabbix
from tests.patience import PATIENCE


class Listener(Server):
    """Where it pushes to; `heard` has event and status of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = 200
        self.heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        """The answer; the one after it is 200."""
        said = json.loads(body)
        self.heard.put_nowait((said["id"], said["status"]))
        status, self.answer = self.answer, 200
        return web.Response(status=status)

    def throttled(self, retry_after: int | str | None) -> web.Response:
        """As the bot answers."""
        return web.Response(status=429)


@pytest.fixture
async def bot() -> AsyncIterator[Listener]:
    made = Listener()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def zabbix(bot: Listener, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Zabbix]:
    """It watches a world, and its action is not enabled yet."""
    monkeypatch.setattr("bot.simulator.zabbix.LOOKS_EVERY", 0.01)
    made = Zabbix(World())
    made.url = bot.url
    watching = asyncio.create_task(made.run())
    yield made
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_what_was_not_taken_is_told_again_and_what_was_is_not(zabbix: Zabbix, bot: Listener) -> None:
    world = zabbix.world
    world.repair(world.outage(2))  # over before anybody was to be told
    first = world.outage(3)
    bot.answer, zabbix.on = 503, True
    async with asyncio.timeout(PATIENCE):
        assert [await bot.heard.get(), await bot.heard.get()] == [("7002", "open")] * 2
        world.outage(3, "CB 02")  # the first one's turn comes before it
        assert await bot.heard.get() == ("7003", "open")
        world.repair(first)
        assert await bot.heard.get() == ("7002", "closed")
        world.outage(3, "CB 03")
        assert await bot.heard.get() == ("7004", "open")


async def test_nobody_there_is_no_answer(zabbix: Zabbix, bot: Listener) -> None:
    await bot.stop()
    assert (await zabbix.tell(zabbix.world.outage(1))).status == 0
