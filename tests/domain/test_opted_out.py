"""Who wants no messages: what people wrote down, and what the gateway's own list says."""

from bot.domain import events as ev
from bot.domain.book import Book
from tests.fakes import ANA, NOON


def test_who_left_the_gateways_list_is_out_all_the_same_where_a_person_wrote_it_down() -> None:
    book = Book()
    for line in (
        ev.OptedOut("p1", "asked", ANA),
        ev.Listed(("p1", "p2", "p3")),
        ev.Listed(gone=("p1", "p2", "nobody")),
    ):
        book.apply(NOON, line)
    assert set(book.opted_out) == {"p1", "p3"}
