"""The world of a story: one process on its ledger, how it ends and starts again, what must always hold."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.directories.own import Own
from bot.domain.book import Book
from bot.domain.events import Restoring, Stopped
from bot.domain.rules import Rules
from bot.flow.deps import Deps
from bot.process.tasks import Tasks
from bot.storage import snapshot
from bot.storage.checkpoint import renew
from bot.storage.files import FileLedger
from tests.deciding import DecidingFlow
from tests.fakes import FakeChat, FakeInbox, FakeLimiter, FakeStaff
from tests.faults.crash_ledger import CrashLedger, Inline, Stamped
from tests.faults.story_fakes import StoryGateway, StorySource, Way
from tests.faults.story_time import StoryClock, StoryLoop
from tests.faults.tries import Tries
from tests.faults.truth import Truth
from tests.storage.disks import QuickDisk

RULES = Rules(sends=2, send_tries=2)


@dataclass
class Asked:
    """Something a person asked for that has not been answered yet."""

    task: "asyncio.Task[Any]"
    effect: Callable[[], None]


@dataclass
class World:
    """One process at a time on one ledger. `holds` is to be called after each step."""

    tries: Tries
    loop: StoryLoop
    folder: Path | None = None
    ways: deque[Way] = field(default_factory=deque)
    away: bool = False
    lag: float = 0.0
    rules: Rules = RULES

    def __post_init__(self) -> None:
        self.clock = StoryClock(self.loop)
        self.truth = self.new_truth()
        self.source = StorySource()
        self.source.read_over = self.truth.read_over
        self.incidents = 0
        self.promised: list[tuple[datetime, object]] = []
        self.asked: list[Asked] = []

    def new_truth(self) -> Truth:
        """Who judges the story."""
        return Truth(self.tries, self.clock)

    # What stands

    @property
    def book(self) -> Book:
        return self.ledger.book

    @property
    def known(self) -> int:
        return len(self.ledger.lines) if isinstance(self.ledger, CrashLedger) else 0

    async def start(self, lines: Sequence[Stamped] = ()) -> None:
        """A process starts on what the ledger has."""
        if self.folder is None:
            self.ledger: CrashLedger | FileLedger = CrashLedger(self.clock, lines)
            self.shadow, self.folded = Book(), 0
        else:
            self.ledger = FileLedger.open(self.folder, self.clock, QuickDisk())
            self.ledger._thread = Inline()  # type: ignore[assignment]
        self._promises_kept("a start")
        self.ledger.listeners.append(self.truth.durable)
        self.landing, self.tasks, self.chat = asyncio.Event(), Tasks(), FakeChat()
        self.flow = DecidingFlow(
            Deps(
                self.source,
                Own(self.source),
                StoryGateway(self),
                FakeLimiter(),
                self.ledger,
                self.chat,
                self.clock,
                random.Random(1),  # noqa: S311
                self.tasks.spawn,
                FakeStaff(),
                FakeInbox(),
                (self.source,),
            ),
            self.rules,
        )
        await self.loop.finish(self.flow.start("test"))

    def holds(self) -> None:
        """Every promise, as things stand."""
        if self.truth.broken is not None:
            raise self.truth.broken
        self._promises_kept("a step")
        self.truth.check(self.ledger.closed is None, "the ledger is closed")
        self.truth.accounted(self.book)
        if isinstance(self.ledger, CrashLedger):
            for at, line in self.ledger.taken[self.folded :]:
                self.shadow.apply(at, line)
            self.folded = len(self.ledger.taken)
            self.truth.check(vars(self.shadow) == vars(self.book), "the book is not what its lines add up to")
            self.shadow = snapshot.load(snapshot.dump(self.shadow))  # what follows it has been through a file

    def _promises_kept(self, after: str) -> None:
        audit = [(entry.at, entry.line) for entry in self.book.audit[: len(self.promised)]]
        self.truth.check(audit == self.promised, f"what a person was told is gone after {after}")

    def answered(self) -> None:
        for one in [one for one in self.asked if one.task.done()]:
            self.asked.remove(one)
            one.task.result()

    # How it ends

    async def crash(self, *, kept: bool = True, older: int = 0, torn: bool = False) -> None:
        """The process dies; `older` lines are missing afterwards, the group on its way may be `kept`."""
        self.tries.kills += 1
        self.truth.story.append(f"crash{'' if kept else ', the last group lost'}{', torn' if torn else ''}")
        ledger, lines = self.ledger, list[Stamped]()
        if isinstance(ledger, CrashLedger):
            lines = ledger.crash(kept=kept)
            self.tries.images += len(lines) < len(ledger.taken)
        for one in self.asked:
            if kept and not one.task.done():
                one.effect()
        await self._gone()
        if isinstance(ledger, FileLedger):
            ledger._pending.clear()
            await ledger.close()
            self._torn(torn)
        cut = lines[: max(1, len(lines) - older)] if older else lines
        while cut and isinstance(cut[-1][1], Restoring) and len(cut) < len(lines):
            cut = cut[:-1]  # a group is there whole or not at all
        if len(cut) < len(lines) and not isinstance(cut[-1][1], Stopped):
            self.truth.story.append(f"an old copy of the ledger, {len(lines) - len(cut)} lines behind")
            behind = self.clock.now() - cut[-1][0]
            if behind <= timedelta(hours=1):  # within the hour nobody can tell
                self.clock.set(timedelta(hours=1, seconds=1) - behind)
            lines = cut
            self.tries.images += 1
            self.truth.replaced([line for _, line in lines])
            book = Book()
            for at, line in lines:
                book.apply(at, line)
            self.promised = self.promised[: len(book.audit)]
        await self.start(lines)
        self.truth.check(
            not self.truth.unconfirmed or self.book.unconfirmed is not None, "an old copy is trusted"
        )

    async def stop_in_order(self) -> None:
        """SIGTERM, and a new start."""
        self.truth.story.append("clean stop")
        self.flow.drain()
        cut_off = await self.loop.finish(self.tasks.drain(35))
        if isinstance(self.ledger, CrashLedger):
            self.ledger.hold(held=False)
        if not cut_off:
            await self.loop.finish(self.flow.stopped())
        ledger, lines = self.ledger, list[Stamped]()
        if isinstance(ledger, CrashLedger):
            await self.loop.advance(1)
            lines = ledger.crash(kept=True)
        await self._gone()
        if isinstance(ledger, FileLedger) and self.folder is not None:
            await ledger.close()
            renew(QuickDisk(), self.folder)
        await self.start(lines)

    async def _gone(self) -> None:
        """Nothing of the process runs any more."""
        writer = getattr(self.ledger, "_writer", None) if self.folder is not None else None
        for _ in range(5):
            left = asyncio.all_tasks() - {asyncio.current_task(), writer}
            if not left:
                break
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        self.asked.clear()
        self.truth.flying.clear()

    def _torn(self, torn: bool) -> None:
        if self.folder is not None:
            renew(QuickDisk(), self.folder)  # the next start reads that, and what is torn behind it
        if torn and self.folder is not None:
            segment = max((self.folder / "ledger").glob("*.jsonl"))
            with segment.open("ab") as file:
                file.write(b'{"seq":')
            self.tries.images += 1

    async def over(self) -> None:
        """Nothing of this story runs any more."""
        if isinstance(self.ledger, CrashLedger):
            self.ledger.crash(kept=False)
        await self._gone()
        if isinstance(self.ledger, FileLedger):
            await self.ledger.close()
