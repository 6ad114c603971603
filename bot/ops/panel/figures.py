"""The page of charts: the last day, and what the cases of some weeks or years come to."""

from markupsafe import Markup

from bot.chat.screens.charts.day import day_chart, since
from bot.chat.screens.charts.past import charts
from bot.domain.incident import Kind
from bot.flow.lately import last_day
from bot.ops.panel.chosen import chosen
from bot.ops.panel.history import address
from bot.ops.panel.pages import Templates, Visit
from bot.ports import Chronicle, Ledger

DAYS = 30
"""So many are shown where none are chosen."""


class Figures:
    """One page."""

    def __init__(self, chronicle: Chronicle, ledger: Ledger, templates: Templates) -> None:
        self._chronicle, self._ledger, self._templates = chronicle, ledger, templates

    async def draw(self, visit: Visit) -> Markup:
        """It, as it is now."""
        words = visit.words
        wanted = chosen(visit.query, words.local(visit.now).date(), DAYS)
        first, last = wanted.first, wanted.last
        assert first is not None and last is not None  # noqa: S101, PT018 - `chosen` was given days
        past = await self._chronicle.figures(wanted.which(words), first, last, words.zone)
        day = await last_day(self._ledger.book, since(visit.now, words), visit.now)
        return self._templates.draw(
            "charts.html",
            wanted=wanted,
            first=first,
            last=last,
            choices=await self._chronicle.choices(),
            kinds=[*Kind],
            day=day_chart(day, words).inline(),
            charts=[chart.inline() for chart in charts(past, words)],
            cases=past.cases,
            unread=past.unread,
            history=address(wanted, "history"),
        )
