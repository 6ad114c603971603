"""A month as it really was: the causes, and the alerts that each of them raised."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bot.domain.incident import Incident
from tests.month.network import Drop, Network

START = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)  # midnight in São Paulo
DAY = 86_400.0
DAYS = 30
GROWS_FOR = 25.0  # seconds until the manager has counted all


class Scenario(StrEnum):
    """What happened."""

    CUT = "cable cut"
    SLOT = "slot"
    OLT = "OLT"
    POP = "POP"
    RING = "ring"
    POWER = "regional power"
    STORM = "storm"
    FLAP = "flap"
    PLANNED = "planned work"
    LONE = "one PON"
    NOISE = "1-2 ONUs"


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that happened. Times in seconds since `START`; `end` is when the last alert closed."""

    id: int
    scenario: Scenario
    start: float
    end: float
    planned: bool = False

    @property
    def flapping(self) -> bool:
        return self.scenario is Scenario.FLAP


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: on the list from `opens` until `closes`, `first` ONUs counted at first, then `drops`.

    `spell` counts the times that its cause took the port down; only a flap does so more than once.
    """

    incident: Incident
    cause: int
    opens: float
    closes: float
    drops: tuple[Drop, ...]
    first: int
    spell: int = 0

    @property
    def id(self) -> str:
        return self.incident.id

    def at(self, time: float) -> Incident:
        """As the list shows it at a time."""
        whole = time >= self.opens + GROWS_FOR or self.first == len(self.drops)
        return self.incident if whole else replace(self.incident, affected=self.first)


def moment(time: float) -> datetime:
    """Seconds since the start as a time."""
    return START + timedelta(seconds=time)


def seconds(at: datetime) -> float:
    """A time as seconds since the start."""
    return (at - START).total_seconds()


@dataclass(frozen=True, slots=True)
class Month:
    """The whole month. `alerts` by id, in the order in which they open; `causes` by id."""

    seed: int
    network: Network
    causes: Mapping[int, Cause]
    alerts: Mapping[str, Alert]
