"""An open outage as a source reports it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

NO_PLACE = "?"
"""The place of a port of which the source says nothing."""

SEVERAL = 3  # ONUs; fewer are each their own drop, plug or router, whatever the alert is called
CTO_AT_MOST = 16  # ONUs; above, the fibre itself is the likelier cause (rule of the system being replaced)


class Kind(StrEnum):
    """What kind of outage it is. OTHER is listed, never offered for sending."""

    LOS = "LOS"
    POWER = "POWER"
    OTHER = "OTHER"


class Cause(StrEnum):
    """The probable cause a card names."""

    CUSTOMER = "customer"
    CUSTOMER_POWER = "customer_power"
    POWER = "power"
    CTO = "cto"
    NAMED_CTO = "named_cto"
    FIBRE = "fibre"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Port:
    """Where an outage is: the origin that the cooldown is about.

    `key` is stable and unique (OLT id, slot and PON), `olt` and `place` ("6/15") are what people read. Where
    a source names no slot and PON the key says what it is instead: `3:cto:9`, `3:port:` as it was written.
    """

    key: str
    olt: str
    place: str

    @property
    def label(self) -> str:
        """`CB 01 6/15`."""
        return f"{self.olt} {self.place}"

    @property
    def olt_key(self) -> str:
        """Which OLT it is of: two may have one name."""
        return self.key.partition(":")[0]

    @property
    def source(self) -> str:
        """Which source's it is, as its key says; empty: the one whose ids name none."""
        return source_of(self.olt_key.replace("/", ":"))

    @property
    def placed(self) -> bool:
        """Whether its slot and PON are known."""
        return ":cto:" not in self.key and ":port:" not in self.key

    @property
    def slot(self) -> str:
        """`6` of `6/15`; empty where the place has no slot."""
        slot, slash, _ = self.place.partition("/")
        return slot if slash and self.placed else ""


Inventory = Mapping[str, frozenset[str]]
"""The places of the ports that an OLT has, by the OLT's name."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One open outage. Times are aware UTC; `affected` and `total` count ONUs, None where not reported.

    Where the source names no start (`start_known` is False) `started` is when it was first seen. `counted`:
    `affected` was counted in the alert itself, while the list said `listed`. `by_place`: its id names where
    it is and not which outage, so once it was over the next with that id is another. `own` is what its source
    calls its port, where another source named that first. `stale`: whoever told of it has not done so again
    for so long that its end may have been missed; `missing` counts the alerts that they left out beside it.
    """

    id: str
    kind: Kind
    alert_type: str
    port: Port
    started: datetime
    affected: int | None = None
    total: int | None = None
    cto: str | None = None
    ignored: bool = False
    start_known: bool = True
    counted: bool = False
    listed: int | None = None
    by_place: bool = False
    own: Port | None = None
    stale: bool = False
    missing: int = 0

    @property
    def source(self) -> str:
        """Which source tells of it, as its id says; empty: the one whose ids name none."""
        return source_of(self.id)

    def after(self, before: "Incident") -> "Incident":
        """With what was known before where this reading of the list says no more: its start, its count.

        Where the id names the place, a start that moves on is that of its last change.
        """
        known = self
        if not self.start_known or (self.by_place and before.started < self.started):
            known = replace(known, started=before.started, start_known=before.start_known)
        if before.counted and self.affected in {None, before.listed}:
            known = known.with_count_of(before)
        return known

    def same_but_for_counts(self, other: "Incident") -> bool:
        """Whether nothing else differs."""
        return replace(self.with_count_of(other), total=other.total) == other

    def count(self, onus: int) -> "Incident":
        """With what the alert itself says."""
        listed = self.listed if self.counted else self.affected
        return self.with_count_of(replace(self, affected=onus, counted=True, listed=listed))

    def with_count_of(self, other: "Incident") -> "Incident":
        """With the other one's count, as the list or the alert itself gave it; no total is smaller."""
        total = None if self.total is not None and self.total < (other.affected or 0) else self.total
        return replace(self, affected=other.affected, total=total, counted=other.counted, listed=other.listed)


def source_of(incident_id: str) -> str:
    """`system:account` of `system:account:anything`; empty for an id without `:`."""
    system, colon, rest = incident_id.partition(":")
    return f"{system}:{rest.partition(':')[0]}" if colon else ""


def of_source(incident_id: str, ids: str) -> bool:
    """Whether an incident is of the source whose ids begin so (empty: they hold no `:`)."""
    return incident_id.startswith(ids) if ids else not source_of(incident_id)


@dataclass(frozen=True, slots=True)
class OddRow:
    """An open alert that cannot have a card: what of it could not be read (`wrong`), and what could."""

    id: str
    wrong: str
    read: str = ""


@dataclass(frozen=True, slots=True)
class Pushes:
    """Of a source that is told what is down, and not asked: when it last was; None: not yet."""

    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Poll:
    """What one reading of a source brought.

    `present` holds the ids of every row that was there and open, readable or not, `closed` of those that say
    themselves that they are over; `skipped` names each row that could not be read. `complete` is False where
    a page failed, or where fewer ids came than were promised; `nameless` counts rows whose id could not be
    read. In both cases absence proves nothing. Nor does that of an id that begins with one of `unseen`: it is
    of an OLT of which nothing was heard; `away` is what people call those. With `pushed` it is what others
    told: over is what is in `closed` alone.
    """

    incidents: tuple[Incident, ...]
    present: frozenset[str]
    complete: bool = True
    skipped: tuple[OddRow, ...] = ()
    nameless: int = 0
    closed: frozenset[str] = frozenset()
    unseen: tuple[str, ...] = ()
    away: tuple[str, ...] = ()
    pushed: Pushes | None = None

    @property
    def proves_absence(self) -> bool:
        """Whether an incident that is not present is over."""
        return self.complete and not self.nameless and self.pushed is None


def affected_of(incidents: Iterable[Incident]) -> int | None:
    """How many ONUs these report (an estimate unless counted), None where none of them says.

    Two alerts of one kind on one port, a CTO's and its PON's, tell of the same ONUs, and so do two sources.
    """
    return _sum((i, i.affected) for i in incidents)


def at_most(incidents: Iterable[Incident]) -> int | None:
    """How many ONUs they can affect, where some do not say how many they do: all there are on the port."""
    sizes = [(i, i.total if i.affected is None else i.affected) for i in incidents]
    return None if any(size is None for _, size in sizes) else _sum(sizes)


def _sum(sizes: Iterable[tuple[Incident, int | None]]) -> int | None:
    known: dict[tuple[str, str, Kind], int] = {}
    for incident, size in sizes:
        if size is not None:
            key = incident.port.key, incident.source, incident.kind
            known[key] = max(known.get(key, 0), size)
    told: dict[tuple[str, str], int] = {}
    for (port, source, _), size in known.items():
        told[port, source] = told.get((port, source), 0) + size
    on_ports: dict[str, int] = {}
    for (port, _), size in told.items():
        on_ports[port] = max(on_ports.get(port, 0), size)
    return sum(on_ports.values()) if known else None


def probable_cause(incident: Incident) -> Cause:
    """The cause a card names, by kind, scope and size: the element's own where the list says no other."""
    size = at_most([incident])
    if size is not None and size < SEVERAL:
        return Cause.CUSTOMER_POWER if incident.kind is Kind.POWER else Cause.CUSTOMER
    if incident.kind is Kind.POWER:
        return Cause.POWER
    if incident.alert_type.startswith("cto_") and incident.cto:
        return Cause.NAMED_CTO
    if size is None:
        return Cause.UNKNOWN
    return Cause.CTO if size <= CTO_AT_MOST else Cause.FIBRE
