"""Rules that change while something is under way: what holds at once, and what stays as it was approved."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from bot.chat.screens.cards.card import card
from bot.domain.case import CaseState
from bot.domain.limits.hours import Hours
from bot.errors import Asked
from tests.chat.screens import PT
from tests.fakes import ANA
from tests.steps.conftest import Desk
from tests.steps.test_schedule import EIGHT, HOURS, LATER, NIGHT, down, sent, until


@pytest.fixture
async def night(grouping: Desk) -> Desk:
    """22:00, and ports 6/1 and 6/2 are down: case 1."""
    grouping.use(customer_hours=HOURS)
    grouping.clock.time = NIGHT
    await down(grouping, "6/1", "6/2")
    return grouping


def follow(desk: Desk, **changes: object) -> None:
    desk.rules = replace(desk.rules, **changes)  # type: ignore[arg-type]
    desk.flow.follow(desk.rules)


def says(desk: Desk) -> str:
    return card(desk.case(), desk.ledger.book, desk.clock.now(), PT, rules=desk.rules).html


async def test_hours_that_open_later_hold_what_waits_for_them(night: Desk) -> None:
    await night.flow.approve(1, ANA, LATER)
    assert "08:00" in says(night)
    shown = len(night.chat.shown)
    follow(night, customer_hours=Hours(time(9), time(21), HOURS.zone))
    assert night.chat.shown[shown:] == [1], "its card is drawn anew"
    assert "09:00" in says(night)
    await until(night, EIGHT)
    assert night.case().state is CaseState.SCHEDULED
    await until(night, EIGHT + timedelta(hours=1))
    assert await sent(night) == 6


async def test_hours_that_open_now_ask_nobody_any_more_and_leave_what_was_approved_for_its_time(
    night: Desk,
) -> None:
    with pytest.raises(Asked):
        await night.flow.approve(1, ANA)
    await night.flow.approve(1, ANA, LATER)
    follow(night, customer_hours=None)
    await night.poll()
    assert "08:00" in says(night)
    assert night.case().state is CaseState.SCHEDULED
    await night.flow.begin(1, ANA)
    assert await sent(night) == 6


async def test_a_countdown_lasts_as_it_did_at_the_tap(grouping: Desk) -> None:
    await down(grouping, "6/1")
    await grouping.flow.approve(1, ANA)
    await grouping.clock.advance(1)
    follow(grouping, undo_seconds=300.0)
    assert await sent(grouping) == 3


async def test_a_send_under_way_goes_by_the_limit_as_it_is_now(grouping: Desk) -> None:
    await down(grouping, "6/1", "6/2")
    await grouping.flow.approve(1, ANA)
    await grouping.clock.advance(1)
    follow(grouping, daily_limit=4)
    assert await sent(grouping) == 4
