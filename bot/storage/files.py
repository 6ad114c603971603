"""The ledger in files: group commit, recovery at the start, fail closed (bot/docs/ledger.md)."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self

import structlog
from filelock import Timeout

from bot import tongue
from bot.domain.book import Book, Doubt
from bot.domain.events import Line, Planned, Started
from bot.errors import Closed, Declined, LedgerClosed, StartupError
from bot.ports import Clock, Write
from bot.storage import codec, copied
from bot.storage.access import troubles
from bot.storage.checkpoint import resumed
from bot.storage.disk import Disk
from bot.storage.people.key import KeyMissing, key_of
from bot.storage.people.months import FOLDER, Listed
from bot.storage.people.store import People, blank, day_before, let_go
from bot.storage.recorder import Recorder
from bot.storage.replay import (
    Fault,
    Trouble,
    doubt_about,
    heads_of_views,
    make_durable,
    quarantine,
)
from bot.storage.segments import FULL, Head, Segments, ledger_folder, segment_name

_NOTE_WITHIN = 0.2  # seconds until a line that nobody waits for is written
_TURNS = 2  # of the loop before a group is closed: what is about to be added joins it, for half the syncs
_PER_SEND = 1024  # bytes: an intent and a result with their envelopes, generously
_SPARE = 1024 * 1024  # bytes that decisions and observations may take meanwhile
_A_COPY = (
    "{folder} has a copy of a ledger in PostgreSQL: set LEDGER to its address, or bring the ledger back into "
    "another folder with python -m bot ledger migrate --from its address --to FOLDER "
    "(where that was broken off: into the same folder)"
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the start found: how many lines, bytes of a torn tail put aside and where, what is corrupt.

    `doubt` is why it may be an old copy although it is whole (`events.Started`). `since` is the line of the
    checkpoint from which on lines were replayed.
    """

    lines: int
    quarantined: int = 0
    file: Path | None = None
    corrupt: Closed | None = None
    doubt: Doubt | None = None
    since: int = 0


@dataclass(frozen=True, slots=True)
class _Pending:
    """Lines of one commit on their way to the disk; a flush has none."""

    at: datetime
    lines: tuple[Line, ...]
    fields: tuple[bytes, ...]
    waiter: asyncio.Future[None] | None
    listed: tuple[Listed, ...] = ()


class FileLedger(Recorder):
    """A `Ledger` whose lines are in `folder`/ledger. Make one with `open` and end it with `close`."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        disk: Disk,
        book: Book,
        recovery: Recovery,
        segments: Segments,
        people: People | None,
        release: Callable[[], object],
        once_doubted: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(clock, book, recovery.corrupt)
        self._people = people
        self.recovery = recovery
        self._disk, self._folder, self._segments, self._release = disk, folder, segments, release
        self._pending: list[_Pending] = []
        self._writing = False
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self._once_doubted = once_doubted
        self.on_written: Callable[[float], None] = lambda _seconds: None
        """Called after each group of lines, with how long the disk took to have it."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._writer = asyncio.get_running_loop().create_task(self._write_on(), name="ledger")

    @classmethod
    def open(cls, folder: Path, clock: Clock, disk: Disk | None = None) -> Self:
        """Take the folder, replay what is in it and be ready to write. To be called in a running loop.

        Blocks while it replays what follows the newest checkpoint, or all (more than a second for 100,000
        lines). StartupError where another process
        owns the folder or it cannot be read or written. A corrupt ledger opens `closed`.
        """
        disk = disk or Disk()
        try:
            disk.make_folder(folder)
            release = disk.lock(folder / "instance.lock")
        except Timeout:
            text = "another process owns {folder}: stop it, or give this one another DATA_DIR"
            message = tongue.said(text, folder=folder)
            raise StartupError(message, code=1) from None
        except OSError as error:
            raise unusable(folder, error) from error
        try:
            return cls._replayed(folder, clock, disk, release)
        except BaseException as error:
            release()
            if isinstance(error, OSError):
                raise unusable(folder, error) from error
            raise

    @classmethod
    def _replayed(cls, folder: Path, clock: Clock, disk: Disk, release: Callable[[], object]) -> Self:
        mark = copied.found(disk, folder)
        disk.make_folder(ledger_folder(folder))
        if copied.COPY in disk.names(ledger_folder(folder)):
            raise StartupError(tongue.said(_A_COPY, folder=folder), code=1)
        views = heads_of_views(disk, folder)
        found = resumed(disk, folder, views)
        moved, kept, corrupt = 0, None, None
        doubt = doubt_about(found, views, clock.now()) or (None if mark is None else mark.doubt)
        segments = Segments(disk, folder, found.head)
        if found.trouble is not None and found.trouble.fault is Fault.CORRUPT:
            corrupt = explained(folder, found.trouble, found.head.seq)
        else:
            if found.trouble is not None:
                moved, kept = quarantine(disk, folder, found, clock.now())
            make_durable(disk, folder, found)
            now = segment_name(max(clock.now(), found.head.at))
            segments.switch_to(max(now, *found.sizes) if found.sizes else now)
        people = None
        try:
            used = corrupt is not None or bool(found.book.contacts)
            people = People(disk, folder, key_of(disk, folder, found.book.key, used=used))
            if unknown := people.fill(found.book):
                _log.warning(
                    "phones of customers of open cases are not known: nothing can be sent to them",
                    customers=unknown,
                    mend=f"if nobody had them forgotten, bring {folder / FOLDER} back from a backup",
                )
        except KeyMissing as error:
            corrupt = corrupt or Closed(str(error), "key")
        recovery = Recovery(found.head.seq, moved, kept, corrupt, doubt, found.since)
        return cls(
            folder,
            clock,
            disk=disk,
            book=found.book,
            recovery=recovery,
            segments=segments,
            people=people,
            release=release,
            once_doubted=None if mark is None else partial(copied.taken_off, disk, folder),
        )

    @property
    def head(self) -> Head:
        """The last line that is durable."""
        return self._segments.head

    @property
    def key(self) -> str | None:
        """The id of the secret that people are called by; None where it is missing."""
        return None if self._people is None else self._people.key.id

    def person(self, phone: str) -> str:
        """As `Ledger.person`."""
        if self._people is None:
            raise LedgerClosed(str(self._closed))
        return self._people.key.person(phone)

    async def let_go(self, days: int) -> list[str]:
        """Names and phones of months that ended so many days ago go, here and on the disk; which. OSError.

        By the day on record before this one.
        """
        now = day_before(self._book)
        if now is not None:  # whatever the disk does: what is due is known no more
            blank(self._book, now, days)
        if self._people is not None:
            self._people.key.forget()
        return await self._take_away(now, days)

    async def _take_away(self, now: datetime | None, days: int) -> list[str]:
        """What is due wherever it is kept; which. OSError."""
        work = partial(let_go, self._disk, self._folder, now, days)
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def rewritten(self) -> None:
        """What was changed in `people/` is so wherever else that is kept. OSError."""

    async def commit(self, write: Write) -> Sequence[Line]:
        """As `Ledger.commit`. Declined("no_room") where the disk has no room for what a plan brings.

        Cancelling the caller takes nothing back: the lines are written all the same.
        """
        try:
            now, lines = self._decide(write)
        except Declined:
            with suppress(LedgerClosed):
                await self.flush()
            raise
        if self._closed is not None or not lines:
            self._apply(now, lines)
            return lines
        assert self._people is not None  # noqa: S101 - else it is closed
        lines = tuple(map(self._people.called, lines))
        inner = tuple(codec.fields(line) for line in lines)
        self._check_room(lines, inner)
        self._apply(now, lines)
        waiter = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(now, lines, inner, waiter, self._people.listed(now, lines, self._book)))
        self._wake.set()
        await waiter
        return lines

    def note(self, line: Line) -> None:
        """As `Ledger.note`; LedgerClosed where it is closed and the line is not an observation.

        The end of a send that had left is written all the same, where what closed it leaves the end of the
        file as it should be.
        """
        now = self._now()
        if not self._ends(line):
            self._admit((line,))
        if self._closed is not None and not self._ends(line):
            self._apply(now, (line,))
            return
        inner = codec.fields(line)
        self._apply(now, (line,))
        self._pending.append(_Pending(now, (line,), (inner,), None))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_NOTE_WITHIN, self._wake.set)

    async def flush(self) -> None:
        """As `Ledger.flush`."""
        if self._closed is not None:
            raise LedgerClosed(self._closed)
        if self._pending or self._writing:
            waiter = asyncio.get_running_loop().create_future()
            self._pending.append(_Pending(self._now(), (), (), waiter))
            self._wake.set()
            await waiter

    async def close(self) -> None:
        """Make what is pending durable, stop, and give the folder free. Harmless when repeated."""
        self._stopping, self._sound = True, False
        self._closed = self._closed or "the ledger was closed"
        self._wake.set()
        await asyncio.wait({self._writer})  # unlike a bare await: cancelling this cancels no write
        self._drop_timer()
        self._thread.shutdown()
        with suppress(OSError):
            self._segments.close()
        self._release()

    def free_bytes(self) -> int:
        """How much room its disk has. Blocks as long as the disk does; OSError."""
        return self._segments.free_bytes()

    def _check_room(self, lines: Sequence[Line], inner: Sequence[bytes]) -> None:
        sends = [sum(r.skip is None for r in line.recipients) for line in lines if isinstance(line, Planned)]
        if not sends:
            return
        try:
            free = self._segments.free_bytes()
        except OSError as error:
            self._stop(Closed(f"{self._folder} does not answer ({error.strerror})", "unwritable"))
            raise LedgerClosed(str(self._closed)) from error
        if free < sum(map(len, inner)) + sum(sends) * _PER_SEND + _SPARE:
            raise Declined("no_room")

    async def _write_on(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                await self._write_group(self._take())
            if self._stopping:
                return

    def _take(self) -> list[_Pending]:
        """What is pending, up to where another month begins."""
        self._drop_timer()
        month = segment_name(self._pending[0].at)
        count = sum(segment_name(entry.at) == month for entry in self._pending)
        group, self._pending = self._pending[:count], self._pending[count:]
        return group

    async def _write_group(self, group: list[_Pending]) -> None:
        rows = [(entry.at, inner) for entry in group for inner in entry.fields]
        lines = [line for entry in group for line in entry.lines]
        places: list[tuple[int, str]] = []
        self._writing = True
        try:
            if rows:
                listed = [one for entry in group for one in entry.listed]
                places, took = await self._durably(listed, rows)
                self.on_written(took)
        except Exception as error:  # noqa: BLE001 - whatever stops the writer must reach those who wait
            self._fail(group, error)
            return
        finally:
            self._writing = False
        for line, place in zip(lines, places, strict=True):
            self._book.stands(line, *place)
        if self._once_doubted is not None and any(isinstance(n, Started) and n.doubt for n in lines):
            await asyncio.get_running_loop().run_in_executor(self._thread, self._once_doubted)
            self._once_doubted = None
        for entry in group:
            if entry.waiter is not None and not entry.waiter.done():
                entry.waiter.set_result(None)
        if rows:
            self._tell(lines)

    async def _durably(
        self, listed: Sequence[Listed], rows: Sequence[tuple[datetime, bytes]]
    ) -> tuple[list[tuple[int, str]], float]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._append, listed, rows)

    def _append(
        self, listed: Sequence[Listed], rows: Sequence[tuple[datetime, bytes]]
    ) -> tuple[list[tuple[int, str]], float]:
        """Where they stand, and how many seconds it took.

        Names and phones first: a line whose people are not known sends to nobody.
        """
        began = self._clock.monotonic()
        if listed and self._people is not None:
            self._people.append(listed)
        places = self._segments.append(rows)
        return places, self._clock.monotonic() - began

    def _fail(self, group: list[_Pending], error: Exception) -> None:
        why = self._why(error)
        _log.error("ledger_write_failed", why=why)
        waiting, self._pending = group + self._pending, []
        for entry in waiting:
            if entry.waiter is not None and not entry.waiter.done():
                entry.waiter.set_exception(LedgerClosed(why))
        self._stop(why)

    def _why(self, error: Exception) -> Closed:
        """What to say of what stopped the writer."""
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        full = isinstance(error, OSError) and error.errno in FULL
        what = tongue.said(
            "{path} could not be written ({why})", path=ledger_folder(self._folder), why=reason
        )
        return Closed(what, "full" if full else "unwritable")

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def explained(folder: Path, trouble: Trouble, lines: int) -> Closed:
    """What to say of a damaged line that a start found behind so many good ones."""
    gone = not lines and not trouble.later
    text = "{file}, line {line} is damaged ({what}): see python -m bot ledger verify"
    file = ledger_folder(folder) / trouble.segment
    text = tongue.said(text, file=file, line=trouble.line, what=trouble.what)
    return Closed(text, "gone" if gone else "damaged", file=trouble.segment, line=trouble.line)


def unusable(folder: Path, error: OSError) -> StartupError:
    """What to say of a data folder that cannot be worked in."""
    needed = "DATA_DIR must be a folder on a local disk that this user may read and write"
    mend = "; ".join([tongue.said(needed), *troubles(folder)])
    text = "{folder} cannot be used ({why}): {mend}"
    return StartupError(tongue.said(text, folder=folder, why=error.strerror, mend=mend), code=1)
