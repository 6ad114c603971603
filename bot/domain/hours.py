"""Hours of the day, such as those in which customers may be written to."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo


@dataclass(frozen=True, slots=True)
class Hours:
    """From `first` until before `last`, local to `zone`; past midnight where `last` is the earlier one."""

    first: time
    last: time
    zone: tzinfo

    def include(self, at: datetime) -> bool:
        """Whether that moment lies within them."""
        local = at.astimezone(self.zone).time()
        if self.first <= self.last:
            return self.first <= local < self.last
        return local >= self.first or local < self.last

    def next_opening(self, at: datetime) -> datetime:
        """The moment itself where it lies within them, else when they begin next (UTC as `at`)."""
        if self.include(at):
            return at
        local = at.astimezone(self.zone)
        opening = datetime.combine(local.date(), self.first, self.zone)
        if opening <= local:
            opening = datetime.combine(local.date() + timedelta(days=1), self.first, self.zone)
        return opening.astimezone(at.tzinfo)
