"""How well alerts were put together: pairs of them against the truth, by what happened.

A pair is right where both are of one cause. Two spells of one flapping port are neither right nor wrong: that
they share a card is not for the grouping to decide.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import comb

from tests.month.truth import Alert, Month, Scenario


@dataclass(slots=True)
class Score:
    """Counts of one scenario.

    Of pairs with at least one alert of it: `right` ones, those `said` to be of one cause, and `true` ones.
    `cards` sums the cards of each cause, `mixed` counts the alerts that share theirs with another cause's.
    """

    right: int = 0
    said: int = 0
    true: int = 0
    causes: int = 0
    alerts: int = 0
    cards: int = 0
    mixed: int = 0

    @property
    def precision(self) -> float:
        return self.right / self.said if self.said else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0

    def __add__(self, other: "Score") -> "Score":
        return Score(*(getattr(self, f) + getattr(other, f) for f in Score.__slots__))


def score(
    month: Month, alerts: Iterable[Alert], family: Callable[[Alert], int], card: Callable[[Alert], int]
) -> dict[Scenario, Score]:
    """By scenario. `family`: what counts as put together; `card`: what people see of it."""
    scores: dict[Scenario, Score] = defaultdict(Score)
    together: dict[int, list[Alert]] = defaultdict(list)
    by_cause: dict[int, list[Alert]] = defaultdict(list)
    for alert in alerts:
        together[family(alert)].append(alert)
        by_cause[alert.cause].append(alert)
    for cause, of_cause in by_cause.items():
        one = scores[month.causes[cause].scenario]
        one.causes += 1
        one.alerts += len(of_cause)
        one.cards += len({card(alert) for alert in of_cause})
        one.true += sum(comb(n, 2) for n in Counter(alert.spell for alert in of_cause).values())
    for those in together.values():
        _pairs(month, those, scores)
    return scores


def _pairs(month: Month, those: list[Alert], scores: dict[Scenario, Score]) -> None:
    of: Counter[Scenario] = Counter()
    neutral: Counter[Scenario] = Counter()
    for cause, of_cause in _by(those, lambda a: a.cause).items():
        scenario = month.causes[cause].scenario
        right = sum(comb(n, 2) for n in Counter(alert.spell for alert in of_cause).values())
        scores[scenario].right += right
        neutral[scenario] += comb(len(of_cause), 2) - right
        of[scenario] += len(of_cause)
        scores[scenario].mixed += len(of_cause) if len(of_cause) < len(those) else 0
    for scenario, n in of.items():
        scores[scenario].said += comb(len(those), 2) - comb(len(those) - n, 2) - neutral[scenario]


def _by(alerts: Iterable[Alert], key: Callable[[Alert], int]) -> dict[int, list[Alert]]:
    found: dict[int, list[Alert]] = defaultdict(list)
    for alert in alerts:
        found[key(alert)].append(alert)
    return found
