"""No command is met with silence: all names, however much was asked before, however full the group is."""

from collections.abc import AsyncIterator
from itertools import product

import pytest

from bot.chat.screens.pages.on_demand import ALIASES, COMMANDS
from bot.chat.taps.answers import A_MINUTE
from bot.domain.events import CauseNamed
from bot.domain.incident import Port
from bot.simulator.telegram.api import BotApi, Message
from bot.simulator.telegram.chat import Refused
from tests.chat.room import ANA, BETO, Room, opened, people, until
from tests.chat.screens import EN, PT
from tests.chat.test_commands import answer
from tests.chat.test_crowd import crowded, floods


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        people(server)
        yield server


async def replies(api: BotApi, asked: Message, chat: int | None = None) -> list[str]:
    return [m.text for m in api.messages(chat) if m.reply_to == asked.id]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/pending", "cartão espera"),
        ("/PENDENTES", "cartão espera"),
        ("/auditoria", "Nenhum registro"),
        ("/historico", "Nenhum registro"),
        ("/history", "Nenhum registro"),
        ("/ajuda", "O que este bot faz"),
        ("/help", "O que este bot faz"),
        ("/ports", "Nenhuma porta"),
        ("/silence", "/silenciar"),
        ("/eta", "/previsao"),
        ("/previsão", "/previsao"),
        ("/cause", "/causa"),
    ],
)
async def test_each_command_has_its_names_of_both_languages(api: BotApi, typed: str, said: str) -> None:
    async with opened(api) as room:
        await room.outage()
        await room.card()
        assert said in await answer(api, ANA, typed, ANA)


@pytest.mark.parametrize("language", ["pt_BR", "en"])
def test_the_names_of_the_menu_are_all_taken(language: str) -> None:
    words = PT if language == "pt_BR" else EN
    for name in COMMANDS:
        shown = words.plain(f"menu.{name}")
        assert ALIASES.get(shown, shown) == name
        assert f"/{shown} " in words.say("help.text", **{n: words.plain(f"command.{n}") for n in COMMANDS})


async def test_an_unknown_command_in_private_gets_the_help(api: BotApi) -> None:
    async with opened(api):
        assert "O que este bot faz" in await answer(api, ANA, "/nonsense", ANA)
        assert "administradores do grupo" in await answer(api, BETO, "/nonsense", BETO)


@pytest.mark.parametrize("olt", ["AG 01", "ag01", "AG  01", "Ág 01", "aG\t01"])
async def test_an_olt_is_found_however_it_is_typed(api: BotApi, olt: str) -> None:
    async with opened(api) as room:
        room.source.ports = {"AG 01": frozenset(), "CB 02": frozenset()}
        assert "AG 01 6/15 silenciado" in await answer(api, ANA, f"/silenciar {olt} 6/15 2h obra")
        silence = room.ledger.book.silences[1]
        assert silence.scopes[0].olt == "AG 01"
        assert silence.covers(Port("1", "AG 01", "6/15"))


@pytest.mark.bug("after six looks three decisions vanished without a line")
async def test_after_six_looks_decisions_are_carried_out_and_confirmed(api: BotApi) -> None:
    async with crowded(api) as room:
        for number in (1, 2, 3):
            await room.outage(number)
            await room.card(number)
        for _ in range(A_MINUTE + 1):
            await api.say(ANA, "/status")
        asked = [await api.say(ANA, f"/causa {number} poste {number}") for number in (1, 2, 3)]
        await until(lambda: sum(isinstance(line, CauseNamed) for _, line in room.ledger.lines) == 3)
        await until(lambda: all(message.reactions for message in asked))
        assert {emoji for message in asked for emoji in message.reactions} == {"👍"}
        for number, message in enumerate(asked, start=1):
            await until(lambda m=message: [r for r in api.messages() if r.reply_to == m.id])  # type: ignore[misc]
            assert f"Caso {number}: poste {number}" in (await replies(api, message))[0]
    assert floods(api) == []


async def test_of_commands_in_a_row_each_has_its_answer_refusals_too(api: BotApi) -> None:
    async with crowded(api) as room:
        await room.outage(1)
        await room.card(1)
        typed = ["/causa 1 a", "/causa 1 b", "/causa 77 c", "/causa 78 d", "/causa", "/previsao 1 nenhuma"]
        asked = [await api.say(ANA, text) for text in typed]
        said = []
        for message in asked:
            await until(lambda m=message: [r for r in api.messages() if r.reply_to == m.id])  # type: ignore[misc]
            said += await replies(api, message)
        assert [text.partition("\n")[0] for text in said] == [
            "🔧 Caso 1: a",
            "🔧 Caso 1: b",
            "Não conheço esse caso. Use /pendentes.",
            "Não conheço esse caso. Use /pendentes.",
            "🔧 /causa caso texto [; equipe]",
            "⏰ Caso 1: sem previsão",
        ]


@pytest.mark.process
async def test_what_was_not_carried_out_has_no_sign_that_it_was(api: BotApi) -> None:
    async with crowded(api) as room:
        await room.outage(1)
        await room.card(1)
        await full(room)
        typed = {"/causa": "👀", "/previsao 1 15h": "👀", "/causa 77 c": "👎", "/causa 1 d": "👍"}
        for text, emoji in typed.items():
            asked = await api.say(ANA, text)
            await until(lambda asked=asked, emoji=emoji: asked.reactions == [emoji])  # type: ignore[misc]


async def test_where_the_group_has_no_room_the_answer_comes_in_private_at_once(api: BotApi) -> None:
    api.users[BETO].opened_private = True
    async with crowded(api) as room:
        for number in range(1, 14):
            await room.outage(number)
        await until(lambda: room.telegram.chat.card(5))
        await full(room)
        asked = await api.say(BETO, "/pendentes")
        started = room.clock.monotonic()
        await api.wait(lambda api: any("esperam" in m.text for m in api.messages(BETO)))
        assert room.clock.monotonic() - started < 20  # of a clock that runs twenty times as fast
        await until(lambda: asked.reactions)
        assert asked.reactions == ["👀"]
        assert await replies(api, asked) == []


@pytest.mark.process
async def test_who_has_no_private_chat_sees_the_reaction_and_then_the_answer(api: BotApi) -> None:
    async with crowded(api) as room:
        await full(room)
        asked = await api.say(BETO, "/pendentes")
        await until(lambda: asked.reactions)
        assert asked.reactions == ["👀"]
        await until(lambda: [m for m in api.messages() if m.reply_to == asked.id])


async def test_who_asks_for_more_than_anybody_reads_is_told_by_a_reaction(api: BotApi) -> None:
    async with crowded(api):
        asked = [await api.say(BETO, "/pendentes") for _ in range(A_MINUTE + 3)]
        await until(lambda: asked[-1].reactions == ["👎"])
        await until(lambda: all(m.reactions == ["👎"] for m in asked[A_MINUTE:]))
        await until(lambda: [m for m in api.messages() if m.reply_to in {a.id for a in asked}])


@pytest.mark.process
async def test_a_group_without_reactions_gets_its_answers(
    api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.chat.taps.commands.SEEN", "🦖")
    async with crowded(api) as room:
        await full(room)
        asked = await api.say(BETO, "/pendentes")
        await until(lambda: [m for m in api.messages() if m.reply_to == asked.id])


async def test_in_a_group_that_takes_no_posts_the_answer_comes_in_private(api: BotApi) -> None:
    api.users[BETO].opened_private = True
    async with opened(api) as room:
        api.barred[api.group] = Refused("Bad Request: CHAT_RESTRICTED")
        await api.say(BETO, "/pendentes")
        told = await api.wait(lambda api: next(iter(api.messages(BETO)), None))
        assert "Nenhum" in told.text or "cart" in told.text
        await until(lambda: room.telegram.posting.mute)


async def full(room: Room) -> None:
    """The group has had its answers of this minute."""
    for user, text in product((ANA, BETO), ("/status", "/audit", "/cooldown")):
        await room.api.say(user, text)
    budget = room.telegram._home.deps.budget
    await until(lambda: budget.answers_left() == 0)
