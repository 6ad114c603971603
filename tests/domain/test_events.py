"""What every kind of line says of itself."""

import re
from dataclasses import fields
from typing import get_args, get_type_hints

import pytest

from bot.domain.book import Book, Event
from bot.domain.events import Line

KINDS: tuple[type[Event], ...] = get_args(Line)
FLAGS = {name for name, hint in get_type_hints(Event).items() if name != "kind"}
each = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def test_every_event_is_a_line_of_the_ledger() -> None:
    topics = {kind for kind in Event.__subclasses__() if kind.__subclasses__()}  # what several kinds share
    roots: list[type[Event]] = [Event, *topics]
    found = {kind for one in roots for kind in one.__subclasses__()} - topics
    assert found >= set(KINDS)  # those of a class made anew for its slots linger
    assert {kind.__name__ for kind in found} == {kind.__name__ for kind in KINDS}


@each
def test_a_line_is_named_in_the_file_as_in_the_code(kind: type[Event]) -> None:
    (field,) = [field for field in fields(kind) if field.name == "kind"]  # type: ignore[arg-type]
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    assert field.default == snake
    assert get_args(get_type_hints(kind)["kind"]) == (snake,)


@each
def test_what_goes_for_a_line_is_known_and_is_not_in_the_file(kind: type[Event]) -> None:
    named = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    said = {name for name in vars(kind) if not name.startswith("_")} - named
    assert said <= FLAGS | {"apply", "hears", "ends"}
    assert not named & FLAGS


@each
def test_a_line_does_something(kind: type[Event]) -> None:
    assert kind.apply is not Event.apply or kind.audited or kind.hears is not Event.hears


@each
def test_a_line_of_a_dispatch_names_its_case(kind: type[Event]) -> None:
    if kind.of_a_dispatch:
        assert kind.audited
        assert "case" in get_type_hints(kind)


@each
def test_what_a_closed_ledger_takes_claims_nothing(kind: type[Event]) -> None:
    """It would be forgotten at the next start: nobody may have acted on it."""
    assert not (kind.observed and kind.of_a_dispatch)


def test_an_event_changes_nothing_unless_it_says_so() -> None:
    book = Book()
    Event().apply(book, book.last_at)
    assert vars(book) == vars(Book())
    assert not Event().hears()
    assert not list(Event().ends(book))
