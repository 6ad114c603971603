"""A case's customers: from when to when each was without service, and what became of their message.

Who they are is known by the plans alone: a case that never had one is a row without a customer.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bot.domain.book import Book
from bot.domain.case import Case, restoring_of
from bot.domain.dispatch import Dispatch
from bot.domain.incident import Kind, Port
from bot.domain.interruptions.told import End, Spell, Start, Told
from bot.domain.plan import REACHED, Recipient, Skip

Back = Literal["online_at_plan", "online_at_send", "online_at_restore"]
"""When the customer's own ONUs were seen online: as a plan was made, while it was sent, as those who were
warned were about to be told that service is back.
"""


@dataclass(frozen=True, slots=True)
class Interruption:
    """A customer without service, once, counted to `until`. `end` is None where it is not over.

    `customer` is the number of their record, or their ONU, and empty where no list was ever made; `name` is
    empty where it is not kept any more. `alone`: nobody else was on the lists. `absent`: their ONU was not
    seen online after the end, so they may be without service for longer. `listed` says when the list of
    customers was made: in this spell, or in another one of the same outage, `earlier` or `later`. `delivered`
    is what is known of the message: a code of an outcome, an arrival, a reason why there was none. `region`:
    of which of several NOCs the case was.
    """

    customer: str
    name: str
    start: datetime
    started: Start
    end: datetime | None
    ended: End | Back
    until: datetime
    kind: Kind
    cause: str
    ports: tuple[Port, ...]
    case: int
    warned: datetime | None = None
    delivered: str = ""
    back: datetime | None = None
    back_by: Back | None = None
    alone: bool = False
    absent: bool = False
    listed: Literal["now", "earlier", "later", "never"] = "now"
    region: str = ""


@dataclass(slots=True)
class _Customer:
    """What the plans of a case tell of a customer."""

    name: str = ""
    ports: set[str] = field(default_factory=set)
    listed: list[datetime] = field(default_factory=list)
    sends: list[tuple[Dispatch, str]] = field(default_factory=list)
    online: tuple[datetime, Back] | None = None
    back: tuple[datetime, Back] | None = None
    absent: bool = False


def called(one: Recipient, case: int) -> str:
    """What a customer is called in a report: the number of their record, else their ONU."""
    if one.id.startswith("c"):
        return one.id[1:]
    serials = " ".join(filter(None, one.serials))
    return f"ONU {serials or f'{case}/{one.id}'}"


def rows_of(book: Book, number: int, told: Told, upto: datetime) -> Iterator[Interruption]:
    """The interruptions of a case; what is still on is counted up to that time, the last that is known."""
    case, spells = book.cases[number], told.spells.get(number, [])
    customers = _customers(case, told)
    _restored(book, number, told, customers)
    alone = len(customers) == 1
    if not customers:
        for group in _groups(spells, None):
            yield _row("", _Customer(), case, group, upto, alone=False)
    groups: dict[frozenset[str], list[list[Spell]]] = {}
    for name, customer in customers.items():
        keys = frozenset(customer.ports)
        if keys not in groups:
            groups[keys] = _groups(spells, keys)
        for group in groups[keys]:
            yield _row(name, customer, case, group, upto, alone=alone)


def _customers(case: Case, told: Told) -> dict[str, _Customer]:
    found: dict[str, _Customer] = {}
    for dispatch in case.dispatches:
        plan = told.plans.get((case.id, dispatch.attempt))
        if plan is None:
            continue
        every = {port.key for port in dispatch.ports}
        for recipient in plan.recipients:
            one = found.setdefault(called(recipient, case.id), _Customer())
            one.name = _name(dispatch, recipient) or one.name
            one.ports.update(recipient.ports or every)
            one.listed.append(plan.at)
            one.sends.append((dispatch, recipient.id))
            at, skip = told.spared.get((case.id, dispatch.attempt, recipient.id), (plan.at, recipient.skip))
            by: Back = "online_at_plan" if at == plan.at else "online_at_send"
            one.online = (at, by) if skip is Skip.ONLINE else None  # a later list that has them off counts
    return found


def _name(dispatch: Dispatch, recipient: Recipient) -> str:
    known = dispatch.progress and dispatch.progress.recipients.get(recipient.id)
    return known.name if known else ""


def _restored(book: Book, number: int, told: Told, customers: Mapping[str, _Customer]) -> None:
    """Who was seen online as they were about to be told that service is back, and who was not."""
    other = book.cases.get(restoring_of(number))
    for dispatch in () if other is None else other.dispatches:
        plan = told.plans.get((restoring_of(number), dispatch.attempt))
        for recipient in () if plan is None else plan.recipients:
            one = customers.get(called(recipient, number))
            if plan is not None and one is not None and recipient.skip in {None, Skip.STILL_DOWN}:
                one.absent = recipient.skip is not None
                one.back = one.back or (None if one.absent else (plan.at, "online_at_restore"))


def _groups(spells: Iterable[Spell], keys: frozenset[str] | None) -> list[list[Spell]]:
    """The spells on those ports (None: on any), those that overlap together; no false alarm beside others."""
    here = [one for one in spells if keys is None or not keys.isdisjoint(one.ports)]
    real = [one for one in here if one.ended != "ignored"] or here
    groups: list[list[Spell]] = []
    for spell in sorted(real, key=lambda one: one.start):
        ends = [one.end for one in groups[-1]] if groups else []
        if groups and (None in ends or max(end for end in ends if end is not None) >= spell.start):
            groups[-1].append(spell)
        else:
            groups.append([spell])
    return groups


def _row(
    name: str, one: _Customer, case: Case, group: Sequence[Spell], upto: datetime, *, alone: bool
) -> Interruption:
    start, started = group[0].start, group[0].started
    last = next((spell for spell in group if spell.end is None), None)
    last = last or max(group, key=lambda spell: spell.end or upto)
    end, absent, back = last.end, one.absent, _back(one, start, last.end)
    ended: End | Back = last.ended
    if back is not None and (end is None or back[0] < end):
        (end, ended), absent = back, False
    back_at, back_by = back or (None, None)
    warned, delivered = _message(one.sends)
    return Interruption(
        name,
        one.name,
        start,
        started,
        end,
        ended,
        end or max(upto, start),
        group[0].kind,
        case.cause,
        tuple({key: port for spell in group for key, port in spell.ports.items()}.values()),
        case.id,
        warned,
        delivered,
        back_at,
        back_by,
        alone,
        absent,
        _listed(one, start, last.end),
        case.region,
    )


def _back(one: _Customer, start: datetime, end: datetime | None) -> tuple[datetime, Back] | None:
    """When they themselves were seen online, at the latest."""
    if one.online is not None and start < one.online[0]:
        return one.online
    return one.back if one.back is not None and end is not None and end <= one.back[0] else None


def _listed(
    one: _Customer, start: datetime, end: datetime | None
) -> Literal["now", "earlier", "later", "never"]:
    if not one.listed:
        return "never"
    if any(start <= at and (end is None or at <= end) for at in one.listed):
        return "now"
    return "earlier" if min(one.listed) < start else "later"


def _message(sends: Iterable[tuple[Dispatch, str]]) -> tuple[datetime | None, str]:
    """When they were warned (None: they were not), and what is known of it: the best of all approvals."""
    best: tuple[int, datetime | None, str] = (-1, None, "")
    for dispatch, recipient in sends:
        found = _of_one(dispatch, recipient)
        best = found if found[0] >= best[0] else best
    return best[1:]


def _of_one(dispatch: Dispatch, recipient: str) -> tuple[int, datetime | None, str]:
    """How much an approval did for them, when, and what of it is known."""
    if dispatch.dry_run:
        return 0, None, "rehearsed"
    sends = dispatch.sends
    known, at = sends.results.get(recipient), sends.intents.get(recipient)
    if recipient in sends.deliveries:
        arrived = not sends.undelivered(recipient)
        return 4 if arrived else 2, at, sends.deliveries[recipient].arrival.value
    if known is not None:
        reached = known.outcome in REACHED
        return 3 if reached else 1, at if reached else None, known.outcome.value
    if at is not None or sends.doubted.get(recipient):
        return 3, at or sends.doubted[recipient][-1][0], "unknown"
    skip = sends.recipients[recipient].skip
    return 1, None, "todo" if skip is None else skip.value
