"""`postgres`: durable messages a second on a ledger in PostgreSQL as a share of those on files, in one run.

PostgreSQL is on the same machine and disk, with fsync; both are measured in turn, in one process.
"""

import tempfile
from pathlib import Path
from statistics import median

from tests.bench.children import DISK, ROOT, measure
from tests.bench.gateway import BareGateway
from tests.bench.table import Row
from tests.postgres import clean, running

TOKEN = "hsm-secret"
TARGETS = {("a gateway that answers at once", 50): 0.5, ("a gateway that answers at once", 10): 0.4}
HTTP = {("a bare gateway over HTTP", 50): 0.75}


async def rows(code: Path = ROOT, /, *, messages: int = 3000, rounds: int = 5) -> list[Row]:
    """The targets are those of bot/docs/ledger.md."""
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DISK) as folder, running(Path(folder)) as server:
        for (gateway, in_flight), target in (TARGETS | HTTP).items():
            async with BareGateway() as bare:
                rates = await measure(
                    "postgres",
                    code,
                    url=bare.url if (gateway, in_flight) in HTTP else "",
                    token=TOKEN,
                    folder=folder,
                    databases=[server.database() for _ in range(rounds)],
                    messages=messages,
                    in_flight=in_flight,
                )
                twice = len(bare.count) - sum(number == 1 for number in bare.count.values())
            shares = sorted(there / files for files, there in rates)
            files, there = (median(one) for one in zip(*rates, strict=True))
            found.append(
                Row(
                    f"postgres: durable messages a second against files, {in_flight} in flight, {gateway}",
                    f"{there:,.0f}/s",
                    f"≥ {target}",
                    median(shares) >= target,
                    f"on files: {files:,.0f}/s",
                    f"{median(shares):.2f} ({shares[0]:.2f}-{shares[-1]:.2f} in {rounds} rounds)",
                    twice=twice,
                    value=there,
                    unit="/s",
                )
            )
    clean()
    return found
