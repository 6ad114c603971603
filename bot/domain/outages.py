"""Incidents come on, move and end: what that does to their cases, their ports and the book."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.book import Book
from bot.domain.case import UNWATCHED, Case, CaseState, Member
from bot.domain.causes.falls import REMEMBERED, fell, over
from bot.domain.causes.flapping import KEPT, Spell, recent
from bot.domain.claims import give_back, reserve
from bot.domain.dispatch import Phase
from bot.domain.incident import Incident, Port
from bot.domain.leaving import ago
from bot.domain.limits.cooldown import Reservation

RESTORED_WITHIN = timedelta(hours=24)
"""How long after the end of an outage its customers may still be told that it is over."""


def held(book: Book, number: int, incident: Incident) -> Case:
    """The case that an incident comes on in. One that left the book is a case again, of what is left of it.

    So bots wrote that forgot nothing: to this one it would be a new outage.
    """
    if book.has_left(number):
        if number not in book.cases:
            book.cases[number] = Case(number, incident, book.last_at)
            take_in(book, book.cases[number], incident)
        for one in (book.cases[number], book.restored_by(number)):
            if one is not None:
                one.past, one.again = False, True
    return book.cases[number]


def take_in(book: Book, case: Case, incident: Incident) -> None:
    """The incident is of this case from now on, and on."""
    before = book.by_incident.get(incident.id)
    if before is not None and before != case.id:
        _leave(book, book.cases[before], incident.id)
        book.touch(before)  # no line names it
    _went_down(book, case, incident)
    case.members[incident.id] = Member(incident)
    book.by_incident[incident.id] = case.id
    book.port_cases[incident.port.key] = case.id
    book.olts[incident.port.olt] = None
    book.open.add(case.id)


def reopen(book: Book, case: Case) -> None:
    """The case was over and is on again."""
    case.ended_at = case.ended_why = None
    case.untold_by = case.untold_at = None
    ask_again(book, case)
    case.reopened.append(book.last_at)
    book.open.add(case.id)
    book.to_restore.pop(case.id, None)
    if case.state is CaseState.SCHEDULED:
        kept = {port.key for port in case.dispatches[-1].ports} - book.reservations.keys()
        reserve(book, case, kept)


def ask_again(book: Book, case: Case) -> None:
    """It waits for an answer anew; an expected end that has passed is asked about once all the same."""
    case.asked_at, case.reminded = book.last_at, case.reminded & {"eta", "grown"}


def end(book: Book, case: Case, incident_id: str | None, why: str) -> None:
    """An incident is over, and the case where it was the last that was on."""
    ids = [case.incident.id] if incident_id is None else [incident_id]
    for member in (case.members[id_] for id_ in ids if id_ in case.members):
        _came_back(book, member.incident, why)
        member.ended_at, member.ended_why = book.last_at, why
    close_if_over(book, case)


def close_if_over(book: Book, case: Case) -> None:
    """Nothing of it is on: the case is over."""
    if case.ended_at is None and all(m.ended_at is not None for m in reversed(case.members.values())):
        case.ended_at, case.ended_why = book.last_at, _why(case)
        case.proposal = None
        case.reminded = frozenset(what for what in case.reminded if not what.startswith("over"))
        book.open.discard(case.id)
        if case.state is CaseState.SCHEDULED:  # nothing will be sent: its ports are free for the next outage
            give_back(book, case)
        if case.dispatches and case.ended_why != UNWATCHED:
            _to_restore(book, case.id)


def _why(case: Case) -> str:
    """How it ended; one port whose end nobody saw, not even another source, is enough for not knowing."""
    if any(m.ended_why == UNWATCHED and not _seen_elsewhere(case, m.incident) for m in case.members.values()):
        return UNWATCHED
    return "ignored" if all(m.ended_why == "ignored" for m in case.members.values()) else "gone"


def _seen_elsewhere(case: Case, unwatched: Incident) -> bool:
    """Whether another source that told of its port saw that end, and not the end of what was on before."""
    ends = (
        member.ended_at
        for member in case.members.values()
        if member.ended_why != UNWATCHED
        and member.incident.port.key == unwatched.port.key
        and member.incident.source != unwatched.source
    )
    return any(at is not None and at > unwatched.started for at in ends)


def _to_restore(book: Book, number: int) -> None:
    """The case ended last of all; those at the front that ended too long ago are forgotten."""
    book.to_restore.pop(number, None)
    book.to_restore[number] = None
    while not _lately(book, first := next(iter(book.to_restore))):
        del book.to_restore[first]


def _lately(book: Book, number: int) -> bool:
    ended = book.cases[number].ended_at
    return ended is not None and book.last_at - ended <= RESTORED_WITHIN


def came_on(book: Book, case: Case, incident: Incident) -> None:
    """The source reports other facts of an incident, or one that was over as open again."""
    if case.again and incident.id not in case.members:
        take_in(book, case, incident)
    member = case.members[incident.id]
    if member.incident.port.key != incident.port.key:
        _came_back(book, member.incident, "ignored")  # it never was there
    _went_down(book, case, incident)
    if case.ended_at is not None:
        reopen(book, case)
    case.members[incident.id] = Member(incident)
    book.by_incident[incident.id] = case.id
    book.olts[incident.port.olt] = None
    if member.ended_at is None and incident.same_but_for_counts(member.incident):
        case.members[incident.id].recounted_at = book.last_at
    if member.incident.port.key != incident.port.key:
        _moved(book, case, member.incident.port, incident.port)
    if incident.id == case.incident.id:
        case.incident = incident
    book.open.add(case.id)


def _moved(book: Book, case: Case, old: Port, new: Port) -> None:
    """An incident is on another port than before: so is a dispatch that has no plan yet."""
    book.port_cases[new.key] = case.id
    if book.port_cases.get(old.key) == case.id and old.key not in case.member_ports:
        del book.port_cases[old.key]
    dispatch = case.dispatch
    if dispatch is None or dispatch.progress is not None or dispatch.phase is Phase.FINISHED:
        return
    keys = {port.key for port in dispatch.ports}
    if old.key in keys and new.key not in keys:
        dispatch.ports = (*dispatch.ports, new)
        if not dispatch.dry_run:
            book.reservations.setdefault(new.key, Reservation(new, book.last_at, case.id, dispatch.by))


def _leave(book: Book, case: Case, incident_id: str) -> None:
    if case.members[incident_id].ended_at is not None:
        return  # its id is used again, for another
    case.members.pop(incident_id)
    if not case.members:  # nothing is left of it: keep what it was about
        case.members = {incident_id: Member(case.incident, book.last_at, "gone")}
    if incident_id == case.incident.id:
        case.incident = next(iter(case.members.values())).incident
    close_if_over(book, case)


def _went_down(book: Book, case: Case, incident: Incident) -> None:
    down = book.down.setdefault(incident.port.key, set())
    if not down:
        spells = recent(book.spells.pop(incident.port.key, ()), book.last_at)
        book.spells[incident.port.key] = [*spells, Spell(book.last_at)][-KEPT:]  # the newest stand last
    known = book.falls.get(incident.port.key, [])
    falls = fell(known, case.id, incident, book.last_at, ago(book.days, REMEMBERED))
    if not known or falls[-1].seen != known[-1].seen:
        book.falls.pop(incident.port.key, None)  # the newest stand last
    book.falls[incident.port.key] = falls
    down.add(incident.id)


def _came_back(book: Book, incident: Incident, why: str) -> None:
    down = book.down.get(incident.port.key, set())
    if incident.id in down:
        alone = len(down) == 1
        book.falls[incident.port.key] = over(
            book.falls[incident.port.key], incident, book.last_at, why, alone=alone
        )
        if not book.falls[incident.port.key]:
            del book.falls[incident.port.key]
    if down == {incident.id}:
        spells = book.spells[incident.port.key]
        spells[-1] = replace(spells[-1], last=book.last_at)
    down.discard(incident.id)
    if not down:
        book.down.pop(incident.port.key, None)
