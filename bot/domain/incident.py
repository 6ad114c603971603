"""An open outage as a source reports it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

NO_PLACE = "?"
"""The place of a port of which the source says nothing."""

CTO_AT_MOST = 16  # ONUs; above, the fibre itself is the likelier cause (rule of the system being replaced)


class Kind(StrEnum):
    """What kind of outage it is. OTHER is listed, never offered for sending."""

    LOS = "LOS"
    POWER = "POWER"
    OTHER = "OTHER"


class Cause(StrEnum):
    """The probable cause a card names."""

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

    Where the source names no start (`start_known` is False) `started` is when it was first seen.
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

    def begun_as(self, before: "Incident") -> "Incident":
        """The same, with the start that was known before where this reading names none."""
        if self.start_known:
            return self
        return replace(self, started=before.started, start_known=before.start_known)


@dataclass(frozen=True, slots=True)
class OddRow:
    """An open alert that cannot have a card: what of it could not be read (`wrong`), and what could."""

    id: str
    wrong: str
    read: str = ""


@dataclass(frozen=True, slots=True)
class Poll:
    """What one reading of a source brought.

    `present` holds the ids of every row that was there and open, readable or not, `closed` of those that say
    themselves that they are over; `skipped` names each row that could not be read. `complete` is False where
    a page failed, or where fewer ids came than were promised; `nameless` counts rows whose id could not be
    read. In both cases absence proves nothing.
    """

    incidents: tuple[Incident, ...]
    present: frozenset[str]
    complete: bool = True
    skipped: tuple[OddRow, ...] = ()
    nameless: int = 0
    closed: frozenset[str] = frozenset()

    @property
    def proves_absence(self) -> bool:
        """Whether an incident that is not present is over."""
        return self.complete and not self.nameless


def probable_cause(incident: Incident) -> Cause:
    """The cause a card names, by kind, scope and size."""
    if incident.kind is Kind.POWER:
        return Cause.POWER
    if incident.alert_type.startswith("cto_") and incident.cto:
        return Cause.NAMED_CTO
    if incident.affected is None:
        return Cause.UNKNOWN
    return Cause.CTO if incident.affected <= CTO_AT_MOST else Cause.FIBRE
