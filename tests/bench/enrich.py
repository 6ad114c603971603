"""`enrich`: the look-ups of one large outage."""

from pathlib import Path
from statistics import median

from bot.simulator.olt import OltApi
from bot.simulator.world import World
from tests.bench.children import ROOT, measure
from tests.bench.table import NONE, Row

THREADS = 20
AT_MOST = 1.25


async def rows(
    code: Path = ROOT,
    /,
    *,
    customers: int = 400,
    latency: float = 0.1,
    in_flight: int = 50,
    runs: int = 3,
    old_way: bool = True,
) -> list[Row]:
    """Ideal = one reading of the alert + look-ups / in flight x latency."""
    world = World()
    alert = world.outage(customers)
    async with OltApi(world) as olt:
        olt.faults.latency = latency
        olt.token_seconds = 3600.0
        where = {"base": olt.url, "user": olt.user, "password": olt.password, "alert": alert.id}
        took = median(await measure("enrich", code, **where, in_flight=in_flight, runs=runs))
        old = median(await measure("old_enrich", **where, threads=THREADS, runs=1)) if old_way else None
    ideal = latency + customers / in_flight * latency
    return [
        Row(
            f"enrich: alert and {customers} customers at {latency * 1000:.0f} ms, {in_flight} in flight",
            f"{took:.2f} s",
            f"≤ {AT_MOST} × ideal",
            took <= AT_MOST * ideal,
            f"{ideal:.2f} s",
            f"{took / ideal:.2f}",
            NONE if old is None else f"{THREADS} threads with requests: {old:.2f} s",
            value=took,
            unit="s",
        )
    ]
