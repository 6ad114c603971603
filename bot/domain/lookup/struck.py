"""What is told of one customer who asks whether an outage is on: of that alone, and not who they are."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.incident import Incident
from bot.domain.plan import Outcome, Recipient, Skip

FALSE_ALARM = "false_alarm"
"""The reason of a denial by which the NOC says that there is no outage."""

_NOT_DOWN = frozenset({Skip.ONLINE, Skip.BLOCKED, Skip.SUSPENDED, Skip.ENDED, Skip.NO_SERVICE})
"""Who has a link, or is without one for another reason than the outage: told of it, they would wait."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A customer of a case as they were last read, without name and phone.

    `id` is theirs in the plan (`Recipient.id`), `ports` are the keys of those that they are on.
    """

    case: int
    id: str
    person: str | None
    serials: tuple[str, ...]
    ports: tuple[str, ...]
    skip: Skip | None


@dataclass(frozen=True, slots=True)
class Told:
    """Whether an outage is on for a customer: since when, until when it may last, whether they were warned.

    `known`: whether anything is known of them. Where it is not, there may be an outage all the same. Without
    one the others say nothing.
    """

    known: bool = False
    outage: bool = False
    since: datetime | None = None
    expected_end: datetime | None = None
    warned: bool = False


UNKNOWN = Told()


def struck(case: Case, customer: Recipient, ports: Collection[str]) -> Struck:
    """What is remembered of a customer; `ports` are those of who has none of their own."""
    there = customer.ports or tuple(ports)
    return Struck(case.id, customer.id, customer.person, customer.serials, there, customer.skip)


def told(book: Book, found: Iterable[Struck], same: Iterable[Struck], now: datetime) -> Told:
    """What there is to tell of whoever was `found`; `same` are all entries of the same people.

    Of several outages: since the first of them, until the last, which nobody knows where one's end is not.
    """
    known = [one for one in found if one.case in book.open]
    down = [(book.cases[one.case], on) for one in known if (on := _on(book.cases[one.case], one))]
    if not down:
        return Told(known=bool(known))
    starts = [min(i.started, now) for _, on in down for i in on if i.start_known]
    ends = [case.eta for case, _ in down if case.eta is not None and case.eta > now]
    cases = {case.id for case, _ in down}
    return Told(
        known=True,
        outage=True,
        since=min(starts, default=None),
        expected_end=max(ends) if len(ends) == len(down) else None,
        warned=any(_was_warned(book.cases[one.case], one) for one in same if one.case in cases),
    )


def _on(case: Case, one: Struck) -> list[Incident]:
    """What of a case is on for a customer."""
    denied = case.state is CaseState.DENIED and case.denied_reason == FALSE_ALARM
    if denied or one.skip in _NOT_DOWN:
        return []
    return [incident for incident in case.on if incident.port.key in one.ports]


def _was_warned(case: Case, one: Struck) -> bool:
    """Whether the gateway took a message for them, and no receipt says that it did not arrive."""
    plans = (d.progress for d in case.dispatches if d.progress is not None and not d.dry_run)
    return any(
        one.id in plan.results
        and plan.results[one.id].outcome is Outcome.ACCEPTED
        and not plan.undelivered(one.id)
        for plan in plans
    )
