"""Why several incidents are one case, and what speaks for it: pure rules over ports, kinds and starts.

Their numbers are settings (`Rules`); what they rest on stands in `correlation.py`.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.incident import Incident, Inventory, Kind, Port
from bot.domain.rules import Rules

LONGEST = 5  # windows: what goes on falling for longer than this is a bad day, not one cause


class Reason(StrEnum):
    """Why several ports are one case.

    MIXED: at one time, but no kind dominates. SITE: without light on several OLTs.
    """

    OLT = "olt"
    SLOT = "slot"
    CABLE = "cable"
    POWER = "power"
    MIXED = "mixed"
    SITE = "site"


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
        reason, slot, of = whole(ports.values(), inventory, rules)
    if reason is None and kind is not None:
        reason = Reason.SITE if len(olts) > 1 and kind is Kind.LOS else Reason.CABLE
    if reason is None:
        reason = Reason.MIXED
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


def whole(
    ports: Collection[Port], inventory: Inventory, rules: Rules
) -> tuple[Reason | None, str | None, int | None]:
    """Whether ports of one OLT are nearly all of it (OLT), or of one slot of it (SLOT), and of how many."""
    # A CTO's alert, or an odd one, may name no PON: it is neither counted, nor does it speak against a slot.
    placed = {p.place: p.slot for p in ports if p.placed}
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
