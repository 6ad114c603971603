"""Sends whose end is unknown come to one: by a person's word, or by the gateway's own list."""

import asyncio
from datetime import datetime, timedelta

import pytest

from bot.domain.case import CaseState
from bot.domain.customer import Link, Onu
from bot.domain.events import Evidence, Resent, Resolved
from bot.domain.phone import phone_key
from bot.domain.plan import Outcome, Receipt, Sent, Skip
from bot.errors import Declined, Refused, TryLater
from bot.steps.unknown import Choose
from tests.fakes import ANA, BRUNO, NOON, incident, settled
from tests.steps.conftest import Desk

LOST = "the request never arrived, and nobody knows"
ARRIVED = Receipt(Outcome.UNKNOWN, reason="reset")
PHONES = ("5561991000100", "5561991010101", "5561991020102")


async def in_doubt(desk: Desk, *answers: Receipt | str, customers: int = 3) -> None:
    """A dispatch is over; the answers to its first sends were lost (the request too, where it is LOST)."""
    desk.use(sends=1)
    desk.source.outage(incident(), customers)
    await desk.poll()
    for phone, answer in zip(PHONES, answers, strict=False):
        desk.gateway.answers[phone] = [RuntimeError(answer) if isinstance(answer, str) else answer]
    await desk.approve()


def listed(phone: str, reference: str = "4711", seconds: float = 1.0) -> Sent:
    return Sent(reference, phone, NOON + timedelta(seconds=5 + seconds), "Entregue")


class TestAPersonDecides:
    async def test_who_is_in_doubt_is_listed_in_the_plans_order(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED, LOST)
        assert [r.id for r in desk.dispatch().in_doubt()] == ["c100", "c101"]
        progress = desk.dispatch().progress
        assert progress is not None
        assert progress.intents["c100"] == NOON + timedelta(seconds=5)
        assert progress.results["c100"].reason == "reset"

    async def test_one_counts_as_sent_and_one_will_be_called(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED, LOST)
        assert await desk.flow.resolve(Choose(1, "c100"), "sent", ANA) == 1
        assert await desk.flow.resolve(Choose(1, "c101"), "call", BRUNO) == 1
        assert desk.dispatch().in_doubt() == []
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 2, Outcome.UNKNOWN: 1}
        assert [entry.line for entry in desk.ledger.book.audit[-2:]] == [
            Resolved(1, ("c100",), "sent", ANA),
            Resolved(1, ("c101",), "call", BRUNO),
        ]
        assert len(desk.gateway.received) == 2
        with pytest.raises(Declined, match="already_resolved"):
            await desk.flow.resend(Choose(1, "c101"), ANA)

    async def test_who_was_called_counts_as_told(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED, LOST)
        await desk.flow.resolve(Choose(1, "c101"), "call", BRUNO)
        progress = desk.dispatch().progress
        assert progress is not None
        assert progress.calls == {"c101": "Bruno"}
        await desk.flow.resolve(Choose(1, "c101"), "sent", ANA)
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 2, Outcome.UNKNOWN: 1}
        for choice in ("sent", "call"):
            with pytest.raises(Declined, match="already_resolved"):
                await desk.flow.resolve(Choose(1, "c101"), choice, ANA)
        with pytest.raises(Declined, match="already_resolved"):
            await desk.flow.resolve(Choose(1, "c102"), "sent", ANA)

    async def test_who_decided_is_named(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED, ARRIVED, ARRIVED)
        await desk.flow.resolve(Choose(1, "c100"), "sent", ANA)
        await desk.flow.resolve(Choose(1, "c101"), "call", BRUNO)
        await desk.ledger.commit(lambda _book, _now: [Evidence(1, "c102", "77", NOON, "Entregue")])
        for recipient, by in (("c100", ANA), ("c101", BRUNO), ("c102", None)):
            with pytest.raises(Declined, match="already_resolved") as no:
                await desk.flow.resolve(Choose(1, recipient), "call", BRUNO)
            assert no.value.facts == {"by": by}

    async def test_all_at_once_only_as_many_as_were_shown(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED, ARRIVED, ARRIVED)
        with pytest.raises(Declined, match="list_changed"):
            await desk.flow.resolve(Choose(1, expected=2), "sent", ANA)
        assert await desk.flow.resolve(Choose(1, expected=3), "sent", ANA) == 3
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 3}

    async def test_resent_is_sent_once_more_and_stays_one_case(self, desk: Desk) -> None:
        await in_doubt(desk, LOST, LOST)
        assert await desk.flow.resend(Choose(1, expected=2), BRUNO) == 2
        assert desk.case().state is CaseState.SENDING
        await desk.finish()
        assert sorted(desk.gateway.phones) == sorted(PHONES)
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 3}
        assert desk.dispatch().resent_by == BRUNO
        assert desk.case().state is CaseState.SENT
        assert len(desk.case().dispatches) == 1

    async def test_who_is_back_online_is_not_resent_and_stays_in_doubt(self, desk: Desk) -> None:
        await in_doubt(desk, LOST, LOST)
        onus = desk.source.onus["1"]
        onus[0] = Onu(onus[0].serial, onus[0].client_id, onus[0].name, Link.ONLINE)
        await desk.flow.resend(Choose(1, expected=2), BRUNO)
        await desk.finish()
        assert sorted(desk.gateway.phones) == [PHONES[1], PHONES[2]]
        assert [r.id for r in desk.dispatch().in_doubt()] == ["c100"]

    async def test_a_resend_that_is_lost_again_is_in_doubt_again(self, desk: Desk) -> None:
        await in_doubt(desk, LOST)
        desk.gateway.answers[PHONES[0]] = [ARRIVED]
        await desk.flow.resend(Choose(1, "c100"), ANA)
        await desk.finish()
        assert [r.id for r in desk.dispatch().in_doubt()] == ["c100"]
        assert desk.gateway.phones.count(PHONES[0]) == 1

    @pytest.mark.bug("a resend that came to nothing hid that the first send may have arrived")
    @pytest.mark.parametrize("answer", [TryLater("refused"), Receipt(Outcome.REJECTED, reason="bad number")])
    async def test_a_resend_that_comes_to_nothing_leaves_the_first_in_doubt(
        self, desk: Desk, answer: Receipt | TryLater
    ) -> None:
        await in_doubt(desk, ARRIVED)
        desk.gateway.answers[PHONES[0]] = [answer] * 4
        await desk.flow.resend(Choose(1, "c100"), ANA)
        await desk.finish()
        progress = desk.dispatch().progress
        assert progress is not None
        assert progress.results["c100"] == ARRIVED
        assert progress.intents["c100"] == NOON + timedelta(seconds=5)
        assert phone_key(PHONES[0]) in desk.ledger.book.contacts

    @pytest.mark.parametrize("end", ["stop", "crash and close", "key"])
    async def test_one_that_was_never_resent_is_in_doubt_as_before(self, desk: Desk, end: str) -> None:
        await in_doubt(desk, ARRIVED, ARRIVED)
        if end == "key":
            bad = Receipt(Outcome.REJECTED, reason="sem autorizacao", halt="key")
            desk.gateway.answers[PHONES[0]] = [bad]
        else:
            desk.limiter.closed = asyncio.Event()
        await desk.flow.resend(Choose(1, expected=2), ANA)
        await settled()
        if end == "stop":
            await desk.flow.stop(1, BRUNO)
        elif end == "crash and close":
            await desk.restart()
            assert desk.dispatch().reached
            await desk.flow.close(1, BRUNO)
        else:
            assert desk.case().state is CaseState.INTERRUPTED
            await desk.flow.close(1, BRUNO)
        await settled()
        assert [r.id for r in desk.dispatch().in_doubt()] == ["c100", "c101"]
        assert desk.tally().skipped == {}
        assert phone_key(PHONES[1]) in desk.ledger.book.contacts
        assert desk.case().state is CaseState.SENT

    @pytest.mark.bug("a resend took up those whom a person had stopped")
    async def test_who_was_held_back_by_a_stop_is_not_sent_to_by_a_resend(self, desk: Desk) -> None:
        desk.use(sends=1)
        desk.source.outage(incident(), 3)
        await desk.poll()
        desk.gateway.block = asyncio.Event()
        desk.gateway.answers[PHONES[0]] = [ARRIVED]
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        await desk.flow.stop(1, BRUNO)
        desk.gateway.block.set()
        await desk.finish()
        assert desk.tally().skipped == {Skip.STOPPED: 2}
        await desk.flow.resend(Choose(1, "c100"), ANA)
        await desk.finish()
        assert desk.gateway.phones == [PHONES[0]] * 2
        assert desk.tally().skipped == {Skip.STOPPED: 2}

    async def test_a_crash_in_the_resend_sends_nobody_a_third(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED, LOST)
        desk.gateway.block = asyncio.Event()
        await desk.flow.resend(Choose(1, expected=2), ANA)
        await settled()
        await desk.restart()
        desk.gateway.block = None
        await desk.poll()
        await desk.finish()
        assert desk.gateway.phones.count(PHONES[0]) == 1  # unknown again, in flight when it crashed
        assert desk.gateway.phones.count(PHONES[1]) == 1
        assert [r.id for r in desk.dispatch().in_doubt()] == ["c100"]

    async def test_while_the_answer_may_still_come_nothing_is_resent(self, desk: Desk) -> None:
        late = asyncio.Event()

        async def slow() -> Receipt:
            await late.wait()
            raise TryLater("refused")

        desk.source.outage(incident(), 1)
        await desk.poll()
        desk.gateway.answers[PHONES[0]] = [slow]
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        await desk.unanswered()
        await desk.finish()
        with pytest.raises(Declined, match="still_waiting"):
            await desk.flow.resend(Choose(1, "c100"), ANA)
        late.set()
        await settled()
        with pytest.raises(Declined, match="already_resolved"):
            await desk.flow.resend(Choose(1, "c100"), ANA)

    async def test_what_cannot_be_resent(self, desk: Desk) -> None:
        await in_doubt(desk, LOST)
        one = Choose(1, "c100")
        desk.use(dry_run=True)
        with pytest.raises(Declined, match="other_mode"):
            await desk.flow.resend(one, ANA)
        desk.use(dry_run=False)
        desk.source.repair(1)
        await desk.poll()
        with pytest.raises(Declined, match="over"):
            await desk.flow.resend(one, ANA)
        with pytest.raises(Declined, match="unknown_case"):
            await desk.flow.resolve(Choose(7, "c100"), "sent", ANA)
        assert await desk.flow.resolve(one, "call", ANA) == 1  # a call can be made after the outage, too

    async def test_not_while_it_sends_nor_through_a_busy_port(self, desk: Desk) -> None:
        await in_doubt(desk, LOST)
        desk.use(cooldown_hours=0.0)
        desk.source.outage(incident(2), 3, first=200)
        await desk.poll()
        await desk.flow.approve(2, BRUNO)
        with pytest.raises(Declined, match="port_busy"):
            await desk.flow.resend(Choose(1, "c100"), ANA)
        with pytest.raises(Declined, match="not_settled"):
            await desk.flow.resolve(Choose(2, "c200"), "sent", ANA)

    async def test_an_interrupted_dispatch_is_resumed_or_closed_first(self, desk: Desk) -> None:
        desk.use(sends=1)
        desk.source.outage(incident(), 3)
        await desk.poll()
        desk.gateway.block = asyncio.Event()
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(5)
        await desk.restart()
        with pytest.raises(Declined, match="still_interrupted"):
            await desk.flow.resend(Choose(1, "c100"), ANA)
        assert await desk.flow.resolve(Choose(1, "c100"), "sent", ANA) == 1
        assert desk.case().state is CaseState.INTERRUPTED

    async def test_a_rehearsal_leaves_nobody_in_doubt(self, desk: Desk) -> None:
        desk.use(dry_run=True)
        await in_doubt(desk, ARRIVED)
        desk.gateway.listed = [listed(PHONES[0])]
        assert desk.dispatch().in_doubt() == []
        await desk.flow.ask_gateway()
        assert desk.tally().outcomes[Outcome.UNKNOWN] == 1


class TestTheGatewaysList:
    async def test_while_it_sends_nothing_is_asked(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED, ARRIVED)
        desk.limiter.closed = asyncio.Event()
        await desk.flow.resend(Choose(1, "c101"), ANA)
        await settled()
        desk.gateway.listed = [listed(PHONES[0])]
        await desk.flow.ask_gateway()
        assert desk.tally().outcomes[Outcome.UNKNOWN] == 1
        desk.limiter.closed.set()
        await desk.finish()
        await desk.flow.ask_gateway()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 3}

    async def test_it_settles_what_arrived_with_the_evidence(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED, LOST)
        desk.gateway.listed = [listed(PHONES[0])]
        await desk.flow.ask_gateway()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 2, Outcome.UNKNOWN: 1}
        evidence = [line for _, line in desk.ledger.lines if isinstance(line, Evidence)]
        assert evidence == [Evidence(1, "c100", "4711", listed(PHONES[0]).at, "Entregue")]
        assert [r.id for r in desk.dispatch().in_doubt()] == ["c101"]
        with pytest.raises(Declined) as told:
            await desk.flow.resolve(Choose(1, "c100"), "sent", ANA)
        assert (told.value.code, told.value.facts) == ("already_resolved", {"by": None})
        assert desk.ledger.book.audit[-1].by is None  # the end of the dispatch: the counts tell the rest
        assert desk.chat.shown[-1] == 1

    async def test_what_it_lacks_stays_in_doubt_and_is_asked_about_for_a_while(self, desk: Desk) -> None:
        await in_doubt(desk, LOST)
        desk.gateway.listed = []
        await desk.flow.ask_gateway()
        progress = desk.dispatch().progress
        assert progress is not None
        assert progress.unlisted == {}
        await desk.clock.advance(16 * 60)
        await desk.flow.ask_gateway()
        assert progress.unlisted == {"c100": desk.clock.now()}
        desk.gateway.listed = [listed(PHONES[0])]
        await desk.flow.ask_gateway()  # asked long enough: it is a person's now
        assert [r.id for r in desk.dispatch().in_doubt()] == ["c100"]
        await desk.flow.resend(Choose(1, "c100"), ANA)
        await desk.finish()
        assert desk.gateway.phones.count(PHONES[0]) == 1
        assert progress.unlisted == {}

    @pytest.mark.parametrize(
        "row",
        [
            listed("5561991990199"),
            listed(PHONES[0], seconds=-121.0),
            listed(PHONES[0], seconds=601.0),
            listed(PHONES[0], reference="1"),  # an accepted send of this very case has it
        ],
    )
    async def test_another_message_proves_nothing(self, desk: Desk, row: Sent) -> None:
        await in_doubt(desk, LOST)
        progress = desk.dispatch().progress
        assert progress is not None
        assert progress.results["c101"].reference == "1"
        desk.gateway.listed = [row]
        await desk.flow.ask_gateway()
        assert [r.id for r in desk.dispatch().in_doubt()] == ["c100"]

    async def test_one_row_proves_one_send_the_nearest(self, desk: Desk) -> None:
        await in_doubt(desk, LOST, customers=1)
        await desk.flow.resolve(Choose(1, "c100"), "call", ANA)
        await desk.flow.release("CB 01:6/15", ANA, "test")
        desk.source.outage(incident(2, place="6/16"), 1)
        await desk.poll()
        desk.gateway.answers[PHONES[0]] = [RuntimeError(LOST)]
        await desk.approve(2)
        desk.gateway.listed = [listed(PHONES[0], seconds=20)]
        await desk.flow.ask_gateway()
        assert [desk.tally(n).outcomes for n in (1, 2)] == [{Outcome.UNKNOWN: 1}, {Outcome.ACCEPTED: 1}]

    async def test_who_was_to_be_called_may_prove_to_have_it(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED)
        await desk.flow.resolve(Choose(1, "c100"), "call", ANA)
        desk.gateway.listed = [listed(PHONES[0])]
        await desk.flow.ask_gateway()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 3}

    async def test_without_doubt_it_is_not_asked_and_its_failures_change_nothing(self, desk: Desk) -> None:
        asked = 0

        async def sent(first: datetime, last: datetime) -> list[Sent] | None:
            nonlocal asked
            asked += 1
            if asked == 1:
                raise Refused("http_403")
            return None

        desk.gateway.sent = sent  # type: ignore[method-assign]
        desk.source.outage(incident(), 1)
        await desk.poll()
        await desk.flow.ask_gateway()
        assert asked == 0
        desk.gateway.answers[PHONES[0]] = [ARRIVED]
        await desk.approve()
        await desk.flow.ask_gateway()
        await desk.flow.ask_gateway()
        assert asked == 2
        assert desk.tally().outcomes == {Outcome.UNKNOWN: 1}

    async def test_a_resend_is_asked_about_by_its_own_time(self, desk: Desk) -> None:
        await in_doubt(desk, LOST, customers=1)
        await desk.clock.advance(3600)
        desk.gateway.answers[PHONES[0]] = [ARRIVED]
        desk.gateway.listed = [listed(PHONES[0], seconds=3605)]
        await desk.flow.ask_gateway()
        assert [r.id for r in desk.dispatch().in_doubt()] == ["c100"]
        await desk.flow.resend(Choose(1, "c100"), ANA)
        await desk.finish()
        assert desk.dispatch().progress.in_doubt()  # type: ignore[union-attr]
        await desk.flow.ask_gateway()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 1}

    async def test_the_second_evidence_changes_nothing(self, desk: Desk) -> None:
        await in_doubt(desk, ARRIVED)
        await desk.flow.resolve(Choose(1, "c100"), "sent", ANA)
        desk.ledger.note(Evidence(1, "c100", "4711"))
        progress = desk.dispatch().progress
        assert progress is not None
        assert progress.results["c100"].reason == "considered_sent"


async def test_the_audit_has_the_resend(desk: Desk) -> None:
    await in_doubt(desk, LOST)
    await desk.flow.resend(Choose(1, "c100"), BRUNO)
    entry = desk.ledger.book.audit[-1]
    assert (entry.line, entry.attempt) == (Resent(1, ("c100",), BRUNO), 1)
