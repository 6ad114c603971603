"""A send in doubt that is repeated: no doubt is ever dropped, and nobody gets one that nobody chose."""

import asyncio
from datetime import datetime, timedelta

import pytest

from bot.domain.case import CaseState
from bot.domain.events import Evidence, Interrupted
from bot.domain.limits.cooldown import Contact
from bot.domain.phone import phone_key
from bot.domain.plan import Outcome, Receipt, Sent, Skip
from bot.errors import Declined, Throttled, TryLater
from bot.steps.unknown import Choose
from bot.storage.memory import MemoryLedger
from tests.fakes import ANA, BRUNO, NOON, incident, settled
from tests.steps.conftest import Desk
from tests.steps.test_unknown import ARRIVED, LOST, PHONES, in_doubt, listed

BAD_KEY = Receipt(Outcome.REJECTED, reason="sem autorizacao", halt="key")
ONE = Choose(1, "c100")


async def repeated_and_refused_late(desk: Desk, answer: Receipt | TryLater) -> None:
    """The repetition gets no answer in time, and then one that says no."""
    late = asyncio.Event()

    async def slow() -> Receipt:
        await late.wait()
        if isinstance(answer, TryLater):
            raise answer
        return answer

    desk.gateway.answers[PHONES[0]] = [slow]
    await desk.flow.resend(ONE, ANA)
    await settled()
    await desk.unanswered()
    await desk.finish()
    late.set()
    await settled()


@pytest.mark.bug(
    "a late no to a repeated send dropped the doubt about the first: the case could be approved again"
)
@pytest.mark.parametrize("answer", [TryLater("refused"), Receipt(Outcome.REJECTED, reason="bad number")])
async def test_a_late_no_to_the_repetition_leaves_the_first_in_doubt(
    desk: Desk, answer: Receipt | TryLater
) -> None:
    await in_doubt(desk, ARRIVED, customers=1)
    await repeated_and_refused_late(desk, answer)
    assert [r.id for r in desk.dispatch().in_doubt()] == ["c100"]
    assert desk.case().state is CaseState.SENT
    assert phone_key(PHONES[0]) in desk.ledger.book.contacts
    with pytest.raises(Declined, match="already_sent"):
        await desk.flow.approve(1, BRUNO)


async def test_nor_does_it_give_back_the_cooldown_of_another_case(desk: Desk) -> None:
    await in_doubt(desk, ARRIVED, customers=1)
    await desk.flow.release("CB 01:6/15", ANA, "test")
    desk.source.outage(incident(2), 1, first=300)
    await desk.poll()
    await desk.approve(2)
    await repeated_and_refused_late(desk, TryLater("refused"))
    assert "CB 01:6/15" in desk.ledger.book.reservations


@pytest.mark.bug("a repeated send that was lost, too, hid that the gateway's list had the first")
async def test_the_list_may_have_the_first_though_the_repetition_was_lost_later(desk: Desk) -> None:
    await in_doubt(desk, ARRIVED, customers=1)
    await desk.clock.advance(1200)
    desk.gateway.answers[PHONES[0]] = [RuntimeError(LOST)]
    await desk.flow.resend(ONE, ANA)
    await desk.finish()
    desk.gateway.listed = [listed(PHONES[0])]
    await desk.flow.ask_gateway()
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 1}
    assert desk.dispatch().to_repeat() == 0


async def test_a_third_send_keeps_both_doubts(desk: Desk) -> None:
    await in_doubt(desk, ARRIVED, customers=1)
    for _ in range(2):
        await desk.clock.advance(1200)
        desk.gateway.answers[PHONES[0]] = [RuntimeError(LOST)]
        await desk.flow.resend(ONE, ANA)
        await desk.finish()
    desk.gateway.answers[PHONES[0]] = [Receipt(Outcome.REJECTED, reason="bad number")]
    await desk.flow.resend(ONE, ANA)
    await desk.finish()
    progress = desk.dispatch().progress
    assert progress is not None
    assert len(progress.claims("c100")) == 3
    assert [r.id for r in desk.dispatch().in_doubt()] == ["c100"]


@pytest.mark.bug("a repeated send that broke off hid the doubt")
async def test_a_repetition_that_breaks_off_is_counted_and_still_asked_about(desk: Desk) -> None:
    await in_doubt(desk, ARRIVED, customers=1)
    desk.source.read_errors = [TryLater("http_502")] * 4
    await desk.flow.resend(ONE, ANA)
    await desk.clock.advance(60)
    assert desk.case().state is CaseState.INTERRUPTED
    assert (desk.tally().todo, desk.dispatch().to_repeat()) == (1, 1)
    assert desk.dispatch().reached
    desk.gateway.listed = [listed(PHONES[0])]
    await desk.flow.ask_gateway()
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 1}
    await desk.flow.resume(1, ANA)
    await desk.finish()
    assert desk.gateway.phones == [PHONES[0]]


async def test_a_crash_in_a_repetition_goes_on_by_itself_though_the_dispatch_once_broke_off(
    desk: Desk,
) -> None:
    await in_doubt(desk, ARRIVED, BAD_KEY, customers=2)
    assert desk.case().state is CaseState.INTERRUPTED
    await desk.flow.close(1, ANA)
    desk.limiter.closed = asyncio.Event()
    await desk.flow.resend(ONE, ANA)
    await settled()
    assert not desk.dispatch().broken
    await desk.restart()
    desk.limiter.closed = None
    await desk.poll()
    await desk.finish()
    assert desk.case().state is CaseState.SENT
    assert desk.gateway.phones.count(PHONES[0]) == 2


class TestTheGatewaysList:
    @pytest.mark.bug(
        "who came to rest while the list was read was marked as not on it, without having been asked about"
    )
    async def test_who_was_not_asked_about_is_not_marked(self, desk: Desk) -> None:
        """A long dispatch comes to rest while the list, asked for about another one, is being read."""
        desk.use(sends=1)
        hold, reading, began = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def lost_then_hold() -> Receipt:
            desk.limiter.closed = hold
            return ARRIVED

        desk.source.outage(incident(1, place="6/16"), 2, first=200)
        await desk.poll()
        desk.gateway.answers["5561992000200"] = [lost_then_hold]
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(20 * 60)
        row = Sent("900", "5561992000200", NOON + timedelta(seconds=6), "Entregue")
        desk.limiter.closed = None
        desk.source.outage(incident(2), 1)
        await desk.poll()
        desk.gateway.answers[PHONES[0]] = [ARRIVED]
        await desk.flow.approve(2, ANA)
        await desk.clock.advance(5)
        assert desk.case(1).state is CaseState.SENDING

        desk.gateway.listed = [row]
        plain = desk.gateway.sent

        async def slowly(first: datetime, last: datetime) -> list[Sent] | None:
            rows = await plain(first, last)
            began.set()
            await reading.wait()
            return rows

        desk.gateway.sent = slowly  # type: ignore[method-assign]
        job = asyncio.ensure_future(desk.flow.ask_gateway())
        await began.wait()
        hold.set()
        await desk.finish()
        assert desk.case(1).state is CaseState.SENT
        reading.set()
        await job
        progress = desk.dispatch(1).progress
        assert progress is not None
        assert progress.unlisted == {}
        await desk.flow.ask_gateway()
        assert progress.results["c200"].outcome is Outcome.ACCEPTED

    @pytest.mark.bug("doubts of half a year would have been asked about page by page, every five minutes")
    async def test_a_doubt_of_long_ago_is_left_to_people(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED, customers=1)
        await desk.clock.advance(49 * 3600)
        desk.gateway.listed = [listed(PHONES[0])]
        await desk.flow.ask_gateway()
        assert [r.id for r in desk.dispatch().in_doubt()] == ["c100"]
        assert not any(isinstance(line, Evidence) for _, line in desk.ledger.lines)

    async def test_a_closed_ledger_does_not_ask(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED, customers=1)

        async def sent(first: datetime, last: datetime) -> list[Sent] | None:
            raise AssertionError("asked for nothing")

        desk.gateway.sent = sent  # type: ignore[method-assign]
        desk.ledger.fail("the disk is full")
        await desk.flow.ask_gateway()


class TestTheBreaker:
    @pytest.mark.bug("the breaker's one trial could be spent on somebody who was spared")
    async def test_its_trial_is_not_spent_on_who_is_spared(self, desk: Desk) -> None:
        await in_doubt(desk, Receipt(Outcome.UNKNOWN, reason="http_302", halt="url"), customers=3)
        assert desk.case().state is CaseState.INTERRUPTED
        desk.ledger.book.contacts[phone_key(PHONES[1])] = Contact(desk.clock.now(), 99, ("elsewhere",))
        breaker = desk.flow._sender.breaker
        for _ in range(breaker.after):
            breaker.heard("refused")
        await desk.flow.resume(1, ANA)
        await desk.finish()
        assert desk.tally().skipped == {Skip.COOLDOWN: 1}
        assert desk.gateway.phones.count(PHONES[2]) == 1
        assert not breaker.open

    @pytest.mark.bug("a gateway that throttles was said to be away")
    async def test_a_gateway_that_throttles_is_there(self, desk: Desk) -> None:
        desk.source.outage(incident(), 1)
        await desk.poll()
        desk.gateway.answers[PHONES[0]] = [Throttled("throttled", 1.0)] * 3
        await desk.approve()
        assert desk.chat.codes == []
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 1}


@pytest.mark.bug(
    "a stop while a resumed dispatch reads its alert was written as an interruption after its end"
)
async def test_a_stop_while_a_resumed_dispatch_reads_its_alert_is_a_stop(desk: Desk) -> None:
    await in_doubt(desk, Receipt(Outcome.UNKNOWN, reason="http_302", halt="url"), customers=3)
    desk.source.gate = asyncio.Event()
    await desk.flow.resume(1, ANA)
    await settled()
    await desk.flow.stop(1, BRUNO)
    desk.source.gate.set()
    await desk.finish()
    dispatch = desk.dispatch()
    assert (dispatch.end, dispatch.ended_by, dispatch.broken) == ("stopped", BRUNO, False)
    assert sum(isinstance(line, Interrupted) for _, line in desk.ledger.lines) == 1


@pytest.mark.bug("a request cancelled inside an adapter left its dispatch sending until the next start")
async def test_a_request_that_is_cancelled_inside_an_adapter_is_unknown(desk: Desk) -> None:
    async def cancelled() -> Receipt:
        raise asyncio.CancelledError

    desk.source.outage(incident(), 2)
    await desk.poll()
    desk.gateway.answers[PHONES[0]] = [cancelled]
    await desk.approve()
    assert desk.tally().outcomes == {Outcome.UNKNOWN: 1, Outcome.ACCEPTED: 1}


@pytest.mark.bug("a start on a closed ledger showed sends going on")
async def test_a_start_on_a_closed_ledger_shows_no_send_going_on(desk: Desk) -> None:
    desk.use(sends=1)
    desk.source.outage(incident(), 2)
    await desk.poll()
    desk.gateway.block = asyncio.Event()
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(5)
    await desk.tasks.drain(0)
    desk.ledger = MemoryLedger(desk.clock, desk.ledger.lines)
    desk.ledger.fail("line 9 is damaged")
    desk.build()
    await desk.flow.start("test")
    assert desk.case().state is CaseState.INTERRUPTED
    assert desk.tally().outcomes == {Outcome.UNKNOWN: 1}
