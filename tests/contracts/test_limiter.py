"""What the flow relies on in every pace (`bot.ports.Limiter`)."""

import asyncio

import pytest

from bot.gateways.pace import Pace
from tests.fakes import FakeClock, settled


class Slots:
    """Slots that come when a test says so."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.taken = 0

    async def acquire(self) -> None:
        await self.free.wait()
        self.taken += 1


async def left(pace: Pace, count: int) -> list[float]:
    """When each of `count` who ask at once may go, in seconds from now."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    times: list[float] = []

    async def one() -> None:
        await pace.acquire()
        times.append(loop.time() - start)

    await asyncio.gather(*(one() for _ in range(count)))
    return times


async def test_no_rate_holds_nobody() -> None:
    waiting = asyncio.ensure_future(left(Pace(0, FakeClock()), 1000))
    await settled()
    assert waiting.done()


async def test_free_is_who_has_neither_a_rate_nor_a_pause() -> None:
    clock = FakeClock()
    pace = Pace(0, clock)
    assert pace.free
    pace.pause(30)
    assert not pace.free
    await clock.advance(30)
    assert pace.free
    assert not Pace(1000, clock).free


@pytest.mark.parametrize(("rate", "burst"), [(20, 2), (5, 1), (0.5, 1)])
async def test_no_more_than_the_burst_leave_at_once(rate: float, burst: int) -> None:
    pace = Pace(rate, FakeClock())
    gone = [asyncio.create_task(pace.acquire()) for _ in range(10)]
    await settled()
    assert sum(task.done() for task in gone) == burst
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)


async def test_they_leave_evenly_at_the_rate() -> None:
    times = await left(Pace(40, FakeClock()), 16)
    assert times[-1] >= (16 - 4) / 40 - 0.01  # the burst of 4 is at the start, and only there
    assert all(later - earlier >= 3 / 40 - 0.01 for earlier, later in zip(times, times[7:], strict=False))


async def test_a_pause_holds_everybody_until_it_is_over() -> None:
    clock = FakeClock()
    pace = Pace(0, clock)
    pace.pause(30)
    pace.pause(10)  # a shorter one ends no longer one
    waiting = [asyncio.create_task(pace.acquire()) for _ in range(5)]
    await clock.advance(29.9)
    assert [task.done() for task in waiting] == [False] * 5
    await clock.advance(0.1)
    await settled()
    assert [task.done() for task in waiting] == [True] * 5


async def test_a_pause_that_begins_while_one_waits_for_a_slot_holds_it_too() -> None:
    clock, slots = FakeClock(), Slots()
    pace = Pace(10, clock)
    pace._slots = slots  # type: ignore[assignment]
    waiting = asyncio.create_task(pace.acquire())
    await settled()
    pace.pause(30)
    slots.free.set()
    await settled()
    assert (slots.taken, waiting.done()) == (1, False)
    await clock.advance(30)
    await settled()
    assert (slots.taken, waiting.done()) == (2, True)  # a new slot, so that nobody leaves out of step


async def test_after_a_pause_they_do_not_leave_all_at_once() -> None:
    clock = FakeClock()
    pace = Pace(5, clock)
    pace.pause(30)
    waiting = [asyncio.create_task(pace.acquire()) for _ in range(10)]
    await clock.advance(30)
    await settled()
    assert sum(task.done() for task in waiting) == 1
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
