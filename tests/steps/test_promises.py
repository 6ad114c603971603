"""Ways in which somebody might have got two, or been lost, that a reader found once."""

import asyncio
from collections.abc import Sequence

import pytest

from bot.domain.book import Book
from bot.domain.case import CaseState
from bot.domain.customer import NO_SERIAL, Affected, Link, Onu
from bot.domain.events import (
    Alive,
    Approved,
    CaseOpened,
    Interrupted,
    Line,
    Planned,
    Resumed,
    Settled,
    Spared,
    StopAsked,
    TapRefused,
)
from bot.domain.incident import Kind
from bot.domain.plan import Outcome, Receipt, Recipient, Skip
from bot.errors import Declined, TryLater
from bot.flow.ahead import LookAhead
from bot.ports import Write
from bot.steps.gate import spare
from bot.steps.send import claim
from bot.steps.settle import interrupt, settle
from tests.fakes import ANA, BRUNO, NOON, incident, settled
from tests.steps.conftest import Desk

DAY = 24 * 3600


async def sending(desk: Desk, customers: int = 4, sends: int = 2, **changes: object) -> None:
    """Approved, and the first `sends` are in flight."""
    desk.use(sends=sends, **changes)
    desk.source.outage(incident(), customers)
    await desk.poll()
    desk.gateway.block = asyncio.Event()
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(5)


async def crash(desk: Desk) -> None:
    """A crash before anything in flight arrived anywhere."""
    lines = list(desk.ledger.lines)
    await desk.restart([*lines, (desk.clock.now(), Alive())])
    desk.gateway.block = None
    desk.gateway.received.clear()


class TestRehearsals:
    @pytest.mark.bug("an interrupted rehearsal went on for real")
    async def test_an_interrupted_rehearsal_never_goes_on_for_real(self, desk: Desk) -> None:
        await sending(desk, dry_run=True)
        await crash(desk)
        desk.use(dry_run=False)
        await desk.poll()
        with pytest.raises(Declined, match="other_mode"):
            await desk.flow.resume(1, ANA)
        assert desk.gateway.received == []
        await desk.flow.close(1, ANA)
        await desk.approve()
        assert len(desk.gateway.received) == 4
        assert len(desk.ledger.book.contacts) == 4

    async def test_an_interrupted_send_is_not_rehearsed_to_its_end(self, desk: Desk) -> None:
        await sending(desk)
        await crash(desk)
        desk.use(dry_run=True)
        await desk.poll()
        assert desk.case().state is CaseState.INTERRUPTED
        assert desk.gateway.received == []

    async def test_what_was_rehearsed_may_be_approved_for_real(self, desk: Desk) -> None:
        desk.use(dry_run=True)
        desk.source.outage(incident())
        await desk.poll()
        await desk.approve()
        assert desk.case().state is CaseState.REHEARSED
        desk.use(dry_run=False)
        await desk.approve()
        assert desk.case().state is CaseState.SENT
        assert len(desk.gateway.received) == 6  # three of them to the pretend gateway of the rehearsal


class TestResume:
    @pytest.mark.bug("an interrupted case lost its port after 24 h")
    async def test_a_running_case_keeps_its_port_however_long_it_is_interrupted(self, desk: Desk) -> None:
        await sending(desk)
        await desk.clock.advance(2 * DAY)
        await crash(desk)
        desk.source.outage(incident(2, Kind.POWER), 4)
        await desk.poll()
        with pytest.raises(Declined, match="port_busy"):
            await desk.flow.approve(2, BRUNO)

    @pytest.mark.bug("who was told through another port while a dispatch was interrupted was told again")
    async def test_who_was_told_through_another_port_meanwhile_is_spared(self, desk: Desk) -> None:
        await sending(desk)
        await crash(desk)
        await desk.clock.advance(2 * DAY)
        desk.source.outage(incident(2, place="6/16"), 4)  # the same four customers
        await desk.poll()
        await desk.approve(2)
        assert len(desk.gateway.received) == 2, "two may have one of this very outage"
        assert desk.tally(2).skipped == {Skip.TOLD: 2}
        await desk.flow.resume(1, BRUNO)
        await desk.finish()
        assert len(desk.gateway.received) == 2
        assert desk.tally(1).skipped == {Skip.COOLDOWN: 2}
        assert desk.dispatch(1).resumed_by == BRUNO

    @pytest.mark.bug(
        "who could not be sent to and was then told through another port was told again by *Retomar*"
    )
    async def test_who_failed_and_was_told_through_another_port_meanwhile_is_spared(self, desk: Desk) -> None:
        desk.use(sends=1, send_tries=1)
        desk.source.outage(incident())
        await desk.poll()
        first, _, third = (f"55619{n}" for n in ("91000100", "91010101", "91020102"))
        bad_key = Receipt(Outcome.REJECTED, reason="sem autorizacao", halt="key")
        desk.gateway.answers = {first: [TryLater("refused")], third: [bad_key]}
        await desk.approve()
        assert desk.case().state is CaseState.INTERRUPTED
        desk.source.outage(incident(2, place="6/16"))  # the same three customers
        await desk.poll()
        await desk.approve(2)
        assert desk.gateway.phones.count(first) == 1
        await desk.flow.resume(1, BRUNO)
        await desk.finish()
        assert desk.gateway.phones.count(first) == 1
        assert desk.tally(1).skipped == {Skip.COOLDOWN: 1}

    @pytest.mark.bug("the cooldown counted from the tap, not from the send")
    async def test_the_cooldown_counts_from_the_send_not_from_the_tap(self, desk: Desk) -> None:
        await sending(desk)
        await crash(desk)
        await desk.clock.advance(DAY - 600)
        await desk.poll()
        await desk.flow.resume(1, ANA)
        await desk.finish()
        assert len(desk.gateway.received) == 2
        desk.use(reopen_minutes=0)  # else the next one would continue its case
        desk.source.repair(1)
        desk.source.outage(incident(2), 4)
        await desk.clock.advance(1200)
        await desk.poll()
        with pytest.raises(Declined, match="cooldown"):
            await desk.flow.approve(2, ANA)

    async def test_an_outage_that_is_over_is_not_resumed(self, desk: Desk) -> None:
        await sending(desk)
        await crash(desk)
        desk.source.repair(1)
        await desk.poll()
        with pytest.raises(Declined, match="over"):
            await desk.flow.resume(1, ANA)
        assert desk.gateway.received == []

    @pytest.mark.bug("a resumed dispatch told who was back online")
    async def test_who_is_back_online_by_then_is_spared(self, desk: Desk) -> None:
        await sending(desk)
        await crash(desk)
        onus = desk.source.onus["1"]
        onus[3] = type(onus[3])(onus[3].serial, onus[3].client_id, onus[3].name, Link.ONLINE)
        await desk.poll()
        await desk.finish()
        assert desk.tally().skipped == {Skip.ONLINE: 1}
        assert desk.tally().outcomes == {Outcome.UNKNOWN: 2, Outcome.ACCEPTED: 1}

    @pytest.mark.bug("a resumed dispatch did not see that its alert reads as over")
    async def test_an_alert_that_reads_as_over_when_resumed_sends_nothing_more(self, desk: Desk) -> None:
        await sending(desk)
        await crash(desk)
        desk.source.over.add("1")
        await desk.poll()
        await desk.finish()
        assert desk.gateway.received == []
        assert desk.tally().skipped == {Skip.OVER: 2}
        assert desk.dispatch().end == "done"

    @pytest.mark.bug("who was spared and never told could not be told through another port for 24 h")
    async def test_who_was_spared_and_never_told_may_be_told_through_another_port(self, desk: Desk) -> None:
        await sending(desk)
        await crash(desk)
        onus = desk.source.onus["1"]
        onus[3] = type(onus[3])(onus[3].serial, onus[3].client_id, onus[3].name, Link.ONLINE)
        await desk.poll()
        await desk.finish()
        assert desk.tally().skipped == {Skip.ONLINE: 1}
        desk.source.outage(incident(2, place="6/16"), 4)
        await desk.poll()
        await desk.approve(2)
        assert desk.tally(2).skipped == {Skip.COOLDOWN: 3}
        assert desk.tally(2).outcomes == {Outcome.ACCEPTED: 1}

    async def test_an_alert_that_cannot_be_read_again_waits_for_a_person(self, desk: Desk) -> None:
        await sending(desk)
        await crash(desk)
        desk.source.read_errors = [TryLater("http_502")] * 4
        await desk.poll()
        await desk.clock.advance(60)
        assert desk.case().state is CaseState.INTERRUPTED
        assert desk.gateway.received == []
        await desk.poll()  # it does not try for ever by itself
        assert sum(isinstance(line, Resumed) for _, line in desk.ledger.lines) == 1
        await desk.flow.resume(1, BRUNO)
        await desk.finish()
        assert len(desk.gateway.received) == 2

    async def test_everything_sent_and_only_the_end_not_written(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        await desk.approve()
        lines = [entry for entry in desk.ledger.lines if not isinstance(entry[1], Settled)]
        await desk.restart(lines)
        assert desk.case().state is CaseState.SENT
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 3}

    async def test_a_stop_that_a_start_completes_is_in_the_audit(self, desk: Desk) -> None:
        await sending(desk)
        await desk.flow.stop(1, BRUNO)
        await crash(desk)
        ends = [entry.line for entry in desk.ledger.book.audit if isinstance(entry.line, StopAsked | Settled)]
        assert [type(line) for line in ends] == [StopAsked, Settled]


class TestHalt:
    @pytest.mark.bug("requests left after a stop, from a wait between tries")
    async def test_no_request_leaves_after_a_stop_even_in_a_pause(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        desk.limiter.closed = asyncio.Event()
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        await desk.flow.stop(1, ANA)
        await settled()
        assert desk.case().state is CaseState.NOBODY  # at once, not when the pause is over
        desk.limiter.closed.set()
        await settled()
        assert desk.gateway.received == []

    async def test_whose_turn_comes_with_the_stop_does_not_leave_and_gives_the_place_back(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.source.outage(incident(), 1)
        await desk.poll()
        desk.limiter.closed = asyncio.Event()
        desk.limiter.closed.set()  # it has to be asked
        acquire = desk.limiter.acquire

        async def with_the_stop() -> None:
            await acquire()
            desk.flow.drain()

        monkeypatch.setattr(desk.limiter, "acquire", with_the_stop)
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        assert desk.limiter.heard == [(None, False)]
        assert desk.gateway.received == []
        assert desk.dispatch().sends.intents == {}

    async def test_no_try_leaves_after_a_stop_in_the_pause_before_it(self, desk: Desk) -> None:
        desk.source.outage(incident(), 1)
        await desk.poll()
        desk.gateway.answers["5561991000100"] = [TryLater("throttled", retry_after=7)]
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        desk.limiter.closed = asyncio.Event()
        await desk.clock.advance(8)
        await desk.flow.stop(1, ANA)
        desk.limiter.closed.set()
        await settled()
        assert desk.gateway.received == []
        assert desk.tally().skipped == {Skip.STOPPED: 1}

    async def test_a_bad_key_stops_the_repetitions_of_others_too(self, desk: Desk) -> None:
        desk.use(sends=2)
        desk.source.outage(incident(), 2)
        await desk.poll()
        desk.gateway.answers["5561991000100"] = [TryLater("refused")]
        desk.gateway.answers["5561991010101"] = [Receipt(Outcome.REJECTED, reason="key", halt="key")]
        await desk.approve()
        assert desk.gateway.phones == ["5561991010101"]
        assert desk.tally().outcomes == {Outcome.FAILED: 2}
        assert (desk.dispatch().end_reason, desk.dispatch().mend) == ("key", "key")

    @pytest.mark.bug("a long `Retry-After` froze every dispatch")
    async def test_a_retry_after_beyond_all_patience_ends_the_dispatch(self, desk: Desk) -> None:
        desk.use(sends=1)
        desk.source.outage(incident(), 3)
        await desk.poll()
        desk.gateway.always = TryLater("throttled", retry_after=3600)
        await desk.approve()
        assert desk.limiter.pauses == []
        assert (desk.dispatch().end, desk.dispatch().end_reason) == ("halted", "throttled")
        assert desk.tally().outcomes == {Outcome.FAILED: 3}
        assert desk.case().state is CaseState.NOBODY

    async def test_a_look_up_does_not_wait_for_hours(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        desk.source.customer_errors["101"] = [TryLater("throttled", retry_after=86_400)]
        await desk.approve()
        assert desk.tally().skipped == {Skip.LOOKUP_FAILED: 1}

    @pytest.mark.bug("those in backoff at a stop of the program counted as failed")
    async def test_those_in_backoff_at_a_stop_of_the_program_go_on_at_the_next_start(
        self, desk: Desk
    ) -> None:
        desk.source.outage(incident())
        await desk.poll()
        desk.gateway.always = TryLater("refused")
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        desk.flow.drain()
        assert await desk.tasks.drain(5) == 0
        desk.gateway.always = None
        await desk.restart()
        await desk.poll()
        await desk.finish()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 3}
        assert len(desk.gateway.received) == 3

    async def test_a_halt_by_the_gateway_ends_the_dispatch_even_while_stopping(self, desk: Desk) -> None:
        await sending(desk, customers=4, sends=1)
        desk.gateway.answers["5561991000100"] = [Receipt(Outcome.REJECTED, reason="key", halt="key")]
        desk.flow.drain()
        assert desk.gateway.block is not None
        desk.gateway.block.set()
        assert await desk.tasks.drain(5) == 0
        assert desk.dispatch().end == "halted"


class TestClaims:
    async def test_an_intent_is_written_once_and_only_while_sending(self, desk: Desk) -> None:
        await sending(desk)
        for attempt, recipient in ((1, "c100"), (2, "c102")):
            with pytest.raises(Declined, match="not_running"):
                await desk.ledger.commit(claim(1, attempt, recipient, desk.rules))
        await desk.flow.stop(1, ANA)
        with pytest.raises(Declined, match="not_running"):
            await desk.ledger.commit(claim(1, 1, "c102", desk.rules))

    async def test_a_dispatch_that_ended_is_neither_settled_nor_broken_off_again(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        await desk.approve()
        affected = await desk.source.affected("1")
        for rule in (settle(1, 1), interrupt(1, 1), spare(1, 1, affected)):
            with pytest.raises(Declined, match="not_running"):
                await desk.ledger.commit(rule)

    async def test_a_claim_refused_in_mid_send_sends_nothing(self, desk: Desk) -> None:
        await sending(desk, customers=3, sends=1)
        await desk.ledger.commit(lambda _book, _now: [StopAsked(1, ANA)])  # durable, and not yet heard of
        assert desk.gateway.block is not None
        desk.gateway.block.set()
        await desk.finish()
        assert len(desk.gateway.received) == 1


class TestBreaks:
    async def test_a_bug_in_the_look_ups_gives_up_and_may_be_tried_again(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        desk.source.customer_errors["101"] = [RuntimeError("a bug")]
        await desk.approve()
        assert (desk.dispatch().end, desk.dispatch().end_reason) == ("unread", "error")
        await desk.approve()
        assert len(desk.gateway.received) == 3

    @pytest.mark.bug("a bug in mid-send left a case that nobody could go on with")
    async def test_a_bug_in_mid_send_asks_a_person(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.use(sends=1)
        desk.source.outage(incident())
        await desk.poll()
        acquire, calls = desk.limiter.acquire, iter(range(9))

        async def broken() -> None:
            if next(calls) == 1:
                raise RuntimeError("a bug")
            await acquire()

        monkeypatch.setattr(desk.limiter, "acquire", broken)
        show = desk.chat.show

        def broken_show(case: int, *, urgent: bool = False) -> None:
            if not urgent and len(desk.gateway.received) == 1:
                raise RuntimeError("a bug")
            show(case, urgent=urgent)

        monkeypatch.setattr(desk.chat, "show", broken_show)
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        assert any(isinstance(line, Interrupted) for _, line in desk.ledger.lines)
        assert desk.case().state is CaseState.INTERRUPTED
        monkeypatch.undo()
        await desk.flow.resume(1, BRUNO)
        await desk.finish()
        assert len(desk.gateway.received) == 3
        assert sorted(desk.gateway.phones) == sorted(set(desk.gateway.phones))

    async def test_a_bug_in_the_pace_asks_a_person(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.source.outage(incident())
        await desk.poll()
        desk.limiter.closed = asyncio.Event()

        async def broken() -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(desk.limiter, "acquire", broken)
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        assert desk.case().state is CaseState.INTERRUPTED
        assert desk.gateway.received == []
        desk.limiter.closed = None
        await desk.flow.resume(1, BRUNO)
        await desk.finish()
        assert len(desk.gateway.received) == 3

    @pytest.mark.bug("an error nobody named in one send left the others running behind its end")
    async def test_a_bug_in_one_send_lets_the_others_land_before_it_breaks_off(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.use(sends=2)
        desk.source.outage(incident())
        await desk.poll()
        desk.gateway.block = asyncio.Event()
        commit, bugs = desk.ledger.commit, iter(["a bug"])

        async def broken(write: Write) -> Sequence[Line]:
            if desk.gateway.in_flight and next(bugs, None):
                raise RuntimeError("a bug")
            return await commit(write)

        monkeypatch.setattr(desk.ledger, "commit", broken)
        desk.limiter.closed = asyncio.Event()
        desk.limiter.closed.set()  # it has to be asked, and lets everybody through
        slow = desk.limiter.acquire
        turns = iter(range(9))

        async def one_after_the_other() -> None:
            if next(turns):
                await settled()
            await slow()

        monkeypatch.setattr(desk.limiter, "acquire", one_after_the_other)
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        for _ in range(3):
            await settled()
        assert next(bugs, None) is None
        assert desk.case().state is CaseState.SENDING
        desk.gateway.block.set()
        await settled()
        assert desk.case().state is CaseState.INTERRUPTED
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 1}
        assert desk.tally().todo == 2
        await desk.flow.ask_gateway()

    @pytest.mark.bug("a kind that the source changed after the tap sent the other template")
    async def test_the_template_is_what_was_decided_on(self, desk: Desk) -> None:
        desk.source.outage(incident(kind=Kind.LOS))
        await desk.poll()
        await desk.flow.approve(1, ANA)
        desk.source.incidents["1"] = incident(kind=Kind.POWER)
        await desk.poll()
        await desk.clock.advance(5)
        await desk.finish()
        assert {m.template for m in desk.gateway.received} == {"LOS"}


class TestNotices:
    @pytest.mark.bug("a row without an id ended outages that were on")
    async def test_a_row_without_an_id_ends_nothing_and_stops_nothing(self, desk: Desk) -> None:
        desk.source.outage(incident(1))
        await desk.poll()
        desk.source.unlist(1)
        desk.source.nameless = 1
        await desk.poll()
        await desk.poll()
        assert desk.case().ended_at is None
        assert desk.chat.codes == []
        assert desk.flow.source_health.failures == 0
        desk.source.nameless = 0
        desk.source.repaired.add("1")
        await desk.poll()
        assert desk.case().ended_at is not None

    async def test_a_gateway_that_is_away_is_said_once_and_so_is_its_return(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        desk.gateway.always = TryLater("refused")
        await desk.approve()
        assert desk.chat.codes == ["gateway_down"]
        assert desk.flow.gateway_health.error == "refused"
        assert desk.flow.gateway_health.since == NOON.replace(second=5)
        desk.gateway.always = None
        await desk.approve()
        assert desk.chat.codes == ["gateway_down", "gateway_up"]
        assert desk.flow.gateway_health.failures == 0

    async def test_a_repeated_refusal_makes_one_line_in_ten_minutes(self, desk: Desk) -> None:
        for _ in range(100):
            desk.flow.refused(BRUNO, "status", "not_allowed")
        desk.flow.refused(ANA, "status", "not_allowed")
        assert sum(isinstance(line, TapRefused) for _, line in desk.ledger.lines) == 2
        await desk.clock.advance(601)
        desk.flow.refused(BRUNO, "status", "not_allowed")
        assert sum(isinstance(line, TapRefused) for _, line in desk.ledger.lines) == 3

    async def test_a_released_port_is_shown_on_its_cards(self, desk: Desk) -> None:
        desk.source.outage(incident(1))
        desk.source.outage(incident(2, place="6/16"))
        await desk.poll()
        await desk.approve(1)
        desk.chat.shown.clear()
        await desk.flow.release("CB 01:6/15", ANA, "test")
        assert desk.chat.shown == [1]

    async def test_whether_a_case_may_be_decided_can_be_asked(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        await desk.flow.check_undecided(1)
        await desk.flow.deny(1, ANA, "other")
        with pytest.raises(Declined, match="already_denied"):
            await desk.flow.check_undecided(1)

    async def test_details_asked_for_while_stopping_end_with_it(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        desk.source.gate = asyncio.Event()
        asked = asyncio.ensure_future(desk.flow.details(1))
        await settled()
        desk.flow.drain()
        with pytest.raises(asyncio.CancelledError):
            await asked

    async def test_a_closed_ledger_is_no_crash_for_what_goes_on_by_itself(self, desk: Desk) -> None:
        await sending(desk)
        await crash(desk)
        desk.ledger.fail("the disk is broken")
        await desk.poll()
        assert desk.case().state is CaseState.INTERRUPTED
        assert desk.gateway.received == []

    async def test_a_decision_names_the_dispatch_it_is_about(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        await desk.flow.approve(1, ANA)
        await desk.flow.cancel(1, BRUNO)
        await desk.approve()
        desk.flow.refused(BRUNO, "approve", "already_sent", 1)
        book = desk.ledger.book
        about = [book.dispatch_of(entry) for entry in book.audit]
        assert [d.attempt if d else 0 for d in about] == [1, 1, 2, 2, 0]


class TestALongSend:
    """Seven at a minute each: what was read when it was approved is old by the end."""

    async def _begun(self, desk: Desk) -> None:
        desk.use(sends=1)
        desk.source.outage(incident(), 7)
        await desk.poll()

        async def slowly() -> Receipt:
            await desk.clock.sleep(60)
            return Receipt(Outcome.ACCEPTED)

        desk.gateway.always = slowly
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(desk.rules.undo_seconds + 90)
        onus = desk.source.onus["1"]
        onus[6] = onus[6]._replace(link=Link.ONLINE)

    @pytest.mark.bug("who was back online long before their turn in a large dispatch was told all the same")
    async def test_who_is_back_online_before_their_turn_gets_nothing(self, desk: Desk) -> None:
        await self._begun(desk)
        await desk.clock.advance(60)
        await desk.clock.advance(7 * 60)
        await desk.finish()
        assert desk.tally().skipped == {Skip.ONLINE: 1}
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 6}
        assert len(desk.gateway.received) == 6

    async def test_an_alert_that_cannot_be_read_then_spares_nobody(self, desk: Desk) -> None:
        await self._begun(desk)
        desk.source.unreadable.add("1")
        await desk.clock.advance(8 * 60)
        await desk.finish()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 7}

    async def test_one_that_ended_while_it_was_read_is_left_alone(self, desk: Desk) -> None:
        await self._begun(desk)
        await desk.flow.stop(1, ANA)
        await desk.clock.advance(8 * 60)
        await desk.finish()
        assert desk.dispatch().end == "stopped"
        assert desk.tally().todo == 0

    @pytest.mark.bug("an alert that another took the place of had ended the message of everybody left")
    async def test_an_alert_whose_place_another_took_spares_nobody(self, desk: Desk) -> None:
        await self._begun(desk)
        onus = desk.source.onus["1"]
        onus[6] = onus[6]._replace(link=Link.LOS)
        desk.source.repair(1)
        desk.source.incidents["2"] = incident(2, Kind.POWER, affected=7, started=desk.clock.now())
        desk.source.onus["2"] = [onu._replace(link=Link.POWER) for onu in onus]
        await desk.pass_by(8 * 60)
        await desk.finish()
        assert len(desk.gateway.received) == 7

    async def test_a_source_that_is_to_be_spared_is_not_asked_again(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self._begun(desk)
        monkeypatch.setattr(LookAhead, "may_ask", lambda *_: False)
        await desk.clock.advance(8 * 60)
        await desk.finish()
        assert len(desk.gateway.received) == 7


def plan_of(*recipients: Recipient) -> Book:
    """A case whose dispatch has these still to do."""
    book = Book()
    book.apply(NOON, CaseOpened(1, incident()))
    book.apply(NOON, Approved(1, ANA, (incident().port,)))
    book.apply(NOON, Planned(1, len(recipients), recipients))
    return book


def spared(book: Book, *onus: Onu) -> list[str]:
    lines = spare(1, 1, Affected(onus))(book, NOON)
    return [line.recipient for line in lines if isinstance(line, Spared)]


@pytest.mark.bug("one ONU without a serial that was online spared every customer whose ONU has none")
def test_an_onu_without_a_serial_is_nobody_in_particular() -> None:
    people = [
        Recipient(f"c{n}", f"Ana {n}", (NO_SERIAL,), f"556199999000{n}", person=f"p{n}") for n in (1, 2)
    ]
    online = Onu(NO_SERIAL, "1", "Ana 1", Link.ONLINE)
    assert spared(plan_of(*people), online, Onu(NO_SERIAL, "2", "Ana 2", Link.LOS)) == []


@pytest.mark.bug("of two records with one phone, who carried the message was spared while the other was off")
def test_whose_message_stands_for_another_is_spared_only_with_them() -> None:
    carrier = Recipient("c1", "Ana", ("Z1",), "5561999990001", person="p1")
    twin = Recipient("c2", "Ana", ("Z2",), "5561999990001", skip=Skip.SAME_PHONE, person="p1")
    here = Onu("Z1", "1", "Ana", Link.ONLINE)
    assert spared(plan_of(carrier, twin), here, Onu("Z2", "2", "Ana", Link.LOS)) == []
    assert spared(plan_of(carrier, twin), here, Onu("Z2", "2", "Ana", Link.ONLINE)) == ["c1"]
