"""A ledger in memory that forgets what a crash forgets: what was not durable yet."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from datetime import datetime
from typing import Any

from bot.domain.book import Book
from bot.domain.events import Intent, Line
from bot.ports import Clock, Write
from bot.storage.recorder import Recorder

Stamped = tuple[datetime, Line]
_NOTE_WITHIN = 0.2


class CrashLedger(Recorder):
    """Group commit as `FileLedger` does it; `lines` are durable, `taken` also has those on their way.

    While `held`, the disk does not answer. `bug` makes the next claim fail in a way that nobody named.
    `deciding` hear lines in the instant in which they are decided, durable or not.
    """

    def __init__(self, clock: Clock, lines: Iterable[Stamped] = ()) -> None:
        super().__init__(clock, Book())
        self.lines = list(lines)
        for at, line in self.lines:
            self._book.apply(at, line)
        self.taken = list(self.lines)
        self.bug = False
        self.held = False
        self.deciding: list[Callable[[datetime, Sequence[Line]], None]] = []
        self._pending: list[tuple[list[Stamped], asyncio.Future[None] | None]] = []
        self._group: list[Stamped] = []
        self._free = asyncio.Event()
        self._free.set()
        self._writer: asyncio.Task[None] | None = None

    async def commit(self, write: Write) -> Sequence[Line]:
        """As `Ledger.commit`."""
        now, lines = self._decide(write)
        if self.bug and any(isinstance(line, Intent) for line in lines):
            self.bug = False
            raise RuntimeError("a bug")
        self._apply(now, lines)
        if lines:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._take(now, lines, waiter)
            self._wake()
            await waiter
        return lines

    def note(self, line: Line) -> None:
        """As `Ledger.note`."""
        self._admit((line,))
        now = self._now()
        self._apply(now, (line,))
        self._take(now, (line,), None)
        asyncio.get_running_loop().call_later(_NOTE_WITHIN, self._wake)

    async def flush(self) -> None:
        """As `Ledger.flush`."""
        await self.commit(lambda _book, _now: [])

    def hold(self, held: bool) -> None:
        """Let the disk stop answering, or answer again."""
        self.held = held
        (self._free.clear if held else self._free.set)()

    def crash(self, *, kept: bool) -> list[Stamped]:
        """What is on the disk after a crash; the group on its way is there whole or not at all."""
        self._closed = "crashed"
        if self._writer is not None:
            self._writer.cancel()
        return self.lines + (self._group if kept else [])

    def _take(self, now: datetime, lines: Sequence[Line], waiter: "asyncio.Future[None] | None") -> None:
        stamped = [(now, line) for line in lines]
        self.taken += stamped
        self._pending.append((stamped, waiter))
        for hears in self.deciding:
            hears(now, lines)

    def _wake(self) -> None:
        if self._closed is None and (self._writer is None or self._writer.done()):
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        while self._pending:
            group, self._pending = self._pending, []
            self._group = [stamped for lines, _ in group for stamped in lines]
            await asyncio.sleep(0)
            await self._free.wait()
            self.lines += self._group
            lines, self._group = [line for _, line in self._group], []
            for _, waiter in group:
                if waiter is not None and not waiter.done():
                    waiter.set_result(None)
            self._tell(lines)


class Inline(Executor):
    """Runs in the caller's thread: a file ledger in a story must not depend on the machine's speed."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run it now."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the caller gets it, as from a thread
            future.set_exception(error)
        return future
