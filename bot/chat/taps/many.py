"""Taps that decide about many cases at once: each is claimed by itself, as by its own card."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.chat.screens.arguments import LATER, NOW
from bot.chat.screens.attention import waits
from bot.chat.screens.buttons import Action
from bot.chat.screens.pages import many
from bot.chat.screens.pages.many import Choice, Verdict
from bot.chat.screens.press import Kind, Press
from bot.chat.taps.browse import Page
from bot.chat.taps.deps import TapDeps
from bot.domain.events import Approved, Line, Proposed
from bot.domain.limits.account import left_today
from bot.domain.limits.holds import Terms
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Asked, Declined
from bot.steps import decide

REMEMBERED = 100  # pages; an older one is asked for anew


@dataclass(slots=True)
class _Open:
    """A page that somebody has before them: what is chosen, and what came of it."""

    choice: Choice
    reader: int
    verdicts: dict[int, Verdict] = field(default_factory=dict)

    @property
    def took(self) -> int:
        """How many cases are under way by it."""
        return sum(verdict.took for verdict in self.verdicts.values())

    @property
    def approved(self) -> list[int]:
        """Those, and the cases that a second person has to approve, too."""
        return [case for case, verdict in self.verdicts.items() if verdict.stands]


class Many:
    """The page of many cases. The person is an approver and the chat the group by then (`Presses`)."""

    def __init__(self, deps: TapDeps) -> None:
        self._d = deps
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._last = 0

    def open(self, page: Page) -> str | None:
        """The page comes, for who tapped. Declined where nothing waits."""
        book, now = self._d.book, self._d.clock.now()
        waiting = [case for case in (book.cases[n] for n in sorted(book.open)) if waits(case, book, now)]
        if not waiting:
            raise Declined("nothing_waits")
        offers = [
            many.offer(case, self._d.desk.expected(case.id), self._d.words, self._d.rules) for case in waiting
        ]
        self._last += 1
        choice = Choice(self._last, tuple(offers))
        self._open[self._last] = _Open(choice, page.who.id)
        while len(self._open) > REMEMBERED:
            self._open.popitem(last=False)
        screen = many.choosing(choice, self._d.words)
        return self._d.later(page, lambda: self._d.browse.many(page, screen))

    async def press(self, page: Page, press: Press) -> str | None:
        """Choose, ask, decide, take back, or look; the toast."""
        number, _, wish = press.arg.partition(".")
        open_ = self._open.get(int(number))
        if open_ is None:
            raise Declined("old_page", kind=Kind.MANY)
        if open_.reader != page.who.id:
            raise Declined("not_yours", kind=Kind.MANY)
        match press.action:
            case Action.MANY:
                self._choose(page, open_, wish)
                return None
            case Action.CANCEL_MANY:
                return await self._cancel(page, open_)
            case Action.LOOK_MANY:
                return self._d.later(page, lambda: self._results(page, open_))
        n, how = int(wish.rstrip(NOW + LATER)), wish.lstrip("0123456789")
        if n != len(open_.choice.chosen) or open_.verdicts:
            raise Declined("list_changed")
        if press.action is Action.DECIDE_MANY:
            return await self._decide(page, open_, how)
        now = self._d.clock.now()
        left, opens = left_today(self._d.book, self._d.rules, now), self._d.chat.closed_until()
        screen = many.asking(open_.choice, self._d.words, now, opens=opens, left=left)
        self._d.beside(self._d.browse.turn(page, screen))  # half of a decision: not counted as a look
        return None

    def _choose(self, page: Page, open_: _Open, wish: str) -> None:
        choice = open_.choice.after(wish)
        if choice is None:
            raise Declined("unknown_button")
        if open_.verdicts:
            raise Declined("list_changed")
        open_.choice = choice
        self._d.beside(self._d.browse.turn(page, many.choosing(choice, self._d.words)))

    async def _decide(self, page: Page, open_: _Open, how: str) -> str:
        """Approve one after the other, as far as today's limit holds all of each."""
        self._d.check_open()
        await self._d.desk.look()
        if open_.verdicts:  # the same tap twice, and the other one was through first
            raise Declined("list_changed")
        open_.verdicts = {one.case: Verdict("many.not_tried", {}) for one in open_.choice.picked}
        hours: Literal["now", "later"] | None = "now" if how == NOW else "later" if how == LATER else None
        claimed = 0
        try:
            for one in open_.choice.picked:
                need = self._d.desk.need(one.case)
                terms = Terms(hours=hours, runs=one.runs, shown=one.onus, need=need, claimed=claimed)
                verdict = open_.verdicts[one.case] = await self._approve(one.case, page.who, terms)
                if verdict.took:
                    claimed += one.messages if need is None else need
        finally:
            screen = many.decided(
                open_.choice, open_.verdicts, self._d.words, self._d.clock.now(), by=page.who.name
            )
            self._d.beside(self._d.browse.turn(page, screen))
        return self._d.words.plain("toast.many", n=open_.took, of=len(open_.verdicts))

    async def _approve(self, number: int, who: Who, terms: Terms) -> Verdict:
        try:
            lines = await self._d.decide(decide.approve(number, who, self._d.rules, terms))
        except Asked as question:
            return Verdict("many.asks", {"why": question.code})
        except Declined as no:
            self._d.desk.refused(who, Action.APPROVE, no.code, number)
            return Verdict(f"declined.{no.code}", no.facts)
        return _taken(lines, self._d.rules, len(decide.find(self._d.book, number).dispatches))

    async def _cancel(self, page: Page, open_: _Open) -> str:
        """Take all of them back, first approvals of two as well, or stop what has not left."""
        self._d.check_open()
        n = 0
        for case in open_.approved:
            run = open_.verdicts[case].run
            take_back = decide.withdraw(case, page.who) if run is None else decide.cancel(case, page.who, run)
            try:
                await self._d.decide(take_back)
            except Declined as no:
                self._d.desk.refused(page.who, Action.CANCEL, no.code, case)
            else:
                n += 1
        self._d.beside(self._results(page, open_))
        return self._d.words.plain("toast.many_cancelled", n=n, of=len(open_.approved))

    async def _results(self, page: Page, open_: _Open) -> None:
        cases, now = self._d.book.cases, self._d.clock.now()
        await self._d.browse.turn(page, many.told(open_.choice, open_.approved, cases, self._d.words, now))


def _taken(lines: Sequence[Line], rules: Rules, run: int) -> Verdict:
    """What an approval's lines came to; `run` is how many the case has by now."""
    if any(isinstance(line, Proposed) for line in lines):
        return Verdict("many.proposed", {}, proposed=True)
    due = next((line.due for line in lines if isinstance(line, Approved)), None)
    if due is not None:
        return Verdict("many.scheduled", {"until": due}, run)
    return Verdict("many.approved", {"seconds": rules.undo_seconds}, run)
