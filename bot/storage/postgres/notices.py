"""What PostgreSQL tells by itself of what another machine wrote, on a connection of its own.

Whoever listens looks now and then as well: a notice may be lost with its connection, and behind a pooler that
gives each transaction another connection none ever comes.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, LiteralString

from psycopg import AsyncConnection, Error

_AGAIN = 1.0  # seconds after a connection that ended until the next one is tried
_BOUNDS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
}


class Notices:
    """`heard` is called in the event loop at each notice of a channel, and once the listening begins."""

    def __init__(self, url: str, heard: Callable[[], None], channel: LiteralString = "ledger") -> None:
        self._url, self._heard, self._listen_to = url, heard, f"LISTEN {channel}".encode()
        self._connection: AsyncConnection[Any] | None = None
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen from now on."""
        self._listening = asyncio.get_running_loop().create_task(self._listen_on(), name="notices")

    async def stop(self) -> None:
        """Hang up, without waiting for an answer: who takes over holds the lease. Harmless when repeated."""
        listening, self._listening = self._listening, None
        if listening is not None:
            if self._connection is not None:  # else the server would be asked to stop, and waited for
                self._connection.pgconn.finish()
            listening.cancel()
            await asyncio.wait({listening})

    async def _listen_on(self) -> None:
        while True:
            with suppress(Error, OSError):
                await self._listen()
            await asyncio.sleep(_AGAIN)

    async def _listen(self) -> None:
        connection = await AsyncConnection.connect(
            self._url, autocommit=True, application_name="olt-noc-bot notices", **_BOUNDS
        )
        self._connection = connection
        try:
            await connection.execute(self._listen_to)
            self._heard()  # what was written before that
            async for _ in connection.notifies():
                self._heard()
        finally:
            self._connection = None
            connection.pgconn.finish()
