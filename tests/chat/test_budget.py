import asyncio
from itertools import pairwise

import pytest

from bot.chat.wire.budget import A_SECOND, AT_ONCE, BURST_GAP, Budget, InAll, Urgency
from tests.fakes import FakeClock


def drain(budget: Budget, clock: FakeClock, urgency: Urgency, seconds: float) -> list[float]:
    """When messages leave if somebody always wants to send one."""
    left, until = [], clock.ticks + seconds
    while clock.ticks + budget.wait(urgency) <= until:
        clock.ticks += budget.wait(urgency)
        budget.spend()
        left.append(clock.ticks)
    return left


@pytest.mark.parametrize("urgency", Urgency)
def test_no_window_ever_holds_more_than_telegram_takes(urgency: Urgency) -> None:
    clock = FakeClock()
    left = drain(Budget(clock), clock, urgency, 600)
    assert all(sum(start <= at < start + 60 for at in left) <= 18 for start in left)
    gap = BURST_GAP if urgency is Urgency.DECISION else 1
    assert all(later - at >= gap - 0.001 for at, later in pairwise(left))
    assert len(left) > 60


def test_the_last_slots_are_for_the_urgent() -> None:
    clock = FakeClock()
    budget = Budget(clock)
    assert len(drain(budget, clock, Urgency.REFRESH, 30)) == 8
    assert len(drain(budget, clock, Urgency.FACT, 20)) == 2
    clock.ticks += 1
    assert budget.wait(Urgency.REFRESH) > 30
    assert budget.wait(Urgency.FACT) > 30
    assert budget.wait(Urgency.URGENT) == 0


def test_one_card_edited_at_the_pace_never_uses_the_window_up() -> None:
    clock = FakeClock()
    budget = Budget(clock)
    for _ in range(100):
        assert budget.wait(Urgency.FACT) == pytest.approx(0)
        budget.spend()
        clock.ticks += budget.pace


def test_a_pause_stops_everything() -> None:
    clock = FakeClock()
    budget = Budget(clock)
    budget.pause(30)
    budget.pause(5)
    assert {budget.wait(urgency) for urgency in Urgency} == {30}
    clock.ticks += 30
    assert budget.wait(Urgency.REFRESH) == 0


def test_what_is_asked_for_leaves_room_for_decisions_and_for_new_cards() -> None:
    clock = FakeClock()
    budget = Budget(clock)
    asked = []
    while clock.ticks < 59:
        if budget.wait(Urgency.ANSWER) == 0:
            budget.spend(Urgency.ANSWER)
            asked.append(clock.ticks)
        clock.ticks += 1
    assert len(asked) == 6
    assert budget.wait(Urgency.FACT) == 0
    assert budget.wait(Urgency.URGENT) == 0


def test_starts_and_answers_leave_the_last_slots_to_results() -> None:
    clock = FakeClock()
    budget = Budget(clock)
    assert len(drain(budget, clock, Urgency.START, 30)) == 13
    assert budget.wait(Urgency.ANSWER) > 20
    assert len(drain(budget, clock, Urgency.URGENT, 10)) == 5


def test_the_more_cards_may_be_decided_the_more_room_is_kept_for_that() -> None:
    def in_a_burst(urgency: Urgency, cards: int) -> int:
        clock = FakeClock()
        budget = Budget(clock)
        budget.keep(cards)
        return len(drain(budget, clock, urgency, 40))

    assert [in_a_burst(Urgency.START, cards) for cards in (0, 1, 5, 8, 10, 300)] == [13, 13, 10, 7, 6, 6]
    assert [in_a_burst(Urgency.URGENT, cards) for cards in (0, 1, 5, 8, 10, 300)] == [18, 17, 13, 10, 8, 8]
    assert [in_a_burst(Urgency.DECISION, cards) for cards in (0, 10, 300)] == [18, 18, 18]


async def test_all_chats_together_never_get_more_in_a_second_than_a_bot_may_send() -> None:
    clock = FakeClock()
    in_all, left = InAll(clock), []

    async def leave(number: int) -> None:
        await in_all.turn()
        left.append((clock.ticks, number))

    leaving = [asyncio.create_task(leave(number)) for number in range(100)]
    await clock.advance(60)
    await asyncio.gather(*leaving)
    times = [at for at, _ in left]
    assert max(sum(start <= at < start + 1 for at in times) for start in times) <= 28
    assert [number for _, number in left] == [*range(100)], "who asks first leaves first"
    assert times.count(0) == AT_ONCE
    assert times[-1] == pytest.approx((100 - AT_ONCE) / A_SECOND)
    for _ in range(AT_ONCE):
        await in_all.turn()
    assert clock.slept == 0, "after a rest as many at once as at first"
