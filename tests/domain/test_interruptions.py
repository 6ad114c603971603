"""What of a month's interruptions counts: minutes are never more than the time, and order does not matter."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.incident import Kind
from bot.domain.interruptions.counting import Apart, Counted, Month, calendar_month, counted
from bot.domain.interruptions.rows import Interruption
from bot.domain.limits.silence import Scope, Silence
from tests.fakes import ANA, port

FIRST = datetime(2026, 11, 1, 3, tzinfo=UTC)
NOVEMBER = Month(FIRST, FIRST + timedelta(days=30), 10)


def after(minutes: float) -> datetime:
    return FIRST + timedelta(minutes=minutes)


def row(start: float, end: float, customer: str = "7", **changes: object) -> Interruption:
    """On 6/15, from one minute of the month to another; it is over."""
    made = Interruption(
        customer, "Ana", after(start), "alert", after(end), "gone", after(end), Kind.LOS, "", (port(),), 1
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def silence(since: float, until: float, place: str = "6/15", number: int = 1) -> Silence:
    return Silence(number, (Scope("CB 01", place),), after(since), after(until), ANA, "troca de cabo")


def of(found: list[Counted]) -> list[tuple[int, str]]:
    return [(one.minutes, one.apart) for one in found]


def test_overlaps_count_once_in_the_row_that_began_first() -> None:
    rows = [row(0, 60), row(30, 90, case=2), row(40, 50, case=3)]
    assert of(counted(rows, [], NOVEMBER)) == [(60, "yes"), (30, "yes"), (0, "yes")]


def test_two_that_follow_without_a_gap_are_one_interruption() -> None:
    assert of(counted([row(0, 6), row(6, 12, case=2)], [], NOVEMBER)) == [(6, "yes"), (6, "yes")]
    assert of(counted([row(0, 6), row(7, 13, case=2)], [], NOVEMBER)) == [(6, "short"), (6, "short")]


def test_a_minute_of_two_halves_is_one() -> None:
    assert of(counted([row(0, 10.5), row(10.5, 21, case=2)], [], NOVEMBER)) == [(10, "yes"), (11, "yes")]


@pytest.mark.parametrize(
    ("changes", "apart"),
    [({"alone": True}, "alone"), ({"ended": "ignored"}, "false_alarm"), ({"customer": ""}, "no_list")],
)
def test_what_is_in_no_sum_says_why(changes: dict[str, Any], apart: str) -> None:
    assert of(counted([row(0, 60, **changes)], [], NOVEMBER)) == [(60, apart)]


def test_what_is_in_no_sum_takes_no_minute_from_what_is() -> None:
    rows = [row(0, 60, alone=True), row(30, 90, case=2)]
    assert of(counted(rows, [], NOVEMBER)) == [(30, "alone"), (60, "yes")]


def test_cases_without_a_list_are_no_one_customer() -> None:
    rows = [row(0, 60, ""), row(0, 60, "", case=2)]
    assert of(counted(rows, [], NOVEMBER)) == [(60, "no_list"), (60, "no_list")]


def test_planned_work_is_apart_and_what_lasts_beyond_it_counts() -> None:
    start = 3 * 1440 + 60
    found = counted([row(start, start + 120)], [silence(0, start + 90)], NOVEMBER)
    assert of(found) == [(90, "planned"), (30, "yes")]
    planned, beyond = found
    assert (planned.row.ended, planned.row.end) == ("silence_end", after(start + 90))
    assert (beyond.row.started, beyond.row.start) == ("silence_end", after(start + 90))
    assert of(counted([row(start, start + 60)], [silence(0, start + 90)], NOVEMBER)) == [(60, "planned")]


@pytest.mark.parametrize(
    ("of_silence", "late"),
    [
        ((60, 3 * 1440 + 120), True),  # less than 72 hours before
        ((0, 3 * 1440 + 120, "6/16"), False),
        ((3 * 1440 + 70, 3 * 1440 + 120), False),  # when it was down already
    ],
)
def test_a_silence_that_was_set_late_or_elsewhere_is_no_planned_work(
    of_silence: tuple[float, float], *, late: bool
) -> None:
    start = 3 * 1440 + 59
    [found] = counted([row(start, start + 60)], [silence(*of_silence)], NOVEMBER)
    assert (found.minutes, found.apart, found.late) == (60, Apart.COUNTED, late)


def test_an_outage_beyond_the_month_has_only_its_minutes_and_is_as_long_as_it_is() -> None:
    [found] = counted([row(-8, 8)], [], NOVEMBER)
    assert (found.minutes, found.apart, found.before, found.after) == (8, Apart.COUNTED, True, False)
    assert found.row.start == after(-8)
    [found] = counted([row(30 * 1440 - 5, 30 * 1440 + 60)], [], NOVEMBER)
    assert (found.minutes, found.before, found.after) == (5, False, True)
    assert counted([row(-60, 0), row(30 * 1440, 30 * 1440 + 5)], [], NOVEMBER) == []


def test_a_month_is_as_long_as_its_zone_makes_it() -> None:
    paulo, york = ZoneInfo("America/Sao_Paulo"), ZoneInfo("America/New_York")
    assert calendar_month(2026, 11, paulo, 10) == NOVEMBER
    autumn = calendar_month(2026, 11, york, 10)
    assert autumn.next - autumn.first == timedelta(days=30, hours=1)
    assert calendar_month(2026, 12, paulo, 10).next == datetime(2027, 1, 1, 3, tzinfo=UTC)
    with pytest.raises(ValueError, match="year"):
        calendar_month(9999, 12, paulo, 10)


TIMES = st.floats(-2000, 45_000, allow_nan=False).map(lambda at: round(at, 2))
ROWS = st.lists(
    st.builds(
        lambda start, length, customer, alone, ended, case: row(
            start, start + length, customer, alone=alone, ended=ended, case=case
        ),
        TIMES,
        st.floats(0, 3000, allow_nan=False).map(lambda at: round(at, 2)),
        st.sampled_from(["7", "8", ""]),
        st.booleans(),
        st.sampled_from(["gone", "ignored", "unwatched"]),
        st.integers(1, 4),
    ),
    max_size=8,
)
SILENCES = st.lists(
    st.builds(lambda since, length: silence(since, since + length), TIMES, st.floats(1, 9000)), max_size=2
)


def whole_minutes(rows: list[Interruption]) -> float:
    """The time in the month that any of these cover, in minutes, second by hundredth of a second."""
    ends = sorted((max(r.start, NOVEMBER.first), min(r.until, NOVEMBER.next)) for r in rows)
    total, until = timedelta(), NOVEMBER.first
    for first, end in ends:
        total += max(end - max(first, until), timedelta())
        until = max(until, end)
    return total / timedelta(minutes=1)


@given(ROWS, SILENCES, st.integers(0, 99))
def test_minutes_never_exceed_the_time_whatever_overlaps(
    rows: list[Interruption], silences: list[Silence], seed: int
) -> None:
    found = counted(rows, silences, NOVEMBER)
    for customer in ("7", "8"):
        own = [one for one in found if one.row.customer == customer]
        assert sum(one.minutes for one in own) <= whole_minutes([r for r in rows if r.customer == customer])
    for one in found:
        length = min(one.row.until, NOVEMBER.next) - max(one.row.start, NOVEMBER.first)
        assert 0 <= one.minutes <= length / timedelta(minutes=1) + 1  # of a minute whose half it has
    mixed = random.Random(seed).sample(rows, len(rows))  # noqa: S311
    assert [of([one])[0] for one in counted(mixed, silences, NOVEMBER)] == [of([one])[0] for one in found]


@given(ROWS)
def test_nothing_is_lost_every_row_of_the_month_is_there(rows: list[Interruption]) -> None:
    here = [r for r in rows if max(r.start, NOVEMBER.first) < min(r.until, NOVEMBER.next)]
    found = counted(rows, [], NOVEMBER)
    assert sorted(map(repr, here)) == sorted(repr(one.row) for one in found)
    for customer in ("7", "8"):
        real = [r for r in here if r.customer == customer and not r.alone and r.ended != "ignored"]
        whole = sum(one.minutes for one in found if one.row in real)
        assert whole_minutes(real) - whole < len(real) + 0.01  # less than a minute a stretch is cut off
