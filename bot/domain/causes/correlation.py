"""Which incidents are one cause: pure rules over ports, kinds and starts. Why they are: `grouping.py`.

Their numbers are settings (`Rules`). They rest on one snapshot of a network of 16,000 ONUs: nine PONs in
alarm at one instant, four of them with one or two ONUs, four power failures of 14, 3, 3 and 1 ONUs, and a LOS
of 7 of 61 ONUs that fell within one second.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.causes.grouping import LONGEST, whole
from bot.domain.causes.grouping import Grouping as Grouping  # noqa: PLC0414 - told to others from here
from bot.domain.causes.grouping import Reason as Reason  # noqa: PLC0414
from bot.domain.causes.grouping import dominant as dominant  # noqa: PLC0414
from bot.domain.causes.grouping import explain as explain  # noqa: PLC0414
from bot.domain.incident import Incident, Inventory, Kind, Port
from bot.domain.rules import Rules

NOISE_AT_MOST = 2  # ONUs: outside real outages no more of a PON were off at one time
SITE_ON = 3  # ports of an OLT without light: from here on, those of another OLT may be of the same cut
AT_ONE_MOMENT = 1 / 6  # of `group_seconds`: from the first of one OLT to the first of the next (tests/month)
POWER_ON = 3  # ports of an OLT: from here on, gasps of few ONUs beside them are of the same power failure


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case that may take siblings in, or once `decided`, that siblings follow; its open incidents only."""

    number: int
    incidents: tuple[Incident, ...]
    decided: bool = False
    region: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """New incidents that go together: into the case `joins`, as late siblings of `follows`, or alone.

    `region`: that of all of them, where there are several.
    """

    incidents: tuple[Incident, ...]
    joins: int | None = None
    follows: int | None = None
    region: str = ""


def noise(incident: Incident) -> bool:
    """Whether it is one or two ONUs of many: somebody's plug, not a sibling of an outage."""
    if incident.affected is None or incident.total is None:
        return False
    return incident.affected <= NOISE_AT_MOST and 2 * incident.affected < incident.total


def group(
    new: Sequence[Incident],
    known: Sequence[Waiting],
    inventory: Inventory,
    rules: Rules,
    now: datetime,
) -> list[Group]:
    """Every new incident in exactly one group, whatever their order; earliest group first.

    Together are: what fell on one OLT with no gap above `group_seconds`, without noise; power failures,
    also of several OLTs, with no gap above `group_power_seconds`; cuts of several ports each on several OLTs
    that began at one moment; whatever fell on one port. Known cases
    count as if they were new: new incidents go where their siblings are, an undecided case before a decided
    one, then the lowest number. `group_seconds` 0: each on its own.
    """
    if rules.group_seconds <= 0 or not new:
        return [Group((incident,)) for incident in sorted(new, key=_order)]
    seen = [_Seen(i, min(i.started, now).timestamp()) for i in new]
    # A known start in the future is left there: clamped, it would stay "now" and draw in all that comes.
    seen += [_Seen(i, i.started.timestamp(), case) for case in known for i in case.incidents]
    causes = _Causes(seen)
    by_olt: dict[str, list[_Seen]] = defaultdict(list)
    for one in sorted(seen, key=lambda s: (s.at, s.incident.id)):
        by_olt[one.incident.port.olt_key].append(one)
    runs = [run for of_olt in by_olt.values() for run in _fell_together(of_olt, causes, inventory, rules)]
    for region in (*_regions(runs, rules), *_sites(runs, rules)):
        causes.unite(region)
    return _outcome(causes)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """An incident with its start in seconds, and the case it is in already."""

    incident: Incident
    at: float
    case: Waiting | None = None


_Run = list[_Seen]


class _Causes:
    """Who belongs together, as it is found out (disjoint sets)."""

    def __init__(self, seen: Iterable[_Seen]) -> None:
        self._parent = {one: one for one in seen}

    def unite(self, run: Sequence[_Seen]) -> None:
        for one in run[1:]:
            self._parent[self._root(one)] = self._root(run[0])

    def parts(self) -> list[list[_Seen]]:
        found: dict[_Seen, list[_Seen]] = defaultdict(list)
        for one in self._parent:
            found[self._root(one)].append(one)
        return list(found.values())

    def _root(self, one: _Seen) -> _Seen:
        while (parent := self._parent[one]) is not one:
            self._parent[one] = one = self._parent[parent]
        return one


def _chained(runs: Iterable[_Run], gap: float, longest: float = LONGEST) -> list[_Run]:
    """Runs, by their first start, joined where no gap is above `gap` seconds, up to `longest` gaps in all."""
    chains: list[_Run] = []
    first = last = 0.0
    for run in runs:
        if chains and run[0].at - last <= gap and run[-1].at - first <= longest * gap:
            chains[-1] += run
            last = max(last, run[-1].at)
        else:
            chains.append(list(run))
            first, last = run[0].at, run[-1].at
    return chains


def _regions(runs: Iterable[_Run], rules: Rules) -> list[_Run]:
    """The power failures, also of several OLTs.

    An OLT where LOS mixes in belongs to one, too: an ONU that cannot gasp reports LOS. But only where power
    dominates in all: a cut here and a cut there, a few gasps in each, are no region.
    """
    if rules.group_power_seconds <= 0:
        return []
    kinds = [(run, dominant((one.incident for one in run), rules)) for run in runs]
    kinds.sort(key=lambda of: (of[0][0].at, of[0][0].incident.id))
    sure = _chained((run for run, kind in kinds if kind is Kind.POWER), rules.group_power_seconds)
    mixed = _chained((run for run, kind in kinds if kind is not Kind.LOS), rules.group_power_seconds)
    return sure + [r for r in mixed if dominant((one.incident for one in r), rules) is Kind.POWER]


def _sites(runs: Iterable[_Run], rules: Rules) -> list[_Run]:
    """What lost its light on several OLTs at one moment: a POP, a ring, a trunk with fibres of each of them.

    A few ports here and a few there are two cables. Two that fell a minute apart are two cuts, too: of one,
    the first ONUs of every OLT fall within seconds, however long the others take.
    """
    within = rules.group_seconds * AT_ONE_MOMENT
    large = [run for run in runs if _is_large_cut(run, rules)]
    sites: list[list[_Run]] = []
    for run in sorted(large, key=lambda run: (run[0].at, run[0].incident.id)):
        last = sites[-1] if sites else None
        if last and run[0].at - last[-1][0].at <= within and run[0].at - last[0][0].at <= LONGEST * within:
            sites[-1].append(run)
        else:
            sites.append([run])
    return [[one for run in runs for one in run] for runs in sites]


def _is_large_cut(run: _Run, rules: Rules) -> bool:
    incidents = [one.incident for one in run]
    ports = {incident.port.key for incident in incidents}
    if len(ports) < SITE_ON or dominant(incidents, rules) is not Kind.LOS:
        return False
    return incidents[0].start_known  # those of one poll were all first seen at one moment


def _fell_together(of_olt: _Run, causes: _Causes, inventory: Inventory, rules: Rules) -> list[_Run]:
    """The runs of one OLT without noise. Unites each of them, and what fell on one port, noise or not."""
    by_port: dict[str, _Run] = defaultdict(list)
    for one in of_olt:
        by_port[one.incident.port.key].append(one)
    real: _Run = []
    for run in _chained(([one] for one in of_olt), rules.group_seconds):
        real += _without_noise(run, inventory, rules)
    runs = _chained(([one] for one in real), rules.group_seconds)
    on_ports = [
        run
        for of_port in by_port.values()
        for run in _chained(([one] for one in of_port), rules.group_seconds, math.inf)
    ]
    for run in runs + on_ports:
        causes.unite(run)
    return runs


def _without_noise(run: _Run, inventory: Inventory, rules: Rules) -> _Run:
    """Those of a run that count.

    Noise does where nearly all of the OLT, or of its slot, fell; and where the power failed on several
    ports: one or two gasps at the same time are its edge, rarely somebody's plug (tests/month).
    """
    if not any(noise(one.incident) for one in run):
        return run
    if whole([one.incident.port for one in run], inventory, rules)[0] is Reason.OLT:
        return run
    by_slot: dict[str, list[Port]] = defaultdict(list)
    for one in run:
        by_slot[one.incident.port.slot].append(one.incident.port)
    dark = {slot for slot, ports in by_slot.items() if whole(ports, inventory, rules)[0] is Reason.SLOT}
    counts = [not noise(one.incident) or one.incident.port.slot in dark for one in run]
    real = [one for one, does in zip(run, counts, strict=True) if does]
    if not _power_failed([one.incident for one in real], rules):
        return real
    return [one for one, does in zip(run, counts, strict=True) if does or one.incident.kind is Kind.POWER]


def _power_failed(real: Sequence[Incident], rules: Rules) -> bool:
    ports = {incident.port.key for incident in real}
    return len(ports) >= POWER_ON and dominant(real, rules) is Kind.POWER


def _outcome(causes: _Causes) -> list[Group]:
    """The new ones of each cause, with the case they go to; what goes to one case goes together."""
    alone: list[list[Incident]] = []
    to: dict[int, tuple[Waiting, list[Incident]]] = {}
    for part in causes.parts():
        incidents = [one.incident for one in part if one.case is None]
        cases = [one.case for one in part if one.case is not None]
        if incidents and cases:
            case = min(cases, key=lambda c: (c.decided, c.number))
            to.setdefault(case.number, (case, []))[1].extend(incidents)
        elif incidents:
            alone.append(incidents)
    groups = [Group(tuple(sorted(incidents, key=_order))) for incidents in alone]
    for case, incidents in to.values():
        ordered = tuple(sorted(incidents, key=_order))
        groups.append(
            Group(ordered, follows=case.number) if case.decided else Group(ordered, joins=case.number)
        )
    return sorted(groups, key=lambda g: _order(g.incidents[0]))


def _order(incident: Incident) -> tuple[datetime, str]:
    return incident.started, incident.id
