"""Taps about the whole life of a case: what an approval asks, who has it, what is expected, planned work."""

from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from bot.chat.screens.attention import Attention
from bot.chat.screens.outcomes import rounded_up
from bot.domain import events as ev
from bot.domain.events import (
    Approved,
    Cancelled,
    CaseOpened,
    IncidentChanged,
    IncidentEnded,
    Intent,
    Planned,
    Result,
    Resumed,
    Settled,
    Started,
    StopAsked,
)
from bot.domain.limits.hours import Hours
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome, Recipient
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.ports import Notice
from bot.simulator.telegram.api import BotApi, Message
from tests.chat.room import ANA, BETO, CARLA, Room, opened
from tests.fakes import incident

L = TypeVar("L")
ANN = Who(ANA, "Ana")
TOLD = Recipient("1", "Cliente 1", ("Z1",), "5561999990001")
SENT = (
    Approved(1, ANN, ()),
    Planned(1, 1, (TOLD,)),
    Intent(1, "1"),
    Result(1, "1", Outcome.ACCEPTED),
    Settled(1, "done"),
)


def closed() -> Hours:
    """Hours that begin in two hours."""
    opens = datetime.now(UTC) + timedelta(hours=2)
    first, last = opens.time(), (opens + timedelta(hours=3)).time()
    return Hours(first.replace(second=0, microsecond=0), last.replace(second=0, microsecond=0), UTC)


def written(room: Room, kind: type[L]) -> list[L]:
    return [line for _, line in room.ledger.lines if isinstance(line, kind)]


async def flaps(room: Room, times: int) -> None:
    """The port comes back and is down again, so often."""
    down = room.ledger.book.cases[1].incident
    for _ in range(times):
        await room.line(IncidentEnded(1), IncidentChanged(1, down))


async def grouped(room: Room, number: int = 2) -> Message:
    """The card of a case of three ports on two slots."""
    others = tuple(incident(n, place=f"{n - 10}/1", started=room.started) for n in (13, 14))
    await room.line(CaseOpened(number, incident(12, place="3/2", started=room.started), others))
    room.telegram.chat.show(number)
    return await room.card(number)


async def test_what_an_approval_asks_is_answered_on_the_card(api: BotApi) -> None:
    async with opened(api, rules=Rules(customer_hours=closed())) as room:
        await room.outage()
        await flaps(room, 3)
        card = await room.card()
        assert "oscilando" in (await api.tap(ANA, card, "Aprovar")).text
        await api.wait(lambda _: card.buttons == ["Sim, avisar", "↩ voltar"])
        assert "Fora do horário" in (await api.tap(ANA, card, "Sim, avisar")).text
        await api.wait(lambda _: "Enviar agora" in card.buttons)
        assert room.decided == []
        assert "Aprovado. O envio começa em 5 s" in (await api.tap(ANA, card, "Enviar agora")).text
        (line,) = written(room, Approved)
        assert (line.by, line.despite, line.due) == (ANN, ("flapping", "hours"), None)
        await room.shows(card, "Aprovado por Ana")
        assert room.refusals == [], "a question is no refusal"


async def test_later_is_a_schedule_that_a_tap_begins_or_takes_back(api: BotApi) -> None:
    async with opened(api, rules=Rules(customer_hours=closed())) as room:
        await room.outage()
        card = await room.card()
        await api.tap(ANA, card, "Aprovar")
        await api.wait(lambda _: len(card.buttons) == 3)
        later = next(text for text in card.buttons if text.startswith("Enviar às"))
        assert "Aprovado. O envio começa " in (await api.tap(ANA, card, later)).text
        (line,) = written(room, Approved)
        assert line.due is not None
        assert timedelta(minutes=115) < line.due - room.clock.now() < timedelta(hours=2, minutes=1)
        assert (await api.post_callback(ANA, card, "undo:1:")).text == "Cancelado. Nada foi enviado."
        assert (await api.post_callback(CARLA, card, "begin:1:")).text == "Este envio não está agendado."
        await api.post_callback(ANA, card, "ok:1.1:l")
        assert (await api.post_callback(CARLA, card, "begin:1.2:")).text == "O envio começa em 5 s."
        assert written(room, ev.Begun) == [ev.Begun(1, Who(CARLA, "Carla"))]
        assert len(written(room, Cancelled)) == 1


async def test_an_answer_to_nothing_that_was_asked_is_an_answer_all_the_same(api: BotApi, room: Room) -> None:
    card = await room.card()
    assert "Aprovado" in (await api.post_callback(ANA, card, "ok:1:fl")).text
    (line,) = written(room, Approved)
    assert (line.despite, line.due) == ((), None)


async def test_two_people(api: BotApi) -> None:
    async with opened(api, rules=Rules(two_person_above=2)) as room:
        await room.outage(affected=3)
        card = await room.card()
        assert "Falta outra pessoa aprovar, em até 10 minutos" in (await api.tap(ANA, card, "Aprovar")).text
        await api.wait(lambda _: "Aprovar (2ª pessoa)" in card.buttons)
        assert "Você já aprovou" in (await api.tap(ANA, card, "Aprovar (2ª pessoa)")).text
        assert written(room, Approved) == []
        assert "Aprovado" in (await api.tap(CARLA, card, "Aprovar (2ª pessoa)")).text
        (line,) = written(room, Approved)
        assert (line.by.name, line.first) == ("Carla", ANN)
        assert room.refusals == [(ANA, "approve", "second_person", 1)]


async def test_the_group_is_told_once_that_a_second_person_is_needed(api: BotApi) -> None:
    async with opened(api, rules=Rules(two_person_above=2)) as room:
        await room.outage(affected=3)
        card = await room.card()
        needed = Notice("second_needed", {"case": 1, "by": ANN})
        room.telegram.chat.say(needed)  # nobody has approved yet: it does not hold
        await room.line(ev.Proposed(1, ANN))
        room.telegram.chat.say(needed)
        await api.wait(lambda _: len(api.messages()) > 1)
        said = api.messages()[-1]
        assert said.reply_to == card.id
        assert said.text.startswith("👥 Ana aprovou o caso 1 · CB 01 1/1: falta outra pessoa, em até 10 min.")
    assert len(api.messages()) == 2


async def test_somebody_takes_a_case_over(api: BotApi, room: Room) -> None:
    card = await room.card()
    await room.unfolds(card)
    assert (await api.tap(ANA, card, "Assumi")).text == "Anotado: o caso 1 está com você."
    await room.shows(card, "Com Ana")
    assert "já está com você" in (await api.post_callback(ANA, card, "mine:1:")).text
    assert written(room, ev.Assumed) == [ev.Assumed(1, ANN)]


async def test_the_expected_end(api: BotApi, room: Room) -> None:
    card = await room.card()
    await room.unfolds(card)
    await api.tap(ANA, card, "Previsão")
    await api.wait(lambda _: "2 h" in card.buttons)
    assert "Previsão: " in (await api.tap(ANA, card, "2 h")).text
    (line,) = written(room, ev.Forecast)
    assert line.eta is not None
    assert line.eta.timestamp() % 300 == 0
    assert timedelta(hours=2) <= line.eta - room.clock.now() + timedelta(seconds=20)
    assert line.eta - room.clock.now() <= timedelta(hours=2, minutes=5)
    await api.wait(lambda _: "Mais ▾" in card.buttons)
    assert (await api.post_callback(ANA, card, "eta:1:none")).text == "Anotado: sem previsão."
    assert written(room, ev.Forecast)[-1] == ev.Forecast(1, ANN, None)


def test_an_expected_end_is_rounded_up_to_five_minutes() -> None:
    at = datetime(2026, 11, 22, 15, 5, tzinfo=UTC)
    assert rounded_up(at) == at
    assert rounded_up(at + timedelta(microseconds=1)) == at + timedelta(minutes=5)


async def test_the_cause_in_the_words_of_its_button(api: BotApi, room: Room) -> None:
    card = await room.card()
    await room.unfolds(card)
    await api.tap(ANA, card, "Causa")
    await api.wait(lambda _: "cabo rompido" in card.buttons)
    assert (await api.tap(ANA, card, "cabo rompido")).text == "Causa anotada: cabo rompido."
    assert written(room, ev.CauseNamed) == [ev.CauseNamed(1, ANN, "cabo rompido")]
    await room.shows(card, "cabo rompido")


async def test_planned_work_is_silenced_and_ended_from_the_card(api: BotApi, room: Room) -> None:
    card = await room.card()
    await room.unfolds(card)
    await api.tap(ANA, card, "Silenciar")
    await api.wait(lambda _: "falha já em atendimento" in card.buttons)
    await api.tap(ANA, card, "falha já em atendimento")
    await api.wait(lambda _: "2 h" in card.buttons)
    assert "Silenciado até " in (await api.tap(ANA, card, "2 h")).text
    (line,) = written(room, ev.Silenced)
    assert (line.scopes, line.reason) == ((Scope("CB 01", "1/1"),), "falha já em atendimento")
    room.telegram.chat.show(1, urgent=True)  # as the flow does
    await api.wait(lambda _: "Encerrar silêncio" in card.buttons)
    assert "Silenciado até" in (await api.post_callback(CARLA, card, "ok:1:")).text
    assert "Silenciado até" in (await api.post_callback(CARLA, card, "mute?:1:")).text
    assert "Silêncio encerrado" in (await api.tap(CARLA, card, "Encerrar silêncio")).text
    assert written(room, ev.SilenceEnded) == [ev.SilenceEnded(1, Who(CARLA, "Carla"))]
    assert "já acabou" in (await api.post_callback(CARLA, card, "unmute:1:1")).text
    assert [why for _, _, why, _ in room.refusals] == ["silenced", "silenced", "no_silence"]


async def test_where_two_silences_lie_the_end_of_one_promises_no_cards(api: BotApi, room: Room) -> None:
    card = await room.card()
    later = room.clock.now() + timedelta(hours=2)
    for number in (1, 2):
        scope = Scope("CB 01", "1/1" if number == 1 else "")
        await room.line(ev.Silenced(number, (scope,), later + timedelta(hours=number), ANN, "obra"))
    room.telegram.chat.show(1, urgent=True)
    await api.wait(lambda _: "unmute:1:2" in str(card.keyboard))
    assert "vale outro silêncio, até" in (await api.tap(ANA, card, "Encerrar silêncio")).text
    await api.wait(lambda _: "unmute:1:1" in str(card.keyboard))
    assert "os cartões voltam" in (await api.tap(ANA, card, "Encerrar silêncio")).text


async def test_a_silence_of_elsewhere_is_not_ended_from_a_card(api: BotApi, room: Room) -> None:
    card = await room.card()
    until = room.clock.now() + timedelta(hours=1)
    await room.line(ev.Silenced(1, (Scope("CB 01", "9/9"),), until, ANN, "obra"))
    for number in (1, 7):
        assert "Não reconheço" in (await api.post_callback(ANA, card, f"unmute:1:{number}")).text
    assert written(room, ev.SilenceEnded) == []


async def test_a_case_is_taken_apart(api: BotApi, room: Room) -> None:
    card = await grouped(room)
    await room.unfolds(card)
    await api.tap(ANA, card, "Separar")
    await api.wait(lambda _: "Sim, separar" in card.buttons)
    assert (await api.tap(ANA, card, "Sim, separar")).text == "Separado em 2 cartões."
    await room.card(3)
    assert [(line.case, line.by) for line in written(room, ev.Separated)] == [(2, ANN)]
    single = await room.card(1)
    assert "Não há o que separar" in (await api.post_callback(ANA, single, "apart?:1:")).text


async def test_one_question_takes_a_case_apart_once_however_many_answer_it(api: BotApi, room: Room) -> None:
    """Its parts may have parts: the second answer was about what is no more."""
    card = await grouped(room)
    await room.unfolds(card)
    await api.tap(ANA, card, "Separar")
    await api.wait(lambda _: "apart:2:3" in str(card.keyboard))
    answers = [api.post_callback(who, card, "apart:2:3") for who in (ANA, CARLA)]
    said = sorted([(await answer).text for answer in answers])
    assert said[1] == "Separado em 2 cartões."
    assert "O cartão mudou" in said[0]
    assert len(written(room, ev.Separated)) == 1


async def test_one_card_makes_one_silence_however_often_it_is_tapped(api: BotApi, room: Room) -> None:
    card = await room.card()
    answers = [api.post_callback(who, card, "mute:1:60|works") for who in (ANA, CARLA, ANA)]
    assert all(["Silenciado até" in (await answer).text for answer in answers])
    assert len(written(room, ev.Silenced)) == 1


async def test_while_one_of_two_has_approved_a_late_tap_to_take_it_apart_is_told_why_not(
    api: BotApi, room: Room
) -> None:
    card = await grouped(room)
    await room.line(ev.Proposed(2, ANN))
    assert (await api.post_callback(CARLA, card, "apart?:2:")).text.startswith("Ana já aprovou")


async def test_telling_that_it_is_back_and_the_taps_on_that(api: BotApi) -> None:
    async with opened(api, rules=Rules(restored=True, customer_hours=closed())) as room:
        await room.outage()
        card = await room.card()
        assert "ainda está ativa" in (await api.post_callback(ANA, card, "up:1:")).text
        await room.line(*SENT, IncidentEnded(1))
        room.telegram.chat.show(1, urgent=True)
        await api.wait(lambda _: "Avisar que voltou (1)" in card.buttons)
        assert "Fora do horário" in (await api.tap(ANA, card, "Avisar que voltou (1)")).text
        await api.wait(lambda _: "Enviar agora" in card.buttons)
        assert "Aviso de que voltou: o envio" in (await api.tap(ANA, card, "Enviar agora")).text
        line = written(room, Approved)[-1]
        assert (line.case, line.despite) == (-1, ("hours",))
        await room.line(Planned(-1, 1, (TOLD,)))
        assert "Parando" in (await api.post_callback(ANA, card, "stop:-1:")).text
        assert written(room, StopAsked) == [StopAsked(-1, ANN)]
        assert room.decided[-1] == ("stop_asked", -1)


async def test_a_second_message_is_resumed_on_its_cases_card(api: BotApi) -> None:
    async with opened(api, rules=Rules(restored=True, customer_hours=closed())) as room:
        await room.outage()
        card = await room.card()
        await room.line(*SENT, IncidentEnded(1), ev.Restoring(-1, 1), Approved(-1, ANN, ()))
        await room.line(Planned(-1, 1, (TOLD,)), Started("2"))
        room.telegram.chat.show(-1, urgent=True)
        assert "Fora do horário" in (await api.post_callback(ANA, card, "go:-1.1:")).text
        await api.wait(lambda _: "Retomar agora" in card.buttons)
        assert (await api.tap(ANA, card, "Retomar agora")).text == "Envio retomado."
        assert written(room, Resumed) == [Resumed(-1, ANN)]
        other = await grouped(room)
        assert "Não reconheço" in (await api.post_callback(ANA, other, "stop:-1:")).text
        assert "Não conheço" in (await api.post_callback(ANA, other, "stop:-2:")).text
        assert other.buttons


ALL = [
    *("up:1:", "begin:1:", "apart?:1:", "apart:1:", "mine:1:", "eta?:1:", "eta:1:60", "why?:1:"),
    *("why:1:cable", "mute?:1:", "mute:1:60", "unmute:1:1", "unmute:0:1"),
]


@pytest.mark.parametrize("data", ALL)
async def test_only_approvers_in_the_group_decide(api: BotApi, room: Room, data: str) -> None:
    card = await room.card()
    assert "administradores do grupo" in (await api.post_callback(BETO, card, data)).text
    private = api.append(Message(0, ANA, "x"))
    assert "grupo do NOC" in (await api.post_callback(ANA, private, data)).text
    assert [why for _, _, why, _ in room.refusals] == ["not_allowed", "wrong_chat"]
    assert room.decided == []


@pytest.mark.parametrize(
    "data",
    [
        *(
            "ok:-1:",
            "up:-1:",
            "mine:-1:",
            "eta:1:61",
            "eta:1:",
            "why:1:rain",
            "mute:1:9999",
            "mute?:1:rain",
            "mute:1:60|rain",
            "unmute:1:x",
        ),
        *("ok:1:x", "ok:1:nl", "go:1:l", "up:1:f", "apart:1:x", "card:1:", "list:0:1", "list:0:-1"),
    ],
)
async def test_what_is_forged_does_nothing(api: BotApi, room: Room, data: str) -> None:
    card = await room.card()
    assert "Não reconheço" in (await api.post_callback(ANA, card, data)).text
    assert room.decided == []
    assert card.edits == []


@pytest.mark.parametrize("data", ["apart?:1:", "eta?:1:", "why?:1:", "mute?:1:"])
async def test_nothing_is_asked_about_what_is_over(api: BotApi, room: Room, data: str) -> None:
    card = await room.card()
    await room.line(IncidentEnded(1))
    assert "já acabou" in (await api.post_callback(ANA, card, data)).text
    assert [why for _, _, why, _ in room.refusals] == ["over"]


async def test_a_closed_ledger_asks_and_writes_nothing(api: BotApi, room: Room) -> None:
    card = await room.card()
    room.ledger.fail("the disk is gone")
    for data in ("eta?:1:", "mine:1:", "unmute:1:1"):
        answer = await api.post_callback(ANA, card, data)
        assert "registro está fechado" in answer.text
        assert answer.show_alert


async def status_of(room: Room, user: int) -> Message:
    before = len(room.api.messages())
    await room.api.say(user, "/status")
    await room.api.wait(lambda api: len(api.messages()) > before)
    return room.api.messages()[-1]


async def test_a_silence_is_ended_from_the_status(api: BotApi, room: Room) -> None:
    card = await room.card()
    until = room.clock.now() + timedelta(hours=1)
    for number, scope in enumerate((Scope("CB 02", "6/15"), Scope("CB 03")), start=1):
        await room.line(ev.Silenced(number, (scope,), until, ANN, "troca <de> cabo"))
    assert (await status_of(room, BETO)).buttons == []
    page = await status_of(room, ANA)
    assert "CB 02 6/15 até" in page.text
    assert "Ana: troca <de> cabo" in page.text
    assert page.buttons == ["🔔 Encerrar: CB 02 6/15", "🔔 Encerrar: CB 03"]
    assert "administradores" in (await api.tap(BETO, page, "🔔 Encerrar: CB 03")).text
    assert "Silêncio encerrado" in (await api.tap(CARLA, page, "🔔 Encerrar: CB 03")).text
    await room.shows(page, "Carla encerrou o silêncio de CB 03")
    await api.wait(lambda _: page.buttons == ["🔔 Encerrar: CB 02 6/15"])
    assert "já acabou" in (await api.post_callback(ANA, page, "unmute:0:2")).text
    assert "Página antiga: peça /status" in (await api.post_callback(ANA, card, "unmute:0:1")).text
    assert written(room, ev.SilenceEnded) == [ev.SilenceEnded(2, Who(CARLA, "Carla"))]


async def test_anybody_opens_a_card_that_the_list_has(api: BotApi) -> None:
    async with opened(api, attention=Attention(cards_at_once=1)) as room:
        await room.line(*(CaseOpened(n, room._incident(n, 30 - n)) for n in (1, 2, 3)))
        for number in (1, 2, 3):
            room.telegram.chat.show(number)
        page = await api.wait(
            lambda api: next((m for m in api.messages() if len(m.buttons) == 3 and not m.reply_to), None)
        )
        assert isinstance(page, Message)
        assert "Não conheço" in (await api.post_callback(BETO, page, "card:77:")).text
        assert (await api.post_callback(BETO, page, "list:0:0")).text == ""
        assert (await api.tap(BETO, page, page.buttons[1])).text == "O cartão do caso 3 já vem."
        card = await room.card(3)
        assert "Aprovar" in card.buttons
        assert [why for _, _, why, _ in room.refusals] == ["unknown_case"]
