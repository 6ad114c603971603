"""`python -m tests.month [SEED ...]`: a month of outages for each seed, and how well they were grouped."""

import argparse
import sys

from bot.domain.rules import Rules
from tests.month.generate import generate
from tests.month.rules_alone import grouped
from tests.month.score import Score, score
from tests.month.table import markdown
from tests.month.truth import Scenario

RULES = Rules(group_seconds=120, group_power_seconds=300)


def scores(seed: int, rules: Rules = RULES, days: int = 30) -> dict[Scenario, Score]:
    """What the rules alone made of one month."""
    month = generate(seed, days)
    found = grouped(month, rules)
    return score(month, found.seen, found.family, lambda alert: found.card_of[alert.id])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.month", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 2, 3])
    seeds = parser.parse_args().seeds
    total: dict[Scenario, Score] = {}
    for seed in seeds:
        for scenario, one in scores(seed).items():
            total[scenario] = total.get(scenario, Score()) + one
    said = f"{RULES.group_seconds:g} s on one OLT, {RULES.group_power_seconds:g} s in a power failure"
    sys.stdout.write(f"Seeds {', '.join(map(str, seeds))}; siblings within {said}\n\n{markdown(total)}\n")


if __name__ == "__main__":
    main()
