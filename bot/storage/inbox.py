"""`inbox.jsonl`: what a gateway told us by itself, kept until the ledger has what came of it.

Whoever told it hears that it arrived and does not repeat it, so it is on disk before they hear that. A line
is one piece of news; what is worked on goes when everything is, or when there is much of it. Receipts that
are found again after a crash are worked on again, which changes nothing: one says the same each time. A
customer's stop and what happened to a template go at once: somebody may have decided otherwise since.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bot.domain.delivery import DeliveryNews, News
from bot.storage.disk import Disk

NAME = "inbox.jsonl"
MOST = 50_000
"""So many pieces of news may wait: a gateway is told to come again with more."""
_MUCH = 4 * 1024 * 1024  # bytes of the file from which on what is worked on leaves it

_NEWS: TypeAdapter[News] = TypeAdapter(News)
log = logging.getLogger(__name__)


class FileInbox:
    """`bot.ports.Inbox` over the file. `left` is what an earlier process did not get to."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        """OSError where the file cannot be read. Lines torn or of another version are passed over."""
        self._path, self._disk = folder / NAME, disk or Disk()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inbox")
        self._held: dict[int, tuple[News, bytes]] = {}
        self._new: list[bytes] = []
        self._written: asyncio.Future[None] | None = None
        self._size = 0
        self._stands = False  # in its folder, whatever happens to the power
        self.left: Sequence[News] = self._found()

    async def keep(self, news: Sequence[News]) -> None:
        """As `Inbox.keep`. What comes at the same moment is written at once."""
        if len(self._held) + len(news) > MOST:
            raise OSError(f"{NAME} is full: {len(self._held)} pieces of news wait")
        if not news:
            return
        rows = [(one, _NEWS.dump_json(one) + b"\n") for one in news]
        self._held |= {id(one): (one, row) for one, row in rows}
        self._new += [row for _, row in rows]
        if self._written is None:
            self._written = asyncio.ensure_future(self._write())
        try:
            await asyncio.shield(self._written)
        except (OSError, asyncio.CancelledError):
            for one, _ in rows:  # whoever told it hears so, or nothing in time, and comes again
                self._held.pop(id(one), None)
            raise

    def done(self, news: Sequence[News]) -> None:
        """As `Inbox.done`."""
        for one in news:
            self._held.pop(id(one), None)
        once = any(not isinstance(one, DeliveryNews) for one in news)
        if once or (not self._held and self._size) or self._size > _MUCH:
            kept = b"".join(row for _, row in self._held.values())
            if once or len(kept) <= self._size // 2:
                self._size = len(kept)
                self._thread.submit(self._replace, kept)

    def close(self) -> None:
        """Wait for what is being written."""
        self._thread.shutdown()

    async def _write(self) -> None:
        await asyncio.sleep(0)  # whoever comes in the same turn
        rows, self._new, self._written = b"".join([b"\n", *self._new]), [], None  # a torn line ends there
        self._size += len(rows)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._append, rows)

    def _append(self, rows: bytes) -> None:
        descriptor = self._disk.open_append(self._path)
        try:
            new = self._disk.size(descriptor) == 0
            while rows:
                rows = rows[self._disk.write(descriptor, rows) :]
            self._disk.fdatasync(descriptor)
        finally:
            self._disk.close(descriptor)
        if new or not self._stands:  # whoever made it may have been killed before this
            self._disk.sync_folder(self._path.parent)
            self._stands = True

    def _replace(self, kept: bytes) -> None:
        try:
            self._disk.replace(self._path, kept)
        except OSError as error:  # they are worked on again after a crash, which changes nothing
            log.warning("%s could not be shortened: %s", self._path, error.strerror)

    def _found(self) -> Sequence[News]:
        if NAME not in self._disk.names(self._path.parent):
            return ()
        data = self._disk.read(self._path)
        self._size = len(data)
        rows = [row for row in data.split(b"\n") if row]
        news = list(_read(rows))
        if len(news) < len(rows):
            log.warning(
                "%d lines of %s cannot be read and are passed over", len(rows) - len(news), self._path
            )
        self._held = {id(one): (one, _NEWS.dump_json(one) + b"\n") for one in news}
        return news


def _read(rows: Iterable[bytes]) -> Iterable[News]:
    for row in rows:
        try:
            yield _NEWS.validate_json(row)
        except ValidationError:
            continue
