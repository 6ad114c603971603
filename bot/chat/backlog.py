"""The backlog: what is dirty, and in which order it is shown."""

import math
from collections.abc import Callable
from datetime import timedelta

from bot.chat.budget import Budget, Urgency
from bot.chat.sights import Sights
from bot.domain.case import Card, CaseState
from bot.ports import Clock, Ledger, Notice

Job = int | Notice  # a case whose card is dirty, or something to say

SHORT = 15.0  # seconds; of a dispatch that takes no longer, the result is shown rather than the start
STILL_WARM = timedelta(days=1)  # ended cards so young are drawn again at a start: a crash may have come first


class Backlog:
    """The cases whose cards are dirty and the notices not yet said, the most urgent first.

    It holds numbers, not pictures: a case marked twice is one job, at the higher of its urgencies, and what
    its card shows is decided when its turn comes. A case leaves with `take`, a notice only with `said`.
    Nothing here waits or sends.
    """

    def __init__(
        self,
        ledger: Ledger,
        sights: Sights,
        budget: Budget,
        clock: Clock,
        *,
        card: Callable[[int], Card | None],
        changed: Callable[[], None],
    ) -> None:
        """`card` finds a case's card in the group; `changed` is called when `next` may answer otherwise."""
        self._ledger = ledger
        self._sights = sights
        self._budget = budget
        self._clock = clock
        self._card = card
        self._changed = changed
        self._dirty: dict[int, Urgency] = {}
        self._marked_at: dict[int, float] = {}
        self._notices: dict[tuple[str, str], Notice] = {}
        self._doubted: set[tuple[str, str]] = set()

    def mark(self, case: int, urgency: Urgency) -> None:
        """The case's card is dirty. One that is dirty already becomes more urgent, never less."""
        known = self._dirty.get(case)
        if known is None or urgency < known:
            self._dirty[case] = urgency
            self._marked_at[case] = self._clock.monotonic()
        elif urgency is not Urgency.URGENT:
            return
        self._changed()  # also where it was marked before: a result is more urgent than a start

    def take(self, case: int) -> Urgency:
        """The case's turn has come: it is dirty no more. Its urgency, to mark it again if it is not shown."""
        return self._dirty.pop(case)

    def refresh(self) -> None:
        """Mark the cards whose minutes count; a case that has no card yet is to get one."""
        book = self._ledger.book
        for number in sorted(book.open):
            if book.cases[number].undecided:
                self.mark(number, Urgency.REFRESH if self._card(number) else Urgency.FACT)

    def redraw(self) -> None:
        """Mark every card that may not show its case."""
        book = self._ledger.book
        for number in sorted(book.running):
            self.mark(number, Urgency.URGENT)
        self.refresh()
        since = self._clock.now() - STILL_WARM
        for case in reversed(book.cases.values()):
            if case.opened_at > since or any(d.at > since for d in case.dispatches):
                self.mark(case.id, Urgency.REFRESH)

    def say(self, notice: Notice) -> None:
        """The notice is to be said, instead of an older one that waits on the same matter."""
        self._notices[_matter(notice)] = notice
        if notice.code == "ledger_closed":  # every card that could be tapped says so too
            book = self._ledger.book
            for number in sorted(book.open | book.running):
                self.mark(number, Urgency.URGENT if number in book.running else Urgency.FACT)
        self._changed()

    def said(self, notice: Notice) -> None:
        """The notice is done with. A newer one on the same matter still waits."""
        matter = _matter(notice)
        self._doubted.discard(matter)
        if self._notices.get(matter) is notice:
            del self._notices[matter]

    def unanswered(self, notice: Notice) -> None:
        """Nobody knows whether the notice arrived: it is said twice at most, hidden never."""
        matter = _matter(notice)
        if matter in self._doubted:
            self.said(notice)
        self._doubted.add(matter)

    def next(self, *, stopping: bool) -> tuple[Job | None, float]:
        """What to show now, or None and in how many seconds to ask again (infinite: not before a change).

        While `stopping`, only what is as urgent as a start counts.
        """
        now, soonest = self._clock.monotonic(), math.inf
        for urgency, earliest, job in self._jobs():
            if stopping and urgency > Urgency.START:
                break
            seconds = max(self._budget.wait(urgency), earliest - now)
            if seconds <= 0:
                return job, 0.0
            soonest = min(soonest, seconds, SHORT if urgency is Urgency.START else math.inf)
        return None, soonest

    def _jobs(self) -> list[tuple[Urgency, float, Job]]:
        """What is to be shown with its earliest time; a new card goes before an edit as urgent."""
        book = self._ledger.book
        crowded = sum(book.cases[n].state is not CaseState.INTERRUPTED for n in book.running) > 1
        known = sorted(
            (self._rank(case, urgency, crowded=crowded), self._card(case) is not None, order, case)
            for order, (case, urgency) in enumerate(self._dirty.items())
        )
        return [
            *((Urgency.URGENT, -math.inf, notice) for notice in self._notices.values()),
            *((urgency, self._earliest(case, urgency), case) for urgency, _, _, case in known),
        ]

    def _rank(self, case: int, urgency: Urgency, *, crowded: bool) -> Urgency:
        """Of dispatches, the claim and what came of it go first, then the start or stop, then progress.

        A new card is worth as much as a start: a storm of outages must not wait behind the reserve.
        """
        state = self._ledger.book.cases[case].state
        if self._card(case) is None:
            return min(urgency, Urgency.START)
        if state not in {CaseState.SENDING, CaseState.STOPPING}:
            return urgency
        if urgency is Urgency.URGENT:
            waited = self._clock.monotonic() - self._marked_at.get(case, -math.inf)
            return Urgency.START if waited < SHORT else Urgency.URGENT
        return Urgency.REFRESH if crowded else urgency

    def _earliest(self, case: int, urgency: Urgency) -> float:
        """Edits of one card keep a pace at which it alone never uses the budget up."""
        sight = self._sights.of(case)
        if urgency <= Urgency.START:
            return sight.not_before
        return max(sight.not_before, sight.shown_at + self._budget.pace)


def _matter(notice: Notice) -> tuple[str, str]:
    return notice.code, str(notice.facts.get("case", ""))
