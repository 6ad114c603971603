"""Each bench runs, small, and tells nobody twice; how fast it was is `python -m tests.bench`'s business."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.bench import (
    age,
    ahead,
    approve,
    before,
    budget,
    callers,
    directory,
    enrich,
    history,
    hook,
    month,
    panel,
    pg,
    receipts,
    regions,
    send,
    shipped,
    start,
    tap,
)
from tests.bench.before import Bench, compared, revision
from tests.bench.children import ROOT
from tests.bench.table import Row, markdown

pytestmark = [pytest.mark.bench, pytest.mark.process]


def seen(rows: list[Row], *benches: str) -> None:
    assert [row.bench.partition(":")[0] for row in rows] == list(benches)
    assert all(row.twice == 0 for row in rows)
    assert len(markdown(rows).splitlines()) == 2 + len(rows)


async def test_enrich() -> None:
    seen(await enrich.rows(customers=4, latency=0.01, in_flight=2, runs=1), "enrich")


async def test_directory() -> None:
    seen(await directory.rows(customers=4, ports=1, latency=0.01, runs=1), *["directory"] * 3)


async def test_approve() -> None:
    seen(await approve.rows(customers=4, latency=0.01, in_flight=2, runs=1), "approve")


async def test_budget() -> None:
    [row] = await budget.rows(storms=1, pons=2, onus=3)
    seen([row], "budget")
    assert row.met
    assert row.value > 12, "it polls every five minutes"


async def test_panel() -> None:
    seen(await panel.rows(customers=60, open_cases=6, watchers=4), *["panel"] * 3)


async def test_shipped() -> None:
    seen(await shipped.rows(customers=4, latency=0.01, undo=1, runs=1), *["shipped"] * 3)


async def test_ahead() -> None:
    rows = await ahead.rows(sizes=(4,), latency=0.01, in_flight=2, runs=1)
    seen(rows, "ahead", "ahead")


async def test_send() -> None:
    seen(await send.rows(messages=60, in_flight=4, runs=2, rounds=1), *["send"] * 4)


async def test_postgres() -> None:
    small = {"messages": 40, "rounds": 1, "lines": 10, "kills": 1, "days": 1, "together": 60, "handed": 40}
    seen(await pg.rows(**small), *["postgres"] * 7)


async def test_tap() -> None:
    small = {"customers": 40, "open_cases": 4, "audit_lines": 10, "in_flight": 2, "crowd": 3}
    rows = await tap.rows(**small, latency=0.05, taps=2, every=0.02)
    seen(rows, *["tap"] * 3)


async def test_receipts() -> None:
    small = {"customers": 8, "open_cases": 3, "audit_lines": 10, "in_flight": 2, "together": 6}
    seen(await receipts.rows(**small, every=0.02), *["receipts"] * 3)


async def test_regions() -> None:
    small = {"regions": 3, "olts": 6, "customers": 300, "storm": 2, "cases": 3, "seconds": 6.0}
    rows = await regions.rows(**small)  # type: ignore[arg-type]
    seen(rows, *["regions"] * 5)
    assert rows[1].met, "no group is given more than it takes"


async def test_hook() -> None:
    found = await hook.rows(customers=10, open_cases=1, every=0.001, pushes=1, rates=(0,))
    seen(found, "hook")


async def test_callers() -> None:
    found = await callers.rows(customers=10, open_cases=1, every=0.06, questions=1, rates=(0,))
    seen(found, "callers")


async def test_start() -> None:
    seen(await start.rows(open_cases=3, audit_lines=10, runs=1, polls=1), *["start"] * 4)


async def test_history(tmp_path: Path) -> None:
    seen(await history.rows(days=3, keep=tmp_path), *["history"] * 12)


async def test_month(tmp_path: Path) -> None:
    seen(await month.rows(days=1, cases=4, keep=tmp_path), *["month"] * 4)


async def test_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(age, "RATE", 60.0)  # messages a second: three times as fast as it is measured
    rows = await age.rows(ages=(1,), keep=tmp_path, taps=2, limit=False)
    # On the first of a month there is one to pack.
    rows = [row for row in rows if "ledger pack" not in row.bench]
    seen(rows, *["age"] * 11)


def test_what_has_no_number_is_compared_by_eye() -> None:
    in_flight = Row("requests in flight", "10", "≤ 10", True)
    assert before.line([in_flight], [in_flight]) == ("requests in flight", "10", "10", "–")


def test_the_code_before_is_measured_too(tmp_path: Path) -> None:
    for part in ("bot", "tests/bench"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "fakes.py", tmp_path / "tests")
    gone = tmp_path / "bot" / "steps" / "enrich.py"
    benches: dict[str, Bench] = {"enrich": enrich.rows}
    small = {"customers": 4, "latency": 0.01, "in_flight": 2}
    table, twice = asyncio.run(compared(benches, tmp_path, rounds=1, **small))
    [_, _, line] = table.splitlines()
    assert re.fullmatch(r"\| enrich: .* \| \S+ s \(\S+\) \| \S+ s \(\S+\) \| \d+\.\d\d \|", line)
    assert twice == 0
    gone.write_text("raise SystemExit('the code before')")
    with pytest.raises(RuntimeError, match="enrich"):
        asyncio.run(compared(benches, tmp_path, rounds=1, **small))


def test_a_revision_that_is_not_there() -> None:
    with pytest.raises(LookupError, match="no-such-revision"), revision("no-such-revision"):
        pass
