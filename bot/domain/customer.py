"""The people behind an outage: their ONUs, their records and where each look-up ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

NO_SERIAL = "?"
"""What stands for the serial of an ONU that has none."""


class Link(StrEnum):
    """An ONU's link status, in the field's words."""

    ONLINE = "online"
    LOS = "los"
    POWER = "power"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Onu:
    """One ONU of an alert. `client_id` is None for an ONU with no customer.

    `incident` is its alert's id and `over` whether that is over, once several alerts are put together.
    """

    serial: str
    client_id: str | None
    name: str
    link: Link
    incident: str = ""
    over: bool = False


@dataclass(frozen=True, slots=True)
class Affected:
    """An alert read again: its ONUs now, and whether the source says that it is over.

    `down` is how many of its ONUs are not online, by incident, once several alerts are put together.
    """

    onus: tuple[Onu, ...]
    over: bool = False
    down: Mapping[str, int] = field(default_factory=dict)

    @property
    def still_down(self) -> int:
        """How many of its ONUs are not online."""
        return 0 if self.over else sum(onu.link is not Link.ONLINE for onu in self.onus)


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer's record as the directory has it. `phone` is free text: two numbers, a name, nothing."""

    client_id: str
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Found:
    """What is known about the customers of a case's alerts after the look-ups.

    `contacts` by client id; a client id in `failed` could not be asked (after retries), one in neither has
    no record. `unread` are the alerts (incident ids) that could not be read while others could.
    """

    affected: Affected
    contacts: dict[str, Contact]
    failed: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()


def together(alerts: Mapping[str, Affected]) -> Affected:
    """The ONUs of several alerts, each once, those of alerts that are on first; over where all are."""
    onus: dict[tuple[str, str | None] | int, Onu] = {}
    for incident_id, affected in sorted(alerts.items(), key=lambda pair: pair[1].over):
        for onu in affected.onus:
            key = (onu.serial, onu.client_id) if onu.serial != NO_SERIAL else len(onus)
            onus.setdefault(key, replace(onu, incident=incident_id, over=affected.over))
    over = all(affected.over for affected in alerts.values())
    return Affected(tuple(onus.values()), over, {id_: one.still_down for id_, one in alerts.items()})
