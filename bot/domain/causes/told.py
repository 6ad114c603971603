"""What several sources tell of: which of their ports are one, and which of their outages."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.incident import Incident, Poll, Port, source_of
from bot.domain.limits.growth import on_port, outgrew

LATER = timedelta(minutes=30)
"""Two sources see one outage within minutes; what begins later than that is another one."""
_PARTS = re.compile("[a-z]+|[0-9]+")
Parts = tuple[str, ...]


def parts(olt: str) -> Parts:
    """An OLT's name without what people write differently: `CB-01`, `cb 01` and `CB01` are one.

    Digits that stand apart stay so (`CB 1/1` is not `CB 11`), and `CB 1` is not taken for `CB 01`.
    """
    letters = unicodedata.normalize("NFKD", olt.casefold())
    return tuple(_PARTS.findall("".join(c for c in letters if not unicodedata.combining(c))))


@dataclass(slots=True)
class Olts:
    """Which OLTs of several sources are one.

    Two are where their names have the same `parts`, as those of no other OLT of either source. The first of
    them that was told of names the ports of both, once and for all: what a decision or a cooldown is about
    must not change its key. So whoever starts anew has it `learn` what the ledger still knows. An OLT is in
    one account of a system: two accounts of one never tell of the same.
    """

    _names: dict[str, dict[str, Parts]] = field(default_factory=dict)
    _as: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    _told_by: dict[str, set[str]] = field(default_factory=dict)

    def learn(self, book: Book) -> None:
        """The ports of the ledger keep their keys."""
        members = [m.incident for case in book.cases.values() for m in case.members.values()]
        for incident in members:
            self._told_by.setdefault(incident.port.olt_key, set()).add(incident.source)
        for port in (*(i.port for i in members), *(held.port for held in book.reservations.values())):
            self._names.setdefault(port.source, {})[port.olt_key] = parts(port.olt)
            self._as[port.source, port.olt_key] = port.olt_key, port.olt

    def placed(self, poll: Poll) -> Poll:
        """The same with every port as it is known."""
        for incident in poll.incidents:
            port = incident.port
            self._names.setdefault(incident.source, {})[port.olt_key] = parts(port.olt)
        return replace(poll, incidents=tuple(map(self._placed, poll.incidents)))

    def _placed(self, incident: Incident) -> Incident:
        port, source = incident.port, incident.source
        if not port.placed:
            return incident
        mine = (source, port.olt_key)
        if mine not in self._as:
            self._as[mine] = self._other(source, port) or (port.olt_key, port.olt)
        key, olt = self._as[mine]
        self._told_by.setdefault(key, set()).add(source)
        if key == port.olt_key:
            return incident
        return replace(incident, port=replace(port, key=f"{key}:{port.place}", olt=olt), own=port)

    def _other(self, source: str, port: Port) -> tuple[str, str] | None:
        """The one OLT of other systems that has the same name; None where there is none, or it may be two."""
        name = parts(port.olt)
        same = [(of, key) for of, olts in self._names.items() for key, known in olts.items() if known == name]
        here = [one for one in same if one[0] == source]
        others = [one for one in same if not _one_system(one[0], source)]
        there = {self._as[one] for one in others if one in self._as}
        apart = len(others) == len({of for of, _ in others})
        if not (name and len(here) == 1 and len(there) == 1 and apart):
            return None
        found = there.pop()
        taken = any(_one_system(of, source) for of in self._told_by.get(found[0], set()) - {source})
        return None if taken else found


def told_elsewhere(book: Book, incident: Incident, over: Collection[str | None]) -> int | None:
    """The case that has the outage as another source tells it: on that port it is on, and not `over`.

    None where there is none, and where the decision about it was not about this (`follows_elsewhere`).
    """
    return next((c.id for c in _elsewhere(book, incident, over) if c.undecided or _is_it(c, incident)), None)


def follows_elsewhere(book: Book, incident: Incident, over: Collection[str | None]) -> int | None:
    """The case of that port whose decision was not about the outage: people are asked about it anew."""
    return next((case.id for case in _elsewhere(book, incident, over)), None)


def _elsewhere(book: Book, incident: Incident, over: Collection[str | None]) -> Iterator[Case]:
    ids: Iterable[str] = sorted(book.down.get(incident.port.key, ()))
    for id_ in ids:
        case = book.case_of(id_)
        other = id_ not in over and not _one_system(source_of(id_), incident.source)
        if other and case is not None and case.ended_at is None:
            yield case


def _is_it(case: Case, incident: Incident) -> bool:
    """Whether what was decided about a port was about this: not much larger, nor begun long after it."""
    told = [one for one in case.on if one.port.key == incident.port.key]
    size = incident.total if incident.affected is None else incident.affected
    if outgrew(size or 0, on_port(told)):
        return False
    starts = [one.started for one in told if one.start_known]
    return not (incident.start_known and starts) or incident.started - min(starts) <= LATER


def _one_system(one: str, other: str) -> bool:
    """Whether two sources are one, or two accounts of one system."""
    return one.partition(":")[0] == other.partition(":")[0]
