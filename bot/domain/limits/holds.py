"""What holds an approval back: flapping, the customers' hours, and a dispatch so large that it takes two."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.causes.flapping import oscillates
from bot.domain.incident import Port
from bot.domain.limits.cooldown import free_at
from bot.domain.plan import GROWN, Skip
from bot.domain.rules import Rules
from bot.errors import Declined


@dataclass(frozen=True, slots=True)
class Terms:
    """What the approver answered: send although the port oscillates; `hours`: now all the same, or later;
    `agreed`: to as many customers, though fewer had been asked about; `most`: to the first so many alone, as
    today's limit holds no more.

    `runs` is how many their button was drawn after (`Case.runs`), None where it was no button; `shown`
    how many ONUs the card told them of (`growth.asked_about`), None where nobody knows. `need` is how many
    people it is about of those whom today's limit does not count yet, None where nobody looked them up;
    `claimed` how many more those need that were approved with it, and of whom nobody was written to yet.
    """

    flapping: bool = False
    hours: Literal["now", "later"] | None = None
    agreed: int | None = None
    runs: int | None = None
    shown: int | None = None
    most: int | None = None
    need: int | None = None
    claimed: int = 0


NO_TERMS = Terms()
TOO_MANY = "two_people"
"""Why a dispatch was given up whose plan was too large for the one person who approved it."""
APPROVER_GONE, CONTESTED = "approver_gone", "second_poller"
NO_MORE = frozenset({APPROVER_GONE, CONTESTED})
"""Why a dispatch that was approved may not go on: who approved it may not decide any more, or another program
may be carrying out the same.
"""
NOT_BEGUN = frozenset({TOO_MANY, GROWN, "other_mode", "port_busy", "template", "limit", *NO_MORE})
"""Why a dispatch was given up though its alert could be read."""


def flapping(case: Case, book: Book, rules: Rules, now: datetime) -> list[Port]:
    """The case's ports that came and went too often within the last hour."""
    return [p for p in case.ports if oscillates(book.spells.get(p.key, ()), now, rules.flaps)]


def closed_until(rules: Rules, now: datetime) -> datetime | None:
    """When customers may be written to again; None where they may be now."""
    if rules.customer_hours is None or rules.customer_hours.include(now):
        return None
    return rules.customer_hours.next_opening(now)


def takes_two(case: Case, rules: Rules) -> bool:
    """Whether two people have to approve, by what the source estimates or a plan has counted."""
    if not rules.two_person_above:
        return False
    counted = any(dispatch.end_reason == TOO_MANY for dispatch in case.dispatches)
    counted = counted or (case.grown is not None and case.grown.customers > rules.two_person_above)
    incidents = case.incidents
    estimate = None if any(i.affected is None for i in incidents) else sum(i.affected or 0 for i in incidents)
    return counted or estimate is None or estimate > rules.two_person_above


def check_port(book: Book, port: Port, number: int) -> None:
    """Declined while another case is sending through the port."""
    reservation = book.reservations.get(port.key)
    if reservation is not None and reservation.case != number and reservation.case in book.running:
        raise Declined("port_busy", port=port.label)


def why_silent(book: Book, number: int, rules: Rules, now: datetime) -> Callable[[str], Skip | None]:
    """Why a customer (`Recipient.person`) gets no message of the case; None where they may.

    Who asked for none gets none. Who has, or may have, one of an outage that is still on where they are
    knows of it, whenever that was.
    """
    reached: dict[int, set[str | None]] = {}

    def why(person: str) -> Skip | None:
        if person in book.opted_out:
            return Skip.OPTED_OUT
        contact = book.contacts.get(person)
        if free_at(contact, now, rules.cooldown_hours) is not None:
            return Skip.COOLDOWN
        if contact is None or contact.case == number or contact.case not in book.open:
            return None
        case = book.cases[contact.case]
        here = not case.over_ports.issuperset(contact.ports)
        if not (here and contact.at >= max((case.opened_at, *case.reopened))):
            return None
        if case.id not in reached:
            reached[case.id] = set(case.reached_people())
        return Skip.TOLD if person in reached[case.id] else None

    return why


def why_not(book: Book, port: Port, number: int, rules: Rules, now: datetime) -> Declined | None:
    """Why a port may not be sent to for a case that has not reserved it; None where it may."""
    try:
        check_port(book, port, number)
    except Declined as busy:
        return busy
    until = free_at(book.reservations.get(port.key), now, rules.cooldown_hours)
    return None if until is None else Declined("cooldown", port=port.label, until=until)
