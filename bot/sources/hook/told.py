"""What a sender's body becomes, whatever its format, before it is an incident."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from bot.domain.incident import Kind

SERIALS_AT_MOST = 4_096  # of an outage; what is behind them is not read
Mapped = Mapping[str, tuple[str, ...]]
"""Which labels a field of ours is read from, before the default order: `HOOK_NAME_MAP`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One outage as a sender tells of it.

    `id` is its key within the source; `open` is False where it is over. What the sender does not say is
    None: without slot and PON it is of the whole OLT. `started`, and of what is over `ended`, are aware UTC.
    `missing` counts the alerts that the sender left out of this telling. `in_order`: what its sender tells
    is how it is then, and nothing that it could not tell earlier comes later.
    """

    id: str
    open: bool
    kind: Kind
    olt: str
    slot: int | None = None
    pon: int | None = None
    started: datetime | None = None
    ended: datetime | None = None
    affected: int | None = None
    total: int | None = None
    serials: tuple[str, ...] = ()
    missing: int = 0
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class Telling:
    """What a body holds: what could be read, and how much of it could not be, or says nothing.

    `unread` of those ignored could not be read: where it is all that came, the mapping may be wrong.
    """

    told: tuple[Told, ...]
    ignored: int = 0
    unread: int = 0


class Format(Protocol):
    """How one kind of sender writes."""

    def read(self, body: bytes, mapping: Mapped, zone: tzinfo) -> Telling:
        """What a body tells; dates without an offset are local to `zone`.

        BadAnswer where the body is nothing: not JSON, or nothing in it that could be an outage. A single one
        that cannot be read is counted in `ignored`, never an error.
        """

    def genuine(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> bool:
        """Whether it is from whoever knows one of the secrets. Header names are in small letters.

        Takes as long whatever is wrong with it.
        """
