"""Many people, taps and dispatches at once, with the group's real limits and time that runs faster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.chat.answers import A_MINUTE
from bot.domain.lines import Intent, Planned, Result, Settled
from bot.domain.plan import Outcome, Recipient
from bot.simulator.telegram import BotApi, Message
from tests.chat.room import ANA, BETO, CARLA, Room, opened, people, until

SPEED = 20.0


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        people(server)
        yield server


@asynccontextmanager
async def crowded(api: BotApi) -> AsyncIterator[Room]:
    """The real limits, twenty times as fast; the server counts in the same time."""
    async with opened(api, speed=SPEED, limit=18, gap=1.0) as room:
        api.clock, api.group_limit, api.query_seconds = room.clock, 20, 1000
        yield room


async def minutes_pass(room: Room, minutes: float) -> None:
    until_then = room.clock.monotonic() + minutes * 60
    while room.clock.monotonic() < until_then:
        await room.clock.sleep(1)


def spent(api: BotApi) -> int:
    """Messages and edits that the bot has spent on the group so far: what a busy machine does not change."""
    return api.calls["sendMessage"] + api.calls["editMessageText"]


async def test_300_commands_of_one_person_keep_no_decision_waiting(api: BotApi) -> None:
    async with crowded(api) as room:
        await room.outage()
        card = await room.card()
        for _ in range(300):
            await api.say(BETO, "/help")
        await until(lambda: any("O que este bot faz" in m.text for m in api.messages()))
        before = spent(api)
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
        await until(lambda: "Cancelar" in card.buttons)
        assert spent(api) - before <= 2  # at most one answer went before it
        await minutes_pass(room, 2)
        assert sum("O que este bot faz" in m.text for m in api.messages()) <= A_MINUTE
    assert api.refused == []


async def test_25_forged_taps_neither_fill_the_group_nor_hide_the_cancel_button(api: BotApi) -> None:
    async with crowded(api) as room:
        await room.outage()
        card = await room.card()
        answers = await asyncio.gather(*(api.post_callback(BETO, card, "who:1:") for _ in range(25)))
        told = [answer.text for answer in answers]
        assert sum("Muitos pedidos" in text for text in told) == 25 - A_MINUTE
        assert room.desk.refusals == [(BETO, "details", "too_fast", 1)] * (25 - A_MINUTE)
        before = spent(api)
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
        await until(lambda: "Cancelar" in card.buttons)
        assert spent(api) - before <= 2


async def test_an_answer_that_has_to_wait_says_so_and_comes(api: BotApi) -> None:
    async with crowded(api) as room:
        await room.outage()
        card = await room.card()
        for user in (ANA, CARLA):
            for _ in range(3):
                answer = await api.tap(user, card, "Detalhes")
                assert "Buscando" in answer.text or "Um instante" in answer.text
                await room.clock.sleep(2)
        await until(lambda: len(api.messages()) >= 5)
        for number in range(2, 14):
            await room.outage(number)
        await until(lambda: len(api.messages()) >= 10)
        before = len([m for m in api.messages() if m.reply_to])
        assert "Um instante" in (await api.tap(BETO, card, "Detalhes")).text
        await until(lambda: len([m for m in api.messages() if m.reply_to]) > before)
    assert api.refused == []


async def test_who_asks_and_asks_leaves_new_cards_their_room(api: BotApi) -> None:
    async with crowded(api) as room:
        await room.outage(1)
        card = await room.card(1)
        for number in range(2, 6):
            for user in (ANA, BETO, CARLA):
                await api.post_callback(user, card, "who:1:")
                await api.say(user, "/status")
            before = spent(api)
            await room.outage(number)
            await room.card(number)
            assert spent(api) - before <= 7  # the answers keep to six of a minute's messages
            await room.clock.sleep(20)
    assert api.refused == []


async def dispatch(room: Room, number: int, seconds: float) -> None:
    """What the flow does after an approval: a countdown, then sends that take so long, then the end."""
    chat = room.telegram.chat
    await room.clock.sleep(5)
    names = [str(n) for n in range(10)]
    people = tuple(Recipient(n, n, (n,), f"55619990{number:02}{n:0>3}") for n in names)
    await room.line(Planned(number, 10, people))
    chat.show(number, urgent=True)
    for name in names:
        await room.clock.sleep(seconds / 10)
        await room.line(Intent(number, name), Result(number, name, Outcome.ACCEPTED))
        chat.show(number)
    await room.line(Settled(number, "done"))
    chat.show(number, urgent=True)


async def five_approvals(room: Room, seconds: float) -> tuple[list[Message], list[asyncio.Task[None]]]:
    """Eight outages, and after their cards five approvals a second apart."""
    for number in range(1, 9):
        await room.outage(number)
    cards = [await room.card(number) for number in range(1, 9)][:5]
    sends = []
    for number, card in enumerate(cards, start=1):
        assert "Aprovado" in (await room.api.post_callback(ANA, card, f"ok:{number}:")).text
        sends.append(asyncio.create_task(dispatch(room, number, seconds)))
        await room.clock.sleep(1)
    return cards, sends


async def test_five_approvals_in_a_few_seconds_show_their_results_when_they_are_there(api: BotApi) -> None:
    async with crowded(api) as room:
        cards, sends = await five_approvals(room, seconds=8)
        await asyncio.gather(*sends)
        before = spent(api)
        for card in cards:
            await room.shows(card, "Envio concluído")
        assert spent(api) - before <= 7  # nothing but results, and what was on its way
        assert all("Cancelar" in text or "Envio às" in text for card in cards for _, text in card.edits[:1])
    assert api.refused == []


async def test_five_long_dispatches_can_all_be_stopped_from_their_cards(api: BotApi) -> None:
    async with crowded(api) as room:
        cards, sends = await five_approvals(room, seconds=150)
        before = spent(api)
        await until(lambda: all("Parar" in card.buttons for card in cards))
        assert spent(api) - before <= 18  # within one minute's messages
        await asyncio.gather(*sends)
        before = spent(api)
        for card in cards:
            await room.shows(card, "Envio concluído")
        assert spent(api) - before <= 7
    assert api.refused == []


async def test_a_cancel_on_a_card_that_is_behind_stops_what_began(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        await api.tap(ANA, card, "Aprovar")
        await api.wait(lambda _: "Cancelar" in card.buttons)
        await room.line(Planned(1, 1, (Recipient("1", "Cliente 1", ("Z1",), "5561999990001"),)))
        assert "Parando" in (await api.tap(ANA, card, "Cancelar")).text
        assert room.desk.decided == [("approve", 1), ("cancel", 1)]
