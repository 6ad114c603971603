"""A large blast takes two people: the second must be someone else, within ten minutes."""

import asyncio
from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.case import CaseState
from bot.domain.events import Alive, Approved, Proposed, Settled
from bot.domain.limits.holds import Terms
from bot.domain.limits.hours import Hours
from bot.domain.who import Who
from bot.errors import Asked, Declined
from bot.steps import decide
from tests.deciding import Approval
from tests.fakes import ANA, BRUNO, NOON, incident
from tests.steps.conftest import Desk

HOURS = Hours(time(8), time(21), ZoneInfo("America/Sao_Paulo"))
EIGHT = NOON + timedelta(hours=20)
LATER, NOW = Terms(hours="later"), Terms(hours="now")
CARLA = Who(3, "Carla")
FIRST, SENT_AT_ONCE = Approval(first=True), Approval()


async def blast(desk: Desk, *, affected: int | None = 40, customers: int = 4, above: int = 10) -> None:
    desk.use(two_person_above=above)
    desk.source.outage(incident(affected=affected), customers)
    await desk.poll()


async def told(desk: Desk) -> int:
    await desk.clock.advance(5)
    await desk.finish()
    return desk.nobody_twice()


async def test_the_others_are_told_that_a_second_person_is_needed(desk: Desk) -> None:
    await blast(desk)
    await desk.flow.approve(1, ANA)
    (notice,) = desk.chat.said
    assert (notice.code, notice.facts) == ("second_needed", {"case": 1, "by": ANA})


class TestWhen:
    async def test_by_default_one_is_enough(self, desk: Desk) -> None:
        await blast(desk, above=0, affected=5000)
        assert await desk.flow.approve(1, ANA) == SENT_AT_ONCE

    @pytest.mark.parametrize(("affected", "two"), [(10, False), (11, True), (None, True)])
    async def test_above_the_number_or_where_nobody_knows(
        self, desk: Desk, affected: int | None, two: bool
    ) -> None:
        desk.source.unreadable.add("1")
        await blast(desk, affected=affected)
        assert await desk.flow.approve(1, ANA) == Approval(first=two)

    async def test_all_ports_of_a_case_count_and_one_unknown_is_enough(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(two_person_above=10)
        desk.fall("6/1", "6/2", customers=5)
        desk.fall("6/3", customers=5)
        await desk.poll()
        await desk.pass_by(10)
        assert desk.case().affected == 15
        assert await desk.flow.approve(1, ANA) == FIRST
        desk.use(two_person_above=100)
        desk.source.incidents["2"] = replace(desk.source.incidents["2"], affected=None)
        desk.source.unreadable.add("2")
        await desk.pass_by(601)
        assert await desk.flow.approve(1, ANA) == FIRST
        assert len(desk.written(Proposed)) == 2


class TestTheSecond:
    async def test_the_first_claims_nothing_and_the_second_sends(self, desk: Desk) -> None:
        await blast(desk)
        assert await desk.flow.approve(1, ANA) == FIRST
        assert desk.case().state is CaseState.WAITING
        assert desk.ledger.book.reservations == {}
        proposal = desk.case().proposal
        assert proposal is not None
        assert (proposal.by, proposal.at) == (ANA, NOON)
        assert await told(desk) == 0
        assert await desk.flow.approve(1, BRUNO) == SENT_AT_ONCE
        assert desk.case().proposal is None
        assert await told(desk) == 4
        assert (desk.dispatch().first, desk.dispatch().by) == (ANA, BRUNO)
        lines = desk.audited()
        assert [type(line) for line in lines] == [Proposed, Approved, Settled]
        assert (lines[0].by, lines[1].first, lines[1].by) == (ANA, ANA, BRUNO)  # type: ignore[attr-defined]

    async def test_the_same_person_is_not_the_second(self, desk: Desk) -> None:
        await blast(desk)
        await desk.flow.approve(1, ANA)
        for who in (ANA, Who(ANA.id, "Ana, who changed her name")):
            with pytest.raises(Declined) as no:
                await desk.flow.approve(1, who)
            assert (no.value.code, no.value.facts) == (
                "second_person",
                {"until": NOON + timedelta(minutes=10)},
            )
        assert await told(desk) == 0

    async def test_two_at_once_are_a_first_and_a_second(self, desk: Desk) -> None:
        await blast(desk)
        taps = [desk.flow.approve(1, who) for who in (ANA, BRUNO, CARLA, ANA)]
        ended = await asyncio.gather(*taps, return_exceptions=True)
        assert ended[:2] == [FIRST, SENT_AT_ONCE]
        assert [one.code for one in ended[2:] if isinstance(one, Declined)] == ["already_approved"] * 2
        assert await told(desk) == 4

    async def test_ten_minutes_later_it_is_a_first_again(self, desk: Desk) -> None:
        await blast(desk)
        await desk.flow.approve(1, ANA)
        await desk.pass_by(600)
        assert desk.case().proposal is not None
        await desk.pass_by(1)
        assert await desk.flow.approve(1, BRUNO) == FIRST
        assert await desk.flow.approve(1, ANA) == SENT_AT_ONCE
        assert await told(desk) == 4
        assert desk.dispatch().first == BRUNO

    async def test_the_first_may_propose_again_when_nobody_came(self, desk: Desk) -> None:
        await blast(desk)
        await desk.flow.approve(1, ANA)
        await desk.pass_by(601)
        assert await desk.flow.approve(1, ANA) == FIRST
        assert await desk.flow.approve(1, BRUNO) == SENT_AT_ONCE

    async def test_a_restart_between_them_forgets_nothing(self, desk: Desk) -> None:
        await blast(desk)
        await desk.flow.approve(1, ANA)
        await desk.restart()
        await desk.poll()
        with pytest.raises(Declined, match="second_person"):
            await desk.flow.approve(1, ANA)
        await desk.flow.approve(1, BRUNO)
        await desk.restart()
        await desk.poll()
        assert await told(desk) == 4
        assert desk.dispatch().first == ANA

    async def test_on_an_old_copy_of_the_ledger_neither_of_them_may(self, desk: Desk) -> None:
        await blast(desk)
        await desk.flow.approve(1, ANA)
        desk.clock.time += timedelta(hours=2)
        await desk.restart(alive=False)
        for who in (ANA, BRUNO):
            with pytest.raises(Declined, match="unconfirmed"):
                await desk.flow.approve(1, who)

    async def test_one_who_is_enough_by_then_needs_no_second(self, desk: Desk) -> None:
        await blast(desk)
        await desk.flow.approve(1, ANA)
        desk.source.incidents["1"] = incident(affected=4)
        await desk.poll()
        assert await desk.flow.approve(1, ANA) == SENT_AT_ONCE
        assert desk.dispatch().first is None
        assert await told(desk) == 4


class TestTerms:
    async def test_the_second_sends_on_the_terms_of_the_first(self, desk: Desk) -> None:
        desk.use(customer_hours=HOURS, flaps=0)
        desk.clock.time = NOON + timedelta(hours=10)
        await blast(desk)
        with pytest.raises(Asked, match="flapping"):
            await desk.flow.approve(1, ANA)
        with pytest.raises(Asked, match="hours"):
            await desk.flow.approve(1, ANA, Terms(flapping=True))
        await desk.flow.approve(1, ANA, Terms(flapping=True, hours="now"))
        assert await desk.flow.approve(1, BRUNO) == SENT_AT_ONCE
        assert desk.dispatch().despite == ("flapping", "hours")
        assert await told(desk) == 4

    async def test_what_the_first_scheduled_is_scheduled(self, desk: Desk) -> None:
        desk.use(customer_hours=HOURS)
        desk.clock.time = NOON + timedelta(hours=10)
        await blast(desk)
        await desk.flow.approve(1, ANA, LATER)
        assert await desk.flow.approve(1, BRUNO, NOW) == Approval(due=EIGHT)
        assert desk.case().state is CaseState.SCHEDULED
        assert desk.dispatch().first == ANA

    async def test_its_time_came_before_the_second_did(self, desk: Desk) -> None:
        desk.use(customer_hours=HOURS)
        desk.clock.time = EIGHT - timedelta(minutes=5)
        await blast(desk)
        await desk.flow.approve(1, ANA, LATER)
        await desk.pass_by(301)
        assert await desk.flow.approve(1, BRUNO) == SENT_AT_ONCE
        assert await told(desk) == 4

    async def test_their_hours_ended_before_the_second_came(self, desk: Desk) -> None:
        desk.use(customer_hours=HOURS)
        desk.clock.time = NOON + timedelta(hours=9) - timedelta(minutes=5)  # 20:55
        await blast(desk)
        await desk.flow.approve(1, ANA)
        await desk.pass_by(400)
        with pytest.raises(Asked, match="hours"):
            await desk.flow.approve(1, BRUNO)
        assert await desk.flow.approve(1, BRUNO, LATER) == Approval(due=EIGHT)
        assert (desk.dispatch().first, desk.dispatch().by) == (ANA, BRUNO)
        assert await told(desk) == 0

    async def test_a_port_that_began_to_flap_before_the_second_came(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(two_person_above=1, close_polls=1, flaps=1)
        desk.fall("6/1", "6/2")
        await desk.poll()
        await desk.pass_by(10)
        await desk.flow.approve(1, ANA)
        await desk.repair(2)
        desk.fall("6/2")
        await desk.poll()
        await desk.pass_by(10)
        with pytest.raises(Asked, match="flapping"):
            await desk.flow.approve(1, BRUNO)
        assert await desk.flow.approve(1, BRUNO, Terms(flapping=True)) == SENT_AT_ONCE
        assert desk.dispatch().despite == ("flapping",)


class TestTakenBack:
    async def test_by_whoever_approved_first_and_then_the_next_is_the_first(self, desk: Desk) -> None:
        await blast(desk)
        with pytest.raises(Declined, match="not_running"):
            await desk.flow.decide(decide.withdraw(1, ANA))
        await desk.flow.approve(1, ANA)
        with pytest.raises(Declined, match="not_running"):
            await desk.flow.decide(decide.withdraw(1, BRUNO))
        await desk.flow.decide(decide.withdraw(1, ANA))
        assert await desk.flow.approve(1, BRUNO) == FIRST
        assert await told(desk) == 0

    async def test_a_denial_clears_it(self, desk: Desk) -> None:
        await blast(desk)
        await desk.flow.approve(1, ANA)
        await desk.flow.deny(1, BRUNO, "works")
        assert desk.case().proposal is None
        with pytest.raises(Declined, match="already_denied"):
            await desk.flow.approve(1, CARLA)

    async def test_an_outage_that_ended_clears_it(self, desk: Desk) -> None:
        await blast(desk)
        what = desk.source.incidents["1"]
        await desk.flow.approve(1, ANA)
        desk.source.repair(1)
        await desk.poll()
        desk.source.incidents["1"] = what
        await desk.poll()
        assert await desk.flow.approve(1, BRUNO) == FIRST

    async def test_a_cancelled_one_takes_two_again(self, desk: Desk) -> None:
        await blast(desk)
        await desk.flow.approve(1, ANA)
        await desk.flow.approve(1, BRUNO)
        await desk.flow.cancel(1, ANA)
        assert await desk.flow.approve(1, BRUNO) == FIRST
        assert await desk.flow.approve(1, CARLA) == SENT_AT_ONCE
        assert await told(desk) == 4


class TestMoreThanEstimated:
    async def test_a_plan_that_is_too_large_for_one_is_given_up_and_takes_two(self, desk: Desk) -> None:
        await blast(desk, affected=3, customers=12)
        assert await desk.flow.approve(1, ANA) == SENT_AT_ONCE
        assert await told(desk) == 0
        assert (desk.case().state, desk.dispatch().end_reason) == (CaseState.NOBODY, "two_people")
        assert desk.ledger.book.reservations == {}
        assert await desk.flow.approve(1, ANA) == FIRST
        await desk.restart()
        await desk.poll()
        assert await desk.flow.approve(1, BRUNO) == SENT_AT_ONCE
        assert await told(desk) == 12

    async def test_who_is_skipped_does_not_count(self, desk: Desk) -> None:
        await blast(desk, affected=3, customers=12)
        for n in range(102, 112):
            del desk.source.contacts[str(n)]
        await desk.flow.approve(1, ANA)
        assert await told(desk) == 2

    @pytest.mark.bug("that a plan was too large for one was forgotten after a cancelled approval by two")
    async def test_it_still_takes_two_after_the_two_took_it_back(self, desk: Desk) -> None:
        await blast(desk, affected=3, customers=12)
        await desk.flow.approve(1, ANA)
        await told(desk)
        await desk.flow.approve(1, ANA)
        await desk.flow.approve(1, BRUNO)
        await desk.flow.cancel(1, CARLA)
        assert await desk.flow.approve(1, ANA) == FIRST

    async def test_a_crash_between_the_plan_and_the_sends_asks_nobody_again(self, desk: Desk) -> None:
        await blast(desk, customers=12)
        desk.use(sends=1)
        await desk.flow.approve(1, ANA)
        await desk.flow.approve(1, BRUNO)
        await desk.clock.advance(5)
        await desk.finish()
        story = list(desk.ledger.lines)
        cut = next(n for n, (_, line) in enumerate(story) if line.kind == "intent")
        desk.gateway.received.clear()
        await desk.restart([*story[:cut], (desk.clock.now(), Alive())])
        await desk.poll()
        await desk.finish()
        assert desk.nobody_twice() == 12

    async def test_a_scheduled_one_says_that_it_was_not_sent(self, desk: Desk) -> None:
        desk.use(customer_hours=HOURS)
        desk.clock.time = EIGHT - timedelta(minutes=5)
        await blast(desk, affected=3, customers=12)
        assert await desk.flow.approve(1, ANA, LATER) == Approval(due=EIGHT)
        await desk.pass_by(300)
        assert await told(desk) == 0
        notice = next(notice for notice in desk.chat.said if notice.code == "not_sent")
        assert notice.facts["reason"] == "two_people"
        assert await desk.flow.approve(1, ANA) == FIRST
        assert await desk.flow.approve(1, BRUNO) == SENT_AT_ONCE
        assert await told(desk) == 12
