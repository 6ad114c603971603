"""Step 2: what a poll changes: new cases and their late siblings, changed facts, ended outages."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.case import Case, CaseState, Member
from bot.domain.causes.correlation import Group, Waiting, explain
from bot.domain.causes.regions import beside, grouped
from bot.domain.causes.returning import placed
from bot.domain.causes.sightings import Sightings
from bot.domain.causes.told import follows_elsewhere, told_elsewhere
from bot.domain.events import CaseOpened, IncidentChanged, IncidentEnded, IncidentJoined, Line
from bot.domain.incident import Incident, Inventory, Kind, Poll, affected_of, at_most
from bot.domain.limits.holds import why_not
from bot.domain.rules import Rules
from bot.ports import Write

RECOUNTED = timedelta(minutes=5)
"""A count that flickers is written so often at most."""


def compose(
    poll: Poll,
    seen: Sightings,
    inventory: Inventory,
    rules: Rules,
    unwatched: Callable[[str], bool] = lambda _: False,
) -> Write:
    """The lines that bring the ledger up to what the polls saw.

    A new incident waits for its siblings (`settle_seconds`) and for `open_polls`; those of one cause make one
    case (`causes/correlation.py`), and join one that nobody decided on yet. Ports that were up again for at
    most `reopen_minutes` continue their last case (`causes/returning.py`). One that was seen before never
    opens a second case, nor does one that another source told of: it is in its case at once, decided or
    not. Where the decision was not about as much, or about an earlier one, it follows on a card of its own.
    What ends is what the sightings say is `over`; `unwatched` are the incidents of sources that are not read.
    Of several regions each has its own cases; those of one cause name each other (`causes/regions.py`).
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        lines: list[Line] = []
        for incident in poll.incidents:
            case = book.known(incident)
            if case is not None:
                lines += _news(case, incident, now)
        ended = _ended(book, seen.over, unwatched)
        over = {line.incident for line in ended}
        waiting = [s for s in seen.new.values() if s.polls >= rules.open_polls]
        candidates = [s.incident for s in waiting if _is_new(book, s.incident, now)]
        twins = {i.id: number for i in candidates if (number := told_elsewhere(book, i, over))}
        candidates = [i for i in candidates if i.id not in twins]
        known = _known(book, over, rules, now) if candidates else []
        groups = grouped(candidates, known, inventory, rules, now) if candidates else []
        joins, alone = placed(groups, _waited(seen, rules, now), book, rules, now, over=over)
        alone = [_after_elsewhere(book, found, over) for found in alone]
        for incident in (seen.new[id_].incident for id_ in twins):
            joins.setdefault(twins[incident.id], []).append(incident)
        lines += ended  # first: an alert that another takes the place of has ended, and its case continues
        alone += _free_again(book, over, rules, now)
        opened = dict(enumerate(alone, start=book.next_case))
        placed_in = _places(book, joins, opened, rules)
        linked = beside(candidates, known, inventory, rules, now, placed=placed_in)
        for number, those in joins.items():
            on = (incident for incident in book.cases[number].on if incident.id not in over)
            why = explain([*on, *those], inventory, rules)
            lines += [IncidentJoined(number, incident, why) for incident in those[:-1]]
            others = linked[number] - {*book.cases[number].beside, *opened}  # those name this one themselves
            lines.append(IncidentJoined(number, those[-1], why, tuple(sorted(others))))
        for number, found in opened.items():
            why = explain(found.incidents, inventory, rules)
            first, rest = found.incidents[0], found.incidents[1:]
            others = {other for other in linked[number] if other < number}
            line = CaseOpened(number, first, rest, why, found.follows)
            lines.append(replace(line, region=found.region, beside=tuple(sorted(others))))
        return lines

    return write


def count(counts: Mapping[str, int]) -> Write:
    """What the alerts themselves say, of incidents that are on and not in a plan, which has its own count."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        found = ((book.case_of(id_), id_, onus) for id_, onus in counts.items())
        return [
            IncidentChanged(case.id, case.members[id_].incident.count(onus))
            for case, id_, onus in found
            if case is not None and _to_count(case, case.members[id_], onus)
        ]

    return write


def _to_count(case: Case, member: Member, onus: int) -> bool:
    known = member.incident.counted and member.incident.affected == onus
    return onus > 0 and not known and member.ended_at is None and not _planned(case)


def _planned(case: Case) -> bool:
    """Whether the card tells of a plan's count; of one that came to nothing it tells what is listed, too."""
    return not case.undecided and case.dispatch is not None and case.dispatch.progress is not None


def taken(lines: Sequence[Line]) -> list[str]:
    """The incidents that are in a case now."""
    opened = [i.id for line in lines if isinstance(line, CaseOpened) for i in (line.incident, *line.others)]
    return [*opened, *(line.incident.id for line in lines if isinstance(line, IncidentJoined))]


def _places(
    book: Book, joins: Mapping[int, Sequence[Incident]], opened: Mapping[int, Group], rules: Rules
) -> dict[str, tuple[int, str]]:
    """The case that each incident goes to, and its region."""
    found = {
        incident.id: (number, rules.home(book.cases[number].region))
        for number, those in joins.items()
        for incident in those
    }
    for number, one in opened.items():
        found |= dict.fromkeys((incident.id for incident in one.incidents), (number, one.region))
    return found


def _after_elsewhere(book: Book, found: Group, over: Collection[str | None]) -> Group:
    """With the case that it follows, where another source told of one that its decision was not about."""
    earlier = (follows_elsewhere(book, incident, over) for incident in found.incidents)
    follows = next((number for number in earlier if number is not None), None)
    return found if found.follows is not None else replace(found, follows=follows)


def _is_new(book: Book, incident: Incident, now: datetime) -> bool:
    return book.known(incident) is None and book.silence_of(incident.port, now) is None


def _free_again(book: Book, over: Collection[str | None], rules: Rules, now: datetime) -> list[Group]:
    """What an approval left out, as its port was in cooldown, and what is still on now that it is not.

    Nobody was asked about those customers: they follow on a card of their own.
    """
    found: list[Group] = []
    for number in sorted(book.open):
        case = book.cases[number]
        dispatch = case.dispatch
        if dispatch is None or not dispatch.left_out or case.state is not CaseState.SENT:
            continue
        free = {p.key for p in dispatch.left_out if why_not(book, p, number, rules, now) is None}
        left = [i for i in case.on if i.port.key in free and i.id not in over]
        if left:
            found.append(Group(tuple(left), follows=number, region=case.region))
    return found


def _news(case: Case, incident: Incident, now: datetime) -> list[Line]:
    member = case.members[incident.id]
    incident = incident.after(member.incident)
    if incident.ignored:
        return [] if member.ended_at is not None else [IncidentEnded(case.id, "ignored", incident.id)]
    if incident.kind is Kind.OTHER:  # there is no template for it: keep the facts that were decided on
        return []
    changed = member.ended_at is not None or member.incident != incident
    return [IncidentChanged(case.id, incident)] if changed and _worth_a_line(case, incident, now) else []


def _worth_a_line(case: Case, incident: Incident, now: datetime) -> bool:
    """Whether what changed is more than a count, or one that the card shows and that did not just change."""
    member = case.members[incident.id]
    if member.ended_at is not None or not incident.same_but_for_counts(member.incident):
        return True
    if member.recounted_at is not None and now - member.recounted_at < RECOUNTED:
        return False
    now_on = [incident if i.id == incident.id else i for i in case.incidents]
    return _size(case, now_on) != _size(case, case.incidents)


def _size(case: Case, incidents: Sequence[Incident]) -> object:
    """What the card says of their size: of several ports no total, and with a plan the plan's own count."""
    total = incidents[0].total if len(case.ports) == 1 else None
    if _planned(case):
        return total
    affected = affected_of(incidents)
    size = at_most(incidents) if affected is None else affected
    return affected is None, size, all(i.counted for i in incidents), total


def _waited(seen: Sightings, rules: Rules, now: datetime) -> Callable[[Group], bool]:
    """Whether one of a group has waited long enough for its siblings: the others come with it."""
    since = now - timedelta(seconds=rules.settle_seconds)
    return lambda found: any(seen.new[i.id].since <= since for i in found.incidents)


def _known(book: Book, over: Collection[str | None], rules: Rules, now: datetime) -> list[Waiting]:
    """The cases that late siblings may belong to, without what ends now. None that a person took apart."""
    open_ = (book.cases[number] for number in sorted(book.open))
    on = ((case, tuple(i for i in case.on if i.id not in over)) for case in open_ if case.apart is None)
    return [
        Waiting(
            case.id,
            incidents,
            not case.undecided or _proposed(case, now),
            rules.home(case.region),
        )
        for case, incidents in on
        if incidents and book.silence_over(case, now) is None
    ]


def _proposed(case: Case, now: datetime) -> bool:
    """Somebody approved it already, as it is."""
    return case.proposal is not None and case.proposal.waits(now)


def _ended(book: Book, gone: Iterable[str], unwatched: Callable[[str], bool]) -> list[IncidentEnded]:
    cases = ((id_, book.case_of(id_)) for id_ in gone)
    return [
        IncidentEnded(case.id, "unwatched" if unwatched(id_) else "gone", id_)
        for id_, case in sorted(cases, key=lambda pair: (pair[1].id if pair[1] else 0, pair[0]))
        if case is not None and case.members[id_].ended_at is None
    ]
