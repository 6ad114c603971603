"""The pure rules over a month, poll by poll, with people who decide after a while and no bot around them."""

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from bot.domain.causes.correlation import Group, Reason, Waiting, explain, group
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from tests.month.timeline import Timeline
from tests.month.truth import Alert, Month, Scenario, moment

SETTLE = 10.0  # seconds, the product's default
DECIDED_WITHIN = (60.0, 600.0)  # seconds after the card


@dataclass(slots=True)
class Card:
    """A case on paper. `family`: the number of the first case that it follows, or its own."""

    number: int
    family: int
    opened: float
    decided_at: float


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


def reasons(found: Grouped, rules: Rules) -> dict[Scenario, Counter[Reason | None]]:
    """What the card with most of a cause says, for each cause of several ports; None: a single port."""
    on: dict[int, list[Alert]] = defaultdict(list)
    of: dict[int, list[Alert]] = defaultdict(list)
    for alert in found.seen:
        on[found.card_of[alert.id]].append(alert)
        of[alert.cause].append(alert)
    said: dict[Scenario, Counter[Reason | None]] = defaultdict(Counter)
    for cause, alerts in of.items():
        if len({alert.incident.port for alert in alerts}) > 1:
            card = Counter(found.card_of[alert.id] for alert in alerts).most_common(1)[0][0]
            why = explain([alert.incident for alert in on[card]], found.month.network.inventory, rules)
            said[found.month.causes[cause].scenario][why.reason if why else None] += 1
    return said


def grouped(month: Month, rules: Rules) -> Grouped:
    """Play the month through `group`, as the flow does: known cases take in or are followed."""
    playing = _Playing(Grouped(month), Timeline(month), rules, random.Random(month.seed))  # noqa: S311
    for time in playing.timeline.polls():
        playing.poll(time)
    return playing.found


@dataclass(slots=True)
class _Playing:
    """`since`: when each alert that is on no card yet was first seen."""

    found: Grouped
    timeline: Timeline
    rules: Rules
    rng: random.Random
    since: dict[str, float] = field(default_factory=dict)

    def poll(self, time: float) -> None:
        opened, closed = self.timeline.go(time)
        self.since |= dict.fromkeys((alert.id for alert in opened), time)
        for alert in closed:
            self.since.pop(alert.id, None)
        if all(time - at < SETTLE for at in self.since.values()):
            return  # whatever they are grouped to is not shown yet
        new = [self.timeline.open[id_].at(time) for id_ in self.since]
        inventory = self.found.month.network.inventory
        for one in group(new, self._known(time), inventory, self.rules, moment(time)):
            if any(time - self.since[i.id] >= SETTLE for i in one.incidents):
                self._put(one, time)

    def _put(self, one: Group, time: float) -> None:
        cards, number = self.found.cards, one.joins
        if number is None:
            number = len(cards) + 1
            family = number if one.follows is None else cards[one.follows].family
            cards[number] = Card(number, family, time, time + self.rng.uniform(*DECIDED_WITHIN))
        for incident in one.incidents:
            self.found.card_of[incident.id] = number
            del self.since[incident.id]

    def _known(self, time: float) -> list[Waiting]:
        on: dict[int, list[Incident]] = {}
        for alert in self.timeline.open.values():
            number = self.found.card_of.get(alert.id)
            if number is not None:
                on.setdefault(number, []).append(alert.at(time))
        return [
            Waiting(number, tuple(incidents), decided=self.found.cards[number].decided_at <= time)
            for number, incidents in on.items()
        ]
