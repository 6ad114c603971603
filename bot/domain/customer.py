"""The people behind an outage: their ONUs, their records and where each look-up ended."""

from dataclasses import dataclass
from enum import StrEnum


class Link(StrEnum):
    """An ONU's link status, in the field's words."""

    ONLINE = "online"
    LOS = "los"
    POWER = "power"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Onu:
    """One ONU of an alert. `client_id` is None for an ONU with no customer."""

    serial: str
    client_id: str | None
    name: str
    link: Link


@dataclass(frozen=True, slots=True)
class Affected:
    """An alert read again: its ONUs now, and whether the source says that it is over."""

    onus: tuple[Onu, ...]
    over: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer's record as the directory has it. `phone` is free text: two numbers, a name, nothing."""

    client_id: str
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Found:
    """What is known about an alert's customers after the look-ups.

    `contacts` by client id; a client id in `failed` could not be asked (after retries), one in neither has
    no record.
    """

    affected: Affected
    contacts: dict[str, Contact]
    failed: frozenset[str] = frozenset()
