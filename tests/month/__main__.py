"""`python -m tests.month [SEED ...]`: a month of outages for each seed, its cards and its messages."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable

from bot.domain.causes.correlation import Reason
from bot.domain.rules import Rules
from tests.month.generate import generate
from tests.month.measure import Measured, measured
from tests.month.replay import live
from tests.month.rules_alone import grouped, reasons
from tests.month.score import Score, score
from tests.month.table import markdown, rates, said, told
from tests.month.truth import DAYS, Scenario

Said = dict[Scenario, Counter[Reason | None]]
RULES = Rules(group_seconds=120, group_power_seconds=300)


def played(seed: int, rules: Rules = RULES, days: int = DAYS) -> tuple[dict[Scenario, Score], Said]:
    """What the rules alone made of one month, and what their cards said."""
    found = grouped(generate(seed, days), rules)
    scores = score(found.month, found.seen, found.family, lambda alert: found.card_of[alert.id])
    return scores, reasons(found, rules)


def summed(seeds: Iterable[int], days: int = DAYS) -> tuple[dict[Scenario, Score], Said]:
    """The same over several months."""
    total: dict[Scenario, Score] = {}
    why: Said = {}
    for seed in seeds:
        scores, said_of_it = played(seed, days=days)
        total |= {scenario: total.get(scenario, Score()) + one for scenario, one in scores.items()}
        why |= {scenario: why.get(scenario, Counter()) + one for scenario, one in said_of_it.items()}
    return total, why


def lived(seeds: Iterable[int], days: int = DAYS) -> Measured:
    """The same months through the whole flow, with people who answer and customers who are written to."""
    total = Measured()
    for seed in seeds:
        total += measured(live(generate(seed, days)))
    return total


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.month", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--days", type=int, default=DAYS)
    asked = parser.parse_args()
    within = f"{RULES.group_seconds:g} s on one OLT, {RULES.group_power_seconds:g} s in a power failure"
    _say(f"Seeds {', '.join(map(str, asked.seeds))}, {asked.days} days each; siblings within {within}.")
    scores, why = summed(asked.seeds, asked.days)
    _say(f"The rules alone, each port on the card of its cause:\n\n{markdown(scores)}")
    _say(f"What the card with most of a cause says it is:\n\n{said(why)}")
    month = lived(asked.seeds, asked.days)
    _say(f"Through the whole flow:\n\n{markdown(month.scores)}\n\n{told(month.told, month.scores)}")
    _say(rates(month))
    _say("\n".join(month.broken) if month.broken else "No promise was broken.")
    sys.exit(1 if month.broken else 0)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
