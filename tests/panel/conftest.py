"""The panel of the bot in this process, and somebody with a browser's manners in front of it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from bot.simulator.telegram.api import User
from tests.isp import Isp, isp
from tests.patience import PATIENCE
from tests.test_health import running, settles

LINK = re.compile(r"http\S+/panel/enter\?t=[\w-]{43}")


@dataclass
class Visitor:
    """A browser: it keeps its cookie, and says where its forms come from."""

    http: httpx.AsyncClient
    base: str
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, method: str = "GET") -> httpx.Response:
        return await self.http.request(method, path if path.startswith("http") else self.base + path)

    async def post(self, path: str, data: dict[str, str], origin: str | None = None) -> httpx.Response:
        headers = {"Origin": origin or self.base}
        return await self.http.post(self.base + path, data=data, headers=headers)

    async def enter(self, link: str) -> httpx.Response:
        """Press the button that a link shows."""
        return await self.post("/panel/enter", {"t": link.partition("t=")[2]})


@asynccontextmanager
async def visitor(site: Isp) -> AsyncIterator[Visitor]:
    """One who was never here."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        yield Visitor(http, f"http://127.0.0.1:{site.variables['OPS_PORT']}")


async def asks(site: Isp, user: User) -> str:
    """The link that somebody gets who asks for one in private."""
    before = len(links(site, user))
    await site.chat.say(user, "/painel", user.id)
    return (await site.chat.wait(lambda _: links(site, user)[before:]))[-1]


def links(site: Isp, user: User) -> list[str]:
    texts = (message.text for message in site.chat.messages(user.id) if message.sender is None)
    return [found[0] for text in texts if (found := LINK.search(text))]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    """A bot with its panel, and an outage of three customers."""
    async with isp(tmp_path, customers=3) as made:
        made.variables["PANEL"] = "true"
        async with running(made):
            await settles(made)
            yield made


@pytest.fixture
async def browser(site: Isp) -> AsyncIterator[Visitor]:
    async with visitor(site) as somebody:
        yield somebody


@pytest.fixture
async def ana(site: Isp, browser: Visitor) -> Visitor:
    """An approver who is in."""
    assert (await browser.enter(await asks(site, site.ana))).status_code == 303
    return browser
