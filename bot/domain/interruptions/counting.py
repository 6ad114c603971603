"""What of a month's interruptions counts, and for how many minutes: overlaps once, planned work apart.

Support for who decides about a refund, and no judgement: which of it a law or a contract asks for is not
known here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import groupby

from bot.domain.interruptions.rows import Interruption
from bot.domain.limits.silence import Silence

ANNOUNCED = timedelta(hours=72)
"""How long before an outage a silence was set that makes it planned work."""


class Apart(StrEnum):
    """Whether minutes are in a customer's sum, and why not."""

    COUNTED = "yes"
    SHORT = "short"
    ALONE = "alone"
    PLANNED = "planned"
    FALSE_ALARM = "false_alarm"
    NO_LIST = "no_list"


_ORDER = (Apart.COUNTED, Apart.ALONE, Apart.PLANNED, Apart.FALSE_ALARM, Apart.NO_LIST)
"""Whose minutes they are where two of a customer overlap."""


@dataclass(frozen=True, slots=True)
class Month:
    """A month: from `first`, before `next`; the least minutes of an interruption that counts."""

    first: datetime
    next: datetime
    least: int = 10


def calendar_month(year: int, number: int, zone: tzinfo, least: int) -> Month:
    """A month by that zone's calendar. ValueError, OverflowError where there is none."""
    first = datetime(year, number, 1, tzinfo=zone)
    following = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=zone)
    return Month(first.astimezone(UTC), following.astimezone(UTC), least)


@dataclass(frozen=True, slots=True)
class Counted:
    """An interruption in a month, with the minutes that it adds to the others of its customer.

    `late`: it fell into planned work that was set less than `ANNOUNCED` before. `before` and `after`: it goes
    beyond the month there.
    """

    row: Interruption
    minutes: int
    apart: Apart
    late: bool = False
    before: bool = False
    after: bool = False


@dataclass(frozen=True, slots=True)
class Interruptions:
    """Those of a month, by customer and time. `upto` is when it was last known what is on."""

    month: Month
    upto: datetime
    rows: Sequence[Counted]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of an interruption that is of one kind, within the month."""

    row: Interruption
    first: datetime
    end: datetime
    apart: Apart
    late: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        row = self.row
        return (
            _ORDER.index(self.apart),
            self.first,
            self.end,
            row.case,
            row.start,
            [port.key for port in row.ports],
        )


def counted(rows: Iterable[Interruption], silences: Sequence[Silence], month: Month) -> list[Counted]:
    """What is in the month of these, which may come in any order; by customer, then by time."""
    of: dict[tuple[str, int], list[_Piece]] = {}
    for row in rows:
        key = row.customer, 0 if row.customer else row.case
        for piece in _pieces(row, silences, month):
            of.setdefault(key, []).append(piece)
    return [one for key in sorted(of) for one in _of_customer(of.pop(key), month)]


def _pieces(row: Interruption, silences: Iterable[Silence], month: Month) -> Iterator[_Piece]:
    """Cut where planned work ends, and at the month's ends."""
    over = [one for one in silences if one.since <= row.start < one.until and all(map(one.covers, row.ports))]
    planned = max((one.until for one in over if row.start - one.since >= ANNOUNCED), default=row.start)
    parts = [(row, _kind(row))]
    if planned >= row.until:
        parts = [(row, Apart.PLANNED)]
    elif planned > row.start:
        work = replace(row, end=planned, ended="silence_end", until=planned)
        parts = [(work, Apart.PLANNED), (replace(row, start=planned, started="silence_end"), _kind(row))]
    for part, apart in parts:
        first, last = max(part.start, month.first), min(part.until, month.next)
        if first < last:
            yield _Piece(part, first, last, apart, bool(over) and planned == row.start)


def _kind(row: Interruption) -> Apart:
    if not row.customer:
        return Apart.NO_LIST
    if row.ended == "ignored":
        return Apart.FALSE_ALARM
    return Apart.ALONE if row.alone else Apart.COUNTED


def _of_customer(pieces: Iterable[_Piece], month: Month) -> list[Counted]:
    """Each with the minutes that those before it did not have yet.

    Those of one unbroken stretch add up to its whole minutes: a minute of two halves is one.
    """
    taken: list[tuple[datetime, datetime]] = []
    found: list[Counted] = []
    for apart, same in groupby(sorted(pieces, key=lambda one: one.key), key=lambda one: one.apart):
        for stretch in _stretches(same):
            seconds, minutes = 0.0, []
            for piece in stretch:
                before, fresh = int(seconds // 60), _fresh(piece, taken)
                seconds += fresh
                minutes.append(int(seconds // 60) - before)
                taken = _with(taken, (piece.first, piece.end))
            whole = max(one.row.until for one in stretch) - min(one.row.start for one in stretch)
            short = apart is Apart.COUNTED and whole < timedelta(minutes=month.least)  # also beyond the month
            for piece, added in zip(stretch, minutes, strict=True):
                found.append(_counted(piece, added, Apart.SHORT if short else apart, month))
    return sorted(found, key=lambda one: (one.row.start, one.row.until, one.row.case, one.apart))


def _counted(piece: _Piece, minutes: int, apart: Apart, month: Month) -> Counted:
    row = piece.row
    return Counted(row, minutes, apart, piece.late, row.start < month.first, row.until > month.next)


def _stretches(pieces: Iterable[_Piece]) -> list[list[_Piece]]:
    """Those that follow each other without a gap together; the pieces are in the order of their beginning."""
    stretches: list[list[_Piece]] = []
    until: datetime | None = None
    for piece in pieces:
        if until is None or piece.first > until:
            stretches.append([])
            until = piece.end
        stretches[-1].append(piece)
        until = max(until, piece.end)
    return stretches


def _fresh(piece: _Piece, taken: Iterable[tuple[datetime, datetime]]) -> float:
    """How many of its seconds nobody has; what is taken does not overlap."""
    seconds = (piece.end - piece.first).total_seconds()
    both = ((min(piece.end, end) - max(piece.first, first)).total_seconds() for first, end in taken)
    return seconds - sum(shared for shared in both if shared > 0)


def _with(
    taken: Sequence[tuple[datetime, datetime]], one: tuple[datetime, datetime]
) -> list[tuple[datetime, datetime]]:
    """What is taken with one more: still without an overlap."""
    apart = [other for other in taken if other[1] < one[0] or one[1] < other[0]]
    joined = [one, *(other for other in taken if other not in apart)]
    return [*apart, (min(first for first, _ in joined), max(end for _, end in joined))]
