"""Which machine leads: one at a time by the database's clock, and who holds it counts itself out earlier."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from psycopg import AsyncConnection

from bot.storage.postgres.lease import HELD, TTL, Lease, Taken
from bot.storage.postgres.talk import Away
from tests.chat.room import until
from tests.postgres import Server, running

pytestmark = pytest.mark.process
LONG = 30.0  # seconds that a call may take beside a whole suite
LASTS = 10.0  # seconds: what is to be over is over by hand, and the machine may be slow


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def two(database: str) -> AsyncIterator[tuple[Lease, Lease, Hand]]:
    clock = Hand()
    async with AsyncExitStack() as stack:
        first, second = (
            Lease(database, name, ttl=LASTS, seconds=clock, patience=LONG) for name in ("a", "b")
        )
        stack.push_async_callback(first.close)
        stack.push_async_callback(second.close)
        yield first, second, clock


def passes(postgres: Server, lease: Lease, seconds: float = 2 * LASTS) -> None:
    """As if it were so much later in the database: by more than it lasts, unless told otherwise."""
    earlier = f"UPDATE ledger_lease SET until = until - interval '{seconds} seconds' WHERE name = 'leader'"  # noqa: S608
    postgres.run(earlier, lease._talk._url.rpartition("/")[2])


async def test_one_has_it_and_the_other_hears_who(two: tuple[Lease, Lease, Hand]) -> None:
    first, second, _ = two
    assert await second.holder() is None
    assert await first.take() == Taken(1, None, given_up=False)
    assert await second.take() is None
    assert await second.holder() == "a"
    assert (first.held(), second.held(), second.epoch) == (True, False, None)


async def test_of_many_at_once_one_gets_it(database: str) -> None:
    all_of_them = [Lease(database, str(number), ttl=LASTS, patience=LONG) for number in range(8)]
    found = await asyncio.gather(*(lease.take() for lease in all_of_them))
    assert [one for one in found if one] == [Taken(1, None, given_up=False)]
    for lease in all_of_them:
        await lease.close()


async def test_who_is_not_heard_of_loses_it_and_cannot_renew(
    two: tuple[Lease, Lease, Hand], postgres: Server
) -> None:
    first, second, _ = two
    await first.take()
    passes(postgres, first)
    assert await second.take() == Taken(2, "a", given_up=False)
    assert not await first.renew()
    assert (first.epoch, first.held(), first.expired()) == (None, False, True)
    assert await second.renew()


async def test_taking_it_fences_the_ledger_and_nothing_else_does(
    two: tuple[Lease, Lease, Hand], postgres: Server
) -> None:
    first, second, _ = two
    name = first._talk._url.rpartition("/")[2]

    def fence() -> object:
        return postgres.run("SELECT epoch FROM ledger_head", name)[0][0]

    await first.take()
    assert fence() == 1
    await second.take()
    await first.renew()
    assert fence() == 1
    passes(postgres, first)
    await second.take()
    assert fence() == 2
    postgres.run("DELETE FROM ledger_lease", name)  # a row that got lost
    assert await first.take() == Taken(3, None, given_up=False)
    assert fence() == 3


async def test_who_renews_keeps_it_beyond_its_time(two: tuple[Lease, Lease, Hand], postgres: Server) -> None:
    first, second, _ = two
    await first.take()
    for _ in range(5):
        assert await first.renew()
        passes(postgres, first, LASTS * 0.3)
        assert await second.take() is None
    assert await second.holder() == "a"


async def test_what_nobody_took_is_still_ours_after_its_time(
    two: tuple[Lease, Lease, Hand], postgres: Server
) -> None:
    first, second, _ = two
    await first.take()
    passes(postgres, first)
    assert await second.holder() is None
    assert await first.renew()
    assert await second.take() is None


async def test_what_is_given_up_is_free_at_once(two: tuple[Lease, Lease, Hand]) -> None:
    first, second, _ = two
    await first.take()
    await first.give_up()
    assert not first.held()
    assert await second.take() == Taken(2, "a", given_up=True)
    await first.give_up()  # not its own any more
    assert await second.renew()


async def test_the_holder_counts_from_before_it_asked(two: tuple[Lease, Lease, Hand]) -> None:
    first, _, clock = two
    await first.take()
    clock.now += HELD * LASTS - 0.01
    assert first.held()
    clock.now += 0.02
    assert (first.held(), first.expired()) == (False, False)
    clock.now += LASTS / 2
    assert first.expired()
    assert await first.renew(), "nobody took it"
    assert (first.held(), first.age) == (True, 0)


async def test_an_answer_that_took_long_counts_for_less(database: str) -> None:
    times = iter([0.0, 1.9, 1.9, 2.1])
    lease = Lease(database, "a", seconds=lambda: next(times), patience=LONG)
    await lease.take()  # asked for at 0.0
    assert lease.held()
    assert lease.age == 1.9
    assert TTL * HELD == 2.0
    assert not lease.held()
    await lease.close()


async def test_a_database_that_is_gone_is_away_and_comes_back(pg_shared: Path) -> None:
    with running(pg_shared) as server:
        lease = Lease(server.database(), "a", patience=LONG)
        assert await lease.take() is not None
        server.stop(signal.SIGQUIT)
        with pytest.raises(Away):
            await lease.renew()
        assert lease.epoch == 1, "nothing says that it is lost"
        server.start()
        assert await lease.renew()
        await lease.close()


async def test_one_that_does_not_answer_is_not_waited_for(pg_shared: Path) -> None:
    with running(pg_shared) as server:
        lease = Lease(server.database(), "a", patience=LONG)
        await lease.take()
        held_up = await AsyncConnection.connect(lease._talk._url)
        await held_up.execute("SELECT 1 FROM ledger_lease FOR UPDATE")
        assert lease._talk._connection is not None
        await lease._talk._connection.execute("SET statement_timeout = 0")
        await lease._talk._connection.execute("SET lock_timeout = 0")  # the database would wait for ever
        lease._talk._patience = 0.3
        with pytest.raises(Away, match="no answer"):
            await lease.renew()
        lease._talk._patience = LONG
        await held_up.close()
        await until(lambda: len(asyncio.all_tasks()) == 1)
        assert await lease.renew()
        await lease.close()


async def test_another_database_is_noticed_and_what_was_held_is_lost_with_it(
    two: tuple[Lease, Lease, Hand], postgres: Server
) -> None:
    first, second, _ = two
    await first.take()
    assert not await first.moved()
    await first.trust()
    assert not await second.moved()
    name = first._talk._url.rpartition("/")[2]
    postgres.run("UPDATE ledger_lease SET owner = '1/00000001' WHERE name = 'database'", name)
    assert await second.moved()
    assert await first.moved()
    first._kept_by = "1/00000001"  # as it was when this one connected
    assert await first.renew()
    first._talk.hang_up()
    assert not await first.renew(), "on a new connection it is another one"
    await second.trust()
    assert not await second.moved()


async def test_a_role_with_no_more_than_it_needs(database: str, postgres: Server) -> None:
    name = database.rpartition("/")[2]
    postgres.run("DROP ROLE IF EXISTS plain")
    postgres.run("CREATE ROLE plain LOGIN")
    postgres.run("GRANT SELECT, INSERT, UPDATE ON ledger_lease TO plain", name)
    postgres.run("GRANT SELECT, UPDATE ON ledger_head TO plain", name)
    lease = Lease(database.replace("//noc@", "//plain@"), "a", patience=LONG)
    assert await lease.take() is not None
    await lease.trust()
    assert not await lease.moved()
    assert await lease.renew()
    await lease.close()
