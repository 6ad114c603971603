"""The pure rules over a month, poll by poll, with people who decide after a while and no bot around them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.correlation import Waiting, group
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from tests.month.timeline import Timeline
from tests.month.truth import START, Alert, Month

SETTLE = 10.0  # seconds, the product's default
DECIDED_WITHIN = (60.0, 600.0)  # seconds after the card


@dataclass(slots=True)
class Card:
    """A case on paper. `family`: the number of the first case that it follows, or its own."""

    number: int
    family: int
    opened: float
    decided_at: float
    alerts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Grouped:
    """What the rules made of a month: which card each alert that was seen is on."""

    month: Month
    cards: dict[int, Card] = field(default_factory=dict)
    card_of: dict[str, int] = field(default_factory=dict)

    def family(self, alert: Alert) -> int:
        """The card it is on, or the one that this follows."""
        return self.cards[self.card_of[alert.id]].family

    @property
    def seen(self) -> list[Alert]:
        """The alerts that a poll saw for long enough."""
        return [self.month.alerts[id_] for id_ in self.card_of]


def grouped(month: Month, rules: Rules) -> Grouped:
    """Play the month through `group`, as the flow does: known cases take in or are followed."""
    found, timeline = Grouped(month), Timeline(month)
    rng = random.Random(month.seed)  # noqa: S311
    since: dict[str, float] = {}
    for time in timeline.polls():
        opened, closed = timeline.go(time)
        since |= dict.fromkeys((alert.id for alert in opened), time)
        for alert in closed:
            since.pop(alert.id, None)
        if since:
            _poll(found, timeline, since, time, rules, rng)
    return found


def _poll(
    found: Grouped, timeline: Timeline, since: dict[str, float], time: float, rules: Rules, rng: random.Random
) -> None:
    new = [timeline.open[id_].at(time) for id_ in since]
    now = START + timedelta(seconds=time)
    for one in group(new, _known(found, timeline, time), timeline.month.network.inventory, rules, now):
        if all(time - since[i.id] < SETTLE for i in one.incidents):
            continue
        number = one.joins
        if number is None:
            number = len(found.cards) + 1
            family = number if one.follows is None else found.cards[one.follows].family
            found.cards[number] = Card(number, family, time, time + rng.uniform(*DECIDED_WITHIN))
        _take(found, number, one.incidents, since)


def _take(found: Grouped, number: int, incidents: Sequence[Incident], since: dict[str, float]) -> None:
    for incident in incidents:
        found.cards[number].alerts.append(incident.id)
        found.card_of[incident.id] = number
        del since[incident.id]


def _known(found: Grouped, timeline: Timeline, time: float) -> list[Waiting]:
    on: dict[int, list[Incident]] = {}
    for alert in timeline.open.values():
        if alert.id in found.card_of:
            on.setdefault(found.card_of[alert.id], []).append(alert.at(time))
    return [
        Waiting(number, tuple(incidents), decided=found.cards[number].decided_at <= time)
        for number, incidents in on.items()
    ]
