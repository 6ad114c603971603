"""Hours of the day: midnight, their edges, and the two days a year on which the clocks change."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.limits.hours import Hours

SAO_PAULO = ZoneInfo("America/Sao_Paulo")  # UTC-3, no change of the clocks since 2019
NEW_YORK = ZoneInfo(
    "America/New_York"
)  # 2026: forward on 8 March at 07:00 UTC, back on 1 November at 06:00 UTC
DAY = Hours(time(8), time(21), SAO_PAULO)
NIGHT = Hours(time(22), time(7), SAO_PAULO)


def at(text: str, zone: tzinfo = UTC) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def local(text: str) -> datetime:
    return at(f"2026-11-22 {text}", SAO_PAULO)


@pytest.mark.parametrize(
    ("hours", "moment", "inside"),
    [
        (DAY, "07:59:59.999999", False),
        (DAY, "08:00", True),
        (DAY, "20:59:59.999999", True),
        (DAY, "21:00", False),
        (DAY, "00:00", False),
        (NIGHT, "21:59:59.999999", False),
        (NIGHT, "22:00", True),
        (NIGHT, "00:00", True),
        (NIGHT, "06:59:59.999999", True),
        (NIGHT, "07:00", False),
        (NIGHT, "12:00", False),
        (Hours(time(8), time(0), SAO_PAULO), "23:59:59.999999", True),
        (Hours(time(8), time(0), SAO_PAULO), "00:00", False),
        (Hours(time(0), time(8), SAO_PAULO), "00:00", True),
    ],
)
def test_the_first_is_included_and_the_last_is_not(hours: Hours, moment: str, inside: bool) -> None:
    assert hours.include(local(moment)) is inside
    assert hours.include(local(moment).astimezone(UTC)) is inside


@pytest.mark.parametrize(
    ("hours", "moment", "opening"),
    [
        (DAY, "2026-11-22 05:00:30.5", "2026-11-22 11:00"),
        (DAY, "2026-11-22 10:59:59.999999", "2026-11-22 11:00"),
        (DAY, "2026-11-22 11:00", "2026-11-22 11:00"),
        (DAY, "2026-11-22 15:30:07", "2026-11-22 15:30:07"),
        (DAY, "2026-11-23 00:00", "2026-11-23 11:00"),  # 21:00 there, on the day before
        (DAY, "2026-12-31 23:59", "2026-12-31 23:59"),
        (DAY, "2027-01-01 00:00", "2027-01-01 11:00"),
        (NIGHT, "2026-11-22 10:00", "2026-11-23 01:00"),
        (NIGHT, "2026-11-22 03:00", "2026-11-22 03:00"),  # midnight there
    ],
)
def test_when_they_begin_next(hours: Hours, moment: str, opening: str) -> None:
    assert hours.next_opening(at(moment)) == at(opening)
    assert hours.next_opening(at(moment)).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("first", "last", "moment", "opening"),
    [
        # Forward: 02:00 to 03:00 does not come, the clocks go from 01:59 to 03:00 at 07:00 UTC.
        ("02:30", "05:00", "2026-03-08 06:59", "2026-03-08 07:00"),
        ("03:00", "05:00", "2026-03-08 06:59", "2026-03-08 07:00"),
        ("02:10", "02:50", "2026-03-08 06:59", "2026-03-09 06:10"),
        ("08:00", "21:00", "2026-03-08 05:00", "2026-03-08 12:00"),
        ("08:00", "21:00", "2026-03-07 05:00", "2026-03-07 13:00"),
        ("22:00", "02:30", "2026-03-08 07:00", "2026-03-09 02:00"),
        # Back: 01:00 to 02:00 comes twice, from 05:00 and from 06:00 UTC.
        ("01:30", "05:00", "2026-11-01 05:00", "2026-11-01 05:30"),
        ("01:30", "05:00", "2026-11-01 05:45", "2026-11-01 05:45"),
        ("01:30", "05:00", "2026-11-01 06:00", "2026-11-01 06:30"),
        ("00:30", "01:20", "2026-11-01 05:30", "2026-11-01 06:00"),
        ("00:30", "01:20", "2026-11-01 06:20", "2026-11-02 05:30"),
        ("08:00", "21:00", "2026-11-01 04:00", "2026-11-01 13:00"),
    ],
)
def test_when_they_begin_next_as_the_clocks_change(first: str, last: str, moment: str, opening: str) -> None:
    hours = Hours(time.fromisoformat(first), time.fromisoformat(last), NEW_YORK)
    assert hours.next_opening(at(moment)) == at(opening)


CHANGES = [datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)]
MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minutes: time(minutes // 60, minutes % 60))
SECONDS = st.integers(-36 * 3600, 36 * 3600).map(lambda seconds: timedelta(seconds=seconds))


@given(st.tuples(MINUTES, MINUTES).filter(lambda ends: ends[0] != ends[1]), st.sampled_from(CHANGES), SECONDS)
def test_an_opening_is_the_first_moment_that_lies_within(
    ends: tuple[time, time], change: datetime, away: timedelta
) -> None:
    hours, moment = Hours(*ends, NEW_YORK), change + away
    opening = hours.next_opening(moment)
    assert opening >= moment
    assert hours.include(opening)
    assert opening == moment or not hours.include(opening - timedelta(microseconds=1))
    assert opening - moment < timedelta(hours=50)


@pytest.mark.parametrize(
    "ends", [(time(8), time(8)), (time(8, 0, 30), time(21)), (time(8), time(21, 0, 0, 1))]
)
def test_hours_without_two_ends_in_whole_minutes(ends: tuple[time, time]) -> None:
    with pytest.raises(ValueError, match="two ends"):
        Hours(*ends, SAO_PAULO)
