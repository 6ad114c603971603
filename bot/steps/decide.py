"""Step 3: what a person's tap decides. Each rule checks the state and claims it in one commit.

A rule returns the lines to write or raises `Declined` with the reason that the person is told.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.case import Case, CaseState, Phase
from bot.domain.cooldown import free_at
from bot.domain.incident import Port
from bot.domain.lines import (
    Approved,
    Cancelled,
    Confirmed,
    CooldownReleased,
    Denied,
    Line,
    Resumed,
    Settled,
    StopAsked,
    Who,
)
from bot.domain.rules import Rules
from bot.errors import Declined
from bot.ports import Write


def approve(number: int, who: Who, rules: Rules) -> Write:
    """Claim the case and reserve the cooldown of its ports."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        case = _undecided(book, number)
        check_confirmed(book)
        port = case.incident.port
        check_port(book, port, number)
        until = free_at(book.reservations.get(port.key), now, rules.cooldown_hours)
        if until is not None:
            raise Declined("cooldown", port=port.label, until=until)
        return [Approved(number, who, (port,), rules.dry_run, case.incident.kind)]

    return write


def deny(number: int, who: Who, reason: str) -> Write:
    """Record that nothing is sent, who said so and why."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        _undecided(book, number)
        return [Denied(number, who, reason)]

    return write


def check(number: int) -> Write:
    """Whether the case may still be decided; writes nothing."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        _undecided(book, number)
        return []

    return write


def cancel(number: int, who: Who) -> Write:
    """Take an approval back until the plan is written; after that stop what has not left.

    The card may be seconds behind: who taps Cancelar on it wants no message to leave.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        state = _case(book, number).state
        if state is CaseState.COUNTDOWN:
            return [Cancelled(number, who)]
        if state is CaseState.SENDING:
            return [StopAsked(number, who)]
        raise Declined("too_late_to_cancel" if state is CaseState.SENT else "not_running")

    return write


def stop(number: int, who: Who) -> Write:
    """Stop a dispatch; what is in flight still counts."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        if _case(book, number).state is not CaseState.SENDING:
            raise Declined("not_running")
        return [StopAsked(number, who)]

    return write


def resume(number: int, who: Who, rules: Rules) -> Write:
    """Let an interrupted dispatch go on while its outage is on; never a rehearsal for real, or back."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        _interrupted(book, number)
        check_confirmed(book)
        if book.cases[number].ended_at is not None:
            raise Declined("over")
        if book.cases[number].dispatches[-1].dry_run != rules.dry_run:
            raise Declined("other_mode")
        return [Resumed(number, who)]

    return write


def close(number: int, who: Who) -> Write:
    """Give up what an interrupted dispatch had still to do."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        _interrupted(book, number)
        return [Settled(number, "closed", by=who)]

    return write


def release(port_key: str, who: Who, reason: str, rules: Rules) -> Write:
    """Free a port before its time, for it and for the customers told through it."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        reservation = book.reservations.get(port_key)
        if reservation is None or free_at(reservation, now, rules.cooldown_hours) is None:
            raise Declined("nothing_to_release")
        if book.cases[reservation.case].running:
            raise Declined("port_busy", port=reservation.port.label)
        return [CooldownReleased(reservation.port, who, reason)]

    return write


def confirm(who: Who) -> Write:
    """Sending may go on after a start on a ledger that looked like an old copy."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        if book.unconfirmed is None:
            raise Declined("nothing_to_confirm")
        return [Confirmed(who)]

    return write


def go_on(seen: Collection[str], rules: Rules) -> Write:
    """The interrupted dispatches that go on by themselves: fresh, and their incident was `seen` just now."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        if book.unconfirmed is not None:
            return []
        fresh = now - timedelta(seconds=rules.resume_within)
        lines: list[Line] = []
        for number in sorted(book.running & book.open):
            case, dispatch = book.cases[number], book.cases[number].dispatches[-1]
            may = dispatch.phase is Phase.INTERRUPTED and not dispatch.broken
            same = case.incident.id in seen and dispatch.dry_run == rules.dry_run
            if may and same and dispatch.last_at >= fresh:
                lines.append(Resumed(number))
        return lines

    return write


def check_confirmed(book: Book) -> None:
    """Declined while nobody confirmed a ledger that looks old: it may lack what was sent since."""
    if book.unconfirmed is not None:
        raise Declined("unconfirmed", since=book.unconfirmed)


def check_port(book: Book, port: Port, number: int) -> None:
    """Declined while another case is sending through the port."""
    reservation = book.reservations.get(port.key)
    if reservation is not None and reservation.case != number and reservation.case in book.running:
        raise Declined("port_busy", port=port.label)


def _case(book: Book, number: int) -> Case:
    case = book.cases.get(number)
    if case is None:
        raise Declined("unknown_case")
    return case


def _undecided(book: Book, number: int) -> Case:
    case = _case(book, number)
    if case.undecided:
        return case
    if case.state is CaseState.OVER:
        raise Declined("over")
    if case.state is CaseState.DENIED and case.denied_by is not None:
        raise Declined("already_denied", by=case.denied_by.name, at=case.denied_at)
    dispatch = case.dispatches[-1]
    code = "already_sent" if case.state is CaseState.SENT else "already_approved"
    raise Declined(code, by=dispatch.by.name, at=dispatch.at)


def _interrupted(book: Book, number: int) -> None:
    if _case(book, number).state is not CaseState.INTERRUPTED:
        raise Declined("not_interrupted")
