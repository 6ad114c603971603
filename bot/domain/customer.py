"""The people behind an outage: their ONUs, their records and where each look-up ended."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from bot.domain.phone import NoPhone, Phone, parse_phone

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
    def client_ids(self) -> tuple[str, ...]:
        """Whose ONUs they are, each once."""
        return tuple(dict.fromkeys(onu.client_id for onu in self.onus if onu.client_id is not None))

    @property
    def still_down(self) -> int:
        """How many of its ONUs are not online."""
        return 0 if self.over else sum(onu.link is not Link.ONLINE for onu in self.onus)


@dataclass(frozen=True)
class Contact:
    """A customer's record as the directory has it. `phone` is free text: two numbers, a name, nothing."""

    client_id: str
    name: str
    phone: str

    @cached_property
    def number(self) -> Phone | NoPhone:
        """The number in it that can be messaged, or why there is none. Read once: that takes 50 µs."""
        return parse_phone(self.phone)


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


FRESH, FRESH_WITHOUT = 1800.0, 120.0
"""Seconds for which a record is good enough to send by. Less for one without a phone: whoever reads on the
card that there are some may mend them, and approve.
"""


class Records:
    """What the directory said of customers, in memory alone. No more than `most` are taken in.

    What could not be read is not here, so it is asked for again; that there is no record is an answer. Times
    are monotonic seconds.
    """

    def __init__(self, most: int) -> None:
        self.changes = 0
        self._most = most
        self._known: dict[str, tuple[float, Contact | None]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, client_id: str) -> bool:
        return client_id in self._known

    def has_room(self, client_ids: Collection[str]) -> bool:
        """Whether all of these are, or would be, taken in."""
        return len(self._known) + len(set(client_ids) - self._known.keys()) <= self._most

    def get(self, client_id: str) -> Contact | None:
        """The record, however old; None where there is none, or nothing is known."""
        return self._known[client_id][1] if client_id in self._known else None

    def fresh(self, client_id: str, now: float) -> bool:
        """Whether what is known is good enough to send by."""
        return client_id in self._known and now < self._known[client_id][0]

    def put(self, client_id: str, contact: Contact | None, now: float) -> None:
        """What the directory says now."""
        if client_id in self._known or len(self._known) < self._most:
            usable = contact is not None and isinstance(contact.number, Phone)
            self._known[client_id] = now + (FRESH if usable else FRESH_WITHOUT), contact
            self.changes += 1

    def keep(self, client_ids: Collection[str]) -> None:
        """Forget all others."""
        if not self._known.keys() <= set(client_ids):
            self._known = {id_: known for id_, known in self._known.items() if id_ in client_ids}
            self.changes += 1


def together(alerts: Mapping[str, Affected]) -> Affected:
    """The ONUs of several alerts, each once, those of alerts that are on first; over where all are."""
    onus: dict[tuple[str, str | None] | int, Onu] = {}
    for incident_id, affected in sorted(alerts.items(), key=lambda pair: pair[1].over):
        for onu in affected.onus:
            key = (onu.serial, onu.client_id) if onu.serial != NO_SERIAL else len(onus)
            if key not in onus:
                onus[key] = Onu(onu.serial, onu.client_id, onu.name, onu.link, incident_id, affected.over)
    over = all(affected.over for affected in alerts.values())
    return Affected(tuple(onus.values()), over, {id_: one.still_down for id_, one in alerts.items()})
