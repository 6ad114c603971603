"""`python -m tests.bench [enrich approve ahead shipped send ...]`: how fast the bot is, as a table.

`--before REVISION` measures that revision's `bot` and this one in turn: has it become slower?

The simulators run in this process and what is measured in another, so it takes two cores to say something.
"""

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path

from tests.bench import (
    age,
    ahead,
    approve,
    budget,
    callers,
    directory,
    enrich,
    history,
    hook,
    month,
    panel,
    pg,
    poll,
    receipts,
    regions,
    send,
    shipped,
    start,
    tap,
)
from tests.bench.before import ROUNDS, Bench, compared, revision
from tests.bench.table import Row, machine, markdown

BENCHES: dict[str, Bench] = {
    "enrich": enrich.rows,
    "directory": directory.rows,
    "approve": approve.rows,
    "budget": budget.rows,
    "shipped": shipped.rows,
    "ahead": ahead.rows,
    "send": send.rows,
    "tap": tap.rows,
    "start": start.rows,
    "poll": poll.rows,
    "age": age.rows,
    "history": history.rows,
    "month": month.rows,
    "receipts": receipts.rows,
    "hook": hook.rows,
    "callers": callers.rows,
    "panel": panel.rows,
    "postgres": pg.rows,
    "regions": regions.rows,
}


async def run(names: list[str]) -> int:
    """Print the table; 0 where every target was met and nobody was messaged twice, else 1."""
    print(machine(), end="\n\n")
    rows: list[Row] = []
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        rows += await BENCHES[name]()
    print(markdown(rows))
    twice = sum(row.twice for row in rows)
    print(f"\nCustomers messaged twice in all of this: {twice}.")
    return 0 if twice == 0 and all(row.met for row in rows) else 1


def run_both(names: list[str], before: str) -> int:
    """Print the table of that revision and this code; 0 where nobody was messaged twice, else 1."""
    print(machine(), end="\n\n")
    with revision(before) as folder:
        table, twice = asyncio.run(compared({name: BENCHES[name] for name in names}, folder))
    print(table)
    print(f"\nBefore is {before}. Medians of {ROUNDS} rounds in turn (least-most); of a rate more is better.")
    print(f"Customers messaged twice in all of this: {twice}.")
    return 0 if twice == 0 else 1


def main() -> int:
    """Run what the command line names, everything without a name."""
    parser = argparse.ArgumentParser("python -m tests.bench", description="How fast the bot is, as a table.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHES))
    parser.add_argument(
        "--before", metavar="REVISION", help="measure this git revision's bot as well, in turn"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="where ledgers of years are left (2 GB), and found again"
    )
    given = parser.parse_args()
    names = given.names
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        parser.error(f"no such bench: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    BENCHES["age"] = partial(age.rows, keep=given.keep) if "age" in names else age.quick
    BENCHES["history"] = partial(history.rows, keep=given.keep) if "history" in names else history.quick
    names = names or list(BENCHES)
    return run_both(names, given.before) if given.before else asyncio.run(run(names))


if __name__ == "__main__":
    sys.exit(main())
