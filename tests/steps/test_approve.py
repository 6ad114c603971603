import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.chat.screens.cards.card import card
from bot.domain.case import CaseState
from bot.domain.customer import Contact, Link, Onu
from bot.domain.events import Intent, Planned, Result, Settled, TapRefused
from bot.domain.incident import Kind
from bot.domain.plan import Outcome, Receipt, Skip
from bot.errors import (
    AnswerLost,
    BadAnswer,
    Declined,
    LoginRefused,
    NotFound,
    Refused,
    Silent,
    Throttled,
    TryLater,
)
from tests.chat.screens import PT, assert_arrives
from tests.deciding import Approval
from tests.fakes import ANA, BRUNO, NOON, incident, settled
from tests.steps.conftest import Desk


async def waiting(desk: Desk, customers: int = 3, number: int = 1, place: str = "6/15") -> None:
    desk.source.outage(incident(number, place=place, affected=customers), customers, first=number * 100)
    await desk.poll()


async def test_one_tap_sends_one_message_to_each_customer(desk: Desk) -> None:
    await waiting(desk)
    await desk.approve()
    assert desk.gateway.phones == ["5561991000100", "5561991010101", "5561991020102"]
    assert {m.template for m in desk.gateway.received} == {"LOS"}
    assert desk.gateway.received[0].name == "Cliente 100"
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 3}
    assert desk.case().state is CaseState.SENT
    assert desk.dispatch().by == ANA


async def test_nothing_leaves_before_the_countdown_is_over(desk: Desk) -> None:
    await waiting(desk)
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(4.9)
    assert desk.gateway.received == []
    assert len(desk.source.looked_up) == 3  # the look-ups do not wait for it
    await desk.clock.advance(0.2)
    await desk.finish()
    assert len(desk.gateway.received) == 3


async def test_a_second_tap_is_told_who_was_first_and_when(desk: Desk) -> None:
    await waiting(desk)
    await desk.flow.approve(1, ANA)
    with pytest.raises(Declined) as told:
        await desk.flow.approve(1, BRUNO)
    assert (told.value.code, told.value.facts) == ("already_approved", {"by": "Ana", "at": NOON})
    with pytest.raises(Declined, match="already_approved"):
        await desk.flow.deny(1, BRUNO, "other")
    await desk.clock.advance(5)
    await desk.finish()
    with pytest.raises(Declined, match="already_sent"):
        await desk.flow.approve(1, BRUNO)
    assert len(desk.gateway.received) == 3


async def test_25_taps_in_one_instant_send_once(desk: Desk) -> None:
    await waiting(desk)
    taps = [desk.flow.approve(1, who) for who in [ANA, BRUNO] * 12 + [ANA]]
    ended = await asyncio.gather(*taps, return_exceptions=True)
    assert ended.count(Approval()) == 1
    assert sum(isinstance(e, Declined) and e.code == "already_approved" for e in ended) == 24
    await desk.clock.advance(5)
    await desk.finish()
    assert sorted(desk.gateway.phones) == sorted(set(desk.gateway.phones))
    assert len(desk.gateway.received) == 3


async def test_approve_and_deny_in_one_instant_let_one_win(desk: Desk) -> None:
    await waiting(desk)
    ended = await asyncio.gather(
        desk.flow.deny(1, BRUNO, "maintenance"), desk.flow.approve(1, ANA), return_exceptions=True
    )
    assert ended[0] is None
    assert isinstance(ended[1], Declined)
    assert ended[1].code == "already_denied"
    assert ended[1].facts == {"by": "Bruno", "at": NOON}
    assert desk.case().state is CaseState.DENIED
    assert desk.case().denied_reason == "maintenance"


async def test_a_denied_port_may_alarm_again_at_once(desk: Desk) -> None:
    await waiting(desk)
    await desk.flow.deny(1, ANA, "false_alarm")
    desk.source.repair(1)
    desk.source.outage(incident(2))
    await desk.poll()
    assert desk.case(2).state is CaseState.WAITING
    await desk.approve(2)
    assert desk.case(2).state is CaseState.SENT


@pytest.mark.parametrize("number", [7, 0, -1])
async def test_an_unknown_case_is_refused(desk: Desk, number: int) -> None:
    for tap in (
        desk.flow.approve(number, ANA),
        desk.flow.deny(number, ANA, "other"),
        desk.flow.cancel(number, ANA),
        desk.flow.stop(number, ANA),
        desk.flow.resume(number, ANA),
        desk.flow.close(number, ANA),
        desk.flow.details(number),
    ):
        with pytest.raises(Declined, match="unknown_case"):
            await tap


async def test_an_outage_that_is_over_cannot_be_approved(desk: Desk) -> None:
    await waiting(desk)
    desk.source.repair(1)
    await desk.poll()
    with pytest.raises(Declined, match="over"):
        await desk.flow.approve(1, ANA)


async def test_who_is_held_back_and_why(desk: Desk) -> None:
    desk.source.outage(incident(), 2)  # customers 100 and 101
    contacts, onus = desk.source.contacts, desk.source.onus["1"]

    def add(client: str | None, serial: str, phone: str | None, link: Link = Link.LOS) -> None:
        onus.append(Onu(serial, client, "", link))
        if client is not None and phone is not None:
            contacts[client] = Contact(client, f"Nome {client}", phone)

    add("100", "SECOND", None)  # the same customer's second ONU
    add("201", "S201", "(61) 98888-0201", Link.ONLINE)
    add("202", "S202", "")
    add("203", "S203", "(61) 3333-4444")
    add("204", "S204", "99999999999")
    add("205", "S205", None)  # a client id without a record
    add(None, "S206", None)  # an ONU without a customer
    add("207", "S207", contacts["100"].phone)  # somebody else with the same phone
    add("208", "S208", "(61) 98888-0208")
    desk.source.customer_errors["208"] = [TryLater("502")] * 4
    await desk.poll()
    await desk.approve()
    skips = {r.id: r.skip for r in desk.dispatch().progress.recipients.values()}  # type: ignore[union-attr]
    assert skips == {
        "c100": None,
        "c101": None,
        "c201": Skip.ONLINE,
        "c202": Skip.NO_PHONE,
        "c203": Skip.LANDLINE,
        "c204": Skip.BAD_PHONE,
        "c205": Skip.NO_RECORD,
        "r7": Skip.NO_RECORD,
        "c207": Skip.SAME_PHONE,
        "c208": Skip.LOOKUP_FAILED,
    }
    assert desk.dispatch().progress.recipients["c100"].serials == ("ZTEG00000100", "SECOND")  # type: ignore[union-attr]
    assert len(desk.gateway.received) == 2
    assert desk.tally().planned == 10
    assert desk.source.looked_up.count("100") == 1


async def test_a_customer_with_one_onu_back_and_one_down_is_told(desk: Desk) -> None:
    desk.source.outage(incident(), 1)
    desk.source.onus["1"].append(desk.source.onus["1"][0]._replace(serial="OTHER", link=Link.ONLINE))
    await desk.poll()
    await desk.approve()
    assert len(desk.gateway.received) == 1


async def test_an_alert_that_is_over_when_read_again_sends_nothing(desk: Desk) -> None:
    await waiting(desk)
    desk.source.over.add("1")
    await desk.approve()
    assert desk.gateway.received == []
    assert desk.tally().skipped == {Skip.OVER: 3}
    assert desk.case().state is CaseState.NOBODY


async def test_an_outage_that_ends_during_the_countdown_sends_nothing(desk: Desk) -> None:
    await waiting(desk)
    await desk.flow.approve(1, ANA)
    desk.source.repair(1)
    await desk.poll()
    await desk.clock.advance(5)
    await desk.finish()
    assert desk.gateway.received == []
    assert desk.tally().skipped == {Skip.OVER: 3}
    assert desk.case().state is CaseState.OVER


async def test_transient_look_up_failures_are_repeated(desk: Desk) -> None:
    await waiting(desk)
    desk.source.read_errors = [TryLater("429", retry_after=3), AnswerLost("reset")]
    desk.source.customer_errors["100"] = [AnswerLost("reset"), TryLater("502"), TryLater("502")]
    await desk.approve()
    assert len(desk.gateway.received) == 3


@pytest.mark.parametrize("error", [BadAnswer("html"), Refused("403")])
async def test_a_customer_who_cannot_be_looked_up_is_counted_not_lost(desk: Desk, error: Exception) -> None:
    await waiting(desk)
    desk.source.customer_errors["101"] = [error]
    await desk.approve()
    assert desk.tally().skipped == {Skip.LOOKUP_FAILED: 1}
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 2}


async def test_a_login_refused_in_mid_look_up_sends_nothing_and_may_be_tried_again(desk: Desk) -> None:
    await waiting(desk)
    desk.source.customer_errors["101"] = [LoginRefused("no")]
    await desk.approve()
    assert desk.gateway.received == []
    assert (desk.dispatch().end, desk.dispatch().end_reason) == ("unread", "login_refused")
    await desk.approve()
    assert len(desk.gateway.received) == 3


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TryLater("502"), "source_down"),
        (AnswerLost("silence"), "source_down"),
        (NotFound("gone"), "not_found"),
        (LoginRefused("no"), "login_refused"),
        (Refused("403"), "refused"),
        (Silent("silent"), "silent"),
        (BadAnswer("html"), "bad_answer"),
    ],
)
async def test_an_alert_that_cannot_be_read_sends_nothing_and_may_be_tried_again(
    desk: Desk, error: Exception, code: str
) -> None:
    await waiting(desk)
    desk.source.read_errors = [error] * 4
    await desk.approve()
    assert desk.gateway.received == []
    assert (desk.dispatch().end, desk.dispatch().end_reason) == ("unread", code)
    assert desk.case().state is CaseState.NOBODY
    assert desk.ledger.book.reservations == {}
    desk.source.read_errors = []
    await desk.approve()
    assert len(desk.gateway.received) == 3


async def test_cancel_in_the_countdown_gives_everything_back(desk: Desk) -> None:
    await waiting(desk)
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(4)
    await desk.flow.cancel(1, BRUNO)
    await desk.clock.advance(10)
    assert desk.gateway.received == []
    assert desk.case().state is CaseState.WAITING
    assert desk.ledger.book.reservations == {}
    await desk.approve()
    assert len(desk.gateway.received) == 3


async def test_cancel_and_approve_again_in_one_instant_still_wait_for_the_countdown(desk: Desk) -> None:
    await waiting(desk)
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(4)
    await asyncio.gather(desk.flow.cancel(1, ANA), desk.flow.approve(1, BRUNO))
    await desk.clock.advance(4)
    assert desk.gateway.received == []
    await desk.clock.advance(1)
    await desk.finish()
    assert len(desk.gateway.received) == 3
    assert desk.dispatch().by == BRUNO
    assert [line.end for _, line in desk.ledger.lines if isinstance(line, Settled)] == ["done"]


async def test_cancel_while_the_look_ups_are_slow_sends_nothing(desk: Desk) -> None:
    await waiting(desk)
    desk.source.gate = asyncio.Event()
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(60)
    await desk.flow.cancel(1, ANA)
    desk.source.gate.set()
    await desk.clock.advance(60)
    assert desk.gateway.received == []
    assert desk.case().state is CaseState.WAITING


async def test_cancel_on_a_card_that_is_behind_stops_what_has_not_left(desk: Desk) -> None:
    desk.use(sends=1)
    await waiting(desk)
    with pytest.raises(Declined, match="not_running"):
        await desk.flow.cancel(1, ANA)
    desk.gateway.block = asyncio.Event()
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(5)
    assert await desk.flow.cancel(1, BRUNO) is False
    desk.gateway.block.set()
    await desk.finish()
    assert len(desk.gateway.received) == 1
    assert desk.tally().skipped == {Skip.STOPPED: 2}
    with pytest.raises(Declined, match="too_late_to_cancel"):
        await desk.flow.cancel(1, ANA)


async def test_stop_lets_out_only_what_was_in_flight(desk: Desk) -> None:
    desk.use(sends=2)
    await waiting(desk, customers=10)
    desk.gateway.block = asyncio.Event()
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(5)
    assert desk.gateway.in_flight == 2
    await desk.flow.stop(1, BRUNO)
    assert desk.case().state is CaseState.STOPPING
    with pytest.raises(Declined, match="not_running"):
        await desk.flow.stop(1, ANA)
    desk.gateway.block.set()
    await desk.finish()
    assert len(desk.gateway.received) == 2
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 2}
    assert desk.tally().skipped == {Skip.STOPPED: 8}
    assert desk.dispatch().ended_by == BRUNO
    assert desk.case().state is CaseState.SENT


async def test_those_never_tried_after_a_stop_may_be_told_through_another_port(desk: Desk) -> None:
    desk.use(sends=1)
    await waiting(desk, customers=2)
    desk.gateway.block = asyncio.Event()
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(5)
    await desk.flow.stop(1, ANA)
    desk.gateway.block.set()
    await desk.finish()
    desk.source.outage(incident(2, place="6/16"), 2)  # the same two customers
    await desk.poll()
    await desk.approve(2)
    assert sorted(desk.gateway.phones) == ["5561991000100", "5561991010101"]
    assert desk.tally(2).skipped == {Skip.COOLDOWN: 1}


async def test_a_refused_tap_is_in_the_audit(desk: Desk) -> None:
    desk.flow.refused(BRUNO, "approve", "not_allowed", 1)
    entry = desk.ledger.book.audit[-1]
    assert entry.line == TapRefused(BRUNO, "approve", "not_allowed", 1)
    assert (entry.at, entry.case) == (NOON, 1)


async def test_dry_run_reserves_nothing(desk: Desk) -> None:
    desk.use(dry_run=True)
    await waiting(desk)
    await desk.approve()
    assert desk.dispatch().dry_run
    assert desk.ledger.book.reservations == {}
    assert desk.ledger.book.contacts == {}


async def test_no_room_for_a_plan_sends_nothing_and_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waiting(desk)
    admit = desk.ledger._admit

    def full(lines: tuple[object, ...]) -> None:
        if any(isinstance(line, Planned) for line in lines):
            raise Declined("no_room")
        admit(lines)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.ledger, "_admit", full)
    await desk.approve()
    assert desk.gateway.received == []
    assert (desk.dispatch().end, desk.dispatch().end_reason) == ("unread", "no_room")
    assert desk.ledger.book.reservations == {}


async def test_a_ledger_that_closes_in_the_countdown_sends_nothing(desk: Desk) -> None:
    await waiting(desk)
    await desk.flow.approve(1, ANA)
    desk.ledger.fail("the disk is broken")
    await desk.clock.advance(10)
    assert desk.gateway.received == []


async def test_a_ledger_that_closes_in_mid_send_stops_the_sends(desk: Desk) -> None:
    desk.use(sends=2)
    await waiting(desk, customers=10)
    desk.gateway.block = asyncio.Event()
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(5)
    desk.ledger.fail("the disk is broken")
    desk.gateway.block.set()
    await desk.clock.advance(10)
    assert len(desk.gateway.received) == 2
    intents = [line for _, line in desk.ledger.lines if isinstance(line, Intent)]
    assert len(intents) == 2
    await desk.restart()
    assert desk.tally().outcomes == {Outcome.UNKNOWN: 2}


class TestCooldown:
    @pytest.mark.parametrize("kind", [Kind.LOS, Kind.POWER])
    async def test_the_next_incident_on_the_port_sends_nothing_until_the_last_second(
        self, desk: Desk, kind: Kind
    ) -> None:
        await waiting(desk)
        await desk.approve()
        approved = desk.dispatch().at
        desk.use(reopen_minutes=0)  # else it would continue its case
        desk.source.repair(1)
        desk.source.outage(incident(2, kind), 3, first=500)
        await desk.poll()
        with pytest.raises(Declined) as told:
            await desk.flow.approve(2, BRUNO)
        until = approved + timedelta(hours=24)
        assert (told.value.code, told.value.facts) == ("cooldown", {"port": "CB 01 6/15", "until": until})
        await desk.clock.advance((until - desk.clock.now()).total_seconds() - 1)
        with pytest.raises(Declined, match="cooldown"):
            await desk.flow.approve(2, BRUNO)
        assert len(desk.gateway.received) == 3
        await desk.clock.advance(1)
        await desk.approve(2)
        assert len(desk.gateway.received) == 6

    async def test_a_clock_set_back_opens_nothing(self, desk: Desk) -> None:
        await waiting(desk)
        await desk.approve()
        desk.use(reopen_minutes=0)  # else the next one would continue its case
        desk.source.repair(1)
        desk.source.outage(incident(2), 3)
        await desk.poll()
        desk.clock.time -= timedelta(days=3)
        with pytest.raises(Declined, match="cooldown"):
            await desk.flow.approve(2, ANA)

    async def test_another_port_sends(self, desk: Desk) -> None:
        await waiting(desk)
        await desk.approve()
        await waiting(desk, number=2, place="6/16")
        await desk.approve(2)
        assert len(desk.gateway.received) == 6

    async def test_a_customer_told_through_another_port_is_left_out(self, desk: Desk) -> None:
        await waiting(desk, customers=2)
        await desk.approve()
        desk.source.outage(incident(2, place="6/16"), 3)  # customers 100 and 101 again, and 102
        await desk.poll()
        await desk.approve(2)
        assert desk.tally(2).skipped == {Skip.COOLDOWN: 2}
        assert len(desk.gateway.received) == 3

    async def test_two_dispatches_at_once_tell_a_common_customer_once(self, desk: Desk) -> None:
        desk.source.outage(incident(1), 3)
        desk.source.outage(incident(2, place="6/16"), 3)
        await desk.poll()
        await desk.flow.approve(1, ANA)
        await desk.flow.approve(2, BRUNO)
        await desk.clock.advance(5)
        await desk.finish()
        assert sorted(desk.gateway.phones) == sorted(set(desk.gateway.phones))
        assert len(desk.gateway.received) == 3
        assert desk.case(2).state is CaseState.NOBODY

    async def test_nobody_reached_gives_the_port_and_the_customers_back(self, desk: Desk) -> None:
        await waiting(desk)
        desk.gateway.always = Receipt(Outcome.REJECTED, reason="template")
        await desk.approve()
        assert desk.case().state is CaseState.NOBODY
        assert desk.ledger.book.reservations == {}
        assert desk.ledger.book.contacts == {}
        desk.gateway.always = None
        await desk.approve()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 3}

    @pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.HELD, Outcome.UNKNOWN])
    async def test_one_who_may_have_a_message_keeps_the_port(self, desk: Desk, outcome: Outcome) -> None:
        await waiting(desk)
        desk.gateway.always = Receipt(Outcome.REJECTED)
        desk.gateway.answers["5561991010101"] = [Receipt(outcome)]
        await desk.approve()
        assert list(desk.ledger.book.reservations) == ["CB 01:6/15"]
        assert list(desk.ledger.book.contacts) == ["6191010101"]

    async def test_release_frees_the_port_and_those_told_through_it(self, desk: Desk) -> None:
        await waiting(desk)
        await desk.approve()
        await waiting(desk, number=2, place="6/16")
        await desk.approve(2)
        released = await desk.flow.release("CB 01:6/15", BRUNO, "new_outage")
        assert released.label == "CB 01 6/15"
        desk.source.repair(1)
        desk.source.outage(incident(3), 3)
        await desk.poll()
        await desk.approve(3)
        assert desk.tally(3).outcomes == {Outcome.ACCEPTED: 3}
        assert list(desk.ledger.book.reservations) == ["CB 01:6/16", "CB 01:6/15"]

    async def test_what_cannot_be_released(self, desk: Desk) -> None:
        with pytest.raises(Declined, match="nothing_to_release"):
            await desk.flow.release("CB 01:6/15", ANA, "test")
        await waiting(desk)
        await desk.flow.approve(1, ANA)
        with pytest.raises(Declined, match="port_busy"):
            await desk.flow.release("CB 01:6/15", ANA, "test")
        await desk.clock.advance(5)
        await desk.finish()
        await desk.clock.advance(24 * 3600)
        with pytest.raises(Declined, match="nothing_to_release"):
            await desk.flow.release("CB 01:6/15", ANA, "test")


class TestOutcomes:
    async def test_what_never_left_is_repeated_with_backoff_and_then_failed(self, desk: Desk) -> None:
        await waiting(desk, customers=2)
        desk.gateway.answers["5561991000100"] = [TryLater("refused"), TryLater("refused")]
        desk.gateway.answers["5561991010101"] = [TryLater("refused")] * 9
        await desk.approve()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 1, Outcome.FAILED: 1}
        assert len([line for _, line in desk.ledger.lines if isinstance(line, Intent)]) == 2
        assert len(desk.gateway.answers["5561991010101"]) == 5  # four tries

    async def test_retry_after_pauses_the_whole_queue(self, desk: Desk) -> None:
        await waiting(desk, customers=1)
        desk.gateway.answers["5561991000100"] = [TryLater("429", retry_after=7)]
        await desk.approve()
        assert desk.limiter.pauses == [7]
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 1}

    async def test_the_pace_hears_how_long_the_gateway_took_to_say_yes_or_to_ask_for_less(
        self, desk: Desk
    ) -> None:
        """What never left, a refusal and a lost answer say nothing of how fast it may be sent to."""
        desk.use(sends=1)
        await waiting(desk, customers=6)
        desk.clock.auto = True

        def after(seconds: float, answer: Receipt | Exception) -> Callable[[], Awaitable[Receipt]]:
            async def later() -> Receipt:
                await desk.clock.sleep(seconds)
                if isinstance(answer, Exception):
                    raise answer
                return answer

            return later

        desk.gateway.answers = {
            "5561991000100": [after(0.5, Receipt(Outcome.ACCEPTED))],
            "5561991010101": [after(0.1, Throttled("429")), after(0.2, Receipt(Outcome.HELD))],
            "5561991020102": [after(0.1, TryLater("refused")), after(0.3, Receipt(Outcome.REJECTED))],
            "5561991030103": [after(30, Receipt(Outcome.UNKNOWN, reason="no_answer"))],
            "5561991040104": [after(0.1, Receipt(Outcome.UNCONFIRMED))],
            "5561991050105": [after(0.1, RuntimeError("a bug"))],
        }
        await desk.approve()
        assert [(None if s is None else round(s, 3), throttled) for s, throttled in desk.limiter.heard] == [
            (0.5, False),
            (0.1, True),
            (0.2, False),
            *[(None, False)] * 5,
        ]

    async def test_a_retry_after_beyond_all_patience_fails(self, desk: Desk) -> None:
        await waiting(desk, customers=1)
        desk.gateway.answers["5561991000100"] = [TryLater("429", retry_after=3600)]
        await desk.approve()
        assert desk.tally().outcomes == {Outcome.FAILED: 1}
        assert desk.gateway.received == []

    async def test_stop_ends_a_wait_between_tries(self, desk: Desk) -> None:
        await waiting(desk, customers=1)
        desk.gateway.always = TryLater("refused")
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        await desk.flow.stop(1, ANA)
        await settled()
        assert desk.tally().skipped == {Skip.STOPPED: 1}
        assert desk.case().state is CaseState.NOBODY
        assert desk.ledger.book.reservations == {}

    async def test_a_broken_key_stops_the_dispatch_at_the_first_answer(self, desk: Desk) -> None:
        desk.use(sends=1)
        await waiting(desk, customers=50)
        desk.gateway.always = Receipt(Outcome.REJECTED, reason="sem autorizacao", halt="key")
        await desk.approve()
        assert len(desk.gateway.received) == 1
        assert desk.tally().outcomes == {Outcome.FAILED: 50}
        assert (desk.dispatch().end, desk.dispatch().end_reason) == ("halted", "sem autorizacao")

    async def test_a_halt_without_a_reason_still_halts(self, desk: Desk) -> None:
        desk.use(sends=1)
        await waiting(desk)
        desk.gateway.always = Receipt(Outcome.REJECTED, halt="key")
        await desk.approve()
        assert desk.dispatch().end_reason == "refused"

    async def test_no_answer_in_time_is_unknown_and_never_sent_again(self, desk: Desk) -> None:
        await waiting(desk, customers=1)
        never = asyncio.Event()

        async def silent() -> Receipt:
            await never.wait()
            return Receipt(Outcome.ACCEPTED, reference="77")

        desk.gateway.answers["5561991000100"] = [silent]
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        await desk.unanswered()
        await desk.finish()
        assert desk.tally().outcomes == {Outcome.UNKNOWN: 1}
        assert desk.case().state is CaseState.SENT
        never.set()  # the answer comes after all
        await settled()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 1}
        assert len(desk.gateway.received) == 1

    async def test_a_late_word_that_nothing_left_gives_the_cooldown_back(self, desk: Desk) -> None:
        await waiting(desk, customers=1)
        late = asyncio.Event()

        async def slow() -> Receipt:
            await late.wait()
            raise TryLater("refused")

        desk.gateway.answers["5561991000100"] = [slow]
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        await desk.unanswered()
        await desk.finish()
        assert list(desk.ledger.book.reservations) == ["CB 01:6/15"]
        late.set()
        await settled()
        assert desk.tally().outcomes == {Outcome.FAILED: 1}
        assert desk.ledger.book.reservations == {}
        assert desk.case().state is CaseState.NOBODY

    async def test_an_error_nobody_named_is_unknown(self, desk: Desk) -> None:
        await waiting(desk, customers=1)
        desk.gateway.answers["5561991000100"] = [RuntimeError("a bug in an adapter")]
        await desk.approve()
        assert desk.tally().outcomes == {Outcome.UNKNOWN: 1}

    async def test_a_known_outcome_is_not_replaced(self, desk: Desk) -> None:
        await waiting(desk, customers=1)
        await desk.approve()
        desk.ledger.note(Result(1, "c100", Outcome.FAILED))
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 1}


class TestDetails:
    async def test_the_look_ups_serve_two_minutes(self, desk: Desk) -> None:
        await waiting(desk)
        found = await desk.flow.details(1)
        assert set(found.contacts) == {"100", "101", "102"}
        await desk.clock.advance(119)
        assert await desk.flow.details(1) is found
        await desk.clock.advance(2)
        assert await desk.flow.details(1) is not found

    async def test_a_failed_reading_is_not_kept(self, desk: Desk) -> None:
        await waiting(desk)
        desk.source.read_errors = [NotFound("gone")]
        with pytest.raises(NotFound):
            await desk.flow.details(1)
        assert len((await desk.flow.details(1)).contacts) == 3


@pytest.mark.bug("a foreign number was written to as a Brazilian one")
async def test_a_phone_of_another_country_is_skipped_with_that_reason(desk: Desk) -> None:
    await waiting(desk)
    contact = desk.source.contacts["100"]
    desk.source.contacts["100"] = replace(contact, phone="+51 98765-4321")
    await desk.approve()
    assert desk.gateway.phones == ["5561991010101", "5561991020102"]
    assert desk.tally().skipped == {Skip.FOREIGN: 1}
    screen = card(desk.case(), desk.ledger.book, desk.clock.now(), PT, rules=desk.rules)
    assert "telefone de outro país" in assert_arrives(screen)
