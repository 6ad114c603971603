"""`python -m tests.month [SEED ...]`: a month of outages for each seed, and how well they were grouped."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable

from bot.domain.correlation import Reason
from bot.domain.rules import Rules
from tests.month.generate import generate
from tests.month.rules_alone import grouped, reasons
from tests.month.score import Score, score
from tests.month.table import markdown, said
from tests.month.truth import DAYS, Scenario

Said = dict[Scenario, Counter[Reason | None]]
RULES = Rules(group_seconds=120, group_power_seconds=300)


def played(seed: int, rules: Rules = RULES, days: int = DAYS) -> tuple[dict[Scenario, Score], Said]:
    """What the rules alone made of one month, and what their cards said."""
    found = grouped(generate(seed, days), rules)
    scores = score(found.month, found.seen, found.family, lambda alert: found.card_of[alert.id])
    return scores, reasons(found, rules)


def summed(seeds: Iterable[int]) -> tuple[dict[Scenario, Score], Said]:
    """The same over several months."""
    total: dict[Scenario, Score] = {}
    why: Said = {}
    for seed in seeds:
        scores, said_of_it = played(seed)
        total |= {scenario: total.get(scenario, Score()) + one for scenario, one in scores.items()}
        why |= {scenario: why.get(scenario, Counter()) + one for scenario, one in said_of_it.items()}
    return total, why


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.month", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 2, 3])
    seeds = parser.parse_args().seeds
    scores, why = summed(seeds)
    within = f"{RULES.group_seconds:g} s on one OLT, {RULES.group_power_seconds:g} s in a power failure"
    sys.stdout.write(
        f"Seeds {', '.join(map(str, seeds))}; siblings within {within}.\n\n{markdown(scores)}\n\n"
    )
    sys.stdout.write(f"What the card with most of a cause says it is:\n\n{said(why)}\n")


if __name__ == "__main__":
    main()
