"""What a card shows for a while only: that its sends go on by themselves; all of its buttons."""

from datetime import timedelta

import pytest

from bot.domain.events import Approved, IncidentEnded, Resumed, Started
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.simulator.telegram.api import BotApi
from tests.chat.room import ANA, BETO, CARLA, opened
from tests.chat.screens import planned, sent
from tests.fakes import port

BROKE_OFF = (
    Approved(1, Who(ANA, "Ana"), (port("1/1"),)),
    planned(20),
    *sent(0, 2),
    Started("1"),
)


@pytest.mark.asyncio
class TestGoingOn:
    async def test_nobody_is_asked_until_its_time_is_over_and_then_without_any_poll(
        self, api: BotApi
    ) -> None:
        async with opened(api, rules=Rules(resume_within=1.0)) as room:
            await room.outage()
            card = await room.card()
            await room.line(*BROKE_OFF)
            room.telegram.chat.show(1, urgent=True)
            await room.shows(card, "Retomando o envio a 17 clientes…")
            assert card.buttons == ["Detalhes"]
            await room.shows(card, "Faltam 17 clientes: retomar ou encerrar?")
            assert card.buttons[:2] == ["Retomar", "Encerrar envio"]
            assert len(card.edits) == len(("resuming", "the question"))

    async def test_who_taps_the_button_of_before_ends_it_all_the_same(self, api: BotApi) -> None:
        async with opened(api, rules=Rules(resume_within=1.0)) as room:
            await room.outage()
            card = await room.card()
            await room.line(*BROKE_OFF)
            room.telegram.chat.show(1, urgent=True)
            await room.shows(card, "Faltam 17 clientes")
            assert "encerrado" in (await api.tap(CARLA, card, "Encerrar envio")).text.lower()

    async def test_what_has_gone_on_says_so_and_one_whose_outage_is_over_asks_at_once(
        self, api: BotApi
    ) -> None:
        async with opened(api) as room:
            await room.outage()
            card = await room.card()
            await room.line(*BROKE_OFF)
            room.telegram.chat.show(1, urgent=True)
            await room.shows(card, "Retomando")
            await room.line(Resumed(1))
            room.telegram.chat.show(1, urgent=True)
            await room.shows(card, "O bot reiniciou e o envio foi retomado")
            assert "Parar" in card.buttons
            await room.line(Started("1"), IncidentEnded(1))
            room.telegram.chat.show(1)
            await room.shows(card, "a falha acabou, é só encerrar")
            assert card.buttons == ["Encerrar envio"]


@pytest.mark.asyncio
class TestMoreButtons:
    async def test_a_tap_shows_the_others_in_one_edit_and_another_one_hides_them(self, api: BotApi) -> None:
        async with opened(api) as room:
            await room.outage()
            card = await room.card()
            assert card.buttons == ["Aprovar", "Negar", "Detalhes", "Mais ▾"]
            await room.unfolds(card)
            assert card.buttons[:4] == ["Aprovar", "Negar", "Detalhes", "Menos ▴"]
            assert {"Assumi", "Silenciar", "Previsão", "Causa"} <= set(card.buttons[4:])
            await api.post_callback(ANA, card, "more:1:")  # twice is once
            assert len(card.edits) == 1
            await room.grows(1, 40)
            await room.shows(card, "40 de 61")
            assert "Assumi" in card.buttons  # a new drawing keeps them
            await api.tap(CARLA, card, "Menos ▴")
            await api.wait(lambda _: card.buttons == ["Aprovar", "Negar", "Detalhes", "Mais ▾"])

    async def test_a_decision_hides_them_and_a_question_comes_back_to_them(self, api: BotApi) -> None:
        async with opened(api) as room:
            await room.outage()
            card = await room.card()
            await room.unfolds(card)
            await api.tap(ANA, card, "Causa")
            await api.wait(lambda _: "cabo rompido" in card.buttons)
            await api.tap(ANA, card, "↩ voltar")
            await api.wait(lambda _: "Assumi" in card.buttons)
            await api.tap(ANA, card, "Assumi")
            await room.shows(card, "Com Ana")
            await api.wait(lambda _: card.buttons == ["Aprovar", "Negar", "Detalhes", "Mais ▾"])

    async def test_they_are_hidden_after_a_minute(self, api: BotApi) -> None:
        async with opened(api, speed=60) as room:
            await room.outage()
            card = await room.card()
            await room.unfolds(card)
            await api.wait(lambda _: "Mais ▾" in card.buttons)

    async def test_they_are_for_approvers_on_the_card_and_are_checked_as_ever(self, api: BotApi) -> None:
        async with opened(api) as room:
            await room.outage()
            card = await room.card()
            assert "Só administradores" in (await api.tap(BETO, card, "Mais ▾")).text
            await room.unfolds(card)
            assert "Só administradores" in (await api.tap(BETO, card, "Silenciar")).text
            await room.outage(2)
            other = await room.card(2)
            assert "Não reconheço" in (await api.post_callback(ANA, other, "more:1:")).text
            assert "Não reconheço" in (await api.post_callback(ANA, card, "more:1:x")).text
            assert "Mais ▾" in other.buttons

    async def test_a_scheduled_one_has_the_two_that_decide_first(self, api: BotApi) -> None:
        async with opened(api) as room:
            await room.outage()
            card = await room.card()
            later = room.clock.now() + timedelta(hours=1)
            await room.line(Approved(1, Who(ANA, "Ana"), (port("1/1"),), due=later))
            room.telegram.chat.show(1, urgent=True)
            await api.wait(lambda _: card.buttons == ["Enviar agora", "Cancelar", "Detalhes", "Mais ▾"])
            await room.unfolds(card)
            assert {"Previsão", "Causa"} <= set(card.buttons[4:])
