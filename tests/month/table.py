"""The month's table."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from bot.domain.correlation import Reason
from tests.month.score import Score
from tests.month.truth import Scenario

NONE = "–"
_HEAD = (
    "what happened",
    "causes",
    "alerts",
    "precision",
    "recall",
    "cards a cause",
    "alerts beside another cause's",
)


def said(reasons: Mapping[Scenario, Counter[Reason | None]]) -> str:
    """What the cards said about causes of several ports."""
    says = [*Reason, None]
    rows = [("what happened", *Reason, "a single port"), ("---", *("--:" for _ in says))]
    rows += [
        (scenario.value, *(f"{reasons[scenario][reason] or NONE}" for reason in says))
        for scenario in Scenario
        if scenario in reasons
    ]
    return _table(rows)


def markdown(scores: Mapping[Scenario, Score]) -> str:
    """Pairwise precision and recall by scenario."""
    rows = [_HEAD, ("---", *("--:" for _ in _HEAD[1:]))]
    for scenario in Scenario:
        s = scores.get(scenario, Score())
        rows.append(
            (
                scenario.value,
                f"{s.causes}",
                f"{s.alerts}",
                f"{s.precision:.3f}" if s.true else NONE,
                f"{s.recall:.3f}" if s.true else NONE,
                f"{s.cards / s.causes:.2f}" if s.causes else NONE,
                f"{s.mixed / s.alerts:.1%}" if s.alerts else NONE,
            )
        )
    return _table(rows)


def _table(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
