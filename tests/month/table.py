"""The month's table."""

from collections.abc import Mapping

from tests.month.score import Score
from tests.month.truth import Scenario

_HEAD = ("what happened", "causes", "alerts", "precision", "recall", "cards a cause")


def markdown(scores: Mapping[Scenario, Score]) -> str:
    """Pairwise precision and recall by scenario."""
    rows = [_HEAD, ("---", *("--:" for _ in _HEAD[1:]))]
    for scenario in Scenario:
        s = scores.get(scenario, Score())
        numbers = (f"{s.causes}", f"{s.alerts}", f"{s.precision:.3f}", f"{s.recall:.3f}")
        rows.append((scenario.value, *numbers, f"{s.cards / s.causes:.2f}" if s.causes else "–"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
