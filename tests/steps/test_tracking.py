"""Receipts of a gateway that is asked for each message: gently, while something may still be told of it."""

import asyncio
import itertools
from collections import Counter
from datetime import datetime

import pytest

from bot.domain.delivery import Arrival, Arrived, DeliveryNews
from bot.domain.plan import Outcome, Receipt
from bot.errors import AnswerLost, BadAnswer, NotFound, Refused
from bot.flow.listing import AT_ONCE, TOGETHER
from tests.fakes import FakeGateway
from tests.steps.conftest import Desk

DAY = 86_400.0


class Tracked(FakeGateway):
    """It answers for each message: `says` by its id; `fails` for those, and `down` for all.

    `at` is when each was asked for (seconds since `began`); `most` how many at one time.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk, self.began = desk, desk.clock.ticks
        self.says: dict[str, DeliveryNews | Arrival] = {}
        self.fails: dict[str, Exception] = {}
        self.down: Exception | None = None
        self.at: dict[str, list[int]] = {}
        self.now = self.most = 0

    async def track(self, reference: str, at: datetime) -> DeliveryNews | None:
        self.at.setdefault(reference, []).append(round(self.desk.clock.ticks - self.began))
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        broken = self.down or self.fails.get(reference)
        if broken is not None:
            raise broken
        said = self.says.get(reference)
        return DeliveryNews(reference, said, at) if isinstance(said, Arrival) else said

    @property
    def times(self) -> Counter[str]:
        return Counter({reference: len(at) for reference, at in self.at.items()})

    async def pass_by(self, seconds: float, every: float = 10) -> None:
        """As the scheduler does: every ten seconds, or more seldom where that is all the same."""
        until = self.desk.clock.ticks + seconds
        while self.desk.clock.ticks < until:
            await self.desk.clock.advance(every)
            await self.desk.flow.listing.ask()


async def sent(customers: int, desk: Desk) -> Tracked:
    """So many customers were written to just now."""
    gateway = desk.gateway = Tracked(desk)
    desk.build()
    desk.fall("6/15", customers=customers)
    await desk.poll()
    await desk.approve()
    gateway.began = desk.clock.ticks
    return gateway


@pytest.fixture
async def tracked(desk: Desk) -> Tracked:
    """Three customers were written to."""
    return await sent(3, desk)


def arrived(gateway: Tracked, case: int = 1) -> Arrived:
    tally = gateway.desk.ledger.book.cases[case].dispatches[0].tally()
    assert tally is not None
    return tally.arrived


async def test_each_is_asked_for_within_20_seconds_and_then_at_doubling_intervals(tracked: Tracked) -> None:
    await tracked.pass_by(1500)
    await tracked.pass_by(2 * DAY, every=300)
    assert tracked.at.keys() == {"1", "2", "3"}
    for at in tracked.at.values():
        assert at[0] <= 20
        assert all(1.4 < later / earlier < 2.9 for earlier, later in itertools.pairwise(at))
        assert len(at) <= 15
    before = tracked.times
    await tracked.pass_by(DAY, every=300)
    assert tracked.times == before, "after two days nobody asks"


async def test_what_is_said_is_on_the_card_and_who_is_known_for_good_is_not_asked_for_again(
    tracked: Tracked,
) -> None:
    tracked.says = {
        "1": Arrival.READ,
        "2": DeliveryNews("2", Arrival.UNDELIVERED, tracked.desk.clock.now(), reason="failed: 131026"),
        "3": Arrival.RECEIVED,
    }
    await tracked.pass_by(30)
    assert arrived(tracked) == Arrived(2, 1, {"failed: 131026": 1})
    assert tracked.desk.chat.shown[-1] == 1
    tracked.says["3"] = Arrival.READ
    await tracked.pass_by(60)
    assert arrived(tracked) == Arrived(2, 2, {"failed: 131026": 1})
    before = tracked.times
    assert (before["1"], before["2"]) == (1, 1)
    await tracked.pass_by(DAY, every=300)
    assert tracked.times == before


async def test_a_new_send_is_asked_about_soon_and_the_old_ones_no_more_often(tracked: Tracked) -> None:
    await tracked.pass_by(3000)
    before = tracked.times
    tracked.desk.fall("1/1")
    await tracked.desk.poll()
    await tracked.desk.approve(2)
    await tracked.pass_by(20)
    assert set(tracked.times - before) == {"4", "5", "6"}


async def test_few_at_one_time_and_every_message_once_a_round(desk: Desk) -> None:
    many = 2 * TOGETHER + 5
    gateway = await sent(many, desk)
    gateway.says = {str(n): Arrival.RECEIVED for n in range(1, many + 1)}
    await gateway.pass_by(20)
    assert set(gateway.times.values()) == {1}
    assert (len(gateway.times), gateway.most) == (many, AT_ONCE)
    assert arrived(gateway).received == many


async def test_after_a_restart_each_that_waits_is_asked_for_at_once(tracked: Tracked) -> None:
    tracked.says = {"1": Arrival.READ}
    await tracked.pass_by(700)
    before = tracked.times
    await tracked.desk.restart()
    tracked.says = {"2": Arrival.RECEIVED}
    await tracked.pass_by(20)
    assert tracked.times - before == Counter({"2": 1, "3": 1})
    assert arrived(tracked) == Arrived(2, 1, {})


async def test_one_that_is_not_answered_keeps_nobody_else_waiting(desk: Desk) -> None:
    gateway = await sent(6, desk)
    gateway.fails = {"1": AnswerLost("http_500"), "2": NotFound("http_404"), "3": BadAnswer("not_json")}
    gateway.says = {str(n): Arrival.RECEIVED for n in range(1, 7)}
    await gateway.pass_by(20)
    assert arrived(gateway).received == 3
    gateway.fails.clear()
    await gateway.pass_by(60)
    assert arrived(gateway).received == 6


async def test_a_gateway_that_refuses_all_is_left_alone_until_the_next_time(desk: Desk) -> None:
    gateway = await sent(30, desk)
    gateway.down = Refused("http_403")
    await gateway.pass_by(20)
    assert gateway.times.total() <= 2 * AT_ONCE
    await gateway.pass_by(DAY, every=60)
    assert gateway.times.total() <= 20 * 2 * AT_ONCE
    gateway.down = None
    gateway.says = {str(n): Arrival.RECEIVED for n in range(1, 31)}
    await gateway.pass_by(DAY / 3, every=300)
    assert arrived(gateway).received == 30


async def test_what_was_said_before_it_fell_silent_is_not_lost(desk: Desk) -> None:
    gateway = await sent(30, desk)
    gateway.says = {str(n): Arrival.READ for n in range(1, 31)}
    gateway.fails = {str(n): AnswerLost("reset") for n in range(11, 31)}
    await gateway.pass_by(20)
    assert arrived(gateway).received == 10


async def test_what_the_platform_took_without_an_id_is_asked_for_by_nobody(desk: Desk) -> None:
    desk.gateway = Tracked(desk)
    desk.gateway.always = Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")
    desk.build()
    desk.fall("6/15")
    await desk.poll()
    await desk.approve()
    await desk.gateway.pass_by(600)
    assert desk.gateway.at == {}


async def test_a_closed_ledger_asks_nobody(tracked: Tracked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(tracked.desk.ledger), "closed", "because", raising=False)
    await tracked.pass_by(60)
    assert tracked.at == {}
