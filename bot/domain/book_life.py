"""How the lines of `life` change the book: one function a kind of line, called by `Book.apply`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.domain import events
from bot.domain.case import Card, Case, CaseState, Member, Phase, Proposal
from bot.domain.causes.flapping import KEPT, Spell
from bot.domain.limits.cooldown import Reservation
from bot.domain.limits.silence import Silence

RESTORED_WITHIN = timedelta(hours=24)
"""How long after the end of an outage its customers may still be told that it is over."""
LEFT_WITHIN = timedelta(hours=24)
"""How long people are reminded of sends that are left undone or in doubt."""

if TYPE_CHECKING:  # the book calls these
    from bot.domain.book import Book
    from bot.domain.incident import Incident, Port


def take_in(book: Book, case: Case, incident: Incident) -> None:
    """The incident is of this case from now on, and on."""
    before = book.by_incident.get(incident.id)
    if before is not None and before != case.id:
        _leave(book, book.cases[before], incident.id)
    _went_down(book, incident)
    case.members[incident.id] = Member(incident)
    book.by_incident[incident.id] = case.id
    book.port_cases[incident.port.key] = case.id
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
        book.reserve(case.id, kept)


def ask_again(book: Book, case: Case) -> None:
    """It waits for an answer anew; an expected end that has passed is asked about once all the same."""
    case.asked_at, case.reminded = book.last_at, case.reminded & {"eta", "grown"}


def end(book: Book, case: Case, incident_id: str | None, why: str) -> None:
    """An incident is over, and the case where it was the last that was on."""
    ids = [case.incident.id] if incident_id is None else [incident_id]
    for member in (case.members[id_] for id_ in ids if id_ in case.members):
        _came_back(book, member.incident)
        member.ended_at, member.ended_why = book.last_at, why
    close_if_over(book, case)


def close_if_over(book: Book, case: Case) -> None:
    """Nothing of it is on: the case is over."""
    if case.ended_at is None and all(m.ended_at is not None for m in reversed(case.members.values())):
        whys = {member.ended_why for member in case.members.values()}
        case.ended_at, case.ended_why = book.last_at, "ignored" if whys == {"ignored"} else "gone"
        case.proposal = None
        case.reminded = frozenset(what for what in case.reminded if not what.startswith("over"))
        book.open.discard(case.id)
        if case.state is CaseState.SCHEDULED:  # nothing will be sent: its ports are free for the next outage
            book.give_back(case.id)
        if case.dispatches:
            _to_restore(book, case.id)


def _to_restore(book: Book, number: int) -> None:
    """The case ended last of all; those at the front that ended too long ago are forgotten."""
    book.to_restore.pop(number, None)
    book.to_restore[number] = None
    while not _lately(book, first := next(iter(book.to_restore))):
        del book.to_restore[first]


def left_undone(book: Book, number: int) -> None:
    """Sends of the case came to rest: where some are left to do or in doubt somebody has to see to them.

    As above, the last one last. Most dispatches leave nothing, and so are not looked at again at each poll.
    """
    book.left.pop(number, None)
    case, dispatch = book.cases[number], book.cases[number].dispatches[-1]
    if dispatch.phase is Phase.INTERRUPTED or dispatch.in_doubt():
        book.left[number] = None
    case.reminded = frozenset(what for what in case.reminded if not what.startswith("left"))
    dispatch.broke_at = None if dispatch.phase is Phase.FINISHED else book.last_at
    while (first := next(iter(book.left), None)) is not None and not _rests_lately(book, first):
        del book.left[first]


def _rests_lately(book: Book, number: int) -> bool:
    dispatch = book.cases[number].dispatch
    since = None if dispatch is None else dispatch.rests_since
    return since is not None and book.last_at - since <= LEFT_WITHIN


def _lately(book: Book, number: int) -> bool:
    ended = book.cases[number].ended_at
    return ended is not None and book.last_at - ended <= RESTORED_WITHIN


def leave_out(book: Book, case: Case, unread: tuple[str, ...]) -> None:
    """The ports of those incidents, where none of the others is on them, are not part of the dispatch."""
    dispatch = case.dispatches[-1]
    dispatch.unread = unread
    read = {case.members[id_].incident.port.key for id_ in case.to_read(dispatch) if id_ not in unread}
    for port in dispatch.ports:
        reservation = book.reservations.get(port.key)
        if port.key not in read and reservation is not None and reservation.case == case.id:
            del book.reservations[port.key]
    dispatch.ports = tuple(port for port in dispatch.ports if port.key in read)


def came_on(book: Book, case: Case, incident: Incident) -> None:
    """The source reports other facts of an incident, or one that was over as open again."""
    member = case.members[incident.id]
    if member.incident.port.key != incident.port.key:
        _came_back(book, member.incident)
    _went_down(book, incident)
    if case.ended_at is not None:
        reopen(book, case)
    case.members[incident.id] = Member(incident)
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


def _went_down(book: Book, incident: Incident) -> None:
    down = book.down.setdefault(incident.port.key, set())
    if not down:
        spells = book.spells.setdefault(incident.port.key, [])
        spells.append(Spell(book.last_at))
        del spells[:-KEPT]
    down.add(incident.id)


def _came_back(book: Book, incident: Incident) -> None:
    down = book.down.get(incident.port.key, set())
    if down == {incident.id}:
        spells = book.spells[incident.port.key]
        spells[-1] = replace(spells[-1], last=book.last_at)
    down.discard(incident.id)


def _joined(book: Book, line: events.IncidentJoined) -> None:
    case = book.cases[line.case]
    if case.ended_at is not None:  # another outage than the one that was denied, or asked about
        case.denied_by = case.denied_at = case.denied_reason = None
        case.denied_words = ""
        case.owner = case.owned_at = case.lapsed = None
        reopen(book, case)
    elif not any(m.incident.port.key == line.incident.port.key for m in case.members.values()):
        case.joined += 1
    take_in(book, case, line.incident)
    case.grouping = line.grouping


def _separated(book: Book, line: events.Separated) -> None:
    case = book.cases[line.case]
    case.apart, case.grouping, case.joined = case.id, line.grouping, 0


def _proposed(book: Book, line: events.Proposed) -> None:
    book.cases[line.case].proposal = Proposal(
        line.by, book.last_at, line.despite, line.due, line.asked, line.agreed
    )


def _begun(book: Book, line: events.Begun) -> None:
    dispatch = book.cases[line.case].dispatches[-1]
    dispatch.phase, dispatch.begun_at, dispatch.begun_by = Phase.COUNTDOWN, book.last_at, line.by
    dispatch.last_at = book.last_at
    if line.by is not None:
        dispatch.answerable = (line.by,)
    book.reserve(line.case)


def _restoring(book: Book, line: events.Restoring) -> None:
    root = book.cases[line.of]
    book.cases[line.case] = Case(
        line.case, root.incident, book.last_at, root.card, members=dict(root.members), restores=line.of
    )


def _assumed(book: Book, line: events.Assumed) -> None:
    case = book.cases[line.case]
    case.owner, case.owned_at, case.lapsed = line.by, book.last_at, None


def _lapsed(book: Book, line: events.Lapsed) -> None:
    case = book.cases[line.case]
    case.owner, case.owned_at, case.lapsed = None, None, line.by
    ask_again(book, case)


def _untold(book: Book, line: events.Untold) -> None:
    case = book.cases[line.case]
    case.untold_by, case.untold_at = line.by, book.last_at


def _reminded(book: Book, line: events.Reminded) -> None:
    case = book.cases[line.case]
    if line.what == "grown":  # only now somebody heard of it
        ask_again(book, case)
    case.reminded |= {line.what}


def _forecast(book: Book, line: events.Forecast) -> None:
    case = book.cases[line.case]
    case.eta, case.eta_by = line.eta, line.by
    case.reminded -= {"eta"}


def _cause_named(book: Book, line: events.CauseNamed) -> None:
    case = book.cases[line.case]
    case.cause, case.cause_by = line.cause, line.by
    case.team = line.team or case.team


def _denial_explained(book: Book, line: events.DenialExplained) -> None:
    book.cases[line.case].denied_words = line.reason


def _silenced(book: Book, line: events.Silenced) -> None:
    _keep(book, Silence(line.silence, line.scopes, book.last_at, line.until, line.by, line.reason))


def _silence_ended(book: Book, line: events.SilenceEnded) -> None:
    silence = book.silences[line.silence]
    _keep(book, replace(silence, until=min(silence.until, book.last_at)))


def _keep(book: Book, silence: Silence) -> None:
    book.silences[silence.id] = silence
    others = (one for one in book.lasting if one.id != silence.id and one.until > book.last_at)
    book.lasting = [*others, silence]


def _digest_posted(book: Book, line: events.DigestPosted) -> None:
    book.digest = Card(line.chat, line.message)


FOLDS: dict[type, Callable[[Any, Any], None]] = {
    events.IncidentJoined: _joined,
    events.Separated: _separated,
    events.Proposed: _proposed,
    events.Begun: _begun,
    events.Restoring: _restoring,
    events.Assumed: _assumed,
    events.Lapsed: _lapsed,
    events.Untold: _untold,
    events.Reminded: _reminded,
    events.Forecast: _forecast,
    events.CauseNamed: _cause_named,
    events.DenialExplained: _denial_explained,
    events.Silenced: _silenced,
    events.SilenceEnded: _silence_ended,
    events.DigestPosted: _digest_posted,
}
