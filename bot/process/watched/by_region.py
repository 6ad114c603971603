"""What is open and what waits in each of several NOCs; nothing of it where there is one."""

from collections import Counter
from collections.abc import Iterable, Mapping

from bot.domain.case import Case
from bot.domain.rules import Rules
from bot.domain.watched.measures import Spread
from bot.ops.metrics import Family

OTHERS = "other"
"""All cases of no region, and their group."""


def by_region(
    cases: Iterable[tuple[Case, str]], waiting: Mapping[str, tuple[int, int, int]], rules: Rules
) -> tuple[Family, ...]:
    """`cases` are the open ones with where they stand, `waiting` is how many new cards, changed ones and
    notices wait for each region's group.
    """
    if not rules.regions:
        return ()
    states = Counter((rules.home(case.region) or OTHERS, state) for case, state in cases)
    every: dict[tuple[str, ...], float | Spread] = {(region or OTHERS, "waiting"): 0.0 for region in waiting}
    every |= {at: float(n) for at, n in states.items()}
    kinds = ("card", "edit", "notice")
    queue: dict[tuple[str, ...], float | Spread] = {
        (region or OTHERS, kind): float(n)
        for region, lengths in waiting.items()
        for kind, n in zip(kinds, lengths, strict=True)
    }
    tells = "Open cases and unfinished sends, by region and where they stand."
    return (
        Family("noc_region_cases_open", "gauge", tells, every, ("region", "state")),
        Family(
            "noc_region_telegram_queue",
            "gauge",
            "What waits for its turn in each region's group.",
            queue,
            ("region", "kind"),
        ),
    )
