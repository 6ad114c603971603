"""The reason of a denial, in the words of who denied: a reply to the card."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.events import DenialExplained, Denied
from bot.domain.who import Who
from bot.simulator.telegram.api import BotApi, Message
from tests.chat.room import ANA, BETO, CARLA, Room, opened

pytestmark = pytest.mark.asyncio

ASKED = "💬 Ana, responda a este cartão com o motivo até"


async def denied(room: Room, reason: str = "outro") -> Message:
    card = await room.card()
    await room.api.tap(ANA, card, "Negar")
    await room.api.wait(lambda _: reason in card.buttons)
    answer = await room.api.tap(ANA, card, reason)
    assert "Negado" in answer.text
    assert ("Responda ao cartão" in answer.text) == (reason == "outro")
    await room.shows(card, "Negado por Ana")
    return card


async def reacted(api: BotApi, message: Message, emoji: str) -> None:
    await api.wait(lambda _: message.reactions == [emoji])


def explained(room: Room) -> list[DenialExplained]:
    return [line for _, line in room.ledger.lines if isinstance(line, DenialExplained)]


async def test_a_reply_is_the_reason_on_the_card_and_in_the_audit(api: BotApi, room: Room) -> None:
    card = await denied(room)
    assert ASKED in card.text
    reply = await api.say(ANA, "obra da <b>Neoenergia</b>\n na 6/15", reply_to=card)
    await reacted(api, reply, "👍")
    await room.shows(card, ": obra da <b>Neoenergia</b> na 6/15")
    assert ASKED not in card.text
    assert "outro" not in card.text
    await api.say(ANA, "/audit")
    page = await api.wait(
        lambda api: next((m for m in api.messages() if "motivo da negativa" in m.text), None)
    )
    assert "motivo da negativa: obra da <b>Neoenergia</b> na 6/15" in page.text
    await api.say(ANA, "x" * 5000, reply_to=card)
    await room.shows(card, "x" * 199)
    assert explained(room)[-1].reason == "x" * 200


async def test_nobody_elses_words_and_no_talk_are_the_reason(api: BotApi, room: Room) -> None:
    card = await denied(room)
    await api.say(BETO, "por quê?", reply_to=card)
    await api.say(CARLA, "ok", reply_to=card)
    carried = await api.say(
        ANA,
        "de outro",
        reply_to=card,
        forward_origin={"type": "hidden_user", "date": 1, "sender_user_name": "X"},
    )
    await reacted(api, carried, "👎")
    await api.say(ANA, "/pendentes")
    answer = await api.wait(
        lambda api: next((m for m in api.messages() if m.sender is None and m.id > card.id), None)
    )
    await api.say(ANA, "obrigada", reply_to=answer)
    await reacted(api, await api.say(ANA, "obra", reply_to=card), "👍")
    assert explained(room) == [DenialExplained(1, Who(ANA, "Ana"), "obra")]
    assert room.refusals == [(ANA, "deny", "not_typed", 1)]


async def test_it_counts_by_when_it_was_written_and_only_within_ten_minutes(api: BotApi, room: Room) -> None:
    card = await denied(room)
    at = next(at for at, line in room.ledger.lines if isinstance(line, Denied))
    late = int((at + timedelta(minutes=11)).timestamp())
    await reacted(api, await api.say(ANA, "tarde", reply_to=card, date=late), "👎")
    assert explained(room) == []
    assert room.refusals == [(ANA, "deny", "explained_late", 1)]
    await reacted(api, await api.say(ANA, "obra", reply_to=card), "👍")
    await api.say(ANA, "conversa", reply_to=card, date=late)
    await reacted(api, await api.say(ANA, "obra na via", reply_to=card), "👍")
    assert [line.reason for line in explained(room)] == ["obra", "obra na via"]


async def test_a_reason_that_says_something_needs_no_words(api: BotApi, room: Room) -> None:
    card = await denied(room, "alarme falso")
    assert "responda a este cartão" not in card.text
    await api.say(ANA, "conversa", reply_to=card)
    await api.say(ANA, "/ajuda")
    await api.wait(lambda api: "O que este bot faz" in api.messages()[-1].text)
    assert explained(room) == []


async def test_while_the_ledger_is_closed_it_is_not_taken(api: BotApi, room: Room) -> None:
    card = await denied(room)
    await room.ledger.close()
    await reacted(api, await api.say(ANA, "obra", reply_to=card), "👎")
    assert explained(room) == []


async def test_the_line_goes_once_the_time_for_it_is_over(api: BotApi) -> None:
    async with opened(api, speed=600) as room:
        await room.outage()
        card = await room.card()
        await room.line(Denied(1, Who(ANA, "Ana"), "other"))
        room.telegram.chat.show(1, urgent=True)
        await room.shows(card, ASKED)
        await api.wait(lambda _: ASKED not in card.text)
        assert "Negado por Ana" in card.text
        assert datetime.now(UTC) < room.clock.now()
