"""A connection to PostgreSQL: every wait on it is bounded, and where it is lost it is made anew."""

import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from os import dup
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from bot import tongue
from bot.errors import StartupError
from bot.storage.postgres.talk import said

Lost = psycopg.Error
"""Whatever PostgreSQL says, or does not say any more: nothing is known of a statement that was sent."""

_BOUNDS = {
    "connect_timeout": 5,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "application_name": "olt-noc-bot",
}
_SET = """
SELECT set_config('lock_timeout', '3s', false), set_config('statement_timeout', '8s', false),
    set_config('idle_in_transaction_session_timeout', '5s', false),
    CASE WHEN current_setting('synchronous_commit') = 'off'
        THEN set_config('synchronous_commit', 'on', false) END
"""
Row = tuple[Any, ...]


class Link:
    """For one thread at a time; `cut` for any. Its methods raise `Lost`, and connect again the next time."""

    def __init__(self, url: str) -> None:
        """StartupError where that is no address."""
        bounds: dict[str, Any] = dict(_BOUNDS)
        if sys.platform == "linux":
            bounds["tcp_user_timeout"] = 6000
        try:
            self._address = make_conninfo(url, **bounds)
        except psycopg.ProgrammingError:
            raise StartupError(tongue.said("LEDGER is no address of a database"), code=1) from None
        self._connection: Connection[Row] | None = None
        self._asked: float | None = None

    @property
    def waits(self) -> float:
        """Seconds since an answer is waited for, 0 where none is. For any thread."""
        asked = self._asked
        return 0.0 if asked is None else time.monotonic() - asked

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What is done in it waits for answers, and for nothing else."""
        self._asked = time.monotonic()
        try:
            yield
        finally:
            self._asked = None

    def connection(self) -> Connection[Row]:
        """The one that is open, each statement a transaction of its own."""
        if self._connection is not None and not self._connection.closed:
            return self._connection
        made: Connection[Row] = psycopg.connect(self._address, autocommit=True)
        self._connection = made  # from here on it can be cut
        try:
            made.execute(_SET)
        except BaseException:
            self.close()
            raise
        return made

    def ask(self, query: str, values: Mapping[str, object] | tuple[object, ...] = ()) -> list[Row]:
        """The rows of one statement; where it fails, whether it was done is not known."""
        try:
            with self.waiting():
                cursor = self.connection().execute(query.encode(), values or None)
                return [] if cursor.description is None else cursor.fetchall()
        except Lost:
            self.close()
            raise

    @contextmanager
    def stream(self, query: str, values: tuple[object, ...] = ()) -> Iterator[Iterator[Row]]:
        """The rows of one statement, of which few are in memory."""
        self._asked = time.monotonic()
        try:
            connection = self.connection()
            with connection.transaction(), connection.cursor(name="ledger_stream") as cursor:
                connection.execute("SET LOCAL statement_timeout = 0")
                cursor.itersize = 5000
                cursor.execute(query.encode(), values or None)
                yield self._rows(iter(cursor))
                self._asked = time.monotonic()
        except Lost:
            self.close()
            raise
        finally:
            self._asked = None

    def _rows(self, rows: Iterator[Row]) -> Iterator[Row]:
        """These; whoever takes its time with one of them does not wait for an answer."""
        while True:
            self._asked = time.monotonic()
            row = next(rows, None)
            self._asked = None
            if row is None:
                return
            yield row

    def cut(self) -> None:
        """End what another thread waits for: the other side may be there and say nothing."""
        connection = self._connection
        if connection is not None:
            with suppress(OSError, Lost), socket.socket(fileno=dup(connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """No connection; harmless when repeated."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Lost):
                connection.close()


def why(error: Exception) -> str:
    """What it says, in one line, without an address or what was sent.

    Where no connection comes about all that it says is the server's name, address, port and user.
    """
    text = getattr(getattr(error, "diag", None), "message_primary", None)
    return " ".join(str(text).split())[:200] if text else said(error)
