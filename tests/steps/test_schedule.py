"""Customers' hours: what is approved at night waits, is looked at again, and is sent once."""

import asyncio
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.case import CaseState
from bot.domain.customer import Link
from bot.domain.dispatch import Phase
from bot.domain.events import Alive, Approved, Begun, Settled
from bot.domain.limits.holds import Terms
from bot.domain.limits.hours import Hours
from bot.domain.plan import Outcome, Skip
from bot.errors import Asked, Declined, TryLater
from tests.deciding import Approval
from tests.fakes import ANA, BRUNO, NOON
from tests.steps.conftest import Desk

HOURS = Hours(time(8), time(21), ZoneInfo("America/Sao_Paulo"))
NIGHT = NOON + timedelta(hours=10)  # 22:00
EIGHT = NOON + timedelta(hours=20)
LATER, NOW = Terms(hours="later"), Terms(hours="now")


@pytest.fixture
async def night(grouping: Desk) -> Desk:
    """22:00, and ports 6/1 and 6/2 are down: case 1."""
    grouping.use(customer_hours=HOURS)
    grouping.clock.time = NIGHT
    await down(grouping, "6/1", "6/2")
    return grouping


async def down(desk: Desk, *places: str) -> None:
    desk.fall(*places)
    await desk.poll()
    await desk.pass_by(10)


async def until(desk: Desk, when: datetime) -> None:
    """Time passes until then, with a poll every ten minutes and one at that moment."""
    desk.flow.alive()
    await desk.pass_by((when - desk.clock.now()).total_seconds(), every=600)
    desk.flow.alive()


async def sent(desk: Desk) -> int:
    """The countdown is over and whatever runs has ended: how many customers were told in all."""
    await desk.clock.advance(5)
    await desk.finish()
    return desk.nobody_twice()


class TestOverBeforeItsTime:
    async def test_its_ports_are_free_for_the_next_outage(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await desk.repair(1, 2)
        await desk.pass_by(2 * 3600)
        await down(desk, "6/1")
        await desk.flow.approve(2, BRUNO, NOW)
        assert await sent(desk) == 3
        await until(desk, EIGHT)
        assert await sent(desk) == 3
        assert (desk.dispatch(1).end, desk.dispatch(2).end) == ("over", "done")
        assert desk.ledger.book.reservations["CB 01:6/1"].case == 2

    async def test_an_outage_that_is_on_again_under_its_old_id_takes_no_port_from_another_case(
        self, night: Desk
    ) -> None:
        desk = night
        first = desk.source.incidents["1"]
        await desk.flow.approve(1, ANA, LATER)
        await desk.repair(1, 2)
        await desk.pass_by(2 * 3600)
        await down(desk, "6/1")
        await desk.flow.approve(2, BRUNO, NOW)
        assert await sent(desk) == 3
        desk.source.incidents["1"] = first
        await desk.poll()
        with pytest.raises(Declined, match="cooldown"):
            await desk.flow.begin(1, ANA)
        await until(desk, EIGHT)
        assert (desk.dispatch(1).end, desk.dispatch(1).end_reason) == ("unread", "port_busy")
        assert desk.ledger.book.reservations["CB 01:6/1"].case == 2
        assert await sent(desk) == 3


class TestAsked:
    async def test_outside_their_hours_it_asks_and_claims_nothing(self, night: Desk) -> None:
        desk = night
        with pytest.raises(Asked) as asked:
            await desk.flow.approve(1, ANA)
        assert (asked.value.code, asked.value.facts) == ("hours", {"until": EIGHT})
        assert desk.case().state is CaseState.WAITING
        assert desk.ledger.book.reservations == {}

    async def test_later_is_scheduled_durably(self, night: Desk) -> None:
        desk = night
        assert await desk.flow.approve(1, ANA, LATER) == Approval(due=EIGHT)
        assert (desk.case().state, desk.dispatch().due) == (CaseState.SCHEDULED, EIGHT)
        assert desk.dispatch().despite == ()
        assert await sent(desk) == 0
        assert desk.source.read == []
        await desk.restart()
        assert (desk.case().state, desk.dispatch().due) == (CaseState.SCHEDULED, EIGHT)
        (line,) = desk.audited()
        assert isinstance(line, Approved)
        assert (line.by, line.due) == (ANA, EIGHT)

    async def test_now_is_sent_and_said_in_the_audit(self, night: Desk) -> None:
        desk = night
        assert await desk.flow.approve(1, ANA, NOW) == Approval()
        assert await sent(desk) == 6
        line = desk.audited()[0]
        assert isinstance(line, Approved)
        assert (line.despite, line.due) == (("hours",), None)

    async def test_within_their_hours_nothing_is_asked_whatever_was_answered(self, night: Desk) -> None:
        desk = night
        await until(desk, EIGHT)
        assert await desk.flow.approve(1, ANA, LATER) == Approval()
        assert desk.dispatch().despite == ()
        assert await sent(desk) == 6

    async def test_a_flapping_port_asks_first(self, night: Desk) -> None:
        desk = night
        desk.use(flaps=0)
        with pytest.raises(Asked, match="flapping"):
            await desk.flow.approve(1, ANA, LATER)
        with pytest.raises(Asked, match="hours"):
            await desk.flow.approve(1, ANA, Terms(flapping=True))
        await desk.flow.approve(1, ANA, Terms(flapping=True, hours="later"))
        assert (desk.dispatch().despite, desk.dispatch().due) == (("flapping",), EIGHT)


class TestItsTimeComes:
    async def test_it_begins_with_the_first_complete_poll_then_and_not_before(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await until(desk, EIGHT - timedelta(seconds=20))
        assert desk.source.read == []
        desk.source.complete = False
        await desk.pass_by(60)
        desk.source.complete = True
        desk.source.poll_errors = [TryLater("502")]
        await desk.poll()
        assert desk.case().state is CaseState.SCHEDULED
        await desk.poll()
        assert desk.case().state is CaseState.COUNTDOWN
        assert desk.dispatch().begun_at == desk.clock.now()
        assert await sent(desk) == 6
        assert [line.by for line in desk.written(Begun) if isinstance(line, Begun)] == [None]
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 6}

    async def test_what_was_said_to_be_at_eight_is_at_eight_though_the_hours_are_others_by_then(
        self, night: Desk
    ) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        desk.use(customer_hours=Hours(time(6), time(21), HOURS.zone))
        await until(desk, EIGHT - timedelta(minutes=1))
        assert desk.case().state is CaseState.SCHEDULED
        await until(desk, EIGHT)
        assert await sent(desk) == 6

    async def test_its_countdown_can_be_cancelled(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await until(desk, EIGHT)
        assert await desk.flow.cancel(1, BRUNO)
        assert await sent(desk) == 0
        assert desk.case().state is CaseState.WAITING

    async def test_who_is_back_by_then_is_left_out(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        onus = desk.source.onus["1"]
        onus[0] = onus[0]._replace(link=Link.ONLINE)
        await desk.repair(2)
        desk.source.read.clear()
        await until(desk, EIGHT)
        assert await sent(desk) == 2
        assert desk.source.read == ["1"]
        assert desk.tally().skipped == {Skip.ONLINE: 1}

    async def test_an_outage_that_is_over_by_then_sends_nothing(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await desk.repair(1, 2)
        assert desk.case().state is CaseState.SCHEDULED
        desk.chat.urgent.clear()
        await until(desk, EIGHT)
        assert await sent(desk) == 0
        assert (desk.case().state, desk.dispatch().end) == (CaseState.OVER, "over")
        assert 1 in desk.chat.urgent
        assert desk.ledger.book.reservations == {}
        assert desk.ledger.book.running == set()

    async def test_and_lets_the_case_be_approved_again_when_it_falls_again(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await until(desk, EIGHT - timedelta(minutes=10))
        await desk.repair(1, 2)
        await until(desk, EIGHT)
        await down(desk, "6/1")
        assert desk.case().state is CaseState.NOBODY
        assert await desk.flow.approve(1, BRUNO) == Approval()
        assert await sent(desk) == 3

    async def test_one_that_was_over_and_is_on_again_by_then_is_sent(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await desk.repair(1, 2)
        desk.source.read.clear()
        await down(desk, "6/1")
        assert desk.case().state is CaseState.SCHEDULED
        await until(desk, EIGHT)
        assert await sent(desk) == 3
        assert desk.source.read == ["3"]

    async def test_a_source_that_cannot_be_read_then_is_said_and_may_be_tried_again(
        self, night: Desk
    ) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        desk.source.unreadable |= {"1", "2"}
        await until(desk, EIGHT)
        await desk.clock.advance(60)
        assert await sent(desk) == 0
        assert desk.case().state is CaseState.NOBODY
        notice = next(notice for notice in desk.chat.said if notice.code == "not_sent")
        assert (notice.facts["case"], notice.facts["reason"]) == (1, "bad_answer")
        desk.source.unreadable.clear()
        await desk.flow.approve(1, BRUNO)
        assert await sent(desk) == 6


class TestAPersonDoesNotWait:
    async def test_cancelled_it_waits_for_a_decision_again(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        assert await desk.flow.cancel(1, BRUNO)
        assert desk.case().state is CaseState.WAITING
        assert desk.ledger.book.reservations == {}
        await until(desk, EIGHT + timedelta(hours=1))
        assert await sent(desk) == 0

    async def test_begun_at_once_it_is_said_who_did_and_it_is_not_begun_again(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await desk.flow.begin(1, BRUNO)
        assert await sent(desk) == 6
        assert (desk.dispatch().by, desk.dispatch().begun_by) == (ANA, BRUNO)
        assert any(isinstance(line, Begun) and line.by == BRUNO for line in desk.audited())
        with pytest.raises(Declined, match="not_scheduled"):
            await desk.flow.begin(1, ANA)
        await until(desk, EIGHT + timedelta(hours=1))
        assert await sent(desk) == 6

    async def test_two_who_begin_it_begin_it_once(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        taps = [desk.flow.begin(1, who) for who in (ANA, BRUNO, ANA)]
        ended = await asyncio.gather(*taps, return_exceptions=True)
        assert [type(one) for one in ended] == [type(None), Declined, Declined]
        assert await sent(desk) == 6

    async def test_cancelled_and_begun_in_one_instant_lets_one_win(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        ended = await asyncio.gather(
            desk.flow.cancel(1, BRUNO), desk.flow.begin(1, ANA), return_exceptions=True
        )
        assert ended[0] is True
        assert isinstance(ended[1], Declined)
        assert await sent(desk) == 0

    async def test_what_is_over_is_not_begun(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await desk.repair(1, 2)
        with pytest.raises(Declined, match="over"):
            await desk.flow.begin(1, ANA)

    async def test_a_scheduled_case_takes_no_second_approval(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        for terms in (LATER, NOW):
            with pytest.raises(Declined, match="already_approved"):
                await desk.flow.approve(1, BRUNO, terms)
        with pytest.raises(Declined, match="not_interrupted"):
            await desk.flow.resume(1, BRUNO)


class TestRestarts:
    async def test_before_its_time_it_is_no_interruption(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await until(desk, EIGHT - timedelta(hours=1))
        await desk.restart()
        assert desk.dispatch().phase is Phase.SCHEDULED
        assert 1 in desk.chat.shown
        await until(desk, EIGHT)
        assert await sent(desk) == 6

    async def test_at_its_time_it_goes_on(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await until(desk, EIGHT)
        assert desk.case().state is CaseState.COUNTDOWN
        await desk.restart()
        assert desk.case().state is CaseState.INTERRUPTED
        await desk.poll()
        assert await sent(desk) == 6
        assert len(desk.written(Begun)) == 1

    async def test_after_every_line_from_its_time_on(self, night: Desk) -> None:
        desk = night
        desk.use(sends=1)
        await desk.flow.approve(1, ANA, LATER)
        await until(desk, EIGHT)
        assert await sent(desk) == 6
        story, delivered = list(desk.ledger.lines), list(desk.gateway.received)
        first = next(n for n, (_, line) in enumerate(story) if isinstance(line, Begun))
        for cut in range(first, len(story) + 1):
            done = {line.recipient for _, line in story[:cut] if line.kind == "intent"}
            again = Desk(clock=desk.clock, source=desk.source, rules=desk.rules)
            again.gateway.received = [m for m in delivered if m.recipient in done]
            await again.restart([*story[:cut], (desk.clock.now(), Alive())])
            await again.poll()
            assert await sent(again) == 6, cut
            assert again.tally().todo == 0
            await again.tasks.drain(0)

    async def test_its_time_came_and_went_outside_their_hours(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        desk.clock.time = NIGHT + timedelta(days=1)
        await desk.restart()
        await desk.poll()
        assert desk.case().state is CaseState.SCHEDULED
        await until(desk, EIGHT + timedelta(days=1) - timedelta(seconds=30))
        assert desk.source.read == []
        await until(desk, EIGHT + timedelta(days=1))
        assert await sent(desk) == 6

    async def test_on_an_old_copy_of_the_ledger_nothing_begins(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        desk.clock.time = EIGHT
        await desk.restart(alive=False)
        await desk.poll()
        assert await sent(desk) == 0
        with pytest.raises(Declined, match="unconfirmed"):
            await desk.flow.begin(1, ANA)
        assert desk.case().state is CaseState.SCHEDULED
        await desk.flow.confirm(ANA)
        await desk.poll()
        assert await sent(desk) == 6

    @pytest.mark.bug("*Enviar agora* on a scheduled rehearsal sent for real, without cooldown")
    @pytest.mark.parametrize("rehearsed", [True, False])
    async def test_a_rehearsal_does_not_become_real_nor_the_other_way_round(
        self, night: Desk, rehearsed: bool
    ) -> None:
        desk = night
        desk.use(dry_run=rehearsed)
        await desk.flow.approve(1, ANA, LATER)
        desk.use(dry_run=not rehearsed)
        await desk.restart()
        with pytest.raises(Declined, match="other_mode"):
            await desk.flow.begin(1, BRUNO)
        await until(desk, EIGHT)
        assert await sent(desk) == 0
        assert (desk.case().state, desk.dispatch().end_reason) == (CaseState.NOBODY, "other_mode")
        notice = next(notice for notice in desk.chat.said if notice.code == "not_sent")
        assert (notice.facts["case"], notice.facts["reason"]) == (1, "other_mode")
        desk.use(dry_run=False)
        await desk.flow.approve(1, ANA)
        assert await sent(desk) == 6

    async def test_while_the_program_stops_nothing_begins(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        desk.flow.drain()
        await until(desk, EIGHT)
        assert desk.case().state is CaseState.SCHEDULED
        await desk.restart()
        await desk.poll()
        assert await sent(desk) == 6


class TestOthers:
    async def test_its_ports_are_busy_for_others_meanwhile(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await desk.pass_by(600)
        await down(desk, "6/1")
        assert [p.place for p in desk.case(2).ports] == ["6/1"]
        with pytest.raises(Declined, match="port_busy"):
            await desk.flow.approve(2, BRUNO, NOW)
        with pytest.raises(Declined, match="port_busy"):
            await desk.flow.release("CB 01:6/1", BRUNO, "other")

    async def test_one_customer_of_two_scheduled_cases_is_told_once(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        (what,) = desk.fall("2/1", olt="CB 02")
        desk.source.onus[what.id][0] = desk.source.onus["1"][0]
        await desk.poll()
        await desk.pass_by(10)
        await desk.flow.approve(2, BRUNO, LATER)
        await until(desk, EIGHT)
        assert await sent(desk) == 8
        skipped = [desk.tally(n).skipped for n in (1, 2)]
        assert skipped in ([{}, {Skip.COOLDOWN: 1}], [{Skip.COOLDOWN: 1}, {}])

    async def test_a_follow_up_that_is_sent_at_once_spares_them_in_the_morning(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        (what,) = desk.fall("6/3")
        desk.source.onus[what.id][0] = desk.source.onus["1"][0]
        await desk.poll()
        await desk.pass_by(10)
        assert desk.case(2).follows == 1
        await desk.flow.approve(2, BRUNO, NOW)
        assert await sent(desk) == 3
        await until(desk, EIGHT)
        assert await sent(desk) == 8
        assert desk.tally(1).skipped == {Skip.COOLDOWN: 1}

    async def test_a_clock_set_back_begins_nothing_early_and_nothing_twice(self, night: Desk) -> None:
        desk = night
        await desk.flow.approve(1, ANA, LATER)
        await until(desk, EIGHT - timedelta(minutes=30))
        desk.clock.time -= timedelta(hours=1)
        await desk.pass_by(1800, every=600)
        assert desk.case().state is CaseState.SCHEDULED
        await until(desk, EIGHT)
        assert await sent(desk) == 6
        desk.clock.time -= timedelta(hours=2)
        await desk.pass_by(3 * 3600, every=600)
        assert await sent(desk) == 6
        assert len(desk.written(Begun)) == 1


class TestResume:
    async def interrupted(self, desk: Desk, approved: Terms = NOW) -> None:
        """One in flight when the program died; more than five minutes ago, so it waits for a person."""
        desk.use(sends=1)
        desk.gateway.block = asyncio.Event()
        await desk.flow.approve(1, ANA, approved)
        await desk.clock.advance(5)
        lines = list(desk.ledger.lines)
        desk.clock.time += timedelta(minutes=6)
        await desk.restart(lines)
        desk.gateway.block = None
        await desk.poll()
        assert desk.case().state is CaseState.INTERRUPTED

    async def test_outside_their_hours_it_asks(self, night: Desk) -> None:
        desk = night
        desk.clock.time = EIGHT + timedelta(hours=13) - timedelta(minutes=3)  # 20:57
        await desk.restart()
        await desk.poll()
        await self.interrupted(desk)
        with pytest.raises(Asked) as asked:
            await desk.flow.resume(1, BRUNO)
        assert (asked.value.code, asked.value.facts) == (
            "resume_hours",
            {"until": EIGHT + timedelta(days=1)},
        )
        await desk.flow.resume(1, BRUNO, NOW)
        await desk.finish()
        assert desk.nobody_twice() == 5
        assert desk.tally().outcomes == {Outcome.UNKNOWN: 1, Outcome.ACCEPTED: 5}

    async def test_what_was_approved_for_the_night_is_not_asked_again(self, night: Desk) -> None:
        desk = night
        await self.interrupted(desk)
        await desk.flow.resume(1, BRUNO)
        await desk.finish()
        assert desk.nobody_twice() == 5

    async def test_in_the_morning_it_does_not_ask(self, night: Desk) -> None:
        desk = night
        desk.clock.time = EIGHT
        await self.interrupted(desk)
        await desk.flow.resume(1, BRUNO)
        await desk.finish()
        assert desk.nobody_twice() == 5
        assert not any(isinstance(line, Settled) and line.end == "over" for line in desk.audited())
