"""The month's table."""

from collections.abc import Mapping

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
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
