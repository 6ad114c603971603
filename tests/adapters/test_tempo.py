"""The pace that finds itself: how it rises, and what it does where a gateway asks for less or gets slow.

Gateways are pretended on a clock of their own: `Queue` works its requests off one after the other, `Quota`
takes so many in any second and throttles the rest.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateways.pace import Pace
from bot.gateways.tempo import APART, LEAST_RATE, RISE, Tempo
from tests.fakes import FakeClock

FASTEST, SENDS = 80.0, 20
Answer = tuple[float, bool]
"""After how many seconds it comes, and whether it is a throttle."""


def steady(seconds: float) -> Callable[[float], Answer]:
    return lambda _now: (seconds, False)


@dataclass
class Quota:
    """So many in any second; a throttle comes at once."""

    most: int
    seconds: float = 0.1
    taken: deque[float] = field(default_factory=deque)

    def __call__(self, now: float) -> Answer:
        while self.taken and self.taken[0] <= now - 1:
            self.taken.popleft()
        if len(self.taken) >= self.most:
            return 0.01, True
        self.taken.append(now)
        return self.seconds, False


@dataclass
class Queue:
    """One after the other, so many a second, and a tenth of a second for the way."""

    rate: float
    free: float = 0.0
    waits: float = 0.0

    def __call__(self, now: float) -> Answer:
        self.free = max(self.free, now) + 1 / self.rate
        self.waits = max(self.waits, self.free - now)
        return self.free - now + 0.1, False


@dataclass
class Played:
    """A dispatch on a clock: when each message was taken, and each throttle came."""

    pace: Pace
    clock: FakeClock
    gateway: Callable[[float], Answer]
    retry_after: float | None = None
    workers: int = SENDS
    taken: list[float] = field(default_factory=list)
    throttled: list[float] = field(default_factory=list)
    in_flight: int = 0
    most: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def send(self, messages: int) -> None:
        waiting = iter(range(messages))
        self.tasks += [asyncio.create_task(self._work(waiting)) for _ in range(self.workers)]

    async def _work(self, waiting: object) -> None:
        for _ in waiting:  # type: ignore[attr-defined]
            while not await self._try():
                await self.clock.sleep(self.retry_after or 1.0)

    async def _try(self) -> bool:
        if not self.pace.take():
            await self.pace.acquire()
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        seconds, throttled = self.gateway(self.clock.monotonic())
        await self.clock.sleep(seconds)
        self.in_flight -= 1
        self.pace.landed(seconds, throttled=throttled)
        (self.throttled if throttled else self.taken).append(self.clock.monotonic())
        if throttled and self.retry_after:
            self.pace.pause(self.retry_after)
        return not throttled

    async def until_done(self, seconds: float) -> float:
        """When the last one was taken; within so many seconds."""
        for _ in range(int(seconds)):
            await self.clock.advance(1)
            if all(task.done() for task in self.tasks):
                return self.taken[-1]
        raise AssertionError(f"only {len(self.taken)} in {seconds} s")

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def a_second(self) -> list[int]:
        """How many were taken in each second."""
        counts = Counter(map(int, self.taken))
        return [counts[second] for second in range(int(self.clock.monotonic()))]


def played(
    gateway: Callable[[float], Answer], *, sends: int = SENDS, retry_after: float | None = None
) -> Played:
    clock = FakeClock()
    pace = Pace(None, clock, fastest=FASTEST, sends=sends, follows=True)
    return Played(pace, clock, gateway, retry_after, sends)


class TestRise:
    @pytest.mark.parametrize("seconds", [0.01, 0.1, 0.5, 1.5])
    def test_it_at_least_doubles_each_second_up_to_the_fastest(self, seconds: float) -> None:
        """Counted where nothing else holds it back: as many answers come as left `seconds` before."""
        tempo, step = Tempo(FASTEST, SENDS), 0.001
        rates, due = {0: tempo.rate}, 0.0
        for tick in range(1, 8000):
            past = rates.get(tick - 1 - int(seconds / step))
            due += step * (past or 0.0)
            while due >= 1:
                tempo.answered(tick * step, seconds, throttled=False, wanted=True)
                due -= 1
            rates[tick] = tempo.rate
        first = int(seconds / step)
        assert rates[first] == 20
        for tick in range(first, 7000 - 1, 100):
            assert rates[tick + 1000] >= min(FASTEST, 2 * rates[tick])
        assert max(rates.values()) == FASTEST

    async def test_400_customers_at_100_ms(self) -> None:
        dispatch = played(steady(0.1))
        dispatch.send(400)
        assert await dispatch.until_done(10) < 5.7
        assert dispatch.a_second()[:3] == [43, 80, 80]

    async def test_what_nobody_waits_for_makes_it_no_faster(self) -> None:
        """A few messages now and then say nothing of eighty in a second."""
        dispatch = played(steady(0.1))
        for _ in range(60):
            dispatch.send(1)
            await dispatch.clock.advance(1)
        assert len(dispatch.taken) == 60
        assert dispatch.pace.rate == 20

    async def test_it_never_leaves_more_in_flight_than_it_takes(self) -> None:
        dispatch = played(steady(1.0))
        dispatch.send(300)
        await dispatch.until_done(30)
        assert dispatch.most == SENDS

        dispatch = played(steady(0.1))
        dispatch.send(400)
        await dispatch.until_done(10)
        assert dispatch.most <= 10  # 80 x 0.1, and what leaves in one breath


class TestThrottles:
    def test_a_throttle_halves_it_once_for_all_that_left_before(self) -> None:
        tempo = Tempo(FASTEST, SENDS)
        tempo.answered(10.0, 0.1, throttled=True, wanted=True)
        assert tempo.rate == 10
        for _ in range(9):
            tempo.answered(10.0, 0.1, throttled=True, wanted=True)
            tempo.answered(10.05, 0.1, throttled=True, wanted=True)
        assert tempo.rate == 10
        tempo.answered(10.5, 0.1, throttled=True, wanted=True)  # what the halving changes is not seen yet
        assert tempo.rate == 10
        tempo.answered(11.1, 0.1, throttled=True, wanted=True)
        assert tempo.rate == 5

    def test_what_left_at_the_rate_before_says_nothing_of_this_one(self) -> None:
        tempo = Tempo(FASTEST, SENDS)
        tempo.answered(10.0, 0.1, throttled=True, wanted=True)
        for _ in range(20):
            tempo.answered(12.0, 2.1, throttled=False, wanted=True)
            tempo.answered(12.0, 2.1, throttled=True, wanted=True)
        assert tempo.rate == 10
        tempo.answered(12.0, 1.9, throttled=True, wanted=True)
        assert tempo.rate == 5

    def test_after_a_halving_fewer_are_in_flight_and_nothing_rises_for_a_second(self) -> None:
        tempo = Tempo(FASTEST, SENDS)
        for _ in range(40):
            tempo.answered(1.0, 1.0, throttled=False, wanted=True)
        assert (tempo.rate, tempo.flight(tempo.rate)) == (FASTEST, SENDS)
        tempo.answered(2.0, 1.0, throttled=True, wanted=True)
        for _ in range(40):
            tempo.answered(2.9, 0.9, throttled=False, wanted=True)
        assert (tempo.rate, tempo.flight(tempo.rate)) == (FASTEST / 2, SENDS / 2)
        tempo.answered(3.0, 1.0, throttled=False, wanted=True)
        assert (tempo.rate, tempo.flight(tempo.rate)) == (FASTEST / 2 + RISE, SENDS / 2 + 1)

    def test_throttles_alone_leave_one_a_second(self) -> None:
        tempo = Tempo(FASTEST, SENDS)
        for second in range(100):
            tempo.answered(2.0 * second, 0.1, throttled=True, wanted=True)
        assert tempo.rate == LEAST_RATE

    @pytest.mark.parametrize("retry_after", [None, 1.0])
    @pytest.mark.parametrize("seconds", [0.1, 0.5])
    async def test_it_settles_about_what_the_gateway_takes(
        self, seconds: float, retry_after: float | None
    ) -> None:
        dispatch = played(Quota(15, seconds), retry_after=retry_after)
        dispatch.send(2000)
        await dispatch.clock.advance(70)
        settled_ = dispatch.a_second()[10:]
        assert min(settled_) >= 1 or retry_after  # a pause of a second may leave a whole second out
        assert max(settled_) <= 16
        assert sum(settled_) / len(settled_) >= 0.75 * 15
        late = [at for at in dispatch.throttled if at > 10]
        assert len(late) <= len(settled_) / 8  # one in about twelve seconds
        await dispatch.stop()

    async def test_one_a_second_is_not_starved(self) -> None:
        dispatch = played(Quota(1), retry_after=1.0)
        dispatch.send(30)
        assert await dispatch.until_done(60) < 45

    async def test_it_rises_again_once_the_gateway_takes_more(self) -> None:
        quota = Quota(15)
        dispatch = played(quota)
        dispatch.send(5000)
        await dispatch.clock.advance(30)
        quota.most = 1000
        await dispatch.clock.advance(45)
        assert dispatch.pace.rate == FASTEST
        await dispatch.stop()

    async def test_a_pause_is_kept_to_and_then_it_goes_on_as_it_was(self) -> None:
        dispatch = played(steady(0.1))
        dispatch.send(1000)
        await dispatch.clock.advance(4)
        dispatch.pace.pause(30)
        await dispatch.clock.advance(1)
        taken = len(dispatch.taken)
        await dispatch.clock.advance(29)
        assert len(dispatch.taken) == taken
        await dispatch.clock.advance(2)
        assert 150 <= len(dispatch.taken) - taken <= 160
        await dispatch.stop()


class TestSlow:
    async def test_a_gateway_that_cannot_keep_up_is_given_what_it_can(self) -> None:
        queue = Queue(30)
        dispatch = played(queue, sends=50)
        dispatch.send(3000)
        await dispatch.clock.advance(10)
        queue.waits = 0.0
        for _ in range(50):
            await dispatch.clock.advance(1)
            assert 15 <= dispatch.pace.rate <= 45
        assert queue.waits < 1  # the fifty that it might have in flight would wait for 1.7 s, for ever
        assert sum(dispatch.a_second()[10:]) >= 0.9 * 30 * 50
        await dispatch.stop()

    async def test_answers_that_get_slow_halve_it(self) -> None:
        slow = [0.1]
        dispatch = played(lambda _now: (slow[0], False))
        dispatch.send(5000)
        await dispatch.clock.advance(5)
        assert dispatch.pace.rate == FASTEST
        slow[0] = 2.0
        await dispatch.clock.advance(2.5)
        assert dispatch.pace.rate == FASTEST / 2
        await dispatch.clock.advance(10)
        assert dispatch.pace.rate <= FASTEST / 8
        slow[0] = 0.1
        await dispatch.clock.advance(30)
        assert dispatch.pace.rate >= FASTEST / 4
        await dispatch.stop()

    async def test_a_gateway_that_is_slower_from_now_on_is_not_starved(self) -> None:
        slow = [0.1]
        dispatch = played(lambda _now: (slow[0], False))
        dispatch.send(5000)
        await dispatch.clock.advance(5)
        slow[0] = 1.0
        await dispatch.clock.advance(35)
        assert min(dispatch.a_second()[6:]) >= 1
        assert dispatch.a_second()[-1] == SENDS  # as many as it may have, a second each
        await dispatch.stop()

    async def test_single_slow_answers_change_nothing(self) -> None:
        turn = iter(range(10**6))
        dispatch = played(lambda _now: (2.0 if next(turn) % 5 == 0 else 0.1, False), sends=50)
        dispatch.send(1000)
        await dispatch.clock.advance(8)
        assert dispatch.pace.rate == FASTEST
        await dispatch.stop()

    async def test_one_that_takes_ten_seconds_is_slow_whatever_is_usual(self) -> None:
        """After thirty an answer is lost; so no queue there grows as long as that."""
        queue = Queue(1)
        dispatch = played(queue, sends=50)
        dispatch.send(200)
        await dispatch.clock.advance(180)
        assert queue.waits < 25
        assert sum(dispatch.a_second()[10:]) >= 165
        await dispatch.stop()


async def test_who_stops_in_the_middle_leaves_room_for_the_others() -> None:
    one = played(steady(0.1))
    other = Played(one.pace, one.clock, one.gateway)
    one.send(1000)
    other.send(200)
    await one.clock.advance(2)
    for task in one.tasks:
        task.cancel()
    await asyncio.gather(*one.tasks, return_exceptions=True)
    for _ in range(one.in_flight):
        one.pace.landed()  # as the sender does
    await other.until_done(5)
    assert other.in_flight == 0


@given(
    st.lists(
        st.tuples(
            st.floats(0, 3), st.floats(0, 35), st.sampled_from((True, False, False, False)), st.booleans()
        ),
        max_size=200,
    ),
    st.sampled_from((5.0, 80.0)),
)
def test_whatever_is_answered(answers: list[tuple[float, float, bool, bool]], fastest: float) -> None:
    """It stays in bounds, rises by steps, falls by halves a second apart; the same again each time."""
    tempo, again, now, fell = Tempo(fastest, 3), Tempo(fastest, 3), 0.0, -APART
    for apart, seconds, throttled, wanted in answers:
        now += apart
        before = tempo.rate
        tempo.answered(now, seconds, throttled=throttled, wanted=wanted)
        again.answered(now, seconds, throttled=throttled, wanted=wanted)
        assert (tempo.rate, tempo.quick) == (again.rate, again.quick)
        assert min(LEAST_RATE, fastest) <= tempo.rate <= fastest
        assert tempo.rate <= before + RISE
        assert wanted or tempo.rate <= before
        if tempo.rate < before:
            assert tempo.rate == max(LEAST_RATE, before / 2)
            assert now - fell >= APART
            fell = now
        assert 1 <= tempo.flight(tempo.rate) <= 3
