"""`poll`: the CPU of one poll of a network in which nearly everything is down."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bot.simulator.olt import OltApi
from bot.simulator.world import World
from tests.bench.children import DISK, ROOT, measure
from tests.bench.table import Row

SECONDS = 0.5
PORTS = 16
KINDS = ("pon_loss", "pon_no_power")


async def rows(code: Path = ROOT, /, *, incidents: int = 3000, runs: int = 3) -> list[Row]:
    """All of them new, when they have settled, and nothing new; beside it reading the same pages alone."""
    async with OltApi(World()) as olt:
        olt.raw_rows += _rows(incidents)
        olt.token_seconds = 3600.0
        with TemporaryDirectory(prefix="bench-", dir=DISK) as folder:
            where = {"base": olt.url, "user": olt.user, "password": olt.password, "folder": folder}
            found = await measure("poll", code, **where, runs=runs)
    ideal = median(found["read"])
    names = {"new": "all of them new", "settled": "as they settle", "same": "nothing new"}
    return [
        Row(
            f"poll: CPU with {incidents:,} open incidents, {name}",
            f"{median(found[key]):.2f} s",
            f"< {SECONDS} s",
            median(found[key]) < SECONDS,
            ideal=f"{ideal:.2f} s (the list alone)",
            ratio=f"{median(found[key]) / ideal:.2f} ×",
            value=median(found[key]),
            unit="s",
        )
        for key, name in names.items()
    ]


def _rows(incidents: int) -> list[dict[str, Any]]:
    """The list of alerts: whole OLTs, slots and single ports, within a day."""
    rng = random.Random(20261122)  # noqa: S311
    now, zone = datetime.now(UTC), timedelta(hours=3)
    fell = {olt: now - timedelta(minutes=rng.uniform(1, 1440)) for olt in range(1 + incidents // 128)}
    return [
        {
            "id": 900_000 + n,
            "alert_type": KINDS[n // 128 % 5 == 0],
            "olt_id": n // 128,
            "olt_name": f"CB {n // 128:02}",
            "slot_pon": f"{n % 128 // PORTS + 1}/{n % PORTS + 1}",
            "initial_date": (fell[n // 128] + timedelta(seconds=rng.uniform(0, 600)) - zone).strftime(
                "%Y-%m-%dT%H:%M:%S"
            ),
            "end_date": None,
            "ignored": False,
            "total_devices_count": 61,
            "active_devices_count": rng.randint(1, 61),
        }
        for n in range(incidents)
    ]
