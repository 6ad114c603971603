"""Names and phones that are due go where the bot runs: at its start, and each night."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain import events as ev
from bot.process.app import App
from bot.process.clock import SystemClock
from bot.process.settings.reading import load
from bot.storage.files import FileLedger
from bot.storage.people.months import Listed, Person, append
from tests.fakes import FakeClock
from tests.isp import Isp, isp, until
from tests.storage.disks import QuickDisk
from tests.storage.samples import adds

pytestmark = pytest.mark.process


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    """Its ledger has lines of two days: with fewer nothing is due."""
    async with isp(tmp_path, customers=3) as made:
        clock = FakeClock(SystemClock().now() - timedelta(days=2))
        ledger = FileLedger.open(made.folder / "data", clock, QuickDisk())
        for _ in range(2):
            await ledger.commit(adds(ev.Alive()))
            clock.time += timedelta(days=1)
        await ledger.close()
        yield made


def kept(site: Isp) -> list[str]:
    return sorted(path.name for path in (site.folder / "data" / "people").iterdir())


def an_old_month(site: Isp) -> None:
    """And one that is not due."""
    for at in (datetime(2020, 1, 5, tzinfo=UTC), datetime(2120, 1, 5, tzinfo=UTC)):
        append(QuickDisk(), site.folder / "data", [Listed((1, 1), at, (Person("c1", "Maria", "5561"),))])
    assert kept(site) == ["2020-01.jsonl", "2120-01.jsonl"]


@asynccontextmanager
async def running(site: Isp) -> AsyncIterator[App]:
    """Once it has begun."""
    stop, made = asyncio.Event(), App(load(None, site.variables))
    bot = asyncio.create_task(made.run(stop))
    try:
        await site.card()
        yield made
    finally:
        stop.set()
        assert await bot == 0


async def test_an_old_month_goes_at_a_start(site: Isp) -> None:
    an_old_month(site)
    async with running(site):
        assert kept(site) == ["2120-01.jsonl"]


async def test_an_old_month_goes_at_night(site: Isp) -> None:
    async with running(site) as bot:
        an_old_month(site)
        [night] = [job for job in bot._schedule._scheduler.get_jobs() if job.id == "verify"]
        night.modify(next_run_time=datetime.now(UTC))
        await until(lambda: kept(site) == ["2120-01.jsonl"])
