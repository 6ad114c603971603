"""The set-up that most tests of the chat have: a group on a simulated Bot API, and a bot that is in it."""

from collections.abc import AsyncIterator

import pytest
from telegram import Bot

from bot.simulator.telegram.api import BotApi
from tests.chat.room import Room, opened, people


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    """A group with people and without Telegram's limits: tests about these have an `api` of their own."""
    async with BotApi() as server:
        people(server)
        server.group_limit = None
        yield server


@pytest.fixture
async def bot(api: BotApi) -> AsyncIterator[Bot]:
    async with Bot(api.token, base_url=f"{api.url}/bot") as bot:
        yield bot


@pytest.fixture
async def room(api: BotApi) -> AsyncIterator[Room]:
    """A bot that is connected, and an outage that nobody decided on."""
    async with opened(api) as room:
        await room.outage()
        yield room
