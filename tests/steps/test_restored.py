"""Service is back: those who were warned, and whose own ONU is online, are told so once."""

import asyncio
import copy
from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain import reminders
from bot.domain.case import CaseState
from bot.domain.customer import Contact, Link, Onu
from bot.domain.events import (
    Alive,
    Approved,
    Cancelled,
    CardPosted,
    IncidentEnded,
    Reminded,
    Restoring,
    Untold,
)
from bot.domain.limits.holds import Terms
from bot.domain.limits.hours import Hours
from bot.domain.limits.silence import Scope
from bot.domain.plan import RESTORED, Message, Outcome, Receipt, Skip
from bot.domain.restored import waiting
from bot.domain.who import BOT
from bot.errors import AnswerLost, Asked, Declined, TryLater
from bot.steps import restore
from bot.steps.unknown import Choose
from tests.deciding import Approval
from tests.fakes import ANA, BRUNO, NOON, Answer, incident
from tests.steps.conftest import Desk

HOURS = Hours(time(8), time(21), ZoneInfo("America/Sao_Paulo"))
EIGHT = NOON + timedelta(hours=20)
LATER, NOW = Terms(hours="later"), Terms(hours="now")
BAD_KEY = Receipt(Outcome.REJECTED, reason="sem autorizacao", halt="key")


@pytest.fixture
async def told(grouping: Desk) -> Desk:
    """Ports 6/1 and 6/2 (customers 100 to 105) fell at noon, and everybody was warned."""
    desk = grouping
    desk.use(restored=True)
    desk.fall("6/1", "6/2")
    await desk.poll()
    await desk.pass_by(10)
    await desk.approve()
    assert desk.nobody_twice() == 6
    return desk


def serials(desk: Desk, *numbers: int) -> set[str]:
    return {onu.serial for number in numbers for onu in desk.source.onus[str(number)]}


async def over(desk: Desk, *numbers: int) -> None:
    """Those incidents (1 and 2) are over and their ONUs online."""
    numbers = numbers or (1, 2)
    desk.source.back |= serials(desk, *numbers)
    await desk.repair(*numbers)


async def again(desk: Desk, number: int = 1) -> None:
    """The same incident is on the list again."""
    desk.source.incidents[str(number)] = desk.source.known[str(number)]
    desk.source.back -= serials(desk, number)
    await desk.poll()


async def done(desk: Desk) -> None:
    await desk.clock.advance(5)
    await desk.finish()


def news(desk: Desk) -> list[Message]:
    """Who was told that it is back, in the order in which they were."""
    return [message for message in desk.gateway.received if message.template == RESTORED]


class TestWho:
    async def test_everybody_who_was_warned(self, told: Desk) -> None:
        desk = told
        await over(desk)
        assert await desk.flow.restore(1, BRUNO) == Approval()
        await done(desk)
        assert sorted(m.recipient for m in news(desk)) == [f"c{n}" for n in range(100, 106)]
        first = news(desk)[0]
        assert (first.started, first.ended, first.eta) == (NOON, desk.case().ended_at, None)
        assert desk.nobody_twice() == 12
        assert desk.tally(-1).outcomes == {Outcome.ACCEPTED: 6}
        assert (desk.case(-1).restores, desk.case(-1).shown_as) == (1, 1)
        assert any(
            isinstance(line, Approved) and (line.case, line.by) == (-1, BRUNO) for line in desk.audited()
        )

    async def test_nobody_of_whom_it_is_not_sure_that_they_were(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(restored=True, send_tries=1)
        desk.source.outage(incident(), 8)
        phones = [f"55619{n}" for n in ("91000100", "91010101", "91020102", "91030103", "91040104")]
        answers: list[Answer] = [
            Receipt(Outcome.HELD),
            Receipt(Outcome.UNKNOWN, reason="reset"),
            Receipt(Outcome.REJECTED, reason="no"),
            TryLater("refused"),
        ]
        desk.gateway.answers = {phone: [answer] for phone, answer in zip(phones, answers, strict=False)}
        desk.source.contacts["105"] = Contact("105", "Sem telefone", "")
        onus = desk.source.onus["1"]
        onus[6] = onus[6]._replace(link=Link.ONLINE)
        await desk.poll()
        await desk.pass_by(10)
        await desk.approve()
        await over(desk, 1)
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert sorted(m.recipient for m in news(desk)) == ["c104", "c107"]
        assert desk.tally(-1).planned == 2

    async def test_whose_phone_is_not_known_any_more_is_counted_and_not_told(self, told: Desk) -> None:
        """As after a customer had it forgotten: a start finds no name and no phone of them."""
        desk = told
        sends = desk.case().dispatches[0].sends
        sends.recipients["c102"] = replace(sends.recipients["c102"], name="", phone=None)
        await over(desk)
        await desk.flow.restore(1, BRUNO)
        await done(desk)
        assert sorted(m.recipient for m in news(desk)) == [f"c{n}" for n in (100, 101, 103, 104, 105)]
        assert desk.tally(-1).skipped == {Skip.FORGOTTEN: 1}

    async def test_who_is_still_down_is_listed_and_not_told(self, told: Desk) -> None:
        desk = told
        await over(desk)
        desk.source.back -= {desk.source.onus["1"][0].serial}
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert "c100" not in [m.recipient for m in news(desk)]
        assert desk.tally(-1).skipped == {Skip.STILL_DOWN: 1}
        progress = desk.dispatch(-1).progress
        assert progress is not None
        assert [r.name for r in progress.recipients.values() if r.skip] == ["Cliente 100"]
        desk.source.back |= serials(desk, 1)
        with pytest.raises(Declined, match="already_sent"):
            await desk.flow.restore(1, ANA)

    async def test_one_of_whose_two_onus_is_down_is_not_told(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(restored=True)
        desk.source.outage(incident(), 2)
        desk.source.onus["1"].append(Onu("ZTEG-SECOND", "100", "Cliente 100", Link.LOS))
        await desk.poll()
        await desk.pass_by(10)
        await desk.approve()
        await over(desk, 1)
        desk.source.back.discard("ZTEG-SECOND")
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert [m.recipient for m in news(desk)] == ["c101"]

    async def test_an_onu_that_its_port_does_not_list_any_more_is_not_online(self, told: Desk) -> None:
        desk = told
        await over(desk)
        desk.source.onus["1"].pop(0)
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert len(news(desk)) == 5
        assert desk.tally(-1).skipped == {Skip.STILL_DOWN: 1}

    @pytest.mark.bug("customers on a port that could not be read were listed as still down")
    async def test_nobody_of_a_port_that_cannot_be_read_is_said_to_be_down(self, told: Desk) -> None:
        desk = told
        await over(desk)
        desk.source.unreadable.add("CB 01:6/2")
        await desk.flow.restore(1, ANA)
        await desk.clock.advance(60)
        await desk.finish()
        assert len(news(desk)) == 3
        assert desk.tally(-1).skipped == {Skip.LOOKUP_FAILED: 3}

    async def test_where_no_port_can_be_read_it_may_be_tried_again(self, told: Desk) -> None:
        desk = told
        await over(desk)
        desk.source.unreadable |= {"CB 01:6/1", "CB 01:6/2"}
        await desk.flow.restore(1, ANA)
        await desk.clock.advance(60)
        await desk.finish()
        assert news(desk) == []
        assert (desk.case(-1).state, desk.dispatch(-1).end_reason) == (CaseState.NOBODY, "bad_answer")
        desk.source.unreadable.clear()
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert len(news(desk)) == 6

    async def test_who_is_considered_told_before_it_hears_of_it_and_after_it_does_not(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        desk.use(restored=True)
        desk.source.outage(incident(), 3)
        lost = Receipt(Outcome.UNKNOWN, reason="reset")
        desk.gateway.answers = {"5561991000100": [lost], "5561991010101": [lost]}
        await desk.poll()
        await desk.pass_by(10)
        await desk.approve()
        await over(desk, 1)
        await desk.flow.resolve(Choose(1, "c100"), "sent", ANA)
        await desk.flow.restore(1, ANA)
        await done(desk)
        await desk.flow.resolve(Choose(1, "c101"), "sent", ANA)
        assert [m.recipient for m in news(desk)] == ["c100", "c102"]
        with pytest.raises(Declined, match="already_sent"):
            await desk.flow.restore(1, ANA)

    async def test_a_follow_up_tells_its_own(self, told: Desk) -> None:
        desk = told
        (what,) = desk.fall("6/3")
        desk.source.onus[what.id] += desk.source.onus["1"][:1]
        await desk.poll()
        await desk.pass_by(10)
        await desk.approve(2)
        await over(desk, 1, 2, 3)
        for number in (1, 2):
            await desk.flow.restore(number, ANA)
        await done(desk)
        assert len(news(desk)) == 9
        assert desk.nobody_twice() == 18


class TestMayNot:
    async def test_while_it_is_on(self, told: Desk) -> None:
        desk = told
        with pytest.raises(Declined, match="still_on"):
            await desk.flow.restore(1, ANA)
        desk.source.repair(1)
        desk.source.repair(2)
        await desk.poll()  # one poll does not close it
        with pytest.raises(Declined, match="still_on"):
            await desk.flow.restore(1, ANA)

    async def test_while_a_part_of_it_is_on(self, told: Desk) -> None:
        desk = told
        await over(desk, 1)
        with pytest.raises(Declined, match="still_on"):
            await desk.flow.restore(1, ANA)

    async def test_without_a_template(self, told: Desk) -> None:
        desk = told
        await over(desk)
        desk.use(restored=False)
        with pytest.raises(Declined, match="no_restored_template"):
            await desk.flow.restore(1, ANA)

    async def test_where_nobody_was_told(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(restored=True)
        desk.fall("6/1")
        await desk.poll()
        await desk.pass_by(10)
        await over(desk, 1)
        with pytest.raises(Declined, match="nobody_was_told"):
            await desk.flow.restore(1, ANA)

    async def test_while_the_warning_is_still_being_sent(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(restored=True, sends=1, close_polls=1)
        desk.source.outage(incident(), 3)
        await desk.poll()
        await desk.pass_by(10)
        held = asyncio.Event()

        async def late() -> Receipt:
            await held.wait()
            return Receipt(Outcome.ACCEPTED)

        desk.gateway.answers["5561991010101"] = [late]
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        await over(desk, 1)
        with pytest.raises(Declined, match="not_settled"):
            await desk.flow.restore(1, ANA)
        held.set()
        await desk.finish()
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert len(news(desk)) == 3

    async def test_a_day_later(self, told: Desk) -> None:
        desk = told
        await over(desk)
        await desk.pass_by(24 * 3600, every=600)
        await desk.flow.restore(1, ANA)
        await desk.flow.cancel(-1, ANA)
        await desk.pass_by(1)
        with pytest.raises(Declined, match="restored_too_late"):
            await desk.flow.restore(1, ANA)

    async def test_on_an_old_copy_of_the_ledger(self, told: Desk) -> None:
        desk = told
        desk.use(restored_auto=True)
        await desk.clock.advance(2 * 3600)
        await desk.restart(alive=False)
        await over(desk)
        with pytest.raises(Declined, match="unconfirmed"):
            await desk.flow.restore(1, ANA)
        await done(desk)
        assert news(desk) == []

    async def test_a_case_that_nobody_knows(self, told: Desk) -> None:
        for number in (7, 0, -1):
            with pytest.raises(Declined, match="unknown_case"):
                await told.flow.restore(number, ANA)


class TestOnce:
    async def test_a_second_tap(self, told: Desk) -> None:
        desk = told
        await over(desk)
        taps = [desk.flow.restore(1, who) for who in (ANA, BRUNO) * 10]
        ended = await asyncio.gather(*taps, return_exceptions=True)
        assert ended[0] == Approval()
        assert all(isinstance(one, Declined) and one.code == "already_approved" for one in ended[1:])
        await done(desk)
        with pytest.raises(Declined) as no:
            await desk.flow.restore(1, BRUNO)
        assert (no.value.code, no.value.facts["by"]) == ("already_sent", "Ana")
        assert desk.nobody_twice() == 12

    async def test_a_plan_that_comes_late_is_none(self, told: Desk) -> None:
        desk = told
        await over(desk)
        await desk.flow.restore(1, ANA)
        await done(desk)
        for rule in (restore.plan(-1, 1, {}, desk.rules), restore.spare_down(-1, 1, {})):
            with pytest.raises(Declined, match="not_running"):
                await desk.ledger.commit(rule)

    async def test_after_a_restart(self, told: Desk) -> None:
        desk = told
        await over(desk)
        await desk.flow.restore(1, ANA)
        await done(desk)
        await desk.restart()
        await desk.poll()
        with pytest.raises(Declined, match="already_sent"):
            await desk.flow.restore(1, ANA)
        assert desk.nobody_twice() == 12

    async def test_after_it_fell_and_ended_again(self, told: Desk) -> None:
        desk = told
        desk.use(restored_auto=True)
        await over(desk)
        await done(desk)
        assert desk.nobody_twice() == 12
        desk.fall("6/1")
        await desk.poll()
        await desk.pass_by(10)
        assert desk.case().ended_at is None
        await desk.repair(3)
        assert desk.case().ended_at is not None
        with pytest.raises(Declined, match="already_sent"):
            await desk.flow.restore(1, ANA)
        await desk.pass_by(300)
        assert desk.nobody_twice() == 12

    async def test_a_crash_after_every_line(self, told: Desk) -> None:
        desk = told
        desk.use(sends=1, restored_auto=True)
        await over(desk)
        await done(desk)
        assert desk.nobody_twice() == 12
        story, delivered = list(desk.ledger.lines), list(desk.gateway.received)
        first = max(n for n, (_, line) in enumerate(story) if isinstance(line, IncidentEnded))
        for cut in range(first + 1, len(story) + 1):
            if isinstance(story[cut - 1][1], Restoring):
                continue  # of one group with its approval
            done_ = {line.recipient for _, line in story[:cut] if line.kind == "intent" and line.case == -1}
            other = Desk(clock=desk.clock, source=desk.source, rules=desk.rules)
            warned = [m for m in delivered if m.template != RESTORED]
            other.gateway.received = warned + [m for m in news(desk) if m.recipient in done_]
            await other.restart([*story[:cut], (desk.clock.now(), Alive())])
            await other.poll()
            await done(other)
            assert other.nobody_twice() == 12, cut
            assert other.tally(-1).todo == 0
            await other.tasks.drain(0)


class TestHours:
    async def at_night(self, desk: Desk) -> None:
        """It is 22:00 and the outage has just ended."""
        desk.use(customer_hours=HOURS)
        await desk.pass_by(10 * 3600, every=600)
        await over(desk)

    async def test_outside_them_it_asks(self, told: Desk) -> None:
        desk = told
        await self.at_night(desk)
        with pytest.raises(Asked) as asked:
            await desk.flow.restore(1, ANA)
        assert (asked.value.code, asked.value.facts) == ("restore_hours", {"until": EIGHT})
        assert desk.ledger.book.restored_by(1) is None

    async def test_now_is_said_in_the_audit(self, told: Desk) -> None:
        desk = told
        await self.at_night(desk)
        await desk.flow.restore(1, ANA, NOW)
        await done(desk)
        assert len(news(desk)) == 6
        assert desk.dispatch(-1).despite == ("hours",)

    async def test_later_waits_and_looks_again(self, told: Desk) -> None:
        desk = told
        await self.at_night(desk)
        assert await desk.flow.restore(1, ANA, LATER) == Approval(due=EIGHT)
        await desk.restart()
        assert desk.case(-1).state is CaseState.SCHEDULED
        desk.source.back -= {desk.source.onus["1"][0].serial}  # down again by then, by itself
        await desk.pass_by(10 * 3600, every=600)
        await done(desk)
        assert len(news(desk)) == 5
        assert desk.tally(-1).skipped == {Skip.STILL_DOWN: 1}

    async def test_on_again_when_its_time_comes_nobody_is_told_and_later_they_are(self, told: Desk) -> None:
        desk = told
        await self.at_night(desk)
        await desk.flow.restore(1, ANA, LATER)
        await again(desk)
        with pytest.raises(Declined, match="still_on"):
            await desk.flow.begin(-1, ANA)
        await desk.pass_by(10 * 3600, every=600)
        assert news(desk) == []
        assert desk.dispatch(-1).end == "over"
        await over(desk, 1)
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert len(news(desk)) == 6

    async def test_a_person_does_not_wait_or_does_not_want_it(self, told: Desk) -> None:
        desk = told
        await self.at_night(desk)
        await desk.flow.restore(1, ANA, LATER)
        await desk.flow.cancel(-1, BRUNO)
        await desk.flow.restore(1, ANA, LATER)
        await desk.flow.begin(-1, BRUNO)
        await done(desk)
        assert len(news(desk)) == 6
        assert desk.dispatch(-1).begun_by == BRUNO
        await desk.pass_by(11 * 3600, every=600)
        assert desk.nobody_twice() == 12

    async def test_by_itself_it_waits_for_the_morning(self, told: Desk) -> None:
        desk = told
        desk.use(restored_auto=True)
        await self.at_night(desk)
        assert (desk.case(-1).state, desk.dispatch(-1).due) == (CaseState.SCHEDULED, EIGHT)
        assert desk.dispatch(-1).by == BOT
        await desk.pass_by(10 * 3600, every=600)
        await done(desk)
        assert len(news(desk)) == 6


class TestByItself:
    async def test_once_it_is_over(self, told: Desk) -> None:
        desk = told
        desk.use(restored_auto=True)
        await over(desk)
        assert desk.case(-1).state is CaseState.COUNTDOWN
        await done(desk)
        assert len(news(desk)) == 6
        await desk.pass_by(600)
        assert desk.nobody_twice() == 12
        assert len(desk.written(Restoring)) == 1
        assert any(isinstance(line, Approved) and line.by == BOT for line in desk.audited())

    async def test_not_unless_it_is_wanted(self, told: Desk) -> None:
        desk = told
        await over(desk)
        await desk.pass_by(600)
        assert news(desk) == []

    async def test_after_a_crash_right_after_the_end(self, told: Desk) -> None:
        desk = told
        desk.source.complete = False
        await over(desk)
        desk.source.complete = True
        lines = list(desk.ledger.lines)
        await desk.restart(lines)
        desk.use(restored_auto=True)
        await desk.pass_by(60)
        await done(desk)
        assert len(news(desk)) == 6

    async def test_a_person_who_takes_it_back_has_the_last_word(self, told: Desk) -> None:
        desk = told
        desk.use(restored_auto=True)
        await over(desk)
        assert await desk.flow.cancel(-1, ANA)
        await desk.pass_by(600)
        assert news(desk) == []
        assert any(isinstance(line, Cancelled) for line in desk.audited())
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert len(news(desk)) == 6

    async def test_not_while_it_oscillates_and_once_that_is_over(self, told: Desk) -> None:
        desk = told
        desk.use(flaps=1)
        await over(desk)
        await again(desk)
        await over(desk, 1)
        desk.use(restored_auto=True)
        await desk.pass_by(300)
        assert news(desk) == []
        await desk.pass_by(3600)
        await done(desk)
        assert len(news(desk)) == 6

    async def test_not_after_a_rehearsal(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(restored=True, restored_auto=True, dry_run=True)
        desk.fall("6/1")
        await desk.poll()
        await desk.pass_by(10)
        await desk.approve()
        await over(desk, 1)
        await desk.pass_by(300)
        assert news(desk) == []
        desk.use(dry_run=False)
        with pytest.raises(Declined, match="nobody_was_told"):
            await desk.flow.restore(1, ANA)

    async def test_a_rehearsal_of_it_keeps_nobody_from_hearing_it(self, told: Desk) -> None:
        desk = told
        await over(desk)
        desk.use(dry_run=True)
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert desk.case(-1).state is CaseState.REHEARSED
        desk.gateway.received = [m for m in desk.gateway.received if m.template != RESTORED]
        desk.use(dry_run=False)
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert desk.nobody_twice() == 12

    @pytest.mark.bug('"voltou" by itself never came after the outage flicked on in its countdown')
    async def test_on_again_in_the_countdown_it_is_tried_again_at_the_next_end(self, told: Desk) -> None:
        desk = told
        desk.use(restored_auto=True)
        await over(desk)
        assert desk.case(-1).state is CaseState.COUNTDOWN
        await again(desk)
        await done(desk)
        assert news(desk) == []
        assert desk.tally(-1).skipped == {Skip.ON_AGAIN: 6}
        await over(desk, 1)
        await done(desk)
        assert len(news(desk)) == 6

    @pytest.mark.bug('"voltou" by itself that could not begin told nobody')
    async def test_what_could_not_be_begun_is_said(self, told: Desk) -> None:
        desk = told
        desk.use(restored_auto=True)
        desk.source.unreadable |= {"CB 01:6/1", "CB 01:6/2"}
        await over(desk)
        await desk.clock.advance(60)
        await desk.finish()
        notice = next(notice for notice in desk.chat.said if notice.code == "not_sent")
        assert (notice.facts["case"], notice.facts["reason"]) == (-1, "bad_answer")


class TestOnAgain:
    async def test_while_it_is_being_sent_the_rest_is_spared(self, told: Desk) -> None:
        desk = told
        desk.use(sends=1, close_polls=1)
        await over(desk)
        held = asyncio.Event()

        async def late() -> Receipt:
            await held.wait()
            return Receipt(Outcome.ACCEPTED)

        desk.gateway.always = late
        await desk.flow.restore(1, ANA)
        await desk.clock.advance(5)
        assert len(news(desk)) == 1
        await again(desk)
        held.set()
        await done(desk)
        assert len(news(desk)) == 1
        assert desk.tally(-1).outcomes == {Outcome.ACCEPTED: 1}
        assert desk.tally(-1).skipped == {Skip.ON_AGAIN: 5}
        assert desk.dispatch(-1).end == "done"

    async def test_in_the_countdown_nobody_is_told(self, told: Desk) -> None:
        desk = told
        await over(desk)
        await desk.flow.restore(1, ANA)
        await again(desk)
        await done(desk)
        assert news(desk) == []
        await over(desk, 1)
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert len(news(desk)) == 6


class TestTrouble:
    async def interrupted(self, desk: Desk, minutes: float = 0) -> None:
        """One in flight when the program died, so long ago."""
        desk.use(sends=1)
        await over(desk)
        desk.gateway.block = asyncio.Event()
        await desk.flow.restore(1, ANA)
        await desk.clock.advance(5)
        lines = list(desk.ledger.lines)
        desk.clock.time += timedelta(minutes=minutes)
        await desk.restart([*lines, (desk.clock.now(), Alive())])
        desk.gateway.block = None
        assert desk.case(-1).state is CaseState.INTERRUPTED

    async def test_it_goes_on_by_itself_where_it_is_fresh(self, told: Desk) -> None:
        desk = told
        await self.interrupted(desk)
        await desk.poll()
        await desk.finish()
        assert desk.tally(-1).outcomes == {Outcome.UNKNOWN: 1, Outcome.ACCEPTED: 5}
        assert desk.nobody_twice() == 11

    async def test_else_a_person_lets_it_go_on_and_who_is_down_by_then_is_spared(self, told: Desk) -> None:
        desk = told
        await self.interrupted(desk, minutes=10)
        await desk.poll()
        assert desk.case(-1).state is CaseState.INTERRUPTED
        with pytest.raises(Declined, match="already_approved"):
            await desk.flow.restore(1, BRUNO)
        desk.source.back -= {desk.source.onus["2"][2].serial}
        await desk.flow.resume(-1, BRUNO)
        await desk.finish()
        assert desk.tally(-1).outcomes == {Outcome.UNKNOWN: 1, Outcome.ACCEPTED: 4}
        assert desk.tally(-1).skipped == {Skip.STILL_DOWN: 1}

    async def test_one_that_cannot_be_read_when_it_goes_on_is_not_said_to_be_down(self, told: Desk) -> None:
        desk = told
        await self.interrupted(desk)
        desk.source.unreadable.add("CB 01:6/2")
        await desk.poll()
        await desk.clock.advance(60)
        await desk.finish()
        assert desk.tally(-1).outcomes == {Outcome.UNKNOWN: 1, Outcome.ACCEPTED: 2}
        assert desk.tally(-1).skipped == {Skip.LOOKUP_FAILED: 3}

    async def test_on_again_it_does_not_go_on(self, told: Desk) -> None:
        desk = told
        await self.interrupted(desk)
        await again(desk)
        await desk.poll()
        assert desk.case(-1).state is CaseState.INTERRUPTED
        with pytest.raises(Declined, match="still_on"):
            await desk.flow.resume(-1, ANA)
        await over(desk, 1)
        await desk.finish()  # it is fresh still
        assert desk.tally(-1).outcomes == {Outcome.UNKNOWN: 1, Outcome.ACCEPTED: 5}

    async def test_closed_it_is_over(self, told: Desk) -> None:
        desk = told
        await self.interrupted(desk, minutes=10)
        await desk.flow.close(-1, BRUNO)
        assert desk.tally(-1).skipped == {Skip.CLOSED: 5}
        with pytest.raises(Declined, match="already_sent"):
            await desk.flow.restore(1, ANA)

    async def test_a_key_that_is_refused_and_then_mended(self, told: Desk) -> None:
        desk = told
        await over(desk)
        desk.gateway.always = BAD_KEY
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert (desk.case(-1).state, desk.dispatch(-1).mend) == (CaseState.NOBODY, "key")
        assert "halted" in desk.chat.codes
        desk.gateway.always = None
        desk.gateway.received = [m for m in desk.gateway.received if m.template != RESTORED]
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert desk.nobody_twice() == 12

    async def test_a_key_that_is_refused_in_mid_send(self, told: Desk) -> None:
        desk = told
        desk.use(sends=1)
        await over(desk)
        desk.gateway.answers["5561991020102"] = [BAD_KEY]
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert desk.case(-1).state is CaseState.INTERRUPTED
        await desk.flow.resume(-1, BRUNO)
        await desk.finish()
        assert desk.tally(-1).outcomes == {Outcome.ACCEPTED: 6}

    async def test_a_person_stops_it(self, told: Desk) -> None:
        desk = told
        desk.use(sends=1)
        await over(desk)
        desk.gateway.block = asyncio.Event()
        await desk.flow.restore(1, ANA)
        await desk.clock.advance(5)
        await desk.flow.stop(-1, BRUNO)
        desk.gateway.block.set()
        await desk.finish()
        assert len(news(desk)) == 1
        assert desk.tally(-1).skipped == {Skip.STOPPED: 5}

    async def test_what_is_in_doubt_is_a_persons_to_resolve(self, told: Desk) -> None:
        desk = told
        await over(desk)
        lost = Receipt(Outcome.UNKNOWN, reason="reset")
        desk.gateway.answers = {"5561991000100": [lost], "5561991010101": [RuntimeError("gone")]}
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert [r.id for r in desk.dispatch(-1).in_doubt()] == ["c100", "c101"]
        await desk.flow.resolve(Choose(-1, "c100"), "sent", ANA)
        await desk.flow.resend(Choose(-1, "c101"), BRUNO)
        await desk.finish()
        assert desk.tally(-1).outcomes == {Outcome.ACCEPTED: 6}
        assert desk.nobody_twice() == 12

    async def test_what_is_in_doubt_is_not_sent_again_once_it_is_on_again(self, told: Desk) -> None:
        desk = told
        await over(desk)
        desk.gateway.answers = {"5561991000100": [Receipt(Outcome.UNKNOWN, reason="reset")]}
        await desk.flow.restore(1, ANA)
        await done(desk)
        await again(desk)
        with pytest.raises(Declined, match="still_on"):
            await desk.flow.resend(Choose(-1, "c100"), BRUNO)


class TestNothingElse:
    async def test_it_reserves_no_port_and_changes_no_cooldown(self, told: Desk) -> None:
        desk = told
        await over(desk)
        book = desk.ledger.book
        before = copy.deepcopy((book.reservations, book.contacts))
        await desk.pass_by(3600)
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert (book.reservations, book.contacts) == before
        assert desk.case().state is CaseState.SENT
        await desk.restart()
        assert (desk.ledger.book.reservations, desk.ledger.book.contacts) == before

    async def test_nor_where_it_reaches_nobody(self, told: Desk) -> None:
        desk = told
        await over(desk)
        book = desk.ledger.book
        before = copy.deepcopy((book.reservations, book.contacts))
        desk.gateway.always = Receipt(Outcome.REJECTED, reason="no")
        await desk.flow.restore(1, ANA)
        await done(desk)
        assert (book.reservations, book.contacts) == before

    async def test_it_holds_back_no_later_warning(self, told: Desk) -> None:
        desk = told
        await desk.pass_by(20 * 3600, every=600)
        await over(desk)
        await desk.flow.restore(1, ANA)
        await done(desk)
        await desk.pass_by(4 * 3600, every=600)
        desk.source.back.clear()
        desk.source.outage(incident(9, place="6/1", started=desk.clock.now()), 3, first=100)
        await desk.poll()
        await desk.pass_by(10)
        number = desk.ledger.book.by_incident["9"]
        await desk.approve(number)
        assert desk.tally(number).outcomes == {Outcome.ACCEPTED: 3}

    async def test_nobody_decides_on_it_as_on_a_case(self, told: Desk) -> None:
        desk = told
        await over(desk)
        await desk.flow.restore(1, ANA)
        await desk.flow.cancel(-1, ANA)
        for tap in (
            desk.flow.approve(-1, ANA),
            desk.flow.deny(-1, ANA, "other"),
            desk.flow.separate(-1, ANA),
            desk.flow.check_undecided(-1),
        ):
            with pytest.raises(Declined, match="unknown_case"):
                await tap
        assert desk.nobody_twice() == 6

    async def test_it_takes_no_number_and_opens_no_card(self, told: Desk) -> None:
        desk = told
        await over(desk)
        await desk.flow.restore(1, ANA)
        await done(desk)
        desk.fall("2/1")
        await desk.poll()
        await desk.pass_by(10)
        assert sorted(desk.ledger.book.cases) == [-1, 1, 2]
        assert desk.ledger.book.open == {2}


class TestTheEndRings:
    """What the chat says it writes down; here the test does."""

    async def asked(self, desk: Desk, minutes: float = 0) -> list[tuple[int, str]]:
        """What is to be said after so many minutes more; it is said."""
        await desk.pass_by(minutes * 60)
        found = reminders.due(desk.ledger.book, desk.clock.now(), desk.rules)
        notices = [(n.facts["case"], n.facts["what"]) for n in desk.chat.said if n.code == "reminder"]
        assert [one for one in found if one not in notices] == []  # each poll says what is due
        for number, what in found:
            desk.ledger.note(Reminded(number, what))
        return list(found)

    async def test_once_and_then_people_are_reminded_until_somebody_decides(self, told: Desk) -> None:
        desk = told
        await over(desk)
        assert await self.asked(desk) == [(1, "over")]
        await desk.restart()
        assert await self.asked(desk, 9) == []
        assert await self.asked(desk, 1) == [(1, "over_first")]
        assert await self.asked(desk, 20) == [(1, "over_second")]
        assert waiting(desk.ledger.book, desk.clock.now(), desk.rules) == {1: 6}
        await desk.flow.restore(1, BRUNO)
        await done(desk)
        assert waiting(desk.ledger.book, desk.clock.now(), desk.rules) == {}
        assert await self.asked(desk, 300) == []

    async def test_nobody_is_told_is_a_decision(self, told: Desk) -> None:
        desk = told
        with pytest.raises(Declined, match="still_on"):
            await desk.flow.keep_untold(1, ANA)
        await over(desk)
        await self.asked(desk)
        await desk.flow.keep_untold(1, ANA)
        assert [entry.line for entry in desk.ledger.book.audit][-1] == Untold(1, ANA)
        assert await self.asked(desk, 300) == []
        for late in (desk.flow.keep_untold(1, BRUNO), desk.flow.restore(1, BRUNO)):
            with pytest.raises(Declined, match="already_untold"):
                await late
        assert news(desk) == []
        await again(desk)
        await over(desk, 1)
        assert await self.asked(desk) == [(1, "over")]  # another end is another matter
        assert await self.asked(desk, 10) == [(1, "over_first")]

    async def test_at_night_not_to_tell_is_not_asked_about(self, told: Desk) -> None:
        desk = told
        desk.use(customer_hours=HOURS)
        await over(desk)
        await desk.clock.advance((EIGHT - NOON).total_seconds() - 3600 * 5)
        await desk.flow.keep_untold(1, ANA)
        assert desk.case().untold_by == ANA

    async def test_by_itself_it_stays_untold_too(self, told: Desk) -> None:
        desk = told
        await over(desk)
        await desk.flow.keep_untold(1, ANA)
        desk.use(restored_auto=True)
        await desk.poll()
        await done(desk)
        assert news(desk) == []

    async def test_without_a_template_it_rings_once(self, told: Desk) -> None:
        desk = told
        desk.use(restored=False)
        await over(desk)
        assert await self.asked(desk) == [(1, "over")]
        assert await self.asked(desk, 600) == []

    async def test_for_a_day_at_most(self, told: Desk) -> None:
        desk = told
        await over(desk)
        await desk.clock.advance(25 * 3600)
        assert await self.asked(desk) == []  # nor is an end of long ago news

    async def test_of_whom_nobody_was_told_nothing_is_said(self, grouping: Desk) -> None:
        desk = grouping
        desk.fall("6/1")
        await desk.poll()
        await desk.pass_by(10)
        await over(desk, 1)
        assert await self.asked(desk, 600) == []

    async def test_planned_work_keeps_it_quiet(self, told: Desk) -> None:
        desk = told
        await over(desk)
        await desk.flow.silence((Scope("CB 01"),), ANA, desk.clock.now() + timedelta(hours=2), "obra")
        assert await self.asked(desk, 100) == []

    async def test_a_small_one_rings_silently_and_nobody_is_reminded(self, told: Desk) -> None:
        desk = told
        desk.use(sound_from=100)
        await over(desk)
        assert await self.asked(desk) == [(1, "over")]
        assert await self.asked(desk, 100) == []


class TestWhatIsLeft:
    """Sends that are undone or in doubt."""

    async def asked(self, desk: Desk, minutes: float = 0) -> list[tuple[int, str]]:
        return await TestTheEndRings().asked(desk, minutes)

    async def test_an_interrupted_send_is_reminded_of_until_it_is_closed(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(resume_within=0, sound_from=100)
        desk.fall("6/1")
        await desk.poll()
        await desk.pass_by(10)
        await desk.flow.approve(1, ANA)
        await desk.restart()
        assert desk.case().state is CaseState.INTERRUPTED
        assert await self.asked(desk, 9) == []
        assert await self.asked(desk, 1) == [(1, "left_first")]
        assert await self.asked(desk, 20) == [(1, "left_second")]
        await desk.restart()  # interrupted as before
        assert await self.asked(desk, 30) == [(1, "left_escalated")]
        await desk.flow.close(1, ANA)
        assert await self.asked(desk, 300) == []

    async def test_so_is_the_news_that_broke_off(self, told: Desk) -> None:
        desk = told
        desk.use(resume_within=0)
        await over(desk)
        await self.asked(desk)
        await desk.flow.restore(1, ANA)
        await desk.restart()
        assert await self.asked(desk, 10) == [(-1, "left_first")]
        await desk.flow.resume(-1, ANA)
        await done(desk)
        assert len(news(desk)) == 6
        assert await self.asked(desk, 300) == []

    async def test_what_is_in_doubt_is_reminded_of_for_a_day(self, grouping: Desk) -> None:
        desk = grouping
        desk.fall("6/1")
        await desk.poll()
        await desk.pass_by(10)
        desk.gateway.always = AnswerLost("no_answer")
        await desk.approve()
        assert desk.case().state is CaseState.SENT
        assert await self.asked(desk, 10) == [(1, "left_first")]
        desk.use(remind_minutes=0)
        assert await self.asked(desk, 100) == []
        desk.use(remind_minutes=10)
        assert await self.asked(desk, 1) == [(1, "left_escalated")]
        await desk.clock.advance(24 * 3600)
        desk.ledger.book.cases[1].reminded = frozenset()
        assert [what for _, what in await self.asked(desk) if what.startswith("left")] == []

    async def test_what_was_taken_back_or_rests_for_long_is_not_kept_in_mind(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(group_seconds=0)
        desk.fall("6/1", "7/1")
        await desk.poll()
        await desk.pass_by(10)
        await desk.flow.approve(1, ANA)
        await desk.flow.cancel(1, ANA)
        assert list(desk.ledger.book.left) == []
        desk.gateway.always = AnswerLost("no_answer")
        await desk.approve(1)
        assert list(desk.ledger.book.left) == [1]
        await desk.clock.advance(25 * 3600)
        await desk.approve(2)
        assert list(desk.ledger.book.left) == [2]

    async def test_what_left_nothing_undone_is_not_looked_at_again(self, grouping: Desk) -> None:
        desk = grouping
        desk.fall("6/1")
        await desk.poll()
        await desk.pass_by(10)
        await desk.approve()
        assert list(desk.ledger.book.left) == []

    async def test_what_somebody_settled_is_not(self, grouping: Desk) -> None:
        desk = grouping
        desk.fall("6/1")
        await desk.poll()
        await desk.pass_by(10)
        desk.gateway.always = AnswerLost("no_answer")
        await desk.approve()
        expected = len(desk.case().dispatches[-1].in_doubt())
        await desk.flow.resolve(Choose(1, expected=expected), "sent", ANA)
        assert await self.asked(desk, 300) == []


class TestSmallOnes:
    async def asked(self, desk: Desk, minutes: float) -> list[tuple[int, str]]:
        return await TestTheEndRings().asked(desk, minutes)

    async def test_nobody_is_reminded_until_it_has_grown(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(sound_from=3, group_seconds=0)
        desk.source.incidents["1"] = incident(1, place="6/1", affected=2)
        await desk.poll()
        await desk.pass_by(10)
        desk.ledger.note(CardPosted(1, -100, 5))
        assert await self.asked(desk, 120) == []
        desk.source.incidents["1"] = incident(1, place="6/1", affected=3)
        await desk.poll()
        assert await self.asked(desk, 0) == [(1, "grown")]
        assert await self.asked(desk, 9) == []  # it waits for an answer from now on
        assert await self.asked(desk, 1) == [(1, "first")]
        await desk.flow.deny(1, ANA, "works")
        assert await self.asked(desk, 100) == []

    async def test_one_whose_plan_is_large_is_small_no_more(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(sound_from=3, group_seconds=0)
        desk.source.outage(incident(1, place="6/1", affected=2), 40)
        await desk.poll()
        await desk.pass_by(10)
        desk.ledger.note(CardPosted(1, -100, 5))
        await desk.approve()
        assert desk.case().grown is not None
        await desk.poll()
        assert await self.asked(desk, 0) == [(1, "grown")]
        assert await self.asked(desk, 10) == [(1, "first")]

    async def test_what_does_not_say_how_many_may_be_large(self, grouping: Desk) -> None:
        desk = grouping
        desk.use(sound_from=3, group_seconds=0)
        desk.source.incidents["1"] = incident(1, place="6/1", affected=None)
        await desk.poll()
        await desk.pass_by(10)
        assert await self.asked(desk, 10) == [(1, "first")]


@pytest.mark.bug("who was down again before their turn in a large dispatch was told that service is back")
async def test_who_is_down_again_before_their_turn_is_not_told_that_it_is_back(told: Desk) -> None:
    desk = told
    desk.use(sends=1)
    await over(desk)

    async def slowly() -> Receipt:
        await desk.clock.sleep(60)
        return Receipt(Outcome.ACCEPTED)

    desk.gateway.always = slowly
    await desk.flow.restore(1, ANA)
    await desk.clock.advance(desk.rules.undo_seconds + 90)
    last = desk.source.onus["2"][-1].serial
    desk.source.back.discard(last)
    await desk.clock.advance(7 * 60)
    await done(desk)
    assert len(news(desk)) == 5
    assert desk.tally(-1).outcomes == {Outcome.ACCEPTED: 5}
    assert desk.tally(-1).todo == 0


@pytest.mark.bug("a port that could not be read for a moment took the news from all of its people")
async def test_a_port_that_cannot_be_read_meanwhile_spares_nobody(told: Desk) -> None:
    desk = told
    desk.use(sends=1)
    await over(desk)

    async def slowly() -> Receipt:
        await desk.clock.sleep(60)
        return Receipt(Outcome.ACCEPTED)

    desk.gateway.always = slowly
    await desk.flow.restore(1, ANA)
    await desk.clock.advance(desk.rules.undo_seconds + 90)
    desk.source.unreadable.add("CB 01:6/2")
    await desk.clock.advance(7 * 60)
    await done(desk)
    assert len(news(desk)) == 6
