"""Hours of the day, such as those in which customers may be written to."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import count


@dataclass(frozen=True, slots=True)
class Hours:
    """From `first` until before `last`, local to `zone`; past midnight where `last` is the earlier one.

    Both are whole minutes and differ (ValueError otherwise). What the clocks on the wall show decides: an
    hour that comes twice lies within them both times, one that the clocks leave out does not come.
    """

    first: time
    last: time
    zone: tzinfo

    def __post_init__(self) -> None:
        if self.first == self.last or any(end.second or end.microsecond for end in (self.first, self.last)):
            raise ValueError("hours need two ends that differ, in whole minutes")

    def include(self, at: datetime) -> bool:
        """Whether that moment lies within them."""
        local = at.astimezone(self.zone).time()
        if self.first <= self.last:
            return self.first <= local < self.last
        return local >= self.first or local < self.last

    def next_opening(self, at: datetime) -> datetime:
        """The moment itself where it lies within them, else the first after it that does; in `at`'s zone."""
        if self.include(at):
            return at
        # Minute by minute: a change of the clocks may lead into them, out of them, or past all of them.
        whole = at.astimezone(UTC).replace(second=0, microsecond=0)
        later = (whole + timedelta(minutes=minutes) for minutes in count(1))
        return next(moment for moment in later if self.include(moment)).astimezone(at.tzinfo)
