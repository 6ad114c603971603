"""A book that was written down and read again is that book, whatever has happened to it and happens next."""

import dataclasses
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bot.domain
from bot.domain import leaving
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.events import Line
from bot.domain.limits.cooldown import Contact
from bot.storage import snapshot
from tests.fakes import NOON, incident
from tests.faults.forget_story import DAYS_AUDITED, MOST_AUDITED, ForgetStory
from tests.faults.test_rules import Story
from tests.faults.tries import Tries
from tests.storage.samples import EVERY_KIND


@cache
def fields_of(kind: type) -> tuple[str, ...] | None:
    """The names of a dataclass's fields, None for anything else."""
    fields = dataclasses.is_dataclass(kind) and not issubclass(kind, Enum)
    return tuple(field.name for field in dataclasses.fields(kind)) if fields else None


def same(one: object, other: object) -> bool:
    """Whether two values cannot be told apart: also by their types, and the order of what has one."""
    kind: type = type(one)
    if one is other or (kind is type(other) is str and one == other):  # most are
        return True
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one == other and one.utcoffset() == other.utcoffset()
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    if kind is not type(other) and {kind, type(other)} != {int, float}:
        return False
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    names = fields_of(kind)
    return one == other if names is None else all(same(getattr(one, n), getattr(other, n)) for n in names)


def different(one: Book, other: Book) -> list[str]:
    """The fields in which two books differ."""
    assert vars(one).keys() == vars(other).keys()
    return [name for name, value in vars(one).items() if not same(value, getattr(other, name))]


def again(book: Book) -> Book:
    return snapshot.load(snapshot.dump(book))


@contextmanager
def history(seed: int, *, months: bool) -> Iterator[list[tuple[datetime, Line]]]:
    """Everything that rules allow, in hours; or in months, where most of it is forgotten on the way."""
    tries = Tries("snapshot")
    with patch.multiple(leaving, ENTRIES=MOST_AUDITED, AUDITED=DAYS_AUDITED):
        story = ForgetStory(tries, seed) if months else Story(tries, seed)
        story.play(150) if isinstance(story, ForgetStory) else story.play()
        yield story.lines


seeds = st.integers(0, 10**9)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, months=st.booleans())
def test_a_checkpoint_at_every_line_and_the_rest_is_a_replay_of_all(seed: int, *, months: bool) -> None:
    plain, resumed = Book(), Book()
    with history(seed, months=months) as lines:
        for number, (at, line) in enumerate(lines, 1):
            for book in (plain, resumed):
                book.apply(at, line)
                book.stands(line, number, f"{number:064x}")
            resumed = again(resumed)
            assert different(plain, resumed) == [], f"line {number}, {line.kind}"


@given(seed=seeds, months=st.booleans(), data=st.data())
@settings(max_examples=12, deadline=None)
def test_from_any_one_line_on(seed: int, *, months: bool, data: st.DataObject) -> None:
    plain, resumed = Book(), Book()
    with history(seed, months=months) as lines:
        cut = data.draw(st.integers(0, len(lines)))
        for number, (at, line) in enumerate(lines):
            plain.apply(at, line)
            resumed = again(resumed) if number == cut else resumed
            resumed.apply(at, line)
    assert different(plain, resumed) == []


def test_every_kind_of_line_leaves_a_book_that_can_be_written_down() -> None:
    book = Book()
    for number, line in enumerate(EVERY_KIND, 1):
        try:
            book.apply(NOON, line)
        except (KeyError, IndexError):  # the samples are no story
            continue
        book.stands(line, number, "0" * 64)
        assert different(book, again(book)) == []


def test_a_size_that_nobody_knows() -> None:
    book = Book()
    book.cases[1] = Case(1, incident(), NOON, card_size=math.inf)
    assert again(book).cases[1].card_size == math.inf


def test_one_book_is_written_in_one_way() -> None:
    """A set's order is another one in each process."""
    ids = {str(n) for n in range(20)}
    lines = [*snapshot.dump(Book(down={"CB 01:6/15": ids}))]
    assert str(sorted(ids)).replace("'", '"').replace(" ", "").encode() in b"".join(lines)


def test_customers_of_one_dispatch_share_what_is_known_of_them() -> None:
    book = Book()
    for number in range(2000):
        book.contacts[f"61{number:08}"] = Contact(NOON, 1 + number // 1000, ("3:6/15", "3:6/16"))
    known = again(book)
    assert known.contacts == book.contacts
    assert list(known.contacts) == list(book.contacts)
    assert len({id(contact) for contact in known.contacts.values()}) == 2
    assert sum(map(len, snapshot.dump(book))) < 2000 * 22


EMPTY = list(snapshot.dump(Book()))
NONE = {
    "nothing": [],
    "no name": [b"{}"],
    "a list": [b"[]"],
    "one field": [b'{"cases":{}}'],
    "torn": [*EMPTY[:-1], EMPTY[-1][:-2]],
    "a field less": EMPTY[1:],
    "a field of another version": [*EMPTY, b'{"x":1}'],
    "a name in no letters": [*EMPTY, b'{"\xff\xfe":1}'],
    "a customer without a contact": [*EMPTY, b'{"contacts":{"6199":0}}'],
}


@pytest.mark.parametrize("lines", NONE.values(), ids=NONE)
def test_what_is_no_book_of_this_version(lines: list[bytes]) -> None:
    with pytest.raises(snapshot.Unreadable):
        snapshot.load(lines)


def test_every_byte_of_the_rules_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    domain = tmp_path / "domain"
    shutil.copytree(Path(bot.domain.__file__).parent, domain, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(bot.domain, "__file__", str(domain / "__init__.py"))
    assert snapshot.fold_of_the_source() == snapshot.FOLD
    rule = domain / "limits" / "cooldown.py"
    rule.write_text(rule.read_text().replace("until > now", "until >= now"))
    assert snapshot.fold_of_the_source() != snapshot.FOLD
