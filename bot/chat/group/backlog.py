"""The backlog: what is dirty, and in which order it is shown."""

import logging
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

from bot.chat.group.digest import DIGEST, Digest
from bot.chat.group.posted import PostedMessages, decided
from bot.chat.screens.attention import size
from bot.chat.wire.budget import Budget, Urgency
from bot.chat.wire.deps import ChatDeps
from bot.domain.case import Card, Case, CaseState
from bot.ports import Notice

log = logging.getLogger(__name__)

Job = int | Notice  # a case whose card is dirty (or the digest), or something to say

SHORT = 15.0  # seconds; of a dispatch that takes no longer, the result is shown rather than the start
STILL_WARM = timedelta(days=1)  # ended cards so young are drawn again at a start: a crash may have come first
MOST_NOTICES = 100  # that wait, reminders apart: those each poll asks for anew
HELD, HELD_LONGEST = 60.0, 900.0  # seconds until a notice that Telegram refused is tried again, doubled
FIRST_CARDS = 4  # that go before the list of the others
DROPPED, POSTS_BACK = "dropped", "posts_back"
_AT_WORK = {CaseState.COUNTDOWN, CaseState.SENDING, CaseState.STOPPING}
AFTER_CARDS = frozenset({"reminder", "reopened", "started", "handover"})
"""Notices that go behind decisions and new cards, to which they may be replies."""


class Backlog:
    """The cases whose cards are dirty and the notices not yet said, the most urgent first.

    It holds numbers, not pictures: a case marked twice is one job, at the higher of its urgencies, and what
    its card shows is decided when its turn comes. A case leaves with `take`, a notice only with `said`.
    Nothing here waits or sends.
    """

    def __init__(
        self,
        deps: ChatDeps,
        posted: PostedMessages,
        digest: Digest,
        budget: Callable[[Job], Budget],
        *,
        card: Callable[[int], Card | None],
        changed: Callable[[], None],
    ) -> None:
        """`budget` is that of the chat where a job is shown; `card` finds a case's card in the group;
        `changed` is called when `next` may answer otherwise.
        """
        self._d = deps
        self._posted = posted
        self._digest = digest
        self._budget = budget
        self._card = card
        self._changed = changed
        self._dirty: dict[int, Urgency] = {}
        self._marked_at: dict[int, float] = {}
        self._notices: dict[tuple[str, str], Notice] = {}
        self._doubted: set[tuple[str, str]] = set()
        self._held: dict[tuple[str, str], tuple[float, float]] = {}

    def mark(self, case: int, urgency: Urgency) -> None:
        """The case's card is dirty. One that is dirty already becomes more urgent, never less.

        The second message of a case is shown on the first one's card.
        """
        if case != DIGEST:
            case = abs(case)
            if case not in self._d.book.cases:
                return  # it left the book: its card stays as it is
            self._digest.touch(case)
        known = self._dirty.get(case)
        if known is None or urgency < known:
            self._dirty[case] = urgency
            self._marked_at[case] = self._d.clock.monotonic()
        elif urgency is not Urgency.URGENT:
            return
        self._changed()  # also where it was marked before: a result is more urgent than a start

    def lengths(self) -> tuple[int, int, int]:
        """How many new cards, changed ones (the digest's list too) and notices wait."""
        new = sum(case != DIGEST and self._card(case) is None for case in self._dirty)
        return new, len(self._dirty) - new, len(self._notices)

    def take(self, case: int) -> Urgency:
        """The case's turn has come: it is dirty no more. Its urgency, to mark it again if it is not shown."""
        return self._dirty.pop(case)

    def refresh(self) -> None:
        """Mark the cards whose minutes count; a case that has no card yet is to get one."""
        book = self._d.book
        for number in sorted(book.open - self._digest.listed.keys()):
            if book.cases[number].undecided or self._shows_an_old_eta(number):
                self.mark(number, Urgency.REFRESH if self._card(number) else Urgency.FACT)
        self._digest.touch(DIGEST)

    def _shows_an_old_eta(self, number: int) -> bool:
        """Whether the case's card was drawn before its expected end, which is past now."""
        eta, drawn_at = self._d.book.cases[number].eta, self._posted.of(number).drawn_at
        return eta is not None and eta <= self._d.clock.now() and (drawn_at is None or drawn_at < eta)

    def redraw(self) -> None:
        """Mark every card that may not show its case."""
        book = self._d.book
        for number in sorted(book.running):
            self.mark(number, Urgency.URGENT)
        self.refresh()
        since = self._d.clock.now() - STILL_WARM
        for number, at in reversed(book.touched.items()):
            if at <= since:
                break
            both = (book.cases[number], book.restored_by(number))
            if any(_began(case, since) for case in both if case is not None):
                self.mark(number, Urgency.REFRESH)

    def say(self, notice: Notice) -> None:
        """The notice is to be said, instead of an older one that waits on the same matter."""
        self._notices[_matter(notice)] = notice
        self._drop_the_oldest()
        if notice.code == "ledger_closed":  # every card that could be tapped says so too
            book = self._d.book
            for number in sorted(book.open | book.running):
                self.mark(number, Urgency.URGENT if number in book.running else Urgency.FACT)
        self._changed()

    def _drop_the_oldest(self) -> None:
        """Where too many wait, the oldest is left out, and how many those are is said in their place."""
        kept = {"reminder", DROPPED, "ledger_closed"}
        waiting = [n for n in self._notices.values() if n.code not in kept]
        if len(waiting) <= MOST_NOTICES:
            return
        log.error("too many notices wait: %s is left out", waiting[0].code)
        self.said(waiting[0])
        dropped = self._notices.get((DROPPED, ""))
        before = dropped.facts["n"] if dropped is not None else 0
        self._notices[DROPPED, ""] = Notice("dropped", {"n": cast("int", before) + 1})

    def refused(self, notice: Notice) -> bool:
        """Telegram does not take this notice: it waits, longer each time. True at the first time."""
        matter = _matter(notice)
        _, pause = self._held.get(matter, (0.0, HELD / 2))
        pause = min(HELD_LONGEST, 2 * pause)
        first = matter not in self._held
        self._held[matter] = self._d.clock.monotonic() + pause, pause
        return first

    def said(self, notice: Notice) -> None:
        """The notice is done with. A newer one on the same matter still waits."""
        matter = _matter(notice)
        self._doubted.discard(matter)
        self._held.pop(matter, None)
        if self._notices.get(matter) is notice:
            del self._notices[matter]

    def unanswered(self, notice: Notice) -> bool:
        """Nobody knows whether the notice arrived: it is said twice at most, hidden never.

        True where this was the second time: it is done with.
        """
        matter = _matter(notice)
        if matter in self._doubted:
            self.said(notice)
            return True
        self._doubted.add(matter)
        return False

    def waiting(self, notice: Notice) -> Notice | None:
        """What waits to be said on the same matter."""
        return self._notices.get(_matter(notice))

    def notices(self) -> list[Notice]:
        """Those not yet said, oldest first."""
        return list(self._notices.values())

    def next(self, *, stopping: bool, elsewhere: bool = False) -> tuple[Job | None, float]:
        """What to show now, or None and in how many seconds to ask again (infinite: not before a change).

        While `stopping`, only what is as urgent as a start counts; `elsewhere`: only what is not for the
        group.
        """
        self._sort_out()
        now, soonest = self._d.clock.monotonic(), math.inf
        here = self._budget(DIGEST)
        for urgency, earliest, job in self._jobs():
            if elsewhere and self._budget(job) is here:
                continue
            if stopping and urgency > Urgency.START:
                break
            seconds = max(self._budget(job).wait(urgency), earliest - now)
            if seconds <= 0:
                return job, 0.0
            soonest = min(soonest, seconds, SHORT if urgency is Urgency.START else math.inf)
        return None, soonest

    def _sort_out(self) -> None:
        """Of the cases without a card, which are to get one now, and which the digest tells."""
        for number in self._dirty.keys() - self._d.book.cases.keys() - {DIGEST}:
            del self._dirty[number]
        found = self._digest.sort_out()
        if found is None:
            return
        came_off, new = found
        for number in self._digest.listed.keys() & self._dirty.keys():
            del self._dirty[number]
        for number in came_off:
            self.mark(number, Urgency.FACT)
        message = self._posted.of(DIGEST)
        if new:
            message.lost, message.screen = self._card(DIGEST), None
        if self._card(DIGEST) is not None:
            self.mark(DIGEST, Urgency.FACT)
        elif self._digest.listed:
            self.mark(DIGEST, Urgency.START)

    def _jobs(self) -> list[tuple[Urgency, float, Job]]:
        """What is to be shown with its earliest time; a new card before an edit as urgent."""
        book = self._d.book
        crowded = sum(book.cases[n].state is not CaseState.INTERRUPTED for n in book.running) > 1
        known = sorted(
            (self._rank(case, urgency, crowded=crowded), *self._precedence(case), order, case)
            for order, (case, urgency) in enumerate(self._dirty.items())
        )
        first = [n for n in self._notices.values() if n.code not in AFTER_CARDS]
        first.sort(key=lambda notice: notice.code != POSTS_BACK)
        then = [n for n in self._notices.values() if n.code in AFTER_CARDS]
        jobs: list[tuple[Urgency, float, Job]] = [
            *((Urgency.URGENT, self._until(notice), notice) for notice in first),
            *((urgency, self._earliest(case, urgency), case) for urgency, *_, case in known),
            *((Urgency.START, self._until(notice), notice) for notice in then),
        ]
        return sorted(jobs, key=lambda job: job[0])

    def _until(self, notice: Notice) -> float:
        return self._held.get(_matter(notice), (-math.inf, 0.0))[0]

    def _precedence(self, case: int) -> tuple[bool, float]:
        """Among those as urgent, what goes first: new cards by size, then edits. The list of the others
        goes after the first few cards: it says how much there is, and opens any of them.
        """
        if self._card(case) is not None:
            return True, 0.0
        if case == DIGEST:
            return False, -math.inf if self.at_stake() >= FIRST_CARDS else 1.0
        return False, -size(self._d.book.cases[case])

    def _rank(self, case: int, urgency: Urgency, *, crowded: bool) -> Urgency:
        """A card that still offers what was decided goes before everything. Of dispatches, the claim and
        what came of it go first, then the start or stop, then progress.

        A new card is worth as much as a start: a storm of outages must not wait behind the reserve.
        """
        if self._card(case) is None:
            return min(urgency, Urgency.START)
        if case == DIGEST:
            return urgency
        if self._offers_what_was_decided(case):
            return Urgency.DECISION
        state = self._state(case)
        if state not in {CaseState.SENDING, CaseState.STOPPING}:
            return urgency
        if urgency is Urgency.URGENT:
            waited = self._d.clock.monotonic() - self._marked_at.get(case, -math.inf)
            return Urgency.START if waited < SHORT else Urgency.URGENT
        return Urgency.REFRESH if crowded else urgency

    def _offers_what_was_decided(self, number: int) -> bool:
        shown, book = self._posted.of(number).decided, self._d.book
        if shown is None:  # as another process left it
            return self._state(number) in _AT_WORK
        return shown != decided(book.cases[number], book)

    def at_stake(self) -> int:
        """How many cards in the group may be decided at any moment, while more are to come; else 0."""
        book, listed = self._d.book, self._digest.listed
        if not listed and all(n == DIGEST or self._card(n) is not None for n in self._dirty):
            return 0
        return sum(book.cases[n].undecided and self._card(n) is not None for n in book.open - listed.keys())

    def _state(self, number: int) -> CaseState:
        """What is going on with a case: its sends, or those that tell that service is back."""
        restoring = self._d.book.restored_by(number)
        running = restoring is not None and restoring.running
        return restoring.state if restoring and running else self._d.book.cases[number].state

    def _earliest(self, case: int, urgency: Urgency) -> float:
        """Edits of one card keep a pace at which it alone never uses the budget up."""
        message = self._posted.of(case)
        if urgency <= Urgency.ANSWER:
            return message.not_before
        return max(message.not_before, message.shown_at + self._budget(case).pace)


def _began(case: Case, since: datetime) -> bool:
    return case.opened_at > since or any(dispatch.at > since for dispatch in case.dispatches)


def _matter(notice: Notice) -> tuple[str, str]:
    facts = notice.facts
    # Rows that were told of once are not told of again: each list is a matter of its own.
    by = next((name for name in ("case", "silence", "rows", "which", "template") if name in facts), "")
    about, what = str(facts.get(by, "")), str(facts.get("what", ""))
    matter = next((one for one in ("eta", "over", "left") if what.startswith(one)), "")
    return notice.code, f"{about} {matter}"
