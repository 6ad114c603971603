"""The people behind an outage: their ONUs, their records and where each look-up ended."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from bot.domain.incident import Port
from bot.domain.phone import NoPhone, Phone, parse_phone
from bot.errors import BotError

NO_SERIAL = "?"
"""What stands for the serial of an ONU that has none."""


WHOLE_PORT = "*"
"""The serial under which a source says how all ONUs of a port are that it does not name."""


class Link(StrEnum):
    """An ONU's link status, in the field's words."""

    ONLINE = "online"
    LOS = "los"
    POWER = "power"
    OTHER = "other"


class Onu(NamedTuple):
    """One ONU of an alert. `client_id` is its customer's at the source, None for an ONU with no customer.

    `incident` is its alert's id and `over` whether that is over, once several alerts are put together.
    `external_id` and `contract_id` are its customer's and contract's at an ERP, where the source knows them.
    `port` is where it is and `subject` what a directory that does not go by the source's clients knows it by.
    A tuple with names: thousands are made while people wait, in half the time of a dataclass.
    """

    serial: str
    client_id: str | None
    name: str
    link: Link
    incident: str = ""
    over: bool = False
    external_id: str | None = None
    contract_id: str | None = None
    port: Port | None = None
    subject: str | None = None

    @property
    def key(self) -> str | None:
        """By what its record is known (`Found`), None where nobody can be asked about it."""
        return self.subject or self.client_id

    def at(self, port: Port | None, subject: str | None) -> "Onu":
        """The same there, known by that. Written out, as `_replace` takes thrice as long for thousands."""
        return Onu(
            self.serial,
            self.client_id,
            self.name,
            self.link,
            self.incident,
            self.over,
            self.external_id,
            self.contract_id,
            port,
            subject,
        )

    def told(self, incident: str, *, over: bool) -> "Onu":
        """The same as an alert tells of it: written out as well."""
        return Onu(
            self.serial,
            self.client_id,
            self.name,
            self.link,
            incident,
            over,
            self.external_id,
            self.contract_id,
            self.port,
            self.subject,
        )


@dataclass(frozen=True, slots=True)
class Affected:
    """An alert read again: its ONUs now, and whether the source says that it is over.

    `down` is how many of its ONUs are not online, by incident, once several alerts are put together. `whole`
    is there where all ONUs of its port are down and it names none of them; where a directory named them then,
    `records` has what it said, by `Onu.key`: they are asked for in no other way.
    """

    onus: tuple[Onu, ...]
    over: bool = False
    down: Mapping[str, int] = field(default_factory=dict)
    whole: "WholePort | None" = None
    records: Mapping[str, "Contact | None"] = field(default_factory=dict)

    @property
    def subjects(self) -> dict[str, Onu]:
        """What is asked about them, each once, by `Onu.key`."""
        found: dict[str, Onu] = {}
        for onu in self.onus:
            if onu.key is not None:
                found.setdefault(onu.key, onu)
        return found

    @property
    def still_down(self) -> int:
        """How many of its ONUs are not online, those apart whose alert is over."""
        return 0 if self.over else sum(onu.link is not Link.ONLINE and not onu.over for onu in self.onus)


@dataclass(frozen=True, slots=True)
class WholePort:
    """How many ONUs a port has that are all down, and their link status."""

    n: int
    link: Link


class Service(StrEnum):
    """Whether a contract brings service; for what reason it does not, nobody is told of an outage."""

    ON = "on"
    BLOCKED = "blocked"
    """For debt, or by hand: `NOTIFY_BLOCKED` has them told all the same."""
    SUSPENDED = "suspended"
    """At the customer's wish."""
    ENDED = "ended"
    NONE = "none"
    """Not yet, or not now: before activation, switched off, without a signature."""


@dataclass(frozen=True)
class Contact:
    """A customer's record as the directory has it. `phone` is free text: two numbers, a name, nothing.

    `service` is that of the contract of the ONU that was asked about; `unknown` is a status word of it that
    means nothing to the adapter. `district`, `city` and `cto` are where that ONU is, empty where not known.
    """

    client_id: str
    name: str
    phone: str
    service: Service = Service.ON
    unknown: str = ""
    district: str = ""
    city: str = ""
    cto: str = ""

    @cached_property
    def number(self) -> Phone | NoPhone:
        """The number in it that can be messaged, or why there is none. Read once: that takes 50 µs."""
        return parse_phone(self.phone)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a directory said of ONUs, by `Onu.key`: a record, or None where it has none.

    Who is not in `records` was not answered about; `error` says why.
    """

    records: Mapping[str, Contact | None]
    error: BotError | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What is known about the customers of a case's alerts after the look-ups.

    `contacts` by `Onu.key`; a key in `failed` could not be asked (after retries), one in neither has
    no record. `unread` are the alerts (incident ids) that could not be read while others could.
    """

    affected: Affected
    contacts: dict[str, Contact]
    failed: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()

    def contact(self, onu: Onu) -> Contact | None:
        """The record of an ONU's customer."""
        return self.contacts.get(onu.key or "")

    def client_id(self, onu: Onu) -> str | None:
        """Whose ONU it is, where that is known: of an ERP only who was found there.

        Its ids and the source's are two kinds, and the same number in both is two people.
        """
        contact = self.contact(onu)
        if contact is not None:
            return contact.client_id
        return onu.client_id if onu.subject is None else None


FRESH, FRESH_WITHOUT = 1800.0, 120.0
"""Seconds for which a record is good enough to send by. Less for one without a phone: whoever reads on the
card that there are some may mend them, and approve.
"""


class Records:
    """What the directory said, by `Onu.key`, in memory alone. No more than `most` are taken in.

    What could not be read is not here, so it is asked for again; that there is no record is an answer. Times
    are monotonic seconds.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[str, tuple[float, Contact | None, int]] = {}  # the last: since which change
        self._changes = 0

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def has_room(self, keys: Collection[str]) -> bool:
        """Whether all of these are, or would be, taken in."""
        return len(self._known) + len(set(keys) - self._known.keys()) <= self._most

    def get(self, key: str) -> Contact | None:
        """The record, however old; None where there is none, or nothing is known."""
        return self._known[key][1] if key in self._known else None

    def fresh(self, key: str, now: float) -> bool:
        """Whether what is known is good enough to send by."""
        return key in self._known and now < self._known[key][0]

    def put(self, key: str, contact: Contact | None, now: float) -> None:
        """What the directory says now."""
        known = self._known.get(key)
        if known is None and len(self._known) >= self._most:
            return
        if known is not None and known[1] == contact:
            contact, change = known[1], known[2]  # the one whose number was read
        else:
            change = self._changes = self._changes + 1
        usable = contact is not None and isinstance(contact.number, Phone)
        self._known[key] = now + (FRESH if usable else FRESH_WITHOUT), contact, change

    def changed(self, keys: Iterable[str]) -> int:
        """A number that is another one once something else is known of one of these."""
        return max((self._known[key][2] for key in keys if key in self._known), default=0)

    def keep(self, keys: Collection[str]) -> None:
        """Forget all others."""
        if not self._known.keys() <= set(keys):
            self._known = {id_: known for id_, known in self._known.items() if id_ in keys}


def together(alerts: Mapping[str, Affected]) -> Affected:
    """The ONUs of several alerts, each once, those of alerts that are on first; over where all are.

    Of two sources that tell of one ONU one may know no customers: it is who the other says.
    """
    every = [onu for affected in alerts.values() for onu in affected.onus]
    known = {onu.serial for onu in every if onu.client_id is not None and onu.serial != NO_SERIAL}
    onus: dict[tuple[str, str | None] | int, Onu] = {}
    for incident_id, affected in sorted(alerts.items(), key=lambda pair: pair[1].over):
        for onu in affected.onus:
            key = (onu.serial, onu.client_id) if onu.serial != NO_SERIAL else len(onus)
            if key not in onus and not (onu.client_id is None and onu.serial in known):
                onus[key] = onu.told(incident_id, over=affected.over)
    over = all(affected.over for affected in alerts.values())
    down = {id_: one.still_down if one.whole is None else one.whole.n for id_, one in alerts.items()}
    records = {key: one for affected in alerts.values() for key, one in affected.records.items()}
    return Affected(tuple(onus.values()), over, down, records=records)
