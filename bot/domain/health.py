"""How the source is doing, as /status tells it. Not in the ledger: the next poll tells it again."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.incident import Incident, OddRow, Poll


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """The last readings of the source.

    `good_at` is the last complete poll, `since` the first failure of the present run of them, `error` a
    short code without secrets. `unoffered` are open incidents that get no card (OTHER, ignored, small).
    `unlisted` counts alerts that read as on and are not on the list. `said` is what the group was told of the
    present run of failures.
    """

    source: str
    good_at: datetime | None = None
    tried_at: datetime | None = None
    since: datetime | None = None
    failures: int = 0
    error: str | None = None
    login_refused: bool = False
    unoffered: tuple[Incident, ...] = ()
    skipped: tuple[OddRow, ...] = ()
    unlisted: int = 0
    said: frozenset[str] = frozenset()

    def good(self, now: datetime) -> "SourceHealth":
        """After a poll that brought every page."""
        return SourceHealth(
            self.source, now, now, unoffered=self.unoffered, skipped=self.skipped, unlisted=self.unlisted
        )

    def saw(self, poll: Poll, unoffered: tuple[Incident, ...]) -> "SourceHealth":
        """With what a poll brought, complete or not."""
        return replace(self, unoffered=unoffered, skipped=poll.skipped)

    def bad(self, now: datetime, error: str, *, login_refused: bool = False) -> "SourceHealth":
        """After a poll that failed or was incomplete."""
        return replace(
            self,
            tried_at=now,
            since=self.since or now,
            failures=self.failures + 1,
            error=error,
            login_refused=login_refused,
        )


@dataclass(frozen=True, slots=True)
class GatewayHealth:
    """How the gateway is doing, by the sends themselves.

    `good_at` is the last answer that proves it is there, `since` the first of the present run of failures,
    `error` a short code; `said` whether the group was told.
    """

    name: str
    good_at: datetime | None = None
    since: datetime | None = None
    failures: int = 0
    error: str | None = None
    said: bool = False

    def heard(self, now: datetime, error: str | None) -> "GatewayHealth":
        """After one more answer (`error` None), or the lack of one."""
        if error is None:
            return GatewayHealth(self.name, now)
        return replace(self, since=self.since or now, failures=self.failures + 1, error=error)
