"""`python -m tests.cluster [CASE ...] --rounds 10 --customers 5000`: what may happen to two machines, often.

Each round has its moment from a seed, which is printed where it fails: `--seed` of that one plays it again. A
table at the end says what came of it; the exit code is 0 where all was as it has to be.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.faults import FAULTS, IN_FLIGHT, Played, played
from tests.postgres import clean

_HEAD = (
    "case",
    "good rounds",
    "sends",
    "twice",
    "silently missing",
    "in doubt (most in a round)",
    "longest gap",
)


@dataclass
class Case:
    """The rounds of one case, and which of them were not as they have to be."""

    name: str
    wanted: int
    good: int = 0
    rounds: list[Played] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        counts = [one.counted for one in self.rounds]
        unknown = [one.unknown for one in counts]
        return (
            self.name,
            f"{self.good} of {self.good + len(self.failed)}",
            f"{sum(one.got for one in counts):,}",
            str(sum(one.twice for one in counts)),
            str(sum(one.missing + one.untold for one in counts)),
            f"{sum(unknown)} ({max(unknown, default=0)})",
            f"{max((one.gap for one in self.rounds), default=0.0):.1f} s",
        )


def table(cases: Sequence[Case]) -> Iterator[str]:
    """As GitHub shows it."""
    for row in (
        _HEAD,
        tuple("---" for _ in _HEAD),
        *(case.row() for case in cases if case.good or case.failed),
    ):
        yield f"| {' | '.join(row)} |"


async def play(cases: Sequence[Case], seed: int, customers: int, rate: int) -> None:
    """All of them in turn: a stop in the middle leaves each played about as often."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as shared:
        for turn in range(max((case.wanted for case in cases), default=0)):
            for case in (case for case in cases if turn < case.wanted):
                moment = f"{case.name} {seed + turn}"
                with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
                    await _one(case, moment, customers, (Path(shared), Path(folder)), rate)


async def _one(case: Case, moment: str, customers: int, folders: tuple[Path, Path], rate: int) -> None:
    shared, folder = folders
    try:
        found = await played(FAULTS[case.name], moment, customers, shared, folder, rate=rate)
        case.rounds.append(found)
        found.counted.judged(IN_FLIGHT)
    except (AssertionError, TimeoutError) as error:
        again = f"python -m tests.cluster {case.name} --rounds 1 --customers {customers} --seed"
        case.failed.append(moment)
        print(
            f"{moment}: {error or type(error).__name__}; again: {again} {moment.split()[1]}", file=sys.stderr
        )
        for node in ("noc-a", "noc-b"):
            log = folder / node / "bot.log"
            print("\n".join(log.read_text().splitlines()[-20:]) if log.exists() else "", file=sys.stderr)
    else:
        case.good += 1
        doubt, gap = found.counted.unknown, found.gap
        print(f"{moment}: at {found.at}, {doubt} in doubt, longest gap {gap:.1f} s", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what the command line names, all without a name."""
    parser = argparse.ArgumentParser("python -m tests.cluster", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="case", help=", ".join(FAULTS))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=50, help="messages a second that the nodes are set to")
    parser.add_argument("--seed", type=int, help="of the first round; each that follows has one more")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.cases if name not in FAULTS]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    if given.rounds < 1:
        parser.error("--rounds: at least one")
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    cases = [Case(name, given.rounds) for name in given.cases or FAULTS]
    print(f"{given.customers} customers, {given.rate} a second, seed {seed}", file=sys.stderr)
    try:
        asyncio.run(play(cases, seed, given.customers, given.rate))
    except KeyboardInterrupt:
        print("stopped: what follows is what was played", file=sys.stderr)
    print("\n".join(table(cases)))
    return int(any(case.failed for case in cases) or not any(case.good for case in cases))


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        clean()
