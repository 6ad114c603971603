"""What a card says of its port's past, also after a restart."""

from datetime import timedelta

from bot.chat.screens.cards.card import card
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.causes.falls import KEPT
from bot.domain.events import Approved, CaseOpened, IncidentEnded
from bot.domain.rules import Rules
from bot.storage import snapshot
from tests.chat.screens import EN, PT, assert_arrives
from tests.fakes import ANA, NOON, incident, port

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def fallen(times: int, lasted: timedelta = 100 * timedelta(minutes=1), every: timedelta = DAY) -> Book:
    """The port fell so often, in a case each time; the last one is on."""
    book = Book()
    for n in range(times):
        at = NOON + n * every
        book.apply(at, CaseOpened(n + 1, incident(n + 1, started=at)))
        if n < times - 1:
            book.apply(at + lasted, IncidentEnded(n + 1))
    return book


def said(book: Book, words: Words = PT, number: int | None = None) -> str:
    case = book.cases[number or max(book.cases)]
    screen = card(case, book, book.last_at + timedelta(minutes=1), words, rules=Rules())
    assert_arrives(screen)
    return screen.html


def test_it_says_the_how_manieth_it_is_and_how_long_it_usually_lasts() -> None:
    book = fallen(3)
    assert "\n\n🗓 <b>3ª queda em 30 dias</b>, costuma durar 1 h 40 min" in said(book)
    assert "\n\n🗓 <b>3rd outage in 30 days</b>, usually lasts 1 h 40 min" in said(book, EN)


def test_one_before_is_no_habit() -> None:
    book = fallen(2)
    assert "🗓 <b>2ª queda em 30 dias</b>, a anterior durou 1 h 40 min" in said(book)
    assert "🗓 <b>2nd outage in 30 days</b>, the one before lasted 1 h 40 min" in said(book, EN)


def test_of_a_first_one_there_is_no_line() -> None:
    assert "🗓" not in said(fallen(1))


def test_numbers_are_called_as_people_call_them() -> None:
    endings = {
        n: said(fallen(n, every=2 * HOUR), EN).partition("🗓 <b>")[2].partition(" ")[0] for n in range(4, 25)
    }
    assert endings == {n: f"{n}th" for n in range(4, 25)} | {21: "21st", 22: "22nd", 23: "23rd"}


def test_beyond_what_is_remembered_there_are_more() -> None:
    book = fallen(KEPT + 1, every=2 * HOUR)
    assert "🗓 <b>Mais de 98 quedas em 30 dias</b>, costuma durar" in said(book)
    assert "🗓 <b>More than 98 outages in 30 days</b>, usually lasts" in said(book, EN)


def test_of_several_ports_the_one_that_fell_most_is_named() -> None:
    book = fallen(3)
    book.apply(book.last_at + HOUR, IncidentEnded(3))
    at = book.last_at + DAY
    book.apply(at, CaseOpened(4, incident(4, started=at), (incident(5, place="6/16", started=at),)))
    assert "🗓 6/15: <b>4ª queda em 30 dias</b>, costuma durar 1 h 40 min" in said(book)


def test_it_stands_while_the_outage_is_on() -> None:
    book = fallen(3)
    book.apply(book.last_at, Approved(3, ANA, (port(),)))
    assert "🗓" in said(book)
    book.apply(book.last_at + HOUR, IncidentEnded(3))
    assert "🗓" not in said(book)


def test_a_book_that_was_written_down_says_the_same() -> None:
    book = fallen(3)
    again = snapshot.load(snapshot.dump(book))
    assert said(again) == said(book)
