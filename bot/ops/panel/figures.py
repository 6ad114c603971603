"""The page of charts: the last day, and what the cases of some weeks or years come to."""

from collections.abc import Callable

from markupsafe import Markup

from bot.chat.screens.charts.day import day_chart, since
from bot.chat.screens.charts.past import charts
from bot.domain.incident import Kind
from bot.domain.regional import book_of
from bot.domain.rules import Rules
from bot.flow.lately import last_day
from bot.ops.panel.chosen import chosen, regions
from bot.ops.panel.history import address
from bot.ops.panel.pages import Templates, Visit
from bot.ports import Chronicle, Ledger

DAYS = 30
"""So many are shown where none are chosen."""


class Figures:
    """One page."""

    def __init__(
        self, chronicle: Chronicle, ledger: Ledger, templates: Templates, rules: Callable[[], Rules]
    ) -> None:
        """`rules` says which NOCs there are."""
        self._chronicle, self._ledger, self._templates = chronicle, ledger, templates
        self._rules = rules

    async def draw(self, visit: Visit) -> Markup:
        """It, as it is now."""
        words = visit.words
        rules = self._rules()
        wanted = chosen(visit.query, words.local(visit.now).date(), rules, DAYS)
        first, last = wanted.first, wanted.last
        assert first is not None and last is not None  # noqa: S101, PT018 - `chosen` was given days
        past = await self._chronicle.figures(wanted.which(words), first, last, words.zone)
        book = self._ledger.book if wanted.whose is None else book_of(self._ledger.book, wanted.whose)
        day = await last_day(book, since(visit.now, words), visit.now)
        return self._templates.draw(
            "charts.html",
            wanted=wanted,
            first=first,
            last=last,
            choices=await self._chronicle.choices(),
            regions=regions(rules),
            kinds=[*Kind],
            day=day_chart(day, words).inline(),
            charts=[chart.inline() for chart in charts(past, words)],
            cases=past.cases,
            unread=past.unread,
            history=address(wanted, "history"),
        )
