"""The month's table."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from bot.domain.causes.correlation import Reason
from tests.month.measure import Measured, Told
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
_TOLD = (
    "what happened",
    "approvals a cause",
    "customers off",
    "warned",
    "told that it is back",
    "most messages to one of them about one cause",
)


_KINDS = {"": "Counted", "tap: ": "What taps came to", "said: ": "Said beside the cards"}


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


def told(of: Mapping[Scenario, Told], scores: Mapping[Scenario, Score]) -> str:
    """Approvals and messages by scenario."""
    rows: list[Sequence[str]] = [_TOLD, ("---", *("--:" for _ in _TOLD[1:]))]
    for scenario in Scenario:
        t, causes = of.get(scenario, Told()), scores.get(scenario, Score()).causes
        rows.append(
            (
                scenario.value,
                f"{t.approvals / causes:.2f}" if causes else NONE,
                f"{t.off}",
                f"{t.warned}" + (f" ({t.warned / t.off:.0%})" if t.off else ""),
                f"{t.back}" + (f" ({t.back / t.warned:.0%})" if t.warned else ""),
                f"{t.most} + {t.most_back}",
            )
        )
    return _table(rows)


def rates(month: Measured) -> str:
    """Cards and alerts an hour, and whatever was counted."""
    rows: list[Sequence[str]] = [("an hour", "cards", "alerts"), ("---", "--:", "--:")]
    both = (month.hours, month.alert_hours)
    rows.append(("mean", *(f"{sum(n * h for n, h in c.items()) / c.total():.1f}" for c in both)))
    rows += [
        (f"{share:.0%} of hours have at most", *(f"{_at(c, share)}" for c in both)) for share in (0.5, 0.99)
    ]
    rows.append(("worst", *(f"{max(c)}" for c in both)))
    lines = [_table(rows), "", f"At most {month.waiting} cards waited for an answer at one time."]
    for what in ("", "tap: ", "said: "):
        of = {k.removeprefix(what): n for k, n in month.counts.items() if _kind(k) == what}
        listed = ", ".join(f"{n:,} {k}" for k, n in sorted(of.items(), key=lambda kn: -kn[1]))
        lines.append(f"{_KINDS[what]}: {listed}.")
    return "\n".join(lines)


def _kind(counted: str) -> str:
    return next((prefix for prefix in _KINDS if prefix and counted.startswith(prefix)), "")


def _at(counts: Counter[int], share: float) -> int:
    left = share * counts.total()
    for n in sorted(counts):
        left -= counts[n]
        if left <= 0:
            return n
    raise ValueError("a share above 1")


def _table(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
