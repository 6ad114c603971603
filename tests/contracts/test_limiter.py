"""What the flow relies on in every pace (`bot.ports.Limiter`)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.gateways.pace import QUIET, Pace
from bot.gateways.tempo import FIRST_RATE
from tests.fakes import FakeClock, settled


@asynccontextmanager
async def asking(pace: Pace, count: int) -> AsyncIterator[list[asyncio.Task[None]]]:
    """So many who ask at once; whoever still waits at the end asks no more."""
    asked = [asyncio.create_task(pace.acquire()) for _ in range(count)]
    await settled()
    yield asked
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


def gone(asked: list[asyncio.Task[None]]) -> int:
    return sum(task.done() for task in asked)


async def left(pace: Pace, clock: FakeClock, count: int) -> list[float]:
    """When each of `count` who ask at once may go."""
    times: list[float] = []

    async def one() -> None:
        await pace.acquire()
        times.append(clock.monotonic())

    await asyncio.gather(*(one() for _ in range(count)))
    return times


async def test_no_rate_holds_nobody() -> None:
    async with asking(Pace(0, FakeClock()), 1000) as asked:
        assert gone(asked) == 1000


async def test_who_may_leave_right_now_need_not_wait() -> None:
    clock = FakeClock()
    pace = Pace(10, clock)
    assert pace.take()
    assert not pace.take()
    await clock.advance(0.1)
    assert pace.take()
    pace.pause(30)
    await clock.advance(29)
    assert not pace.take()
    await clock.advance(1)
    assert pace.take()


async def test_nobody_goes_before_those_who_wait() -> None:
    clock = FakeClock()
    pace = Pace(0, clock, sends=1)
    assert pace.take()
    async with asking(pace, 2) as asked:
        pace.landed()
        assert not pace.take()  # there is room, and it is theirs
        await settled()
        assert [task.done() for task in asked] == [True, False]
        pace.landed()
        await settled()
        assert gone(asked) == 2


@pytest.mark.parametrize(("rate", "burst"), [(20, 2), (5, 1), (0.5, 1)])
async def test_no_more_than_the_burst_leave_at_once(rate: float, burst: int) -> None:
    async with asking(Pace(rate, FakeClock()), 10) as asked:
        assert gone(asked) == burst


async def test_they_leave_evenly_at_the_rate() -> None:
    clock = FakeClock(auto=True)
    times = await left(Pace(40, clock), clock, 16)
    assert times[3] == 0.0  # the burst of 4 is at the start, and only there
    assert times[4:] == pytest.approx([n / 40 for n in range(1, 13)])


async def test_a_pause_holds_everybody_until_it_is_over() -> None:
    clock = FakeClock()
    pace = Pace(0, clock)
    pace.pause(30)
    pace.pause(10)  # a shorter one ends no longer one
    async with asking(pace, 5) as asked:
        await clock.advance(29.9)
        assert gone(asked) == 0
        await clock.advance(0.1)
        assert gone(asked) == 5


async def test_a_pause_that_begins_while_one_waits_for_its_turn_holds_it_too() -> None:
    clock = FakeClock()
    pace = Pace(10, clock)
    assert pace.take()
    async with asking(pace, 1) as asked:
        await clock.advance(0.05)
        pace.pause(30)
        await clock.advance(29.9)
        assert gone(asked) == 0
        await clock.advance(0.1)
        assert gone(asked) == 1


async def test_after_a_pause_they_do_not_leave_all_at_once() -> None:
    clock = FakeClock()
    pace = Pace(5, clock)
    pace.pause(30)
    async with asking(pace, 10) as asked:
        await clock.advance(30)
        assert gone(asked) == 1


async def test_no_more_are_in_flight_than_may_be() -> None:
    pace = Pace(0, FakeClock(), sends=3)
    async with asking(pace, 5) as asked:
        assert gone(asked) == 3
        pace.landed(0.1)
        await settled()
        assert gone(asked) == 4
        pace.landed()  # also one that never left makes room
        await settled()
        assert gone(asked) == 5


async def test_whoever_gives_up_takes_nobodys_place() -> None:
    clock = FakeClock()
    pace = Pace(0, clock, sends=1)
    assert pace.take()
    async with asking(pace, 3) as asked:
        asked[0].cancel()
        asked[1].cancel()
        await settled()
        pace.landed()
        await settled()
        assert not asked[2].cancelled()
        assert asked[2].done()
    pace.pause(30)
    async with asking(pace, 2) as asked:
        pace.landed()
        asked[0].cancel()  # while it sleeps
        await clock.advance(30)
        assert asked[1].done()


async def test_another_pace_holds_at_once_for_what_waits_and_what_is_in_flight() -> None:
    clock = FakeClock()
    pace = Pace(0.001, clock, sends=2)
    assert pace.take()
    async with asking(pace, 6) as asked:
        pace.follow(0, 4, follows=False)  # faster, and more at once
        await clock.advance(1)
        assert gone(asked) == 3
        pace.follow(0, 1, follows=False)  # fewer than there are: nothing leaves until they land
        for _ in range(3):
            pace.landed(0.1)
        await settled()
        assert gone(asked) == 3
        pace.landed(0.1)
        await settled()
        assert gone(asked) == 4
        pace.follow(0.5, 9, follows=False)  # slower
        await clock.advance(1.9)
        assert gone(asked) == 5
        await clock.advance(0.1)
        assert gone(asked) == 6


async def test_a_pace_that_was_fixed_may_follow_the_answers_from_now_on() -> None:
    clock = FakeClock()
    pace = Pace(5, clock, fastest=80, sends=2)
    pace.follow(None, 50, follows=True)
    assert pace.rate == FIRST_RATE
    for _ in range(3):
        await clock.advance(2)
        assert pace.take()
        pace.landed(0.1, throttled=True)
    assert pace.rate < FIRST_RATE
    pace.follow(3, 50, follows=True)
    assert pace.rate == 3


async def test_a_number_fixes_rate_and_flight_whatever_is_answered() -> None:
    clock = FakeClock()
    pace = Pace(30, clock, fastest=80, sends=7)
    for n in range(200):
        await clock.advance(0.1)
        assert pace.take()
        pace.landed(0.1 + n / 10, throttled=n % 3 == 0)
    assert pace.rate == 30
    await clock.advance(5)
    pace = Pace(0, clock, sends=7)
    async with asking(pace, 9) as asked:
        assert gone(asked) == 7


async def test_flight_follows_the_answers_also_where_the_rate_is_fixed() -> None:
    """As many as it takes while answers are quick: three times the usual, and 0.2 s."""
    clock = FakeClock()
    pace = Pace(40, clock, sends=50, follows=True)
    async with asking(pace, 30) as asked:
        await clock.advance(2)
        assert gone(asked) == 10  # nothing is known yet
        for _ in range(10):
            pace.landed(0.1)
        await clock.advance(2)
        assert gone(asked) == 10 + 20  # 40 x (3 x 0.1 + 0.2)


async def test_after_a_minute_of_quiet_nothing_is_known() -> None:
    clock = FakeClock()
    pace = Pace(None, clock, fastest=80, sends=50, follows=True)
    async with asking(pace, 1):
        pace.landed(0.01, throttled=True)
    assert pace.rate == 10
    await clock.advance(QUIET - 1)
    assert pace.take()
    pace.landed()
    assert pace.rate == 10
    pace.pause(2 * QUIET)  # asked for, so it is none of ours
    await clock.advance(2 * QUIET)
    assert pace.take()
    await clock.advance(2 * QUIET)
    assert pace.take()  # one is still in flight
    pace.landed()
    pace.landed()
    assert pace.rate == 10
    await clock.advance(QUIET + 1)
    assert pace.take()
    assert pace.rate == 20
