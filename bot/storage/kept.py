"""Keeps `cooldown.json` and `audit.json` true while the ledger grows, for a few bytes a message.

`cooldown.json` is replaced whole when what it says of ports changes. `audit.json` is replaced whole at a
start, and when half as many rows again as it should have are out of the audit; else what changed is written
into it (`page`), so its cost does not grow with age. A decision stands there within a second, the counts of a
dispatch that runs within `_ROWS`; the line that it names, which a start looks for in the ledger, is of the
last second that something was decided or sent in.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from bot.domain.book import AuditEntry, Event
from bot.domain.events import Approved, CooldownReleased, Line, Started
from bot.domain.events.cases import IncidentChanged, IncidentEnded, IncidentJoined
from bot.ports import Clock
from bot.storage.disk import Disk
from bot.storage.page import Page
from bot.storage.recorder import Recorder
from bot.storage.views import Counts, cooldown_view, decision

_PAUSE = 1.0  # seconds between two writings while changes keep coming
_ROWS = 15.0  # seconds, at most, until what became of earlier decisions is written
_COOLDOWN, _AUDIT = "cooldown.json", "audit.json"
_FEW = 200  # rows that nobody minds
_AT_ONCE = 50  # audit rows between two turns of the event loop: a tap must not wait for 10,000
_QUIET = IncidentChanged | IncidentEnded | IncidentJoined  # that nobody was told anything by

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _News:
    """What was heard since the last writing: the cases and ports that rows may read otherwise about."""

    about: set[object]
    ports: set[str]
    every: bool = False
    decided: bool = False

    def touches(self, entry: AuditEntry) -> bool:
        line = entry.line
        return (
            self.every
            or _about(line) in self.about
            or (isinstance(line, Approved) and any(port.key in self.ports for port in line.ports))
        )


def _a_row_a_line(view: Mapping[str, Any]) -> str:
    """JSON that a person can read, in half the bytes of one that is indented throughout."""
    rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in view["ports"])
    rest = json.dumps({name: value for name, value in view.items() if name != "ports"}, ensure_ascii=False)
    return f'{rest[:-1]}, "ports": [\n  {rows}\n]}}'


class Views:
    """Keeps both files up to date with a ledger. Close it before the ledger.

    A file that cannot be written is logged once and stops nothing. While the ledger is closed the files
    stay as they are.
    """

    def __init__(
        self, folder: Path, ledger: Recorder, hours: float, clock: Clock, disk: Disk | None = None
    ) -> None:
        self._folder, self._ledger, self._hours, self._clock = folder, ledger, hours, clock
        self._disk = disk or Disk()
        self._news = _News(set(), set())
        self._soon, self._due, self._rows_at = asyncio.Event(), False, 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._ports: list[dict[str, Any]] | None = None
        self._entries: list[AuditEntry] = []
        self._page: Page | None = None
        self._failing: set[str] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="views")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Rebuild both files and follow the ledger from here on."""
        self._ledger.listeners.append(self._heard)
        await self._write()
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="views")

    def follow(self, hours: float) -> None:
        """The cooldown lasts so long from now on: with the next writing each row says so."""
        self._hours, self._news.every = hours, True
        self._ring()

    async def close(self) -> None:
        """Write both files a last time and stop."""
        if self._task is None:
            return
        self._ledger.listeners.remove(self._heard)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await asyncio.get_running_loop().run_in_executor(self._thread, lambda: None)  # what it was at
        self._task, self._ports, self._news.every = None, None, True
        await self._write()
        self._thread.shutdown()

    def _heard(self, lines: Sequence[Line]) -> None:
        for line in lines:
            if not (line.audited or line.recounts):
                continue
            self._news.about.add(_about(line))
            self._news.every |= isinstance(line, Started)  # it interrupts dispatches without naming them
            self._news.decided |= line.audited
            if isinstance(line, Approved):
                self._news.ports.update(port.key for port in line.ports)
            elif isinstance(line, CooldownReleased):
                self._news.ports.add(line.port.key)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_at(self._rows_at, self._ring)
            if not isinstance(line, _QUIET):
                self._soon.set()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _ring(self) -> None:
        self._due = True
        self._soon.set()

    async def _follow(self) -> None:
        while True:
            await self._soon.wait()
            self._soon.clear()
            due = self._due or self._news.decided or self._now() >= self._rows_at
            await (self._write() if due else self._change({}, []))
            await asyncio.sleep(_PAUSE)

    async def _write(self) -> None:
        """Both files as they should be: whole the first time and now and then, else what changed."""
        if self._ledger.closed is not None:
            return
        news, self._news = self._news, _News(set(), set())
        self._stop_timer()
        await self._write_cooldown()
        audit = tuple(self._ledger.book.audit)  # what changes meanwhile is heard: written again
        out = self._out_of(audit)
        if self._page is None or out is None or 2 * out > len(audit) + _FEW:
            self._entries, self._page = list(audit), Page(await self._rendered(audit))
            await self._do(_AUDIT, partial(self._replace, self._page, self._anchor()))
            return
        places = [n for n, entry in enumerate(self._entries[out:], out) if news.touches(entry)]
        rows = await self._rendered([self._entries[place] for place in places])
        new = audit[len(self._entries) - out :]
        added = await self._rendered(new)
        self._entries += new  # with the page's rows, or not at all: a stop may come while they are rendered
        await self._change(dict(zip(places, rows, strict=True)), added)

    async def _write_cooldown(self) -> None:
        now = max(self._clock.now(), self._ledger.book.last_at)
        view = cooldown_view(self._ledger.book, now, self._hours)
        left = [row for row in self._ports or () if row["until"] > view["as_of"]]
        if self._ports is None or left != view["ports"]:
            self._ports = view["ports"]
            text = _a_row_a_line(self._anchor() | view)
            await self._do(
                _COOLDOWN, lambda: self._disk.replace(self._folder / _COOLDOWN, f"{text}\n".encode())
            )

    def _stop_timer(self) -> None:
        self._due, self._rows_at = False, self._now() + _ROWS
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _out_of(self, audit: Sequence[AuditEntry]) -> int | None:
        """How many rows of the file are of entries that have left the audit; None where it is another one."""
        first = audit[0] if audit else None
        out = next((n for n, entry in enumerate(self._entries) if entry is first), None)
        known = 0 if out is None else len(self._entries) - out
        return out if known and len(audit) >= known and audit[known - 1] is self._entries[-1] else None

    async def _rendered(self, entries: Sequence[AuditEntry]) -> list[bytes]:
        """A row of each; the event loop has a turn between some and the next."""
        rows: list[bytes] = []
        counts: Counts = {}
        for entry in entries:
            row = decision(self._ledger.book, entry, self._hours, counts)
            rows.append(json.dumps(row, ensure_ascii=False).encode())
            if len(rows) % _AT_ONCE == 0:
                await asyncio.sleep(0)
                counts.clear()  # which may be others by now
        return rows

    async def _change(self, changed: Mapping[int, bytes], new: Sequence[bytes]) -> None:
        if self._page is not None and self._ledger.closed is None:
            await self._do(_AUDIT, partial(self._patch, self._page, changed, new, self._anchor()))

    def _anchor(self) -> dict[str, Any]:
        """The last durable line: a ledger that a start finds without it is older than this file."""
        head = self._ledger.head
        return {} if head is None else {"ledger": {"sequence": head.seq, "head": head.digest}}

    def _replace(self, page: Page, anchor: Mapping[str, Any]) -> None:
        self._disk.replace(self._folder / _AUDIT, page.whole(json.dumps(anchor).encode()))

    def _patch(
        self, page: Page, changed: Mapping[int, bytes], new: Sequence[bytes], anchor: Mapping[str, Any]
    ) -> None:
        was, parts = page.size, page.change(changed, new)
        parts.append(page.head(json.dumps(anchor).encode()))
        if not self._disk.patch(self._folder / _AUDIT, parts, was, page.size):
            self._replace(page, anchor)

    async def _do(self, name: str, work: Callable[[], None]) -> None:
        """Run it in the thread; what fails is tried again, whole, with the next news."""
        try:
            # Shielded: at a stop what waits for its turn in the thread would be left out, and its rows.
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))
        except OSError as error:
            if name not in self._failing:
                _log.warning("view_not_written", file=str(self._folder / name), why=error.strerror)
            self._failing.add(name)
            self._page, self._ports = None, None
        else:
            self._failing.discard(name)


def _about(line: Event) -> object:
    """What rows are about: a case and its second message alike, or a test message."""
    trial = getattr(line, "trial", None)
    return abs(getattr(line, "case", None) or 0) if trial is None else f"trial {trial}"
