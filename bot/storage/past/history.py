"""What the ledger says of its past (`ports.History`), read in a thread of its own through the index."""

import asyncio
import errno
import math
import sqlite3
import tempfile
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import structlog

from bot.domain.book import AuditEntry, Book
from bot.domain.lookup.sought import Customer, Sought
from bot.domain.regional import Whose
from bot.errors import Declined
from bot.ports import Clock, Recalled, Wish
from bot.storage.disk import Disk
from bot.storage.past.index import Index
from bot.storage.past.indexing import Indexer
from bot.storage.past.recall import Recall
from bot.storage.past.seeking import Seeking
from bot.storage.past.tables import INDEX, Audited, Flag, copy
from bot.storage.past.telling import tell
from bot.storage.people.store import known
from bot.storage.segments import ledger_folder

T = TypeVar("T")
_SLICE = 0.1  # seconds of reading, between which who asks gets a turn
_REST = 0.3  # seconds between two of them, while nobody asks
_SOON = 60.0  # seconds after a start, which has more to do
_PATIENCE = 10.0  # seconds that a person waits; a first reading of years takes longer
_EVERY = 3600.0  # seconds between two readings of what was written, so that nobody who asks waits for it
_CASES = 400  # cases that are told of in one answer
_LIVES = 3  # times that it is made anew
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
_FLAGS: dict[str, tuple[Flag, ...]] = {
    "no": (Flag.PLAIN,),
    "also": tuple(Flag),
    "only": (Flag.REFUSED,),
}

_log = structlog.get_logger(__name__)


class Anew(Exception):
    """The index was thrown away: it is made anew."""


class Archive:
    """A ledger's past through an index that is made where it is missing; for one thread."""

    def __init__(self, folder: Path, disk: Disk, path: Path | None) -> None:
        """`path` is where the index is; without it it is in memory."""
        self._folder, self._disk, self._path = folder, disk, path
        self._thrown = 0
        self._indexer: Indexer | None = None
        self._damage: str | None = None

    def step(self, upto: int | None, seconds: float) -> bool:
        """Read on for about so long, to the line of that number at most; whether all is read. OSError."""
        try:
            indexer = self._opened()
            done = indexer.step(upto, seconds)
        except OSError:
            raise
        except sqlite3.Error as error:
            return self._failed(error)
        except Exception as wrong:  # noqa: BLE001 - whatever a spoilt file says
            self._throw_away(str(wrong) or type(wrong).__name__)
            return False
        if done and indexer.stopped_at != self._damage:
            self._damage = indexer.stopped_at
            _log.warning("history ends before a damaged line", where=self._damage)
        return done

    def ask(self, work: Callable[[Index, Recall], T]) -> T:
        """What `work` finds. Anew where the index is no good: read again, then ask again. OSError."""
        try:
            index = self._opened().index
            return work(index, Recall(self._disk, self._folder, index))
        except FileNotFoundError as error:
            self._throw_away(f"it points at {error.filename}, which is gone")
        except OSError:
            raise
        except sqlite3.Error as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - whatever a spoilt file points at
            self._throw_away(f"it points at something else ({type(error).__name__})")
        raise Anew

    def close(self) -> None:
        """Let go of the index."""
        if self._indexer is not None:
            self._indexer.index.close()
            self._indexer = None

    def _opened(self) -> Indexer:
        if self._indexer is not None and not self._indexer.index.there:
            _log.warning("history index was deleted: it is made anew, and nothing is lost")
            self.close()
        if self._thrown > _LIVES:
            raise OSError(errno.EIO, "the index comes to nothing")
        if self._indexer is None:
            self._indexer = Indexer(self._disk, self._folder, self._index())
        return self._indexer

    def _index(self) -> Index:
        try:
            return Index(self._path)
        except OSError as error:
            self._do_without(str(error.strerror))
            return Index(None)

    def _throw_away(self, why: str) -> None:
        """The second time in one life it is made in memory: something keeps spoiling the file."""
        self._thrown += 1
        _log.warning("history index thrown away: it is made anew, and nothing is lost", why=why)
        self._remove()
        if self._thrown > 1:
            self._path = None

    def _remove(self) -> None:
        self.close()
        if self._path is not None:
            with suppress(OSError):
                for path in (self._path, self._path.with_name(f"{INDEX}-journal")):
                    self._disk.remove(path)

    def _failed(self, error: sqlite3.Error) -> bool:
        name = getattr(error, "sqlite_errorname", "")
        if name in {"SQLITE_BUSY", "SQLITE_LOCKED"}:
            return False
        if name in _DAMAGED or not isinstance(error, sqlite3.OperationalError):
            self._throw_away(str(error))
        else:
            self._do_without(str(error))
        return False

    def _do_without(self, why: str) -> None:
        """A full disk needs its room for the ledger."""
        _log.warning("history index cannot be written: answers take longer, nothing is lost", why=why)
        self._remove()
        self._path = None


@contextmanager
def visited(folder: Path, disk: Disk, upto: int, *, anew: bool = False) -> Iterator[Archive]:
    """The same, read to that line, for a command beside the bot, whose index it leaves alone: it has a copy.

    `anew`: of the segments only. OSError.
    """
    with ExitStack() as stack:
        archive = Archive(folder, disk, None)
        with suppress(OSError):  # without a place for it: in memory
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="index-"))) / INDEX
            archive = Archive(folder, disk, path)
            with suppress(sqlite3.Error):
                if not anew:
                    copy(ledger_folder(folder) / INDEX, path)
        stack.callback(archive.close)
        while not archive.step(upto, 60.0):
            pass
        yield archive


class FileHistory:
    """A `History` of the ledger in `folder`, as far as `durable` says that it is on disk."""

    def __init__(
        self, folder: Path, durable: Callable[[], int | None], clock: Clock, disk: Disk | None = None
    ) -> None:
        self._disk, self._folder = disk or Disk(), folder
        self._archive = Archive(folder, self._disk, ledger_folder(folder) / INDEX)
        self._durable, self._clock = durable, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._reader: asyncio.Task[None] | None = None

    def start(self, *, rows: bool = False) -> None:
        """Read on beside what goes on, now and then; `rows`: and make those of cases, where somebody asks."""
        self._reader = asyncio.get_running_loop().create_task(self._keep_up(rows=rows), name="history")

    async def case(self, number: int) -> Book:
        """As `History.case`."""
        book = await self.ask(lambda _index, recall: self._filled(recall.fold([number]).book))
        if number not in book.cases:
            raise Declined("unknown_case")
        return book

    async def audit(self, wish: Wish, skip: int, most: int) -> Recalled:
        """As `History.audit`."""
        return await self.ask(lambda index, recall: _page(index, recall, wish, skip, most))

    async def customers(
        self, sought: Sought, called: str | None, whose: Whose | None = None
    ) -> tuple[list[Customer], bool]:
        """As `History.customers`."""

        def work(index: Index, recall: Recall) -> tuple[list[Customer], bool]:
            seeking = self._seeking(index, recall)
            return seeking.customers(sought, called, whose), seeking.cut

        return await self.ask(work)

    async def outages(self, customer: Customer, called: str | None) -> tuple[Book, bool]:
        """As `History.outages`."""

        def work(index: Index, recall: Recall) -> tuple[Book, bool]:
            seeking = self._seeking(index, recall)
            cases = seeking.cases_of(customer, called)
            return self._filled(recall.fold(cases).book), seeking.cut

        return await self.ask(work)

    async def regions(self, cases: Collection[int]) -> frozenset[str]:
        """As `History.regions`."""
        return await self.ask(lambda index, _recall: frozenset(map(index.region_of, cases)))

    async def close(self) -> None:
        """Stop reading."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait({self._reader})
        await self._run(self._archive.close)
        self._thread.shutdown()

    def _seeking(self, index: Index, recall: Recall) -> Seeking:
        return Seeking(index, recall, known(self._disk, self._folder))

    def _filled(self, book: Book) -> Book:
        people = known(self._disk, self._folder)
        if people is not None:
            with suppress(FileNotFoundError):  # its time was over at this moment: no fault of the index
                people.fill(book)
        return book

    async def ask(self, work: Callable[[Index, Recall], T]) -> T:
        """What `work` finds in all that is written. Declined where that cannot be told now."""
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    while not await self._run(self._archive.step, self._durable(), _SLICE):
                        pass
                    with suppress(Anew):
                        return await self._run(self._archive.ask, work)
        except TimeoutError:
            raise Declined("history_reading") from None
        except OSError as error:
            _log.warning("history could not be read", why=error.strerror)
            raise Declined("history_away") from error

    async def _keep_up(self, *, rows: bool) -> None:
        await self._clock.sleep(_SOON)
        while True:
            with suppress(OSError):
                while not await self._run(self._archive.step, self._durable(), _SLICE):
                    await self._clock.sleep(_REST)
                while rows and await self._told():
                    await self._clock.sleep(_REST)
            await self._clock.sleep(_EVERY)

    async def _told(self) -> int:
        """Rows are made for a while; how many are left, 0 also where the index is to be made anew."""
        with suppress(Anew):
            return await self._run(self._archive.ask, lambda index, recall: tell(index, recall, _SLICE))
        return 0

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)


def _page(index: Index, recall: Recall, wish: Wish, skip: int, most: int) -> Recalled:
    places = None
    if wish.place is not None:
        places = {number for number, label in index.labels() if wish.place(label)}
    between = None
    if wish.between is not None:
        first, last = (math.ceil(at.timestamp()) for at in wish.between)
        between = first, last
    total, lines = index.audited(_FLAGS[wish.refused], places, between, skip, most, whose=wish.whose)
    lines = _of_a_few(lines)
    folded = recall.fold({line.case for line in lines}, [line.place for line in lines if not line.case])
    entries = tuple(_entry(line, folded.brought[line.place]) for line in lines)
    return Recalled(folded.book, entries, total)


def _of_a_few(lines: list[Audited]) -> list[Audited]:
    """As many as are about no more cases than one answer tells of."""
    cases: set[int] = set()
    for number, line in enumerate(lines):
        cases.add(abs(line.case))
        if len(cases) > _CASES:
            return lines[:number]
    return lines


def _entry(line: Audited, brought: list[AuditEntry]) -> AuditEntry:
    return next(one for one in brought if one.line.kind == line.kind and (one.case or 0) == line.case)
