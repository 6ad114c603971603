"""Who approved is asked about once more before anything leaves, wherever a send begins or goes on."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.case import CaseState
from bot.domain.dispatch import Phase
from bot.domain.events import Interrupted, Resolved, Settled, Unasked
from bot.domain.limits.holds import Terms
from bot.domain.limits.hours import Hours
from bot.domain.plan import Outcome, Receipt
from bot.errors import TryLater
from bot.steps.unknown import Choose
from tests.fakes import ANA, BRUNO, NOON, incident
from tests.steps.conftest import Desk

HOURS = Hours(time(8), time(21), ZoneInfo("America/Sao_Paulo"))
LOST = Receipt(Outcome.UNKNOWN, reason="no_answer")


@pytest.fixture
async def down(desk: Desk) -> Desk:
    desk.source.outage(incident())
    await desk.poll()
    return desk


async def ends(desk: Desk) -> int:
    """How many customers were told in all, once the countdown is over and whatever runs has ended."""
    await desk.clock.advance(desk.rules.undo_seconds)
    await desk.finish()
    return desk.nobody_twice()


async def test_a_removed_approver_sends_nothing_and_the_cooldown_is_given_back(down: Desk) -> None:
    await down.flow.approve(1, ANA)
    down.staff.gone.add(ANA.id)
    assert await ends(down) == 0
    assert down.case().state is CaseState.NOBODY
    assert down.ledger.book.reservations == {}
    assert down.audited()[-1] == Settled(1, "unread", "approver_gone")
    [notice] = [notice for notice in down.chat.said if notice.code == "not_sent"]
    assert (notice.facts["case"], notice.facts["reason"]) == (1, "approver_gone")
    await down.flow.approve(1, BRUNO)
    assert await ends(down) == 3


async def test_it_is_asked_in_the_last_seconds_of_the_countdown(down: Desk) -> None:
    await down.flow.approve(1, ANA)
    await down.clock.advance(down.rules.undo_seconds - 4)
    assert down.staff.asked == []
    assert await ends(down) == 3
    assert down.staff.asked == [ANA.id]


async def test_who_takes_it_back_meanwhile_hears_no_more(down: Desk) -> None:
    await down.flow.approve(1, ANA)
    down.staff.gone.add(ANA.id)
    await down.flow.cancel(1, BRUNO)
    assert await ends(down) == 0
    assert down.dispatch().end == "cancelled"


async def test_where_telegram_does_not_say_it_goes_on_and_that_is_on_record(down: Desk) -> None:
    down.staff.unknown.add(ANA.id)
    await down.flow.approve(1, ANA)
    assert await ends(down) == 3
    assert down.audited()[1] == Unasked(1, ANA)
    assert [(n.facts["case"], n.facts["by"]) for n in down.chat.said if n.code == "unasked"] == [(1, ANA)]


async def test_of_two_approvers_of_whom_it_does_not_say_it_the_group_is_told_once(down: Desk) -> None:
    down.use(two_person_above=2)
    down.staff.unknown |= {ANA.id, BRUNO.id}
    await down.flow.approve(1, ANA)
    await down.flow.approve(1, BRUNO)
    assert await ends(down) == 3
    assert down.written(Unasked) == [Unasked(1, ANA), Unasked(1, BRUNO)]
    assert [n.facts["by"] for n in down.chat.said if n.code == "unasked"] == [ANA]


async def test_of_two_approvers_both_are_asked(desk: Desk) -> None:
    desk.use(two_person_above=2)
    desk.source.outage(incident())
    await desk.poll()
    await desk.flow.approve(1, ANA)
    await desk.flow.approve(1, BRUNO)
    desk.staff.gone.add(ANA.id)
    assert await ends(desk) == 0
    assert desk.audited()[-1] == Settled(1, "unread", "approver_gone")


async def test_a_scheduled_send_asks_when_its_time_has_come(desk: Desk) -> None:
    desk.use(customer_hours=HOURS)
    desk.clock.time = NOON + timedelta(hours=10)
    desk.fall("6/1")
    await desk.poll()
    await desk.flow.approve(1, ANA, Terms(hours="later"))
    desk.staff.gone.add(ANA.id)
    desk.flow.alive()
    await desk.pass_by(10 * 3600, every=600)
    assert await ends(desk) == 0
    assert desk.dispatch().end_reason == "approver_gone"
    assert "not_sent" in desk.chat.codes


async def test_who_does_not_wait_for_the_hour_answers_for_it(desk: Desk) -> None:
    desk.use(customer_hours=HOURS)
    desk.clock.time = NOON + timedelta(hours=10)
    desk.fall("6/1")
    await desk.poll()
    await desk.flow.approve(1, ANA, Terms(hours="later"))
    desk.staff.gone.add(ANA.id)
    await desk.flow.begin(1, BRUNO)
    assert await ends(desk) == 3
    assert desk.staff.asked == [BRUNO.id]


async def interrupted(desk: Desk) -> None:
    """Half of the customers are told, then the gateway is away."""
    desk.use(sends=1, send_tries=1)
    desk.gateway.answers["5561991020102"] = [TryLater("away", 10_000)]
    await desk.flow.approve(1, ANA)
    assert await ends(desk) == 2
    assert desk.case().state is CaseState.INTERRUPTED


async def test_a_resume_is_on_the_word_of_who_resumed(down: Desk) -> None:
    await interrupted(down)
    down.staff.gone.add(ANA.id)
    await down.flow.resume(1, BRUNO)
    assert await ends(down) == 3


async def test_a_resume_of_somebody_who_may_not_any_more_sends_nothing(down: Desk) -> None:
    await interrupted(down)
    down.staff.gone.add(BRUNO.id)
    await down.flow.resume(1, BRUNO)
    assert await ends(down) == 2
    assert down.audited()[-1] == Interrupted(1, "approver_gone")
    assert down.chat.said[-1].facts["reason"] == "approver_gone"
    await down.flow.resume(1, ANA)
    assert await ends(down) == 3


async def test_a_resend_too(down: Desk) -> None:
    down.gateway.always = LOST
    await down.flow.approve(1, ANA)
    assert await ends(down) == 3
    down.gateway.always = None
    first, *others = (r.id for r in down.dispatch().in_doubt())
    await down.ledger.commit(lambda _book, _now: [Resolved(1, tuple(others), "sent", ANA)])
    down.staff.gone.add(BRUNO.id)
    await down.flow.resend(Choose(1, first), BRUNO)
    await down.finish()
    assert len(down.gateway.received) == 3
    assert down.audited()[-1] == Interrupted(1, "approver_gone")


async def test_after_a_restart_it_goes_on_by_itself_on_the_first_ones_word(down: Desk) -> None:
    await down.flow.approve(1, ANA)
    await down.restart()
    down.staff.gone.add(ANA.id)
    await down.poll()
    assert await ends(down) == 0
    assert down.dispatch().end_reason == "approver_gone"


async def test_a_second_program_stops_it_at_the_end_of_the_countdown(down: Desk) -> None:
    await down.flow.approve(1, ANA)
    down.staff.second = True
    assert await ends(down) == 0
    assert down.audited()[-1] == Settled(1, "unread", "second_poller")


async def test_nothing_begins_by_itself_while_a_second_program_may_begin_the_same(down: Desk) -> None:
    await down.flow.approve(1, ANA)
    await down.restart()
    down.staff.second = True
    await down.poll()
    assert down.dispatch().phase is Phase.INTERRUPTED
    down.staff.second = False
    await down.poll()
    assert await ends(down) == 3
