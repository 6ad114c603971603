"""Which incidents are one cause, and why: pure rules over ports, kinds and starts.

Their numbers are settings (`Rules`); what they rest on is in contracts/oltcloud.md, "Real sizes".
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.incident import Incident, Inventory, Kind, Port
from bot.domain.rules import Rules

LONGEST = 5  # windows: what goes on falling for longer than this is a bad day, not one cause
NOISE_AT_MOST = 2  # ONUs: outside real outages no more of a PON were off at one time


class Reason(StrEnum):
    """Why several ports are one case. MIXED: at one time, but no kind dominates."""

    OLT = "olt"
    SLOT = "slot"
    CABLE = "cable"
    POWER = "power"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Grouping:
    """Why, with its evidence.

    `ports` are distinct; `of` is how many the slot has (SLOT) or else the one OLT, None where that is not
    known. `seconds` lie between the first and the last start. `share` is that of the dominant kind, 0..1,
    None where none dominates.
    """

    reason: Reason
    ports: int
    of: int | None = None
    olts: int = 1
    slot: str | None = None
    seconds: int = 0
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case that may take siblings in, or once `decided`, that siblings follow; its open incidents only."""

    number: int
    incidents: tuple[Incident, ...]
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """New incidents that go together: into the case `joins`, as late siblings of `follows`, or alone."""

    incidents: tuple[Incident, ...]
    joins: int | None = None
    follows: int | None = None


def dominant(incidents: Iterable[Incident], rules: Rules) -> Kind | None:
    """LOS or POWER where it makes `rules.dominance` of the affected ONUs, None where it is mixed."""
    kind, share = _leading(incidents)
    return kind if kind is not Kind.OTHER and share >= rules.dominance else None


def explain(incidents: Sequence[Incident], inventory: Inventory, rules: Rules) -> Grouping | None:
    """Why these are one case; None for a single port."""
    ports = {i.port.key: i.port for i in incidents}
    if len(ports) == 1:
        return None
    olts = {port.olt_key for port in ports.values()}
    kind = dominant(incidents, rules)
    reason, slot, of = None, None, None
    if kind is Kind.POWER:
        # A dead OLT or card hears no dying gasp: gasps from nearly all of its ports prove that it lives
        # and that the customers are without power. Where gasps only mix in, the place says more than the
        # kinds: a street went dark, and then the OLT's own batteries were empty.
        reason = Reason.POWER
    elif len(olts) == 1:
        reason, slot, of = _whole(ports.values(), inventory, rules)
    if reason is None:
        reason = Reason.MIXED if kind is None else Reason.CABLE
    if of is None and len(olts) == 1:
        of = len(_of_olt(ports.values(), inventory)) or None
    return Grouping(
        reason,
        len(ports),
        of,
        len(olts),
        slot,
        _seconds(incidents, rules),
        None if kind is None else round(_leading(incidents)[1], 2),
    )


def group(
    new: Sequence[Incident],
    known: Sequence[Waiting],
    inventory: Inventory,
    rules: Rules,
    now: datetime,
) -> list[Group]:
    """Every new incident in exactly one group, whatever their order; earliest group first.

    Together are: what fell on one OLT with no gap above `group_seconds`, without noise; power failures,
    also of several OLTs, with no gap above `group_power_seconds`; whatever fell on one port. Known cases
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
    for region in _regions(runs, rules):
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
    """Those of a run that count. Noise only does where nearly all of the OLT, or of its slot, fell."""
    if not any(_noise(one.incident) for one in run):
        return run
    if _whole([one.incident.port for one in run], inventory, rules)[0] is Reason.OLT:
        return run
    by_slot: dict[str, list[Port]] = defaultdict(list)
    for one in run:
        by_slot[one.incident.port.slot].append(one.incident.port)
    whole = {slot for slot, ports in by_slot.items() if _whole(ports, inventory, rules)[0] is Reason.SLOT}
    return [one for one in run if not _noise(one.incident) or one.incident.port.slot in whole]


def _noise(incident: Incident) -> bool:
    """Whether it is one or two ONUs of many: somebody's plug, not a sibling of an outage."""
    if incident.affected is None or incident.total is None:
        return False
    return incident.affected <= NOISE_AT_MOST and 2 * incident.affected < incident.total


def _whole(
    ports: Collection[Port], inventory: Inventory, rules: Rules
) -> tuple[Reason | None, str | None, int | None]:
    """Whether ports of one OLT are nearly all of it (OLT), or of one slot of it (SLOT), and of how many."""
    # A CTO's alert may name no PON: it is neither counted, nor does it speak against a slot.
    placed = {p.place: p.slot for p in ports if ":cto:" not in p.key}
    of_olt = _of_olt(ports, inventory)
    if len(placed) == 1:
        return None, None, None
    if _nearly_all(placed.keys(), of_olt, rules):
        return Reason.OLT, None, len(of_olt)
    if len(slots := set(placed.values())) == 1 and "" not in slots:
        slot = slots.pop()
        of_slot = frozenset(place for place in of_olt if place.partition("/")[0] == slot)
        if _nearly_all(placed.keys(), of_slot, rules):
            return Reason.SLOT, slot, len(of_slot)
    return None, None, None


def _of_olt(ports: Iterable[Port], inventory: Inventory) -> frozenset[str]:
    """The places of the OLT that these ports are of; none where it is not known.

    The inventory knows OLTs by name. Where two share one, it holds the ports of both: too many, so what is
    nearly all of them is nearly all of its own. Where a source tells them apart by a label ("CB 01 (#7)")
    that the inventory does not know, nothing is claimed.
    """
    return next((inventory[p.olt] for p in ports if p.olt in inventory), frozenset())


def _nearly_all(places: Collection[str], of: frozenset[str], rules: Rules) -> bool:
    there = len(of.intersection(places))
    return there > 1 and there / len(of) >= rules.nearly_all


def _leading(incidents: Iterable[Incident]) -> tuple[Kind, float]:
    """The kind with the most ONUs affected, and its share; with the most ports where a count is unknown.

    Two alerts of one kind on one port, a CTO's and its PON's, tell of the same ONUs.
    """
    counts: dict[tuple[str, Kind], int] = {}
    known = True
    for i in incidents:
        known = known and i.affected is not None
        counts[i.port.key, i.kind] = max(counts.get((i.port.key, i.kind), 0), i.affected or 0)
    known = known and any(counts.values())
    kinds: Counter[Kind] = Counter()
    for (_, kind), affected in counts.items():
        kinds[kind] += affected if known else 1
    kind, most = max(kinds.items(), key=lambda item: (item[1], item[0]))
    return kind, most / kinds.total()


def _seconds(incidents: Iterable[Incident], rules: Rules) -> int:
    """Between the first start and the last. One further off is no time to count by: it lies in the future."""
    starts = [i.started.timestamp() for i in incidents]
    longest = LONGEST * max(rules.group_seconds, rules.group_power_seconds)
    first = min(starts)
    return round(max(at for at in starts if at - first <= longest) - first)


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
