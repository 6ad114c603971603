"""The ledger in PostgreSQL, with its lines kept in files here as well (bot/docs/ledger.md).

One process writes it at a time. So a rule runs on the book at once, as with files, and a group is written
behind the very line that the book ended with, or not at all: `table.append` compares number, hash and epoch.
Where PostgreSQL is away the group is offered again, the very same lines, until it is known to be there: no
connection that ends while COMMIT is under way leaves anything in doubt.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import structlog

from bot import tongue
from bot.domain.events import Confirmed, Line
from bot.errors import Closed, LedgerClosed, StartupError
from bot.flow.kept import written_again
from bot.ports import Clock, Write
from bot.storage.disk import Disk
from bot.storage.files import FileLedger, Recovery, explained, unusable
from bot.storage.people import months
from bot.storage.people.key import KeyMissing
from bot.storage.people.months import Listed
from bot.storage.people.store import People
from bot.storage.postgres import copy, kept, schema, table
from bot.storage.postgres.link import Link, Lost, why
from bot.storage.postgres.table import Elsewhere, Fenced, Lacking, Newer
from bot.storage.postgres.talk import heard
from bot.storage.postgres.warm import Warm
from bot.storage.replay import Scan
from bot.storage.segments import Segments, sealed, segment_name

R = TypeVar("R")

_LONGEST = 12.0  # seconds that anything may take: PostgreSQL ends a statement after 8
_STALLED = 60.0  # seconds without an answer after which a start is given up
_GLANCE = 1.0  # seconds between two looks at that
_FIRST, _MOST = 0.05, 1.0  # seconds between two tries while it is away
_LOOK = 2.0  # seconds between two looks at whether it is there, while nothing is written

_log = structlog.get_logger(__name__)


class PostgresLedger(FileLedger):
    """A `Ledger` whose lines are in PostgreSQL. Make one with `open` and end it with `close`.

    While PostgreSQL is away `closed` says so, rules wait until it is back, and notes are kept for then.
    """

    patience = 1.5
    """Below the three seconds after which who cannot reach it does not lead any more."""

    def __init__(
        self, link: Link, epoch: int, kept: Sequence[Sequence[Line]], shelved: set[str], **parts: Any
    ) -> None:
        super().__init__(**parts)
        self._link, self._epoch, self._kept = link, epoch, kept
        self._shelved = shelved
        self._away: Closed | None = None
        self._back = asyncio.Event()
        self._back.set()
        self._not_copied: OSError | None = None
        self._since = 0.0
        loop = asyncio.get_running_loop()
        self._looking: asyncio.Task[None] | None = loop.create_task(self._look_on(), name="ledger watch")

    @classmethod
    async def open(  # type: ignore[override]
        cls,
        url: str,
        folder: Path,
        clock: Clock,
        disk: Disk | None = None,
        *,
        epoch: int | None = None,
        warm: Warm | None = None,
    ) -> Self:
        """Bring the copy in the folder up to the last line, and be ready to write behind it.

        `epoch` is whose turn to write it is: a write is taken while the head row has it; None: as it is now.
        `warm` has the folder already, and most of the lines. StartupError where another process owns the
        folder, the database or the folder cannot be used, or has another ledger. What is corrupt opens
        `closed`.
        """
        disk = disk or Disk()
        warm = warm or Warm.open(url, folder, clock, disk)
        try:
            parts = await patiently(warm.link, partial(_brought, warm, clock, disk, epoch))
            return cls(warm.link, **parts, release=warm.release)
        except BaseException as error:
            warm.close()
            if isinstance(error, Lost):
                raise StartupError(unreachable(error), code=1) from error
            if isinstance(error, OSError):
                raise unusable(folder, error) from error
            raise

    @property
    def closed(self) -> str | None:
        """Why nothing may be decided or sent, also for as long as PostgreSQL is away."""
        return self._closed or self._away

    @property
    def kept(self) -> Sequence[Sequence[Line]]:
        """Lines of the copy here that PostgreSQL was found to lack, until the ledger is confirmed."""
        return self._kept

    @property
    def epoch(self) -> int:
        """Under which it writes."""
        return self._epoch

    async def commit(self, write: Write) -> Sequence[Line]:
        """As `Ledger.commit`. While PostgreSQL is away no rule runs: one cancelled then never does."""
        while self._away is not None and self._closed is None:
            await self._back.wait()
        return await super().commit(write)

    async def flush(self) -> None:
        """As `Ledger.flush`; it waits as `commit` does."""
        while self._away is not None and self._closed is None:
            await self._back.wait()
        await super().flush()

    async def _take_away(self, now: datetime | None, days: int) -> list[str]:
        """As with files, there by what is there: where one fails, it is due there the next time, too.

        OSError, also where PostgreSQL is away.
        """
        try:
            there = [] if now is None else await self._bounded(table.let_go, self._link, now, days)
            await self._bounded(table.blank_sends, self._link, self._epoch)
        except Lost as error:
            raise OSError(5, why(error)) from error
        return sorted({*there, *await super()._take_away(now, days)})

    async def rewritten(self) -> None:
        """As with files: names and phones there are those that are here. LedgerClosed; OSError as above."""
        disk = Disk()
        try:
            for month in months.months_in(disk, self._folder):
                kept = [raw.decode() for raw in months.lines(disk, self._folder, month)]
                await self._bounded(table.put, self._link, month, kept, self._epoch)
            await self._bounded(table.blank_sends, self._link, self._epoch)
        except Fenced as error:
            closed = self._why(error)
            self._stop(closed)
            raise LedgerClosed(closed) from error
        except Lost as error:
            raise OSError(5, why(error)) from error

    async def close(self) -> None:
        """As with files; what PostgreSQL does not take now is not waited for."""
        looking, self._looking = self._looking, None  # how it ended holds its frame, and so this ledger
        if looking is not None:
            looking.cancel()
            await asyncio.wait({looking})
        self._stopping, self._sound = True, False
        self._closed = self._closed or "the ledger was closed"
        self._back.set()
        self._wake.set()
        await asyncio.wait({self._writer})
        self._link.cut()  # all is written: what the thread may wait for yet is a look
        await asyncio.to_thread(self._thread.shutdown)
        await super().close()
        self._link.close()

    def _stop(self, why: str, *, sound: bool = False) -> None:
        super()._stop(why, sound=sound)
        self._back.set()

    def _tell(self, lines: Sequence[Line]) -> None:
        if self._kept and any(isinstance(line, Confirmed) for line in lines):
            self._kept = ()
            try:
                kept.done(Disk(), self._folder)
                self._thread.submit(self._kept_confirmed)
            except OSError as error:  # what is written already is found to be, if it is asked again
                _log.warning("kept_lines_stay", why=error.strerror)
        super()._tell(lines)

    async def _durably(
        self, listed: Sequence[Listed], rows: Sequence[tuple[datetime, bytes]]
    ) -> tuple[list[tuple[int, str]], float]:
        pause = _FIRST
        while True:
            try:
                found = await self._bounded(self._append, listed, rows)
            except Lost as error:
                self._lost(error)
                if self._stopping:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MOST)
            else:
                self._found()
                return found

    def _append(
        self, listed: Sequence[Listed], rows: Sequence[tuple[datetime, bytes]]
    ) -> tuple[list[tuple[int, str]], float]:
        began, head = self._clock.monotonic(), self._segments.head
        raws, places, then = sealed(rows, head)
        table.append(self._link, raws, head, then, listed=listed, epoch=self._epoch)
        try:  # from here on it is durable, whatever becomes of the copy
            if listed and self._people is not None:
                self._people.append(listed)
            self._segments.copy(segment_name(rows[0][0]), raws, then)
        except OSError as error:
            self._segments.passed(then)
            self._not_copied = error
        return places, self._clock.monotonic() - began

    def _why(self, error: Exception) -> Closed:
        if isinstance(error, Fenced):
            return Closed("another process of this bot writes the ledger now", "fenced")
        if isinstance(error, Newer):
            return Closed(schema.newer(*error.args), "newer")
        if isinstance(error, Elsewhere):
            what = "the ledger in PostgreSQL does not end where this process left it: start it anew"
            return Closed(what, "elsewhere")
        if isinstance(error, Lacking):
            what = "another machine has lines that the ledger in PostgreSQL lacks: somebody has to confirm it"
            return Closed(what, "lacking")
        if isinstance(error, Lost):
            return Closed(unreachable(error), "away")
        return super()._why(error)

    async def _bounded(self, work: Callable[..., R], *values: Any) -> R:
        """Its result, in the ledger's thread; what takes too long is cut off, and ends as `Lost`."""
        working: Future[R] = self._thread.submit(work, *values)
        result = asyncio.wrap_future(working)
        result.add_done_callback(heard)
        done, _ = await asyncio.wait({result}, timeout=_LONGEST)
        while not done:
            self._link.cut()
            done, _ = await asyncio.wait({result}, timeout=_LONGEST)
        return await result

    async def _look_on(self) -> None:
        """Notice, while nothing is written, that it is away, is back, or that another writes."""
        pause = _LOOK
        while self._closed is None:
            await asyncio.sleep(pause)
            pause = _LOOK
            if self._writing or self._closed is not None:
                pause = _FIRST  # between two groups there is time for a look
                continue
            try:
                await self._bounded(self._look)
            except Lost as error:
                self._lost(error)
                pause = _MOST
            except (Fenced, Elsewhere, Newer, Lacking) as error:
                self._stop(self._why(error))
            else:
                self._found()

    def _look(self) -> None:
        table.check(table.end(self._link), self._segments.head, self._epoch)
        if kept.waiting(self._link) - self._shelved:
            raise Lacking

    def _kept_confirmed(self) -> None:
        """Where that fails the next start finds that all of it is on record, and says so there."""
        with suppress(Lost):
            kept.confirmed(self._link, self._shelved)

    def _lost(self, error: Exception) -> None:
        if self._away is None:
            self._since = self._clock.monotonic()
            self._back.clear()
            _log.warning("postgres_away", why=why(error))
        self._away = Closed(unreachable(error), "away")

    def _found(self) -> None:
        if self._not_copied is not None:
            error, self._not_copied = self._not_copied, None
            self._stop(self._why(error))
        if self._away is not None:
            self._away = None
            self._back.set()
            away = self._clock.monotonic() - self._since
            _log.warning("postgres_back", seconds=round(away, 1))
            if self.on_back is not None:
                self.on_back()


def unreachable(error: Exception) -> str:
    """What to say of a database that does not answer, or not as it should."""
    return tongue.said("PostgreSQL does not answer as it should ({why})", why=why(error))


async def patiently(link: Link, work: Callable[[], R]) -> R:
    """What it gives, in a thread; where the other side does not answer for a minute that is over. Lost."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        while not (await asyncio.wait({working}, timeout=_GLANCE))[0]:
            if link.waits > _STALLED:
                link.cut()
    finally:
        working.cancel()
    return working.result()


def _brought(warm: Warm, clock: Clock, disk: Disk, epoch: int | None) -> dict[str, Any]:
    """What the ledger is made of. StartupError, Lost, OSError."""
    link, folder, found = warm.link, warm.folder, warm.bring(disk)
    if found.trouble is None:
        warm.bring_people(disk)
    if found.trouble is not None:
        corrupt: Closed | None = explained(folder, found.trouble, found.head.seq)
    else:
        corrupt = copy.recovered(link, disk, folder)
    people, corrupt = _people(link, folder, disk, found, corrupt)
    segments = Segments(disk, folder, found.head)
    if corrupt is None:
        now = segment_name(max(clock.now(), found.head.at))
        segments.switch_to(max(now, *found.sizes) if found.sizes else now)
    kept.gather(link, disk, folder, clock.now())
    doubt, lines = warm.doubt(disk), kept.read(disk, folder)
    if lines and doubt is None and found.book.unconfirmed is None:  # it was confirmed on another machine
        if written_again(found.book, lines):  # which had not all of them
            doubt = "views"
        else:
            kept.done(disk, folder)
            lines = []
    if not lines:
        kept.confirmed(link, kept.shelved(disk, folder))
    end = table.end(link)
    return {
        "kept": lines,
        "shelved": kept.shelved(disk, folder),
        "epoch": end.epoch if epoch is None else epoch,
        "folder": folder,
        "clock": clock,
        "disk": disk,
        "book": found.book,
        "recovery": Recovery(found.head.seq, 0, None, corrupt, doubt, found.since),
        "segments": segments,
        "people": people,
        "once_doubted": partial(copy.told, disk, folder),
    }


def _people(
    link: Link, folder: Path, disk: Disk, found: Scan, corrupt: Closed | None
) -> tuple[People | None, Closed | None]:
    try:
        people = People(disk, folder, copy.key(link, disk, folder, found))
    except KeyMissing as error:
        return None, corrupt or Closed(str(error), "key")
    if unknown := people.fill(found.book):
        text = "phones of customers of open cases are not known: nothing can be sent to them"
        _log.warning(text, customers=unknown)
    return people, corrupt
