"""When a job of the process comes round."""

from datetime import datetime

from apscheduler.triggers.interval import IntervalTrigger


class Every(IntervalTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Every so many seconds. However far the clock jumps ahead, one run stands for all that it skips.

    APScheduler works out each of them, in the event loop: after a start on a clock of 1970, tens of millions.
    """

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """As IntervalTrigger, from one interval before now on at the earliest."""
        last = None if previous_fire_time is None else max(previous_fire_time, now - self.interval)
        following: datetime | None = super().get_next_fire_time(last, now)
        return following
