"""Lines that this machine has and the ledger lacks: what they tell of sends is written again, as new lines.

The ledger went on without them, so neither their numbers nor their hashes fit any more, and of what they
decided some may have been decided anew. What cannot have changed is who was sent something. So a send that
was claimed is claimed again, with its end where that is known and else in doubt; the approval, plan and case
that it belongs to come with it where the ledger lacks them, too. Everything else in them is not written:
nobody is sent anything for it, and people decide it once more.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.dispatch import Dispatch, Phase
from bot.domain.events import (
    Abandoned,
    Approved,
    CaseOpened,
    Intent,
    Interrupted,
    Line,
    Planned,
    Resent,
    Result,
    Settled,
)
from bot.domain.incident import Incident
from bot.domain.plan import ARRIVED, IN_DOUBT, REACHED, Outcome, Progress, Recipient, Skip
from bot.domain.who import Who
from bot.ports import Write
from bot.steps import decide

UNKNOWN = "interrupted"
"""The reason of a doubt that a start finds."""


@dataclass
class _Attempt:
    """What the kept lines tell of one dispatch; `sends` are claims with their ends, None: none is told.

    `doubted` are those of whom an earlier send may have arrived: no later end takes that back.
    """

    case: int
    first: bool
    approved: Approved | None = None
    planned: Planned | None = None
    sends: dict[str, Result | None] = field(default_factory=dict)
    doubted: set[str] = field(default_factory=set)
    claims: dict[str, datetime] = field(default_factory=dict)

    def claimed(self, recipient: str, at: datetime | None) -> None:
        """Another send of theirs is about to leave."""
        if at is not None:
            self.claims[recipient] = at
        known = self.sends.get(recipient)
        if recipient in self.sends and (known is None or known.outcome in IN_DOUBT):
            self.doubted.add(recipient)
        if known is None or known.outcome not in ARRIVED:
            self.sends[recipient] = None

    def ended(self, recipient: str, result: Result | None) -> None:
        """It ended so; None: nothing left."""
        if recipient in self.doubted and (result is None or result.outcome not in ARRIVED):
            self.sends[recipient] = None
        elif result is None:
            self.sends.pop(recipient, None)
        else:
            self.sends[recipient] = result


def confirm(who: Who, clock: datetime, kept: Sequence[Sequence[Line]]) -> Write:
    """As `decide.confirm`; what is kept is written with it, so that nothing leaves in between."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        return [*decide.confirm(who, clock)(book, now), *written_again(book, kept)]

    return write


def sent(kept: Sequence[Sequence[Line]]) -> int:
    """To how many customers something may have left by these lines."""
    return sum(len(attempt.sends) for lines in kept for attempt in _attempts(lines))


def written_again(book: Book, kept: Sequence[Sequence[Line]]) -> list[Line]:
    """What is to be written of them, by each time that the ledger lost some, oldest first.

    The ledger may have gone on since, and some of it may be on record again: that is left as it is.
    """
    found = list[Line]()
    then = _copied(book, [line for lines in kept for line in lines])
    for lines in kept:
        opened = {line.case: line for line in lines if isinstance(line, CaseOpened)}
        places = dict[int, int]()
        for attempt in _attempts(lines):
            if not attempt.sends:
                continue
            number = abs(attempt.case)
            if number not in places:
                found += _taken_in(then, _place(then, opened.get(number), number, places))
            if number in places:
                place = places[number] * (1 if attempt.case > 0 else -1)
                found += _taken_in(then, _again(then, attempt, place))
    return found


def _copied(book: Book, lines: Sequence[Line]) -> Book:
    """A book with the cases that these are about, to see what each of those written makes of it."""
    then = Book(last_at=book.last_at, by_incident=dict(book.by_incident), running=set(book.running))
    then.next_case = book.next_case
    numbers = {abs(number) for line in lines if (number := getattr(line, "case", None)) is not None}
    for line in lines:
        if isinstance(line, CaseOpened):
            known = [book.case_of(one.id) for one in (line.incident, *line.others)]
            numbers |= {case.id for case in known if case is not None}
    both = [number for one in numbers for number in (one, -one) if number in book.cases]
    then.cases = {number: deepcopy(book.cases[number]) for number in both}
    return then


def _taken_in(then: Book, lines: Iterator[Line]) -> Iterator[Line]:
    for line in lines:
        then.apply(then.last_at, line)
        yield line


def _attempts(kept: Sequence[Line]) -> list[_Attempt]:
    """Those that were no rehearsal: nobody has anything of one."""
    found, now = list[_Attempt](), dict[int, _Attempt]()

    def of(number: int) -> _Attempt:
        if number not in now:
            now[number] = _Attempt(number, all(one.case != number for one in found))
            found.append(now[number])
        return now[number]

    for line in kept:
        match line:
            case Approved():
                now.pop(line.case, None)
                of(line.case).approved = line
            case Planned():
                of(line.case).planned = line
            case Resent():
                of(line.case).doubted.update(line.recipients)
            case Intent():
                of(line.case).claimed(line.recipient, line.claimed)
            case Result():
                of(line.case).ended(line.recipient, line)
            case Abandoned():
                of(line.case).ended(line.recipient, None)
            case _:
                pass
    return [one for one in found if one.approved is None or not one.approved.dry_run]


def _place(then: Book, opening: CaseOpened | None, number: int, places: dict[int, int]) -> Iterator[Line]:
    """Its opening, where the ledger has no such case; `places` says then under which number it has it."""
    known = then.cases.get(number) if opening is None else _known(then, opening.incident)
    if known is not None and not known.past:  # of a record nothing is left to write to
        places[number] = known.id
    elif opening is not None:
        places[number] = then.next_case
        others = tuple(one for one in opening.others if _known(then, one) is None)
        yield replace(opening, case=then.next_case, others=others, follows=None, apart=None, beside=())


def _known(then: Book, incident: Incident) -> Case | None:
    """The case of that very outage: also where the source told of it again, and where it is over by now."""
    case = then.case_of(incident.id)
    if case is not None and case.members[incident.id].incident.started == incident.started:
        return case
    return then.known(incident)


def _again(then: Book, kept: _Attempt, place: int) -> Iterator[Line]:
    """What is not on record of its sends: in the dispatch that runs where they fit, else in one of their own.

    Nobody is left to do of whom a send may have left, whichever approval the ledger has by now. Each line is
    in the book (`then`) before the next one is made.
    """
    case = then.cases.get(place)
    dispatches = [] if case is None else case.dispatches
    last = dispatches[-1] if dispatches else None
    origin = _origin(dispatches, kept)
    plans = _plans(dispatches, origin)
    lost = {id_: end for id_, end in kept.sends.items() if not _on_record(plans, id_, end)}
    if last is not None and last.progress is not None and (not last.dry_run or last is origin):
        for id_, end in [*lost.items()]:
            known = last.progress.results.get(id_)
            if end is not None and known is not None and known.outcome is Outcome.UNKNOWN:
                yield replace(end, case=place)  # it arrived: of anything else a doubt is record enough
                del lost[id_]
    if not lost:
        return
    runs = last if kept.first and place in then.running else None
    if runs is not None and runs is origin and lost.keys() <= {r.id for r in runs.sends.todo()}:
        rests = runs.phase is Phase.INTERRUPTED
        yield from _sends(place, lost, kept.claims)
        if not rests or not runs.sends.todo():
            yield Interrupted(place)
    elif runs is not None and runs.progress is None and kept.planned is not None and not runs.dry_run:
        yield replace(kept.planned, case=place, unread=(), recipients=_told(kept.planned, plans, lost))
        yield from _sends(place, lost, kept.claims)
        yield Interrupted(place)
    else:
        yield from _own(then, kept, place, lost)


def _own(then: Book, kept: _Attempt, place: int, lost: dict[str, Result | None]) -> Iterator[Line]:
    """A dispatch of their own. What the last one has to do or in doubt comes with them: only of a case's last
    one people are asked. Who was to get a message yet gets none by itself: a person lets it go on.
    """
    dispatches = then.cases[place].dispatches if place in then.cases else []
    last, origin = (dispatches[-1] if dispatches else None), _origin(dispatches, kept)
    plans = _plans(dispatches, origin)
    like = last if kept.planned is not None else origin
    approved = kept.approved or (None if like is None else _as_approved(place, like))
    planned = kept.planned or (None if origin is None else _as_planned(place, origin, lost))
    if approved is None or planned is None:
        return
    todo, doubts, claims = list[Recipient](), list[Recipient](), dict[str, datetime]()
    if last is not None:
        if place in then.running:
            todo = last.sends.todo() if last.progress is not None and not last.dry_run else []
            yield Settled(place, "stopped")
        doubts = [one for one in last.in_doubt() if one.id not in lost]
        claims = {one.id: last.sends.intents[one.id] for one in doubts}
    # Not from now on: what follows an approval would go and send.
    yield replace(approved, case=place, due=approved.due or then.last_at)
    recipients = {one.id: one for one in _told(planned, plans, lost)}
    recipients = {one.id: one for one in todo} | recipients | {one.id: one for one in doubts}
    yield replace(planned, case=place, unread=(), recipients=tuple(recipients.values()))
    yield from _sends(place, lost | dict.fromkeys(claims), claims | kept.claims)
    yield Interrupted(place)


def _origin(dispatches: Sequence[Dispatch], kept: _Attempt) -> Dispatch | None:
    """The newest whose plan has them; a rehearsal only of sends that may have been part of one."""
    whole = [
        one for one in dispatches if one.progress and kept.sends.keys() <= one.progress.recipients.keys()
    ]
    real = [one for one in whole if not one.dry_run]
    bare = kept.approved is None and kept.planned is None
    return next(reversed(real or (whole if bare else [])), None)


def _plans(dispatches: Sequence[Dispatch], origin: Dispatch | None) -> list[Progress]:
    """Those of which somebody may have a message."""
    return [one.progress for one in dispatches if one.progress and (not one.dry_run or one is origin)]


def _on_record(plans: Sequence[Progress], recipient: str, end: Result | None) -> bool:
    """Whether some plan of the case tells as much of them: that something arrived, may have, or did not."""
    outcomes = {plan.results[recipient].outcome for plan in plans if recipient in plan.results}
    if end is None or end.outcome in IN_DOUBT:
        return not REACHED.isdisjoint(outcomes)
    return not ARRIVED.isdisjoint(outcomes) if end.outcome in ARRIVED else bool(outcomes)


def _told(
    planned: Planned, plans: Sequence[Progress], lost: dict[str, Result | None]
) -> tuple[Recipient, ...]:
    """Its recipients: who was sent to gets a message by it, and nobody whom another plan reached."""
    reached = {id_ for plan in plans for id_ in plan.reached_ids()} - lost.keys()
    skips = dict.fromkeys(reached, Skip.TOLD) | dict.fromkeys(lost)
    return tuple(replace(one, skip=skips.get(one.id, one.skip)) for one in planned.recipients)


def _as_planned(number: int, origin: Dispatch, lost: dict[str, Result | None]) -> Planned:
    """Of the plan that they were of: them."""
    sends = origin.sends
    recipients = tuple(one for id_, one in sends.recipients.items() if id_ in lost)
    return Planned(number, sends.onus, recipients, origin.facts, templates=sends.templates)


def _as_approved(number: int, one: Dispatch) -> Approved:
    """The approval that the ledger has of it."""
    return Approved(number, one.by, one.ports, one.dry_run, one.template, one.mixed, first=one.first)


def _sends(number: int, sends: dict[str, Result | None], claims: dict[str, datetime]) -> Iterator[Line]:
    for recipient, result in sends.items():
        yield Intent(number, recipient, claims.get(recipient))  # the gateway's list is read about that time
        yield (
            Result(number, recipient, Outcome.UNKNOWN, reason=UNKNOWN)
            if result is None
            else replace(result, case=number)
        )
