"""Who leads keeps its lease, and ends the moment it cannot be sure of it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.process.cluster.leading import Leading
from bot.storage.postgres.lease import Lease, boottime
from tests.isp import until
from tests.postgres import Server, running

pytestmark = pytest.mark.process
PATIENCE = 60.0
LASTS = 30.0  # seconds: nothing is lost to a machine that is slow


@asynccontextmanager
async def leads(
    url: str, *, ttl: float = LASTS, seconds: Callable[[], float] = boottime
) -> AsyncIterator[tuple[Leading, "asyncio.Queue[str]"]]:
    ends: asyncio.Queue[str] = asyncio.Queue()
    lease = Lease(url, "a", ttl=ttl, seconds=seconds, patience=PATIENCE)
    leading = Leading(lease, ends.put_nowait, every=0.2)
    assert await leading.lease.take() is not None
    leading.start()
    try:
        yield leading, ends
    finally:
        await leading.stop()


async def ended(ends: "asyncio.Queue[str]") -> str:
    async with asyncio.timeout(PATIENCE):
        return await ends.get()


async def test_it_is_kept_for_as_long_as_it_is_renewed(database: str, postgres: Server) -> None:
    """Half of its time passes at once, here and there, four times."""
    other, later = Lease(database, "b", patience=PATIENCE), 0.0
    half = f"UPDATE ledger_lease SET until = until - interval '{LASTS / 2} seconds'"  # noqa: S608 - of this test alone
    async with leads(database, seconds=lambda: boottime() + later) as (leading, ends):
        for _ in range(4):
            postgres.run(half, database.rpartition("/")[2])
            later += LASTS / 2
            assert leading.lease.age >= LASTS / 2
            await until(lambda: leading.lease.age < LASTS / 2)
            assert leading.held()
            assert await other.take() is None
        assert ends.empty()
    assert await other.take() is not None, "it was given up at the stop"
    await other.close()


async def test_it_ends_where_another_one_took_over(database: str, postgres: Server) -> None:
    async with leads(database) as (leading, ends):
        postgres.run("UPDATE ledger_lease SET owner = 'b', epoch = epoch + 1", database.rpartition("/")[2])
        assert await ended(ends) == "another machine took over"
        assert not leading.held()


async def test_it_ends_once_where_it_is_told_to_and_never_after_its_stop(database: str) -> None:
    async with leads(database) as (leading, ends):
        leading.lost("its ledger is closed")
        leading.lost("and closed once more")
        assert await ended(ends) == "its ledger is closed"
        assert ends.empty()
    async with leads(database) as (leading, ends):
        await leading.stop()
        leading.lost("what was to end it comes late")
        assert ends.empty()


async def test_it_ends_where_the_database_stays_away_and_says_once_why(pg_shared: Path) -> None:
    with running(pg_shared) as server:
        async with leads(server.database(), ttl=2.0) as (leading, ends):
            server.stop(signal.SIGQUIT)
            assert "could not be renewed in time" in await ended(ends)
            assert not leading.held()
            assert leading.lease.expired()
            assert ends.empty()


async def test_a_short_absence_of_the_database_ends_nothing(pg_shared: Path) -> None:
    with running(pg_shared) as server:
        async with leads(server.database(), ttl=2 * PATIENCE) as (leading, ends):
            assert await leading.lease.renew()
            server.stop(signal.SIGQUIT)
            server.start()
            good = leading.lease.age
            async with asyncio.timeout(PATIENCE):
                while leading.lease.age > good:  # noqa: ASYNC110 - nobody sets an event for it
                    await asyncio.sleep(0.02)
            assert leading.held()
            assert ends.empty()
