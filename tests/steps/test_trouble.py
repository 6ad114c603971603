"""A gateway that fails in a row, what is wrong for everybody, a ledger that looks like an old copy."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.case import CaseState
from bot.domain.events import Abandoned, Confirmed, Interrupted
from bot.domain.plan import BROKEN_OFF, Outcome, Receipt
from bot.errors import Declined, TryLater
from bot.steps.send import claim
from bot.steps.unknown import Choose
from tests.fakes import ANA, BRUNO, NOON, incident, settled
from tests.steps.conftest import Desk

LOST = Receipt(Outcome.UNKNOWN, reason="no_answer")
BAD_KEY = Receipt(Outcome.REJECTED, reason="sem autorizacao", halt="key")


async def dispatched(desk: Desk, customers: int = 12, sends: int = 1) -> None:
    desk.use(sends=sends)
    desk.source.outage(incident(affected=customers), customers)
    await desk.poll()
    await desk.approve()


def phone(place: int) -> str:
    return f"556199{100 + place:03d}0{100 + place:03d}"


class TestBreaker:
    @pytest.mark.bug("a gateway that swallows answers was given every customer")
    async def test_five_lost_answers_in_a_row_stop_the_rest(self, desk: Desk) -> None:
        desk.gateway.always = LOST
        await dispatched(desk)
        assert len(desk.gateway.received) == 5
        assert desk.case().state is CaseState.INTERRUPTED
        assert (desk.dispatch().end_reason, desk.dispatch().mend) == ("no_answer", "gateway")
        assert desk.tally().outcomes == {Outcome.UNKNOWN: 5}
        assert desk.tally().todo == 7

    async def test_with_many_in_flight_only_those_are_lost(self, desk: Desk) -> None:
        desk.gateway.always = LOST
        await dispatched(desk, customers=60, sends=10)
        assert 5 <= len(desk.gateway.received) <= 5 + 10

    async def test_an_answer_in_between_keeps_it_closed(self, desk: Desk) -> None:
        for place in range(12):
            if place % 5 != 4:
                desk.gateway.answers[phone(place)] = [LOST]
        await dispatched(desk)
        assert desk.case().state is CaseState.SENT
        assert desk.tally().outcomes == {Outcome.UNKNOWN: 10, Outcome.ACCEPTED: 2}

    @pytest.mark.bug("a machine that was lost with five messages stopped the sending of all others")
    async def test_a_machine_that_is_lost_with_them_is_none_of_the_gateways(self, desk: Desk) -> None:
        desk.gateway.always = BROKEN_OFF
        await dispatched(desk)
        assert (len(desk.gateway.received), desk.flow.gateway_left_alone) == (12, False)
        assert desk.case().state is CaseState.SENT
        assert desk.tally().outcomes == {Outcome.UNKNOWN: 12}

    async def test_after_it_one_alone_tries_first(self, desk: Desk) -> None:
        desk.gateway.always = LOST
        await dispatched(desk, sends=4)
        before = len(desk.gateway.received)
        assert desk.flow.gateway_left_alone
        await desk.flow.resume(1, BRUNO)
        await desk.finish()
        assert len(desk.gateway.received) == before + 1
        assert desk.case().state is CaseState.INTERRUPTED
        desk.gateway.always = None
        await desk.flow.resume(1, BRUNO)
        await desk.finish()
        assert not desk.flow.gateway_left_alone
        assert desk.case().state is CaseState.SENT
        assert desk.tally().outcomes == {Outcome.UNKNOWN: before + 1, Outcome.ACCEPTED: 11 - before}
        assert len(set(desk.gateway.phones)) == len(desk.gateway.phones) == 12

    async def test_it_holds_for_every_dispatch_of_the_gateway(self, desk: Desk) -> None:
        desk.gateway.always = LOST
        await dispatched(desk)
        desk.source.outage(incident(2, place="6/16"), 12, first=200)
        await desk.poll()
        await desk.approve(2)
        assert len(desk.gateway.received) == 6
        assert desk.case(2).state is CaseState.INTERRUPTED

    async def test_one_that_never_reaches_the_gateway_gives_the_cooldown_back(self, desk: Desk) -> None:
        desk.gateway.always = TryLater("refused")
        await dispatched(desk)
        assert desk.case().state is CaseState.NOBODY
        assert (desk.dispatch().end, desk.dispatch().mend) == ("halted", "gateway")
        assert desk.ledger.book.reservations == {}
        assert desk.tally().outcomes == {Outcome.FAILED: 12}

    async def test_who_could_not_be_sent_to_is_taken_up_again_by_a_person(self, desk: Desk) -> None:
        for place in range(1, 12):
            desk.gateway.answers[phone(place)] = [TryLater("refused")] * 4
        await dispatched(desk)
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 1, Outcome.FAILED: 4}
        assert desk.tally().todo == 7
        desk.gateway.answers.clear()
        await desk.flow.resume(1, ANA)
        await desk.finish()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 12}
        assert len(desk.gateway.received) == 12

    async def test_the_last_one_ends_the_dispatch_all_the_same(self, desk: Desk) -> None:
        desk.gateway.always = LOST
        await dispatched(desk, customers=5)
        assert desk.case().state is CaseState.SENT
        assert desk.dispatch().end == "done"

    async def test_a_single_one_that_fails_while_it_is_open_is_still_to_do(self, desk: Desk) -> None:
        desk.gateway.always = LOST
        await dispatched(desk)
        desk.gateway.always = TryLater("refused")
        desk.source.outage(incident(2, place="6/16"), 1, first=200)
        await desk.poll()
        await desk.approve(2)
        assert desk.case(2).state is CaseState.NOBODY
        assert desk.dispatch(2).mend == "gateway"


class TestWhatIsWrongForEverybody:
    @pytest.mark.bug("a key refused in mid-send ended the dispatch: the rest could never be told")
    async def test_a_key_refused_in_mid_send_leaves_the_rest_to_do(self, desk: Desk) -> None:
        desk.gateway.answers[phone(3)] = [BAD_KEY]
        await dispatched(desk)
        assert len(desk.gateway.received) == 4  # the fourth was refused, not delivered
        assert desk.case().state is CaseState.INTERRUPTED
        assert (desk.dispatch().end_reason, desk.dispatch().mend) == ("sem autorizacao", "key")
        assert desk.tally().todo == 9
        assert [line for _, line in desk.ledger.lines if isinstance(line, Abandoned | Interrupted)] == [
            Abandoned(1, "c103", "sem autorizacao"),
            Interrupted(1, "sem autorizacao", "key"),
        ]
        assert desk.ledger.book.audit[-1].line == Interrupted(1, "sem autorizacao", "key")
        assert desk.chat.said[-1].code == "halted"
        assert desk.chat.said[-1].facts == {
            "case": 1,
            "port": incident().port,
            "reason": "sem autorizacao",
            "mend": "key",
        }
        await desk.flow.resume(1, ANA)
        await desk.finish()
        assert desk.dispatch().mend is None
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 12}

    async def test_a_redirect_may_have_been_taken(self, desk: Desk) -> None:
        desk.gateway.answers[phone(0)] = [Receipt(Outcome.UNKNOWN, reason="http_302", halt="url")]
        await dispatched(desk)
        assert desk.tally().outcomes == {Outcome.UNKNOWN: 1}
        assert desk.dispatch().mend == "url"

    @pytest.mark.bug("a refusal of the key that came late stopped nothing")
    @pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.UNKNOWN])
    async def test_a_refusal_that_comes_late_stops_the_rest_too(self, desk: Desk, outcome: Outcome) -> None:
        late = asyncio.Event()

        async def slow() -> Receipt:
            await late.wait()
            return Receipt(outcome, halt="key")

        desk.use(sends=1)
        desk.source.outage(incident(), 3)
        await desk.poll()
        desk.gateway.answers[phone(0)] = [slow]
        desk.limiter.closed = asyncio.Event()
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        desk.limiter.closed.set()
        await settled()
        desk.limiter.closed = asyncio.Event()
        await desk.unanswered()
        late.set()
        await settled()
        assert len(desk.gateway.received) == 1
        expected = Outcome.FAILED if outcome is Outcome.REJECTED else Outcome.UNKNOWN
        assert desk.tally().outcomes[expected] >= 1
        assert (desk.dispatch().end_reason, desk.dispatch().mend) == ("refused", "key")

    async def test_an_interrupted_one_can_be_closed(self, desk: Desk) -> None:
        desk.gateway.answers[phone(3)] = [BAD_KEY]
        await dispatched(desk)
        await desk.flow.close(1, BRUNO)
        assert desk.case().state is CaseState.SENT
        assert desk.tally().todo == 0


class TestOldLedger:
    async def start_after(self, desk: Desk, **gap: float) -> None:
        lines = list(desk.ledger.lines)
        await desk.clock.advance(timedelta(**gap).total_seconds())
        await desk.restart(lines)

    @pytest.mark.parametrize(
        ("gap", "old"), [({"minutes": 60}, False), ({"minutes": 60, "seconds": 1}, True)]
    )
    async def test_a_ledger_that_ends_an_hour_ago_may_be_an_old_copy(
        self, desk: Desk, gap: dict[str, float], *, old: bool
    ) -> None:
        await self.start_after(desk, **gap)
        assert (desk.ledger.book.unconfirmed == NOON) is old
        assert desk.chat.codes == (["unconfirmed"] if old else [])

    async def test_not_after_a_clean_stop_nor_on_an_empty_folder(self, desk: Desk) -> None:
        await desk.flow.stopped()
        await self.start_after(desk, days=30)
        assert desk.ledger.book.unconfirmed is None
        fresh = Desk()
        await fresh.restart([])
        assert fresh.ledger.book.unconfirmed is None

    async def test_it_shows_outages_and_sends_nothing(self, desk: Desk) -> None:
        desk.use(sends=1)
        desk.source.outage(incident())
        await desk.poll()
        desk.gateway.block = asyncio.Event()
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        desk.source.outage(incident(2, place="6/16"), first=200)
        await self.start_after(desk, hours=2)
        desk.gateway.block, desk.gateway.received = None, []
        await desk.poll()
        assert desk.case(2).state is CaseState.WAITING
        with pytest.raises(Declined, match="unconfirmed"):
            await desk.flow.approve(2, ANA)
        with pytest.raises(Declined, match="unconfirmed"):
            await desk.flow.resume(1, ANA)
        await desk.flow.close(1, ANA)
        with pytest.raises(Declined, match="unconfirmed"):
            await desk.flow.resend(Choose(1, expected=1), ANA)
        await desk.flow.deny(2, ANA, "other")
        assert desk.gateway.received == []

    async def test_another_restart_does_not_confirm_it(self, desk: Desk) -> None:
        await self.start_after(desk, hours=2)
        await desk.restart()
        await desk.flow.stopped()
        await desk.restart()
        assert desk.ledger.book.unconfirmed == NOON

    async def test_an_approver_confirms_and_it_sends(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        await self.start_after(desk, hours=2)
        await desk.poll()
        desk.chat.shown.clear()
        await desk.flow.confirm(BRUNO)
        assert desk.chat.shown == [1]
        assert desk.ledger.book.audit[-1].line == Confirmed(BRUNO)
        with pytest.raises(Declined, match="nothing_to_confirm"):
            await desk.flow.confirm(ANA)
        await desk.approve()
        assert len(desk.gateway.received) == 3

    async def test_even_a_claim_is_refused(self, desk: Desk) -> None:
        await dispatched(desk, customers=3)
        desk.gateway.block = asyncio.Event()
        desk.source.outage(incident(2, place="6/16"), 3, first=200)
        await desk.poll()
        await desk.flow.approve(2, ANA)
        await desk.clock.advance(5)
        desk.ledger.book.unconfirmed = NOON
        with pytest.raises(Declined, match="unconfirmed"):
            await desk.ledger.commit(claim(2, 1, "c202", desk.rules))
        desk.gateway.block.set()
        await settled()
        assert len(desk.gateway.received) == 4

    async def test_a_clock_set_back_is_no_old_ledger(self, desk: Desk) -> None:
        desk.clock.time -= timedelta(days=2)
        await desk.restart(list(desk.ledger.lines))
        assert desk.ledger.book.unconfirmed is None

    async def test_a_closed_ledger_needs_no_sign_of_life(self, desk: Desk) -> None:
        desk.ledger.fail("the disk is full")
        desk.flow.alive()
        assert desk.ledger.closed == "the disk is full"


async def test_a_closed_ledger_is_not_to_be_confirmed(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    await desk.clock.advance(7200)
    desk.ledger.fail("damaged")
    desk.chat.said.clear()
    await desk.flow.start("test")
    assert desk.ledger.book.unconfirmed is not None
    assert "unconfirmed" not in desk.chat.codes
