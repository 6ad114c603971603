"""Step 3b: an approval that waits for the customers' hours begins when its time comes."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import CaseState
from bot.domain.dispatch import Phase
from bot.domain.events import Begun, Line, Settled
from bot.domain.limits.account import called_by, check_templates
from bot.domain.limits.holds import closed_until, why_not
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Declined
from bot.ports import Write
from bot.steps.decide import check_confirmed, check_not_over, check_runs, find, is_over


def begin(number: int, who: Who, rules: Rules, runs: int | None = None) -> Write:
    """Do not wait for the time of a scheduled dispatch; never a rehearsal for real, or back.

    `runs` is how many the button was drawn after.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        case = find(book, number)
        if case.state is not CaseState.SCHEDULED:
            raise Declined("not_scheduled")
        check_runs(case, runs)
        check_confirmed(book)
        check_not_over(book, case)
        if case.dispatches[-1].dry_run != rules.dry_run:
            raise Declined("other_mode")
        check_templates(book, called_by(case, rules), rules, now)
        busy = _busy(book, number, rules, now)
        if busy is not None:
            raise busy
        return [Begun(number, who)]

    return write


def _busy(book: Book, number: int, rules: Rules, now: datetime) -> Declined | None:
    """Why it may not begin: its outage was over meanwhile, and another case was sent through a port of it."""
    held = ((port, book.reservations.get(port.key)) for port in book.cases[number].dispatches[-1].ports)
    others = [port for port, found in held if found is not None and found.case != number]
    noes = (why_not(book, port, number, rules, now) for port in others)
    return next((no for no in noes if no is not None), None)


def begin_due(rules: Rules) -> Write:
    """The scheduled dispatches whose time came, where customers may be written to.

    Called after a complete poll. What is over by then is not sent.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        if book.unconfirmed is not None:
            return []
        lines: list[Line] = []
        for number in sorted(book.running):
            case, dispatch = book.cases[number], book.cases[number].dispatches[-1]
            if dispatch.phase is not Phase.SCHEDULED or dispatch.due is None or dispatch.due > now:
                continue
            if closed_until(rules.of(case.region), now) is not None:
                continue
            if is_over(book, case):
                lines.append(Settled(number, "over"))
            elif dispatch.dry_run != rules.dry_run:
                lines.append(Settled(number, "unread", "other_mode"))
            elif _busy(book, number, rules, now):
                lines.append(Settled(number, "unread", "port_busy"))
            else:
                lines.append(Begun(number))
        return lines

    return write
