"""What people see and tap where today's limit does not hold all of a case."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.chat.screens.arguments import fits_approve, most_in, with_most
from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.card import card
from bot.chat.screens.cards.late import Late
from bot.chat.screens.cards.room import Short
from bot.chat.screens.pages.status import ProgramFacts, status
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Screen
from bot.domain.book import Book
from bot.domain.case import CaseState
from bot.domain.events import Approved, CaseOpened, Interrupted, Line, Settled
from bot.domain.incident import Kind
from bot.domain.limits import daily
from bot.domain.plan import Size
from bot.domain.rules import Rules
from bot.domain.watched.health import AnswerHealth, SourceHealth
from bot.simulator.telegram.api import BotApi
from tests.fakes import ANA as WHO
from tests.fakes import NOON, incident, port

from .room import ANA, UNDO_SECONDS, opened
from .screens import APPROVED, PT, planned, sent, story

RULES = Rules(undo_seconds=UNDO_SECONDS, daily_limit=20)
NEEDS = "este caso precisa de"
SOON = NOON + timedelta(minutes=10)


def drawn(book: Book, rules: Rules = RULES, asking: Short | None = None, need: int | None = None) -> Screen:
    return card(book.cases[1], book, SOON, PT, rules=rules, asking=asking, need=need)


def labels(screen: Screen) -> list[str]:
    return [button.text for row in screen.rows for button in row]


def spent(book: Book, people: int) -> Book:
    for n in range(people):
        daily.spend(book.written, f"other {n}", NOON)
    return book


def test_the_card_says_what_is_left_where_it_is_too_little() -> None:
    assert f"📊 Restam <b>20</b> de 20 clientes hoje; {NEEDS} cerca de <b>33</b>" in drawn(story()).html
    assert "Restam" not in drawn(story(), replace(RULES, daily_limit=0)).html
    assert "Restam" not in drawn(story(), replace(RULES, daily_limit=200)).html
    few = drawn(spent(story(), 165), replace(RULES, daily_limit=200)).html
    assert f"Restam <b>35</b> de 200 clientes hoje; {NEEDS} cerca de <b>33</b>" in few
    assert "Restam" not in drawn(story(), replace(RULES, dry_run=True)).html


def test_where_they_were_looked_up_the_number_is_theirs() -> None:
    assert f"clientes hoje; {NEEDS} <b>29</b>" in drawn(story(), need=29).html
    assert "Restam" not in drawn(story(), need=20).html, "the list said 33"
    asked = drawn(story(), asking=Short(""), need=29)
    assert "<b>Restam 20 de 20 clientes hoje; este caso precisa de 29.</b>" in asked.html
    assert labels(asked) == ["Os primeiros 20", "↩ voltar"]


def test_nobody_is_left_until_then() -> None:
    html = drawn(spent(story(), 20)).html
    assert "Restam <b>0</b> de 20 clientes hoje" in html
    assert "(a primeira vaga abre em 23/11 12:05)" in html


def test_the_question_names_how_many_and_keeps_what_was_said() -> None:
    asked = drawn(story(), asking=Short("fn"))
    assert "<b>Restam 20 de 20 clientes hoje; este caso precisa de cerca de 33.</b>" in asked.html
    assert labels(asked) == ["Os primeiros 20", "↩ voltar"]
    assert asked.rows[0][0].data == "ok:1:m20fn"


def test_the_question_goes_once_there_is_room() -> None:
    assert labels(drawn(story(), replace(RULES, daily_limit=40), asking=Short("")))[0] == "Aprovar"


def test_power_is_told_that_fibre_waits_and_how_many_that_needs() -> None:
    book = story(about=incident("9", Kind.POWER, affected=10))
    book.apply(SOON, CaseOpened(2, incident("8", place="6/16", affected=14)))
    asked = drawn(book, asking=Short(""))
    assert "O caso 2 (LOS) espera: LOS precisa de 14 e vem antes." in asked.html
    assert labels(asked) == ["Os primeiros 6", "Os primeiros 10 (antes do LOS)", "↩ voltar"]


def test_what_was_counted_is_no_estimate() -> None:
    given_up = Settled(1, "unread", "limit", size=Size(30, 27, 33))
    book = story(APPROVED, given_up)
    assert f"{NEEDS} <b>27</b>" in drawn(book).html
    assert "O envio não começou</b>: o limite de hoje não chega para todos" in drawn(book).html


def test_a_part_that_was_sent_says_so_and_who_is_left() -> None:
    part = replace(APPROVED, most=2)
    lines: tuple[Line, ...] = (part, planned(5), *sent(1, 2), Interrupted(1, "limit"))
    book = story(*lines)
    assert book.cases[1].state is CaseState.INTERRUPTED
    shown = drawn(spent(book, 16))
    assert "📊 Aprovado só para os <b>primeiros 2</b> (limite de hoje)" in shown.html
    assert "⛔ <b>Envio suspenso</b>: o limite de hoje não chega para todos" in shown.html
    assert f"Restam <b>2</b> de 20 clientes hoje; {NEEDS} <b>3</b>" in shown.html
    assert "Faltam 3 clientes" in shown.html
    assert "Retomar" in labels(shown)
    assert "Restam" not in drawn(story(*lines[:-1], Interrupted(1, "no_answer"))).html


def test_status_says_how_many_it_were() -> None:
    facts = ProgramFacts("1", NOON, "cloud", dry_run=False)
    given = {"hours": 24.0, "program": facts, "gateway": AnswerHealth("cloud"), "ledger_closed": None}
    page = status([SourceHealth("x")], spent(story(), 7), SOON, PT, rules=RULES, **given)  # type: ignore[arg-type]
    assert "📊 Clientes avisados nas últimas 24 h: 7 de 20" in page.html
    page = status([SourceHealth("x")], story(), SOON, PT, **given)  # type: ignore[arg-type]
    assert "últimas 24 h" not in page.html


@pytest.mark.parametrize(
    ("arg", "most", "asked"),
    [("", None, "m9"), ("fn", None, "m9fn"), ("g300", None, "g300m9"), ("g300m7l", 7, "g300m9l")],
)
def test_the_argument_of_the_button(arg: str, most: int | None, asked: str) -> None:
    assert most_in(arg) == most
    assert with_most(arg, 9) == asked
    assert fits_approve(arg)
    assert fits_approve(asked)
    assert not any(map(fits_approve, ("m0", "m", "m12345678", "nm3", "m3m3")))


def test_a_late_tap_on_it_is_named_as_it_was() -> None:
    late = Late(Press(Action.APPROVE, 1, "m187"), WHO, NOON, SOON)
    assert late.what(PT) == "Os primeiros 187"


async def test_the_tap_asks_and_the_answer_is_the_approval(api: BotApi) -> None:
    async with opened(api, rules=replace(RULES, daily_limit=2)) as room:
        await room.outage()
        shown = await room.card()
        answer = await api.tap(ANA, shown, "Aprovar")
        assert answer.text == "Restam 2 hoje, este caso precisa de 3: responda no cartão."
        assert room.decided == []
        await api.wait(lambda _: "Os primeiros 2" in shown.buttons)
        await api.tap(ANA, shown, "Os primeiros 2")
        [line] = [line for _, line in room.ledger.lines if isinstance(line, Approved)]
        assert (line.most, line.ports) == (2, (port("1/1"),))
        await room.shows(shown, "Aprovado só para os primeiros 2")


async def test_where_nobody_is_left_the_tap_says_until_when(api: BotApi) -> None:
    async with opened(api, rules=RULES) as room:
        await room.outage()
        shown = await room.card()
        for n in range(20):
            daily.spend(room.ledger.book.written, f"other {n}", room.clock.now())
        answer = await api.tap(ANA, shown, "Aprovar")
        assert answer.text.startswith("O limite de hoje acabou: 20 clientes em 24 h. A primeira vaga abre ")
        assert room.refusals == [(ANA, "approve", "limit_spent", 1)]
