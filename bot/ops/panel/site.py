"""The panel put together: who may, its pages in one table, and what keeps the first of them true."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus

from bot.chat.screens.pages.status import ProgramFacts
from bot.chat.screens.words import Words
from bot.domain.events import Line
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.ops.panel.doors import STREAMS, Session
from bot.ops.panel.figures import Figures
from bot.ops.panel.history import History
from bot.ops.panel.live import Desk, Live
from bot.ops.panel.pages import GUARDS, ROOT, Page
from bot.ops.panel.panel import Ask, Panel, asked
from bot.ops.panel.report import Report
from bot.ops.panel.story import Story
from bot.ops.server import Request, Response, Route
from bot.ports import Chronicle, Clock, Reports
from bot.ports import History as Told

EVENTS = f"{ROOT}events"


@dataclass(frozen=True, slots=True)
class Past:
    """Who tells of what the book does not hold any more."""

    history: Told
    chronicle: Chronicle
    reports: Reports


class Site:
    """One per process. `url` is how a browser reaches it, `ask` says who may now."""

    def __init__(
        self,
        url: str,
        ask: Ask,
        desk: Desk,
        *,
        words: Words,
        clock: Clock,
        program: Callable[[], ProgramFacts],
        past: Past,
    ) -> None:
        self._panel = Panel(url, ask, desk.ledger, words, clock)
        self._live = Live(desk, self._panel.templates, clock, program)
        self.pages = (Page("", "now", self._live.draw, live=True), *self._past(past, desk))
        """Every page there is: the router and the test of who may see what read them here."""

    def _past(self, past: Past, desk: Desk) -> tuple[Page, ...]:
        templates, ledger = self._panel.templates, desk.ledger

        def hours() -> float:
            return desk.rules.cooldown_hours

        def rules() -> Rules:
            return desk.rules

        history = History(past.chronicle, ledger, templates, rules)
        story = Story(past.history, ledger, templates, hours)
        return (
            Page("history", "history", history.draw),
            Page("charts", "charts", Figures(past.chronicle, ledger, templates, rules).draw),
            Page("case", "case", story.draw, listed=False),
            Page("history.csv", "history", history.csv, listed=False),
            Page("case.csv", "case", story.csv, listed=False),
            Page("report", "history", Report(past.reports, ledger, templates).csv, listed=False),
        )

    def link(self, who: Who) -> str:
        """What lets this person in, once and for ten minutes."""
        return self._panel.link(who)

    def left(self, user: int) -> None:
        """Telegram says that this person is something else in the group now."""
        self._panel.heard(user)
        self._live.wake()

    def heard(self, lines: Sequence[Line]) -> None:
        """Lines were written."""
        self._live.heard(lines)

    def routes(self) -> dict[str, Route]:
        """By path."""
        return self._panel.routes(self.pages) | {EVENTS: Route(self._panel.guarded(self._events))}

    async def stop(self) -> None:
        """Nothing is shown any more."""
        await self._live.stop()

    async def _events(self, request: Request, session: Session) -> Response:
        """One session takes a few of the port's places, so that others have theirs."""
        if session.streams >= STREAMS:
            later = (("Retry-After", "10"), ("Cache-Control", "no-store"), *GUARDS)
            return Response(HTTPStatus.TOO_MANY_REQUESTS, headers=later)
        headers = (("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"), *GUARDS)
        parts = self._counted(session, asked(request.query))
        return Response(HTTPStatus.OK, b"", "text/event-stream; charset=utf-8", headers, parts)

    async def _counted(self, session: Session, query: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        session.streams += 1
        try:
            async with aclosing(self._live.watch(lambda: self._panel.holds(session), query)) as parts:
                async for part in parts:
                    yield part
        finally:
            session.streams -= 1
