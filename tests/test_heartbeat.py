"""`HEARTBEAT_URL`: asked while all is well, silent while it is not, and in no log."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import pytest

from bot.ops.heartbeat import EVERY, LOOK, Heartbeat
from bot.ops.server import Request, Response, Route, Server
from bot.simulator.ports import free_port
from tests.patience import PATIENCE
from tests.settings import load

from .fakes import FakeClock
from .isp import isp
from .test_health import running, settles

SECRET = "4f6c2f0e-uma-chave-de-teste"


@dataclass
class Monitor:
    """Who waits for the heartbeat."""

    port: int
    status: HTTPStatus = HTTPStatus.OK
    asked: list[str] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ping/{SECRET}"

    async def answer(self, request: Request) -> Response:
        self.asked.append(request.method)
        self.heard.set()
        return Response(self.status)

    async def hears(self) -> None:
        """Once more."""
        async with asyncio.timeout(PATIENCE):
            await self.heard.wait()
        self.heard.clear()


@pytest.fixture
async def monitor() -> AsyncIterator[Monitor]:
    made = Monitor(free_port())
    server = Server({f"/ping/{SECRET}": Route(made.answer)})
    await server.start("127.0.0.1", made.port)
    yield made
    await server.stop()


@dataclass
class Bot:
    """A heartbeat on a clock of its own."""

    clock: FakeClock = field(default_factory=FakeClock)
    well: bool = True

    async def pass_(self, seconds: float) -> None:
        async with asyncio.timeout(PATIENCE):
            while not self.clock.slept:  # noqa: ASYNC110 - until it has its answer
                await asyncio.sleep(0.01)
        await self.clock.advance(seconds)


async def test_it_is_asked_each_minute_in_which_all_is_well(monitor: Monitor) -> None:
    bot = Bot(well=False)
    heartbeat = Heartbeat(monitor.url, lambda: bot.well, bot.clock)
    heartbeat.start()
    await bot.pass_(LOOK)
    await bot.pass_(10 * EVERY)
    assert monitor.asked == []  # not well yet
    bot.well = True
    await bot.pass_(LOOK)
    await monitor.hears()
    await bot.pass_(EVERY)
    await monitor.hears()
    bot.well = False
    await bot.pass_(EVERY)
    await bot.pass_(EVERY)
    assert monitor.asked == ["GET", "GET"]
    bot.well = True
    await bot.pass_(EVERY)
    await monitor.hears()
    await heartbeat.stop()
    assert monitor.asked == ["GET"] * 3


async def test_who_does_not_take_it_is_named_once_and_without_the_address(
    monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.ops.heartbeat")
    bot = Bot()
    heartbeat = Heartbeat(monitor.url, lambda: bot.well, bot.clock)
    monitor.status = HTTPStatus.FOUND  # and whither is not followed
    heartbeat.start()
    await monitor.hears()
    monitor.status = HTTPStatus.SERVICE_UNAVAILABLE
    await bot.pass_(EVERY)
    await monitor.hears()
    monitor.status = HTTPStatus.OK
    await bot.pass_(EVERY)
    await monitor.hears()
    await bot.pass_(0)
    await heartbeat.stop()
    said = [record.getMessage() for record in caplog.records if record.name == "bot.ops.heartbeat"]
    assert said == [
        "HEARTBEAT_URL does not take the heartbeat: http_302",
        "HEARTBEAT_URL takes the heartbeat again",
    ]
    assert SECRET not in "".join(record.getMessage() for record in caplog.records if record.levelno > 20)


async def test_one_that_is_away_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    bot = Bot()
    heartbeat = Heartbeat(f"http://127.0.0.1:{free_port()}/{SECRET}", lambda: bot.well, bot.clock)
    heartbeat.start()
    await bot.pass_(EVERY)
    await bot.pass_(EVERY)
    await heartbeat.stop()
    assert [record.getMessage() for record in caplog.records if record.name == "bot.ops.heartbeat"] == [
        "HEARTBEAT_URL does not take the heartbeat: refused"
    ]


@pytest.mark.process
async def test_the_bot_asks_once_it_is_well(tmp_path: Path, monitor: Monitor) -> None:
    async with isp(tmp_path) as site:
        site.variables["HEARTBEAT_URL"] = monitor.url
        await site.chat.stop()
        async with running(site):
            await settles(site, "telegram")
            assert monitor.asked == []
            await site.chat.start()
            await monitor.hears()
            await settles(site)


def test_it_is_a_secret(tmp_path: Path) -> None:
    variables = {"TELEGRAM_TOKEN": "1:a", "TELEGRAM_CHAT_ID": "-1", "DRY_RUN": "true"}
    given = {"API_BASE_URL": "https://olt.example", "API_USER": "u", "API_PASS": "p"}
    url = f"https://hc.example/{SECRET}"
    settings = load(None, {**variables, **given, "GATEWAY": "dry_run", "HEARTBEAT_URL": url})
    assert url in settings.secrets()
    assert SECRET not in repr(settings)
