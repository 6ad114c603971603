"""How others are doing, as /status tells it. Not in the ledger: the next reading tells it again."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.incident import Incident, OddRow, Poll, Pushes

STALE = 3  # poll intervals without a good poll, and what was read is old


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """The last readings of a source, made `every` so many seconds (None: as the settings say).

    `good_at` is the last complete poll, `since` the first failure of the present run of them, `error` a
    short code without secrets. `unoffered` are open incidents that get no card (OTHER, ignored, small).
    `unlisted` counts alerts that read as on and are not on the list. `said` is what the group was told of the
    present run of failures, `away` are the OLTs that it does not reach itself. `pushed`: it is told.
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
    every: float | None = None
    away: tuple[str, ...] = ()
    pushed: Pushes | None = None

    def good(self, now: datetime) -> "SourceHealth":
        """After a poll that brought every page."""
        return replace(
            SourceHealth(self.source, now, now, every=self.every),
            unoffered=self.unoffered,
            skipped=self.skipped,
            unlisted=self.unlisted,
            away=self.away,
            pushed=self.pushed,
        )

    def saw(self, poll: Poll, unoffered: tuple[Incident, ...]) -> "SourceHealth":
        """With what a poll brought, complete or not."""
        return replace(self, unoffered=unoffered, skipped=poll.skipped, away=poll.away, pushed=poll.pushed)

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
class AnswerHealth:
    """How the gateway, or the directory, is doing: by the answers themselves, as nobody asks it otherwise.

    `good_at` is the last answer that proves it is there, `since` the first of the present run of failures,
    `error` a short code; `said` whether the group was told.
    """

    name: str
    good_at: datetime | None = None
    since: datetime | None = None
    failures: int = 0
    error: str | None = None
    said: bool = False

    def heard(self, now: datetime, error: str | None) -> "AnswerHealth":
        """After one more answer (`error` None), or the lack of one."""
        if error is None:
            return AnswerHealth(self.name, now)
        return replace(self, since=self.since or now, failures=self.failures + 1, error=error)
