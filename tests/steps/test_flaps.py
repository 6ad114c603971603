"""A port that comes and goes: one card, its history, and an approval that asks first."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.case import CaseState
from bot.domain.causes.flapping import oscillates, recent
from bot.domain.customer import Link
from bot.domain.events import Approved, CaseOpened, Denied, IncidentChanged
from bot.domain.limits.holds import Terms
from bot.domain.plan import Outcome, Receipt
from bot.errors import Asked, Declined
from tests.fakes import ANA, BRUNO, NOON
from tests.steps.conftest import Desk

ANYWAY = Terms(flapping=True)


async def down(desk: Desk, *places: str, customers: int = 3) -> list[str]:
    """Those ports fall, under ids of their own, and have settled."""
    fallen = desk.fall(*places, customers=customers)
    await desk.poll()
    await desk.pass_by(10)
    return [what.id for what in fallen]


async def flap(desk: Desk, times: int, place: str = "6/1") -> None:
    """The port falls so often, and is back in between, within ten minutes; it is down at the end."""
    for n in range(times):
        (id_,) = await down(desk, place)
        if n < times - 1:
            await desk.repair(int(id_))


class TestAgain:
    async def test_within_the_hour_it_goes_on_in_its_case(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.repair(1)
        ended = desk.clock.now()
        assert desk.case().ended_at == ended
        await desk.pass_by(59 * 60)
        await down(desk, "6/1")
        assert list(desk.ledger.book.cases) == [1]
        assert (desk.case().state, desk.case().ended_at) == (CaseState.WAITING, None)
        assert list(desk.case().members) == ["1", "2"]
        assert len(desk.case().reopened) == 1
        assert desk.case().asked_at == desk.case().reopened[0]
        assert [(n.code, n.facts) for n in desk.chat.said if n.code == "reopened"] == [
            ("reopened", {"case": 1})
        ]
        desk.source.read.clear()
        await desk.approve()
        assert desk.source.read == ["2"]
        assert desk.nobody_twice() == 3

    async def test_that_it_is_on_again_is_said_once_though_its_alert_is_read_at_that_moment(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.repair(1)
        (again,) = await down(desk, "6/1")
        assert desk.ledger.book.last_at == desk.case().reopened[-1], "nothing was written since"
        desk.source.onus[again] *= 2
        await desk.flow.details(1)
        assert desk.written(IncidentChanged), "the count is another"
        assert desk.chat.codes.count("reopened") == 1

    async def test_after_the_hour_it_is_another_case(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.repair(1)
        await desk.pass_by(61 * 60)
        await down(desk, "6/1")
        assert list(desk.ledger.book.cases) == [1, 2]
        assert desk.case(1).ended_at is not None
        assert desk.case(2).follows is None

    async def test_the_hour_is_a_setting(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(reopen_minutes=0)
        await down(desk, "6/1")
        await desk.repair(1)
        await down(desk, "6/1")
        assert list(desk.ledger.book.cases) == [1, 2]

    async def test_a_case_of_several_ports_goes_on_with_the_one_that_is_down_again(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        await down(desk, "6/1", "6/2", "6/3")
        await desk.repair(1, 2, 3)
        await desk.pass_by(30 * 60)
        await down(desk, "6/2")
        assert list(desk.ledger.book.cases) == [1]
        assert [port.place for port in desk.case().ports] == ["6/2"]
        assert desk.case().grouping is None
        assert desk.case().joined == 0
        desk.source.read.clear()
        await desk.approve()
        assert desk.source.read == ["4"]
        assert desk.nobody_twice() == 3

    async def test_a_port_of_a_case_that_is_on_comes_back_to_it(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1", "6/2")
        await desk.repair(2)
        assert [port.place for port in desk.case().ports] == ["6/1"]
        await desk.pass_by(20 * 60)
        await down(desk, "6/2")
        assert list(desk.ledger.book.cases) == [1]
        assert [port.place for port in desk.case().ports] == ["6/1", "6/2"]
        assert desk.case().joined == 0  # it is no late sibling
        assert desk.case().reopened == []

    async def test_it_continues_after_a_restart_too(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.repair(1)
        await desk.restart()
        await down(desk, "6/1")
        assert desk.case().ended_at is None
        await desk.restart()
        await desk.poll()
        assert list(desk.ledger.book.cases) == [1]
        assert len(desk.case().reopened) == 1
        assert "reopened" not in desk.chat.codes  # that was said before

    async def test_an_alert_in_whose_place_another_is_within_one_poll_continues_its_case(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        await down(desk, "6/1", "6/2")
        await desk.pass_by(600)
        desk.source.repair(1)
        await down(desk, "6/1")
        assert list(desk.ledger.book.cases) == [1]
        assert [port.place for port in desk.case().ports] == ["6/2", "6/1"]
        found = desk.case().grouping
        assert found is not None
        assert found.ports == 2
        spells = desk.ledger.book.spells["CB 01:6/1"]
        assert [spell.last is None for spell in spells] == [False, True]
        await desk.approve()
        assert desk.nobody_twice() == 6

    async def test_one_that_was_denied_is_asked_about_again_when_another_is_in_its_place(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.flow.deny(1, ANA, "works")
        await desk.pass_by(600)
        desk.source.repair(1)
        await down(desk, "6/1")
        assert list(desk.ledger.book.cases) == [1]
        assert desk.case().state is CaseState.WAITING
        assert "reopened" in desk.chat.codes


class TestDecided:
    async def test_what_was_denied_asks_again_when_it_falls_again(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.flow.deny(1, ANA, "works")
        await desk.flow.assume(1, ANA)
        await desk.repair(1)
        await down(desk, "6/1")
        assert desk.case().state is CaseState.WAITING
        assert (desk.case().owner, desk.case().denied_reason) == (None, None)
        assert any(isinstance(line, Denied) for line in desk.audited())
        await desk.approve()
        assert desk.nobody_twice() == 3

    async def test_what_was_denied_and_blinks_on_the_list_stays_denied(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.flow.deny(1, ANA, "works")
        what = desk.source.incidents["1"]
        await desk.repair(1)
        desk.source.incidents["1"] = what
        await desk.poll()
        assert (desk.case().ended_at, desk.case().state) == (None, CaseState.DENIED)

    async def test_what_was_sent_sends_nothing_more(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.approve()
        await desk.repair(1)
        (id_,) = await down(desk, "6/1")
        desk.source.onus[id_] = list(desk.source.onus["1"])
        assert (desk.case().state, desk.case().ended_at) == (CaseState.SENT, None)
        with pytest.raises(Declined, match="already_sent"):
            await desk.flow.approve(1, BRUNO)
        await desk.restart()
        await desk.pass_by(300)
        assert desk.nobody_twice() == 3

    async def test_what_reached_nobody_may_be_approved_again(self, grouping: Desk) -> None:
        desk = grouping
        desk.gateway.always = Receipt(Outcome.REJECTED, reason="no")
        await down(desk, "6/1")
        await desk.approve()
        await desk.repair(1)
        await down(desk, "6/1")
        assert desk.case().state is CaseState.NOBODY
        desk.gateway.always = None
        desk.gateway.received.clear()
        await desk.approve()
        assert desk.nobody_twice() == 3

    async def test_what_is_over_before_the_plan_may_be_approved_when_it_falls_again(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        desk.use(close_polls=1)
        await down(desk, "6/1")
        await desk.flow.approve(1, ANA)
        desk.source.repair(1)
        await desk.poll()
        await desk.clock.advance(5)
        await desk.finish()
        assert desk.gateway.received == []
        assert desk.ledger.book.reservations == {}
        await down(desk, "6/1")
        await desk.approve()
        assert desk.nobody_twice() == 3

    async def test_the_cooldown_holds_all_the_same(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.approve()
        await desk.repair(1)
        await desk.pass_by(2 * 3600)
        await flap(desk, 4)
        assert sorted(desk.ledger.book.cases) == [1, 2]
        for terms in (Terms(), ANYWAY):
            with pytest.raises(Declined, match="cooldown"):
                await desk.flow.approve(2, ANA, terms)
        assert len(desk.gateway.received) == 3


class TestOscillating:
    async def test_its_approval_is_held_back_until_somebody_overrides_it(self, grouping: Desk) -> None:
        desk = grouping
        await flap(desk, 4)
        assert list(desk.ledger.book.cases) == [1]  # one card
        with pytest.raises(Asked) as asked:
            await desk.flow.approve(1, ANA)
        assert (asked.value.code, asked.value.facts) == ("flapping", {"port": "CB 01 6/1", "n": 1})
        assert desk.ledger.book.reservations == {}
        await desk.flow.approve(1, ANA, ANYWAY)
        await desk.clock.advance(5)
        await desk.finish()
        assert desk.nobody_twice() == 3
        (line,) = (line for line in desk.audited() if isinstance(line, Approved))
        assert (line.by, line.despite) == (ANA, ("flapping",))
        await desk.restart()
        assert desk.dispatch().despite == ("flapping",)

    async def test_three_times_an_hour_is_not_yet_too_often(self, grouping: Desk) -> None:
        desk = grouping
        await flap(desk, 3)
        await desk.approve()
        assert desk.dispatch().despite == ()
        assert desk.nobody_twice() == 3

    async def test_an_override_that_nobody_needed_is_not_in_the_audit(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.flow.approve(1, ANA, ANYWAY)
        assert desk.dispatch().despite == ()

    async def test_its_history_is_in_the_book_across_restarts(self, grouping: Desk) -> None:
        desk = grouping
        await flap(desk, 4)
        await desk.restart()
        spells = recent(desk.ledger.book.spells["CB 01:6/1"], desk.clock.now())
        assert [spell.last is None for spell in spells] == [False, False, False, True]
        assert spells[0].first == NOON + timedelta(seconds=10)
        assert spells[0].last == NOON + timedelta(seconds=70)
        with pytest.raises(Asked, match="flapping"):
            await desk.flow.approve(1, ANA)

    async def test_an_hour_later_it_is_none_any_more(self, grouping: Desk) -> None:
        desk = grouping
        await flap(desk, 4)
        await desk.pass_by(3600)
        assert not oscillates(desk.ledger.book.spells["CB 01:6/1"], desk.clock.now(), desk.rules.flaps)
        await desk.approve()
        assert desk.nobody_twice() == 3

    async def test_one_port_of_a_case_is_enough_and_is_named(self, grouping: Desk) -> None:
        desk = grouping
        await flap(desk, 3, "6/2")
        await desk.repair(3)
        await down(desk, "6/1", "6/2")
        number = desk.ledger.book.port_cases["CB 01:6/2"]
        assert {port.place for port in desk.case(number).ports} == {"6/1", "6/2"}
        with pytest.raises(Asked) as asked:
            await desk.flow.approve(number, ANA)
        assert asked.value.facts == {"port": "CB 01 6/2", "n": 1}

    @pytest.mark.bug("a CTO alert blinking beside a PON alert counted as the port flapping")
    async def test_the_alert_of_a_cto_that_blinks_while_its_pon_is_down_is_no_flap(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        cto, pon = desk.fall("6/1", "6/1")
        await desk.poll()
        await desk.pass_by(10)
        for _ in range(4):
            await desk.repair(int(cto.id))
            desk.source.incidents[cto.id] = cto
            await desk.poll()
        (spell,) = desk.ledger.book.spells["CB 01:6/1"]
        assert spell.last is None
        await desk.repair(int(cto.id), int(pon.id))
        (spell,) = desk.ledger.book.spells["CB 01:6/1"]
        assert spell.last == desk.clock.now()

    async def test_twenty_times_an_hour_are_one_case_and_one_message(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.approve()
        onus = desk.source.onus["1"]
        await desk.repair(1)
        for _ in range(20):
            (what,) = desk.fall("6/1")
            desk.source.onus[what.id] = list(onus)
            await desk.poll()
            await desk.pass_by(30)
            await desk.repair(int(what.id))
        assert len(desk.written(CaseOpened)) == 1
        assert desk.nobody_twice() == 3


class TestWithOthers:
    async def test_a_slot_is_one_card_though_a_port_of_it_had_one_before(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.approve()
        await desk.repair(1)
        await desk.pass_by(600)
        await down(desk, *(f"6/{pon}" for pon in range(1, 7)))
        assert sorted(desk.ledger.book.cases) == [1, 2]
        assert len(desk.case(2).ports) == 6
        assert desk.case(1).ended_at is not None
        await desk.approve(2)
        assert [port.place for port in desk.dispatch(2).left_out] == ["6/1"]
        assert desk.nobody_twice() == 3 + 5 * 3

    async def test_what_was_sent_and_falls_again_with_a_new_one_sends_to_that_only(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        await down(desk, "6/1", "6/2", "6/3")
        await desk.approve()
        await desk.repair(1, 2, 3)
        await desk.pass_by(600)
        await down(desk, "6/1", "6/2", "6/9")
        assert desk.case(1).state is CaseState.SENT
        assert [port.place for port in desk.case(1).ports] == ["6/1", "6/2"]
        assert ([port.place for port in desk.case(2).ports], desk.case(2).follows) == (["6/9"], 1)
        await desk.approve(2)
        assert desk.nobody_twice() == 9 + 3

    @pytest.mark.parametrize("denied", [False, True])
    async def test_what_nobody_sent_and_falls_again_with_a_new_one_is_one_card(
        self, grouping: Desk, denied: bool
    ) -> None:
        desk = grouping
        await down(desk, "6/1", "6/2")
        if denied:
            await desk.flow.deny(1, ANA, "works")
        await desk.repair(1, 2)
        await desk.pass_by(600)
        await down(desk, "6/1", "6/2", "6/9")
        assert list(desk.ledger.book.cases) == [1]
        assert (len(desk.case().ports), desk.case().state) == (3, CaseState.WAITING)
        found = desk.case().grouping
        assert found is not None
        assert found.ports == 3
        await desk.restart()
        await desk.approve()
        assert desk.nobody_twice() == 9

    async def test_a_restart_while_they_settle_changes_nothing(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.approve()
        await desk.repair(1)
        desk.fall("6/1", "6/2", "6/3")
        await desk.poll()
        await desk.clock.advance(9)
        await desk.restart()
        await desk.poll()
        await desk.pass_by(10)
        assert sorted(desk.ledger.book.cases) == [1, 2]
        await desk.approve(2)
        assert desk.nobody_twice() == 9

    async def test_a_port_that_was_over_when_the_others_were_approved_is_asked_about(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        await down(desk, "6/1", "6/2")
        await desk.repair(2)
        await desk.approve()
        assert desk.nobody_twice() == 3
        await desk.pass_by(600)
        await down(desk, "6/2")
        assert ([port.place for port in desk.case(2).ports], desk.case(2).state) == (
            ["6/2"],
            CaseState.WAITING,
        )
        await desk.approve(2)
        assert desk.nobody_twice() == 6

    async def test_a_port_that_was_over_when_the_others_were_denied_is_asked_about(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        await down(desk, "6/1", "6/2", "6/3")
        await desk.repair(2)
        await desk.flow.deny(1, ANA, "works")
        await desk.repair(3)
        await desk.pass_by(600)
        await down(desk, "6/2")
        await desk.pass_by(600)
        await down(desk, "6/3")
        assert desk.case(1).state is CaseState.DENIED
        assert [port.place for port in desk.case(1).ports] == ["6/1", "6/3"]  # that one was denied
        assert [port.place for port in desk.case(2).ports] == ["6/2"]

    async def test_a_port_that_a_person_freed_is_asked_about_again(self, grouping: Desk) -> None:
        desk = grouping
        await down(desk, "6/1")
        await desk.approve()
        await desk.repair(1)
        [key] = desk.ledger.book.reservations
        await desk.flow.release(key, ANA, "another outage")
        await down(desk, "6/1")
        assert desk.case(2).state is CaseState.WAITING

    async def test_a_port_of_which_nobody_is_told_is_asked_about_though_the_others_are_being_sent(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        await down(desk, "6/1", "6/2")
        onus = desk.source.onus["2"]
        desk.source.onus["2"] = [onu._replace(link=Link.ONLINE) for onu in onus]
        desk.gateway.block = asyncio.Event()
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        await desk.repair(2)
        await down(desk, "6/2")
        assert desk.case(1).state is CaseState.SENDING
        assert [port.place for port in desk.case(2).ports] == ["6/2"]
        desk.gateway.block.set()
        await desk.finish()
        await desk.approve(2)
        assert desk.nobody_twice() == 6
