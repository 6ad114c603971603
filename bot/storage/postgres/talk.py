"""A connection of the event loop's own, on which every question has an end.

Nothing of what the driver says goes any further: it has the address in it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from psycopg import AsyncConnection, Error

BY_THE_DATABASE = 900  # milliseconds that a statement may take
# Set once it is connected: as `options` they would stand instead of those that the address may have. Of a
# table that was never looked through the planner thinks it worth a second's compiling (jit).
_BOUNDS = f"""
SELECT set_config('statement_timeout', '{BY_THE_DATABASE}', false),
    set_config('lock_timeout', '{BY_THE_DATABASE}', false), set_config('jit', 'off', false)
"""
Row = tuple[Any, ...]
Facts = Callable[[], Mapping[str, object]]
Greet = Callable[[AsyncConnection[Any]], Awaitable[None]]


class Away(Exception):
    """The database does not answer; the text says how that shows, without a secret."""


class Talk:
    """One question at a time. Each ends within `patience` seconds once its turn has come, or raises Away."""

    def __init__(self, url: str, name: str, *, patience: float = 1.0, greet: Greet | None = None) -> None:
        """`name` is what PostgreSQL lists it as; `greet` comes first on each new connection."""
        self._url, self._name, self._patience, self._greet = url, name, patience, greet
        self._connection: AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()

    async def ask(self, statement: str, facts: Facts = dict) -> tuple[list[Row], int]:
        """The rows that it gives, and how many it gave or changed.

        `facts` fill it once there is a connection. What does not end in time is hung up on: it may be done or
        not, and what was asked for last counts.
        """
        async with self._turn:
            work = asyncio.ensure_future(self._ask(statement, facts))
            try:
                done, _ = await asyncio.wait({work}, timeout=self._patience)
            finally:
                if not work.done():  # a cancelled query asks the server to stop it, and waits for that
                    self.hang_up()
                    work.cancel()
                    work.add_done_callback(heard)
        if not done:
            raise Away("no answer")
        return work.result()

    def hang_up(self) -> None:
        """The next question makes a connection anew."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()

    async def _ask(self, statement: str, facts: Facts) -> tuple[list[Row], int]:
        try:
            connection = await self._connected()
            cursor = await connection.execute(statement.encode(), facts() or None)
            rows = [] if cursor.description is None else await cursor.fetchall()
        except (Error, OSError) as error:
            self.hang_up()
            raise Away(said(error)) from None
        return rows, cursor.rowcount

    async def _connected(self) -> AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = await AsyncConnection.connect(
                self._url,
                autocommit=True,
                connect_timeout=2,
                application_name=self._name,
                prepare_threshold=None,
            )
            await self._connection.execute(_BOUNDS.encode())
            if self._greet is not None:
                await self._greet(self._connection)
        return self._connection


def said(error: Exception) -> str:
    """What a database's error is, in a few words without an address: its state, or its class."""
    state = getattr(error, "sqlstate", None)
    return f"{type(error).__name__} {state}" if state else type(error).__name__


def heard(work: "asyncio.Future[Any]") -> None:
    """Where nobody waits for it any more asyncio would log what the driver says, which has the address."""
    if not work.cancelled():
        work.exception()
