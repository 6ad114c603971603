"""The ledger in memory: for tests, benches and whoever wants to try the bot without a disk."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.domain.book import Book
from bot.domain.events import Line
from bot.errors import LedgerClosed
from bot.ports import Clock, Write
from bot.storage.recorder import Recorder


class MemoryLedger(Recorder):
    """Every line so far is in `lines`; give them to the next one to play a restart."""

    def __init__(self, clock: Clock, lines: Iterable[tuple[datetime, Line]] = ()) -> None:
        super().__init__(clock, Book())
        self.lines = list(lines)
        for at, line in self.lines:
            self._book.apply(at, line)

    async def commit(self, write: Write) -> Sequence[Line]:
        """As `Ledger.commit`; durable here means in `lines`."""
        now, lines = self._decide(write)
        self._record(now, lines)
        await asyncio.sleep(0)
        return lines

    def note(self, line: Line) -> None:
        """As `Ledger.note`."""
        self._admit((line,))
        self._record(self._now(), (line,))

    async def flush(self) -> None:
        """As `Ledger.flush`."""
        if self._closed is not None:
            raise LedgerClosed(self._closed)

    def fail(self, why: str) -> None:
        """Close as a ledger does whose disk fails."""
        self._stop(why)

    async def close(self) -> None:
        """Take no more decisions."""
        self._closed = self._closed or "the ledger was closed"

    def _record(self, at: datetime, lines: Sequence[Line]) -> None:
        self._apply(at, lines)
        if self._closed is None:
            self.lines += [(at, line) for line in lines]
            self._tell(lines)
