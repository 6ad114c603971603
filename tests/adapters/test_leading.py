"""What may not leave any more, as another machine leads, does not: that is asked behind each wait."""

import asyncio

import pytest
from telegram import Bot
from telegram.error import NetworkError

from bot.chat.wire.connection import Connection as ToTelegram

from .raw import Connection, raw_server

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n" + b'{"ok":true,"result":true}'


@pytest.mark.parametrize("pool", [1, 2])
async def test_a_call_to_telegram_that_waits_for_a_connection_when_the_lead_is_lost_never_leaves(
    pool: int,
) -> None:
    """For a free one, and for a new one to be opened; nor does the next one, on a connection that is kept."""
    leads, lost = True, asyncio.Event()

    async def behave(connection: Connection) -> None:
        while True:
            await connection.request()
            await lost.wait()
            await connection.write(ANSWER)

    class Opening(ToTelegram):
        """The lead is lost while the second one waits."""

        async def do_request(self, *args: object, **kwargs: object) -> tuple[int, bytes]:
            asking = asyncio.ensure_future(super().do_request(*args, **kwargs))
            await asyncio.sleep(0)  # it waits
            if served.requests:
                nonlocal leads
                leads = False
                lost.set()
            return await asking

    async with raw_server(behave) as served:
        bot = Bot("1:a", f"{served.url}/bot", request=Opening(pool=pool, connect=5, may_speak=lambda: leads))
        first = asyncio.ensure_future(bot.close_forum_topic(1, 2))
        await served.arrived.wait()
        for _ in range(2):
            with pytest.raises(NetworkError, match="not_leading"):
                await bot.close_forum_topic(1, 3)
        assert await first
        assert len(served.requests) == 1
