"""What a card shows for a while only: that its sends go on by themselves, and then the question."""

from collections.abc import AsyncIterator

import pytest

from bot.domain.lines import Approved, IncidentEnded, Resumed, Started, Who
from bot.domain.rules import Rules
from bot.simulator.telegram import BotApi
from tests.chat.room import ANA, CARLA, opened, people
from tests.chat.screens import planned, sent
from tests.fakes import port

BROKE_OFF = (
    Approved(1, Who(ANA, "Ana"), (port("1/1"),)),
    planned(20),
    *sent(0, 2),
    Started("1"),
)


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        people(server)
        server.group_limit = None
        yield server


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
            assert card.buttons == ["Retomar", "Encerrar envio"]
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
