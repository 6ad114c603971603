"""Each bench runs, small, and tells nobody twice; how fast it was is `python -m tests.bench`'s business."""

import pytest

from tests.bench import approve, enrich, send, start, tap
from tests.bench.table import Row, markdown

pytestmark = pytest.mark.bench


def seen(rows: list[Row], *benches: str) -> None:
    assert [row.bench.partition(":")[0] for row in rows] == list(benches)
    assert all(row.twice == 0 for row in rows)
    assert len(markdown(rows).splitlines()) == 2 + len(rows)


async def test_enrich() -> None:
    seen(await enrich.rows(customers=4, latency=0.01, in_flight=2, runs=1), "enrich")


async def test_approve() -> None:
    seen(await approve.rows(customers=4, latency=0.01, in_flight=2, runs=1), "approve")


async def test_send() -> None:
    seen(await send.rows(messages=20, in_flight=4, runs=2), "send", "send")


async def test_tap() -> None:
    small = {"customers": 40, "open_cases": 4, "audit_lines": 10, "in_flight": 2, "crowd": 3}
    rows = await tap.rows(**small, latency=0.05, taps=2, every=0.02)
    seen(rows, *["tap"] * 3)


async def test_start() -> None:
    seen(await start.rows(open_cases=3, audit_lines=10, runs=1, polls=1), *["start"] * 4)
