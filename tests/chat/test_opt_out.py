"""/naoavisar and /avisar: customers who want no messages, as people type them."""

import re
from collections.abc import AsyncIterator

import pytest

from bot.chat.screens.cards.card import card
from bot.chat.screens.pages.on_demand import details
from bot.chat.screens.pages.people import as_planned
from bot.chat.screens.pages.sheets import details_csv
from bot.chat.screens.words import Words
from bot.chat.taps.note_commands import read_phone
from bot.domain.events import Line, OptedIn, OptedOut, Settled
from bot.domain.phone import Phone
from bot.domain.plan import Skip
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.simulator.telegram.api import BotApi
from tests.chat.room import ANA, BETO, Room, opened
from tests.chat.screens import APPROVED, EN, PT, case_and_now, planned, sent, story
from tests.chat.test_commands import answer

MASKED = "(61) 9****-0001"
WARNING = "O telefone inteiro está na sua mensagem no grupo: apague-a"


@pytest.fixture
async def room(api: BotApi) -> AsyncIterator[Room]:
    async with opened(api) as room:
        yield room


def listed(room: Room) -> list[Line]:
    return [line for _, line in room.ledger.lines if isinstance(line, OptedOut | OptedIn)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("61 99999-0001 pediu por telefone", "pediu por telefone"),
        ("(61) 9 9999 0001  pediu", "pediu"),
        ("+55 61 99999.0001 2 vezes", "2 vezes"),
        ("5561999990001", ""),
        ("61 9999-0001 pediu", "pediu"),
        ("João 61 99999-0001 pediu", "pediu"),
    ],
)
def test_the_phone_is_read_in_any_spelling_and_the_reason_follows(text: str, reason: str) -> None:
    assert read_phone(text) == (Phone("5561999990001"), reason)


@pytest.mark.parametrize("text", ["", "pediu", "99999-0001 pediu", "(61) 3333-4444 pediu", "12 raio"])
def test_what_has_no_phone_is_not_read(text: str) -> None:
    assert read_phone(text) is None


async def test_in_private_it_is_done_and_the_phone_masked(api: BotApi, room: Room) -> None:
    said = await answer(api, ANA, "/naoavisar 61 99999-0001 pediu por telefone", ANA)
    assert said == f"🙅 {MASKED} não recebe mais avisos. Não estava na lista."
    person = room.ledger.person("5561999990001")
    assert listed(room) == [OptedOut(person, "pediu por telefone", Who(ANA, "Ana"))]
    assert api.messages() == [], "the group is told nothing"
    assert re.fullmatch(
        rf"🔔 {re.escape(MASKED)} volta a receber avisos. Estava na lista desde \d\d:\d\d, por Ana.",
        await answer(api, ANA, "/avisar +55 (61) 9.9999-0001", ANA),
    )
    assert listed(room)[1:] == [OptedIn(person, Who(ANA, "Ana"))]
    assert room.ledger.book.opted_out == {}


async def test_in_the_group_it_is_done_and_said_that_the_phone_stands_there(api: BotApi, room: Room) -> None:
    for typed in ("/naoavisar 61 99999-0001 pediu", "/optin 61 99999-0001"):
        said = await answer(api, ANA, typed)
        assert MASKED in said
        assert WARNING in said
        assert "99999" not in said
    assert [line.kind for line in listed(room)] == ["opted_out", "opted_in"]


async def test_it_says_who_was_on_the_list_already(api: BotApi, room: Room) -> None:
    await answer(api, ANA, "/optout 61 99999-0001 pediu", ANA)
    said = await answer(api, ANA, "/nãoavisar 61999990001 de novo")
    assert re.fullmatch(
        rf"{re.escape(MASKED)} já está na lista de quem não recebe, desde \d\d:\d\d, por Ana."
        " Apague do grupo a mensagem com o telefone inteiro.",
        said,
    )
    assert "não está na lista" in await answer(api, ANA, "/avisar 61 98888-7777", ANA)
    assert "Diga o motivo depois do telefone" in await answer(api, ANA, "/naoavisar 61 98888-7777", ANA)
    assert [(action, why) for _, action, why, _ in room.refusals] == [
        ("naoavisar", "already_opted_out"),
        ("avisar", "not_opted_out"),
        ("naoavisar", "opt_out_no_reason"),
    ]
    assert len(listed(room)) == 1


@pytest.mark.parametrize("typed", ["/naoavisar", "/naoavisar João pediu", "/avisar 3333-4444", "/optout x"])
async def test_nonsense_is_answered_with_an_example(api: BotApi, room: Room, typed: str) -> None:
    assert "61 99999-0001" in await answer(api, ANA, typed)
    assert listed(room) == []
    assert room.refusals == []


async def test_only_approvers(api: BotApi, room: Room) -> None:
    assert "administradores do grupo" in await answer(api, BETO, "/naoavisar 61 99999-0001 pediu")
    assert "administradores do grupo" in await answer(api, BETO, "/avisar 61 99999-0001", BETO)
    assert listed(room) == []


async def test_the_audit_and_status_tell_of_it_and_no_line_has_the_phone(api: BotApi, room: Room) -> None:
    assert "não receber avisos" not in await answer(api, ANA, "/status")
    await answer(api, ANA, "/naoavisar 61 99999-0001 pediu do 61 99999-0001, e do 3333-4444", ANA)
    await answer(api, ANA, "/naoavisar 61 98888-7777 pediu", ANA)
    assert "🙅 2 clientes pediram para não receber avisos" in await answer(api, ANA, "/status")
    await answer(api, ANA, "/avisar 61 98888-7777", ANA)
    told = await answer(api, ANA, "/auditoria", ANA)
    assert "pôs um cliente na lista de quem não recebe avisos: pediu do ****0001, e do ****4444" in told
    assert "tirou um cliente da lista de quem não recebe avisos" in told


@pytest.mark.parametrize(
    ("words", "counted", "of_one"),
    [
        (PT, "2 pediram para não receber", "não enviada: pediu para não receber"),
        (EN, "2 asked for no messages", "not sent: asked for no messages"),
    ],
)
def test_card_details_and_sheet_say_why(words: Words, counted: str, of_one: str) -> None:
    plan = planned(3, Skip.OPTED_OUT, Skip.OPTED_OUT)
    book = story(APPROVED, plan, *sent(2, 2), Settled(1, "done"))
    case, now = case_and_now(book)
    assert counted in card(case, book, now, words, rules=Rules()).html
    found = as_planned(case)
    page = details(case, found, 0, words)
    assert page.html.count(of_one) == 2
    assert details_csv(case, found, words).content.decode().count(of_one) == 2
