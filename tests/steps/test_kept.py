"""Lines that the ledger lost and this machine kept: nobody of them gets two, and nothing is hidden."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from bot.domain import events as ev
from bot.domain.book import Book
from bot.domain.dispatch import Phase
from bot.domain.plan import Outcome, Recipient
from bot.flow.kept import confirm, sent, written_again
from tests.fakes import ANA, NOON, incident

PORT = incident("7001").port
PEOPLE = tuple(Recipient(f"c{n}", "", (f"ZTEG{n:08d}",), person=f"p{n}") for n in range(1, 5))


def opened(number: int, id_: str = "7001") -> ev.CaseOpened:
    return ev.CaseOpened(number, incident(id_))


def approved(number: int) -> ev.Approved:
    return ev.Approved(number, ANA, (PORT,))


def planned(number: int) -> ev.Planned:
    return ev.Planned(number, 4, PEOPLE)


def intents(number: int, *who: int) -> list[ev.Line]:
    return [ev.Intent(number, f"c{n}") for n in who]


def accepted(number: int, *who: int) -> list[ev.Line]:
    return [ev.Result(number, f"c{n}", Outcome.ACCEPTED, f"ref{n}") for n in who]


def book_of(*lines: ev.Line) -> Book:
    book, now = Book(), NOON
    for line in lines:
        now += timedelta(seconds=1)
        book.apply(now, line)
    return book


def after(before: Sequence[ev.Line], kept: Sequence[ev.Line], since: Sequence[ev.Line] = ()) -> Book:
    """The ledger lost what was kept, went on, and was confirmed."""
    book = book_of(*before, ev.Started("1", "database"), *since)
    now = book.last_at + timedelta(seconds=1)
    for line in confirm(ANA, now, kept)(book, now):
        book.apply(now, line)
    assert book.unconfirmed is None
    return book


def outcomes(book: Book, case: int = 1) -> dict[str, Outcome]:
    return {id_: one.outcome for id_, one in book.cases[case].dispatches[-1].sends.results.items()}


def todo(book: Book, case: int = 1) -> list[str]:
    return [one.id for one in book.cases[case].dispatches[-1].sends.todo()]


BEFORE: list[ev.Line] = [opened(1), approved(1), planned(1)]


def test_sends_of_a_plan_that_is_there_are_on_record_again() -> None:
    """c1 had arrived; c2 is not known of; c3 did not leave; c4 was not tried."""
    kept: list[ev.Line] = [*intents(1, 1, 2, 3), *accepted(1, 1), ev.Abandoned(1, "c3")]
    book = after(BEFORE, kept)
    assert outcomes(book) == {"c1": Outcome.ACCEPTED, "c2": Outcome.UNKNOWN}
    assert todo(book) == ["c3", "c4"]
    assert book.cases[1].dispatches[-1].phase is Phase.INTERRUPTED
    assert list(book.doubtful) == [1]
    assert {"p1", "p2"} <= book.contacts.keys()
    assert sent(kept) == 2


def test_an_end_that_was_lost_alone_settles_the_doubt() -> None:
    book = after([*BEFORE, *intents(1, 1, 2)], accepted(1, 1))
    assert outcomes(book) == {"c1": Outcome.ACCEPTED, "c2": Outcome.UNKNOWN}


def test_where_nothing_is_left_to_do_it_is_over() -> None:
    book = after(BEFORE, [*intents(1, 1, 2, 3, 4), *accepted(1, 1, 2, 3, 4), ev.Settled(1, "done")])
    assert book.cases[1].dispatches[-1].end == "done"
    assert book.running == set()


def test_a_plan_that_was_lost_comes_with_its_sends_and_goes_on_by_a_person_alone() -> None:
    cases: list[list[ev.Line]] = [[], [ev.Settled(1, "unread", "gone")]]
    for since in cases:
        book = after([opened(1), approved(1)], [planned(1), *intents(1, 1), *accepted(1, 1)], since)
        dispatch = book.cases[1].dispatches[-1]
        assert outcomes(book) == {"c1": Outcome.ACCEPTED}
        assert todo(book) == ["c2", "c3", "c4"]
        assert (dispatch.phase, dispatch.broken, dispatch.by) == (Phase.INTERRUPTED, True, ANA)
        assert book.running == {1}


def test_an_approval_that_was_lost_comes_with_its_plan_and_begins_nothing() -> None:
    kept: list[ev.Line] = [approved(1), planned(1), *intents(1, 1)]
    book = book_of(opened(1), ev.Started("1", "database"))
    assert [line.due for line in written_again(book, kept) if isinstance(line, ev.Approved)] != [None]
    book = after([opened(1)], kept)
    assert outcomes(book) == {"c1": Outcome.UNKNOWN}
    assert book.reservations[PORT.key].case == 1


@pytest.mark.parametrize("told_again", ["under the same number", "under another", "not"])
def test_a_case_that_was_lost_is_the_one_that_the_source_told_of_again(told_again: str) -> None:
    since: dict[str, list[ev.Line]] = {
        "under the same number": [opened(1)],
        "under another": [opened(1, "7002"), opened(2)],
        "not": [opened(1, "7002")],
    }
    kept: list[ev.Line] = [opened(1), *BEFORE[1:], *intents(1, 1, 2), *accepted(1, 1)]
    book = after([], kept, since[told_again])
    number = book.by_incident["7001"]
    assert number == (1 if told_again == "under the same number" else 2)
    assert outcomes(book, number) == {"c1": Outcome.ACCEPTED, "c2": Outcome.UNKNOWN}
    assert book.next_case == len(book.cases) + 1


def test_two_cases_that_were_lost_keep_apart() -> None:
    kept: list[ev.Line] = [opened(1), *BEFORE[1:], *intents(1, 1), opened(2, "7002")]
    kept += [approved(2), planned(2), *intents(2, 2), opened(3, "7003")]
    book = after([], kept, [opened(1, "7009")])
    assert {number: case.incident.id for number, case in book.cases.items()} == {
        1: "7009",
        2: "7001",
        3: "7002",
    }
    assert (outcomes(book, 2), outcomes(book, 3)) == ({"c1": Outcome.UNKNOWN}, {"c2": Outcome.UNKNOWN})


def test_another_approval_of_the_same_case_is_another_dispatch() -> None:
    one: list[ev.Line] = [*intents(1, 1), *accepted(1, 1), ev.Settled(1, "stopped", by=ANA)]
    first_lost: list[ev.Line] = [*BEFORE[1:], *one]
    for before, kept in ((BEFORE, one), ([*BEFORE[:1]], first_lost)):
        book = after(before, [*kept, approved(1), planned(1), *intents(1, 2)])
        first, second = book.cases[1].dispatches
        assert (next(iter(first.sends.results)), first.end) == ("c1", "stopped")
        assert list(second.sends.results) == ["c2"]
        assert book.running == {1}


def test_what_another_machine_wrote_again_is_not_written_twice() -> None:
    sends = [*intents(1, 1, 2), *accepted(1, 1)]
    for before, kept in ((BEFORE, sends), (BEFORE[:1], [*BEFORE[1:], *sends])):
        book = after(before, kept)
        assert written_again(book, kept) == []
        assert len(book.cases[1].dispatches) == 1


def test_what_fits_nothing_is_left_out_and_nothing_is_written_without_sends() -> None:
    book = book_of(opened(1), ev.Started("1", "database"))
    nowhere: list[list[ev.Line]] = [
        intents(5, 1),
        intents(1, 1),
        [planned(1), *intents(1, 1)],
        intents(-1, 1),
    ]
    assert [written_again(book, kept) for kept in nowhere] == [[]] * 4
    assert written_again(book, [opened(2, "7002"), approved(1), planned(1), ev.Stopped()]) == []
