from collections.abc import AsyncIterator

import pytest

from bot.simulator.telegram.api import BotApi
from tests.chat.room import ANA, BETO, Room, opened


@pytest.fixture
async def room(api: BotApi) -> AsyncIterator[Room]:
    async with opened(api) as room:
        yield room


async def answer(api: BotApi, user: int, text: str, chat: int | None = None) -> str:
    """What the bot answers to a command."""
    before = len(api.messages(chat))
    said = await api.say(user, text, chat)
    await api.wait(lambda api: len(api.messages(chat)) > before)
    message = api.messages(chat)[-1]
    assert message.reply_to == said.id
    return message.text


async def test_the_commands_are_described(api: BotApi, room: Room) -> None:
    for commands in api.commands.values():
        assert [command["command"] for command in commands] == [
            "status",
            "pendentes",
            "turno",
            "cliente",
            "auditoria",
            "descanso",
            "silenciar",
            "previsao",
            "causa",
            "naoavisar",
            "avisar",
            "relatorio",
            "recarregar",
            "ajuda",
        ]
        assert all(command["description"] for command in commands)


async def test_status(api: BotApi, room: Room) -> None:
    await room.outage()
    await room.card()
    text = await answer(api, BETO, "/status")
    assert "1.2.3" in text
    assert "WhatsApp (Matrix)" in text
    assert "1 aberto" in text


@pytest.mark.parametrize("name", ["/turno", "/handover", "/passagem", "/shift"])
async def test_the_next_shift_is_told_in_one_message(api: BotApi, room: Room, name: str) -> None:
    await room.outage()
    await room.card()
    text = await answer(api, BETO, name)
    assert text.startswith("🔄 Passagem de turno")
    assert "\n\n⏳ 1 falha espera decisão\n🔴 LOS · CB 01 1/1" in text


async def test_each_command_answers(api: BotApi, room: Room) -> None:
    await room.outage()
    card = await room.card()
    assert "CB 01" in await answer(api, BETO, "/pendentes")
    assert f"/{card.id}" in api.messages()[-1].html
    assert "Nenhum registro" in await answer(api, BETO, "/audit hoje")
    assert "Nenhuma porta" in await answer(api, BETO, "/cooldown@noc_bot")
    said = await answer(api, BETO, "/HELP")
    assert "Aprovar" in said
    assert "/silenciar OLT [slot/PON] 2h motivo" in said


async def test_other_bots_and_unknown_commands_of_the_group_are_ignored(api: BotApi, room: Room) -> None:
    await api.say(ANA, "/status@other_bot", ANA)
    await api.say(ANA, "/nonsense")
    await api.say(ANA, "/start")
    assert "Nenhum" in await answer(api, ANA, "/audit")
    assert len(api.messages()) == 1
    assert api.messages(ANA) == []


async def test_private_chats_are_for_approvers(api: BotApi, room: Room) -> None:
    assert "WhatsApp (Matrix)" in await answer(api, ANA, "/status", ANA)
    assert "administradores do grupo" in await answer(api, BETO, "/status", BETO)
    assert room.refusals == [(BETO, "status", "not_allowed", None)]


async def test_another_group_hears_nothing(api: BotApi, room: Room) -> None:
    await api.say(ANA, "/status", -88)
    assert "Nenhum" in await answer(api, ANA, "/audit")
    assert api.messages(-88) == []
    assert room.refusals == [(ANA, "status", "wrong_chat", None)]


async def test_an_anonymous_administrator_is_told_why(api: BotApi, room: Room) -> None:
    group = api.add_user(1087968824, "Group", admin=True)
    assert "anônimo" in await answer(api, group.id, "/status")


async def test_start_tells_everyone_their_id(api: BotApi, room: Room) -> None:
    text = await answer(api, BETO, "/start", BETO)
    assert f"{BETO}" in text
    assert "administradores do grupo" in text
    assert "TELEGRAM_APPROVERS" not in text
    assert room.refusals == []


async def test_start_says_where_an_id_has_to_stand_only_where_a_list_decides(api: BotApi) -> None:
    async with opened(api, approvers=frozenset({ANA})):
        assert "TELEGRAM_APPROVERS" in await answer(api, BETO, "/start", BETO)
        assert "lista de aprovadores" in await answer(api, BETO, "/status", BETO)
