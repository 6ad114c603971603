"""When the handover is due: once for each time, whatever the clocks do and whenever the bot was down."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.shift.times import LATE, Times, due, told_since

SAO_PAULO = ZoneInfo("America/Sao_Paulo")  # UTC-3, no change of the clocks since 2019
NEW_YORK = ZoneInfo("America/New_York")  # 2026: forward on 8 March at 02:00, back on 1 November at 02:00
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SEVEN = Times(((None, time(7)),), SAO_PAULO)
MONDAYS = Times(((0, time(7)),), SAO_PAULO)
TWICE = Times(((None, time(7)), (None, time(19))), SAO_PAULO)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_they_are_told_as_one_writes_them() -> None:
    assert str(TWICE) == "07:00,19:00"
    assert str(MONDAYS) == "mon 07:00"


def at(text: str, zone: tzinfo = SAO_PAULO, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("times", "now", "last"),
    [
        (SEVEN, "2026-11-22 06:59:59", "2026-11-21 07:00"),
        (SEVEN, "2026-11-22 07:00", "2026-11-22 07:00"),
        (SEVEN, "2026-11-22 23:59", "2026-11-22 07:00"),
        (TWICE, "2026-11-22 18:59", "2026-11-22 07:00"),
        (TWICE, "2026-11-22 19:00", "2026-11-22 19:00"),
        (MONDAYS, "2026-11-23 06:59", "2026-11-16 07:00"),
        (MONDAYS, "2026-11-23 07:00", "2026-11-23 07:00"),
        (MONDAYS, "2026-11-29 23:59", "2026-11-23 07:00"),
    ],
)
def test_the_last_time_that_came(times: Times, now: str, last: str) -> None:
    assert times.last(at(now)) == at(last)
    assert times.last(at(now).astimezone(UTC)) == at(last)


@pytest.mark.parametrize(
    ("told", "now", "is_due"),
    [
        (None, "2026-11-22 07:00", True),
        (None, "2026-11-22 06:59", False),
        ("2026-11-21 07:00", "2026-11-22 07:01", True),
        ("2026-11-22 07:00", "2026-11-22 07:01", False),
        ("2026-11-21 07:00", "2026-11-22 09:00", True),  # the bot was down
        ("2026-11-21 07:00", "2026-11-22 09:00:01", False),  # for too long
        ("2026-11-23 07:00", "2026-11-22 07:30", False),  # a clock was a day ahead
    ],
)
def test_it_is_due_once_and_not_too_late(told: str | None, now: str, is_due: bool) -> None:
    expected = at("2026-11-22 07:00") if is_due else None
    assert due(SEVEN, at(now), (told and at(told)) or None, LONG_AGO) == expected


def test_where_nothing_was_on_record_yet_there_is_nothing_to_hand_over() -> None:
    assert due(SEVEN, at("2026-11-22 07:01"), None, None) is None
    assert due(SEVEN, at("2026-11-22 07:01"), None, at("2026-11-22 07:00:30")) is None
    assert due(SEVEN, at("2026-11-22 07:01"), None, at("2026-11-22 07:00")) is not None


def posted(times: Times, moments: list[datetime]) -> list[datetime]:
    """When it is posted, of these moments at which it is asked for."""
    told: datetime | None = None
    found = []
    for now in moments:
        at_once = due(times, now, told, LONG_AGO)
        if at_once is not None:
            told = at_once
            found.append(now)
    return found


def minutes(first: datetime, hours: int) -> list[datetime]:
    return [first.astimezone(UTC) + n * MINUTE for n in range(60 * hours)]


class TestTheClocksChange:
    def test_a_time_that_the_clocks_leave_out_comes_once(self) -> None:
        times = Times(((None, time(2, 30)),), NEW_YORK)
        came = posted(times, minutes(at("2026-03-07 12:00", NEW_YORK), 48))
        assert [one.astimezone(NEW_YORK).isoformat(" ", "minutes")[:16] for one in came] == [
            "2026-03-08 03:30",
            "2026-03-09 02:30",
        ]

    def test_a_time_that_comes_twice_counts_the_first_time(self) -> None:
        times = Times(((None, time(1, 30)),), NEW_YORK)
        came = posted(times, minutes(at("2026-10-31 12:00", NEW_YORK), 48))
        assert [one.astimezone(NEW_YORK).isoformat() for one in came] == [
            "2026-11-01T01:30:00-04:00",
            "2026-11-02T01:30:00-05:00",
        ]

    @pytest.mark.parametrize("hours", [-1, 1, -24, 24])
    def test_a_clock_that_is_set_brings_none_a_second_time(self, hours: int) -> None:
        before = minutes(at("2026-11-22 06:00"), 2)
        after = [moment + timedelta(hours=hours) for moment in minutes(at("2026-11-22 08:00"), 3)]
        came = posted(SEVEN, [*before, *after])
        assert len({SEVEN.last(one) for one in came}) == len(came)
        assert came[0] == at("2026-11-22 07:00")

    @given(
        st.lists(st.integers(-3000, 3000), min_size=1, max_size=30),
        st.sampled_from([SEVEN, MONDAYS, TWICE, Times(((None, time(1, 30)), (6, time(2, 30))), NEW_YORK)]),
    )
    def test_no_time_is_posted_twice_whatever_the_clock_says(self, jumps: list[int], times: Times) -> None:
        now, moments = at("2026-11-01 00:00", NEW_YORK).astimezone(UTC), []
        for jump in jumps:
            now += jump * MINUTE
            moments.append(now)
        came = [times.last(one) for one in posted(times, moments)]
        assert came == sorted(set(came))


def test_it_tells_of_what_happened_since_the_one_before() -> None:
    now = at("2026-11-22 07:00")
    assert told_since(now, now - DAY / 2) == now - DAY / 2
    assert told_since(now, now - 7 * DAY) == now - 7 * DAY
    assert told_since(now, now - 30 * DAY) == now - DAY  # the bot was down for weeks
    assert told_since(now, None) == now - DAY


def test_it_is_not_posted_for_ever() -> None:
    assert timedelta(hours=2) == LATE
