"""The page of what goes on now, kept true while somebody looks: drawn once a change for all who watch.

A line of the ledger marks its case; four times a second what is marked is drawn anew, a case at a time, so
that a tap waits for no more than one. Whoever watches is sent the newest there is when they took what came
before: nothing is queued for them.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from markupsafe import Markup

from bot.chat.screens.pages.status import ProgramFacts
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.events import Alive, Line, PageOpened, TapRefused
from bot.domain.plan import Tally
from bot.domain.regional import Whose
from bot.domain.rules import Rules
from bot.domain.watched.health import SourceHealth
from bot.ops.panel import now as page
from bot.ops.panel.chosen import chosen_region, regions, whose_of
from bot.ops.panel.pages import Templates, Visit
from bot.ports import Clock, Ledger

EVERY = 0.25  # seconds between two looks at what changed
TICK = 5.0  # seconds after which a watcher hears that nothing did
ESTIMATED = 0.75  # seconds for which what an approval would come to is taken for what it was
AT_ONCE = 20  # cases that are asked about before others have their turn
AGED = 30.0  # seconds after which all is drawn anew: time alone changes what a case says
NOTHING: Mapping[str, str] = {}
_OF_NO_CASE = Alive, PageOpened, TapRefused  # they change nothing that is shown
log = logging.getLogger(__name__)


class Desk(Protocol):
    """What is known of what goes on."""

    @property
    def ledger(self) -> Ledger:
        """The state, and whether it takes decisions."""

    @property
    def sources_health(self) -> Sequence[SourceHealth]:
        """How each source is doing."""

    @property
    def rules(self) -> Rules:
        """What the settings say now."""

    def expected(self, number: int) -> Tally | None:
        """What an approval of a case would come to now; None where that is not known."""


@dataclass(slots=True)
class _View:
    """The page as some see it who look at the same cases: what they were told, and how many watch.

    `due` are those that look otherwise than they were told.
    """

    whose: Whose | None
    watching: int = 0
    due: set[int] = field(default_factory=set)
    head: Markup | None = None
    order: list[int] = field(default_factory=list)
    version: int = 0
    step: bytes = b""
    whole: bytes = b""


class Live:
    """One for all who watch; it works only while somebody does. A case is drawn once, whoever looks at it."""

    def __init__(
        self,
        desk: Desk,
        templates: Templates,
        clock: Clock,
        program: Callable[[], ProgramFacts],
    ) -> None:
        self._desk, self._templates, self._clock = desk, templates, clock
        self._program = program
        self._watching = 0
        self._task: asyncio.Task[None] | None = None
        self._drawing = asyncio.Lock()
        self._rows: dict[int, page.Row] = {}
        self._expected: dict[int, Tally | None] = {}
        self._views: dict[str, _View] = {}
        self._touched: set[int] = set()
        self._all = True
        self._drawn_at = self._aged_at = self._estimated_at = float("-inf")
        self._ticks = 0
        self._turn = asyncio.Event()

    def heard(self, lines: Sequence[Line]) -> None:
        """Lines were written: what they are about is drawn anew."""
        if not self._watching:
            self._all = True
            return
        for line in lines:
            number: int | None = getattr(line, "case", None)
            if number is not None:
                self._touched.add(abs(number))
            elif not isinstance(line, _OF_NO_CASE):
                self._all = True

    def wake(self) -> None:
        """Whoever watches looks whether they still may."""
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    async def draw(self, visit: Visit) -> Markup:
        """The page as it is now."""
        await self._fresh()
        rules = self._desk.rules
        chosen = chosen_region(visit.query, rules)
        rows = self._rows_of(_View(whose_of(chosen, rules)))
        return self._templates.draw(
            "now.html",
            head=self._draw_head(rows),
            rows=rows,
            at=visit.now,
            region=chosen,
            regions=regions(rules),
        )

    async def watch(
        self, may: Callable[[], Awaitable[bool]], query: Mapping[str, str] = NOTHING
    ) -> AsyncGenerator[bytes, None]:
        """The page, and what changes, as server-sent events, for as long as they `may`.

        `query` is that of the page's own address.
        """
        chosen = chosen_region(query, self._desk.rules)
        view = self._views.setdefault(chosen, _View(whose_of(chosen, self._desk.rules)))
        view.watching += 1
        self._watching += 1
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._keep_true(), name="panel")
        seen, ticks = -1, self._ticks
        try:
            await self._fresh()
            if not view.version:  # nobody watched it until now
                self._show(view)
            while await may():
                turn = self._turn
                if seen != view.version:
                    part = view.step if seen == view.version - 1 else self._everything(view)
                    seen, ticks = view.version, self._ticks
                    yield part
                elif ticks != self._ticks:
                    ticks = self._ticks
                    yield _event("tick", {"at": self._clock.now().isoformat()})
                else:
                    await turn.wait()
        finally:
            self._watching -= 1
            view.watching -= 1
            if not view.watching:
                del self._views[chosen]

    async def stop(self) -> None:
        """Nothing is drawn any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _keep_true(self) -> None:
        """A page that cannot be drawn is not said to be fresh: it says itself that it is old."""
        told = self._clock.monotonic()
        while self._watching:
            try:
                await self._look()
            except Exception:  # the edge: a case that cannot be drawn must not end the page for good
                log.exception("the panel could not be drawn")
            else:
                if self._clock.monotonic() - told >= TICK:
                    told, self._ticks = self._clock.monotonic(), self._ticks + 1
                    self.wake()
            await self._clock.sleep(EVERY)

    async def _fresh(self) -> None:
        """All is as it is now, or was a quarter of a second ago."""
        if self._clock.monotonic() - self._drawn_at >= EVERY:
            await self._look()

    async def _look(self) -> None:
        """Draw what is not as it was, and let those who watch have it."""
        async with self._drawing:
            began = self._clock.monotonic()
            if self._drawn_at > began - EVERY / 2:
                return  # another one did while this one waited for its turn
            aged = began - self._aged_at >= AGED
            everything, self._all = self._all or aged, False
            touched, self._touched = self._touched, set()
            try:
                await self._draw_rows(everything=everything, touched=touched)
                for view in list(self._views.values()):
                    self._show(view)
                    await asyncio.sleep(0)
            except BaseException:  # whoever came hung up in the middle of it: the next look does all of it
                self._all = True
                raise
            self._drawn_at = self._clock.monotonic()
            self._aged_at = began if everything else self._aged_at

    async def _draw_rows(self, *, everything: bool, touched: set[int]) -> None:
        """Those that look otherwise now are due to all who watch."""
        book = self._desk.ledger.book
        again = everything or self._clock.monotonic() - self._estimated_at >= ESTIMATED
        if again:
            self._estimated_at = self._clock.monotonic()
        for turn, number in enumerate(sorted(page.shown(book))):
            if turn % AT_ONCE == 0:
                await asyncio.sleep(0)
            anew = everything or number in touched or number not in self._rows
            if not (anew or again) or number not in book.cases:
                continue
            expected = self._desk.expected(number)  # each time another one, that says the same
            if not anew and expected == self._expected[number]:
                continue
            drawn = self._row(book.cases[number], book, expected)
            if number not in self._rows or self._rows[number].ageless != drawn.ageless:
                for view in self._views.values():
                    view.due.add(number)
            self._rows[number], self._expected[number] = drawn, expected
            await asyncio.sleep(0)
        for number in self._rows.keys() - page.shown(book):
            del self._rows[number]
            del self._expected[number]

    def _row(self, case: Case, book: Book, expected: Tally | None) -> page.Row:
        """One that cannot be drawn says so: the others are shown, and it is not hidden."""
        now, rules = self._clock.now(), self._desk.rules.of(case.region)
        try:
            return page.row(case, book, now, self._templates, rules=rules, expected=expected)
        except Exception:  # the edge: what is wrong with one is no matter of the others
            log.exception("case %s could not be drawn for the panel", case.id)
            return page.undrawn(case, now, self._templates, rules=rules)

    def _rows_of(self, view: _View) -> list[page.Row]:
        """The cases that are on the page of those who look at it, in their order."""
        whose = view.whose
        return page.in_order([row for row in self._rows.values() if whose is None or whose.has(row.region)])

    def _draw_head(self, rows: Sequence[page.Row]) -> Markup:
        program = self._program()
        return page.head(
            rows,
            self._desk.ledger.book,
            self._clock.now(),
            self._templates,
            sources=self._desk.sources_health,
            stale_after=program.stale_after,
            dry_run=program.dry_run,
            closed=self._desk.ledger.closed is not None,
        )

    def _show(self, view: _View) -> None:
        """Those who look at it are told, where something of theirs is not as it was."""
        rows = self._rows_of(view)
        head, order = self._draw_head(rows), [row.number for row in rows]
        own = {number: self._rows[number].html for number in order if number in view.due}
        view.due.clear()
        if own or not view.version or (head, order) != (view.head, view.order):
            view.head, view.order = head, order
            view.version += 1
            view.step, view.whole = self._told(view, "step", own, order), b""
            self.wake()

    def _everything(self, view: _View) -> bytes:
        """Made once for all who come, or are behind; without what left the page just now."""
        if not view.whole:
            order = [number for number in view.order if number in self._rows]
            rows = {number: self._rows[number].html for number in order}
            view.whole = self._told(view, "whole", rows, order)
        return view.whole

    def _told(self, view: _View, kind: str, rows: Mapping[int, Markup], order: Sequence[int]) -> bytes:
        told = {
            "at": self._clock.now().isoformat(),
            "head": view.head,
            "order": order,
            "rows": {str(number): html for number, html in rows.items()},
        }
        return _event(kind, told)


def _event(kind: str, told: Mapping[str, object]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n".encode()
