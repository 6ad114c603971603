"""How often a port fell, and how long that usually lasts: real outages, each once."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.book import Book
from bot.domain.causes.falls import KEPT, REMEMBERED, Past, lately, past, past_of
from bot.domain.events import (
    CaseOpened,
    Confirmed,
    IncidentChanged,
    IncidentEnded,
    IncidentJoined,
    Line,
    Separated,
)
from bot.domain.incident import Incident
from tests.fakes import ANA, NOON, incident, port

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEY = port().key


def apply(book: Book, at: datetime, *lines: Line) -> Book:
    for line in lines:
        book.apply(at, line)
    return book


def outage(
    book: Book, case: int, at: datetime, lasted: timedelta, *, id_: int = 0, place: str = "6/15"
) -> None:
    """The port falls at that time, in a case of its own, and is back after so long."""
    fallen = incident(id_ or case, place=place, started=at)
    apply(book, at, CaseOpened(case, fallen))
    apply(book, at + lasted, IncidentEnded(case))


def falls_again(book: Book, case: int, at: datetime, **more: object) -> Past | None:
    apply(book, at, CaseOpened(case, incident(case, started=at, **more)))  # type: ignore[arg-type]
    return past_of(book.cases[case], book.falls)


class TestHowOften:
    def test_of_a_first_one_nothing_is_told(self) -> None:
        assert falls_again(Book(), 1, NOON) is None

    def test_the_second_knows_the_first(self) -> None:
        book = Book()
        outage(book, 1, NOON, 100 * timedelta(minutes=1))
        assert falls_again(book, 2, NOON + DAY) == Past(2, usual=timedelta(minutes=100), known=1)

    @pytest.mark.parametrize(("hours", "usual"), [((1, 9, 2), 2), ((1, 2, 9, 3), 2.5)])
    def test_it_usually_lasts_as_long_as_the_middle_one(self, hours: tuple[int, ...], usual: float) -> None:
        book = Book()
        for n, lasted in enumerate(hours):
            outage(book, n + 1, NOON + n * DAY, lasted * HOUR)
        told = falls_again(book, 9, NOON + 5 * DAY)
        assert told == Past(len(hours) + 1, usual=usual * HOUR, known=len(hours))

    def test_one_that_began_more_than_thirty_days_before_counts_no_more(self) -> None:
        book = Book()
        outage(book, 1, NOON, HOUR)
        outage(book, 2, NOON + HOUR, HOUR)
        assert falls_again(book, 3, NOON + REMEMBERED * DAY + HOUR) == Past(2, usual=HOUR, known=1)

    def test_it_says_the_same_as_long_as_it_lasts(self) -> None:
        book = Book()
        outage(book, 1, NOON, HOUR)
        before = falls_again(book, 2, NOON + 29 * DAY)
        apply(book, NOON + 35 * DAY, IncidentChanged(2, incident(2, affected=40)))
        assert past_of(book.cases[2], book.falls) == before

    def test_it_began_when_its_source_says_and_not_when_it_was_seen(self) -> None:
        book = Book()
        apply(book, NOON, CaseOpened(1, incident(1, started=NOON - HOUR)))
        apply(book, NOON + HOUR, IncidentEnded(1))
        unknown = replace(incident(2, started=NOON), start_known=False)
        apply(book, NOON + DAY, CaseOpened(2, unknown))
        apply(book, NOON + DAY + HOUR, IncidentEnded(2))
        assert [fall.lasted for fall in book.falls[KEY]] == [2 * HOUR, HOUR]

    def test_one_that_began_after_its_end_lasted_no_time(self) -> None:
        book = apply(Book(), NOON, CaseOpened(1, incident(1, started=NOON + DAY)))
        apply(book, NOON + HOUR, IncidentEnded(1))
        assert [fall.lasted for fall in book.falls[KEY]] == [timedelta()]

    def test_more_than_are_remembered_are_said_to_be_more(self) -> None:
        book = Book()
        for n in range(KEPT + 5):
            outage(book, n + 1, NOON + n * HOUR, HOUR / 2)
        told = falls_again(book, KEPT + 6, NOON + (KEPT + 5) * HOUR)
        assert told == Past(KEPT, more=True, usual=HOUR / 2, known=KEPT - 1)
        assert len(book.falls[KEY]) == KEPT


class TestOnce:
    def test_what_comes_back_in_its_case_is_that_outage(self) -> None:
        book = apply(Book(), NOON, CaseOpened(1, incident(1, started=NOON)))
        apply(book, NOON + HOUR, IncidentEnded(1))
        apply(book, NOON + 1.5 * HOUR, IncidentJoined(1, incident(2, started=NOON + 1.5 * HOUR)))
        assert past_of(book.cases[1], book.falls) is None
        apply(book, NOON + 2 * HOUR, IncidentEnded(1, "gone", "2"))
        assert [fall.lasted for fall in book.falls[KEY]] == [2 * HOUR]
        assert falls_again(book, 2, NOON + DAY) == Past(2, usual=2 * HOUR, known=1)

    def test_one_that_another_case_takes_is_not_another(self) -> None:
        one, other = incident(1, place="6/1"), incident(2, place="7/1")
        book = apply(Book(), NOON, CaseOpened(1, one, (other,)))
        apply(book, NOON + HOUR, Separated(1, ANA), CaseOpened(2, other, apart=1))
        assert past_of(book.cases[2], book.falls) is None
        apply(book, NOON + 2 * HOUR, IncidentEnded(2))
        apply(
            book, NOON + 3 * HOUR, IncidentJoined(2, incident(3, place="7/1"))
        )  # in the case that it is in now
        assert past_of(book.cases[2], book.falls) is None

    def test_one_that_gets_another_start_or_size_is_not_another(self) -> None:
        book = apply(Book(), NOON, CaseOpened(1, incident(1)))
        apply(book, NOON + HOUR, IncidentChanged(1, incident(1, started=NOON + HOUR, affected=60)))
        assert past_of(book.cases[1], book.falls) is None
        apply(book, NOON + 2 * HOUR, IncidentEnded(1))
        assert [fall.lasted for fall in book.falls[KEY]] == [HOUR]

    def test_two_alerts_at_one_time_are_one_outage_until_the_last_is_over(self) -> None:
        book = apply(Book(), NOON, CaseOpened(1, incident(1, started=NOON)))
        apply(book, NOON + HOUR, CaseOpened(2, incident(2, started=NOON + HOUR)))
        apply(book, NOON + 2 * HOUR, IncidentEnded(1, "gone", "1"))
        apply(book, NOON + 3 * HOUR, IncidentEnded(2, "gone", "2"))
        assert [(fall.case, fall.lasted) for fall in book.falls[KEY]] == [(2, 3 * HOUR)]

    def test_a_clock_that_was_ahead_makes_no_other(self) -> None:
        book = Book()
        outage(book, 1, NOON + 40 * DAY, HOUR)
        apply(book, NOON, Confirmed(ANA, clock=NOON))
        assert falls_again(book, 2, NOON + HOUR) == Past(2, usual=timedelta(), known=1)


class TestNoOutageOfThePort:
    @pytest.mark.parametrize("affected", [1, 2])
    def test_somebodys_plug_is_none(self, affected: int) -> None:
        book = Book()
        plug = incident(1, affected=affected)
        apply(book, NOON, CaseOpened(1, plug))
        apply(book, NOON + HOUR, IncidentEnded(1))
        assert book.falls == {}
        assert falls_again(book, 2, NOON + DAY) is None

    def test_nor_is_a_port_said_to_have_fallen_before_on_the_card_of_a_plug(self) -> None:
        book = Book()
        outage(book, 1, NOON, HOUR)
        assert falls_again(book, 2, NOON + DAY, affected=1) is None

    def test_a_plug_after_a_real_one_leaves_that_one(self) -> None:
        book = Book()
        outage(book, 1, NOON, HOUR)
        apply(book, NOON + DAY, CaseOpened(2, incident(2, affected=1)))
        apply(book, NOON + DAY + HOUR, IncidentEnded(2))
        assert [fall.case for fall in book.falls[KEY]] == [1]

    def test_one_that_was_marked_as_no_outage_is_none(self) -> None:
        book = apply(Book(), NOON, CaseOpened(1, incident(1)))
        apply(book, NOON + HOUR, IncidentEnded(1, "ignored"))
        assert falls_again(book, 2, NOON + DAY) is None

    def test_one_beside_a_real_one_changes_nothing(self) -> None:
        book = apply(
            Book(), NOON, CaseOpened(1, incident(1, started=NOON), (incident(2, started=NOON - DAY),))
        )
        apply(book, NOON + HOUR, IncidentEnded(1, "gone", "1"))
        apply(book, NOON + 2 * HOUR, IncidentEnded(1, "ignored", "2"))
        assert [fall.lasted for fall in book.falls[KEY]] == [2 * HOUR]

    def test_where_an_alert_was_taken_to_be_nothing_fell(self) -> None:
        book = apply(Book(), NOON, CaseOpened(1, incident(1)))
        apply(book, NOON + HOUR, IncidentChanged(1, incident(1, place="6/9")))
        assert list(book.falls) == [port("6/9").key]

    def test_of_one_whose_end_nobody_saw_it_is_known_that_it_was(self) -> None:
        book = apply(Book(), NOON, CaseOpened(1, incident(1)))
        apply(book, NOON + HOUR, IncidentEnded(1, "unwatched"))
        assert falls_again(book, 2, NOON + DAY) == Past(2)

    def test_a_case_that_nobody_knows_has_no_past(self) -> None:
        assert past([], 7) is None


def slot(case: int, at: datetime, *places: str) -> CaseOpened:
    first, *others = (incident(f"{case} {place}", place=place, started=at) for place in places)
    return CaseOpened(case, first, tuple(others))


def end_all(book: Book, case: int, at: datetime) -> None:
    apply(book, at, *(IncidentEnded(case, "gone", id_) for id_ in book.cases[case].members))


class TestSeveralPorts:
    def test_the_one_that_fell_most_is_named(self) -> None:
        book = Book()
        outage(book, 1, NOON, HOUR, place="6/2")
        outage(book, 2, NOON + DAY, 3 * HOUR, place="6/2")
        outage(book, 3, NOON + DAY, HOUR, place="6/1")
        apply(book, NOON + 2 * DAY, slot(4, NOON + 2 * DAY, "6/1", "6/2", "6/3"))
        told = Past(3, usual=2 * HOUR, known=2, port=port("6/2"))
        assert past_of(book.cases[4], book.falls) == told

    def test_where_all_fell_as_often_none_is(self) -> None:
        book = apply(Book(), NOON, slot(1, NOON, "6/1", "6/2"))
        end_all(book, 1, NOON + HOUR)
        apply(book, NOON + DAY, slot(2, NOON + DAY, "6/1", "6/2"))
        assert past_of(book.cases[2], book.falls) == Past(2, usual=HOUR, known=1)

    def test_one_that_is_back_is_not_told_of(self) -> None:
        book = Book()
        outage(book, 1, NOON, HOUR, place="6/2")
        apply(book, NOON + DAY, slot(2, NOON + DAY, "6/1", "6/2"))
        assert past_of(book.cases[2], book.falls) is not None
        apply(book, NOON + DAY + HOUR, IncidentEnded(2, "gone", "2 6/2"))
        assert past_of(book.cases[2], book.falls) is None


class TestLeaving:
    def test_a_port_that_did_not_fall_for_thirty_days_is_forgotten(self) -> None:
        book = Book()
        outage(book, 1, NOON, HOUR)
        apply(book, NOON, CaseOpened(2, incident(2, place="6/1")))  # and is on all the time
        for day in range(1, REMEMBERED + 3):
            outage(book, 2 + day, NOON + day * DAY, HOUR, place="6/2")
        assert list(book.falls) == [port("6/1").key, port("6/2").key]

    def test_who_fell_since_then_and_how_often(self) -> None:
        book = Book()
        outage(book, 1, NOON, HOUR)
        outage(book, 2, NOON + DAY, HOUR)
        outage(book, 3, NOON + DAY + HOUR, HOUR, id_=33)
        outage(book, 4, NOON, HOUR, place="6/1")
        assert list(lately(book.falls, NOON + DAY)) == [(port(), 2)]


def test_an_alert_whose_name_changes_is_told_of_by_the_new_one() -> None:
    book = apply(Book(), NOON, CaseOpened(1, incident(1)))
    renamed: Incident = replace(incident(1), port=replace(port(), olt="CB 01 norte"))
    apply(book, NOON + HOUR, IncidentChanged(1, renamed))
    assert [fall.port.olt for fall in book.falls[KEY]] == ["CB 01 norte"]
