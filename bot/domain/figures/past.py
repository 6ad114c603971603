"""What the past comes to: which cases are meant, and what is counted of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from bot.domain.figures.case import Decision, Summary
from bot.domain.incident import Kind
from bot.domain.regional import Whose

MOST_DAYS = 92  # bars of a day each; more days are weeks, and then months
MOST_WEEKS = 92
WAITS = (60, 120, 300, 900, 3600)
"""Ends of the classes of seconds from a card to its decision."""


@dataclass(frozen=True, slots=True)
class Which:
    """Which cases: opened from `first` until before `before`, on an OLT, of a kind, decided so and by whom
    (an id), with this text somewhere in their ports, people, cause, or number, of these NOCs. None and empty:
    all.
    """

    first: datetime | None = None
    before: datetime | None = None
    olt: str = ""
    kind: Kind | None = None
    decision: Decision | None = None
    who: int | None = None
    text: str = ""
    whose: Whose | None = None


@dataclass(frozen=True, slots=True)
class Cases:
    """Some of `total` cases, newest first. Of `unread` more it is not known yet whether they are meant."""

    rows: Sequence[Summary]
    total: int
    unread: int


@dataclass(frozen=True, slots=True)
class Choices:
    """The OLTs and the people (id, name) that cases can be chosen by."""

    olts: Sequence[str]
    people: Sequence[tuple[int, str]]


class Opened(NamedTuple):
    """What charts need of a case: in seconds since 1970, and how many until it was decided."""

    at: int
    onus: int | None
    waited: int | None


class Fallen(NamedTuple):
    """How often a port fell, and for how many seconds in all."""

    label: str
    times: int
    seconds: int


class Bucket(NamedTuple):
    """A stretch of local days from `first` on, and how many customers fell in it."""

    first: date
    off: int


@dataclass(frozen=True, slots=True)
class Past:
    """`heat` are cases by weekday (Monday first) and hour, `days` customers off by `step`, `falls` the ports
    that fell most, `waits` cases by how long their decision took (`WAITS`, and longer), `median` seconds.
    """

    cases: int
    heat: tuple[tuple[int, ...], ...]
    days: tuple[Bucket, ...]
    step: str
    falls: tuple[Fallen, ...]
    waits: tuple[int, ...]
    median: float | None
    unread: int = 0

    @property
    def off(self) -> int:
        """How many customers fell in all; who fell twice counts twice."""
        return sum(bucket.off for bucket in self.days)


def past_of(
    opened: Iterable[Opened],
    falls: Sequence[Fallen],
    days: tuple[date, date],
    *,
    zone: tzinfo,
    unread: int = 0,
) -> Past:
    """What the cases of local days come to, from the first of `days` to the last."""
    heat = [[0] * 24 for _ in range(7)]
    off, waits, cases = Counter[date](), list[int](), 0
    for at, onus, waited in opened:
        local = datetime.fromtimestamp(at, zone)
        heat[local.weekday()][local.hour] += 1
        off[local.date()] += onus or 0
        cases += 1
        if waited is not None:
            waits.append(waited)
    step, buckets = _buckets(off, *days)
    return Past(
        cases, tuple(map(tuple, heat)), buckets, step, tuple(falls), _classes(waits), _median(waits), unread
    )


def _buckets(off: Counter[date], first: date, last: date) -> tuple[str, tuple[Bucket, ...]]:
    """Days, or weeks from Monday, or months, so that there are not too many to be seen."""
    days = (last - first).days + 1
    step = "day" if days <= MOST_DAYS else "week" if days <= 7 * MOST_WEEKS else "month"
    found = Counter[date]()
    for n in range(days):
        day = first + timedelta(days=n)
        found[_begin(day, step)] += off[day]
    return step, tuple(Bucket(*one) for one in sorted(found.items()))


def _begin(day: date, step: str) -> date:
    if step == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if step == "week" else day


def _classes(waits: Sequence[int]) -> tuple[int, ...]:
    found = [0] * (len(WAITS) + 1)
    for seconds in waits:
        found[sum(seconds >= end for end in WAITS)] += 1
    return tuple(found)


def _median(waits: Sequence[int]) -> float | None:
    ordered = sorted(waits)
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
