"""Cases in one row each, and what many of them come to."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.book import Book
from bot.domain.case import restoring_of
from bot.domain.events import (
    Approved,
    Cancelled,
    CaseOpened,
    Denied,
    IncidentEnded,
    IncidentJoined,
    Intent,
    Line,
    Planned,
    Restoring,
    Result,
    Settled,
)
from bot.domain.figures.case import Decision, Fall, Summary, summary
from bot.domain.figures.past import Bucket, Opened, past_of
from bot.domain.incident import Kind
from bot.domain.plan import Outcome, Recipient
from tests.fakes import ANA, BRUNO, NOON, incident, port

MINUTE = timedelta(minutes=1)
SP = ZoneInfo("America/Sao_Paulo")
PEOPLE = tuple(Recipient(f"c{n}", "", (), f"5561{n:09}", person=f"p{n}") for n in range(3))


def told(*lines: Line) -> Summary:
    """Case 1 after these lines, a minute each."""
    book = Book()
    for n, line in enumerate((CaseOpened(1, incident("1", place="1/1", affected=9)), *lines)):
        book.apply(NOON + n * MINUTE, line)
    return summary(book.cases[1], book.cases.get(restoring_of(1)))


def sent(case: int, *outcomes: Outcome) -> list[Line]:
    people = PEOPLE[: len(outcomes)]
    pairs = zip(people, outcomes, strict=True)
    ends = [line for one, end in pairs for line in (Intent(case, one.id), Result(case, one.id, end))]
    return [Planned(case, len(people), people), *ends, Settled(case, "done")]


APPROVED = Approved(1, ANA, (port("1/1"),))


def test_one_that_waits() -> None:
    row = told()
    assert (row.decision, row.decided, row.who, row.warned, row.delivered) == (
        Decision.WAITING,
        None,
        None,
        0,
        None,
    )
    assert (row.onus, row.ended, row.label) == (9, None, "CB 01 1/1")


@pytest.mark.parametrize(
    ("lines", "decision", "who", "after"),
    [
        ([Denied(1, BRUNO, "x")], Decision.DENIED, BRUNO, 1),
        ([APPROVED], Decision.RUNNING, ANA, 1),
        ([APPROVED, Cancelled(1, ANA)], Decision.WAITING, None, 1),
        ([APPROVED, Cancelled(1, ANA), Denied(1, BRUNO, "x")], Decision.DENIED, BRUNO, 1),
        ([APPROVED, *sent(1, Outcome.REJECTED)], Decision.NOBODY, ANA, 1),
        ([APPROVED, *sent(1, Outcome.ACCEPTED)], Decision.SENT, ANA, 1),
        ([replace(APPROVED, dry_run=True), *sent(1, Outcome.ACCEPTED)], Decision.REHEARSED, ANA, 1),
        ([IncidentEnded(1)], Decision.UNDECIDED, None, None),
        ([APPROVED, *sent(1, Outcome.FAILED), IncidentEnded(1)], Decision.NOBODY, ANA, 1),
        (
            [replace(APPROVED, dry_run=True), *sent(1, Outcome.ACCEPTED), IncidentEnded(1)],
            Decision.REHEARSED,
            ANA,
            1,
        ),
    ],
)
def test_what_was_decided_by_whom_and_after_how_long(
    lines: list[Line], decision: Decision, who: object, after: int | None
) -> None:
    row = told(*lines)
    assert (row.decision, row.who) == (decision, who)
    assert row.decided == (None if after is None else NOON + after * MINUTE)


def test_who_was_told_and_told_that_it_is_back() -> None:
    row = told(
        APPROVED,
        *sent(1, Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.UNKNOWN),
        IncidentEnded(1),
        Restoring(-1, 1),
        Approved(-1, BRUNO, (port("1/1"),)),
        *sent(-1, Outcome.ACCEPTED),
    )
    assert (row.warned, row.doubts, row.restored, row.who) == (2, 1, 1, ANA)


def test_each_port_falls_once_until_all_of_it_is_back() -> None:
    def more(n: int, place: str, minutes: int) -> IncidentJoined:
        return IncidentJoined(1, incident(str(n), place=place, started=NOON - minutes * MINUTE))

    row = told(
        more(2, "1/1", 50),
        more(3, "1/2", 5),
        IncidentEnded(1, incident="1"),
        IncidentEnded(1, incident="3"),
    )
    first, second = row.falls
    assert (first.label, first.began, first.ended) == ("CB 01 1/1", NOON - 50 * MINUTE, None)
    assert second == Fall("CB 01", "CB 01 1/2", NOON - 5 * MINUTE, NOON + 4 * MINUTE)
    over = told(more(2, "1/1", 50), IncidentEnded(1, incident="1"), IncidentEnded(1, incident="2"))
    assert over.falls[0].ended == over.ended == NOON + 3 * MINUTE


def test_a_case_without_a_port_left_has_no_name() -> None:
    assert replace(told(), falls=()).label == ""


def opened(day: int, hour: int, onus: int | None = 1, waited: int | None = None) -> Opened:
    return Opened(int(datetime(2026, 11, day, hour, tzinfo=UTC).timestamp()), onus, waited)


def test_hours_and_days_are_those_of_the_place() -> None:
    found = past_of(
        [opened(2, 2, 5), opened(2, 12, None)], (), (date(2026, 11, 1), date(2026, 11, 2)), zone=SP
    )
    assert found.heat[6][23] == 1, "Monday 02:00 in UTC is Sunday 23:00 in São Paulo"
    assert found.heat[0][9] == 1
    assert found.days == (Bucket(date(2026, 11, 1), 5), Bucket(date(2026, 11, 2), 0))
    assert (found.cases, found.off, found.step, found.median) == (2, 5, "day", None)


@pytest.mark.parametrize(
    ("days", "step", "first", "n"),
    [
        (92, "day", date(2026, 1, 1), 92),
        (93, "week", date(2025, 12, 29), 14),
        (700, "month", date(2026, 1, 1), 24),
    ],
)
def test_a_long_time_is_shown_in_fewer_steps(days: int, step: str, first: date, n: int) -> None:
    begin = date(2026, 1, 1)
    found = past_of([], (), (begin, begin + timedelta(days=days - 1)), zone=SP)
    assert (found.step, found.days[0].first) == (step, first)
    assert len(found.days) in {n, n - 1}


def test_how_long_decisions_took() -> None:
    waits = [0, 59, 60, 119, 120, 899, 900, 3599, 3600, 99999]
    cases = [opened(2, 12, waited=seconds) for seconds in waits]
    found = past_of(cases, (), (date(2026, 11, 2), date(2026, 11, 2)), zone=SP)
    assert found.waits == (2, 2, 1, 1, 2, 2)
    assert found.median == (120 + 899) / 2
    assert past_of(cases[:3], (), (date(2026, 11, 2), date(2026, 11, 2)), zone=SP).median == 59


def test_the_kinds_stay_as_they_were_opened() -> None:
    assert told().kind is Kind.LOS
