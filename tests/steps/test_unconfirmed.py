"""A 2xx that does not say whether the message was taken: counted by itself, never sent again on its own."""

from datetime import timedelta

import pytest

from bot.chat.screens.cards.card import card
from bot.chat.screens.cards.results import counts_plain
from bot.chat.screens.pages.on_demand import details
from bot.chat.screens.pages.sheets import audit_csv, audit_json, details_csv, entries_in
from bot.chat.screens.pages.status import ProgramFacts, status
from bot.domain.case import CaseState
from bot.domain.events import Evidence, Result
from bot.domain.plan import Outcome, Receipt, Sent
from bot.domain.watched.health import SourceHealth
from bot.steps.unknown import Choose
from tests.chat.screens import EN, PT, assert_arrives
from tests.fakes import ANA, NOON, incident
from tests.steps.conftest import Desk

UNCONFIRMED = Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")
UNKNOWN_TO_US = Receipt(Outcome.REJECTED, reason="boom", halt="refusal")


async def dispatched(desk: Desk, customers: int = 12, sends: int = 1) -> None:
    desk.use(sends=sends)
    desk.source.outage(incident(affected=customers), customers)
    await desk.poll()
    await desk.approve()


def phone(place: int) -> str:
    return f"556199{100 + place:03d}0{100 + place:03d}"


def text(desk: Desk) -> str:
    return assert_arrives(card(desk.case(), desk.ledger.book, desk.clock.now(), PT, rules=desk.rules))


@pytest.mark.bug("an answer that says nothing, or an error in other words, counted as sent")
async def test_it_is_counted_beside_those_sent_wherever_there_are_counts(desk: Desk) -> None:
    desk.gateway.answers = {phone(1): [UNCONFIRMED], phone(2): [Receipt(Outcome.UNKNOWN, reason="reset")]}
    await dispatched(desk, customers=4)
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 2, Outcome.UNCONFIRMED: 1, Outcome.UNKNOWN: 1}
    book, now = desk.ledger.book, desk.clock.now()
    assert "2 enviadas · 1 sem confirmação" in text(desk)
    assert "Sem confirmação (podem ter chegado; em Incertas): 1: a resposta não diz se foi aceita" in text(
        desk
    )
    assert "2 sent · 1 unconfirmed" in counts_plain(desk.tally(), EN, dry_run=False)
    found = await desk.flow.details(1)
    page = assert_arrives(details(desk.case(), found, 0, PT))
    assert "2 enviadas · 1 sem confirmação" in page
    rows = [line for line in page.splitlines() if line.startswith("ZTEG")]
    fates = [line.rpartition(" · ")[2] for line in rows]
    assert fates == ["enviada", "sem confirmação", "incerta: a conexão caiu no meio", "enviada"]
    sheet = details_csv(desk.case(), found, PT).content.decode("utf-8-sig").splitlines()
    assert sheet[0].endswith(";Envio")
    assert sheet[2].endswith(";sem confirmação")
    assert "1 sem confirmação" in audit_csv(entries_in(book, "", PT, now), PT, now, 24).content.decode(
        "utf-8-sig"
    )
    assert '"unconfirmed": 1' in audit_json(entries_in(book, "", PT, now), PT, now, 24).content.decode()
    program = ProgramFacts("1", NOON, "matrix", dry_run=False)
    page = assert_arrives(
        status(
            [SourceHealth("fake")],
            book,
            now,
            PT,
            hours=24,
            program=program,
            gateway=desk.flow.gateway_health,
            ledger_closed=None,
        )
    )
    assert "2 incertas a decidir, 1 delas sem confirmação (caso 1)" in page


async def test_it_may_have_arrived_so_the_port_rests_and_nobody_is_sent_to_again(desk: Desk) -> None:
    desk.gateway.answers = {phone(n): [UNCONFIRMED] for n in range(3)}
    await dispatched(desk, customers=3)
    assert desk.case().state is CaseState.SENT
    assert len(desk.ledger.book.reservations) == 1
    assert len(desk.ledger.book.contacts) == 3
    await desk.restart()
    await desk.poll()
    await desk.finish()
    assert desk.nobody_twice() == 3


async def test_five_in_a_row_stop_the_rest_and_the_card_says_what_to_look_at(desk: Desk) -> None:
    desk.gateway.always = UNCONFIRMED
    await dispatched(desk, customers=40)
    assert len(desk.gateway.received) == 5
    assert desk.tally().todo == 35
    assert (desk.dispatch().end_reason, desk.dispatch().mend) == ("unconfirmed", "answers")
    assert "não diz se aceitou as mensagens" in text(desk)
    assert "Faltam 35 clientes" in text(desk)
    await desk.flow.resume(1, ANA)
    await desk.finish()
    assert len(desk.gateway.received) == 6  # one alone finds out
    desk.gateway.always = None
    await desk.flow.resume(1, ANA)
    await desk.finish()
    assert desk.nobody_twice() == 40
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 34, Outcome.UNCONFIRMED: 6}


async def test_a_lost_answer_after_them_is_told_as_what_it_is(desk: Desk) -> None:
    desk.gateway.answers = {phone(n): [UNCONFIRMED] for n in range(4)}
    desk.gateway.always = Receipt(Outcome.UNKNOWN, reason="no_answer")
    await dispatched(desk)
    assert len(desk.gateway.received) == 5
    assert (desk.dispatch().end_reason, desk.dispatch().mend) == ("no_answer", "gateway")


async def test_the_gateways_list_confirms_it(desk: Desk) -> None:
    desk.gateway.answers = {phone(1): [UNCONFIRMED]}
    await dispatched(desk, customers=3)
    desk.gateway.listed = [Sent("88", phone(1), desk.clock.now(), "Entregue")]
    await desk.flow.ask_gateway()
    (proof,) = desk.written(Evidence)
    assert isinstance(proof, Evidence)
    assert proof.reference == "88"
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 3}
    assert len(desk.case().accepted()) == 3


async def test_who_is_not_known_to_be_warned_is_not_told_that_it_is_back(desk: Desk) -> None:
    desk.gateway.answers = {phone(1): [UNCONFIRMED]}
    await dispatched(desk, customers=3)
    assert len(desk.case().accepted()) == 2


async def test_a_person_may_have_it_sent_again(desk: Desk) -> None:
    desk.gateway.answers = {phone(1): [UNCONFIRMED]}
    await dispatched(desk, customers=3)
    assert await desk.flow.resend(Choose(1, None, 1), ANA) == 1
    await desk.finish()
    assert desk.gateway.phones.count(phone(1)) == 2
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 3}


@pytest.mark.parametrize("again", [UNCONFIRMED, Receipt(Outcome.REJECTED, reason="telefone invalido")])
async def test_a_repetition_that_says_no_more_leaves_the_first_in_doubt(desk: Desk, again: Receipt) -> None:
    desk.gateway.answers = {phone(1): [UNCONFIRMED, again]}
    await dispatched(desk, customers=3)
    await desk.flow.resend(Choose(1, None, 1), ANA)
    await desk.finish()
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 2, Outcome.UNCONFIRMED: 1}


async def test_what_an_older_ledger_called_accepted_without_confirmation_is_counted_as_such(
    desk: Desk,
) -> None:
    await dispatched(desk, customers=3)
    before = [
        (at, Result(1, "c101", Outcome.ACCEPTED, None, "unconfirmed"))
        if isinstance(line, Result) and line.recipient == "c101"
        else (at, line)
        for at, line in desk.ledger.lines
    ]
    await desk.restart(before)
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 2, Outcome.UNCONFIRMED: 1}


class TestRefusalsUnknownToUs:
    async def test_the_first_stops_the_rest(self, desk: Desk) -> None:
        desk.gateway.always = UNKNOWN_TO_US
        await dispatched(desk, customers=40)
        assert len(desk.gateway.received) == 1
        assert desk.case().state is CaseState.NOBODY
        assert "Envio suspenso às 12:00: boom" in text(desk).replace("  ", " ")
        assert "tem um motivo que o bot não conhece" in text(desk)

    async def test_so_they_do_when_it_is_tried_anew(self, desk: Desk) -> None:
        desk.gateway.answers = {phone(0): [UNKNOWN_TO_US] * 2}
        await dispatched(desk, customers=12)
        assert desk.case().state is CaseState.NOBODY
        await desk.approve()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 11}
        assert desk.gateway.phones[-1] == phone(0)

    async def test_who_was_refused_comes_last_and_keeps_nobody_waiting(self, desk: Desk) -> None:
        desk.gateway.answers = {phone(2): [UNKNOWN_TO_US] * 2}
        await dispatched(desk, customers=12)
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 2}
        await desk.flow.resume(1, ANA)
        await desk.finish()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 11}
        assert desk.case().state is CaseState.INTERRUPTED
        await desk.clock.advance(timedelta(minutes=1).total_seconds())
        await desk.flow.resume(1, ANA)
        await desk.finish()
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 12}
        assert desk.gateway.phones.count(phone(2)) == 3  # refused twice, then taken
