"""What every ledger shares: the book, its time, and what may still be recorded once it is closed."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import structlog

from bot.domain.book import Book
from bot.domain.events import Abandoned, Line, Result
from bot.domain.phone import phone_key
from bot.domain.redated import AHEAD, ends_in_the_future
from bot.errors import Closed, LedgerClosed
from bot.ports import Clock, Write
from bot.storage.segments import Head, segment_name
from bot.tongue import said

_log = structlog.get_logger(__name__)


class Recorder:
    """The book behind a ledger. `listeners` hear of lines once they are durable, in the event loop."""

    patience: ClassVar[float | None] = None
    """As `Ledger.patience`."""

    def __init__(self, clock: Clock, book: Book, closed: str | None = None) -> None:
        self._clock = clock
        self._book = book
        self._closed = closed
        self._sound = False  # closed, and what is appended is as durable as ever
        self.on_closed: Callable[[str], None] | None = None
        """Called once, with the text of `closed`, when the ledger closes by itself while running."""
        self.on_back: Callable[[], None] | None = None
        """Called each time a ledger that was closed only for a while takes lines again."""
        self.listeners: list[Callable[[Sequence[Line]], None]] = []
        self._began = self._booted()
        self._before: datetime | None = None  # the last jump ahead, as `_began` was

    @property
    def book(self) -> Book:
        """The state as of the last line."""
        return self._book

    @property
    def closed(self) -> str | None:
        """Why nothing may be decided or sent, None while all is well."""
        return self._closed

    @property
    def kept(self) -> Sequence[Sequence[Line]]:
        """As `Ledger.kept`: files lack none that was durable."""
        return ()

    @property
    def head(self) -> Head | None:
        """The last line that is durable; None where lines are in no file."""
        return None

    def person(self, phone: str) -> str:
        """As `Ledger.person`: where lines are in no file, the phone's own key."""
        return phone_key(phone)

    def shut(self, why: Closed) -> None:
        """Close it while it runs: what is kept, on the disk or in PostgreSQL, is not what was written."""
        file, written = why.facts.get("file"), segment_name(self._book.last_at)
        over = isinstance(file, str) and file < written  # damage in a month that is over
        # PostgreSQL takes a group only behind the number and hash that this process ended with.
        self._stop(why, sound=over or why.code == "rows")

    def _now(self) -> datetime:
        now, last = self._clock.now(), self._book.last_at
        before, self._began = self._began, self._booted()
        if self._began - before > AHEAD:
            self._before = before
        elif self._before is not None and self._began - self._before <= AHEAD:
            self._before = None
            if ends_in_the_future(last, now) and self._book.unconfirmed is None:
                # Whoever was told before it would count as told longer ago than they were. A start asks.
                by = timedelta(seconds=round((last - now).total_seconds()))
                what = said("the clock was ahead by {by} and is right again: start the bot anew", by=by)
                self._stop(Closed(what, "clock", age=by), sound=True)
        return max(now, last)

    def _booted(self) -> datetime:
        """When time that cannot be set began, by the clock that can: it moves where that one is set."""
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())

    def _decide(self, write: Write) -> tuple[datetime, tuple[Line, ...]]:
        """What the rule says; LedgerClosed where it may not be recorded."""
        now = self._now()
        lines = tuple(write(self._book, now))
        self._admit(lines)
        return now, lines

    def _ends(self, line: Line) -> bool:
        """Whether a closed ledger writes it: how a send that had left ended. It decides nothing, and nobody
        need be in doubt.
        """
        return self._sound and isinstance(line, Result | Abandoned)

    def _admit(self, lines: Sequence[Line]) -> None:
        if self._closed is not None and not all(line.observed for line in lines):
            raise LedgerClosed(self._closed)

    def _apply(self, at: datetime, lines: Sequence[Line]) -> None:
        for line in lines:
            try:
                self._book.apply(at, line)
            except Exception as error:  # a line that does not fit leaves the book half changed: fail closed
                self._stop(f"a line of kind {line.kind} does not fit the state ({type(error).__name__})")
                raise LedgerClosed(str(self._closed)) from error

    def _stop(self, why: str, *, sound: bool = False) -> None:
        self._sound = sound and (self._closed is None or self._sound)
        if self._closed is not None:
            return
        self._closed = why
        _log.error("ledger_closed", why=why)
        if self.on_closed is not None:
            self.on_closed(why)

    def _tell(self, lines: Sequence[Line]) -> None:
        for listener in self.listeners:
            try:
                listener(lines)
            except Exception:  # noqa: BLE001 - a listener's mistake must not stop the writer that everybody waits for
                _log.exception("ledger_listener_failed")
