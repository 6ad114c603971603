"""A month as an OLT manager's list shows it, poll by poll."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.domain.customer import Link, Onu
from bot.domain.incident import Incident, Kind
from tests.fakes import FakeSource
from tests.month.truth import GROWS_FOR, Alert, Month

POLL = 30.0  # seconds
AFTER = 3  # polls after a change in which nothing else changes but that something counts: settle, close


@dataclass(slots=True)
class Timeline:
    """What is open at a time that only goes forward."""

    month: Month
    open: dict[str, Alert] = field(default_factory=dict)
    _opening: list[Alert] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._opening = sorted(self.month.alerts.values(), key=lambda a: a.opens, reverse=True)

    def polls(self) -> Iterator[float]:
        """The times of the polls at which something differs from the one before, and `AFTER` each of them."""
        changes = {
            math.ceil(time / POLL)
            for alert in self.month.alerts.values()
            for time in (alert.opens, alert.opens + GROWS_FOR, alert.closes)
        }
        return (n * POLL for n in sorted({c + after for c in changes for after in range(AFTER + 1)}))

    def go(self, time: float) -> tuple[list[Alert], list[Alert]]:
        """Let time pass; which alerts opened and which closed, those left out that did both."""
        closed = [alert for alert in self.open.values() if alert.closes <= time]
        for alert in closed:
            del self.open[alert.id]
        opened: list[Alert] = []
        while self._opening and self._opening[-1].opens <= time:
            alert = self._opening.pop()
            if alert.closes > time:
                opened.append(alert)
                self.open[alert.id] = alert
        return opened, closed

    def incidents(self, time: float) -> list[Incident]:
        """The list as it reads."""
        return [alert.at(time) for alert in self.open.values()]


@dataclass(slots=True)
class Played:
    """Drives a `FakeSource` through a month, for whoever polls it."""

    timeline: Timeline
    source: FakeSource

    def __post_init__(self) -> None:
        network = self.timeline.month.network
        self.source.contacts = dict(network.contacts)
        self.source.ports = dict(network.inventory)

    def go(self, time: float) -> None:
        """Show the list of that time, the details of what is on it, and who is online again."""
        opened, closed = self.timeline.go(time)
        for alert in opened:
            link = Link.LOS if alert.incident.kind is Kind.LOS else Link.POWER
            self.source.onus[alert.id] = [
                Onu(d.serial, d.client_id, f"Cliente {d.client_id}", link) for d in alert.drops
            ]
            self.source.back -= {d.serial for d in alert.drops}
        for alert in closed:
            self.source.repair(alert.id)
        if closed:
            down = {d.serial for alert in self.timeline.open.values() for d in alert.drops}
            self.source.back |= {d.serial for alert in closed for d in alert.drops} - down
        self.source.incidents = {incident.id: incident for incident in self.timeline.incidents(time)}
