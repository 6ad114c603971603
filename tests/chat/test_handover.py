"""What one shift tells the next: what waits first, in one message however much there is."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.chat.screens.pages.handover import handover
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.events import (
    Approved,
    Assumed,
    CardPosted,
    CaseOpened,
    Denied,
    Forecast,
    IncidentEnded,
    Line,
    Proposed,
    Restoring,
    Settled,
    Silenced,
    Started,
    Undelivered,
)
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.flow.lately import before, last_day
from tests.chat.screens import EN, PT, assert_arrives, planned, sent
from tests.fakes import ANA, BRUNO, NOON, incident, port

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GROUP = -1005550001


def told(*lines: Line) -> Book:
    book = Book()
    for n, line in enumerate(lines):
        book.apply(NOON + n * MINUTE, line)
    return book


def page(book: Book, now: datetime, words: Words = PT, **more: Any) -> Screen:
    since = now - DAY
    day = asyncio.run(last_day(book, since, now))
    return handover(book, now, words, before=asyncio.run(before(book, since, day)), rules=Rules(), **more)


def shown(book: Book, words: Words = PT, *, after: timedelta = HOUR, **more: Any) -> str:
    return assert_arrives(page(book, book.last_at + after, words, **more))


def case(number: int, place: str, affected: int = 12) -> CaseOpened:
    return CaseOpened(number, incident(number, place=place, affected=affected, started=NOON))


def busy() -> Book:
    """Two wait, three were decided on, one silence ends soon and one does not."""
    return told(
        case(1, "6/1", 7),
        case(2, "6/2", 30),
        Assumed(2, ANA),
        case(3, "6/3"),
        Denied(3, BRUNO, "maintenance"),
        case(4, "6/4", 40),
        Forecast(4, ANA, NOON + 5 * HOUR),
        Approved(4, ANA, (port("6/4"),)),
        planned(4, case=4),
        *sent(0, 2, case=4),
        *sent(3, 3, Outcome.UNKNOWN, case=4),
        Settled(4, "done"),
        Undelivered(4, ("1",), "no_whatsapp"),
        case(5, "7/1", 3),
        Silenced(1, (Scope("CB 01", "7"),), NOON + 6 * HOUR, ANA, "troca de placa"),
        Silenced(2, (Scope("CB 09"),), NOON + 20 * HOUR, ANA, "obra"),
    )


class TestHowThingsStand:
    def test_what_somebody_has_to_see_to_comes_first(self) -> None:
        assert shown(busy()) == (
            "🔄 Passagem de turno · 22/11 13:21\n"
            "\n"
            "⏳ 2 falhas esperam decisão\n"
            "🔴 LOS · CB 01 6/2 · cerca de 30 ONUs · há 1 h 21 min · 🙋 Ana · caso 2\n"
            "🔴 LOS · CB 01 6/1 · cerca de 7 ONUs · há 1 h 21 min · sem dono · caso 1\n"
            "\n"
            "❓ 1 incerta a decidir (caso 4)\n"
            "📵 1 mensagem não entregue (caso 4)\n"
            "\n"
            "📡 3 outras falhas abertas\n"
            "🔴 LOS · CB 01 6/4 · 33 ONUs · há 1 h 21 min · avisada · ⏰ 17:00 · caso 4\n"
            "🔴 LOS · CB 01 6/3 · cerca de 12 ONUs · há 1 h 21 min · negada · caso 3\n"
            "🔴 LOS · CB 01 7/1 · cerca de 3 ONUs · há 1 h 21 min · silenciada · caso 5\n"
            "\n"
            "🔕 1 silêncio acaba em até 12 h\n"
            "CB 01 slot 7 até 18:00 · Ana: troca de placa\n"
            "\n"
            "📊 Últimas 24 h: 5 quedas · 5 em aberto (92 sem sinal)"
            " · 2 clientes avisados, 0 mensagens entregues"
        )

    def test_in_english(self) -> None:
        assert shown(busy(), EN) == (
            "🔄 Handover · 22 Nov 13:21\n"
            "\n"
            "⏳ 2 outages wait for a decision\n"
            "🔴 LOS · CB 01 6/2 · about 30 ONUs · for 1 h 21 min · 🙋 Ana · case 2\n"
            "🔴 LOS · CB 01 6/1 · about 7 ONUs · for 1 h 21 min · nobody has it · case 1\n"
            "\n"
            "❓ 1 in doubt, to be decided (case 4)\n"
            "📵 1 message not delivered (case 4)\n"
            "\n"
            "📡 3 other open outages\n"
            "🔴 LOS · CB 01 6/4 · 33 ONUs · for 1 h 21 min · told · ⏰ 17:00 · case 4\n"
            "🔴 LOS · CB 01 6/3 · about 12 ONUs · for 1 h 21 min · denied · case 3\n"
            "🔴 LOS · CB 01 7/1 · about 3 ONUs · for 1 h 21 min · silenced · case 5\n"
            "\n"
            "🔕 1 silence ends within 12 h\n"
            "CB 01 slot 7 until 18:00 · Ana: troca de placa\n"
            "\n"
            "📊 Last 24 h: 5 outages · 5 still open (92 without signal)"
            " · 2 customers warned, 0 messages delivered"
        )

    def test_a_quiet_night_says_so(self) -> None:
        assert shown(told(Started("1"))) == (
            "🔄 Passagem de turno · 22/11 13:00\n"
            "✅ Nada aberto e nada esperando decisão.\n"
            "\n"
            "📊 Últimas 24 h: 0 quedas · 0 em aberto · 0 clientes avisados"
        )

    def test_that_nothing_can_be_sent_comes_before_all(self) -> None:
        assert "\n⛔ Registro fechado: " in shown(busy(), closed="the disk is full").partition("\n\n")[0]
        book = told(Started("1", "views"), case(1, "6/1"))
        assert "\n⛔ Envio bloqueado: " in shown(book).partition("\n\n")[0]
        assert "Envio bloqueado" not in shown(book, closed="the disk is full")

    def test_a_word_more_than_the_decision_is_told(self) -> None:
        book = told(case(1, "6/1"), Proposed(1, ANA))
        assert " · falta a 2ª pessoa · sem dono · caso 1" in shown(book, after=MINUTE)

    def test_a_card_is_linked(self) -> None:
        book = told(case(1, "6/1"), CardPosted(1, GROUP, 77))
        html = page(book, NOON + HOUR).html
        assert '<a href="https://t.me/c/5550001/77">CB 01 6/1</a>' in html

    def test_the_second_message_of_a_case_is_that_case(self) -> None:
        book = told(
            case(1, "6/1"), Approved(1, ANA, (port("6/1"),)), planned(2), *sent(0, 1), Settled(1, "done")
        )
        again: list[Line] = [IncidentEnded(1), Restoring(-1, 1), Approved(-1, ANA, ()), planned(2, case=-1)]
        for line in again:
            book.apply(book.last_at + MINUTE, line)
        for line in (*sent(0, 1, case=-1), Settled(-1, "done"), Undelivered(-1, ("0",), "no_whatsapp")):
            book.apply(book.last_at, line)
        assert "\n📵 1 mensagem não entregue (caso 1)\n" in shown(book)

    def test_of_a_rehearsal_nothing_is_undelivered(self) -> None:
        begun = Approved(1, ANA, (port("6/1"),), dry_run=True)
        book = told(case(1, "6/1"), begun, planned(2), *sent(0, 1), Settled(1, "done"))
        book.apply(book.last_at, Undelivered(1, ("0",), "no_whatsapp"))
        assert "📵" not in shown(book)


class TestWhatFellMost:
    def test_the_ports_that_fell_more_than_once_are_named_those_that_fell_most_first(self) -> None:
        book, number = Book(), 0
        for place, times in (("6/1", 3), ("6/2", 2), ("6/3", 1), ("6/4", 4)):
            for n in range(times):
                number += 1
                at = max(book.last_at, NOON) + MINUTE
                book.apply(at, CaseOpened(number, incident(number, place=place, started=at)))
                book.apply(at + n * MINUTE, IncidentEnded(number))
        assert shown(book).partition("📉 ")[2] == (
            "O que mais caiu desde 21/11 13:20\nCB 01 6/4: 4 quedas\nCB 01 6/1: 3 quedas\nCB 01 6/2: 2 quedas"
        )

    def test_where_none_fell_twice_none_is_named(self) -> None:
        assert "📉" not in shown(told(case(1, "6/1")))

    def test_what_was_before_is_not_told(self) -> None:
        begun = Approved(1, ANA, (port("6/1"),))
        book = told(case(1, "6/1"), begun, planned(2), *sent(0, 1), Settled(1, "done"))
        for line in (
            Undelivered(1, ("0",), "no_whatsapp"),
            IncidentEnded(1),
            case(2, "6/1"),
            IncidentEnded(2),
        ):
            book.apply(book.last_at, line)
        assert {"📵", "📉"} <= set(shown(book, after=23 * HOUR))
        assert {"📵", "📉"}.isdisjoint(shown(book, after=25 * HOUR))


@pytest.mark.parametrize("words", [PT, EN])
def test_it_is_one_message_however_much_there_is(words: Words) -> None:
    book = Book()
    for n in range(1, 301):
        book.apply(
            NOON, CaseOpened(n, incident(n, place=f"{'📡' * 60}{n}", olt=f"OLT {'<&>' * 40}", started=NOON))
        )
        if n % 2:
            book.apply(NOON, Denied(n, Who(7, "Ana " * 40), "other"))
        else:
            book.apply(NOON, Assumed(n, Who(7, "Ana " * 40)))
    for n in range(1, 41):
        book.apply(NOON, Silenced(n, (Scope("CB 09", str(n)),), NOON + 2 * HOUR, ANA, "obra " * 30))
    screen = page(book, NOON + HOUR, words)
    text = assert_arrives(screen)
    blocks = text.split("\n\n")
    assert len(blocks) == 5  # head, two lists of cases, silences, what was before
    for block, of in zip(blocks[1:4], (150, 150, 40), strict=True):
        title, *rows = block.splitlines()
        assert str(of) in title
        left_out = [row for row in rows if row.startswith(("e mais ", "and "))]
        assert left_out == [words.say("handover.more", n=of - len(rows) + 1)]
