"""What people see of templates: a broken one on cards, in the group and in toasts; the text in Detalhes."""

from dataclasses import replace

import pytest

from bot.chat.screens.cards.card import card
from bot.chat.screens.pages.on_demand import details
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.events import TemplateJudged
from bot.domain.limits.templates import Trouble
from bot.domain.rules import Rules
from bot.process.wiring import adapters_words
from bot.simulator.telegram.api import BotApi
from tests.fakes import NOON

from .room import ANA, UNDO_SECONDS, customers, opened
from .screens import PT, ZONE, assert_arrives, story

NAMES = {"LOS": "aviso", "POWER": "energia"}
RULES = Rules(undo_seconds=UNDO_SECONDS, templates=NAMES)
META = Words("pt_BR", ZONE, adapters_words("pt_BR", "cloud", ("oltcloud",)))
PAUSED = TemplateJudged("LOS", "aviso", Trouble("paused"))
LINE = (
    "⛔ <b>Modelo aviso</b> foi pausado pela Meta por notas ruins: volta sozinho em 3 a 6 horas; veja no "
    "gerenciador da Meta. Até lá este envio não sai"
)


def drawn(book: Book, rules: Rules = RULES) -> Screen:
    return card(book.cases[1], book, NOON, META, rules=rules)


def test_the_card_says_why_it_cannot_be_sent_before_anybody_taps() -> None:
    assert LINE in drawn(story(PAUSED)).html
    for lines in ((), (replace(PAUSED, template="POWER"),), (PAUSED, replace(PAUSED, trouble=None))):
        assert "Modelo" not in drawn(story(*lines)).html
    warned = replace(PAUSED, trouble=Trouble("quality", holds=False))
    assert "Modelo" not in drawn(story(warned)).html


async def test_a_tap_is_answered_with_the_reason_and_the_group_hears_of_it(api: BotApi) -> None:
    async with opened(api, rules=RULES) as room:
        await room.outage()
        shown = await room.card()
        await room.flow.template_news("aviso", "pt_BR", Trouble("paused"))
        await room.shows(shown, "Modelo aviso")
        await api.wait(lambda _: any("nenhum envio com ele sai" in m.text for m in api.messages()))
        answer = await api.tap(ANA, shown, "Aprovar")
        assert answer.text.startswith("Nada foi enviado. O modelo aviso paused")
        assert (room.decided, room.refusals) == ([], [(ANA, "approve", "template", 1)])
        await room.flow.template_news("aviso", "pt_BR", None)
        await api.wait(lambda _: any("em ordem de novo" in m.text for m in api.messages()))
        await api.tap(ANA, shown, "Aprovar")
        assert [kind for kind, *_ in room.decided] == ["approved"]


async def test_details_shows_what_the_first_customer_would_read(api: BotApi) -> None:
    rules = replace(RULES, texts={"LOS": "Olá {{1}}!\n\n<b>{{2}}</b>"})
    async with opened(api, rules=rules) as room:
        await room.outage()
        await api.tap(ANA, await room.card(), "Detalhes")
        await api.wait(lambda _: any("O cliente lê:" in m.text for m in api.messages()))
        [page] = [m for m in api.messages() if "O cliente lê:" in m.text]
        assert "O cliente lê:\nOlá Cliente 0!\n<b>falha na rede</b>\npágina 1 de 2" in page.text


@pytest.mark.parametrize("text", ["x" * 5000, "<&" * 1000, "a\n" * 500, "😀" * 1024])
def test_a_long_text_leaves_room_for_the_customers(text: str) -> None:
    case = story().cases[1]
    shown = assert_arrives(details(case, customers(), 0, PT, said=(text, text)))
    assert "Cliente 9" in shown
    assert "…" in shown
    assert text[:50] not in details(case, customers(), 1, PT, said=(text,)).html
