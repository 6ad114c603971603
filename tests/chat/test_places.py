"""Where the customers of an outage are, on its card."""

from dataclasses import replace

from bot.chat.screens.cards.card import card
from bot.chat.screens.words import Words
from bot.domain.events import Planned, Settled
from bot.domain.lookup.places import counted
from bot.domain.plan import Recipient, Skip, Tally
from bot.domain.rules import Rules
from tests.chat.screens import APPROVED, EN, PT, case_and_now, story

AMERICA, CENTRO = ("JARDIM AMÉRICA", "Goiânia", "CTO 12"), ("Centro", "Goiânia", "CTO 9")


def line(*places: tuple[str, str, str], words: Words = PT) -> str:
    book = story()
    case, now = case_and_now(book)
    expected = Tally(9, {}, {}, 9, where=counted(places))
    shown = card(case, book, now, words, rules=Rules(), expected=expected).html
    return next((row for row in shown.splitlines() if row.startswith("📍")), "")


def test_a_waiting_card_says_in_which_districts_they_are() -> None:
    assert line(*[AMERICA] * 3, CENTRO, ("jardim  américa", "GOIÂNIA", "")) == (
        "📍 Jardim América 4 · Centro 1 (Goiânia) · CTO 12 3"
    )


def test_of_several_cities_each_district_says_which() -> None:
    assert line(*[AMERICA] * 2, ("Centro", "Anápolis", "")) == (
        "📍 Jardim América (Goiânia) 2 · Centro (Anápolis) 1 · CTO 12 2"
    )


def test_many_districts_are_counted_together() -> None:
    places = [(f"Setor {n}", "", "") for n in range(9)]
    assert line(*places, places[8]) == "📍 Setor 8 2 · Setor 0 1 · Setor 1 1 · mais 6 em 6 outros bairros"
    assert line(*places, words=EN).endswith("6 more in 6 other districts")


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert line(("", "", ""), ("", "Goiânia", "")) == ""


def test_what_a_directory_writes_is_no_markup() -> None:
    assert line(("<b>x</b>", "", "")) == "📍 &lt;b&gt;x&lt;/b&gt; 1"


def test_a_decided_card_says_it_by_its_plan_and_why_nobody_is_told() -> None:
    held = tuple(Recipient(f"c{n}", "", (f"S{n}",), f"556199999000{n}", Skip.BLOCKED) for n in range(2))
    plan = Planned(1, 2, (*held, replace(held[0], id="c7", skip=Skip.ENDED)), where=counted([AMERICA] * 2))
    book = story(APPROVED, plan, Settled(1, "done"))
    case, now = case_and_now(book)
    shown = card(case, book, now, PT, rules=Rules()).html
    assert "📍 Jardim América 2 (Goiânia) · CTO 12 2" in shown
    assert "2 bloqueados, 1 cancelado" in shown
