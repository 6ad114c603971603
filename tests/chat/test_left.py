"""What people ask of a case that left the bot's memory is answered in a sentence, and breaks nothing."""

from datetime import timedelta

import pytest

from bot.domain.events import Alive, Denied, IncidentEnded
from bot.domain.who import Who
from bot.ports import Notice
from bot.simulator.telegram.api import BotApi, Message
from tests.chat.room import ANA, Room

LEFT = "saiu da memória"


async def leaves(room: Room) -> Message:
    """The case is over, and a week passes."""
    card = await room.card()
    await room.line(IncidentEnded(1, "gone", "1"))
    book = room.ledger.book
    for _ in range(9):
        book.apply(book.last_at + timedelta(days=1), Alive())
    return card


async def record(room: Room) -> Message:
    """The same of one that was decided on: the audit still tells of it."""
    await room.card()
    await room.line(Denied(1, Who(ANA, "Ana"), "maintenance"))
    return await leaves(room)


@pytest.mark.parametrize("data", ["ok:1:", "no?:1:", "no:1:maintenance", "who:1:", "go:1.1:", "more:1:"])
async def test_a_tap_on_its_old_card(api: BotApi, room: Room, data: str) -> None:
    card = await leaves(room)
    assert 1 not in room.ledger.book.cases
    assert LEFT in (await api.post_callback(ANA, card, data)).text


async def test_its_customers_are_not_looked_up(api: BotApi, room: Room) -> None:
    card = await record(room)
    assert room.ledger.book.cases[1].past
    before = len(api.messages())
    await api.tap(ANA, card, "Detalhes")
    await api.wait(lambda api: len(api.messages()) > before)
    assert LEFT in api.messages()[-1].text


async def test_a_record_says_who_decided(api: BotApi, room: Room) -> None:
    card = await record(room)
    assert "Ana já negou" in (await api.post_callback(ANA, card, "ok:1:")).text
    room.telegram.chat.show(1)
    await room.shows(card, "Negado por Ana")


@pytest.mark.parametrize("typed", ["/previsao 1 23:59", "/causa 1 fibra"])
async def test_a_command_about_it(api: BotApi, room: Room, typed: str) -> None:
    await leaves(room)
    before = len(api.messages())
    await api.say(ANA, typed)
    await api.wait(lambda api: len(api.messages()) > before)
    assert LEFT in api.messages()[-1].text


async def test_what_is_still_said_or_shown_of_it_is_let_be(api: BotApi, room: Room) -> None:
    card = await leaves(room)
    chat, shown = room.telegram.chat, card.text
    chat.show(1, urgent=True)
    chat.say(Notice("reopened", {"case": 1}))
    chat.say(Notice("halted", {"case": 1, "port": None, "reason": "x"}))
    chat.redraw()
    chat.refresh()
    assert chat.case_of(card.id) is None
    await room.outage(2)
    await room.card(2)
    assert card.text == shown
