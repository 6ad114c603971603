"""Step 3: what a person's tap decides. Each rule checks the state and claims it in one commit.

A rule returns the lines to write or raises `Declined` with the reason that the person is told.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal

from bot.domain.book import Book
from bot.domain.case import SECOND_WITHIN, Case, CaseState, Proposal
from bot.domain.causes.correlation import dominant
from bot.domain.dispatch import Despite, Dispatch, Phase
from bot.domain.events import (
    Approved,
    Cancelled,
    Confirmed,
    CooldownReleased,
    Denied,
    Line,
    Proposed,
    Resumed,
    Settled,
    StopAsked,
    Withdrawn,
)
from bot.domain.incident import Kind, Port
from bot.domain.limits import daily
from bot.domain.limits.account import (
    LIMIT,
    Room,
    called_by,
    check_templates,
    left_today,
    limit_today,
    new_people,
    room_for,
)
from bot.domain.limits.cooldown import free_at
from bot.domain.limits.growth import asked_about
from bot.domain.limits.holds import NO_TERMS, Terms, closed_until, flapping, takes_two, why_not
from bot.domain.plan import GROWN
from bot.domain.redated import ends_in_the_future
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Asked, Declined
from bot.ports import Write


def approve(number: int, who: Who, rules: Rules, terms: Terms = NO_TERMS) -> Write:
    """Claim the case and reserve the cooldown of its ports; those that may not be sent to now are left out.

    Raises `Asked` where the person has to say more first (`terms`). Where two people have to approve, the
    first one proposes, and the second one's approval, on the first one's terms, is the claim. What has come
    up since, as that the hours have ended, the second one is asked.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        case = undecided(book, number)
        check_runs(case, terms.runs)
        check_confirmed(book)
        _check_heard(book, case, now)
        check_templates(book, called_by(case, rules), rules, now)
        ports, left_out = free_ports(book, case, rules, now)
        two, proposal = takes_two(case, rules), case.proposal
        if proposal is None or not proposal.waits(now) or not two:
            proposal = None
        elif proposal.by.id == who.id:
            raise Declined("second_person", until=proposal.at + SECOND_WITHIN)
        grown = case.grown
        if grown is not None and terms.agreed != grown.customers:
            raise Asked(GROWN, n=grown.customers)
        agreed = _with(proposal, terms)
        despite, due = _agreed(book, case, rules, agreed, now)
        if due is None:
            room = room_for(book, case, ports, rules, now, need=terms.need, claimed=terms.claimed)
            _check_room(room, agreed, lambda: spent(book, rules, now))
        asked = asked_about(case, ports)
        if terms.shown is not None:
            asked = min(asked, terms.shown)  # the card may lag behind
        if two and proposal is None:
            return [Proposed(number, who, despite, due, asked, terms.agreed, terms.most)]
        if proposal is not None and proposal.asked is not None:
            asked = min(asked, proposal.asked)  # each of the two decided on what they saw
        kind = dominant(case.incidents, rules)
        return [
            Approved(
                number,
                who,
                ports,
                rules.dry_run,
                kind or Kind.LOS,
                mixed=kind is None,
                left_out=left_out,
                despite=despite,
                due=due,
                first=None if proposal is None else proposal.by,
                asked=asked,
                agreed=terms.agreed if grown is not None else None,
                most=agreed.most,
            )
        ]

    return write


def _check_heard(book: Book, case: Case, now: datetime) -> None:
    """Declined where people said that nothing is to be sent for now, or nobody says that it is still on."""
    silence = book.silence_over(case, now)
    if silence is not None:
        raise Declined("silenced", until=silence.until, by=silence.by.name)
    if case.stale:
        raise Declined("stale_alert")


def deny(number: int, who: Who, reason: str) -> Write:
    """Record that nothing is sent, who said so and why."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        undecided(book, number)
        return [Denied(number, who, reason)]

    return write


def check(number: int) -> Write:
    """Whether the case may still be decided; writes nothing."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        undecided(book, number)
        return []

    return write


def cancel(number: int, who: Who, attempt: int | None = None) -> Write:
    """Take an approval back until the plan is written; after that stop what has not left.

    The card may be seconds behind: who taps Cancelar on it wants no message to leave. With an `attempt`
    nothing but that one: what somebody approved anew since goes on.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        case = find(book, number)
        if attempt is not None and len(case.dispatches) != attempt:
            raise Declined("stale_button")
        state = case.state
        if state in {CaseState.COUNTDOWN, CaseState.SCHEDULED}:
            return [Cancelled(number, who)]
        if state is CaseState.SENDING:
            return [StopAsked(number, who)]
        raise Declined("too_late_to_cancel" if state is CaseState.SENT else "not_running")

    return write


def withdraw(number: int, who: Who) -> Write:
    """Take the first of two approvals back, by whoever gave it, where the second has not come."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        proposal = undecided(book, number).proposal
        if proposal is None or proposal.by.id != who.id:
            raise Declined("not_running")
        return [Withdrawn(number, who)]

    return write


def stop(number: int, who: Who) -> Write:
    """Stop a dispatch; what is in flight still counts."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        if find(book, number).state is not CaseState.SENDING:
            raise Declined("not_running")
        return [StopAsked(number, who)]

    return write


def resume(number: int, who: Who, rules: Rules, terms: Terms = NO_TERMS) -> Write:
    """Let an interrupted dispatch go on while its outage is on; never a rehearsal for real, or back.

    Raises `Asked` outside the customers' hours, where nobody has said yet that it is to be now.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        _interrupted(book, number)
        check_runs(book.cases[number], terms.runs)
        check_confirmed(book)
        case, dispatch = book.cases[number], book.cases[number].dispatches[-1]
        check_not_over(book, case)
        if dispatch.dry_run != rules.dry_run:
            raise Declined("other_mode")
        check_templates(book, called_by(case, rules), rules, now)
        todo = [] if dispatch.progress is None else dispatch.progress.todo()
        if todo and left_today(book, rules, now) == 0 and new_people(book, todo, now) == len(todo):
            raise spent(book, rules, now)
        until = closed_until(rules, now)
        if until is not None and terms.hours != "now" and "hours" not in dispatch.despite:
            raise Asked("resume_hours", until=until)
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
        if reservation.case in book.running:
            raise Declined("port_busy", port=reservation.port.label)
        return [CooldownReleased(reservation.port, who, reason)]

    return write


def confirm(who: Who, clock: datetime) -> Write:
    """Sending may go on after a start on a ledger that looked like an old copy.

    `now` is never before the last line; where that is later than the `clock` by more than clocks are off, the
    clock counts from here on.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        if book.unconfirmed is None:
            raise Declined("nothing_to_confirm")
        return [Confirmed(who, clock if ends_in_the_future(now, clock) else None)]

    return write


def go_on(seen: Collection[str], rules: Rules) -> Write:
    """The interrupted dispatches that go on by themselves.

    They are fresh, their incident was `seen` just now, and customers may be written to.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        lines: list[Line] = []
        for number in sorted(book.running):
            case, dispatch = book.cases[number], book.cases[number].dispatches[-1]
            if goes_on_until(case, book, rules.of(case.region), now) is None:
                continue
            if case.restores is not None or any(id_ in seen for id_ in case.to_read(dispatch.ports)):
                lines.append(Resumed(number))
        return lines

    return write


def goes_on_until(case: Case, book: Book, rules: Rules, now: datetime) -> datetime | None:
    """Until when an interrupted dispatch goes on by itself, once a poll sees its outage; None: it does not.

    Then, and where no poll comes until then, a person decides on it.
    """
    dispatch = case.dispatch
    if dispatch is None or dispatch.phase is not Phase.INTERRUPTED or dispatch.broken:
        return None
    if book.unconfirmed is not None or is_over(book, case) or dispatch.dry_run != rules.dry_run:
        return None
    until = dispatch.last_at + timedelta(seconds=rules.resume_within)
    return until if now < until and _may_be_now(dispatch, rules, now) else None


def _may_be_now(dispatch: Dispatch, rules: Rules, now: datetime) -> bool:
    """Whether customers may be written to now, or a person said that this is not to wait for their hours."""
    said = "hours" in dispatch.despite or dispatch.begun_by is not None
    return said or closed_until(rules, now) is None


def check_runs(case: Case | None, runs: int | None) -> None:
    """Declined where the button was drawn before another run: the tap came twice, or the card lags behind."""
    if runs is not None and runs != (0 if case is None else case.runs):
        raise Declined("stale_button")


def check_confirmed(book: Book) -> None:
    """Declined while nobody confirmed a ledger that looks old: it may lack what was sent since."""
    if book.unconfirmed is not None:
        raise Declined("unconfirmed", since=book.unconfirmed)


def free_ports(
    book: Book, case: Case, rules: Rules, now: datetime
) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """The case's ports that may be sent to, and those that may not. Declined where none may."""
    taken = {port.key: why_not(book, port, case.id, rules, now) for port in case.ports}
    free = tuple(port for port in case.ports if taken[port.key] is None)
    left_out = tuple(port for port in case.ports if taken[port.key] is not None)
    if not free:
        raise next(no for no in taken.values() if no is not None)
    return free, left_out


def _with(proposal: Proposal | None, terms: Terms) -> Terms:
    """What the first of two said already, and beside it what the second did."""
    if proposal is None:
        return terms
    first: Literal["now", "later"] | None = "later" if proposal.due is not None else None
    hours = "now" if "hours" in proposal.despite else first or terms.hours
    return Terms("flapping" in proposal.despite or terms.flapping, hours, most=proposal.most or terms.most)


def _check_room(room: Room | None, agreed: Terms, nobody: Callable[[], Declined]) -> None:
    """Declined (`nobody`) where nobody more may be written to today; Asked where not all of the case, and who
    taps has not said yet that it is to be the first of them.
    """
    if room is None:
        return
    if not room.left:
        raise nobody()
    if room.short and agreed.most is None:
        raise Asked(LIMIT, left=room.left, need=room.need)


def spent(book: Book, rules: Rules, now: datetime) -> Declined:
    """That nobody more may be written to today, and when the next one may."""
    limit, until = limit_today(book, rules), daily.next_free(book.written, now)
    return Declined("limit_spent", limit=limit, until=until)


def _agreed(
    book: Book, case: Case, rules: Rules, terms: Terms, now: datetime
) -> tuple[tuple[Despite, ...], datetime | None]:
    """What the approver was warned of and wants all the same, and when it is to be sent (None: now)."""
    despite: list[Despite] = []
    ports = flapping(case, book, rules, now)
    if ports:
        if not terms.flapping:
            raise Asked("flapping", port=ports[0].label, n=len(ports))
        despite.append("flapping")
    due = closed_until(rules, now)
    if due is not None:
        if terms.hours is None:
            raise Asked("hours", until=due)
        if terms.hours == "now":
            despite.append("hours")
            due = None
    return tuple(despite), due


def is_over(book: Book, case: Case) -> bool:
    """Whether there is no reason any more for what a case tells: its outage is over, or on again."""
    if case.restores is None:
        return case.ended_at is not None
    return book.cases[case.restores].ended_at is None


def check_not_over(book: Book, case: Case) -> None:
    """Declined where there is no reason any more for what the case tells."""
    if is_over(book, case):
        raise Declined("over" if case.restores is None else "still_on")


def find(book: Book, number: int) -> Case:
    """The case. Declined where there is none with that number (any more)."""
    case = book.cases.get(number)
    if case is None:
        raise Declined("case_left" if book.has_left(number) else "unknown_case")
    return case


def find_whole(book: Book, number: int) -> Case:
    """The same of who asks for its customers: Declined where the case is but a record, too."""
    case = find(book, number)
    if case.past:
        raise Declined("case_left")
    return case


def undecided(book: Book, number: int) -> Case:
    """The case. Declined, with who decided and when, where it is decided on or over, or has no card."""
    case = find(book, number)
    if case.restores is not None:
        raise Declined("unknown_case")
    check_undecided(case)
    return case


def check_undecided(case: Case) -> None:
    """Declined, with who decided and when, where the case is decided on or over."""
    if case.undecided:
        return
    if case.state is CaseState.OVER:
        raise Declined("over")
    if case.state is CaseState.DENIED and case.denied_by is not None:
        raise Declined("already_denied", by=case.denied_by.name, at=case.denied_at)
    dispatch = case.dispatches[-1]
    code = "already_sent" if case.state is CaseState.SENT else "already_approved"
    raise Declined(code, by=dispatch.by.name, at=dispatch.at)


def _interrupted(book: Book, number: int) -> None:
    if find(book, number).state is not CaseState.INTERRUPTED:
        raise Declined("not_interrupted")
