"""What people type for a time, and what it may mean."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.taps.times import Meant, find, read

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 11, 25, 17, 32, tzinfo=UTC)  # 14:32 in São Paulo
NIGHT = datetime(2026, 11, 26, 2, 30, tzinfo=UTC)  # 23:30 on the 25th


def local(day: int, hour: int, minute: int = 0, month: int = 11, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZONE).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("30m", 30),
        ("30min", 30),
        ("30 min", 30),
        ("90 minutos", 90),
        ("2h", 120),
        ("2 h", 120),
        ("2hs", 120),
        ("2 horas", 120),
        ("6h", 360),
        ("2 hours", 120),
        ("15 hours", 900),
        ("1h30m", 90),
        ("1H30MIN", 90),
        ("1 hora e 30 min", 90),
        ("2 horas e meia", 150),
        ("1,5h", 90),
        ("meia hora", 30),
        ("uma hora", 60),
        ("em 15h", 900),
        ("por 8h", 480),
        ("daqui a 14h30", 870),
        ("in 15h", 900),
        ("25h", 1500),
        ("1d", 1440),
        ("1d12h", 2160),
        ("2 dias", 2880),
        ("9999d", 9999 * 1440),
        ("0m", 0),
    ],
)
def test_a_span(text: str, minutes: int) -> None:
    assert read(text, NOW, ZONE) == Meant(lasts=timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("text", "now", "at"),
    [
        ("14:33", NOW, local(25, 14, 33)),
        ("23:59", NOW, local(25, 23, 59)),
        ("16:30", NOW, local(25, 16, 30)),
        ("16.30", NOW, local(25, 16, 30)),
        ("16:30h", NOW, local(25, 16, 30)),
        ("às 16:00", NOW, local(25, 16)),
        ("ÀS 16H", NOW, local(25, 16)),
        ("as 16h", NOW, local(25, 16)),
        ("até 15h", NOW, local(25, 15)),
        ("até as 15h30", NOW, local(25, 15, 30)),
        ("até 15", NOW, local(25, 15)),
        ("às 8 da noite", NOW, local(25, 20)),
        ("at 4pm", NOW, local(25, 16)),
        ("4:30 p.m.", NOW, local(25, 16, 30)),
        ("12am", NOW, local(26, 0)),
        ("meia-noite", NOW, local(26, 0)),
        ("0h", NOW, local(26, 0)),
        ("hoje 22h", NOW, local(25, 22)),
        ("amanhã 8h", NOW, local(26, 8)),
        ("amanha às 8", NOW, local(26, 8)),
        ("8h de amanhã", NOW, local(26, 8)),
        ("depois de amanhã 8:30", NOW, local(27, 8, 30)),
        ("tomorrow 8:00", NOW, local(26, 8)),
        ("06:00", NIGHT, local(26, 6)),
        ("11:30", NIGHT, local(26, 11, 30)),
        ("02:32", NOW, local(26, 2, 32)),
        ("26/11 14:30", NOW, local(26, 14, 30)),
        ("dia 26/11 às 14h", NOW, local(26, 14)),
        ("24/11 14:30", NOW, local(24, 14, 30)),
        ("02/01 10:00", NOW, local(2, 10, month=1, year=2027)),
    ],
)
def test_a_moment(text: str, now: datetime, at: datetime) -> None:
    assert read(text, now, ZONE) == Meant(at=at)


@pytest.mark.parametrize(
    ("text", "at", "minutes"),
    [
        ("15h", local(25, 15), 900),
        ("14h30", local(26, 14, 30), 870),
        ("22h", local(25, 22), 1320),
        ("7h", local(26, 7), 420),
        ("8hs", local(26, 8), 480),
        ("16 horas", local(25, 16), 960),
        ("1h30", local(26, 1, 30), 90),
        ("0h45", local(26, 0, 45), 45),
        ("14h30min", local(26, 14, 30), 870),
        ("24h", local(26, 0), 1440),
    ],
)
def test_what_has_two_readings_has_both(text: str, at: datetime, minutes: int) -> None:
    assert read(text, NOW, ZONE) == Meant(at, timedelta(minutes=minutes))


def test_yesterday_in_the_new_year_is_last_years() -> None:
    new_year = datetime(2027, 1, 1, 12, 0, tzinfo=UTC)
    assert read("31/12 23:00", new_year, ZONE) == Meant(local(31, 23, month=12))


@pytest.mark.parametrize(
    ("text", "now", "at"),
    [
        ("14:32", NOW, local(25, 14, 32)),
        ("02:33", NOW, local(25, 2, 33)),
        ("11:31", NIGHT, local(25, 11, 31)),
        ("até 14h", NOW, local(25, 14)),
        ("hoje 8h", NOW, local(25, 8)),
    ],
)
def test_a_time_that_has_passed_is_tomorrows_only_where_that_is_near(
    text: str, now: datetime, at: datetime
) -> None:
    assert read(text, now, ZONE) == Meant(at=at)  # and the rules decline the past


NO_TIMES = [
    "",
    "30",
    "14",
    "h",
    "-2h",
    "99999d",
    "2h30x",
    "m30",
    "²h",
    "25:00",
    "14:61",
    "14h75",
    "31/02 10:00",
]


@pytest.mark.parametrize(
    "text", [*NO_TIMES, "1/13 10:00", "amanhã", "14:3", "13pm", "às", "hoje 8h amanhã", "26/11", "às 25h"]
)
def test_what_is_no_time(text: str) -> None:
    assert read(text, NOW, ZONE) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CB 01 2h tudo 2h", [(2, 3), (4, 5)]),
        ("CB 01 6/11 2h x", [(3, 4)]),
        ("CB 01 até 6/11 14:30 x", [(2, 5), (4, 5)]),
        ("CB 01 2 h 30 min x", [(2, 6), (4, 6)]),
        ("2h", []),
    ],
)
def test_times_among_words(text: str, found: list[tuple[int, int]]) -> None:
    assert [(start, end) for start, end, _ in find(text.split(), NOW, ZONE)] == found


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.text("0123456789hmdias:./ àéeapt", max_size=20), MOMENTS)
def test_anything_typed_is_read_or_is_not(text: str, now: datetime) -> None:
    meant = read(text, now, ZONE)
    assert meant is None or meant.at is not None or meant.lasts is not None


@given(MOMENTS, st.integers(0, 23), st.integers(0, 59))
def test_a_time_of_day_is_that_time_within_a_day(now: datetime, hour: int, minute: int) -> None:
    meant = read(f"{hour}:{minute:02}", now, ZONE)
    assert meant is not None
    assert meant.at is not None
    assert meant.at.astimezone(ZONE).strftime("%H:%M") == f"{hour:02}:{minute:02}"
    assert timedelta(days=-1) < meant.at - now <= timedelta(hours=12) or meant.at > now
    assert abs(meant.at - now) <= timedelta(days=1)


@given(MOMENTS, st.integers(7, 23), st.sampled_from(["h", "hs", " h", " horas", "h30", "H05", "h30min"]))
def test_what_reads_as_both_is_never_taken_for_one(now: datetime, hour: int, rest: str) -> None:
    meant = read(f"{hour}{rest}", now, ZONE)
    assert meant is not None
    assert meant.at is not None
    assert meant.lasts is not None
    assert now < meant.at <= now + timedelta(days=1)
    assert meant.at.astimezone(ZONE).hour == meant.lasts // timedelta(hours=1) == hour
