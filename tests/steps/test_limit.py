"""Today's limit: what a tap asks, who is told of what there is, and that it is never more than there is."""

import asyncio
from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.case import CaseState
from bot.domain.events import TrialIntent
from bot.domain.incident import Kind
from bot.domain.limits import daily
from bot.domain.limits.account import Room, room_for
from bot.domain.limits.daily import Allowed
from bot.domain.limits.holds import Terms
from bot.domain.limits.hours import Hours
from bot.domain.plan import Outcome, Receipt
from bot.errors import AnswerLost, Asked, BadAnswer, Declined
from bot.flow import platform
from bot.steps.trial import send_trial
from tests.fakes import ANA, BRUNO, NOON, settled

from .conftest import Desk

DAY = daily.DAY.total_seconds()


@pytest.fixture
async def limited(desk: Desk) -> Desk:
    """Five people a day, and a case of eight that waits."""
    desk.use(daily_limit=5)
    desk.fall("6/15", customers=8)
    await desk.poll()
    return desk


async def sent(desk: Desk, number: int = 1, terms: Terms | None = None) -> None:
    await desk.flow.approve(number, ANA, terms or Terms())
    await desk.clock.advance(desk.rules.undo_seconds)
    await desk.finish()


def room(desk: Desk, number: int = 1) -> Room | None:
    case = desk.case(number)
    return room_for(desk.ledger.book, case, case.ports, desk.rules, desk.clock.now())


async def test_an_approval_that_needs_more_sends_nobody_and_asks(limited: Desk) -> None:
    with pytest.raises(Asked) as asked:
        await limited.flow.approve(1, ANA)
    assert (asked.value.code, asked.value.facts) == ("limit", {"left": 5, "need": 8})
    assert (limited.case().state, limited.gateway.received) == (CaseState.WAITING, [])
    assert room(limited) == Room(5, 5, 8, counted=False)


async def test_where_they_were_looked_up_nobody_is_asked_for_what_the_list_says(desk: Desk) -> None:
    desk.use(daily_limit=5, look_ahead=8)
    desk.fall("6/15", customers=8)
    for client in ("100", "101", "102"):
        del desk.source.contacts[client]
    await desk.poll()
    await settled()
    assert desk.flow.need(1) == 5
    assert room(desk) == Room(5, 5, 8, counted=False), "what the list says"
    with pytest.raises(Asked):
        await desk.flow.approve(1, ANA)
    await sent(desk, terms=Terms(need=desk.flow.need(1)))
    assert len(desk.gateway.received) == 5
    assert desk.dispatch().end == "done"
    desk.fall("6/16", customers=4)
    await desk.poll()
    await settled()
    assert desk.flow.need(2) == 4
    with pytest.raises(Declined, match="limit_spent"):
        await desk.flow.approve(2, ANA, Terms(need=desk.flow.need(2)))
    desk.use(daily_limit=0)
    assert desk.flow.need(2) is None, "there is no limit that it would be about"


async def test_the_first_ones_are_told_and_the_others_wait_for_room(limited: Desk) -> None:
    await sent(limited, terms=Terms(most=5))
    told = limited.gateway.phones
    assert len(set(told)) == 5
    case, dispatch = limited.case(), limited.dispatch()
    assert (case.state, dispatch.end_reason, dispatch.mend) == (CaseState.INTERRUPTED, "limit", None)
    assert limited.tally().todo == 3
    assert limited.chat.codes == [], "so it was approved: nothing to be said"
    with pytest.raises(Declined) as no:
        await limited.flow.resume(1, ANA)
    assert no.value.code == "limit_spent"
    assert no.value.facts == {"limit": 5, "until": NOON + timedelta(seconds=5) + daily.DAY}
    await limited.clock.advance(DAY + 1)
    await limited.flow.resume(1, BRUNO)
    await limited.finish()
    assert sorted(limited.gateway.phones) == sorted(set(limited.gateway.phones))
    assert (len(limited.gateway.received), limited.case().state) == (8, CaseState.SENT)


async def test_no_more_than_the_button_named_even_where_there_is_room_by_now(limited: Desk) -> None:
    await limited.flow.approve(1, ANA, Terms(most=5))
    limited.use(daily_limit=7)
    await limited.restart()
    await limited.poll()
    await limited.clock.advance(5)
    await limited.finish()
    assert len(limited.gateway.received) == 5
    await limited.flow.resume(1, ANA)
    await limited.finish()
    assert len(limited.gateway.received) == 7, "who goes on takes what there is"
    assert "halted" in limited.chat.codes, "and this was not what was approved"


async def test_a_plan_that_needs_more_than_was_estimated_asks_too(desk: Desk) -> None:
    desk.use(daily_limit=5)
    [what] = desk.fall("6/15", customers=8)
    desk.source.incidents[what.id] = replace(what, affected=4)  # the list says less
    await desk.poll()
    await sent(desk)
    dispatch = desk.dispatch()
    assert (desk.gateway.received, dispatch.end, dispatch.end_reason) == ([], "unread", "limit")
    assert desk.case().undecided
    with pytest.raises(Asked) as asked:
        await desk.flow.approve(1, ANA)
    assert asked.value.facts == {"left": 5, "need": 8}
    assert room(desk) == Room(5, 5, 8, counted=True)
    await sent(desk, terms=Terms(most=5))
    assert len(desk.gateway.received) == 5


async def test_what_fits_is_sent_and_counted_over_cases(limited: Desk) -> None:
    limited.fall("6/16", customers=3)
    await limited.poll()
    await sent(limited, 2)
    assert room(limited) == Room(2, 5, 8, counted=False)
    await sent(limited, 1, Terms(most=2))
    assert len(set(limited.gateway.phones)) == 5
    limited.fall("6/17", customers=3)
    await limited.poll()
    with pytest.raises(Declined, match="limit_spent"):
        await limited.flow.approve(3, ANA, Terms(most=1))


async def test_the_count_survives_a_restart(limited: Desk) -> None:
    await sent(limited, terms=Terms(most=5))
    await limited.restart()
    await limited.poll()
    with pytest.raises(Declined, match="limit_spent"):
        await limited.flow.resume(1, ANA)
    assert len(limited.gateway.received) == 5


async def test_at_the_claim_it_stops_what_two_approvals_share(limited: Desk) -> None:
    """Each was approved for what there was when it was tapped."""
    limited.fall("6/16", customers=5)
    await limited.poll()
    await limited.flow.approve(2, ANA)
    await limited.flow.approve(1, ANA, Terms(most=5))
    await limited.clock.advance(5)
    await limited.finish()
    assert len(set(limited.gateway.phones)) == 5
    states = {limited.case(1).state, limited.case(2).state}
    assert states <= {CaseState.INTERRUPTED, CaseState.SENT, CaseState.NOBODY}
    assert sum((limited.tally(n).done if limited.dispatch(n).progress else 0) for n in (1, 2)) >= 5


async def test_whoever_was_written_to_today_costs_nothing(limited: Desk) -> None:
    limited.use(restored=True, restored_auto=False)
    limited.source.onus["1"] = limited.source.onus["1"][:5]
    limited.source.incidents["1"] = replace(limited.source.incidents["1"], affected=5)
    await limited.poll()
    await sent(limited)
    assert daily.counted(limited.ledger.book.written, limited.clock.now()) == 5
    await limited.repair(1)
    limited.source.back |= {onu.serial for onu in limited.source.onus["1"]}
    await limited.flow.restore(1, ANA)
    await limited.clock.advance(5)
    await limited.finish()
    assert len(limited.gateway.received) == 10
    assert daily.counted(limited.ledger.book.written, limited.clock.now()) == 5


async def test_service_that_is_back_stops_at_the_limit_too(limited: Desk) -> None:
    limited.use(daily_limit=0, restored=True)
    await sent(limited)
    await limited.repair(1)
    await limited.clock.advance(23 * 3600)
    limited.source.back |= {onu.serial for onu in limited.source.onus["1"]}
    limited.use(daily_limit=8)
    limited.ledger.book.written.clear()  # as if those of yesterday were others
    for n in range(6):
        daily.spend(limited.ledger.book.written, f"other {n}", limited.clock.now())
    await limited.flow.restore(1, ANA)
    await limited.clock.advance(5)
    await limited.finish()
    assert len(limited.gateway.received) == 8 + 2
    assert limited.case(-1).dispatches[-1].end_reason == "limit"


async def test_power_asks_where_a_fibre_case_waits(desk: Desk) -> None:
    desk.use(daily_limit=10)
    desk.fall("6/1", customers=7)
    desk.fall("6/2", kind=Kind.POWER, customers=5)
    await desk.poll()
    with pytest.raises(Asked):
        await desk.flow.approve(2, ANA)
    found = room(desk, 2)
    assert found == Room(10, 10, 5, counted=False, before=7, first=1)
    assert (found.short, found.parts) == (True, (3, 5))
    assert room(desk, 1) == Room(10, 10, 7, counted=False), "fibre waits for nobody"
    await desk.flow.deny(1, ANA, "maintenance")
    await sent(desk, 2)
    assert len(desk.gateway.received) == 5


async def test_the_platforms_own_limit_is_read_and_kept(desk: Desk) -> None:
    desk.gateway.allowed = Allowed(250)
    await desk.clock.advance(platform.FRESH + 1)
    await desk.flow.look()
    assert desk.ledger.book.daily_limit == 250
    for error in (AnswerLost("no_answer"), BadAnswer("no_object")):
        desk.gateway.allowed = error
        await desk.restart()
        await desk.clock.advance(platform.FRESH + 1)
        await desk.flow.look()
        assert desk.ledger.book.daily_limit == 250
    desk.gateway.allowed = Allowed()
    await desk.clock.advance(platform.FRESH + 1)
    await desk.flow.look()
    assert desk.ledger.book.daily_limit is None
    lines = [line for _, line in desk.ledger.lines if line.kind == "limit_told"]
    assert len(lines) == 2, "only what is news is written"


async def test_a_gateway_that_tells_no_limit_is_held_by_none_that_another_told(desk: Desk) -> None:
    desk.gateway.allowed = Allowed(250)
    await desk.clock.advance(platform.FRESH + 1)
    await desk.flow.look()
    assert desk.ledger.book.daily_limit == 250
    desk.gateway.allowed = None
    await desk.restart()
    await desk.flow.look()
    assert desk.ledger.book.daily_limit is None


async def test_a_gateway_that_counts_itself(limited: Desk) -> None:
    limited.use(daily_limit=0)
    await sent(limited)
    limited.gateway.allowed = Allowed(left=12)
    await limited.clock.advance(platform.FRESH + 1)
    await limited.flow.look()
    assert limited.ledger.book.daily_limit == 8 + 12


async def test_the_smaller_of_two_limits_counts(limited: Desk) -> None:
    limited.gateway.allowed = Allowed(3)
    await limited.clock.advance(platform.FRESH + 1)
    await limited.flow.look()
    assert room(limited) == Room(3, 3, 8, counted=False)
    limited.use(daily_limit=2)
    assert room(limited) == Room(2, 2, 8, counted=False)


async def test_what_did_not_leave_is_given_back(limited: Desk) -> None:
    limited.gateway.always = Receipt(Outcome.REJECTED, reason="bad number")
    await sent(limited, terms=Terms(most=5))
    assert daily.counted(limited.ledger.book.written, limited.clock.now()) == 0


async def test_what_may_have_left_counts(limited: Desk) -> None:
    limited.gateway.always = Receipt(Outcome.UNKNOWN, reason="no_answer")
    limited.use(sends=1)
    await sent(limited, terms=Terms(most=3))
    assert daily.counted(limited.ledger.book.written, limited.clock.now()) == 3


async def test_a_test_message_counts(limited: Desk) -> None:
    await send_trial(
        limited.ledger, limited.gateway, limited.clock, template="LOS", hsm="a", phone="5561999990009", by=ANA
    )
    [line] = [line for _, line in limited.ledger.lines if isinstance(line, TrialIntent)]
    assert line.person == limited.ledger.person("5561999990009")
    assert room(limited) == Room(4, 5, 8, counted=False)


async def test_a_rehearsal_knows_no_limit(limited: Desk) -> None:
    limited.use(dry_run=True)
    await sent(limited)
    assert limited.ledger.book.written == {}
    assert len(limited.gateway.received) == 8, "the fake's; the real one sends nothing"


async def test_two_people_agree_to_the_first_ones(limited: Desk) -> None:
    limited.use(two_person_above=2)
    await limited.flow.approve(1, ANA, Terms(most=5))
    await limited.flow.approve(1, BRUNO)
    await limited.clock.advance(5)
    await limited.finish()
    assert len(limited.gateway.received) == 5


async def test_what_is_sent_later_is_asked_about_then(limited: Desk) -> None:
    limited.use(customer_hours=Hours(time(13), time(14), ZoneInfo("America/Sao_Paulo")))
    await limited.flow.approve(1, ANA, Terms(hours="later"))
    await limited.pass_by(3700)
    await limited.finish()
    assert (limited.gateway.received, limited.dispatch().end_reason) == ([], "limit")
    assert "not_sent" in limited.chat.codes


async def test_requests_in_flight_hold_their_place(limited: Desk) -> None:
    limited.fall("6/16", customers=5)
    await limited.poll()
    limited.gateway.block = asyncio.Event()
    await limited.flow.approve(2, ANA)
    await limited.clock.advance(5)
    await settled()
    with pytest.raises(Declined, match="limit_spent"):
        await limited.flow.approve(1, ANA, Terms(most=5))
    limited.gateway.block.set()
    await limited.finish()
    assert len(limited.gateway.received) == 5


class TestCount:
    def test_a_person_counts_once_and_for_a_day_from_their_last_message(self) -> None:
        written: daily.Written = {}
        for hours, person in ((0, "a"), (1, "b"), (2, "a")):
            daily.spend(written, person, NOON + timedelta(hours=hours))
        at = NOON + timedelta(hours=1) + daily.DAY
        assert daily.counted(written, NOON + daily.DAY) == 2
        assert daily.counted(written, at + timedelta(seconds=1)) == 1
        assert not daily.counts(written, "b", at + timedelta(seconds=1))
        assert daily.counts(written, "a", at)
        assert daily.next_free(written, at + timedelta(seconds=1)) == NOON + timedelta(hours=2) + daily.DAY
        assert daily.next_free({}, NOON) is None

    def test_what_is_old_is_forgotten_with_the_next_message(self) -> None:
        written: daily.Written = {}
        for n in range(100):
            daily.spend(written, f"p{n}", NOON + timedelta(hours=n))
        assert len(written) == 25

    def test_taking_one_back_leaves_the_one_before(self) -> None:
        written: daily.Written = {}
        daily.spend(written, "a", NOON)
        daily.spend(written, "a", NOON + timedelta(hours=1))
        daily.take_back(written, "a", NOON + timedelta(hours=1))
        assert written == {"a": [NOON]}
        daily.take_back(written, "a", NOON)
        daily.take_back(written, "a", NOON)
        daily.take_back(written, None, NOON)
        assert written == {}
