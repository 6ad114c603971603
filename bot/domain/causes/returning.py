"""Ports that fall again: they continue the case that they had, unless what falls with them had none."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.case import Case, CaseState, Member
from bot.domain.causes.correlation import Group, noise
from bot.domain.incident import Incident
from bot.domain.rules import Rules


def placed(
    groups: Iterable[Group],
    waited: Callable[[Group], bool],
    book: Book,
    rules: Rules,
    now: datetime,
    *,
    over: Collection[str | None] = (),
) -> tuple[dict[int, list[Incident]], list[Group]]:
    """Which incidents join which case, and the groups that are cases of their own. `over` end just now.

    A group continues a case where most of its ports had that one within `reopen_minutes`; the others of it
    join the case, too, or follow it where it is decided. Where most had none, or others, it is another
    outage: a slot that falls does not come apart because one of its ports had a case of its own before, and
    the card of a slot does not come back, nor its "voltou" wait, for one ONU on one of its ports.
    What continues a case does so at once, everything else once its group has `waited`. A port that the
    decision about a case that goes on, or was sent, was not about does not continue it: nobody would ask.
    """
    joins: dict[int, list[Incident]] = defaultdict(list)
    alone: list[Group] = []
    since = now - timedelta(minutes=rules.reopen_minutes) if rules.reopen_minutes > 0 else None
    had = _Had(book, since, dict.fromkeys(over, now), rules)
    for found in groups:
        number, back, rest = _most(found, had)
        joined, follows = found.joins, found.follows
        if number is not None:
            joins[number] += back
            if joined is None and follows is None:
                joined, follows = _target(book.cases[number])
        if not rest or not waited(found):
            continue
        if joined is not None:
            joins[joined] += rest
        else:
            alone.append(replace(found, incidents=rest, joins=None, follows=follows))
    return joins, alone


class _Had:
    """The last case of a port, where all of it was over there, and not before `since` (None: no case is)."""

    def __init__(
        self, book: Book, since: datetime | None, over: Mapping[str | None, datetime], rules: Rules
    ) -> None:
        self._book, self._since, self._ends, self._rules = book, since, over, rules
        self._over: dict[int, Mapping[str, Member]] = {}
        self._about: dict[int, set[str]] = {}  # the ports that people on are told of, or are to be

    def case(self, incident: Incident, region: str) -> int | None:
        """That of the incident's port, where it is a return: somebody's plug is none of a whole PON, nor
        does an OLT that is of another region now take a case along.
        """
        port = incident.port.key
        number = self._book.port_cases.get(port)
        if number is None or self._since is None:
            return None
        if number not in self._over:
            self._over[number] = _last(self._book.cases[number], self._ends)
        last = self._over[number].get(port)
        if last is None or last.ended_at is None or last.ended_at < self._since:
            return None  # what it had there has moved to another port, or is on, or was long ago
        case = self._book.cases[number]
        if self._rules.home(case.region) != region or self._decided_without(case, port, last.ended_at):
            return None
        return number if noise(last.incident) is noise(incident) else None

    def _decided_without(self, case: Case, port: str, over_at: datetime) -> bool:
        """Whether the decision that stands is not about the port: over by then, in cooldown, freed since."""
        if case.undecided or case.state is CaseState.OVER:
            return False
        if case.state is CaseState.DENIED:  # over altogether, it is asked about anew
            return case.ended_at is None and case.denied_at is not None and over_at <= case.denied_at
        if case.id not in self._about:
            dispatch, held = case.dispatches[-1], self._book.reservations
            through = dispatch.through()
            mine = {key for key in through if key in held and held[key].case == case.id}
            unheld = dispatch.dry_run or case.state is CaseState.SCHEDULED  # over, that holds no port
            self._about[case.id] = through if unheld else mine
        return port not in self._about[case.id]


def _last(case: Case, ends: Mapping[str | None, datetime]) -> dict[str, Member]:
    """What each port of a case had last: what is on there, or what was over last."""
    found: dict[str, Member] = {}
    for id_, known in case.members.items():
        member = replace(known, ended_at=ends[id_]) if id_ in ends and known.ended_at is None else known
        before = found.setdefault(member.incident.port.key, member)
        later = before.ended_at is not None and (
            member.ended_at is None or member.ended_at >= before.ended_at
        )
        if later:
            found[member.incident.port.key] = member
    return found


def _most(found: Group, had: _Had) -> tuple[int | None, list[Incident], tuple[Incident, ...]]:
    """The case that more than half of a group's ports had (None: none is), its incidents, the rest."""
    of = [(had.case(incident, found.region), incident) for incident in found.incidents]
    ports: dict[int | None, set[str]] = defaultdict(set)
    for number, incident in of:
        ports[number].add(incident.port.key)
    most = max(ports, key=lambda number: len(ports[number]))
    if most is None or 2 * len(ports[most]) <= len({incident.port.key for _, incident in of}):
        return None, [], tuple(incident for _, incident in of)
    back = [incident for number, incident in of if number == most]
    return most, back, tuple(incident for number, incident in of if number != most)


def _target(case: Case) -> tuple[int | None, int | None]:
    """Where those go who fell with ports of that case: into it (first), or after it (second)."""
    if case.apart is not None:  # nothing is grouped with it
        return None, None
    waits = case.undecided or (case.ended_at is not None and case.state in {CaseState.OVER, CaseState.DENIED})
    return (case.id, None) if waits else (None, case.id)
