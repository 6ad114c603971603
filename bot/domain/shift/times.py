"""When the handover is posted by itself: once for each time that was set, whatever the clocks do."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

LATE = timedelta(hours=2)
"""How long after its time it is still posted: who comes later asks for it."""
DAY = timedelta(days=1)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = len(_DAYS)


@dataclass(frozen=True, slots=True)
class Times:
    """Times of the day, each on one day of the week (0: Monday) or on all (None), local to `zone`.

    Each comes once on its day: one that the clocks leave out comes when they have jumped over it, one that
    they show twice comes the first time.
    """

    at: tuple[tuple[int | None, time], ...]
    zone: tzinfo

    def __str__(self) -> str:
        """As one writes them: `07:00,mon 19:00`."""
        days = (("" if day is None else f"{_DAYS[day]} ", at) for day, at in self.at)
        return ",".join(f"{day}{at:%H:%M}" for day, at in days)

    def last(self, now: datetime) -> datetime:
        """The last one that came, now included; UTC."""
        today = now.astimezone(self.zone).date()
        days = [today + timedelta(days=n) for n in range(-_WEEK, 1)]
        came = (
            datetime.combine(day, at, self.zone).astimezone(UTC)
            for day in days
            for weekday, at in self.at
            if weekday in {None, day.weekday()}
        )
        return max(moment for moment in came if moment <= now)


def due(times: Times, now: datetime, told: datetime | None, since: datetime | None) -> datetime | None:
    """The time whose handover is to be posted now; None where none is.

    `told` is the time of the last one that was posted, `since` when the first thing on record was: before
    that there is nothing to hand over.
    """
    last = times.last(now)
    if now - last > LATE or since is None or since > last:
        return None
    return last if told is None or told < last else None


def told_since(due_at: datetime, told: datetime | None) -> datetime:
    """Since when the one due then tells: the one before, where that was within the last week or so."""
    return told if told is not None and due_at - told <= (_WEEK + 1) * DAY else due_at - DAY
