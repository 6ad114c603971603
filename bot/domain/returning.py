"""Ports that fall again: they continue the case that they had, unless what falls with them had none."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.correlation import Group
from bot.domain.incident import Incident
from bot.domain.rules import Rules


def placed(
    groups: Iterable[Group], settled: Callable[[Group], bool], book: Book, rules: Rules, now: datetime
) -> tuple[dict[int, list[Incident]], list[Group]]:
    """Which incidents join which case, and the groups that are cases of their own.

    A group continues a case where most of its ports had that one within `reopen_minutes`; the others of it
    join the case, too, or follow it where it is decided. Where most had none, or others, it is another
    outage: a slot that falls does not come apart because one of its ports had a case of its own before.
    What continues a case does so at once, everything else once its group is `settled`.
    """
    joins: dict[int, list[Incident]] = defaultdict(list)
    alone: list[Group] = []
    had = _Had(book, now - timedelta(minutes=rules.reopen_minutes) if rules.reopen_minutes > 0 else None)
    for found in groups:
        number, back = _most(found.incidents, had)
        rest = tuple(i for i in found.incidents if i not in back)
        joined, follows = found.joins, found.follows
        if number is not None:
            joins[number] += back
            if joined is None and follows is None:
                joined, follows = _target(book.cases[number])
        if not rest or not settled(found):
            continue
        if joined is not None:
            joins[joined] += rest
        else:
            alone.append(Group(rest, follows=follows))
    return joins, alone


class _Had:
    """The last case of a port, where all of it was over there, and not before `since` (None: no case is)."""

    def __init__(self, book: Book, since: datetime | None) -> None:
        self._book, self._since = book, since
        self._over: dict[int, Mapping[str, datetime | None]] = {}

    def case(self, port: str) -> int | None:
        number = self._book.port_cases.get(port)
        if number is None or self._since is None:
            return None
        if number not in self._over:
            self._over[number] = _over(self._book.cases[number])
        over = self._over[number].get(port)
        return number if over is not None and over >= self._since else None


def _over(case: Case) -> dict[str, datetime | None]:
    """When each port of a case was up again, None where it is not."""
    found: dict[str, datetime | None] = {}
    for member in case.members.values():
        key, ended = member.incident.port.key, member.ended_at
        before = found.get(key, ended)
        found[key] = None if before is None or ended is None else max(before, ended)
    return found


def _most(incidents: Iterable[Incident], had: _Had) -> tuple[int | None, list[Incident]]:
    """The case that more than half of these incidents' ports had, and those incidents; None: none is."""
    by_case: dict[int | None, list[Incident]] = defaultdict(list)
    for incident in incidents:
        by_case[had.case(incident.port.key)].append(incident)
    ports = {number: len({i.port.key for i in those}) for number, those in by_case.items()}
    most = max(ports, key=lambda number: ports[number])
    return (most, by_case[most]) if most is not None and 2 * ports[most] > sum(ports.values()) else (None, [])


def _target(case: Case) -> tuple[int | None, int | None]:
    """Where those go who fell with ports of that case: into it (first), or after it (second)."""
    if case.apart is not None:  # nothing is grouped with it
        return None, None
    waits = case.undecided or (case.ended_at is not None and case.state in {CaseState.OVER, CaseState.DENIED})
    return (case.id, None) if waits else (None, case.id)
