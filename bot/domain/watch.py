"""How the source is doing, as /status tells it. Not in the ledger: the next poll tells it again."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.incident import Incident, Poll


@dataclass(frozen=True, slots=True)
class Watch:
    """The last readings of the source.

    `good_at` is the last complete poll, `since` the first failure of the present run of them, `error` a
    short text without secrets. `unoffered` are open incidents that get no card (OTHER, ignored, small).
    """

    source: str
    good_at: datetime | None = None
    tried_at: datetime | None = None
    since: datetime | None = None
    failures: int = 0
    error: str | None = None
    login_refused: bool = False
    unoffered: tuple[Incident, ...] = ()
    skipped: tuple[str, ...] = ()

    def good(self, now: datetime) -> "Watch":
        """After a poll that brought every page."""
        return Watch(self.source, now, now, unoffered=self.unoffered, skipped=self.skipped)

    def saw(self, poll: Poll, unoffered: tuple[Incident, ...]) -> "Watch":
        """With what a poll brought, complete or not."""
        return replace(self, unoffered=unoffered, skipped=poll.skipped)

    def bad(self, now: datetime, error: str, *, login_refused: bool = False) -> "Watch":
        """After a poll that failed or was incomplete."""
        return replace(
            self,
            tried_at=now,
            since=self.since or now,
            failures=self.failures + 1,
            error=error,
            login_refused=login_refused,
        )
