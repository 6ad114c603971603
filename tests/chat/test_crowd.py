"""Many people, taps and dispatches at once, with the group's real limits and time that runs faster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.chat import telegram
from bot.chat.screens.attention import Attention
from bot.chat.taps.answers import A_MINUTE
from bot.chat.wire import access
from bot.domain.events import CaseOpened, Intent, Planned, Reminded, Result, Settled
from bot.domain.plan import Outcome, Recipient
from bot.ports import Notice
from bot.simulator.server import HangBefore
from bot.simulator.telegram.api import BotApi, Message
from tests.chat.room import ANA, BETO, CARLA, Room, opened, people, until
from tests.fakes import incident

pytestmark = pytest.mark.process

SPEED = 20.0


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        people(server)
        yield server


@asynccontextmanager
async def crowded(api: BotApi, **options: Any) -> AsyncIterator[Room]:
    """The real limits, twenty times as fast; the server counts in the same time."""
    async with opened(api, speed=SPEED, limit=18, gap=1.0, **options) as room:
        api.clock, api.group_limit, api.query_seconds = room.clock, 20, 1000
        yield room


async def minutes_pass(room: Room, minutes: float) -> None:
    until_then = room.clock.monotonic() + minutes * 60
    while room.clock.monotonic() < until_then:
        await room.clock.sleep(1)


def floods(api: BotApi) -> list[str]:
    """What Telegram refused, apart from private chats that nobody opened."""
    return [said for _, said in api.refused if "can't initiate" not in said]


def spent(api: BotApi) -> int:
    """Messages and edits that the bot has spent on the group so far: what a busy machine does not change."""
    private = len(api.refused) - len(floods(api))  # tried, and never opened
    return api.calls["sendMessage"] + api.calls["editMessageText"] - private


@pytest.mark.bug("somebody who asked and asked kept decisions and results waiting")
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
    assert floods(api) == []


async def test_25_forged_taps_neither_fill_the_group_nor_hide_the_cancel_button(api: BotApi) -> None:
    async with crowded(api) as room:
        await room.outage()
        card = await room.card()
        taps = [api.post_callback(BETO, card, "who:1:") for _ in range(25)]
        told = [(await tap).text for tap in taps]
        assert sum("Muitos pedidos" in text for text in told) == len(taps) - A_MINUTE
        assert room.refusals == [(BETO, "details", "too_fast", 1)]
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
    assert floods(api) == []


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
        assert room.decided == [("approved", 1), ("stop_asked", 1)]


BOSS = -1005550001


def loads(api: BotApi) -> dict[int, list[float]]:
    """Take note of every message and edit that the server counts, by chat, from now on."""
    seen: dict[int, list[float]] = {}
    count = api.pace

    def counted(chat: int) -> None:
        count(chat)
        seen.setdefault(chat, []).append(api.clock())

    api.pace = counted  # type: ignore[method-assign]
    return seen


def most_in_a_minute(times: list[float]) -> int:
    return max(sum(start <= at < start + 60 for at in times) for start in times)


async def sixty_outages(room: Room) -> None:
    """In one poll; the 60th is the largest."""
    cases = range(1, 61)
    outages = [incident(n, place=f"1/{n}", affected=n, started=room.started) for n in cases]
    await room.line(*(CaseOpened(n, one) for n, one in zip(cases, outages, strict=True)))
    for number in cases:
        room.telegram.chat.show(number)
    room.telegram.chat.refresh()


async def test_sixty_outages_at_once_and_decisions_on_them_never_flood_the_group(api: BotApi) -> None:
    async with crowded(api, attention=Attention(cards_at_once=10)) as room:
        load = loads(api)
        await sixty_outages(room)
        listed = await api.wait(lambda api: next((m for m in api.messages() if "📋" in m.text), None))
        assert ["caso 60" in m.text or "caso 59" in m.text for m in api.messages()[:2]] == [True, True]
        await api.wait(lambda api: len(api.messages()) == 11)
        cards = [await room.card(number) for number in range(60, 55, -1)]
        sends = []
        for number, card in zip(range(60, 55, -1), cards, strict=True):
            before = spent(api)
            assert "Aprovado" in (await api.post_callback(ANA, card, f"ok:{number}:")).text
            await until(lambda card=card: "Cancelar" in card.buttons)  # type: ignore[misc]
            assert spent(api) - before <= 3  # nothing goes before a decision but what was on its way
            sends.append(asyncio.create_task(dispatch(room, number, seconds=8)))
        for number in (1, 2, 3):
            room.telegram.chat.open_card(number)
        await asyncio.gather(*sends)
        for card in cards:
            await room.shows(card, "Envio concluído")
        for number in (1, 2, 3, *range(51, 56), *range(46, 51)):
            await room.card(number)  # those asked for, those that had one, and the next largest
        await api.wait(lambda _: "42 nesta lista" in listed.text)
        await minutes_pass(room, 1)
    assert most_in_a_minute(load[api.group]) <= 20
    assert api.refused == []


async def test_sixty_cases_that_nobody_answers_are_few_messages(api: BotApi) -> None:
    api.chats[BOSS] = "Diretoria"
    attention = Attention(cards_at_once=10, escalation=BOSS)
    async with crowded(api, attention=attention) as room:
        load = loads(api)
        await sixty_outages(room)
        await until(lambda: room.ledger.book.digests)
        for what in ("first", "escalated"):
            for _ in range(3):  # polls
                for number in range(1, 61):
                    room.telegram.chat.say(Notice("reminder", {"case": number, "what": what}))
            await until(lambda: len(reminded(room)) in {60, 120} and reminded(room)[-1] == what)  # noqa: B023
        before = spent(api)
        card = await room.card(60)
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
        await until(lambda: "Cancelar" in card.buttons)
        assert spent(api) - before <= 2
    asked = [m for m in api.messages() if "⏰" in m.text]
    assert len(asked) == 11  # a reply to each card, one to the list
    assert len(api.messages(BOSS)) == 1
    assert len(load[BOSS]) == 1  # of a budget of its own
    assert most_in_a_minute(load[api.group]) <= 20
    assert api.refused == []


def reminded(room: Room) -> list[str]:
    return [line.what for _, line in room.ledger.lines if isinstance(line, Reminded)]


async def test_however_often_somebody_is_refused_each_tap_is_answered_and_one_line_records_all(
    api: BotApi,
) -> None:
    async with opened(api) as room:
        api.group_limit = None
        await room.outage()
        card = await room.card()
        before = api.calls["answerCallbackQuery"]
        taps = [api.post_callback(BETO, card, "ok:1:") for _ in range(40)]
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text  # it came after theirs
        assert {(await tap).text for tap in taps} == {"Só administradores do grupo decidem."}
        assert api.calls["answerCallbackQuery"] - before == len(taps) + 1
        assert room.refusals == [(BETO, "approve", "not_allowed", 1)]
        assert room.decided == [("approved", 1)]


async def test_an_approver_who_was_refused_often_still_decides(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        taps = [api.post_callback(ANA, card, "no:1:because") for _ in range(10)]
        assert all([(await tap).text for tap in taps])
        assert room.refusals == [(ANA, "deny", "unknown_button", 1)]
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text


@pytest.mark.parametrize("slow", ["answerCallbackQuery", "getChatAdministrators"])
async def test_an_approvers_tap_waits_for_nobodys_refusals(
    api: BotApi, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """A crowd without rights taps while Telegram does not answer: what keeps them keeps nobody else."""
    monkeypatch.setattr(telegram, "STOP_SECONDS", 0.1)
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        crowd = [api.add_user(1000 + n, f"Visitante {n}") for n in range(70)]
        await room.unfolds(card)
        await api.tap(ANA, card, "Assumi")
        monkeypatch.setattr(access, "FRESH", -1.0)  # a stranger has the administrators read again
        api.faults.always(HangBefore(), match=lambda path: path.endswith(slow))
        for user in crowd:
            for _ in range(6):
                api.post_callback(user, card, "ok:1:")
        started = room.clock.monotonic()
        api.post_callback(CARLA, card, "ok:1:")
        await until(lambda: ("approved", 1) in room.decided)
        assert room.clock.monotonic() - started < 8  # of the 10 s that a call which hangs is waited for
